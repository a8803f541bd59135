"""Splits in time: what trains is older than what measures, with a gap between."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tenfold.foundation.errors import DataError
from tenfold.stages.validation.protocols import NO_TIME, IntArray, Rows, Shares, Split

_MICROSECONDS = 1_000_000
_FAR_OFF = 0.05
ONLY_FINAL = "stand outside the folds and train only the final model"


def split_by_time(rows: Rows, shares: Shares, rng: np.random.Generator) -> Split:  # noqa: ARG001 - no chance here
    """Seal the newest rows for the test, and let each block of the rest be predicted from the blocks before it.

    Equal times are never cut apart. A row whose time plus the gap lies after the start of the part that is measured
    trains nothing for it: before the test it is left out, before a later block it stands outside the folds (but still
    trains the final model, when its outcome is known by then).

    Raises
    ------
    DataError
        When there are too few distinct times, or the gap leaves nothing to train on.
    """
    assert rows.times is not None
    known = rows.times != NO_TIME
    distinct = np.unique(rows.times[known])
    if len(distinct) < 3:
        raise DataError(
            f"the time column has {len(distinct)} distinct {'value' if len(distinct) == 1 else 'values'}: too few"
            " to split"
            " rows in time; take `problem.time` out, or name another column"
        )
    gap = round(shares.gap_seconds * _MICROSECONDS)
    part = np.full(rows.count, "out", dtype="<U10")
    block = np.full(rows.count, -1, dtype=np.int16)
    findings: list[str] = []
    if not known.all():
        findings.append(f"{int((~known).sum())} rows without a time are left out")

    inside = np.flatnonzero(known)
    if shares.test > 0:
        start = _start_of_newest(rows.times[inside], shares.test)
        sealed = inside[rows.times[inside] >= start]
        part[sealed] = "test"
        findings += _if_far_off(len(sealed), len(inside), shares.test, "test")
        older = inside[rows.times[inside] < start]
        inside = older[rows.times[older] <= start - gap]
        if len(inside) < len(older):
            findings.append(
                f"{len(older) - len(inside)} rows just before the test part are left out: their outcomes were not known"
                " when it began"
            )
    if len(np.unique(rows.times[inside])) < 2:
        raise DataError(
            f"the gap of {shares.gap_seconds:g} s leaves nothing to train on before the test part; lower"
            " `validation.gap`,"
            " `problem.labels.after` or `validation.test`"
        )
    part[inside] = "train"
    block[inside] = _blocks(rows.times[inside], shares, rows.count, gap)
    blocks = int(block.max()) + 1
    if shares.blocks == 0:
        part[block == 1] = "validation"
    elif blocks - 1 < shares.blocks:
        findings.append(f"time allows {blocks - 1} folds instead of {shares.blocks}")
    outside = int(((part == "train") & (block < 0)).sum())
    if outside:
        findings.append(f"{outside} rows in the gaps {ONLY_FINAL}")
    return Split(part=part, block=block, scheme="expanding", blocks=blocks, findings=tuple(findings))


def without_shared_units(rows: Rows, split: Split) -> Split | None:
    """Leave out rows whose group stands in a later part, so that no group is on both sides of the split in time.

    Returns
    -------
    Split or None
        None when most of the development rows would go.
    """
    assert rows.units is not None
    order = np.full(rows.count, -1, dtype=np.int64)
    order[split.block >= 0] = split.block[split.block >= 0]
    order[(split.part == "train") & (split.block < 0)] = -2
    order[split.part == "test"] = split.blocks
    latest = np.full(int(rows.units.max()) + 1, -3, dtype=np.int64)
    np.maximum.at(latest, rows.units, order)
    development = (split.part == "train") | (split.part == "validation")
    shared = development & (order < latest[rows.units])
    kept = int(development.sum()) - int(shared.sum())
    if kept < 0.5 * development.sum() or len(np.unique(split.block[development & ~shared & (split.block >= 0)])) < 2:
        return None
    part, block = split.part.copy(), split.block.copy()
    part[shared], block[shared] = "out", -1
    findings = split.findings
    if shared.any():
        findings = (*findings, f"{int(shared.sum())} rows are left out: their group stands in a later part")
    return Split(part=part, block=block, scheme=split.scheme, blocks=split.blocks, findings=findings)


def _start_of_newest(times: IntArray, share: float) -> int:
    """Return the time at which the newest rows begin: the distinct time nearest to the share, never the first."""
    distinct, counts = np.unique(times, return_counts=True)
    newer = np.cumsum(counts[::-1])[::-1]
    wish = share * len(times)
    return int(distinct[1:][int(np.argmin(np.abs(newer[1:] - wish)))])


def _blocks(times: IntArray, shares: Shares, all_rows: int, gap: int) -> npt.NDArray[np.int16]:
    """Return each development row's block; -1 for rows that the gap takes out of the folds."""
    if shares.blocks == 0:
        return _one_fold(times, min(shares.validation * all_rows / len(times), 0.5), gap)
    for folds in range(shares.blocks, 1, -1):
        ordered = np.sort(times)
        cuts = [ordered[round(len(times) * number / (folds + 1))] for number in range(1, folds + 1)]
        starts_of = np.unique([cut for cut in cuts if cut > ordered[0]]).astype(np.int64)
        numbered = _numbered(times, starts_of, gap)
        sizes = np.bincount(numbered[numbered >= 0], minlength=len(starts_of) + 1)
        # A gap longer than a block would leave nothing to train on: fewer, longer blocks then.
        if len(starts_of) >= 1 and sizes.min() >= 0.5 * len(times) / (folds + 1):
            return numbered
    return _one_fold(times, 0.3, gap)


def _one_fold(times: IntArray, share: float, gap: int) -> npt.NDArray[np.int16]:
    numbered = _numbered(times, np.array([_start_of_newest(times, share)], dtype=np.int64), gap)
    if not (numbered == 0).any():
        raise DataError("the gap leaves nothing to train on in the oldest rows; lower `validation.gap`")
    return numbered


def _numbered(times: IntArray, starts: IntArray, gap: int) -> npt.NDArray[np.int16]:
    number = np.searchsorted(starts, times, side="right")
    later = np.append(starts, np.iinfo(np.int64).max)[number]
    result: npt.NDArray[np.int16] = np.where(times > later - gap, -1, number).astype(np.int16)
    return result


def _if_far_off(got: int, of: int, share: float, part: str) -> list[str]:
    if abs(got / of - share) <= _FAR_OFF:
        return []
    return [f"the {part} part has {got / of:.0%} of the rows instead of {share:.0%}: equal times are not cut apart"]
