"""What kind of question the target asks: its task, its classes, which of them is positive, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.records.dataset import Field
from tenfold.records.problem import Task, ValueMatrix
from tenfold.stages.problem.amounts import four_amounts, read_value
from tenfold.stages.problem.options import Amounts, ProblemOptions

MOST_CLASSES = 1_000
FEW_NUMBERS = 10
POSITIVE_WORDS = ("true", "yes", "1", "y", "t", "positive", "pos")
_NEGATIVE_WORDS = ("false", "no", "0", "n", "f", "negative", "neg", "-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The target, understood.

    Attributes
    ----------
    values : polars.Series of length n_rows
        String labels of a classification, Float64 of a regression; null where the target is missing.
    classes : tuple of str
        Labels in the order of probabilities, the positive class of a binary task last.
    """

    task: Task
    values: pl.Series
    classes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    positive: str | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)


def read_target(table: Path, fields: Sequence[Field], options: ProblemOptions) -> Target:
    """Read the target column and infer what is asked.

    Raises
    ------
    DataError
        When there is nothing to learn: no such column, no rows, only missing values, one class, a date, or free text.
    """
    names = [known.name for known in fields]
    if options.target not in names:
        raise DataError(
            f"the target '{options.target}' is not a column of the data (there are: {_listed(names)})."
            f"{did_you_mean(options.target, names)}"
        )
    column = pl.read_parquet(table, columns=[options.target])[options.target]
    _refuse_empty(column)
    task, reason = _task(column, fields[names.index(options.target)], options.task)
    if task == "regression":
        if options.positive is not None:
            raise DataError(f"`problem.positive` needs two classes, but the target '{column.name}' is a number")
        return Target(task=task, values=column.cast(pl.Float64), reasons={"task": reason})
    values = labels_of(column)
    tally = dict(values.drop_nulls().value_counts(name="\0rows").sort(values.name).iter_rows())
    classes = tuple(tally)
    reasons = {"task": reason}
    positive = None
    if task == "binary":
        positive, reasons["positive"] = _positive(tally, options.positive)
        classes = (*(name for name in classes if name != positive), positive)
    elif options.positive is not None:
        raise DataError(f"`problem.positive` needs two classes, but the target '{column.name}' has {len(classes)}")
    counts = {name: tally[name] for name in classes}
    return Target(task=task, values=values, classes=classes, counts=counts, positive=positive, reasons=reasons)


def labels_of(column: pl.Series) -> pl.Series:
    """Return a column as class labels: whole numbers without ``.0``, ``true`` and ``false``, text as it is."""
    if column.dtype.is_float():
        whole = column.drop_nulls()
        if (whole == whole.round()).all():
            return column.cast(pl.Int64).cast(pl.String)
    return column.cast(pl.String)


def value_matrix(amounts: Amounts | None, target: Target, table: Path) -> ValueMatrix | None:
    """Return the money per decision in the order of the classes.

    Raises
    ------
    DataError
        When the amounts are not for the classes that the data have, or an amount by row is no number.
    """
    if amounts is None:
        return None
    classes = target.classes
    if target.task == "regression":
        raise DataError("`problem.value` gives money per class, but the target is a number; take it out")
    if amounts.by_class is None:
        if len(classes) != 2:
            raise DataError(
                f"`problem.value` gives amounts for two classes, but the target has {len(classes)};"
                " write them by class: `value: {TRUTH: {DECISION: amount}}`"
            )
        return read_value(classes, four_amounts(amounts), target.values, table)
    for name in amounts.by_class:
        if name not in classes:
            raise DataError(
                f"`problem.value` names the class '{name}', but the target has: {_listed(classes)}."
                f"{did_you_mean(name, classes)}"
            )
    for name in classes:
        if set(amounts.by_class.get(name, {})) != set(classes):
            raise DataError(
                f"`problem.value` needs, for the truth '{name}', one amount for each of: {_listed(classes)}"
            )
    return ValueMatrix(
        classes=classes,
        amounts=tuple(tuple(float(amounts.by_class[truth][choice]) for choice in classes) for truth in classes),
    )


