"""Everything that was tried, best first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from tenfold.foundation.clock import Deadline
from tenfold.records.model import Candidate
from tenfold.stages.training.bench import Bench
from tenfold.stages.training.convergence.told import note
from tenfold.stages.training.scored import Scored

_LEAST_SECONDS = 0.5
"""Intervals cost time; with less than this left they are not computed."""


def leaderboard(bench: Bench, pool: Iterable[Scored], deadline: Deadline) -> tuple[Candidate, ...]:
    """Return the candidates, best first and complete ones before the others, with intervals while there is time."""
    judged = []
    for one in sorted(pool, key=lambda one: (bool(one.dropped), one.candidate.loss, one.key)):
        candidate = one.candidate
        if not one.held:
            continue
        found_by_rules = note(candidate.convergence)
        if one.dropped:
            left = f"left the race after {one.finished} folds: {one.dropped}"
            judged.append(replace(candidate, note="; ".join(part for part in (left, found_by_rules) if part)))
            continue
        if not candidate.note and deadline.remaining_seconds() > _LEAST_SECONDS:
            rng = np.random.default_rng([bench.seed, *candidate.key.encode()])
            folds = sorted(one.held)
            found = bench.yardstick(folds).interval(one.predictions(folds), rng)
            candidate = replace(candidate, low=found.low, high=found.high)
        judged.append(replace(candidate, note="; ".join(part for part in (candidate.note, found_by_rules) if part)))
    return tuple(judged)
