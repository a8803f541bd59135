"""The query sees the declared tables, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tenfold.connectors.sql import Relation, join
from tenfold.foundation.errors import DataError
from tenfold.foundation.fingerprint import hash_file
from tenfold.records.dataset import Field


def moment(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, 31, hour, minute, tzinfo=UTC)


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Relation]:
    trips = pl.DataFrame(
        {
            "id": [1.0, 2.0, 3.0, 4.0],
            "place": ["A", "A", "B", "A"],
            "at": [moment(8), moment(9), moment(9), moment(10, 30)],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )
    weather = pl.DataFrame(
        {
            "place": ["A", "A", "A", "B"],
            "hour": [moment(7), moment(8), moment(9), moment(9)],
            "temp": [1.5, 2.5, 3.5, 9.5],
        },
        schema_overrides={"hour": pl.Datetime("us", "UTC")},
    )
    trips.write_parquet(tmp_path / "trips.parquet")
    weather.write_parquet(tmp_path / "weather.parquet")
    return {
        "trips": Relation(
            path=tmp_path / "trips.parquet",
            fields=(
                Field(name="id", kind="numeric", integer=True),
                Field(name="place", kind="categorical"),
                Field(name="at", kind="datetime"),
            ),
        ),
        "weather": Relation(
            path=tmp_path / "weather.parquet",
            fields=(
                Field(name="place", kind="categorical"),
                Field(name="hour", kind="datetime"),
                Field(name="temp", kind="numeric"),
            ),
            time="hour",
            available_seconds=3600.0,
        ),
    }


def ask(tables: dict[str, Relation], query: str, tmp_path: Path, **more: str) -> pl.DataFrame:
    return pl.read_parquet(join(tables, query, tmp_path / "joined.parquet", **more))


def test_an_asof_join_sees_only_what_was_available(tables: dict[str, Relation], tmp_path: Path) -> None:
    rows = ask(
        tables,
        "SELECT t.id, w.temp FROM trips AS t ASOF LEFT JOIN weather AS w"
        " ON t.place = w.place AND t.at >= w.available_at ORDER BY t.id",
        tmp_path,
    )
    # At 8:00 the reading of 7:00 has just become known; at 9:00 in B the reading of 9:00 is not known yet.
    assert rows.rows() == [(1, 1.5), (2, 2.5), (3, None), (4, 3.5)]


def test_whole_numbers_are_whole_in_the_query(tables: dict[str, Relation], tmp_path: Path) -> None:
    assert ask(tables, "SELECT typeof(id) AS i, typeof(id + 0.5) AS d FROM trips LIMIT 1", tmp_path)["i"][0] == "BIGINT"


def test_hours_are_counted_in_the_zone_of_the_project(tables: dict[str, Relation], tmp_path: Path) -> None:
    query = "SELECT hour(t.at) AS h FROM trips AS t WHERE id = 1"
    assert ask(tables, query, tmp_path)["h"][0] == 8
    assert ask(tables, query, tmp_path, timezone="America/New_York")["h"][0] == 3


def test_a_zone_that_does_not_exist_is_refused(tables: dict[str, Relation], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'Mars/Base' is not a time zone"):
        ask(tables, "SELECT 1 AS a", tmp_path, timezone="Mars/Base")


def test_rows_keep_the_order_of_the_source_and_the_file_its_bytes(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"n": [float((number * 7919) % 300_007) for number in range(300_000)], "g": ["a", "b", "c"] * 100_000}
    )
    frame.write_parquet(tmp_path / "long.parquet")
    fields = (Field(name="n", kind="numeric", integer=True), Field(name="g", kind="categorical"))
    tables = {"long": Relation(path=tmp_path / "long.parquet", fields=fields)}
    rows = ask(tables, "SELECT n FROM long WHERE g <> 'b'", tmp_path)
    assert rows["n"].cast(pl.Float64).to_list() == frame.filter(pl.col("g") != "b")["n"].to_list()
    query = (
        "SELECT a.n, b.total FROM long AS a JOIN (SELECT g, sum(n / 3) AS total FROM long GROUP BY g) AS b USING (g)"
    )
    hashes = {hash_file(join(tables, query, tmp_path / "joined.parquet")) for _ in range(2)}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/*')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('trips.parquet')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT getenv('HOME')",
        "COPY trips TO '/tmp/stolen.csv'",
        "ATTACH '/tmp/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "CREATE TABLE copy AS SELECT 1",
        "DROP TABLE trips",
        "SELECT 1; SELECT 2",
        "EXPORT DATABASE '/tmp/stolen'",
    ],
)
def test_a_query_reaches_nothing_but_the_declared_tables(
    tables: dict[str, Relation], tmp_path: Path, query: str
) -> None:
    before = sorted(Path("/tmp").glob("stolen*"))
    with pytest.raises(DataError) as raised:
        ask(tables, query, tmp_path)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(("the query must be one SELECT", "the query fails", "the query cannot"))
    assert sorted(Path("/tmp").glob("stolen*")) == before


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT plcae FROM trips", "there is no column 'plcae'. Did you mean 'place'?"),
        ("SELECT t.plcae FROM trips AS t", "there is no column 'plcae'. Did you mean 'place'?"),
        ("SELECT * FROM trip", "there is no source 'trip' (declared: trips, weather). Did you mean 'trips'?"),
        ("SELEC 1", "cannot be understood"),
        ("SELECT t.place, w.place FROM trips AS t, weather AS w", "two columns called 'place'"),
        ("SELECT place + 1 AS x FROM trips", "the query fails: "),
    ],
)
def test_a_wrong_query_gets_one_sentence_with_the_nearest_name(
    tables: dict[str, Relation], tmp_path: Path, query: str, said: str
) -> None:
    with pytest.raises(DataError) as raised:
        ask(tables, query, tmp_path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_variables_of_the_program_are_no_tables(tables: dict[str, Relation], tmp_path: Path) -> None:
    secret = pl.DataFrame({"a": [1]})
    assert secret.height == 1
    with pytest.raises(DataError, match="there is no source 'secret'"):
        ask(tables, "SELECT * FROM secret", tmp_path)


def test_availability_needs_a_column_of_times(tables: dict[str, Relation], tmp_path: Path) -> None:
    weather = tables["weather"]
    wrong = Relation(path=weather.path, fields=weather.fields, time="temp", available_seconds=1.0)
    with pytest.raises(DataError, match="'temp' of source 'weather' holds no times"):
        ask({"weather": wrong}, "SELECT 1 AS a", tmp_path)


def test_no_database_file_is_left_behind(tables: dict[str, Relation], tmp_path: Path) -> None:
    ask(tables, "SELECT * FROM trips", tmp_path)
    with pytest.raises(DataError):
        ask(tables, "SELECT nope FROM trips", tmp_path)
    assert not list(tmp_path.glob("*.duckdb*"))
