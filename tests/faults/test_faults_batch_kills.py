"""Batches into every kind of sink, killed at random moments until they are done: each row once, as if nothing was."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from test_faults_batch_kill import prepare
from tests import mariadb

pytestmark = pytest.mark.slow

SEED = 47
FULL = os.environ.get("TENFOLD_FAULTS") == "full"
KILLS = int(os.environ.get("TENFOLD_KILLS", "200" if FULL else "2"))
ROWS = int(os.environ.get("TENFOLD_KILL_ROWS", "1000000" if FULL else "20000"))
KINDS = ["sqlite", "postgresql", "parquet", "delta", "mysql"] if FULL else ["parquet", "mysql"]
SCRIPT = """
import json, sys
from pathlib import Path
from tenfold.batch.into_file import FileOptions, score_into_file
from tenfold.batch.into_table import TableOptions, score_into_table
from tenfold.foundation.clock import SystemClock

folder, output, table, chunk = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
given = (folder / "model.zip", str(folder / "in.parquet"), output)
also = {"model_ref": "m@1", "clock": SystemClock()}
if table:
    options = TableOptions(table=table, keep=("key",), chunk_rows=chunk, workers=2)
    done = score_into_table(*given, options, shown="scores", **also)
else:
    done = score_into_file(*given, FileOptions(keep=("key",), chunk_rows=chunk, workers=2), **also)
print(json.dumps([done.before, done.added, done.rows]))
"""


@dataclass(frozen=True)
class Place:
    """Where a job's rows go, and what reads them from there without Tenfold."""

    output: str
    table: str
    read: Callable[[], list[tuple[Any, ...]]]

    def checksum(self) -> str:
        """A hash of key, row number and prediction, in the order of the rows; each row must be there once."""
        rows = sorted(self.read(), key=lambda row: int(row[1]))
        assert [row[1] for row in rows] == list(range(1, ROWS + 1))
        return hashlib.sha256(np.array(rows, dtype=np.float64).tobytes()).hexdigest()


def place(kind: str, folder: Path, number: int, request: pytest.FixtureRequest) -> Place:
    columns = 'SELECT "key", "row_number", "prediction" FROM '
    if kind == "parquet":
        path = folder / f"out{number}.parquet"
        wanted = ["key", "row_number", "prediction"]
        return Place(output=str(path), table="", read=lambda: pl.read_parquet(path).select(wanted).rows())
    if kind == "delta":
        path = folder / f"out{number}"
        wanted = ["key", "row_number", "prediction"]
        return Place(output=f"delta:{path}", table="", read=lambda: pl.read_delta(str(path)).select(wanted).rows())
    table = f"killed_{kind}_{number}"
    if kind == "sqlite":
        path = folder / f"out{number}.db"

        def from_file() -> list[tuple[Any, ...]]:
            with closing(sqlite3.connect(path)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                return connection.execute(columns + table).fetchall()

        return Place(output=f"sqlite:{path}", table=table, read=from_file)
    address = request.getfixturevalue(kind)
    if kind == "mysql":
        return Place(output=address, table=table, read=lambda: mariadb.ask(address, columns + table))

    def from_server() -> list[tuple[Any, ...]]:
        import adbc_driver_postgresql.dbapi as driver

        with closing(driver.connect(address)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(columns + table)
            return [tuple(row) for row in cursor.fetchall()]

    return Place(output=address, table=table, read=from_server)


def begin(folder: Path, there: Place) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(folder), there.output, there.table, str(ROWS // 40)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
    )


@pytest.mark.parametrize("kind", KINDS)
def test_kills_at_random_moments_lose_no_row_and_write_none_twice(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    prepare(tmp_path)
    table = pl.DataFrame({"age": np.arange(ROWS) % 97 / 3, "key": np.arange(ROWS)})
    table.write_parquet(tmp_path / "in.parquet")
    whole = place(kind, tmp_path, 0, request)
    began = time.monotonic()
    out, err = begin(tmp_path, whole).communicate()
    seconds = time.monotonic() - began
    assert out, err
    assert json.loads(out) == [0, ROWS, ROWS]
    expected = whole.checksum()
    chance, kills, number, gone_on = random.Random(SEED), 0, 0, 0
    while kills < KILLS:
        number += 1
        there = place(kind, tmp_path, number, request)
        while True:
            process = begin(tmp_path, there)
            delay = chance.uniform(0.3, 1.05) * seconds
            try:
                out, err = process.communicate(timeout=delay if kills < KILLS else None)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
            if process.returncode == 0:
                break
            context = f"{kind}, seed {SEED}, kill {kills} after {delay:.2f} of {seconds:.2f} s: {err}"
            assert process.returncode == -signal.SIGKILL, context
            kills += 1
        before, added, rows = json.loads(out)
        gone_on += before > 0
        assert rows == before + added == ROWS
        assert there.checksum() == expected
        for path in tmp_path.glob(f"out{number}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not [path.name for path in tmp_path.iterdir() if "unfinished" in path.name]
    sys.stderr.write(f"{kind}: {kills} kills, {number} jobs of {ROWS:,} rows, {gone_on} gone on with\n")
