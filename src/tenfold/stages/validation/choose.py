"""Which strategy fits the data, why, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tenfold.foundation.errors import DataError
from tenfold.stages.validation.options import ValidationOptions

Method = Literal["holdout", "kfold", "stratified", "group", "time"]

SMALL_ROWS = 20_000
"""Below this many development rows one validation part is too noisy to choose models by, and folds are affordable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the choice rests on. ``times`` are datetime columns beside the declared one."""

    rows: int
    classification: bool
    time: str | None = None
    group: str | None = None
    times: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The strategy, its reason, whether there are folds (else one validation part), and what was passed over."""

    strategy: Method
    folds: bool
    reason: str
    rejected: tuple[tuple[str, str], ...] = ()
    findings: tuple[str, ...] = ()


def choose_strategy(facts: Facts, options: ValidationOptions) -> Choice:
    """Return the way of splitting that fits the columns declared, or the one asked for when it can be done.

    Raises
    ------
    DataError
        When the strategy asked for needs a column that isn't declared.
    """
    development = facts.rows * (1.0 - options.test)
    folds = development < SMALL_ROWS or options.test == 0
    if options.strategy == "auto":
        return _chosen(facts, folds=folds, development=round(development), test=options.test)
    return _asked_for(facts, options, folds=folds)


def _chosen(facts: Facts, *, folds: bool, development: int, test: float) -> Choice:
    rejected: list[tuple[str, str]] = []
    if facts.time is not None:
        rejected.append(("stratified, kfold, holdout", "rows shuffled across time let the future train the past"))
        reason = f"'{facts.time}' says when a prediction is made, so older rows train and newer rows judge"
        if facts.group is not None:
            rejected.append(("group", f"time comes first; groups of '{facts.group}' are kept apart as well"))
        reason += "; " + _size_reason(folds, development, test, forward=True)
        return Choice(strategy="time", folds=folds, reason=reason, rejected=tuple(rejected))
    rejected.append(("time", _why_not_time(facts)))
    if facts.group is not None:
        rejected.append(("stratified, kfold, holdout", f"rows of one '{facts.group}' would stand on both sides"))
        reason = f"rows of one '{facts.group}' resemble each other, so each stays on one side of every split"
        return Choice(
            strategy="group",
            folds=folds,
            reason=f"{reason}; {_size_reason(folds, development, test)}",
            rejected=tuple(rejected),
        )
    rejected.append(("group", "no column has the role group"))
    size = _size_reason(folds, development, test)
    if not folds:
        rejected.append(("stratified" if facts.classification else "kfold", "five fits of each model, for little gain"))
        kind = (
            "every part gets the classes in equal proportions"
            if facts.classification
            else "rows are taken as exchangeable"
        )
        return Choice(strategy="holdout", folds=False, reason=f"{kind}; {size}", rejected=tuple(rejected))
    rejected.append(("holdout", f"one validation part of {development:,} rows or less is too noisy to choose by"))
    if facts.classification:
        rejected.append(("kfold", "folds by chance alone would differ in their share of classes"))
        return Choice(
            strategy="stratified",
            folds=True,
            reason=f"rows are taken as exchangeable, and every fold gets the classes in equal proportions; {size}",
            rejected=tuple(rejected),
        )
    rejected.append(("stratified", "the target is a number: there are no classes to keep in proportion"))
    return Choice(
        strategy="kfold", folds=True, reason=f"rows are taken as exchangeable; {size}", rejected=tuple(rejected)
    )


def _asked_for(facts: Facts, options: ValidationOptions, *, folds: bool) -> Choice:
    reason = "the file says so (`validation.strategy`)"
    if options.strategy == "time" and facts.time is None:
        raise DataError(
            "`validation: {strategy: time}` needs `problem.time`: the column that says when a prediction is made"
        )
    if options.strategy == "group" and facts.group is None:
        raise DataError("`validation: {strategy: group}` needs a column with `role: group` under `data.columns`")
    if options.strategy == "stratified" and not facts.classification:
        raise DataError(
            "`validation: {strategy: stratified}` needs classes, but the target is a number; use kfold, holdout or auto"
        )
    findings = []
    if facts.time is not None and options.strategy != "time":
        findings.append(
            f"'{facts.time}' is the time of the prediction, but the split ignores it: the future trains the past,"
            " so expect"
            " the figures to be better than production. `validation: {strategy: auto}` splits in time"
        )
    if facts.group is not None and options.strategy not in ("group", "time"):
        findings.append(
            f"'{facts.group}' has the role group, but the split ignores it: rows of one group stand on both sides."
            " `validation: {strategy: group}` keeps them apart"
        )
    if options.strategy in ("kfold", "stratified"):
        folds = True
    if options.strategy == "holdout":
        folds = False
    strategy: Method = options.strategy if options.strategy != "auto" else "holdout"
    return Choice(strategy=strategy, folds=folds, reason=reason, findings=tuple(findings))


def _size_reason(folds: bool, development: int, test: float, *, forward: bool = False) -> str:
    if test == 0:
        return "nothing is sealed (`test: 0`), so folds over all rows are the estimate"
    if folds:
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
