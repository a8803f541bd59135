"""Trees of every kind as the same arrays of nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.oblivious import ObliviousPredictor
from tenfold.exports.protocols import Refused

_CATEGORICAL, _DEFAULT_LEFT, _MISSING_ZERO, _MISSING_NAN = 1, 2, 1, 2
_MOST_EXPANDED = 2_000_000
_FINITE = float(np.finfo(np.float64).max)
_ZERO = float(np.float32(1e-35))


@dataclass(slots=True, kw_only=True)
class Trees:
    """Nodes of all trees, one after the other.

    A row goes from a node to ``yes`` when its value of ``feature`` is at most ``split``, or for a node in ``sets`` when
    its value is one of the whole numbers there, or when it is missing and ``missing`` says so; else to ``no``. A
    negative place -1 - i is leaf i, which adds its number to the score ``target``, or a row of numbers where ``target``
    is -1.

    Attributes
    ----------
    single : bool
        Whether values are rounded to single precision first.
    """

    single: bool
    roots: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    split: list[float] = field(default_factory=list)
    yes: list[int] = field(default_factory=list)
    no: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    sets: dict[int, list[int]] = field(default_factory=dict)
    leaves: list[list[float]] = field(default_factory=list)
    target: list[int] = field(default_factory=list)

    def facts(self, *, divisor: int, bias: list[float], scores: int) -> dict[str, Any]:
        """Return them as JSON holds them."""
        return {
            **{name: getattr(self, name) for name in self.__slots__ if name != "sets"},
            "sets": {str(node): codes for node, codes in self.sets.items()},
            "divisor": divisor,
            "bias": bias,
            "scores": scores,
        }


def of_lightgbm(predictor: LightGBMPredictor) -> dict[str, Any]:
    """Return the trees of LightGBM's text."""
    trees = Trees(single=False)
    head, *blocks = predictor.text.partition("\nend of trees")[0].split("\nTree=")
    facts = dict(line.partition("=")[::2] for line in head.splitlines())
    scores = int(facts["num_tree_per_iteration"])
    for number, block in enumerate(blocks):
        lines = dict(line.partition("=")[::2] for line in block.splitlines()[1:] if line)
        _lightgbm_tree(trees, lines, number % scores)
    return trees.facts(divisor=predictor.divisor, bias=[0.0] * scores, scores=scores)


def _lightgbm_tree(trees: Trees, lines: Mapping[str, str], target: int) -> None:
    first_node, first_leaf = len(trees.feature), len(trees.leaves)
    values = [float(value) for value in lines["leaf_value"].split()]
    trees.leaves.extend([value] for value in values)
    trees.target.extend([target] * len(values))
    trees.roots.append(first_node if len(values) > 1 else -1 - first_leaf)
    if len(values) < 2:
        return
    features, kinds, left, right = (
        [int(value) for value in lines[name].split()]
        for name in ("split_feature", "decision_type", "left_child", "right_child")
    )
    thresholds = [float(value) for value in lines["threshold"].split()]
    bounds = [int(value) for value in lines.get("cat_boundaries", "").split()]
    words = [int(value) for value in lines.get("cat_threshold", "").split()]
    for place, (feature, kind, threshold) in enumerate(zip(features, kinds, thresholds, strict=True)):
        trees.feature.append(feature)
        for side, children in ((trees.yes, left), (trees.no, right)):
            child = children[place]
            side.append(first_node + child if child >= 0 else -1 - (first_leaf + ~child))
        if kind & _CATEGORICAL:
            chosen = words[bounds[int(threshold)] : bounds[int(threshold) + 1]]
            trees.sets[len(trees.split)] = [
                32 * at + bit for at, word in enumerate(chosen) for bit in range(32) if word >> bit & 1
            ]
            trees.split.append(0.0)
            trees.missing.append(0)
            continue
        missing = kind >> 2 & 3
        if missing == _MISSING_ZERO:
            raise Refused("trees that take zero for missing have no form here; leave `zero_as_missing` out")
        trees.split.append(_around_zero(threshold))
        # Where missing was never seen, it is read as zero.
        trees.missing.append(int(bool(kind & _DEFAULT_LEFT) if missing == _MISSING_NAN else threshold >= 0.0))


