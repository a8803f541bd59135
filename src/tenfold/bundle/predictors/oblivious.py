"""Oblivious trees, as CatBoost grows them: a level asks one question of every row, so a leaf is a number in bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.link import Link, linked
from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import canonical_json, from_json

MOST_DEPTH = 16
_ROWS_AT_ONCE = 1 << 13
_ROWS_FOR_TREE_BY_TREE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    link: Link
    divisor: int
    columns: int


class ObliviousPredictor:
    """``link(sum of leaves / divisor + bias)``.

    A row's answer to question d of a tree is yes when its value lies above ``above`` and not above ``upto``; a missing
    value is never between. The answers, least first, are the bits of the number of its leaf. Trees with fewer questions
    than the deepest are filled up with questions that nobody answers with yes. Values are compared as float32, as
    CatBoost does.

    Attributes
    ----------
    feature, above, upto : ndarrays of shape (n_trees, depth), int32, float32 and float32
    first : ndarray of shape (n_trees,), int64
        Where each tree's leaves begin in ``leaves``.
    leaves : ndarray of shape (n_leaves, n_scores), float64
    bias : ndarray of shape (n_scores,), float64
    """

    kind: ClassVar[str] = "oblivious"
    __slots__ = ("_powers", "above", "bias", "columns", "divisor", "feature", "first", "leaves", "link", "upto")

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], *, link: Link, columns: int, divisor: int = 1):
        self.feature: npt.NDArray[np.int32] = arrays["feature"]
        self.above: npt.NDArray[np.float32] = arrays["above"]
        self.upto: npt.NDArray[np.float32] = arrays["upto"]
        self.first: npt.NDArray[np.int64] = arrays["first"]
        self.leaves: Floats = arrays["leaves"]
        self.bias: Floats = arrays["bias"]
        self.link: Link = link
        self.columns = columns
        self.divisor = divisor
        shape = self.feature.shape
        trees, depth = shape if len(shape) == 2 else (0, 0)
        ok = (
            self.feature.dtype == np.int32
            and self.above.shape == self.upto.shape == shape
            and self.above.dtype == self.upto.dtype == np.float32
            and trees > 0
            and 0 < depth <= MOST_DEPTH
            and divisor > 0
            and self.leaves.ndim == 2
            and self.bias.shape == self.leaves.shape[1:]
            and self.first.shape == (trees,)
            and bool((self.feature >= 0).all() and (self.feature < max(columns, 1)).all())
            and bool((self.first >= 0).all())
            and bool((self.first + _most_leaf(self.above) < len(self.leaves)).all())
        )
        if not ok:
            raise StoreError("the arrays do not describe oblivious trees")
        self._powers: npt.NDArray[np.int64] = 1 << np.arange(depth, dtype=np.int64)

    @classmethod
    def average(cls, models: Sequence[ObliviousPredictor]) -> ObliviousPredictor:
        """Return the predictor whose raw score is the mean of several models' raw scores.

        Raises
        ------
        StoreError
            When they don't read the same columns or give the same scores.
        """
        shapes = {(model.columns, model.leaves.shape[1], model.link, model.divisor) for model in models}
        if len(shapes) != 1 or models[0].divisor != 1:
            raise StoreError("only single models over the same columns and scores are averaged")
        depth = max(model.feature.shape[1] for model in models)
        starts = np.cumsum([0, *(len(model.leaves) for model in models[:-1])])
        arrays = {
            "feature": np.concatenate([_widened(model.feature, depth, 0) for model in models]),
            "above": np.concatenate([_widened(model.above, depth, np.inf) for model in models]),
            "upto": np.concatenate([_widened(model.upto, depth, np.inf) for model in models]),
            "first": np.concatenate([model.first + start for model, start in zip(models, starts, strict=True)]),
            "leaves": np.concatenate([model.leaves for model in models]),
            "bias": np.sum([model.bias for model in models], axis=0) / len(models),
        }
        return cls(arrays, link=models[0].link, columns=models[0].columns, divisor=len(models))

    @property
    def trees(self) -> int:
        """How many trees are walked for one row."""
        return len(self.first)

    def predict(self, values: Floats) -> Floats:
        if values.shape[1] != self.columns:
            raise ValueError(f"the model reads {self.columns} columns, not {values.shape[1]}")
        with np.errstate(over="ignore"):
            rows = values.astype(np.float32)
        if len(rows) < _ROWS_FOR_TREE_BY_TREE:
            total = np.concatenate([self._row(row) for row in rows]) if len(rows) else np.empty((0, len(self.bias)))
        else:
            starts = range(0, len(rows), _ROWS_AT_ONCE)
            total = np.concatenate([self._tree_by_tree(rows[start : start + _ROWS_AT_ONCE]) for start in starts])
        return linked(total / self.divisor + self.bias, self.link)

    # Both ways add the trees up one after the other, so that they agree to the last bit.

    def _row(self, row: npt.NDArray[np.float32]) -> Floats:
        asked = row.take(self.feature)
        leaf = self.first + ((asked > self.above) & (asked <= self.upto)) @ self._powers
        total: Floats = self.leaves.take(leaf, axis=0).cumsum(axis=0)[-1:]
        return total

    def _tree_by_tree(self, rows: npt.NDArray[np.float32]) -> Floats:
        columns = np.ascontiguousarray(rows.T)
        total = np.zeros((len(rows), len(self.bias)))
        for tree in range(len(self.first)):
            leaf = np.full(len(rows), self.first[tree])
            for level in range(self.feature.shape[1]):
                above, upto = self.above[tree, level], self.upto[tree, level]
                if np.isposinf(above):
                    continue
                asked = columns[self.feature[tree, level]]
                answer = asked > above if np.isposinf(upto) else (asked > above) & (asked <= upto)
                leaf += answer.astype(np.int64) << level
            total += self.leaves.take(leaf, axis=0)
        return total

    def files(self) -> dict[str, bytes]:
        arrays = {name: getattr(self, name) for name in ("feature", "above", "upto", "first", "leaves", "bias")}
        facts = _Facts(link=self.link, divisor=self.divisor, columns=self.columns)
        return {"oblivious.json": canonical_json(facts), "oblivious.safetensors": pack(arrays)}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> ObliviousPredictor:
        """Build it again from its files."""
        facts = from_json(_Facts, files["oblivious.json"])
        arrays = unpack(files["oblivious.safetensors"], name="oblivious.safetensors")
        return cls(arrays, link=facts.link, columns=facts.columns, divisor=facts.divisor)


def _most_leaf(above: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the highest number that the answers to each tree's questions can make."""
    powers = 1 << np.arange(above.shape[1], dtype=np.int64)
    most: npt.NDArray[np.int64] = (~np.isposinf(above)) @ powers
    return most


def _widened(array: npt.NDArray[Any], depth: int, filling: float) -> npt.NDArray[Any]:
    return np.pad(array, ((0, 0), (0, depth - array.shape[1])), constant_values=filling)
