"""A disk that takes no more at any of many places: one clear sentence, nothing broken, and the job goes on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from test_faults_batch_kill import prepare
from tests.disk import largest_file

from tenfold.batch.into_file import FileOptions, score_into_file
from tenfold.batch.into_table import TableOptions, score_into_table
from tenfold.foundation.clock import SystemClock
from tenfold.foundation.errors import StoreError

FULL = os.environ.get("TENFOLD_FAULTS") == "full"
PLACES = 300 if FULL else 5
ROWS = 1000


def work(folder: Path, output: str) -> int:
    """Score into the output and return how many rows were there before."""
    given = (folder / "model.zip", str(folder / "in.parquet"))
    if output.startswith("sqlite:"):
        table = TableOptions(table="scores", keep=("key",), chunk_rows=100)
        done = score_into_table(*given, output, table, model_ref="m@1", shown="scores", clock=SystemClock())
        return done.before
    options = FileOptions(keep=("key",), chunk_rows=100)
    return score_into_file(*given, output, options, model_ref="m@1", clock=SystemClock()).before


def keys(place: Path) -> list[int]:
    """Return the keys of all rows, in the order of the rows."""
    if place.suffix == ".db":
        with closing(sqlite3.connect(place)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return [row[0] for row in connection.execute("SELECT key FROM scores ORDER BY row_number")]
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv}[place.suffix]
    return list(read(place)["key"])


@pytest.mark.parametrize("ending", ["db", "parquet", "csv"])
def test_a_disk_that_is_full_at_any_place_breaks_nothing(tmp_path: Path, ending: str) -> None:
    prepare(tmp_path)
    whole = tmp_path / f"whole.{ending}"
    prefix = "sqlite:" if ending == "db" else ""
    work(tmp_path, f"{prefix}{whole}")
    largest = max(whole.stat().st_size, 5000)
    refused = gone_on = 0
    for number in range(PLACES):
        place = tmp_path / f"out{number}.{ending}"
        size = largest * number // PLACES
        said = ""
        with largest_file(size):
            try:
                work(tmp_path, f"{prefix}{place}")
            except StoreError as error:
                said = str(error)
        assert not said or "cannot be written" in said, (size, said)
        refused += said != ""
        if ending != "db":
            assert not said or not place.exists()
        gone_on += work(tmp_path, f"{prefix}{place}") > 0
        assert keys(place) == list(range(ROWS)), size
    assert refused >= PLACES // 2
    assert gone_on > 0
    assert not [path.name for path in tmp_path.iterdir() if "unfinished" in path.name or "journal" in path.name]
