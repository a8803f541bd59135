"""Workbooks, Arrow, DuckDB, Delta, folders of images and audio, functions: what comes out of each, twice the same."""

from __future__ import annotations

import io
import struct
import wave
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pyarrow
import pytest

from tenfold.connectors.folders.audio import describe_audio
from tenfold.connectors.land import source_fingerprint
from tenfold.connectors.read import SourceTable, read_source
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError
from tenfold.foundation.fingerprint import hash_file

ROWS = pl.DataFrame({"id": [1, 2, 3], "city": ["Köln", None, "Ulm"], "amount": [2.5, 4.0, None]})


def read(location: Path | str, tmp_path: Path, **more: object) -> tuple[SourceTable, pl.DataFrame]:
    request = SourceRequest(name="x", location=str(location), **more)  # type: ignore[arg-type]
    table = read_source(request, into=tmp_path / "out" / "table.parquet")
    again = read_source(request, into=tmp_path / "out" / "again.parquet")
    assert again.source.snapshot == table.source.snapshot
    assert hash_file(again.path) == hash_file(table.path)
    return table, pl.read_parquet(table.path)


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    import xlsxwriter

    path = tmp_path / "orders.xlsx"
    with closing(xlsxwriter.Workbook(path)) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet = book.add_worksheet("orders")
        sheet.write_row(2, 1, ["id", "code", "mixed words", "at", "twice", "wrong", "paid"])
        for row, (code, mixed) in enumerate((("007", 1), ("010", "x"), ("011", 2.5)), start=3):
            sheet.write_number(row, 1, row)
            sheet.write_string(row, 2, code)
            sheet.write(row, 3, mixed)
            sheet.write_datetime(row, 4, datetime(2026, 1, row), day)  # noqa: DTZ001  # workbooks know no zones
            sheet.write_formula(row, 5, f"=B{row + 1}*2", None, 2 * row)
            sheet.write_formula(row, 6, "=1/0", None, "#DIV/0!")
            sheet.write_boolean(row, 7, row > 3)
        book.add_worksheet("empty")
        other = book.add_worksheet("prices")
        other.write_column(0, 0, ["price", 5])
    return path


def test_a_sheet_gives_its_values_and_never_its_formulas(workbook: Path, tmp_path: Path) -> None:
    table, rows = read(workbook, tmp_path, table="orders")
    kinds = {field.name: field.kind for field in table.fields}
    assert (kinds["id"], kinds["code"], kinds["mixed words"]) == ("numeric", "categorical", "categorical")
    assert rows["code"].to_list() == ["007", "010", "011"]
    assert rows["mixed words"].to_list() == ["1", "x", "2.5"]
    assert rows["at"][0] == datetime(2026, 1, 3, tzinfo=UTC)
    assert rows["twice"].to_list() == [6.0, 8.0, 10.0]
    assert rows["wrong"].null_count() == 3
    assert rows["paid"].to_list() == [False, True, True]
    assert (table.source.format, table.source.dialect["sheet"]) == ("excel", "orders")
    assert table.source.snapshot == hash_file(workbook)


def test_which_sheet_is_meant_must_be_said_where_several_hold_rows(workbook: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has several sheets \(orders, prices\): name one with `table`"):
        read(workbook, tmp_path)
    with pytest.raises(DataError, match=r"has no sheet 'ordres'.*Did you mean 'orders'"):
        read(workbook, tmp_path, table="ordres")
    with pytest.raises(DataError, match="has no rows"):
        read(workbook, tmp_path, table="empty")


def test_what_is_called_a_workbook_and_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not an Excel workbook, or damaged"):
        read(path, tmp_path)


@pytest.mark.parametrize("name", ["x.arrow", "x.feather", "no-ending"])
def test_arrow_files_keep_their_types(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ROWS.write_ipc(path, compression="zstd")
    table, rows = read(path, tmp_path)
    assert rows.rows() == [(1.0, "Köln", 2.5), (2.0, None, 4.0), (3.0, "Ulm", None)]
    assert (table.source.format, table.source.snapshot) == ("arrow", hash_file(path))


def test_an_arrow_stream_in_a_file_is_read_batch_by_batch(tmp_path: Path) -> None:
    path = tmp_path / "x.arrows"
    batch = pyarrow.record_batch({"n": [1, 2]})
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch)
    assert read(path, tmp_path)[1]["n"].to_list() == [1.0, 2.0, 1.0, 2.0]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="not an Arrow file, or damaged"):
        read(path, tmp_path)


