"""Rows between two moments: a source is asked for these alone, and gives the rows that reading all of it gives."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from tenfold.connectors import between
from tenfold.connectors.between import rows_between
from tenfold.connectors.narrow import Span, narrowed
from tenfold.connectors.read import read_for_model
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError

START = datetime(2026, 3, 6, tzinfo=UTC)
SINCE, UNTIL = START + timedelta(hours=30), START + timedelta(hours=31)
NUMBERS = 24 * 60
CAME = [START + timedelta(minutes=10 * number) for number in range(NUMBERS)]
WITHIN = [number for number, at in enumerate(CAME) if SINCE <= at < UNTIL]


def written(writing: str) -> list[object]:
    if writing == "epoch":
        return [int(at.timestamp()) for at in CAME]
    return [f"{at:{writing}}" for at in CAME]


def sqlite_file(path: Path, values: list[object], kind: str = "TEXT") -> SourceRequest:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE rows (number INTEGER, came {kind})")
        connection.executemany("INSERT INTO rows VALUES (?, ?)", list(enumerate(values)))
        connection.commit()
    return SourceRequest(name="input", location=str(path), table="rows")


def csv_file(path: Path) -> SourceRequest:
    pl.DataFrame({"number": range(NUMBERS), "came": written("%Y-%m-%d %H:%M:%S")}).write_csv(path)
    return SourceRequest(name="input", location=str(path))


def parquet_file(path: Path, dtype: pl.DataType) -> SourceRequest:
    came = pl.Series("came", CAME, dtype=pl.Datetime("us", "UTC")).cast(dtype)
    pl.DataFrame({"number": range(NUMBERS), "came": came}).write_parquet(path, row_group_size=100)
    return SourceRequest(name="input", location=str(path))


def found(request: SourceRequest, span: Span, folder: Path) -> list[int]:
    into = folder / "found.parquet"
    return [int(each) for each in pl.read_parquet(into)["number"]] if rows_between(request, span, into=into) else []


@pytest.mark.parametrize("writing", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+00:00", "epoch"])
def test_a_table_of_sqlite_is_asked_for_the_days_about_a_span_however_it_writes_its_times(
    writing: str, tmp_path: Path
) -> None:
    kind = "INTEGER" if writing == "epoch" else "TEXT"
    request = sqlite_file(tmp_path / "a.db", written(writing), kind)
    span = Span(column="came", since=SINCE, until=UNTIL, pattern="epoch seconds" if writing == "epoch" else None)
    asked = narrowed(request, span)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        given = connection.execute(str(asked.query)).fetchall()
    assert len(given) < NUMBERS / 2
    assert found(request, span, tmp_path) == WITHIN


def test_what_is_no_time_in_a_table_of_sqlite_is_told_wherever_it_stands(tmp_path: Path) -> None:
    values = [*written("%Y-%m-%d %H:%M:%S"), None]
    span = Span(column="came", since=SINCE, until=UNTIL)
    with pytest.raises(DataError, match="1 row has no 'came'"):
        found(sqlite_file(tmp_path / "a.db", values), span, tmp_path)
    with pytest.raises(DataError, match="row 1441 holds 'yesterday'"):
        found(sqlite_file(tmp_path / "b.db", [*values[:-1], "yesterday"]), span, tmp_path)


def test_an_unknown_table_and_a_wrong_column_are_told_by_their_nearest_name(tmp_path: Path) -> None:
    request = sqlite_file(tmp_path / "a.db", written("epoch"))
    wrong = SourceRequest(name="input", location=request.location, table="row")
    with pytest.raises(DataError, match=r"has no table 'row'\. Did you mean 'rows'"):
        found(wrong, Span(column="came", since=SINCE, until=UNTIL), tmp_path)
    with pytest.raises(DataError, match=r"lacks the column 'cane'.*Did you mean 'came'"):
        found(request, Span(column="cane", since=SINCE, until=UNTIL), tmp_path)


@pytest.mark.parametrize(
    "make",
    [
        csv_file,
        lambda path: parquet_file(path, pl.Datetime("us", "UTC")),
        lambda path: parquet_file(path, pl.Datetime("ms", "America/New_York")),
        lambda path: parquet_file(path, pl.Datetime("ns")),
    ],
    ids=["csv", "parquet utc", "parquet in a zone", "parquet without a zone"],
)
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_a_file_gives_the_rows_of_a_span_that_reading_all_of_it_gives(
    make: Callable[[Path], SourceRequest], zone: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make(tmp_path / ("a.csv" if make is csv_file else "a.parquet"))
    seen: list[int] = []

    def watched(*given: object, **named: object) -> Iterator[pl.DataFrame]:
        for frame in read_for_model(*given, **named):  # type: ignore[arg-type]  # passed on as they came
            seen.append(frame.height)
            yield frame

    monkeypatch.setattr(between, "read_for_model", watched)
    span = Span(column="came", since=SINCE, until=UNTIL, timezone=zone)
    few = found(request, span, tmp_path)
    assert len(few) == len(WITHIN)
    assert sum(seen) < NUMBERS / 2 if make is csv_file else sum(seen) == len(WITHIN)
    assert pl.read_parquet(tmp_path / "found.parquet")["came"].is_between(SINCE, UNTIL, closed="left").all()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    import pymysql

    parts = urlsplit(address)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    with closing(
        pymysql.connect(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=parts.username,
            password=parts.password or "",
            database=parts.path.lstrip("/"),
            **asked,
        )
    ) as connection:
        yield connection


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["DATETIME", "TIMESTAMP", "DATE", "VARCHAR(30)"])
def test_a_table_of_mysql_gives_the_rows_of_a_span_that_reading_all_of_it_gives(
    kind: str, mysql: str, tmp_path: Path
) -> None:
    table = f"between_{kind[:5].lower()}"
    with _connected(mysql) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(f"CREATE TABLE {table} (number INTEGER, came {kind})")
        values = ", ".join(f"({number}, '{at:%Y-%m-%d %H:%M:%S}')" for number, at in enumerate(CAME))
        cursor.execute(f"INSERT IGNORE INTO {table} VALUES {values}")
        connection.commit()
    request = SourceRequest(name="input", location=mysql, shown="it", table=table)
    span = Span(column="came", since=SINCE, until=UNTIL)
    expected = [] if kind == "DATE" else WITHIN
    assert found(request, span, tmp_path) == expected
    assert (narrowed(request, span).query is None) == (kind == "VARCHAR(30)")
