"""The three ways in which learners want their numbers, as lists of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tenfold.bundle.transforms.target_encoding import encoded_names
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.records.dataset import Kind
from tenfold.records.features import Step, View
from tenfold.stages.features.candidates import Candidate
from tenfold.stages.features.date_parts import DateParts

MOST_CODES = 40
"""Up to so many levels stand for themselves; beyond, each is what the target was on average for it."""
_RARE_ROWS = 5
_FILLS = ("median", "mean", "mode", "constant", "none")
_SCALES = ("standard", "minmax", "robust", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the views are planned on: the columns, the parts of their times, and the outputs of the target."""

    candidates: tuple[Candidate, ...]
    dates: Mapping[str, DateParts]
    outputs: int

    def of(self, kind: Kind) -> list[Candidate]:
        """Return the columns of a kind."""
        return [found for found in self.candidates if found.kind == kind]


def plan_views(ground: Ground) -> dict[View, tuple[Step, ...]]:
    """Return the steps of each view.

    Raises
    ------
    InputError
        When a column is declared to be filled or scaled in a way that its kind does not know.
    """
    for found in ground.candidates:
        _check_declared(found)
    return {view: plan(ground) for view, plan in _PLANS.items()}


def _native(ground: Ground) -> tuple[Step, ...]:
    """Missing stays missing, categories are codes."""
    steps = []
    numbers = ground.of("numeric")
    plain = [found for found in numbers if found.impute in {None, "none"}]
    if plain:
        steps.append(
            Step(
                kind="passthrough",
                columns=_names(plain),
                reason="numbers as they are; missing stays missing, but where training has none the median stands in",
            )
        )
    steps.extend(_filled((found,), indicator=False) for found in numbers if found.impute not in {None, "none"})
    flags = ground.of("boolean")
    if flags:
        steps.append(Step(kind="boolean", columns=_names(flags), reason="true is 1, false is 0, missing stays missing"))
    steps.extend(
        _codes(found, missing="nan") if found.levels else _encoded(found) for found in ground.of("categorical")
    )
    steps.extend(_dated(ground.dates, lambda parts: parts.for_trees))
    steps.extend(_sized(ground.of("text")))
    return tuple(steps)


def _for_forests(ground: Ground) -> tuple[Step, ...]:
    """Nothing is missing, categories are codes."""
    steps = _filled_numbers(ground)
    steps.extend(
        _codes(found, missing="minus_one") if found.levels else _encoded(found) for found in ground.of("categorical")
    )
    for step in (*_dated(ground.dates, lambda parts: parts.for_trees), *_sized(ground.of("text"))):
        steps.extend(_with_filling(step))
    return tuple(steps)


def _dense(ground: Ground) -> tuple[Step, ...]:
    """Nothing is missing, numbers are on one scale, categories have a column for each level."""
    steps = _filled_numbers(ground)
    numbers = ground.of("numeric")
    for method in ("standard", "minmax", "robust"):
        own = [found for found in numbers if (found.scale or "standard") == method]
        if own:
            steps.append(_scaled(_names(own), method))
    for found in ground.of("categorical"):
        if found.levels:
            steps.append(_onehot(found))
        else:
            steps.extend((_encoded(found), _scaled(encoded_names(found.name, ground.outputs), "standard")))
    for step in _dated(ground.dates, lambda parts: parts.for_sums):
        steps.extend(_with_filling(step))
        if "elapsed" in step.settings["parts"]:  # type: ignore[operator]  # a tuple of names
            steps.append(_scaled((f"{step.columns[0]}__elapsed",), "standard"))
    for step in _sized(ground.of("text")):
        steps.extend(_with_filling(step))
        steps.append(_scaled(_made(step), "standard"))
    return tuple(steps)


def _filled_numbers(ground: Ground) -> list[Step]:
    """Return the steps that fill numbers and flags; an indicator follows where development rows have missing ones."""
    steps: list[Step] = []
    usual_ways: tuple[tuple[Kind, str], ...] = (("numeric", "median"), ("boolean", "mode"))
    for kind, usual in usual_ways:
        ways: dict[tuple[str, bool], list[Candidate]] = {}
        for found in ground.of(kind):
            way = usual if found.impute in {None, "none"} else str(found.impute)
            ways.setdefault((way, found.missing > 0), []).append(found)
        steps.extend(_filled(group, usual=usual, indicator=indicator) for (_, indicator), group in ways.items())
    return steps


