"""MariaDB for real: MySQL's protocol and dialect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.mariadb import running_server

from tenfold.connectors.databases.mysql import mysql_tables
from tenfold.connectors.read import SourceTable, read_source
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Return the socket of a running server with a database ``shop``."""
    with running_server() as socket:
        run(
            socket,
            "CREATE DATABASE shop CHARACTER SET utf8mb4",
            "USE shop",
            "CREATE TABLE orders (id INT PRIMARY KEY, amount DECIMAL(8,2), city VARCHAR(20), paid BOOLEAN,"
            " at TIMESTAMP NULL, day DATE, large BIGINT UNSIGNED, ratio DOUBLE, picture BLOB, code VARCHAR(9))",
            "SET time_zone = '+02:00'",
            "INSERT INTO orders VALUES (1, 2.50, 'Köln', TRUE, '2026-07-01 12:00:00', '2026-07-01',"
            " 18446744073709551615, 0.1, x'ff', '007'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
            "CREATE TABLE many (n INT PRIMARY KEY) AS SELECT seq AS n FROM seq_1_to_50000",
            "CREATE USER 'ann'@'localhost' IDENTIFIED BY 's3cr@t/w'",
            "GRANT ALL ON shop.* TO 'ann'@'localhost'",
        )
        yield socket


def run(socket: str, *statements: str) -> None:
    import pymysql

    with closing(pymysql.connect(unix_socket=socket, user="root")) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


def location(server: str, password: str = "s3cr%40t%2Fw") -> str:
    return f"mysql://ann:{password}@localhost/shop?unix_socket={server}"


def read(server: str, tmp_path: Path, **more: Any) -> tuple[SourceTable, pl.DataFrame]:
    table = read_source(
        SourceRequest(name="x", location=more.pop("place", location(server)), **more), into=tmp_path / "t.parquet"
    )
    return table, pl.read_parquet(table.path)


def test_a_table_comes_with_its_types(server: str, tmp_path: Path) -> None:
    table, rows = read(server, tmp_path, table="orders")
    assert rows.drop("at", "day").row(0) == (1.0, 2.5, "Köln", 1.0, "18446744073709551615", 0.1, "007")
    assert rows.row(1)[1:] == (None,) * 8
    assert str(rows["at"][0]) == "2026-07-01 10:00:00+00:00"
    assert str(rows["day"][0]) == "2026-07-01 00:00:00+00:00"
    assert any("column 'picture'" in note for note in table.notes)
    assert table.source.format == "mysql"


def test_a_large_table_comes_in_order_and_twice_the_same(server: str, tmp_path: Path) -> None:
    first, rows = read(server, tmp_path, table="many")
    assert rows["n"].to_list() == [float(n) for n in range(1, 50_001)]
    assert read(server, tmp_path, query="SELECT n FROM many")[0].source.snapshot == first.source.snapshot


def test_a_read_cannot_write_and_says_what_is_wrong(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="READ ONLY"):
        read(server, tmp_path, query="DELETE FROM many")
    with pytest.raises(DataError, match=r"has no table 'ordres'. Did you mean 'orders'\?"):
        read(server, tmp_path, table="ordres")
    with pytest.raises(DataError, match="the query gives two columns called 'id'"):
        read(server, tmp_path, query="SELECT id, id FROM orders")
    assert mysql_tables(location(server), shown="shop") == ["many", "orders"]


def test_a_password_is_never_shown(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be opened") as raised:
        read(server, tmp_path, table="orders", place=location(server, "wr0ng"))
    assert "wr0ng" not in str(raised.value)
    assert raised.value.__cause__ is None
