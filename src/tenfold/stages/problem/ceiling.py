"""How good any model of these columns could become: what is left when nothing more can be learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tenfold.records.problem import Ceiling, Requirement
from tenfold.stages.problem.encode import Design
from tenfold.stages.problem.learning import Growth, Said, best, growths
from tenfold.stages.problem.neighbours import cover_hart, disagreement
from tenfold.stages.problem.power_law import fit_power_laws
from tenfold.stages.problem.sample import Sample

_Z = 2.4
"""Two-sided 95 % for the best of several quick models, which do not differ much."""
_TAIL = 0.025
METHOD = "floor of the learning curve and of the nearest neighbours; upper bound of the best quick model"


def estimate_ceiling(
    sample: Sample, design: Design, said: Said, requirements: Sequence[Requirement], *, rng: np.random.Generator
) -> Ceiling:
    """Bound the error of the best possible model.

    No model does better than the best possible one, so what quick models reach bounds its error from above. From below
    it is bounded by the lower of two floors: that to which the curve of learning falls, and that to which the
    disagreement of nearest neighbours falls (Cover and Hart, 1967; for numbers the noise variance of Rice, 1984).
    Neither is certain without knowing how the classes hang together with the columns, which is why the lower counts.

    Parameters
    ----------
    sample : Sample
        Rows with the classes' natural shares.
    """
    classes = len(sample.classes)
    grown = growths(sample, said, "error_rate" if classes else "rmse")
    leader = best(grown)
    laws = fit_power_laws(leader.rows, leader.losses, leader.covariance)
    near = disagreement(design.dense, sample.truth, classes=classes, rng=rng)
    apart = fit_power_laws(near.rows, near.losses, near.covariance)
    noise = apart.quantile(apart.floor, _TAIL)
    by_neighbours = cover_hart(noise, classes) if classes else float(np.sqrt(noise))
    high = min(_upper(one, len(sample.truth), share=bool(classes)) for one in grown)
    low = min(laws.quantile(laws.floor, _TAIL), by_neighbours, high)
    ceiling = Ceiling(
        metric="error_rate" if classes else "rmse",
        value=min(max(laws.quantile(laws.floor, 0.5), low), high),
        low=low,
        high=high,
        n=len(sample.truth),
        method=METHOD,
    )
    beyond = tuple(one.id for one in requirements if _is_beyond(one, ceiling, sample))
    return Ceiling(
        metric=ceiling.metric,
        value=ceiling.value,
        low=ceiling.low,
        high=ceiling.high,
        n=ceiling.n,
        method=ceiling.method,
        out_of_reach=beyond,
    )


def _upper(grown: Growth, rows: int, *, share: bool) -> float:
    """Return the upper bound of a loss: Wilson's (1927) for a share of rows."""
    value = float(grown.losses[-1])
    if not share:
        return value + _Z * float(np.sqrt(grown.covariance[-1, -1]))
    room = _Z**2 / rows
    spread = _Z * float(np.sqrt(value * (1.0 - value) / rows + room / (4.0 * rows)))
    return (value + room / 2.0 + spread) / (1.0 + room)


def _is_beyond(requirement: Requirement, ceiling: Ceiling, sample: Sample) -> bool:
    """Whether a must asks for more than the best that is still possible."""
    if requirement.level != "must" or requirement.slices or requirement.bound.reference is not None:
        return False
    asked = requirement.bound.offset
    if ceiling.metric == "error_rate":
        return requirement.metric == "accuracy" and asked > 1.0 - ceiling.low
    if requirement.metric == "r2":
        return asked > 1.0 - ceiling.low**2 / float(sample.truth.var())
    return requirement.metric == "rmse" and asked < ceiling.low
