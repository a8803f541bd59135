"""Which strategy fits the data, why, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from tenfold.foundation.errors import DataError
from tenfold.foundation.units import format_seconds
from tenfold.stages.validation.observe import Observed
from tenfold.stages.validation.options import ValidationOptions

Method = Literal["holdout", "kfold", "repeated", "stratified", "group", "time", "loo"]

SMALL_ROWS = 20_000
"""Below this many development rows one validation part is too noisy to choose models by, and folds are affordable."""

TINY_ROWS = 200
"""Below this many development rows folds differ by chance more than models do: they are repeated."""

REPEATS = 3

_FIT_SECONDS, _CELL_SECONDS = 0.05, 6e-6
_LEAST_CANDIDATES = 4
_UNLIMITED_SECONDS = 3_600.0
_MOST_BLOCKS = 32_000
"""Blocks are kept as small whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the choice rests on. ``times`` are datetime columns beside the declared one."""

    rows: int
    classification: bool
    time: str | None = None
    group: str | None = None
    times: tuple[str, ...] = ()
    columns: int = 1
    observed: Observed = field(default_factory=Observed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The strategy, its reason, whether there are folds (else one validation part), and what was passed over.

    ``time`` and ``group`` are the columns that the split goes by; ``leaks`` says that it ignores the time.
    """

    strategy: Method
    folds: bool
    reason: str
    rejected: tuple[tuple[str, str], ...] = ()
    findings: tuple[str, ...] = ()
    repeats: int = 1
    time: str | None = None
    group: str | None = None
    leaks: bool = False


def choose_strategy(facts: Facts, options: ValidationOptions) -> Choice:
    """Return the way of splitting that fits the columns declared and the data, or the one asked for.

    Raises
    ------
    DataError
        When the strategy asked for needs a column that isn't declared, would leak, or costs more than there is.
    """
    development = facts.rows * (1.0 - options.test)
    folds = development < SMALL_ROWS or options.test == 0
    if options.strategy == "auto":
        return _chosen(facts, options, folds=folds, development=round(development))
    if options.strategy == "nested":
        # Outer folds are made of blocks, so there must be blocks, dealt once.
        return _chosen(facts, replace(options, repeats=1), folds=True, development=round(development))
    return _asked_for(facts, options, folds=folds, development=round(development))


def _chosen(facts: Facts, options: ValidationOptions, *, folds: bool, development: int) -> Choice:
    time = facts.time or facts.observed.ordered_by
    if time is not None:
        return _forward(facts, options, time, folds=folds, development=development)
    rejected = [("time", _why_not_time(facts))]
    repeats = facts.observed.repeats
    group = facts.group or (None if repeats is None else repeats.column)
    if group is not None:
        return _grouped(facts, options, group, rejected, folds=folds, development=development)
    rejected.append(("group", "no column has the role group, and no column names things that come back"))
    return _exchangeable(facts, options, rejected, folds=folds, development=development)


def _forward(facts: Facts, options: ValidationOptions, time: str, *, folds: bool, development: int) -> Choice:
    rejected = [
        ("stratified, kfold, repeated, loo, holdout", "rows shuffled across time let the future train the past")
    ]
    findings: list[str] = []
    if facts.time is not None:
        reason = f"'{time}' says when a prediction is made, so older rows train and newer rows judge"
    else:
        reason = f"the rows stand in the order of '{time}', so older rows train and newer rows judge"
        kind = "stratified" if facts.classification else "kfold"
        findings.append(
            f"`problem.time` is not set, but the rows stand in the order of '{time}', so the split goes by it. Write"
            f" `problem: {{time: {time}}}` if that is when predictions are made; if rows are exchangeable,"
            f" `validation: {{strategy: {kind}}}`"
        )
    repeats = facts.observed.repeats
    if facts.group is not None:
        rejected.append(("group", f"time comes first; groups of '{facts.group}' are kept apart as well"))
    elif repeats is not None and repeats.times_each is not None:
        reason += (
            f"; it is a panel: the same {repeats.values:,} values of '{repeats.column}' will be asked about later, so"
            " they stand on both sides, in the order of time"
        )
        rejected.append(
            ("group", f"with `role: group` for '{repeats.column}' unseen ones would be asked about instead")
        )
    if not folds:
        rejected.append(("more folds", "one newer part is enough to choose by, and folds cost as many fits"))
    reason += "; " + _size_reason(folds, development, options.test, forward=True)
    return Choice(
        strategy="time",
        folds=folds,
        reason=reason,
        rejected=tuple(rejected),
        findings=tuple(findings),
        time=time,
        group=facts.group,
    )


