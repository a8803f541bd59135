"""What the columns could come to: the ceiling of any model, and what more rows would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tenfold.foundation.context import StageContext
from tenfold.foundation.events import Event
from tenfold.records.dataset import Field
from tenfold.records.problem import Feasibility, LearningCurve, Problem
from tenfold.stages.problem.ceiling import estimate_ceiling
from tenfold.stages.problem.curve import METRIC, estimate_curve, too_few
from tenfold.stages.problem.encode import encode
from tenfold.stages.problem.learning import grow
from tenfold.stages.problem.options import ProblemOptions
from tenfold.stages.problem.sample import draw_sample
from tenfold.stages.problem.target import Target
from tenfold.stages.problem.worth import worth_of


def look_ahead(  # noqa: PLR0917 - what the stage was given
    found: Feasibility,
    problem: Problem,
    table: Path,
    target: Target,
    features: Sequence[Field],
    options: ProblemOptions,
    ctx: StageContext,
    *,
    without: frozenset[str],
) -> Feasibility:
    """Return the feasibility with ceiling, learning curve and the signal's worth, without columns that leak."""
    sample = draw_sample(table, target, features, options.time, ctx.rng, most=options.outlook_rows, balanced=False)
    metric = METRIC[target.task]
    chance = 0.5 if found.chance is None else found.chance
    scarce = too_few(sample)
    design = encode(sample, without=without)
    said = None if scarce else grow(sample, design, seed=ctx.seed, rng=ctx.rng)
    if said is None:
        reason = scarce or "the rows are too few to see how a model grows"
        level = chance if found.required is None else found.required
        curve = LearningCurve(metric=metric, level=level, level_from="default", says="cannot say", reason=reason)
        return replace(found, curve=curve)
    ceiling = estimate_ceiling(sample, design, said, options.requirements, rng=ctx.rng)
    for name in ceiling.out_of_reach:
        message = f"'{name}' asks for more than any model of these columns can be expected to reach"
        ctx.events.emit(Event(kind="warning", stage="problem", message=message))
    curve = estimate_curve(sample, said, options.requirements, chance)
    found = replace(found, ceiling=ceiling, curve=curve)
    worth = worth_of(problem, sample, said)
    return found if worth is None else replace(found, gain=worth.gain, gain_low=worth.low, gain_high=worth.high)
