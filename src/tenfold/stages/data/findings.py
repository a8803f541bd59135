"""What a person should know about the data before trusting a model of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import polars as pl

from tenfold.records.dataset import Column, Finding
from tenfold.records.problem import Problem
from tenfold.stages.data.duplicates import Copies

_MUCH_MISSING = 0.5
_NEARLY_CONSTANT = 0.995
_MANY_LEVELS = 1000
_RARE_CLASS_ROWS = 10
# Numbers that people write where they have none.
_STAND_INS = (-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, 9999999.0)
_FEWEST_STAND_INS = 3
# Shares and percentages end there by nature.
_NATURAL_CEILINGS = (0.0, 1.0, 100.0)
_PILE = 5


def find_faults(
    table: pl.DataFrame, columns: tuple[Column, ...], problem: Problem, copies: Copies, *, conflicting: int
) -> tuple[Finding, ...]:
    """Return what is odd about a table: column by column, then its rows."""
    findings: list[Finding] = []
    for column in columns:
        if column.role == "ignored":
            findings.append(_finding("ignored", "info", f"'{column.name}' is left out: {column.reason}", column.name))
            continue
        findings += _of_column(table[column.name], column)
    findings += _of_rows(table, columns, copies, conflicting)
    findings += _of_target(problem)
    return tuple(findings)


def _of_column(values: pl.Series, column: Column) -> list[Finding]:
    found: list[Finding] = []
    rows, name = len(values), column.name
    if column.missing > _MUCH_MISSING * rows:
        share = column.missing / rows
        found.append(
            _finding("missing", "warning", f"'{name}' is missing in {share:.0%} of the rows", name, column.missing)
        )
    most = column.top[0][1] if column.top else 0
    if column.role == "feature" and column.distinct > 1 and most >= _NEARLY_CONSTANT * rows:
        text = f"'{name}' is '{column.top[0][0]}' in {most / rows:.1%} of the rows"
        found.append(_finding("near-constant", "info", text, name, most))
    if column.field.kind == "categorical" and column.role == "feature":
        found += _twins(column, values)
        if column.distinct > _MANY_LEVELS:
            text = f"'{name}' has {column.distinct:,} levels; most will be rare"
            found.append(_finding("many-levels", "info", text, name))
    if column.field.kind == "numeric" and column.role in {"feature", "target"}:
        found += _stand_ins(values, column)
    if column.role == "time" and column.missing:
        text = f"the time '{name}' is missing in {column.missing:,} rows"
        found.append(_finding("time-missing", "warning", text, name, column.missing))
    return found


def _twins(column: Column, values: pl.Series) -> list[Finding]:
    """Levels that differ in case, blanks or punctuation at their ends only."""
    alike: dict[str, list[str]] = defaultdict(list)
    for level in values.drop_nulls().unique().sort().head(_MANY_LEVELS):
        alike[" ".join(str(level).casefold().split()).strip(" .,;:-_")].append(str(level))
    found = []
    for levels in alike.values():
        if len(levels) > 1:
            named = ", ".join(f"'{level}'" for level in levels[:4])
            rows = int(values.is_in(levels).sum())
            text = f"'{column.name}' writes what may be one level in several ways: {named}"
            found.append(_finding("twins", "warning", text, column.name, rows))
    return found[:10]


def _stand_ins(values: pl.Series, column: Column) -> list[Finding]:
    """Numbers such as -999 that stand apart from all others, and ceilings at which values pile up."""
    if column.low is None or column.high is None or column.distinct < 5 or len(column.quartiles) != 3:
        return []
    name, found = column.name, []
    for value in {column.low, column.high} & set(_STAND_INS):
        rows = int((values == value).sum())
        rest = values.filter(values != value).drop_nulls()
        low, high = rest.min(), rest.max()
        assert isinstance(low, float)
        assert isinstance(high, float)
        distance = min(abs(value - low), abs(value - high))
        below_zero = value < 0 <= low and rows >= _FEWEST_STAND_INS and abs(value) >= 9
        if rows >= _FEWEST_STAND_INS and (distance > (high - low) or below_zero):
            text = f"'{name}' is {value:g} in {rows:,} rows, far from all other values: does it mean missing?"
            found.append(_finding("stand-in", "warning", text, name, rows))
    if column.distinct > 50 and (rows := _capped(values, column)):
        text = f"'{name}' ends at {column.high:,g} in {rows:,} rows: values seem to be capped there"
        found.append(_finding("ceiling", "info", text, name, rows))
    return found


def _capped(values: pl.Series, column: Column) -> int:
    """Return how many values pile up at the highest one, far more than just below it; 0 when they do not."""
    if column.high is None or column.high in _NATURAL_CEILINGS:
        return 0
    at_ceiling = int((values == column.high).sum())
    if at_ceiling <= max(20, 0.01 * len(values)):
        return 0
    just_below = values.drop_nulls().value_counts(name="rows").top_k(4, by=column.name)["rows"].to_list()
    neighbours = sorted(just_below, reverse=True)[1:] if at_ceiling == max(just_below) else just_below
    return at_ceiling if neighbours and at_ceiling > _PILE * max(neighbours) else 0


def _of_rows(table: pl.DataFrame, columns: tuple[Column, ...], copies: Copies, conflicting: int) -> list[Finding]:
    found = []
    if copies.repeated:
        share = copies.repeated / table.height
        rows = "1 row repeats" if copies.repeated == 1 else f"{copies.repeated:,} rows ({share:.1%}) repeat"
        text = f"{rows} an earlier row"
        text += (
            "; with so few distinct values that comes by chance" if copies.by_chance else "; copies stay in one fold"
        )
        severity = "info" if copies.by_chance or share < 0.01 else "warning"
        found.append(_finding("duplicates", severity, text, None, copies.repeated))
    if conflicting:
        text = f"{conflicting:,} rows have features equal to a row with another target: no model can tell them apart"
        severity = "warning" if conflicting > 0.01 * table.height else "info"
        found.append(_finding("conflicting-labels", severity, text, None, conflicting))
    if not any(column.role == "feature" for column in columns):
        found.append(_finding("no-features", "critical", "no column is left as a feature", None, table.height))
    return found


def _of_target(problem: Problem) -> list[Finding]:
    rare: Mapping[str, int] = {
        label: count for label, count in problem.class_counts.items() if count < _RARE_CLASS_ROWS
    }
    if not rare:
        return []
    named = ", ".join(f"'{label}' ({count})" for label, count in sorted(rare.items(), key=lambda item: item[1])[:5])
    more = f" and {len(rare) - 5} more" if len(rare) > 5 else ""
    text = f"classes with fewer than {_RARE_CLASS_ROWS} rows: {named}{more}"
    return [_finding("rare-classes", "warning", text, problem.target, sum(rare.values()))]


def _finding(rule: str, severity: str, message: str, column: str | None, rows: int = 0) -> Finding:
    assert severity in {"info", "warning", "critical"}
    return Finding(rule=rule, severity=severity, message=message, column=column, rows=rows)  # type: ignore[arg-type]  # asserted
