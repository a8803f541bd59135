"""Laws of sources: the same rows give the same table from every typed source, and reading twice gives the same hash."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.connectors.land import source_fingerprint
from tenfold.connectors.read import SourceTable, read_source
from tenfold.connectors.request import SourceRequest

SLOW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6)
ROWS = st.lists(
    st.tuples(WORDS | st.none(), st.floats(allow_nan=False, allow_infinity=False) | st.none(), st.integers(-99, 99)),
    min_size=1,
    max_size=20,
)
SCHEMA = {"word": pl.String, "number": pl.Float64, "whole": pl.Int64}


def parquet(frame: pl.DataFrame, folder: Path) -> SourceRequest:
    frame.write_parquet(folder / "x.parquet")
    return SourceRequest(name="x", location=str(folder / "x.parquet"))


def arrow(frame: pl.DataFrame, folder: Path) -> SourceRequest:
    frame.write_ipc(folder / "x.arrow")
    return SourceRequest(name="x", location=str(folder / "x.arrow"))


def duck(frame: pl.DataFrame, folder: Path) -> SourceRequest:
    with duckdb.connect(str(folder / "x.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT * FROM frame")
    return SourceRequest(name="x", location=str(folder / "x.duckdb"), table="t")


def sqlite(frame: pl.DataFrame, folder: Path) -> SourceRequest:
    with closing(sqlite3.connect(folder / "x.sqlite")) as connection:
        connection.execute("CREATE TABLE t (word TEXT, number REAL, whole INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", frame.rows())
        connection.commit()
    return SourceRequest(name="x", location=str(folder / "x.sqlite"), table="t")


def read(request: SourceRequest, into: Path) -> SourceTable:
    return read_source(request, into=into)


@pytest.mark.parametrize("write", [parquet, arrow, duck, sqlite])
@SLOW
@given(rows=ROWS)
def test_reading_twice_gives_the_same_table_and_the_same_hash(
    write: Callable[[pl.DataFrame, Path], SourceRequest], rows: list[tuple[str | None, float | None, int]]
) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = write(frame, folder)
        first, second = read(request, folder / "a"), read(request, folder / "b")
        assert first.source == second.source
        assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
        assert source_fingerprint(request) in {None, first.source.snapshot}
        # A column of SQLite that holds nothing but nulls has no type.
        if write is sqlite:
            return
        reference = read(parquet(frame, folder), folder / "c")
        assert pl.read_parquet(folder / "a").equals(pl.read_parquet(reference.path))