def _refuse_empty(column: pl.Series) -> None:
    if len(column) == 0:
        raise DataError("the table has no rows; check the source and the query")
    distinct = column.drop_nulls().n_unique()
    if distinct == 0:
        raise DataError(f"the target '{column.name}' is missing in all {len(column)} rows; name another column")
    if distinct == 1:
        raise DataError(
            f"the target '{column.name}' has only one value, {column.drop_nulls()[0]!r}: there is nothing to tell"
            " apart;"
            " name another column, or bring rows with other outcomes"
        )


def _task(column: pl.Series, known: Field, override: Task | None) -> tuple[Task, str]:
    distinct = column.drop_nulls().n_unique()
    rows = len(column) - column.null_count()
    if known.kind == "datetime":
        raise DataError(
            f"the target '{column.name}' is a date; predict a duration or an amount: compute it in `data.query`"
        )
    number = column.dtype.is_numeric()
    if override is not None:
        return _overridden(column, override, distinct, number=number), "the file says so (`problem.task`)"
    if distinct == 2:
        return "binary", f"'{column.name}' has two values"
    if not number:
        _refuse_text(column.name, distinct, rows)
        return "multiclass", f"'{column.name}' has {distinct} different texts"
    whole = known.integer or bool((column.drop_nulls() == column.drop_nulls().round()).all())
    if whole and distinct <= FEW_NUMBERS and rows >= 10 * distinct:
        return "multiclass", (
            f"'{column.name}' has {distinct} different whole numbers, taken as names of classes;"
            " `problem: {task: regression}` takes them as amounts"
        )
    kind = "whole numbers" if whole else "numbers"
    return "regression", f"'{column.name}' has {distinct} different {kind}"


def _overridden(column: pl.Series, override: Task, distinct: int, *, number: bool) -> Task:
    if override == "regression" and not number:
        raise DataError(f"`problem: {{task: regression}}` needs numbers, but the target '{column.name}' holds text")
    if override == "binary" and distinct != 2:
        raise DataError(
            f"`problem: {{task: binary}}` needs two classes, but the target '{column.name}' has {distinct}"
            " different values"
        )
    if override == "multiclass":
        if distinct == 2:
            raise DataError(
                f"the target '{column.name}' has two values: `problem: {{task: binary}}`, or leave `task` out"
            )
        _refuse_text(column.name, distinct, len(column) - column.null_count())
    return override


def _refuse_text(name: str, distinct: int, rows: int) -> None:
    if distinct > MOST_CLASSES or 3 * distinct > rows:
        raise DataError(
            f"the target '{name}' has {distinct} different values in {rows} rows: too many to be classes;"
            " name another column, or group them in `data.query`"
        )


def _positive(tally: Mapping[str, int], given: str | None) -> tuple[str, str]:
    """Return the positive class of two, and why."""
    if given is not None:
        if given not in tally:
            raise DataError(
                f"`problem.positive` is '{given}', but the target's values are: {_listed(list(tally))}."
                f"{did_you_mean(given, tally)}"
            )
        return given, "the file says so (`problem.positive`)"
    for name in tally:
        other = next(label for label in tally if label != name)
        if name.casefold() in POSITIVE_WORDS and other.casefold() in _NEGATIVE_WORDS:
            return name, f"'{name}' against '{other}': the word says so; `problem.positive` overrides it"
    first, second = tally
    if tally[first] == tally[second]:
        return (
            second,
            f"'{first}' and '{second}' are equally frequent: the last by name; `problem.positive` overrides it",
        )
    rarer = min(tally, key=lambda name: tally[name])
    return rarer, f"'{rarer}' is the rarer class ({tally[rarer]} rows); `problem.positive` overrides it"


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names)} in all)"
