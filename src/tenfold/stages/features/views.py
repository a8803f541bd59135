"""The three ways in which learners want their numbers, as lists of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.records.features import Step, View
from tenfold.stages.features.candidates import Candidate
from tenfold.stages.features.date_parts import DateParts
from tenfold.stages.features.derived import binned, components, curved, made_by, paired, sized, topics, with_filling
from tenfold.stages.features.encoding import encoded
from tenfold.stages.features.filling import (
    carefully_filled,
    filled,
    filled_numbers,
    group_of,
    is_simple,
    scaled,
    scaled_numbers,
)
from tenfold.stages.features.ground import Ground

MOST_CODES = 40
"""Up to so many levels stand for themselves; beyond, each is what the target was on average for it."""
_FILLS = ("median", "mean", "mode", "constant", "neighbours", "iterative", "forward", "none")
_SCALES = ("standard", "minmax", "robust", "quantile", "power", "log", "auto", "none")


def plan_views(ground: Ground) -> dict[View, tuple[Step, ...]]:
    """Return the steps of each view.

    Raises
    ------
    InputError
        When a column is declared to be filled, scaled or encoded in a way that its kind does not know.
    """
    kinds = {found.name: found.kind for found in ground.candidates}
    for found in ground.candidates:
        _check_declared(found, kinds)
    return {view: plan(ground) for view, plan in _PLANS.items()}


def _native(ground: Ground) -> tuple[Step, ...]:
    """Missing stays missing, categories are codes."""
    steps = paired(ground)
    steps += carefully_filled(ground, whole=False, indicators=False)
    numbers = [found for found in ground.of("numeric") if is_simple(found)]
    plain = [found for found in numbers if found.impute in {None, "none"}]
    if plain:
        steps.append(
            Step(
                kind="passthrough",
                columns=_names(plain),
                reason="numbers as they are; missing stays missing, but where training has none the median stands in",
            )
        )
    steps.extend(filled((found,), indicator=False) for found in numbers if found.impute not in {None, "none"})
    flags = ground.of("boolean")
    if flags:
        steps.append(Step(kind="boolean", columns=_names(flags), reason="true is 1, false is 0, missing stays missing"))
    for found in ground.of("categorical"):
        steps.extend(encoded(found, ground, "native"))
    steps.extend(_dated(ground.dates, lambda parts: parts.for_trees))
    steps.extend((*ground.holidays, *sized(ground.of("text")), *topics(ground), *binned(ground), *components(ground)))
    return tuple(steps)


def _for_forests(ground: Ground) -> tuple[Step, ...]:
    """Nothing is missing, categories are codes."""
    steps = with_filling(paired(ground))
    steps += filled_numbers(ground)
    for found in ground.of("categorical"):
        steps.extend(encoded(found, ground, "filled"))
    dated = _dated(ground.dates, lambda parts: parts.for_trees)
    steps.extend(with_filling([*dated, *ground.holidays, *sized(ground.of("text"))]))
    steps.extend((*topics(ground), *binned(ground), *components(ground)))
    return tuple(steps)


def _dense(ground: Ground) -> tuple[Step, ...]:
    """Nothing is missing, numbers are on one scale, categories have a column for each level."""
    steps = with_filling(paired(ground), scale=True)
    steps += filled_numbers(ground)
    # These read numbers that are filled but not yet scaled.
    for step in (*curved(ground), *components(ground)):
        steps += [step, scaled(made_by(step))]
    steps += binned(ground)
    steps += scaled_numbers(ground)
    for found in ground.of("categorical"):
        steps.extend(encoded(found, ground, "dense"))
    for step in _dated(ground.dates, lambda parts: parts.for_sums):
        steps.extend(with_filling([step]))
        if "elapsed" in step.settings["parts"]:  # type: ignore[operator]  # a tuple of names
            steps.append(scaled((f"{step.columns[0]}__elapsed",)))
    steps.extend(with_filling([*ground.holidays, *sized(ground.of("text"))], scale=True))
    for step in topics(ground):
        steps += [step, scaled(made_by(step))]
    return tuple(steps)


def _dated(dates: Mapping[str, DateParts], chosen: Callable[[DateParts], tuple[str, ...]]) -> list[Step]:
    return [parts.step(chosen(parts)) for parts in dates.values() if chosen(parts)]


def _check_declared(found: Candidate, kinds: Mapping[str, str]) -> None:
    group = group_of(found) if found.kind == "numeric" else ""
    if group and kinds.get(group) != "categorical":
        raise InputError(
            f"column '{found.name}' is to be filled by '{group}', which is not a categorical feature."
            f"{did_you_mean(group, [name for name, kind in kinds.items() if kind == 'categorical'])}"
        )
    fills = _FILLS if found.kind == "numeric" else ("mode", "constant", "none")
    for declared, known, verb in ((found.impute, fills, "filled"), (found.scale, _SCALES, "scaled")):
        if declared is not None and declared not in known and not group:
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
