"""Reading whole sources: what comes out, and the one sentence when nothing can."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tenfold.connectors.infer import FieldOverride
from tenfold.connectors.land import source_fingerprint
from tenfold.connectors.read import SourceTable, read_source
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Field


def read(path: Path, tmp_path: Path, **request: object) -> tuple[SourceTable, pl.DataFrame]:
    overrides = request.pop("overrides", {})
    timezone = request.pop("timezone", None)
    table = read_source(
        SourceRequest(name="x", location=str(path), shown=path.name, **request),  # type: ignore[arg-type]
        into=tmp_path / "out" / "table.parquet",
        overrides=overrides,  # type: ignore[arg-type]
        timezone=timezone,  # type: ignore[arg-type]
    )
    return table, pl.read_parquet(table.path)


def read_text(
    text: str | bytes, tmp_path: Path, *, name: str = "x.csv", **request: object
) -> tuple[SourceTable, pl.DataFrame]:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, tmp_path, **request)


def field(table: SourceTable, name: str) -> Field:
    return next(known for known in table.fields if known.name == name)


def refusal(text: str | bytes, tmp_path: Path, **request: object) -> str:
    with pytest.raises(DataError) as raised:
        read_text(text, tmp_path, **request)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_a_text_without_a_header_gets_numbered_columns_and_stripped_values(tmp_path: Path) -> None:
    text = "39, State-gov, ?, <=50K\n50, Private, 12, >50K\n38, Private, 7, <=50K\n53, State-gov, 9, >50K\n"
    table, rows = read_text(text * 3 + "\n", tmp_path)
    assert rows.columns == ["column_1", "column_2", "column_3", "column_4"]
    assert rows["column_4"].unique().sort().to_list() == ["<=50K", ">50K"]
    assert rows["column_3"].null_count() == 3
    assert field(table, "column_3").missing_markers == ("?",)
    assert table.source.dialect["header"] == "no"
    assert rows.height == 12


def test_a_header_is_told_from_rows(tmp_path: Path) -> None:
    table, rows = read_text("name,age\nann,3\nbob,4\n", tmp_path)
    assert rows.columns == ["name", "age"]
    assert rows.rows() == [("ann", 3.0), ("bob", 4.0)]
    assert table.source.dialect["header"] == "yes"


@pytest.mark.parametrize(("delimiter", "shown"), [(",", ","), (";", ";"), ("\t", "tab"), ("|", "|")])
def test_the_delimiter_is_found_and_recorded(tmp_path: Path, delimiter: str, shown: str) -> None:
    text = "\n".join(delimiter.join(row) for row in (("a", "b", "c"), ("1", "x y", "2"), ("3", "z", "4"))) + "\n"
    table, rows = read_text(text, tmp_path)
    assert rows.columns == ["a", "b", "c"]
    assert table.source.dialect["delimiter"] == shown


def test_semicolons_with_decimal_commas_are_not_cut_at_the_commas(tmp_path: Path) -> None:
    table, rows = read_text("1,5;2,25;3,0\n1,75;2,5;3,5\n4,5;1,25;0,5\n", tmp_path)
    assert rows.width == 3
    assert rows["column_1"].to_list() == [1.5, 1.75, 4.5]
    assert field(table, "column_1").decimal_comma


def test_thousands_are_read_with_a_point_where_another_column_proves_decimal_commas(tmp_path: Path) -> None:
    table, rows = read_text("price;people\n1,5;1.234\n2,25;12.500\n3,75;900\n", tmp_path)
    assert rows["people"].to_list() == [1234.0, 12500.0, 900.0]
    assert field(table, "people").thousands == "."


def test_numbers_with_thousands_separators_are_numbers(tmp_path: Path) -> None:
    table, rows = read_text('n,m\n"1,013",2\n12,3\n"2,000,500",4\n', tmp_path)
    assert rows["n"].to_list() == [1013.0, 12.0, 2000500.0]
    assert field(table, "n").thousands == ","
    assert field(table, "n").integer


def test_stray_quotes_switch_quoting_off_and_swallow_no_row(tmp_path: Path) -> None:
    lines = [
        f'ham\the said "hello {number} and\tx' if number % 3 else f'spam\t"free {number}\ty' for number in range(9)
    ]
    table, rows = read_text("\n".join(lines) + "\n", tmp_path, name="x.tsv")
    assert rows.height == 9
    assert table.source.dialect["quote"] == "none"


def test_quoted_fields_may_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    table, rows = read_text('id,remark\n1,"one, two"\n2,"three\nfour"\n3,"say ""five"""\n', tmp_path)
    assert rows["remark"].to_list() == ["one, two", "three\nfour", 'say "five"']
    assert table.source.rows == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    _, rows = read_text("städte,größe\nKöln,1\nBrühl,2\nMünchen,3\n".encode(encoding), tmp_path)
    assert rows.columns == ["städte", "größe"]
    assert rows["städte"].to_list() == ["Köln", "Brühl", "München"]


