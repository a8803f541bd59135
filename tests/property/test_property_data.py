"""Laws of reading: nothing is lost, nothing changes order, reading twice gives the same."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.bundle.signature import Signature
from tenfold.connectors.read import SourceTable, read_for_model, read_source
from tenfold.connectors.request import SourceRequest
from tenfold.stages.data.duplicates import find_copies

WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def as_csv(rows: list[list[str]]) -> str:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(rows)
    return sink.getvalue()


def read(text: str, folder: Path, *, header: bool = True) -> SourceTable:
    path = folder / "x.csv"
    path.write_text(text, encoding="utf-8")
    request = SourceRequest(name="x", location=str(path), delimiter=",", quote=True, header=header)
    return read_source(request, into=folder / "x.parquet")


@SLOW
@given(st.lists(st.tuples(WORDS, NUMBERS | st.none()), min_size=1, max_size=30))
def test_every_value_of_a_text_is_kept_or_is_a_recorded_marker(rows: list[tuple[str, float | None]]) -> None:
    written = [["key", "word", "number"]]
    written += [[f"k{at}", word, "" if number is None else repr(number)] for at, (word, number) in enumerate(rows)]
    with tempfile.TemporaryDirectory() as folder:
        table = read(as_csv(written), Path(folder))
        frame = pl.read_parquet(table.path)
    assert frame.height == len(rows)
    assert frame["key"].to_list() == [f"k{at}" for at in range(len(rows))]
    fields = {field.name: field for field in table.fields}
    for (word, number), kept_word, kept_number in zip(rows, frame["word"], frame["number"], strict=True):
        if word.strip() and word.strip() not in fields["word"].missing_markers:
            assert kept_word is not None
            if fields["word"].kind in {"categorical", "text"}:
                assert kept_word == word.strip()
        else:
            assert kept_word is None
        if number is None:
            assert kept_number is None
        else:
            assert math.isclose(kept_number, number, rel_tol=1e-12, abs_tol=1e-300)


@SLOW
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["1", "2.5", "?", "NA", "", "1,013", "0,5", "abc", "007", "2026-01-31", "31.12.2025", "true"]
            ),
            st.sampled_from(["red", "green", "blue", "?", ""]),
        ),
        min_size=2,
        max_size=20,
    )
)
def test_rows_to_predict_are_read_as_the_rows_to_learn_from(rows: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = [["key", "a", "b"], *([f"k{at}", *row] for at, row in enumerate(rows))]
        table = read(as_csv(written), folder)
        again = pl.concat(
            read_for_model(str(folder / "x.csv"), table.fields, dialect=table.source.dialect, rows_at_once=3)
        )
        learned = pl.read_parquet(table.path)
    assert again.equals(learned)
    # What a caller sends to the model is read by the bundle: it must come to the same.
    sent = pl.DataFrame(written[1:], schema=written[0], orient="row")
    assert Signature(fields=table.fields).conform(sent).equals(learned)


@SLOW
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([1.0, 2.0, None])), min_size=1, max_size=40))
def test_copies_are_exactly_the_equal_rows(rows: list[tuple[str, float | None]]) -> None:
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.Float64}, orient="row")
    copies = find_copies(frame)
    numbers = copies.number.to_list()
    for left in range(len(rows)):
        for right in range(len(rows)):
            assert (numbers[left] == numbers[right]) == (rows[left] == rows[right])
    assert copies.repeated == len(rows) - len(set(rows))
