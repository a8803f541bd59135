"""Quick models: how much can be learned from the columns in a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenfold.stages.problem.encode import Design, Floats
from tenfold.stages.problem.sample import Sample

FOLDS = 5


Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A quick model's predictions for rows it was not fitted on.

    Attributes
    ----------
    scores : ndarray of shape (n, n_outputs)
        Probabilities per class, or the predicted value; of the rows measured only, in their order.
    """

    name: str
    scores: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The folds in which quick models are measured; with a time, each fold is predicted from the rows before it."""

    folds: tuple[tuple[Rows, Rows], ...]

    @property
    def rows(self) -> Rows:
        """Which rows of the sample are measured, fold by fold."""
        return np.concatenate([measured for _, measured in self.folds])

    @property
    def fold(self) -> Rows:
        """In which fold each of them is measured."""
        return np.repeat(np.arange(len(self.folds)), [len(measured) for _, measured in self.folds])


def lay_course(sample: Sample, rng: np.random.Generator) -> Course:
    """Return the folds of a sample."""
    return Course(folds=_forward(len(sample.truth)) if sample.time is not None else _shuffled(sample, rng))


def constant_probe(sample: Sample, course: Course) -> Probe:
    """Return what the best constant of the training rows says."""
    targets = _targets(sample)
    parts = [np.tile(targets[train].mean(axis=0), (len(measured), 1)) for train, measured in course.folds]
    return Probe(name="constant", scores=np.concatenate(parts))


def linear_probe(sample: Sample, design: Design, course: Course) -> Probe:
    """Return what a ridge regression says."""
    targets = _targets(sample)
    parts = [_ridge(design.dense[train], targets[train], design.dense[measured]) for train, measured in course.folds]
    return Probe(name="linear", scores=_as_scores(sample, np.concatenate(parts)))


def trees_probe(sample: Sample, design: Design, course: Course, *, seed: int) -> Probe:
    """Return what small boosted trees say."""
    parts = [_boosted(sample, design, train, measured, seed) for train, measured in course.folds]
    return Probe(name="boosted trees", scores=np.concatenate(parts))


def mean_probe(first: Probe, second: Probe) -> Probe:
    """Return what two quick models say on average."""
    return Probe(name="mean of both", scores=(first.scores + second.scores) / 2)


def _targets(sample: Sample) -> Floats:
    if sample.task == "regression":
        return sample.truth.astype(np.float64)[:, None]
    return np.eye(len(sample.classes))[sample.truth.astype(np.int64)]


def _as_scores(sample: Sample, linear: Floats) -> Floats:
    """Return a linear fit of class indicators as probabilities."""
    if sample.task == "regression":
        return linear
    positive = np.clip(linear, 1e-3, None)
    scores: Floats = positive / positive.sum(axis=1, keepdims=True)
    return scores


def _shuffled(sample: Sample, rng: np.random.Generator) -> tuple[tuple[Rows, Rows], ...]:
    count = len(sample.truth)
    order = rng.permutation(count)
    if sample.task != "regression":
        order = order[np.argsort(sample.truth[order], kind="stable")]
    fold = np.empty(count, dtype=np.int64)
    fold[order] = np.arange(count) % FOLDS
    return tuple((np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(FOLDS))


def _forward(count: int) -> tuple[tuple[Rows, Rows], ...]:
    blocks = np.array_split(np.arange(count), FOLDS + 1)
    return tuple((np.concatenate(blocks[:number]), blocks[number]) for number in range(1, FOLDS + 1))


def _ridge(values: Floats, targets: Floats, others: Floats) -> Floats:
    """Return predictions of a ridge regression whose penalty weighs as much as one row in fifty, and one per column."""
    centre, mean = values.mean(axis=0), targets.mean(axis=0)
    centred = values - centre
    gram = centred.T @ centred
    gram[np.diag_indices_from(gram)] += len(values) / 50 + values.shape[1]
    coefficients = np.linalg.solve(gram, centred.T @ (targets - mean))
    predicted: Floats = (others - centre) @ coefficients + mean
    return predicted


def _boosted(
    sample: Sample, design: Design, train: npt.NDArray[np.int64], measured: npt.NDArray[np.int64], seed: int
) -> Floats:
    import lightgbm

    outputs = max(len(sample.classes), 1)
    objective = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}[sample.task]
    parameters = {
        "objective": objective,
        "num_leaves": 6,
        "learning_rate": 0.08 if outputs <= 5 else 0.2,
        "min_data_in_leaf": max(5, min(50, len(train) // 60)),
        "lambda_l2": 5.0,
        "feature_fraction": 0.7,
        "cat_smooth": 30.0,
        "max_bin": 63,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        **({"num_class": outputs} if sample.task == "multiclass" else {}),
    }
    if design.native.shape[1] == 0:
        return np.tile(_targets(sample)[train].mean(axis=0), (len(measured), 1))
    data = lightgbm.Dataset(
        design.native[train], label=sample.truth[train], categorical_feature=list(design.categorical), params=parameters
    )
    booster = lightgbm.train(parameters, data, num_boost_round=40 if outputs <= 5 else 12)
    raw = np.asarray(booster.predict(design.native[measured], num_threads=1), dtype=np.float64)
    if sample.task == "binary":
        return np.column_stack([1.0 - raw, raw])
    return raw.reshape(len(measured), outputs)
