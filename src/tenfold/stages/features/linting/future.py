"""Aggregates that reach beyond the prediction: totals over all rows of an entity, the next value, windows ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.records.features import FeatureLeak
from tenfold.stages.features.linting.ground import Floats, LintGround, leak, names_a_thing, numbers, unit_of

_ROWS = 4_000
_MOST_KEYS = 4
_MOST_SOURCES = 16
_EXPLAINED = 0.97
_TELLING = 0.1
"""Share of rows in which the formula must differ from what the past alone gives: else the past explains the column."""
_MOSTLY_EXPLAINED = 0.9
_FEWEST_ROWS = 50
_FEWEST_TELLING = 20
_COARSEST = 0.05
_GLANCE = 96
_TARGET = "\0target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A way to look ahead, in words, and the same with the past alone.

    ``reversible``: the same rows may as well come of the source having been made from the column's past.
    """

    words: str
    ahead: pl.Expr
    past: pl.Expr
    reversible: bool = False


def aggregates_of_the_future(ground: LintGround) -> list[FeatureLeak]:
    """Return numeric columns that equal, row for row, an aggregate with rows at or after the prediction's time.

    Looked for in some thousand rows, entity by entity whole, and oldest first.
    """
    time = _time(ground)
    if time is None or ground.table.height < _FEWEST_ROWS:
        return []
    suspects = [column.name for column in ground.looked_at if column.field.kind == "numeric" and column.distinct > 1]
    left = dict.fromkeys(suspects)
    found: list[FeatureLeak] = []
    sources = _sources(ground)
    for key in (*_keys(ground), None):
        if not left:
            break
        rows = _some_rows(ground, key, time, sources)
        for name, formula in _matches(rows, key, tuple(left), sources).items():
            del left[name]
            words = formula.words
            # Where it ends shows that it was made from what comes after: at the last row there is nothing left.
            sure = not formula.reversible or not _says_something(rows, key, name, last=True)
            whose = f"of the same '{key}'" if key else "of the table"
            reason = (
                f"'{name}' is {words.format(target=ground.problem.target)} {whose}, with rows that come after the"
                f" prediction ('{time}')"
            )
            reason += "" if sure else "; or that was calculated from this"
            found.append(leak(name, "future", reason, blocks=sure, strength=1.0))
    return found


def _time(ground: LintGround) -> str | None:
    if ground.problem.time is not None:
        return ground.problem.time
    times = [
        column.name
        for column in ground.data.columns
        if column.field.kind == "datetime" and column.role in {"feature", "time"}
    ]
    return times[0] if len(times) == 1 else None


def _sources(ground: LintGround) -> tuple[str, ...]:
    numeric = [
        column.name
        for column in ground.data.columns
        if column.field.kind == "numeric" and column.distinct > 1 and column.name != ground.problem.target
    ]
    return tuple(numeric[:_MOST_SOURCES])


def _keys(ground: LintGround) -> list[str]:
    """Return what rows may be aggregated by, the likeliest first."""
    rows = ground.table.height
    likely: list[tuple[int, str]] = []
    for column in ground.data.columns:
        if column.name in {ground.problem.target, ground.problem.time} or column.field.kind == "datetime":
            continue
        if column.field.kind == "numeric" and not column.field.integer:
            continue
        mean = (rows - column.missing) / max(column.distinct, 1)
        declared = column.role in {"entity", "group"}
        if declared or (column.distinct >= 5 and 1.5 <= mean <= _ROWS / 4):
            likely.append((0 if declared else 1 if names_a_thing(column.name) else 2, column.name))
    return [name for _, name in sorted(likely, key=lambda each: each[0])][:_MOST_KEYS]


def _some_rows(ground: LintGround, key: str | None, time: str, sources: Sequence[str]) -> pl.DataFrame:
    names = list(dict.fromkeys([time, *([key] if key else []), *sources]))
    names += [column.name for column in ground.looked_at if column.field.kind == "numeric" and column.name not in names]
    table = ground.table.select(names).with_columns(pl.Series(_TARGET, ground.targets[:, 0]))
    if key is None:
        return table.drop_nulls(time).sort(time, maintain_order=True).head(_ROWS)
    sizes = table.drop_nulls(key)[key].value_counts(sort=False, name="\0rows").sort(key)
    # Every so manieth entity, whole; the hash makes the choice independent of the entities' order.
    sizes = sizes.filter(pl.col("\0rows") > 1).with_columns(pl.col(key).hash(seed=1).alias("\0draw")).sort("\0draw")
    chosen = sizes.filter((pl.col("\0rows").cum_sum() <= _ROWS) | (pl.int_range(pl.len()) == 0))
    return table.join(chosen.select(key), on=key, how="semi").sort([key, time], maintain_order=True)


def _matches(
    rows: pl.DataFrame, key: str | None, suspects: Sequence[str], sources: Sequence[str]
) -> Mapping[str, Formula]:
    if rows.height < _FEWEST_ROWS:
        return {}
    # Within its own groups a key is constant, and every aggregate of it trivial.
    sources = [name for name in sources if name != key and _says_something(rows, key, name, last=False)]
    values = {name: numbers(rows[name]) for name in suspects if name != key}
    tolerances = {name: _tolerance(each) for name, each in values.items()}
    found: dict[str, Formula] = {}
    for source, formula in _formulas(key, sources):
        for name, said, before in _said(rows, formula, source, values, tolerances):
            if name not in found and _explains(values[name], said, before, tolerances[name]):
                found[name] = formula
    return found


