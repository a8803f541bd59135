"""A database that undoes a chunk for another session's sake: it is written again, once."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from table_scene import Database, bundle, into
from tests import mariadb

from tenfold.connectors.sinks import mysql as mysql_sink
from tenfold.connectors.sinks import postgresql as postgresql_sink
from tenfold.connectors.sinks.protocols import Undone
from tenfold.connectors.sinks.table import quoted


class Outsider:
    """Another session, which writes to the coming chunk's keys and then wants the job's row."""

    def __init__(self, database: Database):
        self.database = database
        if database.is_mysql:
            self.connection: Any = mariadb.connected(database.address)
            self.connection.autocommit(False)
        else:
            import adbc_driver_postgresql.dbapi as driver

            self.connection = driver.connect(database.address)
            self.do("SET deadlock_timeout = '60s'")

    def do(self, statement: str) -> None:
        with closing(self.connection.cursor()) as cursor:
            cursor.execute(statement)

    def take(self) -> None:
        """Insert rows with the keys of the next chunk, and more of them than a chunk has."""
        names = self.database.columns()
        moved = ", ".join(f"{quoted(name)} + 20" if name == "row_number" else quoted(name) for name in names)
        listed, table = ", ".join(quoted(name) for name in names), quoted(self.database.table)
        self.do(f"INSERT INTO {table} ({listed}) SELECT {moved} FROM {table}")

    def want(self) -> None:
        """Ask for the row that the writer holds, and give everything back."""
        self.do(f"UPDATE tenfold_jobs SET owner = owner WHERE target = '{self.database.table}'")
        self.connection.rollback()

    def waits(self) -> bool:
        if self.database.is_mysql:
            found = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        else:
            found = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        return bool(self.database.ask(found)[0][0])


def meet(
    database: Database, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, times: int
) -> tuple[list[int], Any]:
    """Let an outsider stand in the way of the third chunk, so many times, and return the calls and the answer."""
    transaction: Any = mysql_sink.MysqlTransaction if database.is_mysql else postgresql_sink.PostgresqlTransaction
    kept, calls = transaction.append, []

    def append(self: Any, table: Any, frame: pl.DataFrame) -> None:
        calls.append(frame.height)
        if not 3 <= len(calls) < 3 + times:
            kept(self, table, frame)
            return
        outsider = Outsider(database)
        outsider.take()
        wants = threading.Thread(target=outsider.want)
        wants.start()
        while not outsider.waits():
            assert wants.is_alive()
        try:
            kept(self, table, frame)
        finally:
            # The rest of the undoing is what lets the other go on.
            self._connection.rollback()
            wants.join()
            outsider.connection.close()

    monkeypatch.setattr(transaction, "append", append)
    address = database.address if database.is_mysql else f"{database.address}&options=-c%20deadlock_timeout%3D10ms"
    place = Database(address=address, table=database.table)
    return calls, into(place, bundle(tmp_path), given)


@pytest.mark.parametrize("kind", ["postgresql", pytest.param("mysql", marks=pytest.mark.slow)])
def test_a_chunk_undone_by_a_deadlock_is_written_again_once(
    kind: str, request: pytest.FixtureRequest, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(address=request.getfixturevalue(kind), table=f"deadlock_{kind}")
    calls, done = meet(database, given, tmp_path, monkeypatch, times=2)
    assert len(calls) == 13
    assert done.rows == database.count() == 101
    whole = database.another()
    monkeypatch.undo()
    into(whole, bundle(tmp_path), given)
    assert database.ask(f"SELECT count(*), min({quoted('row_number')}) FROM {quoted(database.table)}") == [(101, 1)]
    chunks = f"SELECT count(*), max(epoch) FROM tenfold_chunks WHERE target = '{database.table}'"
    assert database.ask(chunks) == [(11, 1)]


@pytest.mark.parametrize("kind", ["postgresql", pytest.param("mysql", marks=pytest.mark.slow)])
def test_deadlocks_without_end_are_one_sentence_and_lose_nothing(
    kind: str, request: pytest.FixtureRequest, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(address=request.getfixturevalue(kind), table=f"deadlocks_{kind}")
    with pytest.raises(Undone, match=r"undid a chunk for the sake of another session.*[Dd]eadlock"):
        meet(database, given, tmp_path, monkeypatch, times=99)
    assert database.count() == 20
    monkeypatch.undo()
    assert into(database, bundle(tmp_path), given).before == 20
    assert database.count() == 101
