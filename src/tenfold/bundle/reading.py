"""A model as a person reads it: a curve for each column, a few coefficients, or one tree.

What is read is exactly what serves: the parts add up to the model's raw score, which its link turns into a prediction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from tenfold.bundle.matrix import Floats
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.lightgbm_text import TreeText, parse
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.predictors.link import Link
from tenfold.bundle.transforms.codes import FittedCodes
from tenfold.bundle.transforms.scale import FittedScale
from tenfold.bundle.view import FittedView

_NOTHING = "num_leaves=1\nnum_cat=0\nleaf_value=0\nshrinkage=1\n"
_BY_CATEGORY = 1
_ZERO, _ENDLESS = 1e-30, 1e300
_SAME_UNIT = frozenset({"passthrough", "impute", "group_impute", "iterative_impute", "neighbours_impute", "scale"})
"""Steps after which a number is still what it was, but for its scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What one column adds to the raw score.

    Attributes
    ----------
    edges : tuple of float
        For numbers: ``values`` holds one entry up to and with each edge, and one beyond the last.
    levels : tuple of str
        For categories: ``values`` holds one entry for each.
    values : tuple of tuple of float
        By score, then by interval or level; the mean over the rows that the trees were grown on is zero.
    missing : tuple of float
        By score, where the value is missing (or a level was never seen).
    span : float
        The greatest difference that the column makes.
    """

    column: str
    edges: tuple[float, ...]
    levels: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    missing: tuple[float, ...]
    span: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """What one column of the dense view counts, by score.

    ``values`` are per spread of the scaled column (or for a level, against its absence), ``per_unit`` for one more of
    the column's own unit; None where the column is no plain number. A value of ``center`` counts nothing.
    """

    column: str
    values: tuple[float, ...]
    per_unit: tuple[float, ...] | None = None
    center: float | None = None
    spread: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A question and its two answers, or a leaf, which has ``values``: one for each output.

    The question is whether ``column`` is at most ``at_most``, or among ``levels``.
    """

    values: tuple[float, ...] = ()
    column: str = ""
    at_most: float | None = None
    levels: tuple[str, ...] = ()
    yes: Branch | None = None
    no: Branch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A model that one can read.

    Attributes
    ----------
    kind : str
        ``additive`` (``terms``), ``linear`` (``coefficients``) or ``tree`` (``tree``).
    link : str
        What turns the sum of all into the prediction: ``logistic`` makes log odds a probability.
    scores : tuple of str
        What each score is for: the target, or a class.
    intercept : tuple of float
        By score, what is added whatever the row.
    recalibrated : bool
        Whether the probabilities that come of it are mended once more, all by one curve.
    """

    kind: Literal["additive", "linear", "tree"]
    key: str
    link: Link
    scores: tuple[str, ...]
    intercept: tuple[float, ...] = ()
    terms: tuple[Term, ...] = ()
    coefficients: tuple[Coefficient, ...] = ()
    tree: Branch | None = None
    recalibrated: bool = False


def read_model(model: Model) -> Reading | None:
    """Return what there is to read; None where nobody can: an average of several models, trees of many columns."""
    reading = _read(model)
    return None if reading is None else replace(reading, recalibrated=model.recalibration is not None)


def _read(model: Model) -> Reading | None:
    if len(model.parts) != 1:
        return None
    part = model.parts[0]
    view, predictor = model.views[part.view], part.predictor
    scores = (model.target,) if model.task == "regression" else model.classes
    if isinstance(predictor, LinearPredictor):
        return _linear(part.key, predictor, view, _scored(scores, predictor.coef.shape[1]))
    if isinstance(predictor, LightGBMPredictor):
        return _additive(part.key, predictor, view, scores)
    if isinstance(predictor, ForestPredictor) and predictor.trees == 1:
        tree = _branch(predictor, view, int(predictor.roots[0]))
        named = _scored(scores, predictor.values.shape[1])
        return Reading(kind="tree", key=part.key, link="identity", scores=named, tree=tree)
    return None


def _scored(scores: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Return what each score is for: two classes have one score, that of the positive class."""
    return scores if len(scores) == count else scores[-1:]


def _linear(key: str, predictor: LinearPredictor, view: FittedView, scores: tuple[str, ...]) -> Reading:
    scaled = {
        name: (center, spread)
        for fitted in view.fitted
        if isinstance(fitted, FittedScale)
        for name, center, spread in zip(fitted.names, fitted.centers, fitted.spreads, strict=True)
    }
    found = []
    for place, name in enumerate(view.names):
        values = predictor.coef[place]
        if not values.any():
            continue
        center, spread = scaled.get(name, (None, None))
        plain = spread is not None and _kinds(view, name) <= _SAME_UNIT
        found.append(
            Coefficient(
                column=name,
                values=tuple(values.tolist()),
                per_unit=tuple((values / spread).tolist()) if plain else None,
                center=center if plain else None,
                spread=spread if plain else None,
            )
        )
    found.sort(key=lambda each: (-max(map(abs, each.values)), each.column))
    return Reading(
        kind="linear",
        key=key,
        link=predictor.link,
        scores=scores,
        intercept=tuple(predictor.intercept.tolist()),
        coefficients=tuple(found),
    )


def _kinds(view: FittedView, name: str) -> set[str]:
    """Return the kinds of the steps that make a column."""
    return {step.kind for step, fitted in zip(view.steps, view.fitted, strict=True) if name in fitted.names}


