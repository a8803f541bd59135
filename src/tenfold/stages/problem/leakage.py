"""Columns that know the answer: copies of the target, and facts that arise with the outcome."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.measures.rank import roc_auc
from tenfold.records.dataset import Field
from tenfold.records.problem import Leak
from tenfold.stages.problem.encode import Floats, codes_of, numbers_of
from tenfold.stages.problem.sample import Sample
from tenfold.stages.problem.telling_text import answer_in_text

NEAR_PERFECT = 0.995
"""AUC or R2 of one column alone, cross-validated, from which on it is taken to know the answer."""
TOO_GOOD = {"binary": 0.98, "multiclass": 0.985, "regression": 0.97}
"""The same, from which on it is told and not stopped: some honest columns are so good."""
LINE_TELLS = 0.95
"""R2 of a straight line through one number, from which on it is told: parts of a sum follow it so."""
COPY_AGREEMENT = 0.94
"""Share of each class that a column of as many values as classes must name rightly to be taken as a copy."""
LIKELY_COPY = 0.88
"""The same, from which on it is told."""
SAME_PLACE_SHARE = 0.85
SAME_PLACE = 0.03
"""A number stands in the target's order when this share of rows is within 3 % of its place there."""
MISSING_AGREEMENT = 0.97
SUSPICIOUS = 0.3
_FEWEST = 30
_FEWEST_OF_A_CLASS = 10
_SCREEN = 0.94
_MOST_STATES = 60
_PURE = 0.98
_STATE_TELLS = 0.94
_BINS = 128
_ROWS_OF_A_BIN = 25


def find_leaks(sample: Sample, allowed: Collection[str], *, seed: int) -> tuple[Leak, ...]:
    """Return the features that know the target, most certain first.

    Parameters
    ----------
    allowed : collection of str
        Columns that the user vouched for.
    """
    if len(sample.truth) < _FEWEST:
        return ()
    leaks = []
    for known in sample.features:
        if known.name in allowed:
            continue
        column = sample.table[known.name]
        if column.drop_nulls().n_unique() < 1:
            continue
        leak = (
            _copy(sample, known, column)
            or _missing_with(sample, known, column)
            or answer_in_text(sample, known, column)
            or _near_perfect(sample, known, column, seed=seed)
            or _filled_for_one_class(sample, known, column)
            or _state_of_one_class(sample, known, column)
        )
        if leak is not None:
            leaks.append(leak)
    return tuple(sorted(leaks, key=lambda leak: (leak.severity != "block", -(leak.strength or 0.0), leak.column)))


def _copy(sample: Sample, known: Field, column: pl.Series) -> Leak | None:
    if sample.task == "regression":
        return _copy_of_number(sample, known, column)
    present = column.is_not_null().to_numpy()
    codes = codes_of(column.cast(pl.String), len(sample.classes) + 1)[present]
    truth = sample.truth[present].astype(np.int64)
    classes = len(sample.classes)
    if present.mean() < 0.9 or len(np.unique(codes)) != classes or len(np.unique(truth)) != classes:
        return None
    table = np.zeros((classes, classes))
    np.add.at(table, (truth, codes), 1)
    if len(set(table.argmax(axis=1).tolist())) < classes or table.sum(axis=1).min() < _FEWEST_OF_A_CLASS:
        return None
    rightly = table.max(axis=1) / table.sum(axis=1)
    agreement = (
        float(rightly.min()) if classes == 2 else float(min(rightly.mean(), table.max(axis=1).sum() / table.sum()))
    )
    if agreement < LIKELY_COPY:
        return None
    if agreement < COPY_AGREEMENT:
        reason = f"'{known.name}' names the target rightly in {agreement:.1%} of the rows: is it a copy with faults?"
        return Leak(column=known.name, kind="copy", severity="warn", reason=reason, strength=agreement)
    exact = agreement == 1.0
    return _blocked(
        known.name,
        "copy",
        f"'{known.name}' is a copy of the target" + ("" if exact else f" but for {1 - agreement:.1%} of the rows"),
        agreement,
    )


def _copy_of_number(sample: Sample, known: Field, column: pl.Series) -> Leak | None:
    if column.dtype == pl.String:
        return None
    values = numbers_of(column, known)
    present = np.isfinite(values)
    if present.mean() < 0.9 or len(np.unique(values[present])) < 10:
        return None
    truth = sample.truth[present].astype(np.float64)
    said, happened = _places(values[present]), _places(truth)
    same = max(
        float((np.abs(said - happened) <= SAME_PLACE).mean()), float((np.abs(1 - said - happened) <= SAME_PLACE).mean())
    )
    if same < SAME_PLACE_SHARE:
        return None
    form = "is a copy of the target, or computed from it:" if same > 0.999 else "is nearly a copy of the target:"
    return _blocked(known.name, "copy", f"'{known.name}' {form} {same:.1%} of its rows stand in the same order", same)


