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


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.99987, 0.99975, 0.99996, "0.9999 [0.9997, 1]"),
        (0.2033, 0.2033, 0.2033, "0.2033"),
        (0.70034, 0.69961, 0.7105, "0.7003 [0.6996, 0.7105]"),
        (0.6717, 0.6539, 0.69, "0.6717 [0.653, 0.69]"),
        (-0.5, -0.5006, 0.3, "-0.5 [-0.501, 0.3]"),
        (48_120.4, 48_119.6, 48_120.9, "48,120 [48,119, 48,121]"),
    ],
)
def test_an_interval_as_printed_holds_its_point(value: float, low: float, high: float, text: str) -> None:
    assert interval({"value": value, "low": low, "high": high}) == text
