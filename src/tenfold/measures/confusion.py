"""Metrics of decisions: functions of how often each class is right, true and decided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tenfold.measures.metric import Metric, Moments, Statistics
from tenfold.measures.outcome import Codes, Floats, Outcome


def _decision(outcome: Outcome) -> Codes:
    assert outcome.decision is not None  # `objection` was asked before
    return outcome.decision


def counts(outcome: Outcome) -> Statistics:
    """Return, for each row, indicators of (right, true, decided) by class: d = 3 K, blocks in this order."""
    classes = outcome.classes
    cell = outcome.truth.astype(np.int64) * classes + _decision(outcome)
    present = np.flatnonzero(np.bincount(cell, minlength=classes * classes))
    position = np.zeros(classes * classes, dtype=np.int64)
    position[present] = np.arange(len(present))
    truth, decided = np.divmod(present, classes)
    each = np.arange(classes)
    is_truth = (truth[:, None] == each).astype(np.float64)
    is_decided = (decided[:, None] == each).astype(np.float64)
    return Statistics(atoms=np.hstack([is_truth * is_decided, is_truth, is_decided]), index=position[cell])


def blocks(means: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the shares of rows that are right, true and decided, by class."""
    classes = means.shape[-1] // 3
    return means[..., :classes], means[..., classes : 2 * classes], means[..., 2 * classes :]


def share(part: Floats, whole: Floats) -> Floats:
    """Divide, with NaN where the whole is empty; the rounding of finite differences must not make a class appear."""
    empty = whole <= 1e-12
    share: Floats = np.where(empty, np.nan, part / np.where(empty, 1.0, whole))
    return share


def _mean_of_classes(shares: Floats) -> Floats:
    """Return the positive class's share when there are two classes, else the mean over classes that have one."""
    return shares[..., 1] if shares.shape[-1] == 2 else mean_of_known(shares)


def mean_of_known(shares: Floats) -> Floats:
    """Return the mean over the classes that have a share."""
    known = ~np.isnan(shares)
    mean: Floats = np.where(known, shares, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    return mean


def _accuracy(means: Floats) -> Floats:
    right, _, _ = blocks(means)
    correct: Floats = right.sum(axis=-1)
    return correct


def _balanced_accuracy(means: Floats) -> Floats:
    right, true, _ = blocks(means)
    return mean_of_known(share(right, true))


def _recall(means: Floats) -> Floats:
    right, true, _ = blocks(means)
    return _mean_of_classes(share(right, true))


def _precision(means: Floats) -> Floats:
    right, _, decided = blocks(means)
    shares = share(right, decided)
    return shares[..., 1] if shares.shape[-1] == 2 else mean_of_known(precision_of_classes(means))


def precision_of_classes(means: Floats) -> Floats:
    """Return the precision of each class; one that is true somewhere but never decided counts as 0."""
    right, true, decided = blocks(means)
    shares = share(right, decided)
    return np.where(np.isnan(shares) & (true > 1e-12), 0.0, shares)


def _f1(means: Floats) -> Floats:
    right, true, decided = blocks(means)
    return _mean_of_classes(share(2 * right, true + decided))


def _mcc(means: Floats) -> Floats:
    """Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation coefficient".

    Decisions that are all the same correlate with nothing: 0.
    """
    right, true, decided = blocks(means)
    total = true.sum(axis=-1)
    covariance = right.sum(axis=-1) * total - (true * decided).sum(axis=-1)
    of_truth = total**2 - (true**2).sum(axis=-1)
    of_decision = total**2 - (decided**2).sum(axis=-1)
    product = of_truth * of_decision
    flat = product <= 1e-12
    return np.where(flat, 0.0, covariance / np.sqrt(np.where(flat, 1.0, product)))


def single_class(outcome: Outcome) -> str:
    """Return an objection where one class only occurs."""
    if len(outcome.truth) and (outcome.truth == outcome.truth[0]).all():
        return "only one class occurs among these rows"
    return ""


def _no_positive_truth(outcome: Outcome) -> str:
    if outcome.classes == 2 and not (outcome.truth == 1).any():
        return "no row is truly positive"
    return ""


def _no_positive_decision(outcome: Outcome) -> str:
    if outcome.classes == 2 and not (_decision(outcome) == 1).any():
        return "no row is decided positive"
    return ""


def no_positive_at_all(outcome: Outcome) -> str:
    """Return an objection where no row of two classes is positive, neither truly nor by decision."""
    return _no_positive_decision(outcome) and _no_positive_truth(outcome)


def every_row(outcome: Outcome) -> NDArray[np.bool_]:
    """Return all rows: each is a trial."""
    return np.ones(outcome.n, dtype=np.bool_)


def _true_positives_and_misses(outcome: Outcome) -> NDArray[np.bool_] | None:
    return outcome.truth == 1 if outcome.classes == 2 else None


def _decided_positives(outcome: Outcome) -> NDArray[np.bool_] | None:
    return _decision(outcome) == 1 if outcome.classes == 2 else None


ACCURACY = Metric(
    name="accuracy",
    form=Moments(statistics=counts, combine=_accuracy),
    needs=("decision",),
    interval="proportion",
    scale="logit",
    trials=every_row,
)
BALANCED_ACCURACY = Metric(
    name="balanced_accuracy",
    form=Moments(statistics=counts, combine=_balanced_accuracy),
    needs=("decision",),
    interval="resample",
    scale="logit",
    undefined=single_class,
)
PRECISION = Metric(
    name="precision",
    form=Moments(statistics=counts, combine=_precision),
    needs=("decision",),
    interval="proportion",
    scale="logit",
    undefined=_no_positive_decision,
    trials=_decided_positives,
)
RECALL = Metric(
    name="recall",
    form=Moments(statistics=counts, combine=_recall),
    needs=("decision",),
    interval="proportion",
    scale="logit",
    undefined=_no_positive_truth,
    trials=_true_positives_and_misses,
)
F1 = Metric(
    name="f1",
    form=Moments(statistics=counts, combine=_f1),
    needs=("decision",),
    interval="resample",
    scale="logit",
    undefined=no_positive_at_all,
)
MCC = Metric(
    name="mcc",
    form=Moments(statistics=counts, combine=_mcc),
    needs=("decision",),
    interval="resample",
    scale="atanh",
    undefined=single_class,
)
