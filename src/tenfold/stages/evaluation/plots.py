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
Booleans = npt.NDArray[np.bool_]

_POINTS = 120
_BINS = 10
_HISTOGRAM = 24
_SCATTER = 400
_MOST_CLASSES = 20
_MOST_CURVES = 5


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
        plots = {"predicted": _predicted(outcome, rng), "residuals": _residuals(outcome)}
        return plots | {"residual_spread": _residual_spread(outcome)}
    plots = {"confusion": _confusion(problem, outcome), "calibration": _calibration(outcome)}
    if problem.task == "binary" and 0 < outcome.truth.sum() < outcome.n:
        positive, score = outcome.truth == 1, outcome.scores[:, 1]
        plots |= {"roc": _roc(positive, score), "precision_recall": _precision_recall(positive, score)}
        plots |= {"scores": _scores(outcome), "gain": _gain(outcome)}
        if problem.value is not None and outcome.money is not None and threshold is not None:
            each = np.repeat(amounts_of(problem.value)[None], outcome.n, axis=0) if amounts is None else amounts
            plots["money"] = _money(outcome, each, threshold)
    if problem.task == "multiclass":
        plots |= _against_the_others(problem, outcome)
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


def _roc(positive: Booleans, score: Floats) -> Plot:
    true_positives, false_positives = _cumulated(positive, score)
    right, wrong = true_positives / true_positives[-1], false_positives / false_positives[-1]
    kept = _along(right, wrong)
    return {"false_positive_rate": _list(wrong[kept]), "true_positive_rate": _list(right[kept])}


def _precision_recall(positive: Booleans, score: Floats) -> Plot:
    true_positives, false_positives = _cumulated(positive, score)
    found, decided = true_positives[1:], (true_positives + false_positives)[1:]
    kept = _along(found / found[-1], decided / decided[-1])
    return {
        "recall": _list((found / found[-1])[kept]),
        "precision": _list((found / decided)[kept]),
        "share": float(positive.mean()),
    }


def _against_the_others(problem: Problem, outcome: Outcome) -> dict[str, Plot]:
    """Return the curves of each class against all others; of many classes, of those that are told apart worst."""
    known = []
    for code, name in enumerate(problem.classes):
        positive, score = outcome.truth == code, outcome.scores[:, code]
        if 0 < positive.sum() < outcome.n:
            true_positives, false_positives = _cumulated(positive, score)
            area = float(np.trapezoid(true_positives / true_positives[-1], false_positives / false_positives[-1]))
            known.append((area, code, name, _roc(positive, score), _precision_recall(positive, score)))
    shown = sorted(sorted(known, key=lambda each: each[0])[:_MOST_CURVES], key=lambda each: each[1])
    if not shown:
        return {}
    left_out = len(problem.classes) - len(shown)
    return {
        "roc_classes": {
            "classes": [{"class": name, "area": float(f"{area:.5g}"), **roc} for area, _, name, roc, _ in shown],
            "left_out": left_out,
        },
        "precision_recall_classes": {
            "classes": [{"class": name, **curve} for _, _, name, _, curve in shown],
            "left_out": left_out,
        },
    }


def _gain(outcome: Outcome) -> Plot:
    """Return the share of positives that are found among the rows with the highest scores."""
    order = np.argsort(-outcome.scores[:, 1], kind="stable")
    found = np.concatenate([[0.0], np.cumsum(outcome.truth[order])]) / outcome.truth.sum()
    kept = _along(np.linspace(0.0, 1.0, len(found)), found)
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
    # Rice's rule: with few rows many bars would show chance.
    edges = np.linspace(low, high, min(_HISTOGRAM, max(8, math.ceil(2.0 * outcome.n ** (1 / 3)))) + 1)
    counts, _ = np.histogram(np.clip(residual, low, high), bins=edges)
    return {"edges": _list(edges), "counts": counts.tolist(), "mean": float(residual.mean())}


def _residual_spread(outcome: Outcome) -> Plot:
    """Return, in bins of equal numbers of rows by prediction, the median and the outer twentieths of the residuals."""
    said = outcome.scores[:, 0]
    residual = outcome.truth - said
    bins = []
    for part in np.array_split(np.argsort(said, kind="stable"), min(_BINS, max(1, outcome.n // 20))):
        low, middle, high = _list(np.quantile(residual[part], [0.05, 0.5, 0.95]))
        bins.append(
            {"said": _list(said[part].mean()[None])[0], "low": low, "middle": middle, "high": high, "n": len(part)}
        )
    return {"bins": bins}


def _cumulated(positive: Booleans, score: Floats) -> tuple[Floats, Floats]:
    """Return true and false positives when the decision threshold falls, from none; equal scores fall together."""
    order = np.argsort(-score, kind="stable")
    scores, truth = score[order], positive[order].astype(np.float64)
    last_of_score = np.concatenate([np.flatnonzero(np.diff(scores)), [len(scores) - 1]])
    true_positives = np.cumsum(truth)[last_of_score]
    false_positives = last_of_score + 1 - true_positives
    return np.concatenate([[0.0], true_positives]), np.concatenate([[0.0], false_positives])


def _along(one: Floats, other: Floats) -> npt.NDArray[np.int64]:
    """Return places spread evenly along a curve of two rising shares, its ends among them.

    Evenly over rows would leave the steep beginning, where rare positives are found, with a point or two.
    """
    way = one + other
    marks = np.linspace(way[0], way[-1], _POINTS)
    return np.unique(np.concatenate([[0], np.searchsorted(way, marks), [len(way) - 1]]).clip(0, len(way) - 1))


def _list(values: npt.NDArray[np.generic]) -> list[float]:
    """Return rounded numbers: a plot shows no more digits, and the record stays small."""
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=np.float64)]


def _wilson(share: float, count: int) -> tuple[float, float]:
    z = 1.96
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, centre - reach), min(1.0, centre + reach)