def _filled(group: Sequence[Candidate], *, indicator: bool, usual: str = "median") -> Step:
    declared = group[0].impute
    strategy = usual if declared in {None, "none"} else str(declared)
    settings: dict[str, object] = {"strategy": strategy, "indicator": indicator}
    if strategy == "constant":
        settings["value"] = 0.0
    value = "0" if strategy == "constant" else f"the {strategy} of the training rows"
    reason = f"missing values become {value}" + (", with a column that says where" if indicator else "")
    return Step(kind="impute", columns=_names(group), settings=settings, reason=reason)


def _scaled(columns: tuple[str, ...], method: str) -> Step:
    meaning = {
        "standard": "mean 0 and deviation 1",
        "minmax": "0 to 1 over the training rows",
        "robust": "median 0 and quartiles 1 apart, whatever the extremes",
    }
    reason = f"scaled to {meaning[method]}, so that the penalty of a linear model treats columns alike"
    return Step(kind="scale", columns=columns, settings={"method": method}, reason=reason)


def _codes(found: Candidate, *, missing: str) -> Step:
    reason = f"{len(found.levels)} levels as codes; a level that training never saw counts as missing"
    settings: dict[str, object] = {"levels": found.levels, "missing": missing, **_own_fill(found)}
    return Step(kind="codes", columns=(found.name,), settings=settings, reason=reason)


def _onehot(found: Candidate) -> Step:
    reason = f"a column for each of {len(found.levels)} levels; those in fewer than {_RARE_ROWS} rows share one"
    settings: dict[str, object] = {"levels": found.levels, "min_count": _RARE_ROWS, **_own_fill(found)}
    return Step(kind="onehot", columns=(found.name,), settings=settings, reason=reason)


def _encoded(found: Candidate) -> Step:
    reason = (
        f"{found.distinct:,} levels, too many for codes: each becomes the mean target of its training rows "
        "(without the row's own label), drawn towards the overall mean where rows are few, and the share of rows"
    )
    return Step(kind="target_encoding", columns=(found.name,), settings=_own_fill(found), reason=reason)


def _own_fill(found: Candidate) -> dict[str, object]:
    return {"impute": "mode"} if found.impute == "mode" else {}


def _dated(dates: Mapping[str, DateParts], chosen: Callable[[DateParts], tuple[str, ...]]) -> list[Step]:
    return [parts.step(chosen(parts)) for parts in dates.values() if chosen(parts)]


def _sized(texts: Sequence[Candidate]) -> list[Step]:
    reason = "the length of the text in characters and in words; what it says is not read"
    return [Step(kind="text_size", columns=(found.name,), reason=reason) for found in texts]


def _with_filling(step: Step) -> tuple[Step, Step]:
    settings = {"strategy": "median", "indicator": False}
    reason = "what a missing value leaves open becomes the median"
    return step, Step(kind="impute", columns=_made(step), settings=settings, reason=reason)


def _made(step: Step) -> tuple[str, ...]:
    """Return the columns that a step of time parts or text lengths makes."""
    (column,) = step.columns
    parts = ("characters", "words") if step.kind == "text_size" else step.settings["parts"]
    return tuple(f"{column}__{part}" for part in parts)  # type: ignore[attr-defined]  # a tuple of names


def _check_declared(found: Candidate) -> None:
    fills = _FILLS if found.kind == "numeric" else ("mode", "constant", "none")
    for declared, known, verb in ((found.impute, fills, "filled"), (found.scale, _SCALES, "scaled")):
        if declared is not None and declared not in known:
            raise InputError(
                f"column '{found.name}' ({found.kind}) cannot be {verb} by '{declared}' (known: {', '.join(known)})."
                f"{did_you_mean(declared, known)}"
            )
    if found.scale not in {None, "none"} and found.kind != "numeric":
        raise InputError(f"column '{found.name}' is {found.kind}: only numbers are scaled")


def _names(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    return tuple(found.name for found in candidates)


_PLANS: Mapping[View, Callable[[Ground], tuple[Step, ...]]] = {
    "native": _native,
    "filled": _for_forests,
    "dense": _dense,
}
