"""SQLite and PostgreSQL, both for real."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from tenfold.connectors.land import source_fingerprint
from tenfold.connectors.read import SourceTable, read_source
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError


def request(location: str, **more: str | None) -> SourceRequest:
    return SourceRequest(name="x", location=location, **more)  # type: ignore[arg-type]


def read(source: SourceRequest, tmp_path: Path) -> tuple[SourceTable, pl.DataFrame]:
    table = read_source(source, into=tmp_path / "out" / "table.parquet")
    return table, pl.read_parquet(table.path)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> str:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, amount REAL, city TEXT)")
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?)", [(1, 2.5, "Köln"), (2, None, "Ulm"), (3, 4.0, None)]
        )
        connection.execute('CREATE TABLE mixed (n, "two words")')
        connection.executemany("INSERT INTO mixed VALUES (?, ?)", [(number, 1) for number in range(3000)])
        connection.execute("INSERT INTO mixed VALUES ('many', 2)")
        connection.execute("CREATE TABLE finer (n)")
        connection.executemany("INSERT INTO finer VALUES (?)", [(number,) for number in range(3000)])
        connection.execute("INSERT INTO finer VALUES (0.25)")
        connection.commit()
    return str(path)


def fill(address: str, *statements: str) -> None:
    import adbc_driver_postgresql.dbapi as driver

    with closing(driver.connect(address)) as connection, closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


@pytest.fixture(scope="session")
def shop(postgresql: str) -> str:
    fill(
        postgresql,
        "CREATE TABLE orders"
        " (id int, amount numeric(8,2), city text, paid boolean, at timestamptz, day date, tags int[])",
        "INSERT INTO orders VALUES (1, 2.50, 'Köln', true, '2026-01-01 12:00+01', '2026-01-01', '{1}'),"
        " (2, NULL, NULL, NULL, NULL, NULL, NULL),"
        " (3, 1234.50, 'Ulm', false, '2026-07-01 12:00+02', '2026-07-01', '{}')",
    )
    return postgresql


def test_a_table_of_sqlite_is_read_with_its_nulls(sqlite_file: str, tmp_path: Path) -> None:
    table, rows = read(request(sqlite_file, table="orders"), tmp_path)
    assert rows.rows() == [(1.0, 2.5, "Köln"), (2.0, None, "Ulm"), (3.0, 4.0, None)]
    assert table.source.format == "sqlite"


def test_a_query_is_sent_to_sqlite(sqlite_file: str, tmp_path: Path) -> None:
    _, rows = read(
        request(sqlite_file, query="SELECT city, count(*) AS n FROM orders GROUP BY city ORDER BY city;"), tmp_path
    )
    assert rows.rows() == [(None, 1.0), ("Köln", 1.0), ("Ulm", 1.0)]


def test_a_sqlite_column_of_mixed_types_is_read_as_words(sqlite_file: str, tmp_path: Path) -> None:
    _, rows = read(request(sqlite_file, table="mixed"), tmp_path)
    assert rows.height == 3001
    assert rows["n"].to_list()[-2:] == ["2999", "many"]
    assert rows["two words"].to_list()[-1] == 2.0


def test_a_late_fraction_in_sqlite_is_not_cut_off(sqlite_file: str, tmp_path: Path) -> None:
    _, rows = read(request(sqlite_file, table="finer"), tmp_path)
    assert rows["n"].to_list()[-1] == 0.25


def test_reading_sqlite_again_gives_the_same_hash(sqlite_file: str, tmp_path: Path) -> None:
    source = request(sqlite_file, table="orders")
    assert source_fingerprint(source) is None
    assert read(source, tmp_path)[0].source.snapshot == read(source, tmp_path)[0].source.snapshot


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"table": "order"}, r"has no table 'order'. Did you mean 'orders'\?"),
        ({}, "name either a `table` or a `query`"),
        ({"query": "SELECT nope FROM orders"}, "no such column: nope"),
        ({"query": "DROP TABLE orders"}, "readonly|syntax|cannot be read"),
    ],
)
def test_sqlite_says_in_one_sentence_what_is_wrong(
    sqlite_file: str, tmp_path: Path, more: dict[str, str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read(request(sqlite_file, **more), tmp_path)


def test_a_missing_sqlite_file_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read(request(str(tmp_path / "none.db"), table="x"), tmp_path)
    assert not (tmp_path / "none.db").exists()


def test_a_table_of_postgresql_is_read_with_its_types(shop: str, tmp_path: Path) -> None:
    table, rows = read(request(shop, table="orders", shown="${env:SHOP}"), tmp_path)
    assert rows.columns == ["id", "amount", "city", "paid", "at", "day"]
    assert rows["amount"].to_list() == [2.5, None, 1234.5]
    assert rows["paid"].to_list() == [True, None, False]
    assert [str(moment) for moment in rows["at"].drop_nulls()] == [
        "2026-01-01 11:00:00+00:00",
        "2026-07-01 10:00:00+00:00",
    ]
    assert "'tags'" in table.notes[0]
    assert table.source.location == "${env:SHOP}"
    assert table.source.format == "postgresql"


def test_a_query_is_sent_to_postgresql_and_cannot_write(shop: str, tmp_path: Path) -> None:
    _, rows = read(request(shop, query="SELECT city FROM orders WHERE id = 3"), tmp_path)
    assert rows["city"].to_list() == ["Ulm"]
    with pytest.raises(DataError, match="read-only transaction"):
        read(request(shop, query="DELETE FROM orders RETURNING id"), tmp_path)


def test_reading_postgresql_again_gives_the_same_hash(shop: str, tmp_path: Path) -> None:
    fill(shop, "CREATE TABLE many AS SELECT n, md5(n::text) AS word FROM generate_series(1, 50000) AS n")
    hashes = {read(request(shop, table="many"), tmp_path)[0].source.snapshot for _ in range(3)}
    assert len(hashes) == 1


def test_a_wrong_table_of_postgresql_names_the_nearest(shop: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no table 'ordres'. Did you mean 'orders'\?"):
        read(request(shop, table="ordres"), tmp_path)


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    location = "postgresql://ann:s3cret%21@127.0.0.1:1/shop"
    with pytest.raises(DataError) as raised:
        read(request(location, table="orders"), tmp_path)
    shown = f"{raised.value!r} {raised.value.__cause__!r} {request(location).label}"
    assert "s3cret" not in shown
    assert "127.0.0.1:1/shop" not in shown
    assert raised.value.__cause__ is None