def test_an_eight_bit_byte_far_into_the_file_is_read(tmp_path: Path) -> None:
    text = b"name,n\n" + b"abc,1\n" * 300_000 + "Müller,2\n".encode("latin-1")
    table, rows = read_text(text, tmp_path)
    assert rows["name"][-1] == "Müller"
    assert table.source.dialect["encoding"] == "cp1252"


def test_old_line_ends_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    for text in ("a,b\r1,2\r3,4\r", "a,b\r\n1,2\r\n3,4\r\n"):
        _, rows = read_text(text, tmp_path)
        assert rows.rows() == [(1.0, 2.0), (3.0, 4.0)]


def test_compressed_texts_are_read_whatever_their_name(tmp_path: Path) -> None:
    import pyarrow

    text = b"a,b\n1,x\n2,y\n"
    table, rows = read_text(gzip.compress(text), tmp_path, name="x.csv")
    assert (rows.height, table.source.dialect["compression"]) == (2, "gzip")
    packed = pyarrow.compress(text, codec="zstd", asbytes=True)
    table, rows = read_text(packed, tmp_path, name="x.csv.zst")
    assert (rows.height, table.source.dialect["compression"]) == (2, "zstd")


def test_empty_lines_are_no_rows_but_rows_of_delimiters_are(tmp_path: Path) -> None:
    _, rows = read_text("a,b\n1,2\n\n,\n3,4\n\n\n", tmp_path)
    assert rows.rows() == [(1.0, 2.0), (None, None), (3.0, 4.0)]
    _, rows = read_text("a\n1\n\n3\n", tmp_path)
    assert rows["a"].to_list() == [1.0, None, 3.0]


def test_blank_headings_are_numbered(tmp_path: Path) -> None:
    _, rows = read_text("id,,value,\n1,2,3,x\n4,5,6,y\n", tmp_path)
    assert rows.columns == ["id", "column_2", "value", "column_4"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3,4,5\n6,7\n", "3 fields in line 3 where 2 are expected"),
        ("a,b\n1,2\n3\n6,7\n", "1 field in line 3 where 2 are expected"),
        ("a,b\n", "has no rows"),
        ("", "is empty"),
        ("\n\n  \n", "holds no row"),
        (b"a,b\n1,2\n3,\x004\n", "NUL byte in line 3"),
        (b"PAR1 and more", "holds Parquet"),
        (b"PK\x03\x04 and more", "zip archive"),
    ],
)
def test_a_text_that_cannot_be_read_gets_one_clear_sentence(tmp_path: Path, text: str | bytes, said: str) -> None:
    message = refusal(text, tmp_path)
    assert said in message
    assert "x.csv" in message


def test_a_missing_file_is_named_with_its_nearest_neighbour(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"costumers.csv does not exist. Did you mean 'customers.csv'\?"):
        read(tmp_path / "costumers.csv", tmp_path)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path, tmp_path)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)  # root may read everything, so the mode bits prove nothing
    with pytest.raises(DataError, match="may not be read"):
        read(path, tmp_path)


def test_a_text_named_parquet_is_refused(tmp_path: Path) -> None:
    assert "is not a Parquet file" in refusal("a,b\n1,2\n", tmp_path, name="x.parquet")


def test_a_file_whose_name_looks_like_a_pattern_is_read(tmp_path: Path) -> None:
    _, rows = read_text("a,b\n1,2\n", tmp_path, name="x[1]*.csv")
    assert rows.height == 1
    rows.write_parquet(tmp_path / "y[1]?.parquet")
    assert read(tmp_path / "y[1]?.parquet", tmp_path)[1].height == 1


