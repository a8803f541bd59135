"""Raw tables as they are found: what is read of each, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tenfold.bundle.canonical import canonical_value
from tenfold.connectors.read import SourceTable, read_for_model, read_source
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError
from tenfold.foundation.fingerprint import hash_file
from tenfold.records.dataset import Field


def read(folder: Path, text: str | bytes, name: str = "t.csv", **more: object) -> tuple[SourceTable, pl.DataFrame]:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_path(path, folder, **more)


def read_path(path: Path, folder: Path, **more: object) -> tuple[SourceTable, pl.DataFrame]:
    request = SourceRequest(name="x", location=str(path), **more)  # type: ignore[arg-type]
    table = read_source(request, into=folder / "out" / "table.parquet")
    again = read_source(request, into=folder / "out" / "again.parquet")
    assert (again.source.snapshot, hash_file(again.path)) == (table.source.snapshot, hash_file(table.path))
    return table, pl.read_parquet(table.path)


def rows(row: Callable[[int], str], count: int = 60) -> str:
    return "".join(row(number) + "\n" for number in range(count))


def kinds(table: SourceTable) -> dict[str, str]:
    return {field.name: field.kind for field in table.fields}


def told(table: SourceTable) -> str:
    return "\n".join(table.notes)


def field(table: SourceTable, name: str) -> Field:
    return next(each for each in table.fields if each.name == name)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.234,50", 1234.5),
        ("1,234.50", 1234.5),
        ("$1,234.50", 1234.5),
        ("-$3.20", -3.2),
        ("12,50 €", 12.5),
        ("€ 1.250,00", 1250.0),
        ("CHF 12.50", 12.5),
        ("12.5%", 12.5),
        ("12,5 %", 12.5),
        ("(1,234.00)", -1234.0),
        ("($12.00)", -12.0),
        ("1 234,5", 1234.5),
        ("1'234.5", 1234.5),
    ],
)
def test_amounts_are_read_as_they_are_written(tmp_path: Path, written: str, value: float) -> None:
    ordinary = {"€": "7,25 €", "$": "$7.25", "C": "CHF 7.25", "%": "7.5%"}
    other = next((text for sign, text in ordinary.items() if sign in written), "7")
    other = other.replace(".", ",") if "," in written and "%" in written else other
    table, found = read(tmp_path, "n;amount\n" + rows(lambda n: f"{n};{written if n % 2 else other}"))
    assert kinds(table)["amount"] == "numeric"
    assert found["amount"][1] == value
    if other != "7":
        assert "with '" in field(table, "amount").reason


def test_one_value_is_read_as_the_column_was(tmp_path: Path) -> None:
    texts = ["$1,234.50", "($12.00)", "-$3", "4", "$ 5.5"]
    table, found = read(tmp_path, "n;amount\n" + rows(lambda n: f"{n};{texts[n % 5]}"))
    amount = field(table, "amount")
    assert [canonical_value(amount, text) for text in texts] == found["amount"].head(5).to_list()


def test_two_currencies_in_one_column_stay_words(tmp_path: Path) -> None:
    table, _ = read(tmp_path, "n,amount\n" + rows(lambda n: f"{n},{'$' if n % 2 else '€'}{n}.50"))
    assert kinds(table)["amount"] == "categorical"


def test_counted_times_are_times_where_the_name_says_so(tmp_path: Path) -> None:
    text = "createdAt,ts,update_count,order_date\n" + rows(
        lambda n: f"{1_577_836_800 + 86_400 * n},{1_577_836_800_000 + n},{1_577_836_800 + n},{43_831 + n}.5"
    )
    table, found = read(tmp_path, text)
    assert kinds(table) == {
        "createdAt": "datetime",
        "ts": "datetime",
        "update_count": "numeric",
        "order_date": "datetime",
    }
    assert found["createdAt"][1] == datetime(2020, 1, 2, tzinfo=UTC)
    assert found["ts"][5] == datetime(2020, 1, 1, 0, 0, 0, 5000, tzinfo=UTC)
    assert found["order_date"][0] == datetime(2020, 1, 1, 12, tzinfo=UTC)
    assert "epoch seconds" in field(table, "createdAt").reason
    for name, value in (("createdAt", 1_577_836_800), ("ts", "1577836800000"), ("order_date", 43_831.5)):
        assert canonical_value(field(table, name), value) == found[name][0]


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (lambda n: f"{1 + n % 28:02d}/{1 + n % 12:02d}/2020", datetime(2020, 1, 1, tzinfo=UTC)),
        (lambda n: f"{1 + n % 12:02d}/{28 - n % 28:02d}/2020", datetime(2020, 1, 28, tzinfo=UTC)),
        (lambda n: f"{1 + n % 28}.{1 + n % 12}.20", datetime(2020, 1, 1, tzinfo=UTC)),
        (lambda n: f"{1 + n % 28} Jan 2020 {n % 24:02d}:15", datetime(2020, 1, 1, 0, 15, tzinfo=UTC)),
    ],
)
def test_days_and_months_are_told_apart(tmp_path: Path, dates: Callable[[int], str], first: datetime) -> None:
    table, found = read(tmp_path, "day,n\n" + rows(lambda n: f"{dates(n)},{n}"))
    assert kinds(table)["day"] == "datetime"
    assert found["day"][0] == first


def test_dates_of_several_patterns_stay_words_and_this_is_told(tmp_path: Path) -> None:
    table, _ = read(tmp_path, "day,n\n" + rows(lambda n: f"2020-01-{1 + n % 28:02d},{n}" if n % 2 else f"3/2/2020,{n}"))
    assert kinds(table)["day"] == "categorical"
    assert "do not all follow one pattern" in field(table, "day").reason


@pytest.mark.parametrize("marker", [".", "-", "n/a", "NULL", "#N/A", "NA", "None", "?"])
def test_markers_of_missing_numbers_are_recognised_and_named(tmp_path: Path, marker: str) -> None:
    table, found = read(tmp_path, "x,n\n" + rows(lambda n: f"{marker if n % 7 == 0 else n},{n}"))
    assert (kinds(table)["x"], found["x"].null_count()) == ("numeric", 9)
    assert f"'{marker}' means missing" in field(table, "x").reason


def test_headings_of_two_rows_become_names_and_the_override_undoes_it(tmp_path: Path) -> None:
    text = "id,What did you see?,,,Age\n,Film A,Film B,Film C,Response\n" + rows(
        lambda n: f"{1000 + n},{'Film A' if n % 2 else ''},{n % 6},{n % 5},{20 + n % 30}"
    )
    table, found = read(tmp_path, text)
    assert found.columns == [
        "id",
        "What did you see? / Film A",
        "What did you see? / Film B",
        "What did you see? / Film C",
        "Age",
    ]
    assert (found.height, table.source.dialect["header_rows"]) == (60, "2")
    assert "`header_rows: 1`" in told(table)
    _, plain = read(tmp_path, text, header_rows=1)
    assert (plain.height, plain.columns[2]) == (61, "column_3")
    # Rows to predict come with both headings, with one, or with the names as they are told.
    wanted = [replace(each, reason="") for each in table.fields if each.name.endswith(("B", "Age"))]
    for head in (text.split("1000,")[0], f"id,a,{wanted[0].name},c,Age\n"):
        path = tmp_path / "new.csv"
        path.write_text(head + "1,Film A,3,2,40\n2,,4,1,50\n")
        (frame,) = read_for_model(str(path), wanted, dialect=dict(table.source.dialect))
        assert frame["Age"].to_list() == [40.0, 50.0]


def test_units_or_questions_under_full_headings_are_left_out(tmp_path: Path) -> None:
    ids = ",".join(f'"{{""ImportId"":""{name}""}}"' for name in "abc")
    text = f'Q1,Q2,Q3\n"How old?","How tall?","Where?"\n{ids}\n'
    _, found = read(tmp_path, text + rows(lambda n: f"{20 + n},{150 + n},{'north' if n % 2 else 'south'}"))
    assert (found.columns, found.height) == (["Q1", "Q2", "Q3"], 60)
    _, found = read(tmp_path, "time,temp,wind\n(h),(degC),(m/s)\n" + rows(lambda n: f"{n},{n}.5,{n % 7}"))
    assert (found.columns, found.height) == (["time", "temp", "wind"], 60)


def test_ordinary_first_rows_are_rows(tmp_path: Path) -> None:
    body = rows(lambda n: f"{'north' if n % 2 else 'south'},{n % 9},{['a', 'b', 'c'][n % 3]},yes")
    for first in ("west,3,z,no\n", "west,unknown,z,no\n", "west,,z,no\n"):
        _, found = read(tmp_path, "place,score,class,ok\n" + first + body)
        assert found.height == 61


def test_notes_above_and_totals_below_are_left_out_and_can_be_kept(tmp_path: Path) -> None:
    body = rows(lambda n: f"shop {n},{n},{2 * n}.5")
    above = "Sales by shop\nExported on 2024-01-31;final\n\n"
    text = f"{above}shop,items,amount\n{body}Total,{sum(range(60))},3570\n\nSource: books\n"
    table, found = read(tmp_path, text)
    assert (found.columns, found.height) == (["shop", "items", "amount"], 60)
    assert found["items"].to_list() == list(range(60))
    assert "`skip: 0`" in told(table)
    assert "`footer: 0`" in told(table)
    with pytest.raises(DataError, match="field"):
        read(tmp_path, text, footer=0)
    # A row that is named a total and is none is a row.
    _, found = read(tmp_path, f"shop,items,amount\n{body}Total,7,3\n")
    assert found.height == 61


def test_a_total_is_held_against_the_sum_of_every_row_above_it(tmp_path: Path) -> None:
    text = "shop,items\n" + rows(lambda n: f"shop {n},{n}", 3000)
    assert read(tmp_path, text + f"Total,{sum(range(3000))}\n")[1].height == 3000
    assert read(tmp_path, text + f"Total,{sum(range(2000))}\n")[1].height == 3001


def test_rows_to_predict_are_never_taken_for_totals(tmp_path: Path) -> None:
    text = "shop,items\n" + rows(lambda n: f"shop {n},{n}") + f"Total,{sum(range(60))}\n"
    table, found = read(tmp_path, text)
    assert found.height == 60
    frames = list(read_for_model(str(tmp_path / "t.csv"), table.fields[1:], dialect=dict(table.source.dialect)))
    assert sum(frame.height for frame in frames) == 61


def test_a_long_text_loses_its_notes_and_its_remarks_alike(tmp_path: Path) -> None:
    count = 120_000
    text = "A report\n\nn,label\n" + rows(lambda n: f"{n},label of row {n % 7}", count) + "End of report\n"
    _, found = read(tmp_path, text)
    assert (found.height, found.columns, found["n"][-1]) == (count, ["n", "label"], count - 1)


def test_lines_of_comments_are_no_rows_above_and_between(tmp_path: Path) -> None:
    text = "# made by a logger\n# unit: mm\nn,depth\n" + rows(
        lambda n: f"{n},{n}.5" + ("\n# restart" if n == 30 else "")
    )
    table, found = read(tmp_path, text)
    assert (found.columns, found.height) == (["n", "depth"], 60)
    assert "`comment: none`" in told(table)
    _, found = read(tmp_path, "#id,depth\n" + rows(lambda n: f"{n},{n}.5"))
    assert found.columns == ["id", "depth"]
    _, found = read(tmp_path, "tag,depth\n" + rows(lambda n: f"#{n},{n}.5"))
    assert found.height == 60


def test_twice_and_blank_headings_get_names_that_are_told(tmp_path: Path) -> None:
    table, found = read(tmp_path, "a,b,a,,b\n" + rows(lambda n: f"{n},x{n % 3},{n + 1},{n % 4},y{n % 2}"))
    assert found.columns == ["a", "b", "a_2", "column_4", "b_2"]
    assert "'a' in column 3 is called 'a_2'" in told(table)
    _, found = read(tmp_path, "a,b,a,,b\n" + rows(lambda n: f"{n},x,{n},1,y"), names=("p", "q", "r", "s", "t"))
    assert found.columns == ["p", "q", "r", "s", "t"]
    with pytest.raises(DataError, match=r"names 2 columns, but the rows of .* have 5"):
        read(tmp_path, "a,b,a,,b\n1,2,3,4,5\n2,3,4,5,6\n", names=("p", "q"))


def test_columns_without_headings_are_said_to_have_none(tmp_path: Path) -> None:
    text = rows(lambda n: f"{n},{'yes' if n % 3 else 'no'},{n % 5}")
    table, found = read(tmp_path, text)
    assert found.columns == ["column_1", "column_2", "column_3"]
    assert "`names: [...]` names them" in told(table)
    table, found = read(tmp_path, text, names=("n", "ok", "k"))
    assert (found.columns, found.height) == (["n", "ok", "k"], 60)
    (tmp_path / "new.csv").write_text("1,yes,4\n2,no,3\n")
    (frame,) = read_for_model(str(tmp_path / "new.csv"), table.fields[2:], dialect=dict(table.source.dialect))
    assert frame["k"].to_list() == [4.0, 3.0]


def test_the_counter_of_a_data_frame_is_an_index(tmp_path: Path) -> None:
    table, found = read(tmp_path, ",x,y\n" + rows(lambda n: f"{n},{n % 7},{n % 3}"))
    assert found.columns == ["index", "x", "y"]
    assert "counts the rows" in told(table)
    _, found = read(tmp_path, '"x","y"\n' + rows(lambda n: f'"{n + 1}",{n % 7},{n % 3}'))
    assert found.columns == ["index", "x", "y"]


@pytest.mark.parametrize("head", ["a,b,c\n", "a,b,c,\n"])
def test_a_delimiter_at_every_line_end_is_no_column(tmp_path: Path, head: str) -> None:
    table, found = read(tmp_path, head + rows(lambda n: f"{n},{n % 7},z{n % 3},"))
    assert (found.columns, found.height) == (["a", "b", "c"], 60)
    assert "ends with a delimiter" in told(table)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_encodings_and_quoted_line_ends_come_through(tmp_path: Path, encoding: str) -> None:
    text = "Ort;Notiz;Zahl\n" + rows(lambda n: f'Köln;"eine\nzweite Zeile";{n},5')
    _table, found = read(tmp_path, text.encode(encoding))
    assert found.columns == ["Ort", "Notiz", "Zahl"]
    assert (found["Ort"][0], found["Notiz"][3], found["Zahl"][1]) == ("Köln", "eine\nzweite Zeile", 1.5)
    assert found.height == 60


def test_objects_within_records_become_columns_unless_told_otherwise(tmp_path: Path) -> None:
    records = [{"id": n, "at": {"lat": n / 2, "where": {"city": "Ulm"}}, "tags": ["a", n]} for n in range(40)]
    text = "\n".join(json.dumps(record) for record in records)
    table, found = read(tmp_path, text, "t.jsonl")
    assert found.columns == ["id", "at.lat", "at.where.city", "tags"]
    assert "`nested: text`" in told(table)
    _, kept = read(tmp_path, text, "t.jsonl", nested=True)
    assert kept.columns == ["id", "at", "tags"]
    answer = json.dumps({"count": 40, "results": records})
    table, found = read(tmp_path, answer, "t.json")
    assert (found.height, found.columns[1]) == (40, "at.lat")
    assert "those in the list 'results'" in told(table)


def test_a_sheet_with_a_title_a_total_and_names_twice_gives_its_table(tmp_path: Path) -> None:
    import xlsxwriter

    path = tmp_path / "t.xlsx"
    with closing(xlsxwriter.Workbook(path)) as book:
        sheet = book.add_worksheet("s")
        sheet.write(0, 0, "Sales 2020")
        sheet.write_row(2, 1, ["shop", "order date", "amount", "amount"])
        for n in range(20):
            sheet.write_row(3 + n, 1, [f"shop {n}", 43_831 + n, n * 1.5, n])
        sheet.write_row(23, 1, ["Total", None, sum(n * 1.5 for n in range(20)), 190])
    table, found = read_path(path, tmp_path)
    assert found.columns == ["shop", "order date", "amount", "amount_2"]
    assert (found.height, found["order date"][1]) == (20, datetime(2020, 1, 2, tzinfo=UTC))
    assert "`footer: 0`" in told(table)
    _, kept = read_path(path, tmp_path, footer=0)
    assert kept.height == 21


def test_identifiers_as_floats_are_whole_numbers(tmp_path: Path) -> None:
    table, _ = read(tmp_path, "customer_id,x\n" + rows(lambda n: f"{12345 + n}.0,{n % 5}"))
    assert field(table, "customer_id").integer