def _says_something(rows: pl.DataFrame, key: str | None, name: str, *, last: bool) -> bool:
    """Whether a column has values of its own at the first rows of each entity (or the last).

    One that was made from earlier rows has none at the first, or one and the same: a lag, a total so far.
    """
    if name == key:
        return True
    column = pl.col(name)
    picked = column.last() if last else column.first()
    ends = rows.group_by(key).agg(picked)[name] if key is not None else rows.select(picked)[name]
    return int(ends.fill_nan(None).drop_nulls().n_unique()) > (1 if key is not None else 0)


def _said(
    rows: pl.DataFrame,
    formula: Formula,
    source: str,
    values: Mapping[str, Floats],
    tolerances: Mapping[str, float],
) -> Iterator[tuple[str, Floats, Floats]]:
    """Yield the suspects that a glance does not rule out, with what the formula says and what the past says."""
    ahead = rows.select(formula.ahead.cast(pl.Float64)).to_series().fill_null(float("nan")).to_numpy()
    known = np.flatnonzero(np.isfinite(ahead))
    glance = known[:: max(len(known) // _GLANCE, 1)]
    if len(glance) < _FEWEST_ROWS // 2:
        return
    past: Floats | None = None
    for name in values:
        if name == source:
            continue
        seen = values[name][glance]
        if (np.abs(seen - ahead[glance]) <= tolerances[name]).mean() < 0.9:
            continue
        if past is None:
            past = rows.select(formula.past.cast(pl.Float64)).to_series().fill_null(float("nan")).to_numpy()
        yield name, ahead, past


def _tolerance(values: Floats) -> float:
    """Return how far a value may be off what a formula says: its rounding, where that is fine, else next to nothing."""
    spread, unit = float(np.nanstd(values)), unit_of(values)
    # Among few whole numbers rounding would explain everything.
    return max(0.51 * unit if unit <= _COARSEST * spread else 0.0, 1e-6 * spread)


def _explains(values: Floats, said: Floats, past: Floats, tolerance: float) -> bool:
    both = np.isfinite(values) & np.isfinite(said)
    if both.sum() < _FEWEST_ROWS or both.sum() < 0.5 * np.isfinite(values).sum():
        return False
    if np.ptp(values[both]) == 0:
        return False
    close = np.abs(values[both] - said[both]) <= tolerance
    if close.mean() < _EXPLAINED:
        return False
    # Where nearly all rows hold one value, as costs hold nought, any formula agrees that is nearly always the same.
    each, counts = np.unique(values[both], return_counts=True)
    other = values[both] != each[int(counts.argmax())]
    if other.sum() < _FEWEST_TELLING or close[other].mean() < _MOSTLY_EXPLAINED:
        return False
    differs = ~(np.abs(said[both] - past[both]) <= tolerance)
    return bool(differs.mean() >= _TELLING and differs.sum() >= _FEWEST_TELLING and close[differs].mean() >= _EXPLAINED)


def _formulas(key: str | None, sources: Sequence[str]) -> Iterator[tuple[str, Formula]]:
    def over(expression: pl.Expr) -> pl.Expr:
        return expression if key is None else expression.over(key)

    if key is not None:
        yield (
            "",
            Formula(words="the number of all rows", ahead=over(pl.len()), past=over(pl.int_range(pl.len()) + 1)),
        )
        yield (
            "",
            Formula(
                words="the number of later rows",
                ahead=over(pl.len() - pl.int_range(pl.len()) - 1),
                past=over(pl.int_range(pl.len())),
            ),
        )
    for source in (_TARGET, *sources):
        column = pl.col(source)
        name = "'{target}'" if source == _TARGET else f"'{source}'".replace("{", "{{").replace("}", "}}")
        count = column.is_not_null().cum_sum()
        later = column.cum_sum(reverse=True) - column
        rest = column.is_not_null().cum_sum(reverse=True) - column.is_not_null()
        whole = [
            ("the mean of {} over all rows", column.mean(), column.cum_sum() / count),
            ("the total of {} over all rows", column.sum(), column.cum_sum()),
            ("the highest {} of all rows", column.max(), column.cum_max()),
            ("the lowest {} of all rows", column.min(), column.cum_min()),
            ("the deviation of {} over all rows", column.std(), column),
            ("the median of {} over all rows", column.median(), column),
            ("the last {} of all rows", column.last(), column),
            ("the mean of {} over all other rows", (column.sum() - column) / (pl.len() - 1), column),
        ]
        ahead = [
            ("the next {}", column.shift(-1), column),
            ("the {} two rows ahead", column.shift(-2), column),
            ("the change to the next {}", column.shift(-1) - column, column - column.shift(1)),
            ("the total of {} from here on", column.cum_sum(reverse=True), column.cum_sum()),
            ("the total of {} over later rows", later, column.cum_sum()),
            ("the mean of {} from here on", column.cum_sum(reverse=True) / (rest + 1), column),
            ("the mean of {} over later rows", later / rest, column),
        ]
        for width in (3, 5, 7):
            centred = column.rolling_mean(width, center=True)
            ahead.append((f"a centred mean of {{}} over {width}", centred, column.rolling_mean(width)))
        for width in (2, 3, 5, 7):
            summed = column.rolling_sum(width).shift(-width)
            ahead.append((f"the total of {{}} over the next {width}", summed, column.rolling_sum(width)))
            ahead.append((f"the mean of {{}} over the next {width}", summed / width, column.rolling_mean(width)))
        for words, expression, past in whole if key is not None else ():
            yield source, Formula(words=words.format(name), ahead=over(expression), past=over(past))
        for words, expression, past in ahead:
            reversible = source != _TARGET and "from here on" not in words and "later" not in words
            yield (
                source,
                Formula(words=words.format(name), ahead=over(expression), past=over(past), reversible=reversible),
            )