def _around_zero(threshold: float) -> float:
    """Return the border for numbers as they are: LightGBM reads those that are no farther from zero as zero."""
    if math.isnan(threshold):
        # No number is at most that.
        return -_FINITE
    if abs(threshold) > _ZERO:
        return min(max(threshold, -_FINITE), _FINITE)
    return _ZERO if threshold >= 0.0 else math.nextafter(-_ZERO, -math.inf)


def of_forest(predictor: ForestPredictor) -> dict[str, Any]:
    """Return the trees of a forest, whose leaves hold a row of numbers."""
    trees = Trees(single=True, leaves=predictor.values.tolist())
    trees.target = [-1] * len(trees.leaves)
    leaf = predictor.first == np.arange(len(predictor.first))
    places = np.where(leaf, -np.cumsum(leaf), np.cumsum(~leaf) - 1).tolist()
    for node in np.flatnonzero(~leaf).tolist():
        first = int(predictor.first[node])
        trees.feature.append(int(predictor.feature[node]))
        trees.split.append(float(predictor.threshold[node]))
        trees.yes.append(places[first])
        trees.no.append(places[first + 1])
        trees.missing.append(0)
    trees.roots = [places[root] for root in predictor.roots.tolist()]
    scores = predictor.values.shape[1]
    return trees.facts(divisor=1, bias=[0.0] * scores, scores=scores)


def of_oblivious(predictor: ObliviousPredictor) -> dict[str, Any]:
    """Return oblivious trees level by level; ``upto`` is None where nothing is too great."""
    above, upto = predictor.above.astype(np.float64), predictor.upto.astype(np.float64)
    questions = [
        [
            [int(feature), float(low), None if np.isposinf(high) else float(high), 1 << level]
            for level, (feature, low, high) in enumerate(zip(features, lows, highs, strict=True))
            if not np.isposinf(low)
        ]
        for features, lows, highs in zip(predictor.feature, above, upto, strict=True)
    ]
    return {
        "questions": questions,
        "first": predictor.first.tolist(),
        "leaves": predictor.leaves.tolist(),
        "bias": predictor.bias.tolist(),
        "divisor": predictor.divisor,
        "scores": len(predictor.bias),
    }


def expanded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return oblivious trees as trees of nodes.

    Raises
    ------
    Refused
        When they would be too many.
    """
    trees = Trees(single=True)

    def grow(questions: list[list[Any]], leaf: int) -> int:
        if not questions:
            trees.leaves.append(facts["leaves"][leaf])
            trees.target.append(-1)
            return -len(trees.leaves)
        if len(trees.leaves) > _MOST_EXPANDED:
            raise Refused("the oblivious trees are too many to be written node by node")
        (feature, low, high, bit), rest = questions[0], questions[1:]
        place = _node(trees, feature, low, missing=1)
        trees.yes[place] = grow(rest, leaf)
        if high is None:
            trees.no[place] = grow(rest, leaf + bit)
        else:
            inner = _node(trees, feature, high, missing=0)
            trees.no[place] = inner
            trees.yes[inner] = grow(rest, leaf + bit)
            trees.no[inner] = grow(rest, leaf)
        return place

    for questions, first in zip(facts["questions"], facts["first"], strict=True):
        trees.roots.append(grow(questions, first))
    return trees.facts(divisor=facts["divisor"], bias=facts["bias"], scores=facts["scores"])


def _node(trees: Trees, feature: int, split: float, *, missing: int) -> int:
    trees.feature.append(feature)
    trees.split.append(split)
    trees.yes.append(0)
    trees.no.append(0)
    trees.missing.append(missing)
    return len(trees.feature) - 1
