"""Whatever is measured: the interval as printed holds the point as printed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenfold.cli.table import interval
from tenfold.reports.words import between, number

SIZES = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-9)
WIDTHS = st.floats(min_value=0.0, max_value=1e3, allow_nan=False)


def read(text: str) -> float:
    return float(text.replace(",", ""))


@given(value=SIZES, below=WIDTHS, above=WIDTHS)
def test_a_printed_interval_holds_its_printed_point(value: float, below: float, above: float) -> None:
    printed = interval({"value": value, "low": value - below, "high": value + above})
    if "[" in printed:
        point, _, ends = printed.removesuffix("]").partition(" [")
        low, high = ends.split(", ")
        assert read(low) <= read(point) <= read(high)
    ends = between(value - below, value + above)
    low, high = ends.split(" to ")
    assert read(low) <= read(number(value)) <= read(high)