def _levels(view: FittedView) -> dict[str, tuple[str, ...]]:
    return {fitted.column: fitted.levels for fitted in view.fitted if isinstance(fitted, FittedCodes)}


def _additive(key: str, predictor: LightGBMPredictor, view: FittedView, scores: tuple[str, ...]) -> Reading | None:
    model = parse(predictor.text)
    facts, columns = [], []
    for text in model.trees:
        facts.append(dict(line.partition("=")[::2] for line in text.splitlines()))
        columns.append(_split_columns(facts[-1]))
        if len(columns[-1]) > 1:
            return None
    levels, intercept = _levels(view), np.zeros(model.scores)
    for place, (tree, own) in enumerate(zip(facts, columns, strict=True)):
        if not own:
            intercept[place % model.scores] += float(tree["leaf_value"]) / predictor.divisor
    terms = []
    for column in sorted(set().union(*columns)):
        mine = [place for place, own in enumerate(columns) if own == {column}]
        center = np.zeros(model.scores)
        for place in mine:
            center[place % model.scores] += _mean(facts[place]) / predictor.divisor
        intercept += center
        alone = _alone(predictor, model, mine)
        by_level = view.names[column] in levels and column in view.categorical
        edges = () if by_level else tuple(sorted({edge for place in mine for edge in _edges(facts[place])}))
        points = [float(code) for code in range(len(levels[view.names[column]]))] if by_level else _points(edges)
        grid = np.full((len(points) + 1, model.columns), np.nan)
        grid[:-1, column] = points
        added = alone.predict(grid) - center
        terms.append(
            Term(
                column=view.names[column],
                edges=edges,
                levels=levels[view.names[column]] if by_level else (),
                values=tuple(tuple(each) for each in added[:-1].T.tolist()),
                missing=tuple(added[-1].tolist()),
                span=float(np.ptp(added, axis=0).max()),
            )
        )
    terms.sort(key=lambda each: (-each.span, each.column))
    return Reading(
        kind="additive",
        key=key,
        link=predictor.link,
        scores=_scored(scores, model.scores),
        intercept=tuple(intercept.tolist()),
        terms=tuple(terms),
    )


def _split_columns(tree: dict[str, str]) -> set[int]:
    return {int(each) for each in tree["split_feature"].split()} if int(tree["num_leaves"]) > 1 else set()


def _mean(tree: dict[str, str]) -> float:
    """Return a tree's mean answer over the rows that it was grown on; over its leaves where these were not counted."""
    values = _floats(tree["leaf_value"])
    counts = _floats(tree["leaf_count"]) if "leaf_count" in tree else np.ones(len(values))
    return float(np.average(values, weights=counts))


def _edges(tree: dict[str, str]) -> set[float]:
    """Return the bounds between intervals.

    LightGBM writes zero as a number next to it, and the largest number there is where it asks only what is missing.
    """
    kinds = _floats(tree["decision_type"]).astype(np.int64)
    found = _floats(tree["threshold"])[(kinds & _BY_CATEGORY) == 0]
    return {0.0 if abs(edge) < _ZERO else float(edge) for edge in found if abs(edge) < _ENDLESS}


def _floats(text: str) -> npt.NDArray[np.float64]:
    return np.array(text.split(), dtype=np.float64)


def _points(edges: tuple[float, ...]) -> list[float]:
    """Return a value of each interval: its upper edge belongs to it."""
    return [*edges, math.nextafter(edges[-1], math.inf) if edges else 0.0]


def _alone(predictor: LightGBMPredictor, model: TreeText, mine: list[int]) -> LightGBMPredictor:
    """Return the model with the trees of one column alone; trees belong to scores in turn."""
    own = set(mine)
    trees = tuple(
        model.trees[place] if place in own else _NOTHING
        for round_ in sorted({place // model.scores for place in mine})
        for place in range(round_ * model.scores, (round_ + 1) * model.scores)
    )
    text = TreeText(columns=model.columns, scores=model.scores, trees=trees).text()
    return LightGBMPredictor(text, link="identity", divisor=predictor.divisor)


def _branch(predictor: ForestPredictor, view: FittedView, node: int) -> Branch:
    first = int(predictor.first[node])
    if first == node:
        leaf = int(np.count_nonzero(predictor.first[:node] == np.arange(node)))
        return Branch(values=tuple(predictor.values[leaf].tolist()))
    column = view.names[int(predictor.feature[node])]
    at_most = float(predictor.threshold[node])
    levels = _levels(view).get(column)
    return Branch(
        column=column,
        at_most=at_most if levels is None else None,
        levels=() if levels is None else _upto(levels, at_most),
        yes=_branch(predictor, view, first),
        no=_branch(predictor, view, first + 1),
    )


def _upto(levels: tuple[str, ...], code: float) -> tuple[str, ...]:
    """Return the levels whose code is at most so much; what is missing, or was never seen, has the code -1."""
    return ("missing or new", *(level for place, level in enumerate(levels) if place <= code))


def contribution(term: Term, values: Floats) -> Floats:
    """Return what numbers of a term's column add, of shape (n_rows, n_scores)."""
    table = np.array(term.values).T
    places = np.searchsorted(np.array(term.edges), values, side="left")
    known = table[np.clip(places, 0, len(table) - 1)]
    return np.where(np.isnan(values)[:, None], np.array(term.missing), known)