def _missing_with(sample: Sample, known: Field, column: pl.Series) -> Leak | None:
    """Find a column that is missing, or filled, exactly when the outcome is a certain one: it was written after it."""
    missing = column.is_null().to_numpy()
    for name, holds in _outcomes(sample):
        for state, word in ((missing, "missing"), (~missing, "filled")):
            agreement = float(min(state[holds].mean(), (~state)[~holds].mean()))
            if agreement >= MISSING_AGREEMENT:
                how = "exactly" if agreement == 1.0 else "almost exactly"
                reason = f"'{known.name}' is {word} {how} when '{sample.target}' is {name}"
                return _blocked(known.name, "post-outcome", reason, agreement)
    return None


def _filled_for_one_class(sample: Sample, known: Field, column: pl.Series) -> Leak | None:
    filled = column.is_not_null().to_numpy()
    for name, holds in _outcomes(sample):
        if (~holds).sum() < _FEWEST or filled[~holds].any() or filled.sum() < _FEWEST:
            continue
        share = float(filled[holds].mean())
        if share >= SUSPICIOUS:
            return Leak(
                column=known.name,
                kind="post-outcome",
                severity="warn",
                reason=f"'{known.name}' is filled only when '{sample.target}' is {name}: is it known before that?",
                strength=share,
            )
    return None


def _state_of_one_class(sample: Sample, known: Field, column: pl.Series) -> Leak | None:
    """Find a word that a column says for one class alone, in a good part of it: a state that the outcome brings about.

    With two classes at least: what is said of the largest one alone is said of what happens mostly.
    """
    if sample.task == "regression" or column.dtype != pl.String:
        return None
    codes = codes_of(column, _MOST_STATES)
    states = int(codes.max()) + 1
    if not 2 <= states <= _MOST_STATES:
        return None
    truth = sample.truth.astype(np.int64)
    predicted = _by_bin(sample, codes)
    for code in np.flatnonzero(np.bincount(truth) >= _FEWEST):
        strength = roc_auc(truth == code, predicted[:, code])
        if strength >= _STATE_TELLS:
            reason = (
                f"'{known.name}' alone tells where '{sample.target}' is '{sample.classes[code]}' (AUC {strength:.3f}):"
                " is it a state that the outcome brings about?"
            )
            return Leak(column=known.name, kind="post-outcome", severity="warn", reason=reason, strength=strength)
    table = np.zeros((len(sample.classes), states))
    np.add.at(table, (truth[codes >= 0], codes[codes >= 0]), 1)
    sizes = np.bincount(truth, minlength=len(sample.classes))
    shares = table / np.maximum(sizes, 1)[:, None]
    code, state = np.unravel_index(int((shares * (shares / shares.sum(axis=0) >= _PURE)).argmax()), shares.shape)
    share = float(shares[code, state])
    if share < SUSPICIOUS or share / shares[:, state].sum() < _PURE or table[code, state] < _FEWEST:
        return None
    word = column.drop_nulls().gather(int(np.flatnonzero(codes[codes >= 0] == state)[0]))[0]
    reason = (
        f"'{known.name}' says '{word}' in {share:.0%} of the rows where '{sample.target}' is '{sample.classes[code]}'"
        " and in hardly another: is it known before that?"
    )
    return Leak(column=known.name, kind="post-outcome", severity="warn", reason=reason, strength=share)


def _outcomes(sample: Sample) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Return the outcomes that a column may be written with: classes, or a number's most frequent value."""
    if sample.task == "regression":
        values, counts = np.unique(sample.truth, return_counts=True)
        commonest = int(np.argmax(counts))
        share = counts[commonest] / len(sample.truth)
        return [(f"{values[commonest]:g}", sample.truth == values[commonest])] if 0.02 <= share <= 0.98 else []
    codes = range(1, 2) if sample.task == "binary" else range(len(sample.classes))
    masks = ((f"'{sample.classes[code]}'", sample.truth == code) for code in codes)
    return [
        (name, holds) for name, holds in masks if _FEWEST_OF_A_CLASS <= holds.sum() <= len(holds) - _FEWEST_OF_A_CLASS
    ]


def _near_perfect(sample: Sample, known: Field, column: pl.Series, *, seed: int) -> Leak | None:
    """Find a column from which alone, by a few cuts, the target can be read."""
    if column.dtype == pl.String:
        if column.n_unique() > 0.5 * len(column):
            return None
        values = codes_of(column, 200).astype(np.float64)
        bins = values.astype(np.int64)
    else:
        values = numbers_of(column, known)
        bins = _binned(values)
    if sample.task != "regression" and np.bincount(sample.truth.astype(np.int64)).min() < _FEWEST_OF_A_CLASS // 2:
        return None
    line = _by_line(sample, values) if sample.task == "regression" and column.dtype != pl.String else 0.0
    if max(line, _strength(sample, _by_bin(sample, bins))) < _SCREEN:
        return None
    tree = _strength(sample, _by_tree(sample, values, categorical=column.dtype == pl.String, seed=seed))
    strength = max(line, tree)
    if strength < TOO_GOOD[sample.task]:
        if line < LINE_TELLS:
            return None
        reason = f"'{known.name}' follows the target nearly in a straight line (R2 {line:.4f}): is it known before it?"
        return Leak(column=known.name, kind="near-perfect", severity="warn", reason=reason, strength=line)
    measure = "R2" if sample.task == "regression" else "AUC"
    if strength < NEAR_PERFECT:
        reason = f"'{known.name}' alone tells the target too well ({measure} {strength:.4f}): is it known before it?"
        return Leak(column=known.name, kind="near-perfect", severity="warn", reason=reason, strength=strength)
    reason = f"'{known.name}' alone tells the target almost perfectly ({measure} {strength:.4f})"
    return _blocked(known.name, "near-perfect", reason, strength)


