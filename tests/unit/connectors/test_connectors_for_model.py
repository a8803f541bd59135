"""Rows to predict are read as the training rows were."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from tenfold.connectors.read import SourceTable, read_for_model, read_source
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError

TRAINED = "id;city;price;day;ok\n1;Köln;1.234,5;31.12.2025;true\n2;?;7,25;01.01.2026;false\n3;Ulm;NA;15.01.2026;true\n"


@pytest.fixture
def trained(tmp_path: Path) -> SourceTable:
    path = tmp_path / "trained.csv"
    path.write_text(TRAINED)
    return read_source(SourceRequest(name="x", location=str(path)), into=tmp_path / "trained.parquet")


def again(trained: SourceTable, location: Path, **more: object) -> pl.DataFrame:
    return pl.concat(read_for_model(str(location), trained.fields, dialect=trained.source.dialect, **more))  # type: ignore[arg-type]


def test_the_same_text_gives_the_same_rows(trained: SourceTable, tmp_path: Path) -> None:
    rows = again(trained, tmp_path / "trained.csv")
    assert rows.equals(pl.read_parquet(trained.path))


def test_rows_come_in_chunks_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("n,w\n" + "".join(f"{number},x{number % 7}\n" for number in range(10_000)))
    table = read_source(SourceRequest(name="x", location=str(path)), into=tmp_path / "long.parquet")
    frames = list(read_for_model(str(path), table.fields, rows_at_once=999))
    assert max(frame.height for frame in frames) <= 999
    assert pl.concat(frames)["n"].to_list() == [float(number) for number in range(10_000)]


def test_columns_may_stand_in_any_order_and_others_come_along(trained: SourceTable, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text('ok,extra,price,city,id,day\ntrue,007,"2,5",Ulm,9,2026-02-01\n')
    rows = again(trained, path)
    assert rows.columns == ["id", "city", "price", "day", "ok", "extra"]
    assert rows.row(0)[:3] == (9.0, "Ulm", 2.5)
    assert str(rows["day"][0]) == "2026-02-01 00:00:00+00:00"
    assert rows["extra"][0] == "007"


def test_a_single_row_with_a_header_is_a_row(trained: SourceTable, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("id;city;price;day;ok\n4;Bonn;1,5;02.01.2026;false\n")
    assert again(trained, path).rows()[0][:3] == (4.0, "Bonn", 1.5)


def test_unseen_categories_and_missing_values_pass(trained: SourceTable, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("id;city;price;day;ok\n;Atlantis;;;\n;;;;\n")
    rows = again(trained, path)
    assert rows["city"].to_list() == ["Atlantis", None]
    assert rows["price"].null_count() == 2


def test_a_missing_column_is_named_with_its_nearest(trained: SourceTable, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("id;town;prise;day;ok\n4;Bonn;1,5;02.01.2026;false\n")
    with pytest.raises(DataError, match=r"lacks the columns 'city', 'price' that the model needs"):
        again(trained, path)
    path.write_text("id;city;prise;day;ok\n4;Bonn;1,5;02.01.2026;false\n")
    with pytest.raises(DataError, match=r"lacks the column 'price' that the model needs. Did you mean 'prise'\?"):
        again(trained, path)


def test_a_value_of_another_kind_names_column_row_and_value(trained: SourceTable, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("id;city;price;day;ok\n1;Bonn;1,5;02.01.2026;true\n2;Bonn;cheap;02.01.2026;true\n")
    with pytest.raises(DataError, match="column 'price' is numeric, but row 2 holds 'cheap'"):
        again(trained, path)


def test_infinite_numbers_are_refused_not_made_missing(trained: SourceTable, tmp_path: Path) -> None:
    path = tmp_path / "new.parquet"
    pl.read_parquet(trained.path).with_columns(id=pl.Series([1.0, float("inf"), 2.0])).write_parquet(path)
    with pytest.raises(DataError, match="row 2 holds 'inf'"):
        again(trained, path)


def test_json_lines_and_parquet_and_sqlite_are_read_alike(trained: SourceTable, tmp_path: Path) -> None:
    canonical = pl.read_parquet(trained.path)
    lines = tmp_path / "new.jsonl"
    lines.write_text(
        '{"id": 1, "city": "Köln", "price": "1.234,5", "day": "31.12.2025", "ok": true}\n'
        '{"id": 2, "city": null, "price": "7,25", "day": "2026-01-01", "ok": false}\n'
        '{"id": 3.0, "city": "Ulm", "price": null, "day": "2026-01-15T00:00:00Z", "ok": "TRUE"}\n'
    )
    assert again(trained, lines).equals(canonical)
    canonical.write_parquet(tmp_path / "new.parquet")
    assert again(trained, tmp_path / "new.parquet").equals(canonical)
    database = tmp_path / "new.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE rows (id INTEGER, city TEXT, price REAL, day TEXT, ok INTEGER)")
        connection.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?)",
            [(1, "Köln", 1234.5, "31.12.2025", 1), (2, None, 7.25, "2026-01-01", 0), (3, "Ulm", None, "2026-01-15", 1)],
        )
        connection.commit()
    assert again(trained, database, table="rows").equals(canonical)


def test_whole_numbers_are_categories_without_a_fraction(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("code,n\nx1,1\n2,2\n10,3\n")
    table = read_source(SourceRequest(name="x", location=str(path)), into=tmp_path / "codes.parquet")
    pl.DataFrame({"code": [10.0, 2.5, None], "n": [1, 2, 3]}).write_parquet(tmp_path / "new.parquet")
    assert again(table, tmp_path / "new.parquet")["code"].to_list() == ["10", "2.5", None]


def test_numbers_are_no_codes_with_leading_zeros(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("code,n\n01,1\n02,2\n10,3\n")
    table = read_source(SourceRequest(name="x", location=str(path)), into=tmp_path / "codes.parquet")
    pl.DataFrame({"code": [1, 10], "n": [1, 2]}).write_parquet(tmp_path / "new.parquet")
    with pytest.raises(DataError, match=r"column 'code' is categorical, but row 1 holds '1'"):
        again(table, tmp_path / "new.parquet")


HEADERLESS = "2, x, 5, yes\n1, y, ?, no\n2, y, 6, yes\n1, x, 7, no\n2, x, 5, yes\n"


@pytest.fixture
def headerless(tmp_path: Path) -> SourceTable:
    path = tmp_path / "headerless.csv"
    path.write_text(HEADERLESS)
    return read_source(SourceRequest(name="x", location=str(path)), into=tmp_path / "headerless.parquet")


def test_a_text_without_a_header_is_read_by_the_number_of_its_columns(headerless: SourceTable, tmp_path: Path) -> None:
    inputs = [field for field in headerless.fields if field.name != "column_4"]
    path = tmp_path / "new.csv"
    path.write_text("1, z, 9, no\n")
    dialect = headerless.source.dialect
    rows = pl.concat(read_for_model(str(path), inputs, dialect=dialect))
    assert rows.columns == ["column_1", "column_2", "column_3", "column_4"]
    assert rows.row(0)[:3] == (1.0, "z", 9.0)
    path.write_text("1, z, 9\n")
    assert pl.concat(read_for_model(str(path), inputs, dialect=dialect)).row(0) == (1.0, "z", 9.0)


def test_a_text_without_a_header_may_lack_the_target_in_the_middle(headerless: SourceTable, tmp_path: Path) -> None:
    inputs = [field for field in headerless.fields if field.name in {"column_1", "column_4"}]
    path = tmp_path / "new.csv"
    path.write_text("1, 9, no\n")
    dialect = {**headerless.source.dialect, "target": "column_2"}
    rows = pl.concat(read_for_model(str(path), inputs, dialect=dialect))
    assert rows.select("column_1", "column_4").row(0) == (1.0, "no")


def test_a_text_without_a_header_and_with_another_number_of_columns_is_refused(
    headerless: SourceTable, tmp_path: Path
) -> None:
    path = tmp_path / "new.csv"
    path.write_text("1, z\n2, y\n1, x\n2, z\n")
    with pytest.raises(DataError, match="lacks the columns"):
        list(read_for_model(str(path), headerless.fields, dialect=headerless.source.dialect))
