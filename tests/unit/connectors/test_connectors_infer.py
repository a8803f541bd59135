"""What columns are taken for, and why."""

from __future__ import annotations

import polars as pl
import pytest

from tenfold.connectors.infer import FieldOverride, infer_fields
from tenfold.records.dataset import Field


def infer(values: list[object], *, name: str = "x", override: FieldOverride | None = None) -> tuple[Field, str]:
    frame = pl.DataFrame({name: values}, strict=False)
    ((field, reason),) = infer_fields(frame, overrides={name: override} if override else None)
    return field, reason


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        (["1", "2", " 3 "], "numeric", "whole numbers"),
        (["1.5", "-2e3", ".5"], "numeric", "numbers"),
        (["38.50", "?", "39"], "numeric", "'?' means missing"),
        (["1", "-", "2", "N/A", "none"], "numeric", "mean missing"),
        (["01", "02", "10"], "categorical", "leading zeros such as '01'"),
        (["12345678901234567890", "2"], "categorical", "too long for a quantity"),
        (["1", "2", "abc", "3", "4", "5", "6"], "categorical", "but not 'abc'"),
        (["True", "FALSE", "true", None], "boolean", "true or false"),
        (["Yes", "No", "No"], "categorical", "words"),
        (["-", "x", "none"], "categorical", "words"),
        (["a", "?", "b"], "categorical", "'?' means missing"),
        (["", "  ", None], "categorical", "every value is missing"),
        (["NA", "?"], "categorical", "every value is missing"),
        (["2026-01-31", "2026-02-01"], "datetime", "ISO 8601"),
        (["2026-01-31T10:00:00Z", "2026-01-31 11:00:00.5+01:00"], "datetime", "ISO 8601"),
        (["31.12.2025", "1.1.2026"], "datetime", "'%d.%m.%Y'"),
        (["12/31/90 0:00", "1/8/90 13:45"], "datetime", "years of two digits"),
        (["1982 Apr", "1982 May"], "datetime", "'%Y %b'"),
        (["1949-01", "1949-12"], "datetime", "'%Y-%m'"),
        (["Jan 5, 2026", "Feb 14, 2026"], "datetime", "'%b %d, %Y'"),
        (["12:30", "13:45"], "categorical", "words"),
        (["2026-02-30", "2026-01-01"], "categorical", "words"),
    ],
)
def test_a_column_of_strings_is_taken_for_what_it_is(values: list[object], kind: str, said: str) -> None:
    field, reason = infer(values)
    assert field.kind == kind
    assert said in reason


@pytest.mark.parametrize(
    ("values", "decimal_comma", "thousands"),
    [
        (["1,5", "2,25"], True, ""),
        (["1,013", "12"], False, ","),
        (["1,013.5", "12"], False, ","),
        (["1.013,5", "12"], True, "."),
        (["1 013,5", "12"], True, " "),
        (["1'013.5", "12"], False, "'"),
        (["0,123", "0,250"], True, ""),
    ],
)
def test_how_numbers_are_written_is_found(values: list[object], decimal_comma: bool, thousands: str) -> None:
    field, _ = infer(values)
    assert (field.kind, field.decimal_comma, field.thousands) == ("numeric", decimal_comma, thousands)


def test_day_and_month_that_cannot_be_told_apart_are_said_and_put_in_the_better_order() -> None:
    field, reason = infer(["01/02/2026", "01/03/2026", "01/04/2026", "02/01/2026"])
    assert field.datetime_format == "%m/%d/%Y"
    assert "day and month cannot be told apart" in reason
    field, _ = infer(["01/02/2026", "02/02/2026", "03/02/2026", "01/03/2026"])
    assert field.datetime_format == "%d/%m/%Y"


def test_eight_digits_are_dates_only_under_a_name_that_says_so() -> None:
    assert infer(["20260131", "20260201"], name="order_date")[0].datetime_format == "%Y%m%d"
    assert infer(["20260131", "20260201"], name="amount")[0].kind == "numeric"


def test_names_that_people_bear_are_no_markers() -> None:
    field, _ = infer(["Nan", "Null", "Ann", "None"])
    assert field.missing_markers == ()


def test_na_among_two_letter_codes_is_namibia() -> None:
    assert infer(["NA", "DE", "FR", "IT", "ES", "PL"])[0].missing_markers == ()
    assert infer(["NA", "Dream", "Biscoe"])[0].missing_markers == ("NA",)


def test_long_distinct_strings_are_text_and_repeated_ones_are_not() -> None:
    sentences = [f"this is sentence number {number}, long enough to be read as text" for number in range(50)]
    assert infer(list(sentences))[0].kind == "text"
    assert infer(sentences[:2] * 25)[0].kind == "categorical"


def test_long_codes_without_blanks_are_no_text() -> None:
    assert infer([f"{number:040x}" + "a" for number in range(50)])[0].kind == "categorical"


def test_typed_columns_keep_their_types() -> None:
    frame = pl.DataFrame({"i": [1, 2], "f": [1.0, 2.5], "b": [True, False], "big": [2**60, 1]})
    assert [field.kind for field, _ in infer_fields(frame)] == ["numeric", "numeric", "boolean", "categorical"]


def test_strings_stay_words_where_types_were_chosen() -> None:
    frame = pl.DataFrame({"code": ["1", "2"], "day": ["2026-01-01", "2026-01-02"]})
    assert [field.kind for field, _ in infer_fields(frame, typed=True)] == ["categorical", "categorical"]


@pytest.mark.parametrize("kind", ["numeric", "categorical", "text"])
def test_a_declared_kind_wins(kind: str) -> None:
    field, reason = infer(["01", "2", "n/a"], override=FieldOverride(kind=kind))  # type: ignore[arg-type]
    assert field.kind == kind
    assert field.missing_markers == ("n/a",)
    assert reason == f"declared {kind}"


def test_a_declared_pattern_of_times_is_used() -> None:
    field, _ = infer(["01/02/2026"], override=FieldOverride(datetime_format="%m/%d/%Y", timezone="Asia/Tokyo"))
    assert (field.kind, field.datetime_format, field.timezone) == ("datetime", "%m/%d/%Y", "Asia/Tokyo")
