"""The metrics that a requirement may name, by name and by family."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.measures.metric_name import CLASSIFICATION, POSITIVE, REGRESSION, MetricName
from tenfold.measures.names_classes import OF_CLASSES
from tenfold.measures.names_numbers import OF_NUMBERS, OPERATIONAL
from tenfold.records.problem import Task

FAMILIES = ("f2", "f0.5", "top3_accuracy", "pinball_0.9")
"""One name of each family: the number in it may be another."""

_F_BETA = re.compile(r"f(\d+(?:\.\d+)?)")
_TOP = re.compile(r"top(\d+)_accuracy")
_PINBALL = re.compile(r"pinball_(0\.\d+)")
_LARGEST_BETA, _LARGEST_TOP = 100.0, 100


def find_metric_name(name: str) -> MetricName | None:
    """Return what is known of the metric called ``name``, one of a family included; None when there is none."""
    return METRIC_NAMES.get(name) or _of_family(name)


def metric_name(name: str, task: Task | None = None) -> MetricName:
    """Return what is known of the metric called ``name``, and make sure that it suits ``task``.

    Raises
    ------
    InputError
        When no metric has this name, or it is not defined for the task.
    """
    known = find_metric_name(name)
    if known is None:
        raise InputError(f"'{name}' is not a metric (known are: {listed()}).{did_you_mean(name, METRIC_NAMES)}")
    if task is not None and task not in known.tasks:
        fitting = ", ".join(names_for(task))
        raise InputError(f"'{name}' is not defined for a {task} task; choose one of: {fitting}")
    return known


def listed() -> str:
    """Return every name, and one of each family, as a sentence lists them."""
    return ", ".join((*METRIC_NAMES, *FAMILIES))


def names_for(task: Task, *, operational: bool = False) -> tuple[str, ...]:
    """Return the names of the metrics of ``task``; with ``operational``, of those measured on the running model."""
    return tuple(
        known.name for known in METRIC_NAMES.values() if task in known.tasks and known.operational == operational
    )


def beta_of(name: str) -> float | None:
    """Return the beta of ``f2`` or ``f0.5``: so many times as much does recall count as precision; else None."""
    number = _number(_F_BETA, name)
    return number if number is not None and number != 1.0 and 0.0 < number <= _LARGEST_BETA else None


def top_of(name: str) -> int | None:
    """Return how many classes ``top3_accuracy`` looks at; None for another name."""
    number = _number(_TOP, name)
    return int(number) if number is not None and 2 <= number <= _LARGEST_TOP else None


def level_of(name: str) -> float | None:
    """Return the quantile that ``pinball_0.9`` asks for; None for another name."""
    number = _number(_PINBALL, name)
    return number if number is not None and number > 0.0 else None


def _number(family: re.Pattern[str], name: str) -> float | None:
    """Return the number in a name of this family, written the one way it may be: ``f2``, never ``f2.0``."""
    match = family.fullmatch(name)
    if match is None:
        return None
    number = float(match[1])
    return number if f"{number:g}" == match[1] else None


@cache
def _of_family(name: str) -> MetricName | None:
    beta, top, level = beta_of(name), top_of(name), level_of(name)
    if beta is not None:
        return MetricName(
            name=name,
            greater_is_better=True,
            tasks=CLASSIFICATION,
            unit="fraction",
            meaning=f"mean of precision and recall, recall counting {beta:g} times as much"
            " (multiclass: mean over classes)",
            usual=False,
        )
    if top is not None:
        return MetricName(
            name=name,
            greater_is_better=True,
            tasks=("multiclass",),
            unit="fraction",
            meaning=f"share of rows whose class is among the {top} most probable",
            usual=False,
        )
    if level is not None:
        return MetricName(
            name=name,
            greater_is_better=False,
            tasks=REGRESSION,
            unit="target",
            meaning=f"mean loss that is smallest where {100 * level:g} % of the true values lie below the prediction",
            usual=False,
            reach=POSITIVE,
        )
    return None


METRIC_NAMES: Mapping[str, MetricName] = {known.name: known for known in (*OF_CLASSES, *OF_NUMBERS, *OPERATIONAL)}