def _grouped(
    facts: Facts,
    options: ValidationOptions,
    group: str,
    rejected: list[tuple[str, str]],
    *,
    folds: bool,
    development: int,
) -> Choice:
    repeats, findings = facts.observed.repeats, []
    rejected = [*rejected, ("stratified, kfold, repeated, holdout", f"rows of one '{group}' would stand on both sides")]
    reason = f"rows of one '{group}' resemble each other, so each stays on one side of every split"
    if facts.group is None and repeats is not None:
        reason = f"rows of one '{group}' resemble each other ({repeats.alike:.0%} of the target's spread lies between"
        reason += f" its {repeats.values:,} values), so each stays on one side of every split"
        kind = "stratified" if facts.classification else "kfold"
        findings.append(
            f"no column has the role group, but '{group}' comes back {repeats.rows_each:.1f} times each and its rows"
            f" resemble each other, so the split keeps them together. Write `data: {{columns: {{{group}: {{role:"
            f" group}}}}}}` to say so; if the model will meet the same values again, `validation: {{strategy: {kind}}}`"
        )
    return Choice(
        strategy="group",
        folds=folds,
        reason=f"{reason}; {_size_reason(folds, development, options.test)}",
        rejected=tuple(rejected),
        findings=tuple(findings),
        repeats=options.repeats or 1,
        group=group,
    )


def _exchangeable(
    facts: Facts, options: ValidationOptions, rejected: list[tuple[str, str]], *, folds: bool, development: int
) -> Choice:
    observed, findings = facts.observed, []
    size = _size_reason(folds, development, options.test)
    if observed.neighbours:
        findings.append(
            f"the targets of neighbouring rows are correlated ({observed.neighbours:.2f}): if rows stand in an order of"
            " time, name its column in `problem.time`; if they belong together, name what they share with `role: group`"
        )
    if observed.copies:
        size += f"; the {observed.copies:,} copies of rows stay on the side of what they copy"
    even = "every fold gets the classes in equal proportions"
    if not folds:
        rejected.append(("stratified" if facts.classification else "kfold", "five fits of each model, for little gain"))
        rejected.append(("repeated, loo", "even more fits of each model"))
        kind = (
            "every part gets the classes in equal proportions"
            if facts.classification
            else "rows are taken as exchangeable"
        )
        return Choice(
            strategy="holdout",
            folds=False,
            reason=f"{kind}; {size}",
            rejected=tuple(rejected),
            findings=tuple(findings),
        )
    rejected.append(("holdout", f"one validation part of {development:,} rows or less is too noisy to choose by"))
    again = options.repeats or (REPEATS if development < TINY_ROWS else 1)
    if again > 1:
        rejected.append(("stratified, kfold", "one dealing of so few rows into folds decides too much"))
        rejected.append(("loo", f"{development:,} fits of each model, and no class balance in a fold of one row"))
        kind = f"rows are taken as exchangeable{', and ' + even if facts.classification else ''}"
        return Choice(
            strategy="repeated",
            folds=True,
            reason=f"{kind}; {size}, and so few that they are dealt into folds {again} times and averaged",
            rejected=tuple(rejected),
            findings=tuple(findings),
            repeats=again,
        )
    rejected.append(("repeated, loo", "more fits of each model, for little gain"))
    if facts.classification:
        rejected.append(("kfold", "folds by chance alone would differ in their share of classes"))
        reason = f"rows are taken as exchangeable, and {even}; {size}"
    else:
        rejected.append(("stratified", "the target is a number: there are no classes to keep in proportion"))
        reason = f"rows are taken as exchangeable; {size}"
    return Choice(
        strategy="stratified" if facts.classification else "kfold",
        folds=True,
        reason=reason,
        rejected=tuple(rejected),
        findings=tuple(findings),
    )


