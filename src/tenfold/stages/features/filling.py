"""Steps that fill missing numbers and bring numbers to one scale."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.records.dataset import Kind
from tenfold.records.features import Step
from tenfold.stages.features.candidates import Candidate
from tenfold.stages.features.ground import Ground

_JOINT = {
    "neighbours": ("neighbours_impute", "the mean of the training rows nearest in the other numbers"),
    "iterative": ("iterative_impute", "what regressions on the other numbers say, round after round"),
}
_SCALED_TO = {
    "standard": "mean 0 and deviation 1",
    "minmax": "0 to 1 over the training rows",
    "robust": "median 0 and quartiles 1 apart, whatever the extremes",
}
_BENT = {
    "power": ("yeo_johnson", "bent towards a bell by the exponent that suits the training rows (Yeo-Johnson)"),
    "log": ("log", "on a logarithmic scale, mirrored below zero"),
    "auto": ("auto", "bent by a logarithm or a power where the target of the training rows follows it better so"),
}

_LEFT_OPEN = "what a missing value leaves open becomes the median"


def is_simple(found: Candidate) -> bool:
    """Whether a number is filled by one value for all rows, or not at all."""
    return found.impute not in {*_JOINT, "forward"} and not group_of(found)


def group_of(found: Candidate) -> str:
    """Return the column by whose groups a number is filled; empty for the others."""
    return str(found.impute)[3:].strip() if str(found.impute).startswith("by ") else ""


def carefully_filled(ground: Ground, *, whole: bool, indicators: bool) -> list[Step]:
    """Return the steps of numbers that are filled by other columns, groups or their own past.

    ``whole``: nothing may stay missing after them.
    """
    numbers = [found for found in ground.of("numeric") if not is_simple(found)]
    steps: list[Step] = []
    for way, (kind, meaning) in _JOINT.items():
        own = [found for found in numbers if found.impute == way]
        for indicator in (True, False):
            targets = tuple(found.name for found in own if (found.missing > 0 and indicators) == indicator)
            if targets:
                settings: dict[str, object] = {"targets": targets, "indicator": indicator}
                reason = f"missing values become {meaning}" + _says_where(indicator)
                steps.append(Step(kind=kind, columns=ground.numeric_names, settings=settings, reason=reason))
    for found in numbers:
        indicator = found.missing > 0 and indicators
        if group_of(found):
            settings = {"strategy": "median", "indicator": indicator}
            reason = f"missing values become the median of the row's '{group_of(found)}'" + _says_where(indicator)
            steps.append(
                Step(kind="group_impute", columns=(found.name, group_of(found)), settings=settings, reason=reason)
            )
        elif found.impute == "forward":
            columns = (found.name, ground.last_known[found.name])
            reason = "missing values become the last one known" + _says_where(indicator)
            steps.append(Step(kind="first_present", columns=columns, settings={"indicator": indicator}, reason=reason))
            if whole:
                steps.append(filled_by_median((found.name,), "what no earlier row knows becomes the median"))
    return steps


def filled_numbers(ground: Ground) -> list[Step]:
    """Return the steps that fill numbers and flags; an indicator follows where development rows have missing ones."""
    steps = carefully_filled(ground, whole=True, indicators=True)
    usual_ways: tuple[tuple[Kind, str], ...] = (("numeric", "median"), ("boolean", "mode"))
    for kind, usual in usual_ways:
        ways: dict[tuple[str, bool], list[Candidate]] = {}
        for found in ground.of(kind):
            if kind == "numeric" and not is_simple(found):
                continue
            way = usual if found.impute in {None, "none"} else str(found.impute)
            ways.setdefault((way, found.missing > 0), []).append(found)
        steps.extend(filled(group, usual=usual, indicator=indicator) for (_, indicator), group in ways.items())
    return steps


def filled(group: Sequence[Candidate], *, indicator: bool, usual: str = "median") -> Step:
    """Return the step that fills columns by one value each."""
    declared = group[0].impute
    strategy = usual if declared in {None, "none"} else str(declared)
    settings: dict[str, object] = {"strategy": strategy, "indicator": indicator}
    if strategy == "constant":
        settings["value"] = 0.0
    value = "0" if strategy == "constant" else f"the {strategy} of the training rows"
    reason = f"missing values become {value}" + _says_where(indicator)
    return Step(kind="impute", columns=tuple(found.name for found in group), settings=settings, reason=reason)


def filled_by_median(
    columns: tuple[str, ...], reason: str = "what a missing value leaves open becomes the median"
) -> Step:
    """Return the step that fills what earlier steps made."""
    return Step(kind="impute", columns=columns, settings={"strategy": "median", "indicator": False}, reason=reason)


def scaled_numbers(ground: Ground) -> list[Step]:
    """Return the steps that bring numbers to one scale, as the user said, or to mean 0 and deviation 1."""
    steps: list[Step] = []
    numbers = ground.of("numeric")
    for method in (*_SCALED_TO, "quantile", *_BENT):
        own = tuple(found.name for found in numbers if (found.scale or "standard") == method)
        if own:
            steps.append(scaled(own, method))
    return steps


def scaled(columns: tuple[str, ...], method: str = "standard") -> Step:
    """Return the step that scales columns."""
    if method in _BENT:
        own, meaning = _BENT[method]
        return Step(kind="power", columns=columns, settings={"method": own}, reason=f"{meaning}, then scaled")
    if method == "quantile":
        reason = "as the normal quantile of the rank among the training rows: whatever the shape, it becomes a bell"
        return Step(kind="quantile", columns=columns, settings={"shape": "normal"}, reason=reason)
    reason = f"scaled to {_SCALED_TO[method]}, so that the penalty of a linear model treats columns alike"
    return Step(kind="scale", columns=columns, settings={"method": method}, reason=reason)


def _says_where(indicator: bool) -> str:
    return ", with a column that says where" if indicator else ""
