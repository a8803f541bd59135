"""Groups by time: what measures is newer than what trains, and of other groups."""

from __future__ import annotations

import numpy as np

from tenfold.foundation.errors import DataError
from tenfold.stages.validation.protocols import NO_TIME, IntArray, Rows, Shares, Split

FEWEST_GROUPS = 10
_MICROSECONDS = 1_000_000


def split_crossed(rows: Rows, shares: Shares, rng: np.random.Generator) -> Split:
    """Seal the newest rows of some groups, and let each newer block of other groups be predicted from older rows.

    For groups that go on through the whole time: leaving out every group that stands in a later part would leave
    nothing. So each fold measures only its own groups, in its own block of time, and trains on older rows of all
    others; older rows of sealed groups and newer rows of the others stand outside.

    Where one validation part is asked for instead of folds, it is a square of groups by time as the sealed part is.

    Raises
    ------
    DataError
        When there are too few groups, or the gap leaves nothing to train on.
    """
    assert rows.times is not None
    assert rows.units is not None
    _, group = np.unique(rows.units, return_inverse=True)
    count = int(group.max()) + 1
    if count < FEWEST_GROUPS:
        raise DataError(
            f"time and group cannot both be respected: the {count} groups go on through the whole time, and"
            f" {FEWEST_GROUPS} would be needed to set some aside; set `validation: {{strategy: time}}` or"
            " `{strategy: group}`"
        )
    gap = round(shares.gap_seconds * _MICROSECONDS)
    known = rows.times != NO_TIME
    folds = min(shares.blocks, 3)
    part = np.full(rows.count, "out", dtype="<U10")
    inside = known.copy()
    order = rng.permutation(count)
    sealed_groups = np.zeros(count, dtype=bool)
    if shares.test > 0:
        # A square of groups by time: the root of the share on either side.
        side = float(np.sqrt(shares.test))
        sealed_groups[order[: max(1, round(side * count))]] = True
        start = _quantile(rows.times[known], 1.0 - side)
        part[known & sealed_groups[group] & (rows.times >= start)] = "test"
        inside &= ~sealed_groups[group] & (rows.times <= start - gap) & (rows.times < start)
    if not inside.any() or (shares.test > 0 and not (part == "test").any()):
        raise DataError(
            "time and group cannot both be respected: nothing is left to train on; set `validation: {strategy: time}`"
            " or `{strategy: group}`"
        )
    part[inside] = "train"
    open_to = order[~sealed_groups[order]]
    bucket = np.full(count, -1, dtype=np.int64)
    if folds:
        bucket[open_to] = np.arange(len(open_to)) % folds
        cuts = [_quantile(rows.times[inside], number / (folds + 1)) for number in range(1, folds + 1)]
    else:
        side = float(np.sqrt(min(shares.validation / (1.0 - shares.test), 0.5)))
        bucket[open_to[: max(1, round(side * len(open_to)))]] = 0
        cuts = [_quantile(rows.times[inside], 1.0 - side)]
    places = _memberships(rows.times, inside, bucket[group], cuts, gap)
    final = np.where(inside, 0, -1)
    outside = int((part == "out").sum())
    told = (
        f"groups go on through the whole time, so each part has its own: {outside} of {rows.count} rows would stand on"
        " both sides and are left out"
    )
    return Split(
        part=part,
        block=np.stack([*places, final], axis=1).astype(np.int16),
        scheme="crossed",
        blocks=len(places),
        findings=(told,),
    )


def _memberships(
    times: IntArray, inside: np.ndarray[tuple[int], np.dtype[np.bool_]], bucket: IntArray, cuts: list[int], gap: int
) -> list[IntArray]:
    """Return for each fold, begun at a cut, 0 where a row trains, 1 where it is measured, -1 elsewhere."""
    ends = [*cuts[1:], int(times[inside].max()) + 1]
    made = []
    for number, (start, end) in enumerate(zip(cuts, ends, strict=True)):
        measured = inside & (bucket == number) & (times >= start) & (times < end)
        trains = inside & (bucket != number) & (times <= start - gap) & (times < start)
        if measured.any() and trains.any():
            made.append(np.where(measured, 1, np.where(trains, 0, -1)).astype(np.int64))
    if not made:
        raise DataError(
            "time and group cannot both be respected: no fold has rows on both sides; set"
            " `validation: {strategy: time}` or `{strategy: group}`"
        )
    return made


def _quantile(times: IntArray, share: float) -> int:
    ordered = np.sort(times)
    return int(ordered[min(round(share * len(ordered)), len(ordered) - 1)])