def _asked_for(facts: Facts, options: ValidationOptions, *, folds: bool, development: int) -> Choice:
    assert options.strategy not in {"auto", "nested"}
    strategy: Method = options.strategy  # type: ignore[assignment]  # narrowed above
    if strategy == "time" and facts.time is None:
        raise DataError(
            "`validation: {strategy: time}` needs `problem.time`: the column that says when a prediction is made"
        )
    if strategy == "group" and facts.group is None:
        raise DataError("`validation: {strategy: group}` needs a column with `role: group` under `data.columns`")
    if strategy == "stratified" and not facts.classification:
        raise DataError(
            "`validation: {strategy: stratified}` needs classes, but the target is a number; use kfold, holdout or auto"
        )
    findings = _what_it_ignores(facts, options, strategy)
    if strategy == "loo":
        _refuse_dear(facts, options, development)
    if strategy in {"kfold", "stratified", "repeated", "loo"}:
        folds = True
    if strategy == "holdout":
        folds = False
    return Choice(
        strategy=strategy,
        folds=folds,
        reason=f"the file says so (`validation.strategy`){_instead(facts, options, strategy)}",
        findings=tuple(findings),
        repeats=options.repeats or (REPEATS if strategy == "repeated" else 1),
        time=facts.time if strategy == "time" else None,
        group=facts.group if strategy == "group" else None,
        leaks=facts.time is not None and strategy != "time",
    )


def _instead(facts: Facts, options: ValidationOptions, strategy: Method) -> str:
    """Return what would have been chosen, and why, where that is something else."""
    chosen = choose_strategy(facts, replace(options, strategy="auto", repeats=None))
    if chosen.strategy == strategy == "time" and chosen.group is not None:
        return f"; `auto` would keep the groups of '{chosen.group}' apart in time as well"
    if chosen.strategy == strategy:
        return f", as `auto` would: {chosen.reason}"
    return f"; `auto` would take {chosen.strategy}: {chosen.reason}"


def _what_it_ignores(facts: Facts, options: ValidationOptions, strategy: Method) -> list[str]:
    """Return what to tell of a split that ignores time or groups; refuse it unless the file allows it."""
    findings = []
    if facts.time is not None and strategy != "time":
        findings.append(
            f"'{facts.time}' is the time of the prediction, but the split ignores it: the future trains the past, so"
            " expect the figures to be better than production. `validation: {strategy: auto}` splits in time"
        )
    if facts.group is not None and strategy not in {"group", "time"}:
        findings.append(
            f"'{facts.group}' has the role group, but the split ignores it: rows of one group stand on both sides."
            " `validation: {strategy: group}` keeps them apart"
        )
    if findings and not options.allow:
        raise DataError(
            f"`validation: {{strategy: {strategy}}}` would leak: {'; '.join(findings)}. `validation: {{allow: true}}`"
            " runs it all the same and measures how much too good it looks"
        )
    return findings


def loo_seconds(rows: int, columns: int) -> float:
    """Return a guess at the seconds of leaving each row out once, for one candidate.

    A fit on few rows costs what starting it costs; on more, what boosting costs for each cell, twice: once to find its
    rounds, once on all rows. The figures are within a factor of two of measured ones at 100 to 3,000 rows.
    """
    return rows * (_FIT_SECONDS + _CELL_SECONDS * rows * columns)


def _refuse_dear(facts: Facts, options: ValidationOptions, development: int) -> None:
    if options.allow and development <= _MOST_BLOCKS:
        return
    each = loo_seconds(development, facts.columns)
    candidates = _LEAST_CANDIDATES if options.budget_trials is None else max(options.budget_trials, 1)
    bears = _UNLIMITED_SECONDS if options.budget_seconds is None else options.budget_seconds
    if candidates * each <= bears and development <= _MOST_BLOCKS:
        return
    there = "the budget bears" if options.budget_seconds is not None else "an hour bears"
    raise DataError(
        f"leaving out one row at a time is {development:,} fits for each candidate, about {format_seconds(each)}"
        f" ({facts.columns} columns, {format_seconds(each / max(development, 1))} a fit), so"
        f" {format_seconds(candidates * each)} for {candidates} candidates: more than {there}. Use `validation:"
        " {strategy: repeated}`, which says as much"
        + ("" if development > _MOST_BLOCKS else ", a larger budget, or `allow: true`")
    )


def _size_reason(folds: bool, development: int, test: float, *, forward: bool = False) -> str:
    if test == 0:
        return "nothing is sealed (`test: 0`), so folds over all rows are the estimate"
    if folds:
        if development >= SMALL_ROWS:
            return f"{development:,} development rows would do without folds, but nested searches are laid around them"
        kind = "folds that move forward in time" if forward else "folds"
        return f"{development:,} development rows are few enough for {kind}"
    return f"{development:,} development rows are enough for one validation part instead of folds"


def _why_not_time(facts: Facts) -> str:
    if facts.times:
        return (
            f"`problem.time` is not set; if predictions are about later rows than those seen, name the column"
            f" (there is: {', '.join(facts.times)})"
        )
    return "`problem.time` is not set"
