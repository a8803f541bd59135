from __future__ import annotations

import pytest

from tenfold.cli.table import interval, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (12034, "12,034"),
        (0.712345, "0.7123"),
        (41962.34, "41,962"),
        (1234.56, "1235"),
        (0.00001234, "1.234e-05"),
        (50.0, "50"),
        (-0.5, "-0.5"),
        (1e15, "1e+15"),
        (float("nan"), "nan"),
        ("text", "text"),
    ],
)
def test_numbers_are_short_and_large_ones_are_written_in_full(value: object, text: str) -> None:
    assert number(value) == text


def test_an_interval_may_be_open_or_absent() -> None:
    assert interval({"value": 0.5, "low": 0.4, "high": 0.6}) == "0.5 [0.4, 0.6]"
    assert interval({"value": 0.5, "low": None, "high": 0.6}) == "0.5 […, 0.6]"
    assert interval({"value": 0.5}) == "0.5"
    assert interval({}) == "–"