@pytest.fixture
def duck(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT i AS id, 'w' || i AS word FROM range(50000) AS t(i)")
        connection.execute(f"CREATE VIEW outside AS SELECT * FROM read_csv('{tmp_path}/secret.csv')")
    return path


def test_duckdb_files_are_told_from_sqlite_and_read_in_order(duck: Path, tmp_path: Path) -> None:
    table, rows = read(duck, tmp_path, table="orders")
    assert rows["id"].to_list() == [float(at) for at in range(50_000)]
    assert table.source.format == "duckdb"
    assert read(duck, tmp_path, query="SELECT count(*) AS n FROM orders")[1]["n"].to_list() == [50_000.0]
    assert source_fingerprint(SourceRequest(name="x", location=str(duck), table="orders")) is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"table": "ordres"}, "has no table 'ordres'. Did you mean 'orders'"),
        ({"query": "SELECT * FROM read_text('/etc/hostname')"}, "disabled"),
        ({"query": "DROP TABLE orders"}, "must be one SELECT"),
        ({"query": "SELECT 1; SELECT 2"}, "must be one SELECT"),
        ({"query": "SELECT nothing FROM orders"}, "cannot be read"),
        ({}, "name either a `table` or a `query`"),
    ],
)
def test_a_duckdb_file_gives_its_own_tables_and_nothing_else(
    duck: Path, tmp_path: Path, asked: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read(duck, tmp_path, **asked)


def test_a_view_of_a_duckdb_file_cannot_reach_other_files(duck: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="disabled"):
        read(duck, tmp_path, table="outside")


def test_a_delta_table_is_read_at_its_newest_version_and_torn_commits_are_refused(tmp_path: Path) -> None:
    import deltalake

    folder = tmp_path / "orders"
    deltalake.write_deltalake(folder, ROWS.to_arrow())
    deltalake.write_deltalake(folder, ROWS.with_columns(id=pl.col("id") + 10).to_arrow(), mode="append")
    table, rows = read(folder, tmp_path)
    assert sorted(rows["id"].to_list()) == [1.0, 2.0, 3.0, 11.0, 12.0, 13.0]
    assert (table.source.format, table.source.dialect["version"]) == ("delta", "1")
    (folder / "_delta_log" / "00000000000000000002.json").write_bytes(b"")
    with pytest.raises(DataError, match=r"its commit 0+2\.json is empty"):
        read(folder, tmp_path)


def tone(path: Path, *, rate: int = 8000, channels: int = 2, seconds: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sink:
        sink.setnchannels(channels)
        sink.setsampwidth(2)
        sink.setframerate(rate)
        sink.writeframes(bytes(int(rate * seconds) * channels * 2))


def test_a_folder_of_audio_is_a_row_for_each_file_with_what_its_header_says(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    tone(folder / "angry" / "b.wav")
    tone(folder / "calm" / "a.WAV", rate=16_000, channels=1, seconds=1.25)
    (folder / "calm" / "notes.txt").write_text("no sound")
    tone(folder / ".hidden" / "c.wav")
    table, rows = read(folder, tmp_path)
    assert rows["path"].to_list() == ["angry/b.wav", "calm/a.WAV"]
    assert rows["label"].to_list() == ["angry", "calm"]
    assert rows.select("rate", "channels", "bits", "seconds", "format").rows() == [
        (8000.0, 2.0, 16.0, 0.5, "pcm"),
        (16_000.0, 1.0, 16.0, 1.25, "pcm"),
    ]
    assert rows["sha256"][0] == hash_file(folder / "angry" / "b.wav")
    assert table.source.format == "audio"
    before = table.source.snapshot
    tone(folder / "angry" / "b.wav", seconds=0.25)
    assert read(folder, tmp_path)[0].source.snapshot != before


def test_a_damaged_sound_is_a_row_that_says_nothing_and_is_named(tmp_path: Path) -> None:
    tone(tmp_path / "calls" / "a.wav")
    (tmp_path / "calls" / "b.wav").write_bytes(b"RIFFnonsense")
    table, rows = read(tmp_path / "calls", tmp_path)
    assert rows["rate"].to_list() == [8000.0, None]
    assert "label" not in rows.columns
    assert any("1 file is not what the name says, such as b.wav" in note for note in table.notes)


def test_the_length_of_a_sound_is_that_of_the_samples_that_are_there() -> None:
    header = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 3, 1, 100, 400, 4, 32)
    facts = describe_audio(header + b"data\xff\xff\xff\xff" + bytes(800))
    assert facts is not None
    assert (facts["seconds"], facts["format"]) == (2.0, "float")
    assert describe_audio(b"") is None
    assert describe_audio(header) is None


def test_a_folder_of_images_is_a_row_for_each_file_with_what_its_header_says(tmp_path: Path) -> None:
    from PIL import Image

    for label, mode, size, name in (("cat", "RGB", (30, 20), "a.png"), ("dog", "L", (5, 7), "b.jpg")):
        (tmp_path / "pets" / label).mkdir(parents=True)
        Image.new(mode, size).save(tmp_path / "pets" / label / name)
    (tmp_path / "pets" / "dog" / "c.png").write_bytes(b"\x89PNG\r\n\x1a\ncut short")
    table, rows = read(tmp_path / "pets", tmp_path)
    assert rows.select("path", "label", "width", "height", "mode", "format").rows() == [
        ("cat/a.png", "cat", 30.0, 20.0, "RGB", "png"),
        ("dog/b.jpg", "dog", 5.0, 7.0, "L", "jpeg"),
        ("dog/c.png", "dog", None, None, None, None),
    ]
    assert any("such as dog/c.png" in note for note in table.notes)


def test_an_image_made_to_fill_the_memory_is_only_looked_at(tmp_path: Path) -> None:
    from PIL import Image

    sink = io.BytesIO()
    Image.new("1", (1, 1)).save(sink, "bmp")
    content = bytearray(sink.getvalue())
    content[18:26] = struct.pack("<ii", 60_000, 60_000)
    (tmp_path / "bombs").mkdir()
    (tmp_path / "bombs" / "a.bmp").write_bytes(content)
    assert read(tmp_path / "bombs", tmp_path)[1].height == 1


def test_a_folder_without_anything_to_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="is a folder without images or audio; name a file in it"):
        read(tmp_path / "nothing", tmp_path)


FUNCTIONS = """
import neighbour
import polars as pl
import pyarrow

def rows():
    print("what is printed is not read")
    return pl.DataFrame({"n": [1, neighbour.TWO]})

def arrow():
    return pyarrow.table({"n": [1, 2]})

def pandas():
    import pandas
    return pandas.DataFrame({"n": [1, 2]}, index=["a", "b"])

def portions():
    for start in range(0, 9, 3):
        yield pl.DataFrame({"n": [start, start + 1, start + 2]})

def nothing():
    return 7

def fails():
    raise ValueError("the service is closed")

def sleeps():
    import threading
    threading.Event().wait()
"""


@pytest.fixture
def functions(tmp_path: Path) -> str:
    (tmp_path / "features.py").write_text(FUNCTIONS)
    (tmp_path / "neighbour.py").write_text("TWO = 2\n")
    return str(tmp_path / "features.py")


@pytest.mark.parametrize("name", ["rows", "arrow", "pandas"])
def test_a_function_may_return_a_table_of_any_common_library(functions: str, tmp_path: Path, name: str) -> None:
    table = read_source(SourceRequest(name="x", location=f"{functions}:{name}"), into=tmp_path / "t.parquet")
    assert pl.read_parquet(table.path).to_dict(as_series=False) == {"n": [1.0, 2.0]}
    assert table.source.format == "function"


def test_a_function_may_yield_portions(functions: str, tmp_path: Path) -> None:
    table = read_source(SourceRequest(name="x", location=f"{functions}:portions"), into=tmp_path / "t.parquet")
    assert pl.read_parquet(table.path)["n"].to_list() == [float(at) for at in range(9)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "the function returns int, where a table of polars, pandas or Arrow is expected"),
        ("fails", "fails: ValueError: the service is closed"),
        ("absent", "features.py has no function 'absent'"),
    ],
)
def test_a_function_that_gives_no_table_is_told_in_one_sentence(
    functions: str, tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read_source(SourceRequest(name="x", location=f"{functions}:{name}"), into=tmp_path / "t.parquet")


def test_a_function_that_never_returns_is_ended(functions: str, tmp_path: Path) -> None:
    from tenfold.connectors.function import call_function

    with pytest.raises(DataError, match="did not return within 2 s"):
        call_function(f"{functions}:sleeps", shown="x", into=tmp_path / "t.parquet", seconds=2.0)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenfold.connectors import read as reading

    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    land = reading.land

    def write_meanwhile(request: SourceRequest, workdir: Path) -> object:
        landed = land(request, workdir)
        path.write_text("a,b\n1,2\n3,4\n")
        return landed

    monkeypatch.setattr(reading, "land", write_meanwhile)
    with pytest.raises(DataError, match="was changed while it was read"):
        read_source(SourceRequest(name="x", location=str(path)), into=tmp_path / "t.parquet")
