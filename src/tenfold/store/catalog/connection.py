"""The catalog's database: who may write when, and how it is made and brought up to date."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tenfold.foundation.errors import StoreError
from tenfold.store.catalog import schema
from tenfold.store.files.disk import Disk, cannot_write, explained
from tenfold.store.files.lock import locked, release, try_lock

_WRITE_WAIT_SECONDS = 60.0
_BUSY_SECONDS = 10.0


class Catalog:
    """A SQLite database in which one writes at a time and nobody who reads ever waits.

    SQLite before 3.51.3 can spoil its write-ahead log when two connections write and checkpoint at once. So every write
    transaction, with the checkpoint it may bring, holds one file lock; reading connections are opened read-only, which
    never checkpoint; and one of them stays open while this catalog does, so that no closing connection is the last one,
    which would checkpoint and remove the log.

    A store that does not exist yet reads as an empty one; the first write makes it.
    """

    def __init__(self, disk: Disk):
        self._disk = disk
        self.path = disk.folder / "catalog.db"
        self._lock = disk.folder / "catalog.lock"
        self._reader: sa.Engine | None = None
        self._writer: sa.Engine | None = None
        self._anchor: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection that sees one consistent state."""
        engine = self._reader or self._open_reader()
        try:
            with engine.connect() as connection, connection.begin():
                yield connection
        except sa.exc.DBAPIError as error:
            raise self._cannot_read(error) from error

    @contextmanager
    def writing(self, *, after_commit: Callable[[], None] | None = None) -> Iterator[sa.Connection]:
        """Yield a connection inside one write transaction: durable when the block ends, undone when it raises.

        ``after_commit`` is called when the transaction is durable and the lock still held.
        """
        with explained(self._disk.folder):
            if self._writer is None:
                self._disk.make_folder(self._disk.folder)
            with locked(self._lock, wait_seconds=_WRITE_WAIT_SECONDS):
                try:
                    writer = self._writer or self._prepare()
                    with writer.begin() as connection:
                        yield connection
                    if after_commit is not None:
                        after_commit()
                except sa.exc.DBAPIError as error:
                    raise self._explain_write(error.orig) from error
                except sqlite3.Error as error:
                    raise self._explain_write(error) from error

    def close(self) -> None:
        """Close every connection; what was written moves from the log to the database when nobody else writes now."""
        if self._writer is not None and (lock := try_lock(self._lock)) is not None:
            # What stays in the log is as safe as what was moved: a failure here loses nothing.
            with suppress(sqlite3.OperationalError), closing(sqlite3.connect(self.path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            release(lock)
        for engine in (self._reader, self._writer):
            if engine is not None:
                engine.dispose()
        if self._anchor is not None:
            self._anchor.close()
        self._reader = self._writer = self._anchor = None

    def _open_reader(self) -> sa.Engine:
        """Return an engine for reading: of the file when it is a finished catalog, else of an empty one in memory."""
        if not self.path.is_file():
            return _empty_engine()
        engine = self._engine("ro", self.path)
        try:
            with engine.connect() as connection, connection.begin():
                revision = revision_of(connection)
        except sa.exc.DBAPIError as error:
            raise self._cannot_read(error) from error
        if revision is None:
            return _empty_engine()
        self._check_known(revision)
        if revision != schema.HEAD:
            raise StoreError(
                f"the store at {self._disk.folder} has schema {revision}, this Tenfold needs {schema.HEAD}; "
                "any command that writes, such as `tenfold run`, brings it up to date"
            )
        self._reader = engine
        return engine

    def _prepare(self) -> sa.Engine:
        """Make the store's folders and tables, or bring them up to date, and clean up after dead processes."""
        self._disk.make_folder(self._disk.tmp)
        self._disk.make_folder(self._disk.folder / "blobs")
        ignore = self._disk.folder / ".gitignore"
        if not ignore.exists():
            self._disk.write(ignore, b"*\n")
        self._disk.remove_leftovers()
        if not self.path.exists():
            self._make()
        engine = self._engine("rw", self.path)
        with engine.connect() as connection:
            with connection.begin():
                revision = revision_of(connection)
                if revision is not None:
                    self._check_known(revision)
                if revision != schema.HEAD:
                    _migrate(connection)
            self._anchor = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
            self._anchor.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._disk.sync_folder(self._disk.folder)
        self._writer = engine
        return engine

    def _make(self) -> None:
        """Make the database aside and move it into place whole.

        Made in place, it would pass through a state that SQLite can leave only by writing: whoever came after a kill at
        that moment and wanted to read would be refused.
        """
        place = self._disk.temporary()
        with self._engine("rwc", place).begin() as connection:
            _migrate(connection)
        self._disk.sync_file(place)
        self._disk.publish(place, self.path)

    def _check_known(self, revision: str) -> None:
        if revision > schema.HEAD:
            raise StoreError(
                f"the store at {self._disk.folder} was written by a newer Tenfold (schema {revision}, this one knows "
                f"{schema.HEAD}); upgrade Tenfold to open it"
            )

    def _engine(self, mode: str, path: Path) -> sa.Engine:
        """Return an engine that opens a connection for each use: cheap here, and safe with threads and locks."""
        address = f"{path.as_uri()}?mode={mode}"
        if mode == "ro" and not self._has_log() and not os.access(self._disk.folder, os.W_OK):
            # A copy on a medium that nobody can write to, and without the log that readers would have to make.
            address += "&immutable=1"

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(
                address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            if mode != "ro":
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            return connection

        engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
        begin = "BEGIN" if mode == "ro" else "BEGIN IMMEDIATE"

        def on_begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql(begin)

        sa.event.listen(engine, "begin", on_begin)
        if mode != "ro":
            self._announce_writes(engine)
        return engine

    def _has_log(self) -> bool:
        return self.path.with_name(self.path.name + "-wal").exists()

    def _announce_writes(self, engine: sa.Engine) -> None:
        """Tell the disk of every statement and every commit before it happens: that is where faults are injected."""

        def on_statement(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            del connection, cursor, rest
            self._disk.before(statement.partition(" ")[0], self.path)

        def on_commit(connection: Any) -> None:
            del connection
            self._disk.before("COMMIT", self.path)

        sa.event.listen(engine, "before_cursor_execute", on_statement)
        sa.event.listen(engine, "commit", on_commit)

    def _explain_write(self, error: BaseException | None) -> StoreError:
        if isinstance(error, sqlite3.IntegrityError):
            return StoreError(f"the store at {self._disk.folder} refused a write that breaks its rules: {error}")
        return cannot_write(self.path, str(error))

    def _cannot_read(self, error: sa.exc.DBAPIError) -> StoreError:
        return StoreError(
            f"cannot read the store's catalog {self.path}: {error.orig}; "
            "`tenfold store doctor` tells what is damaged, a backup brings it back"
        )


def revision_of(connection: sa.Connection) -> str | None:
    """Return the schema's revision; None when no tables were made yet."""
    known = connection.exec_driver_sql(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    ).scalar_one()
    if not known:
        return None
    revision: str | None = connection.execute(sa.select(schema.alembic_version.c.version_num)).scalar_one_or_none()
    return revision


def _empty_engine() -> sa.Engine:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    schema.metadata.create_all(engine)
    return engine


def _migrate(connection: sa.Connection) -> None:
    """Bring the tables to the newest schema inside the caller's transaction: the old one, or the new, never between."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