def test_a_zone_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert "'Mars/Base' is not a time zone" in refusal("a,b\n1,2\n", tmp_path, timezone="Mars/Base")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    import pyarrow

    text = "a,b\n" + "".join(f"{number},{number * 7919 % 10007}\n" for number in range(20_000))
    for packed in (gzip.compress(text.encode()), pyarrow.compress(text.encode(), codec="zstd", asbytes=True)):
        assert "damaged" in refusal(packed[: len(packed) // 2], tmp_path)
    packed = gzip.compress(text.encode())
    assert "damaged" in refusal(packed[:5000] + b"overwritten" + packed[5011:], tmp_path)


def test_an_endless_line_is_refused_after_sixteen_mebibytes(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with path.open("wb") as stream:
        stream.write(b"a,b\n1,2\n")
        for _ in range(20):
            stream.write(b"9" * (1 << 20))
    with pytest.raises(DataError, match=r"more than 16 MiB without a line end \(line 3\)"):
        read(path, tmp_path)


def test_a_late_value_of_another_kind_widens_the_column_and_is_never_lost(tmp_path: Path) -> None:
    text = "n,m\n" + "1,2\n" * 210_000 + "abc,3\n"
    table, rows = read_text(text, tmp_path)
    assert field(table, "n").kind == "categorical"
    assert rows["n"][-1] == "abc"
    assert rows["n"].null_count() == 0
    assert field(table, "m").kind == "numeric"


def test_a_late_marker_and_a_late_thousand_keep_a_column_of_numbers(tmp_path: Path) -> None:
    text = "n;m\n" + "1;2\n" * 210_000 + "NA;1,013\n"
    table, rows = read_text(text, tmp_path)
    assert field(table, "n").missing_markers == ("NA",)
    assert rows["m"][-1] == 1013.0


def test_a_declared_kind_that_does_not_fit_names_row_and_value(tmp_path: Path) -> None:
    message = refusal("n,m\n1,2\nabc,3\n", tmp_path, overrides={"n": FieldOverride(kind="numeric")})
    assert "column 'n' is declared numeric, but row 2 holds 'abc'" in message


def test_declared_kinds_and_markers_win(tmp_path: Path) -> None:
    overrides = {"code": FieldOverride(kind="categorical"), "n": FieldOverride(missing=("-999",))}
    table, rows = read_text("code,n\n1,5\n2,-999\n10,7\n", tmp_path, overrides=overrides)
    assert rows["code"].to_list() == ["1", "2", "10"]
    assert rows["n"].to_list() == [5.0, None, 7.0]
    assert field(table, "code").reason == "declared categorical (3 distinct)"


def test_an_override_of_an_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    message = refusal("amount,b\n1,2\n", tmp_path, overrides={"amuont": FieldOverride(kind="numeric")})
    assert "Did you mean 'amount'?" in message


def test_records_as_json_lines_and_as_an_array_are_read_alike(tmp_path: Path) -> None:
    lines = '{"a": 1, "b": "x", "c": true}\n{"a": 2.50, "b": null, "c": false}\n{"b": "z", "d": [1, 2]}\n'
    array = "[" + lines.strip().replace("\n", ",\n") + "]"
    _, first = read_text(lines, tmp_path, name="x.jsonl")
    table, second = read_text(array, tmp_path, name="x.json")
    assert first.equals(second)
    assert first.rows() == [(1.0, "x", True, None), (2.5, None, False, None), (None, "z", None, "[1, 2]")]
    assert table.source.format == "json"


def test_words_such_as_none_are_labels_where_the_column_holds_words(tmp_path: Path) -> None:
    _, rows = read_text('[{"d": "None"}, {"d": "Minor"}, {"d": "None"}]', tmp_path, name="x.json")
    assert rows["d"].null_count() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a": 2\n', "is not JSON records"),
        ('{"a": 1}\n[1]\n', "an array in line 2"),
        ("[]", "holds no record"),
        ("[1, 2]", "the value '1' in line 1"),
    ],
)
def test_json_that_is_not_records_gets_one_clear_sentence(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(text, tmp_path, name="x.json")


def test_parquet_keeps_types_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "n": [1.5, float("nan"), float("inf")],
            "i": [1, 2, 3],
            "b": [True, None, False],
            "t": [datetime(2026, 1, 1, 12), None, datetime(2026, 7, 1, 12)],  # noqa: DTZ001  # wall-clock times are meant
            "e": [[1.0], [2.0], [3.0]],
        }
    )
    path = tmp_path / "x.parquet"
    frame.write_parquet(path)
    table, rows = read(path, tmp_path, timezone="Europe/Berlin")
    assert rows.columns == ["n", "i", "b", "t"]
    assert rows["n"].to_list() == [1.5, None, None]
    assert "infinite" in field(table, "n").reason
    assert rows["t"].to_list() == [datetime(2026, 1, 1, 11, tzinfo=UTC), None, datetime(2026, 7, 1, 10, tzinfo=UTC)]
    assert "'e' holds List(Float64)" in table.notes[0]


def test_the_fingerprint_is_that_of_the_bytes(tmp_path: Path) -> None:
    for name in ("x.csv", "y.csv"):
        (tmp_path / name).write_text("a\n1\n")
    first, second = (SourceRequest(name="x", location=str(tmp_path / name)) for name in ("x.csv", "y.csv"))
    assert source_fingerprint(first) == source_fingerprint(second)
    (tmp_path / "y.csv").write_text("a\n2\n")
    assert source_fingerprint(first) != source_fingerprint(second)


def test_a_long_table_streams_to_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tenfold.connectors.delimited as delimited_module
    import tenfold.connectors.read as read_module

    text = "a,b,c\n" + "".join(f"{number % 97},{'xyz'[number % 3]},{number}\n" for number in range(20_000))
    table, rows = read_text(text, tmp_path)
    monkeypatch.setattr(read_module, "_SAMPLE_ROWS", 1000)
    monkeypatch.setattr(read_module, "_IN_MEMORY_CELLS", 10)
    monkeypatch.setattr(delimited_module, "IN_MEMORY_BYTES", 10)
    streamed, streamed_rows = read_text(text, tmp_path)
    assert streamed.fields == table.fields
    assert streamed_rows.equals(rows)
