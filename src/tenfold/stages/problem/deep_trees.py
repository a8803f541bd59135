"""Boosted trees grown further than a quick look needs: they see what stumps and lines are blind to."""

from __future__ import annotations

import numpy as np

from tenfold.stages.problem.encode import Design, Floats
from tenfold.stages.problem.probes import Course, Probe, Rows
from tenfold.stages.problem.sample import Sample

_ROUNDS = 80
_MANY_OUTPUTS = 4


def deep_probe(sample: Sample, design: Design, course: Course, *, seed: int) -> Probe:
    """Return what boosted trees of up to 15 leaves say of the rows of a course."""
    parts = [_boosted(sample, design, train, measured, seed) for train, measured in course.folds]
    return Probe(name="deep trees", scores=np.concatenate(parts))


def _boosted(sample: Sample, design: Design, train: Rows, measured: Rows, seed: int) -> Floats:
    import lightgbm

    outputs = max(len(sample.classes), 1)
    parameters = {
        "objective": sample.task,
        "num_leaves": 15,
        "learning_rate": 0.1,
        "min_data_in_leaf": max(2, min(15, len(train) // 40)),
        "lambda_l2": 1.0,
        "feature_fraction": 0.8,
        "max_bin": 63,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        **({"num_class": outputs} if sample.task == "multiclass" else {}),
    }
    if design.native.shape[1] == 0:
        truth = sample.truth[train]
        if sample.task == "regression":
            return np.full((len(measured), 1), truth.mean())
        shares = np.bincount(truth.astype(np.int64), minlength=outputs) / len(truth)
        return np.tile(shares, (len(measured), 1))
    data = lightgbm.Dataset(
        design.native[train], label=sample.truth[train], categorical_feature=list(design.categorical), params=parameters
    )
    rounds = _ROUNDS if outputs <= _MANY_OUTPUTS else _ROUNDS // outputs + 20
    booster = lightgbm.train(parameters, data, num_boost_round=rounds)
    raw = np.asarray(booster.predict(design.native[measured], num_threads=1), dtype=np.float64)
    return np.column_stack([1.0 - raw, raw]) if sample.task == "binary" else raw.reshape(len(measured), outputs)
