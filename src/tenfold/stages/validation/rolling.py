"""Windows of constant length that move forward in time: what trains is recent, and older than what measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tenfold.foundation.errors import DataError
from tenfold.stages.validation.forward import ONLY_FINAL
from tenfold.stages.validation.protocols import Rows, Split

_MICROSECONDS = 1_000_000
_LEAST_SHARE = 0.2
"""A window with fewer rows than this part of the usual window's has too little to learn from."""


def with_window(rows: Rows, split: Split, *, window_seconds: float, gap_seconds: float) -> Split:
    """Return an expanding split whose folds train on a window of constant length instead of on everything older.

    The window ends ``gap_seconds`` before the first measured row. The final model trains on the newest window.

    Parameters
    ----------
    window_seconds : float
        Its length; 0: what the first fold has.

    Raises
    ------
    DataError
        When the window holds too few rows in every fold.
    """
    assert rows.times is not None
    times, gap = rows.times, round(gap_seconds * _MICROSECONDS)
    inside = (split.part == "train") | (split.part == "validation")
    starts = [int(times[split.block == number].min()) for number in range(1, split.blocks)]
    oldest = int(times[inside].min())
    ends = [start if gap == 0 else start - gap + 1 for start in starts]
    window = round(window_seconds * _MICROSECONDS) or max(ends[0] - oldest, 1)
    memberships = []
    for number, end in enumerate(ends, start=1):
        trains = inside & (times < end) & (times >= end - window)
        memberships.append(np.where(split.block == number, 1, np.where(trains, 0, -1)))
    sizes = np.array([int((each == 0).sum()) for each in memberships])
    enough = sizes >= max(2.0, _LEAST_SHARE * float(np.median(sizes)))
    if not enough.any():
        raise DataError(
            f"a window of {window / _MICROSECONDS:g} s holds no rows to train on before any block that is measured;"
            " make `validation.window` longer, or lower `validation.gap`"
        )
    kept = [each for each, full in zip(memberships, enough, strict=True) if full]
    newest = int(times[inside].max())
    final = np.where(inside & (times > newest - window), 0, -1)
    findings = tuple(each for each in split.findings if not each.endswith(ONLY_FINAL))
    unmeasured = int(((split.part == "train") & (split.block < 0)).sum())
    if unmeasured:
        findings = (
            *findings,
            f"{unmeasured} rows in the gaps are measured by no fold",
        )
    if len(kept) < len(memberships):
        findings = (*findings, f"{len(memberships) - len(kept)} folds are left out: their window holds too few rows")
    left = int(inside.sum()) - int((final == 0).sum())
    if left:
        findings = (*findings, f"{left} development rows are older than the window of the final model")
    part = np.where(split.part == "validation", "train", split.part) if len(kept) > 1 else split.part
    return replace(
        split,
        part=part,
        block=np.stack([*kept, final], axis=1).astype(np.int16),
        scheme="rolling",
        blocks=len(kept),
        findings=findings,
        window_seconds=window / _MICROSECONDS,
    )
