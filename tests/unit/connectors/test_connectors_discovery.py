"""What a folder or a database is found to hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tenfold.foundation.errors import DataError
from tenfold.project.discovery import DiscoveryReport, discover, holds_tables
from tenfold.spec.load import parse_spec

CITIES = pl.DataFrame({"code": ["CGN", "ULM", "BON", "HAM"], "name": ["Köln", "Ulm", "Bonn", "Hamburg"]})
HOURS = pl.datetime_range(
    pl.datetime(2026, 1, 1), pl.datetime(2026, 1, 3), interval="1h", closed="left", eager=True
).alias("at")
TRIPS = pl.DataFrame(
    {
        "at": HOURS,
        "origin": ["CGN", "ULM", "BON"] * 16,
        "goal": ["HAM", "HAM", "CGN", "ULM"] * 12,
        "customer_id": [number % 5 for number in range(48)],
        "fare": [number % 4 + 0.5 for number in range(48)],
    }
)
WEATHER = pl.concat(
    pl.DataFrame({"at": HOURS, "origin": [code] * 48, "temperature": [9.5] * 48}) for code in ("CGN", "ULM", "BON")
)
CUSTOMERS = pl.DataFrame({"id": range(5), "born": [1990, 1991, 1992, 1990, 1991]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "raw"
    (place / "reference").mkdir(parents=True)
    TRIPS.write_csv(place / "trips.csv")
    CITIES.write_parquet(place / "reference" / "cities.parquet")
    WEATHER.write_csv(place / "weather.csv")
    with closing(sqlite3.connect(place / "shop.db")) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER, born INTEGER)")
        connection.executemany("INSERT INTO customers VALUES (?, ?)", CUSTOMERS.rows())
        connection.commit()
    (place / "readme.md").write_text("not a table")
    (place / "broken.parquet").write_bytes(b"PAR1 and no more")
    return place


def links(report: DiscoveryReport) -> set[tuple[str, tuple[str, ...], str, tuple[str, ...], str | None]]:
    return {(link.table, link.columns, link.other, link.other_columns, link.time) for link in report.joins}


def test_a_folder_tells_its_tables_their_keys_and_their_times(folder: Path) -> None:
    report = discover(str(folder))
    found = {table.name: table for table in report.tables}
    assert set(found) == {"trips.csv", "reference/cities.parquet", "weather.csv", "shop.db:customers", "broken.parquet"}
    assert found["reference/cities.parquet"].keys[0].columns == ("code",)
    assert found["weather.csv"].keys[0].columns == ("at", "origin")
    assert found["shop.db:customers"].keys[0].columns == ("id",)
    assert found["trips.csv"].times == ("at",)
    assert "broken.parquet is not a Parquet file, or damaged" in found["broken.parquet"].problem


def test_what_finds_rows_of_what_is_told_by_names_and_by_values(folder: Path) -> None:
    found = links(discover(str(folder)))
    cities = "reference/cities.parquet"
    assert ("trips.csv", ("origin",), cities, ("code",), None) in found
    assert ("trips.csv", ("goal",), cities, ("code",), None) in found
    assert ("trips.csv", ("customer_id",), "shop.db:customers", ("id",), None) in found
    assert ("trips.csv", ("at", "origin"), "weather.csv", ("at", "origin"), "at") in found
    assert not any(column == ("born",) for _, column, *_ in found)


def test_the_section_that_is_proposed_can_be_read_back_and_ingested(folder: Path, tmp_path: Path) -> None:
    from tenfold.connectors.ingest import ingest
    from tenfold.project.tables import ingest_options

    data = discover(str(folder)).data
    spec = parse_spec(f"problem: {{target: fare}}\n{data}".encode(), path="tenfold.yaml", folder=tmp_path, environ={})
    ingested = ingest(ingest_options(spec), workdir=tmp_path / "work")
    rows = pl.read_parquet(ingested.table)
    assert rows.height == TRIPS.height
    assert rows["temperature"].to_list()[:3] == [None, 9.5, 9.5]
    assert {"born", "name", "cities_goal_name"} <= set(rows.columns)
    assert rows["cities_goal_name"][0] == "Hamburg"


def test_rows_that_belong_to_a_row_are_candidates_that_can_be_aggregated(folder: Path, tmp_path: Path) -> None:
    from tenfold.connectors.ingest import ingest
    from tenfold.project.tables import ingest_options

    clients = [f"C{number:02d}" for number in range(40)]
    pl.DataFrame({"id": range(120), "client": clients * 3, "city": ["CGN", "ULM", "BON"] * 40}).with_columns(
        applied=pl.datetime(2026, 2, 1) + pl.duration(hours=pl.col("id")), bad=pl.col("id") % 7
    ).write_csv(folder / "loans.csv")
    pl.DataFrame({"client": clients * 6, "amount": [number % 9 + 0.25 for number in range(240)]}).with_columns(
        day=pl.datetime(2026, 1, 1) + pl.duration(hours=pl.int_range(240) * 4)
    ).write_csv(folder / "payments.csv")
    report = discover(str(folder))
    found = {(many.table, many.columns, many.other, many.other_columns): many for many in report.many}
    customers = found["shop.db:customers", ("id",), "trips.csv", ("customer_id",)]
    assert (customers.share, customers.each, customers.time) == (1.0, 9.6, "at")
    payments = found["loans.csv", ("client",), "payments.csv", ("client",)]
    assert (payments.share, payments.each, payments.time) == (1.0, 6.0, "day")
    # Hours and places are shared by all, and name nobody.
    assert not any(many.columns in {("at",), ("origin",)} and many.other == "weather.csv" for many in report.many)
    assert report.limits["tables"] == 6
    for name in ("trips.csv", "weather.csv"):
        (folder / name).unlink()
    data = discover(str(folder)).data
    assert "# payments: {on: {client: client}, aggregate: {windows: [30d, all]}}  # 6 rows each" in data
    spec = parse_spec(
        f"problem: {{target: bad}}\n{data.replace('# payments', 'payments')}".encode(),
        path="tenfold.yaml",
        folder=tmp_path,
        environ={},
    )
    rows = pl.read_parquet(ingest(ingest_options(spec), workdir=tmp_path / "work").table)
    assert rows.height == 120
    assert rows["payments_count_all"].max() == 6
    assert "payments_amount_mean_30d" in rows.columns


def test_databases_are_looked_at_table_by_table(tmp_path: Path, postgresql: str) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT i AS id, i % 7 AS customer_id FROM range(100) AS t(i)")
        connection.execute("CREATE TABLE customers AS SELECT i AS id FROM range(7) AS t(i)")
    assert holds_tables(str(path))
    report = discover(str(path))
    assert [(table.name, table.rows, table.whole) for table in report.tables] == [
        ("customers", 7, True),
        ("orders", 100, True),
    ]
    assert links(report) == {("orders", ("customer_id",), "customers", ("id",), None)}
    import adbc_driver_postgresql.dbapi as driver

    with closing(driver.connect(postgresql)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("CREATE SCHEMA found")
        cursor.execute('CREATE TABLE found."Odd ""name" AS SELECT n AS id FROM generate_series(1, 9) AS n')
        connection.commit()
    report = discover(postgresql)
    assert report.location == "the database"
    assert {table.name: table.rows for table in report.tables}['found.Odd "name'] == 9


def test_one_file_is_no_place_of_tables_and_an_empty_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    assert not holds_tables(str(folder / "trips.csv"))
    assert not holds_tables("https://example.org/a.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no table that can be read"):
        discover(str(tmp_path / "empty"))
