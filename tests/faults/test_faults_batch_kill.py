"""A process that dies at the worst moments of a transaction: rows in but not committed, and just after the commit."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.format import write_bundle
from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.view import fit_view
from tenfold.records.dataset import Field
from tenfold.records.features import Step
from tenfold.records.problem import MetricChoice, Problem

ROWS = 1000
SCRIPT = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from tenfold.batch.into_table import TableOptions, score_into_table
from tenfold.connectors.sinks.sqlite import SqliteConnection, SqliteTransaction
from tenfold.foundation.clock import SystemClock

folder, where, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
append, writing, done = SqliteTransaction.append, SqliteConnection.writing, []

def die(here):
    if where == here and len(done) == number:
        os.kill(os.getpid(), signal.SIGKILL)

def dying_append(self, table, rows):
    append(self, table, rows)
    done.append(1)
    die("inside")

@contextmanager
def dying_writing(self, **more):
    with writing(self, **more) as transaction:
        yield transaction
    die("after")

SqliteTransaction.append, SqliteConnection.writing = dying_append, dying_writing
options = TableOptions(table="scores", keep=("key",), chunk_rows=100)
written = score_into_table(
    folder / "model.zip", str(folder / "in.parquet"), f"sqlite:{folder}/scores.db", options,
    model_ref="m@1", shown="scores", clock=SystemClock(),
)
print(written.before, written.added)
"""


def prepare(folder: Path) -> None:
    table = pl.DataFrame({"age": np.arange(ROWS) % 90.0, "key": np.arange(ROWS)})
    table.write_parquet(folder / "in.parquet")
    view, matrix = fit_view(
        (Step(kind="impute", columns=("age",), settings={}),), table, None, np.random.default_rng(0)
    )
    predictor = LinearPredictor(coef=np.ones((matrix.values.shape[1], 1)), intercept=np.zeros(1), link="identity")
    member = Member(key="line", weight=1.0, view_name="dense", view=view, predictor=predictor)
    problem = Problem(name="m", task="regression", target="t", metric=MetricChoice(metric="rmse", reason=""))
    fitted = Model.assembled(
        [member], problem=problem, signature=Signature(fields=(Field(name="age", kind="numeric"),))
    )
    write_bundle(fitted, table.select("age").head(3), folder / "model.zip")


def play(folder: Path, where: str, number: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, str(folder), where, str(number)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(("where", "kept"), [("inside", 200), ("after", 300)])
def test_a_death_inside_or_after_a_transaction_loses_and_doubles_nothing(tmp_path: Path, where: str, kept: int) -> None:
    prepare(tmp_path)
    assert play(tmp_path, where, 3).returncode == -signal.SIGKILL
    assert play(tmp_path, where, 3).returncode == -signal.SIGKILL
    rest = play(tmp_path, "nowhere", 0)
    assert rest.stdout.split() == [str(2 * kept), str(ROWS - 2 * kept)], rest.stderr
    with closing(sqlite3.connect(tmp_path / "scores.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT key, row_number, prediction FROM scores ORDER BY row_number").fetchall()
        epochs = connection.execute("SELECT epoch, sum(rows) FROM tenfold_chunks GROUP BY epoch").fetchall()
    assert rows == [(n, n + 1, n % 90.0) for n in range(ROWS)]
    assert epochs == [(1, kept), (2, kept), (3, ROWS - 2 * kept)]
