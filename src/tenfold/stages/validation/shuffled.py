"""Splits by chance: plain, stratified by class, with units that stay together, repeated, and one row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tenfold.foundation.errors import DataError
from tenfold.stages.validation.apportion import deal, even_quota, quota
from tenfold.stages.validation.protocols import IntArray, Rows, Shares, Split

_FEW_TEST_ROWS = 100


def split_stratified(rows: Rows, shares: Shares, rng: np.random.Generator) -> Split:
    """Divide by chance within each class, so that every part has the classes in the same proportions."""
    assert rows.labels is not None
    folds, findings = _folds_for_classes(rows, shares)
    return _split(rows, replace(shares, blocks=folds), findings, rng)


def split_random(rows: Rows, shares: Shares, rng: np.random.Generator) -> Split:
    """Divide by chance."""
    alike = np.zeros(rows.count, dtype=np.int64)
    return _split(replace(rows, labels=alike, classes=()), shares, [], rng)


def split_groups(rows: Rows, shares: Shares, rng: np.random.Generator) -> Split:
    """Divide whole groups by chance, keeping sizes and classes as even as groups allow.

    Raises
    ------
    DataError
        When there are fewer groups than parts.
    """
    assert rows.units is not None
    groups = len(np.unique(rows.units))
    parts = (shares.test > 0) + 2
    if groups < parts:
        raise DataError(
            f"the group column has {groups} distinct {'value' if groups == 1 else 'values'}, but {parts} parts need"
            " a group"
            " each; name a column with more groups, or set `validation: {strategy: stratified}`"
        )
    labels = rows.labels if rows.labels is not None else np.zeros(rows.count, dtype=np.int64)
    findings: list[str] = []
    folds = shares.blocks
    if folds > groups - (shares.test > 0):
        folds = groups - (shares.test > 0)
        findings.append(f"there are {groups} groups, so there are {folds} folds instead of {shares.blocks}")
    split = _split(replace(rows, labels=labels), replace(shares, blocks=folds), findings, rng)
    return replace(split, findings=(*split.findings, *_lopsided_folds(rows, split)))


def split_each(rows: Rows, shares: Shares, rng: np.random.Generator) -> Split:
    """Leave one row out at a time; copies of a row are left out together."""
    split = split_random(rows, replace(shares, blocks=0, repeats=1), rng)
    inside = np.flatnonzero((split.part == "train") | (split.part == "validation"))
    part = split.part.copy()
    part[inside] = "train"
    _, block_of = np.unique(inside if rows.units is None else rows.units[inside], return_inverse=True)
    block = np.full(rows.count, -1, dtype=np.int16)
    # Dealt by chance, so that the first folds are a sample of all where time ends before the last.
    block[inside] = rng.permutation(int(block_of.max()) + 1)[block_of]
    return replace(split, part=part, block=block, scheme="kfold", blocks=int(block_of.max()) + 1)


def _lopsided_folds(rows: Rows, split: Split) -> list[str]:
    """Name the classes that stand in the groups of one fold only: that fold cannot learn them."""
    if rows.labels is None or split.scheme not in {"kfold", "repeated"}:
        return []
    table = np.zeros((len(rows.classes), split.blocks), dtype=np.int64)
    block = split.block if split.scheme == "kfold" else split.block[:, 0]
    inside = block >= 0
    np.add.at(table, (rows.labels[inside], block[inside]), 1)
    alone = [name for name, counts in zip(rows.classes, table, strict=True) if (counts > 0).sum() == 1]
    if not alone:
        return []
    return [f"in the groups of one fold only, so that fold is measured on what it never saw: {', '.join(alone[:5])}"]


def _split(rows: Rows, shares: Shares, findings: Sequence[str], rng: np.random.Generator) -> Split:
    assert rows.labels is not None
    labels, folds = rows.labels, shares.blocks
    part = np.full(rows.count, "train", dtype="<U10")
    block = np.full(rows.count, -1, dtype=np.int16)
    told = list(findings)
    counts = np.bincount(labels)
    if shares.test > 0:
        wanted = _kept_for_training(quota(counts, shares.test), counts, max(folds, 2))
        place = deal(labels, rows.units, np.stack([counts - wanted, wanted], axis=1), rng)
        if rows.units is not None and not (place == 1).any():
            # Units so large that none comes near the share: a test part that is too large still judges.
            names, sizes = np.unique(rows.units, return_counts=True)
            place[rows.units == names[int(np.argmin(sizes))]] = 1
            told.append(
                f"the smallest group is sealed for the test, {float((place == 1).mean()):.0%} of the rows: every group"
                f" is larger than the share of {shares.test:.0%}"
            )
        part[place == 1] = "test"
        told += _test_findings(rows, part == "test")
    inside = np.flatnonzero(part == "train")
    if len(inside) < 2:
        raise DataError(f"only {len(inside)} of {rows.count} rows are left for training; lower `validation.test`")
    units = None if rows.units is None else rows.units[inside]
    left = np.bincount(labels[inside], minlength=len(counts))
    if folds == 0:
        share = min(shares.validation * rows.count / len(inside), 1.0)
        wanted = _kept_for_training(quota(left, share), left, 1)
        place = deal(labels[inside], units, np.stack([left - wanted, wanted], axis=1), rng)
        part[inside[place == 1]] = "validation"
        if not (0 < int((place == 1).sum()) < len(inside)):
            raise DataError("the validation part or the training part would be empty; change `validation.validation`")
        return Split(part=part, block=block, scheme="holdout", blocks=1, findings=tuple(told))
    dealt = []
    for _ in range(shares.repeats):
        block[inside] = deal(labels[inside], units, even_quota(left, folds), rng)
        if len(np.unique(block[inside])) < folds:
            raise DataError(f"{len(inside)} rows cannot fill {folds} folds; lower `validation.folds`")
        dealt.append(block.copy())
    if shares.repeats == 1:
        return Split(part=part, block=block, scheme="kfold", blocks=folds, findings=tuple(told))
    return Split(
        part=part,
        block=np.stack(dealt, axis=1),
        scheme="repeated",
        blocks=folds,
        findings=tuple(told),
        repeats=shares.repeats,
    )


def _kept_for_training(taken: IntArray, counts: IntArray, least: int) -> IntArray:
    """Return ``taken`` changed so that rare classes keep ``least`` rows; the largest class pays for it."""
    result = taken.copy()
    largest = int(np.argmax(counts))
    for code, count in enumerate(counts):
        allowed = max(int(count) - least, 0)
        if code != largest and result[code] > allowed:
            result[largest] += result[code] - allowed
            result[code] = allowed
    result[largest] = min(result[largest], counts[largest])
    return result


def _folds_for_classes(rows: Rows, shares: Shares) -> tuple[int, list[str]]:
    """Return the number of folds that the rarest class allows, and what to tell about rare classes."""
    assert rows.labels is not None
    counts = np.bincount(rows.labels, minlength=len(rows.classes))
    if shares.blocks == 0:
        return 0, []
    rare = [(rows.classes[code], int(count)) for code, count in enumerate(counts) if 0 < count < shares.blocks]
    if not rare:
        return shares.blocks, []
    named = ", ".join(f"'{name}' ({count})" for name, count in rare[:5]) + (", …" if len(rare) > 5 else "")
    if len(rows.classes) > 2:
        told = (
            f"classes with fewer rows than the {shares.blocks} folds: {named}; some folds neither train nor measure"
            " them. Merge them with others or collect more"
        )
        return shares.blocks, [told]
    fewest = min(count for _, count in rare)
    if fewest < 2:
        raise DataError(f"class {named} has one row: it cannot be both learned and checked; collect more rows of it")
    return fewest, [f"class {named} has fewer rows than the {shares.blocks} folds, so there are {fewest} folds"]


def _test_findings(rows: Rows, test: npt.NDArray[np.bool_]) -> list[str]:
    found = []
    sealed = int(test.sum())
    if sealed < _FEW_TEST_ROWS:
        found.append(
            f"the test part has {sealed} rows: intervals will be wide and verdicts often inconclusive."
            " `validation: {test: 0}` uses every row and judges by cross-validation"
        )
    if rows.labels is not None and rows.classes:
        absent = sorted(set(range(len(rows.classes))) - set(np.unique(rows.labels[test]).tolist()))
        if absent:
            named = ", ".join(f"'{rows.classes[code]}'" for code in absent[:5]) + (", …" if len(absent) > 5 else "")
            found.append(f"too rare to stand in the test part: {named}")
    return found
