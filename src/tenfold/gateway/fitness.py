"""Whether a version may take the place of the one before it: its numbers are numbers, and they come in time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import StoreError
from tenfold.gateway.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceAllowed:
    """From when on a version is too slow to be taken.

    It takes ``times`` as long for a row as the version before, and ``seconds`` more; both are the shortest of
    ``rounds`` over their probe rows, since a busy machine only adds to them. ``enough_seconds`` are spent on it.
    """

    times: float = 8.0
    seconds: float = 0.001
    rounds: int = 5
    rows: int = 4
    enough_seconds: float = 1.0


def check_fit(version: Version, before: Version | None, clock: Clock, allowed: PaceAllowed | None = None) -> None:
    """Refuse a version that would fail its callers where the one before it does not.

    Raises
    ------
    StoreError
        When a score of its own probe rows is no finite number, or when it is far slower.
    """
    probe = version.model.probe
    if probe is None:
        return
    if not np.isfinite(probe.scores).all():
        raise StoreError(f"'{version.ref}' gives its own probe rows scores that are no finite numbers")
    if before is None or before.model.probe is None:
        return
    allowed = allowed or PaceAllowed()
    # In turns, so that whatever else the machine does slows both.
    own, other = math.inf, math.inf
    until = clock.monotonic() + allowed.enough_seconds
    for _ in range(allowed.rounds):
        other = min(other, _row_seconds(before, clock, allowed, until))
        own = min(own, _row_seconds(version, clock, allowed, until))
        if clock.monotonic() >= until:
            break
    if own >= allowed.times * other and own - other >= allowed.seconds:
        raise StoreError(
            f"'{version.ref}' takes {1e3 * own:.2g} ms for a row, '{before.ref}' {1e3 * other:.2g} ms: it is refused, "
            f"being {allowed.times:g} times slower and more; serve it at an endpoint of its own, or stop "
            "and start the gateway, if that is meant"
        )


def _row_seconds(version: Version, clock: Clock, allowed: PaceAllowed, until: float) -> float:
    """Return the shortest time of scoring one of the version's probe rows."""
    assert version.model.probe is not None  # the caller has looked
    shortest = math.inf
    for row in version.model.probe.rows.head(allowed.rows).iter_rows():
        began = clock.monotonic()
        version.plan.scores_row(row)
        now = clock.monotonic()
        shortest = min(shortest, now - began)
        if now >= until:
            break
    return shortest
