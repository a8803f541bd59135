"""Batches into tables through the command: killed, run twice at once, paused and overtaken; each row once."""

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
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests import mariadb
from tests.e2e.conftest import Command, Judged

pytestmark = pytest.mark.slow

SEED = 40
FULL = os.environ.get("TENFOLD_FAULTS") == "full"
KILLS = int(os.environ.get("TENFOLD_KILLS", "40" if FULL else "5"))
ROWS = int(os.environ.get("TENFOLD_KILL_ROWS", "200000" if FULL else "10000"))
CHUNK = ROWS // 40
DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class Place:
    """A project with a model and rows to score, and the database to score them into."""

    folder: Path
    address: str

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SCORES_DB": self.address, "OMP_NUM_THREADS": "1", "COLUMNS": "140"}

    def predict(self, table: str, *more: str) -> list[str]:
        return [
            sys.executable, "-m", "tenfold.cli.main", "predict", "tumours@1", "rows.parquet", "--table", table,
            "--output", "env:SCORES_DB", "--key", "id", "--chunk-rows", str(CHUNK), "--json", *more,
        ]  # fmt: skip

    def begin(self, table: str, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.predict(table, *more),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, table: str, *more: str) -> dict[str, Any]:
        """Predict to the end and return the document, or the error's."""
        process = self.begin(table, *more)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err, err
        document = json.loads(out)
        assert isinstance(document, dict)
        return {**document, "exit": process.returncode}

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        if self.address.startswith("sqlite:"):
            with closing(sqlite3.connect(self.address.removeprefix("sqlite:"), timeout=30)) as connection:
                return connection.execute(statement).fetchall()
        if self.address.startswith("mysql:"):
            return mariadb.ask(self.address, statement)
        import adbc_driver_postgresql.dbapi as driver

        with closing(driver.connect(self.address)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            return [tuple(row) for row in cursor.fetchall()]

    def checksum(self, table: str) -> str:
        """A hash of all rows in their order, but for the moments of prediction."""
        number, rest = '"row_number"', "proba_benign, proba_malignant, model_ref, model_bundle, job, input_hash"
        rows = self.ask(f"SELECT id, {number}, prediction, {rest} FROM {table} ORDER BY {number}")
        assert [row[0] for row in rows] == [row[1] - 1 for row in rows] == list(range(ROWS))
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    def wait_for_rows(self, table: str, process: subprocess.Popen[str]) -> None:
        """Return when the first chunk of a running job is there."""
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end and process.poll() is None:
            if self.ask(f"SELECT chunks FROM tenfold_jobs WHERE target = '{table}' AND chunks > 0"):
                return
            time.sleep(0.02)
        raise AssertionError(f"no rows came: {process.poll()}")

    def is_free(self) -> bool:
        """Whether nobody is in the middle of writing to the file; a server does not mind."""
        if not self.address.startswith("sqlite:"):
            return True
        with closing(sqlite3.connect(self.address.removeprefix("sqlite:"), timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            other.execute("ROLLBACK")
            return True


@pytest.fixture(scope="module")
def trained(ran: Judged, tmp_path_factory: pytest.TempPathFactory, tumours: pl.DataFrame) -> Path:
    """Return a folder with a project that has a version, and rows to score."""
    assert ran.document["model"]["ref"] == "tumours@1"
    folder = shutil.copytree(ran.folder, tmp_path_factory.mktemp("tumours") / "project")
    many = pl.concat([tumours] * (ROWS // tumours.height + 1)).head(ROWS).with_row_index("id")
    many.with_columns(mean_area=pl.col("mean_area") + pl.col("id") / ROWS).write_parquet(folder / "rows.parquet")
    return folder


@pytest.fixture(params=["sqlite", "postgresql", "mysql"] if FULL else ["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, trained: Path, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(folder=trained, address=f"sqlite:{tmp_path / 'scores.db'}")
    return Place(folder=trained, address=request.getfixturevalue(request.param))


def test_kills_lose_no_row_and_write_none_twice(place: Place) -> None:
    began = time.monotonic()
    whole = place.finish("whole")
    seconds = time.monotonic() - began
    assert (whole["exit"], whole["rows_added"]) == (0, ROWS)
    expected = place.checksum("whole")
    chance = random.Random(SEED)
    for number in range(KILLS):
        table = f"killed{number}"
        # Most moments fall into the work and some into its beginning and its end.
        delay = chance.uniform(0.3, 1.02) * seconds
        process = place.begin(table)
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        rest = place.finish(table)
        context = f"seed {SEED}, kill {number} after {delay:.2f} of {seconds:.2f} s: {rest}"
        assert rest["exit"] == 0, context
        assert rest["rows"] == rest["rows_before"] + rest["rows_added"] == ROWS, context
        assert place.checksum(table) == expected, context
    again = place.finish("whole")
    assert (again["rows_added"], again["was_finished"]) == (0, True)


def test_a_paused_process_is_named_overtaken_and_refused(place: Place) -> None:
    place.finish("before", "--job", "makes the tables of all jobs")
    first = place.begin("paused")
    place.wait_for_rows("paused", first)
    while True:
        first.send_signal(signal.SIGSTOP)
        if place.is_free():
            break
        first.send_signal(signal.SIGCONT)

    second = place.finish("paused")
    assert second["exit"] == 3
    assert f"process {first.pid} of this machine works on the job" in second["error"]["message"]

    third = place.finish("paused", "--take-over")
    assert (third["exit"], third["rows"]) == (0, ROWS)
    assert 0 < third["rows_before"] < ROWS
    expected = place.checksum("paused")

    first.send_signal(signal.SIGCONT)
    out, err = first.communicate(timeout=DEADLINE_SECONDS)
    assert first.returncode == 3, err
    assert "further rows are refused" in json.loads(out)["error"]["message"]
    assert place.checksum("paused") == expected
    epochs = place.ask(
        "SELECT epoch, CAST(sum(\"rows\") AS DECIMAL(9)) FROM tenfold_chunks WHERE target = 'paused' GROUP BY 1"
    )
    assert sorted((epoch, int(count)) for epoch, count in epochs) == [
        (1, third["rows_before"]),
        (2, third["rows_added"]),
    ]


def test_two_at_once_have_one_owner(place: Place) -> None:
    both = [place.begin("pair") for _ in range(2)]
    answers = [(process.communicate(timeout=300), process.returncode) for process in both]
    documents = [json.loads(out) for (out, _), _ in answers]
    added = [document.get("rows_added", 0) for document in documents]
    assert sum(added) == ROWS
    assert sorted(added) == [0, ROWS]
    other = documents[added.index(0)]
    assert other.get("was_finished") or "works on the job" in other["error"]["message"], other
    place.checksum("pair")


def test_no_secret_is_printed(trained: Path, tenfold: Command) -> None:
    secret = "pass-w0rd"
    addresses = {"BAD": f"postgresql://me:{secret}@127.0.0.1:1/x", "WORD": secret}
    for output in ("env:BAD", "${env:BAD}", "postgresql://me:${env:WORD}@127.0.0.1:1/x"):
        done = tenfold(
            "predict", "tumours@1", "rows.parquet", "--output", output, "--table", "t", cwd=trained, env=addresses
        )
        assert done.code == 3
        assert "cannot be reached" in done.err
        assert secret not in done.err + done.out
    plain = tenfold("predict", "tumours@1", "rows.parquet", "--output", addresses["BAD"], "--table", "t", cwd=trained)
    assert plain.code == 2
    assert 'write "postgresql://me:${env:DATABASE_PASSWORD}@127.0.0.1:1/x"' in plain.err
    assert secret not in plain.err