def _halves(sample: Sample) -> npt.NDArray[np.bool_]:
    """Return which rows are in the first half; neighbours are parted, so that order in the file does not matter."""
    order = np.argsort(sample.truth, kind="stable")
    first = np.zeros(len(order), dtype=np.bool_)
    first[order[::2]] = True
    return first


def _targets(sample: Sample) -> Floats:
    if sample.task == "regression":
        return sample.truth.astype(np.float64)[:, None]
    return np.eye(len(sample.classes))[sample.truth.astype(np.int64)]


def _by_bin(sample: Sample, bins: npt.NDArray[np.int64]) -> Floats:
    """Return the mean target of each row's bin in the other half of the rows."""
    targets, first = _targets(sample), _halves(sample)
    code = bins - bins.min()
    predicted = np.empty_like(targets)
    for train in (first, ~first):
        counts = np.bincount(code[train], minlength=int(code.max()) + 1)
        overall = targets[train].mean(axis=0)
        for output in range(targets.shape[1]):
            sums = np.bincount(code[train], weights=targets[train, output], minlength=len(counts))
            predicted[~train, output] = ((sums + overall[output]) / (counts + 1.0))[code[~train]]
    return predicted


def _by_line(sample: Sample, values: Floats) -> float:
    """Return the R2 of a straight line through a column: where amounts have long tails, trees do not reach their ends.

    The line has two parameters, so that it need not be held against other rows.
    """
    known = np.isfinite(values)
    if known.mean() < 0.9 or np.ptp(values[known]) == 0:
        return 0.0
    return float(np.corrcoef(values[known], sample.truth[known].astype(np.float64))[0, 1] ** 2)


def _by_tree(sample: Sample, values: Floats, *, categorical: bool, seed: int) -> Floats:
    """Return a few shallow trees' predictions from one column, each half from the other."""
    import lightgbm

    outputs = max(len(sample.classes), 1)
    parameters = {
        "objective": sample.task,
        "num_leaves": 16,
        "learning_rate": 0.3,
        "min_data_in_leaf": 3,
        "min_data_per_group": 3,
        "max_bin": 1023,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        **({"num_class": outputs} if sample.task == "multiclass" else {}),
    }
    column, first = values[:, None], _halves(sample)
    predicted = np.empty((len(values), outputs if sample.task == "multiclass" else 1))
    for train in (first, ~first):
        data = lightgbm.Dataset(
            column[train],
            label=sample.truth[train],
            categorical_feature=[0] if categorical else [],
            params=parameters,
        )
        booster = lightgbm.train(parameters, data, num_boost_round=20)
        raw = np.asarray(booster.predict(column[~train], num_threads=1), dtype=np.float64)
        predicted[~train] = raw.reshape(-1, predicted.shape[1])
    return predicted


def _strength(sample: Sample, predicted: Floats) -> float:
    """Return the AUC (mean over classes, each against the rest) or R2 of predictions."""
    if sample.task == "regression":
        truth = sample.truth.astype(np.float64)
        return float(1.0 - ((truth - predicted[:, 0]) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
    if sample.task == "binary":
        return roc_auc(sample.truth == 1, predicted[:, -1])
    present = np.unique(sample.truth.astype(np.int64))
    return float(np.mean([roc_auc(sample.truth == code, predicted[:, code]) for code in present]))


def _binned(values: Floats) -> npt.NDArray[np.int64]:
    known = values[np.isfinite(values)]
    bins = int(np.clip(len(values) // _ROWS_OF_A_BIN, 8, _BINS))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.empty(0)
    return np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), len(edges) + 1)


def _places(values: Floats) -> Floats:
    """Return each value's place in the order, between 0 and 1; ties share the middle of theirs."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    places: Floats = ((last - counts / 2.0) / len(values))[index]
    return places


def _blocked(column: str, kind: Literal["copy", "near-perfect", "post-outcome"], reason: str, strength: float) -> Leak:
    advice = (
        "; if it is not known when the prediction is made, write `data:"
        f" {{columns: {{{column}: {{available: later}}}}}}` or"
        " `{role: ignored}`; if it is, `{allow: true}`"
    )
    return Leak(column=column, kind=kind, severity="block", reason=reason + advice, strength=strength)
