"""The numbers behind the plots that people expect; drawing them is the report's work."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tenfold.measures.money import amounts_of
from tenfold.measures.outcome import Outcome
from tenfold.records.evaluation import Threshold
from tenfold.records.problem import Problem
from tenfold.stages.evaluation.rows import Floats

Plot = dict[str, object]

_POINTS = 120
_BINS = 10
_HISTOGRAM = 24
_SCATTER = 400
_MOST_CLASSES = 20


def plot_data(
    problem: Problem,
    outcome: Outcome,
    rng: np.random.Generator,
    *,
    threshold: Threshold | None = None,
    amounts: Floats | None = None,
) -> dict[str, Plot]:
    """Return the numbers of each plot by its name, ready for JSON.

    Parameters
    ----------
    threshold : Threshold or None
        The one that is served, of a binary task.
    amounts : ndarray of shape (n_rows, 2, 2) or None
        Money by row, truth by decision, where rows differ.
    """
    if problem.task == "regression":
        return {"predicted": _predicted(outcome, rng), "residuals": _residuals(outcome)}
    plots = {"confusion": _confusion(problem, outcome), "calibration": _calibration(outcome)}
    if problem.task == "binary" and 0 < outcome.truth.sum() < outcome.n:
        plots |= {"roc": _roc(outcome), "precision_recall": _precision_recall(outcome), "scores": _scores(outcome)}
        plots["gain"] = _gain(outcome)
        if problem.value is not None and outcome.money is not None and threshold is not None:
            each = np.repeat(amounts_of(problem.value)[None], outcome.n, axis=0) if amounts is None else amounts
            plots["money"] = _money(outcome, each, threshold)
    return plots


def _confusion(problem: Problem, outcome: Outcome) -> Plot:
    assert outcome.decision is not None
    classes = len(problem.classes)
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (outcome.truth.astype(np.int64), outcome.decision), 1)
    shown = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:_MOST_CLASSES])
    return {
        "classes": [problem.classes[code] for code in shown],
        "counts": counts[np.ix_(shown, shown)].tolist(),
        "left_out": classes - len(shown),
    }


def _calibration(outcome: Outcome) -> Plot:
    """Return, in bins of equal numbers of rows, the mean probability said and the share that happened.

    Two classes: of the positive. More: of the class decided for. Intervals are Wilson's at 95 %.
    """
    if outcome.classes == 2:
        said, happened = outcome.scores[:, 1], outcome.truth == 1
    else:
        said, happened = outcome.scores.max(axis=1), outcome.scores.argmax(axis=1) == outcome.truth
    order = np.argsort(said, kind="stable")
    bins = []
    for part in np.array_split(order, min(_BINS, max(1, outcome.n // 20))):
        share = float(happened[part].mean())
        low, high = _wilson(share, len(part))
        bins.append({"said": float(said[part].mean()), "happened": share, "low": low, "high": high, "n": len(part)})
    return {"bins": bins}


def _roc(outcome: Outcome) -> Plot:
    true_positives, false_positives = _cumulated(outcome)
    kept = _thinned(len(true_positives))
    return {
        "false_positive_rate": _list(false_positives[kept] / false_positives[-1]),
        "true_positive_rate": _list(true_positives[kept] / true_positives[-1]),
    }


def _precision_recall(outcome: Outcome) -> Plot:
    true_positives, false_positives = _cumulated(outcome)
    kept = _thinned(len(true_positives))[1:]
    found = true_positives[kept]
    return {
        "recall": _list(found / true_positives[-1]),
        "precision": _list(found / (found + false_positives[kept])),
        "share": float(outcome.truth.mean()),
    }


def _gain(outcome: Outcome) -> Plot:
    """Return the share of positives that are found among the rows with the highest scores."""
    order = np.argsort(-outcome.scores[:, 1], kind="stable")
    found = np.concatenate([[0.0], np.cumsum(outcome.truth[order])]) / outcome.truth.sum()
    kept = _thinned(len(found))
    return {"rows": _list(kept / outcome.n), "found": _list(found[kept])}


def _money(outcome: Outcome, amounts: Floats, threshold: Threshold) -> Plot:
    """Return what a row brings at each threshold; the ends decide every row, and none, positive."""
    truth, score = outcome.truth.astype(np.int64), outcome.scores[:, 1]
    mass = np.ones(outcome.n) if outcome.weight is None else outcome.weight
    of_truth = amounts[np.arange(outcome.n), truth]
    order = np.argsort(-score, kind="stable")
    gained = np.concatenate([[0.0], np.cumsum((mass * (of_truth[:, 1] - of_truth[:, 0]))[order])])
    brought = ((mass * of_truth[:, 0]).sum() + gained) / mass.sum()
    # Thresholds spread evenly, since scores may crowd at one end.
    cuts = np.linspace(0.0, 1.0, _POINTS + 1)
    positive = np.searchsorted(np.sort(-score), -cuts, side="right")
    decided = score >= threshold.value
    return {
        "threshold": _list(cuts),
        "per_row": _list(brought[positive]),
        "chosen": float(threshold.value),
        "chosen_per_row": float(brought[int(decided.sum())]),
        "all": float(brought[-1]),
        "none": float(brought[0]),
    }


def _scores(outcome: Outcome) -> Plot:
    edges = np.linspace(0.0, 1.0, _HISTOGRAM + 1)
    counts = [np.histogram(outcome.scores[outcome.truth == code, 1], bins=edges)[0].tolist() for code in (0, 1)]
    return {"edges": _list(edges), "negative": counts[0], "positive": counts[1]}


def _predicted(outcome: Outcome, rng: np.random.Generator) -> Plot:
    shown = np.sort(rng.permutation(outcome.n)[:_SCATTER])
    return {"predicted": _list(outcome.scores[shown, 0]), "truth": _list(outcome.truth[shown])}


def _residuals(outcome: Outcome) -> Plot:
    """Return the distribution of truth minus prediction, its outermost hundredths gathered in the outer bins."""
    residual = outcome.truth - outcome.scores[:, 0]
    low, high = np.quantile(residual, [0.01, 0.99])
    if not low < high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _HISTOGRAM + 1)
    counts, _ = np.histogram(np.clip(residual, low, high), bins=edges)
    return {"edges": _list(edges), "counts": counts.tolist(), "mean": float(residual.mean())}


def _cumulated(outcome: Outcome) -> tuple[Floats, Floats]:
    """Return true and false positives when the decision threshold falls, from none; equal scores fall together."""
    order = np.argsort(-outcome.scores[:, 1], kind="stable")
    scores, truth = outcome.scores[order, 1], outcome.truth[order].astype(np.float64)
    last_of_score = np.concatenate([np.flatnonzero(np.diff(scores)), [len(scores) - 1]])
    true_positives = np.cumsum(truth)[last_of_score]
    false_positives = last_of_score + 1 - true_positives
    return np.concatenate([[0.0], true_positives]), np.concatenate([[0.0], false_positives])


def _thinned(count: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, _POINTS)).round()).astype(np.int64)


def _list(values: npt.NDArray[np.generic]) -> list[float]:
    """Return rounded numbers: a plot shows no more digits, and the record stays small."""
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=np.float64)]


def _wilson(share: float, count: int) -> tuple[float, float]:
    z = 1.96
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, centre - reach), min(1.0, centre + reach)
