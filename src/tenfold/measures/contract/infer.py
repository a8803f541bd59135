"""The contract that a table keeps today, with room for tomorrow's."""

from __future__ import annotations

import math

from tenfold.measures.contract.contract import ColumnContract, Contract
from tenfold.records.dataset import Column, Dataset, Role

_MOST_VALUES = 50
# Room around what was seen: a later batch is never quite like the first one.
_RANGE_SLACK = 0.25
_MISSING_SLACK = 0.05
_FEWEST_FOR_NEVER_MISSING = 1000
_OPTIONAL_ROLES: frozenset[Role] = frozenset({"target", "id", "ignored"})


def infer_contract(dataset: Dataset) -> Contract:
    """Return the contract that a data set keeps, with room around what was seen."""
    return Contract(columns=tuple(_inferred(column, dataset.rows) for column in dataset.columns))


def _inferred(column: Column, rows: int) -> ColumnContract:
    share = column.missing / rows if rows else 1.0
    low, high = _range(column)
    return ColumnContract(
        name=column.name,
        kind=column.field.kind,
        # Outcomes come later than the rows they belong to.
        missing=1.0 if column.role == "target" else _missing_allowed(column.missing, share, rows),
        low=low,
        high=high,
        values=_values_allowed(column),
        unique=column.role == "id" and column.missing == 0 and column.distinct == rows,
        optional=column.role in _OPTIONAL_ROLES,
    )


def _missing_allowed(missing: int, share: float, rows: int) -> float:
    if missing == 0 and rows >= _FEWEST_FOR_NEVER_MISSING:
        return 0.0
    return min(1.0, math.ceil(round(100 * (share + _MISSING_SLACK), 6)) / 100)


def _range(column: Column) -> tuple[float | None, float | None]:
    if column.low is None or column.high is None or column.role in {"time", "id"}:
        return None, None
    slack = _RANGE_SLACK * (column.high - column.low)
    low, high = _rounded(column.low - slack, down=True), _rounded(column.high + slack, down=False)
    # What was never negative is rarely allowed to be.
    return (max(low, 0.0) if column.low >= 0 else low), high


def _rounded(value: float, *, down: bool) -> float:
    """Return a number of three digits on the far side of ``value``."""
    if value == 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    steps = math.floor(value / unit) if down else math.ceil(value / unit)
    return float(f"{steps * unit:.6g}")


def _values_allowed(column: Column) -> tuple[str, ...]:
    levels = column.field.levels
    return levels if column.field.kind == "categorical" and len(levels) <= _MOST_VALUES else ()
