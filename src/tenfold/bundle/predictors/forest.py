"""Forests of scikit-learn as flat arrays: no scikit-learn where they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.matrix import Floats
from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import canonical_json, from_json

_CELLS_AT_ONCE = 1 << 16
_ROWS_AT_ONCE = 1 << 14
_ROWS_FOR_TREE_BY_TREE = 2048
_STILL_WORTH = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    columns: int
    binary: bool


class ForestPredictor:
    """The sum over all trees of the leaf that a row falls in; leaves hold their share of the average.

    The nodes of all trees stand one after the other. From an inner node a row goes to ``first`` when its value is at
    most ``threshold``, else to ``first + 1``; a leaf is its own ``first`` and has an infinite threshold, so a row that
    arrived stays. scikit-learn compares float32 values with float64 thresholds: rounding these down to float32 changes
    no answer.

    Attributes
    ----------
    roots : ndarray of shape (n_trees,), int32
    feature, first, threshold : ndarrays of shape (n_nodes,), int32, int32 and float32
    values : ndarray of shape (n_leaves, n_values), float64
        One value for regression and for binary tasks (the positive class), one for each class else.
    depth : int
        Steps from a root to the deepest leaf.
    binary : bool
        Whether the complement is the first of two outputs.
    """

    kind: ClassVar[str] = "forest"
    __slots__ = ("_leaf", "binary", "columns", "depth", "feature", "first", "roots", "threshold", "values")

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], *, columns: int, binary: bool):
        self.roots: npt.NDArray[np.int32] = arrays["roots"]
        self.feature: npt.NDArray[np.int32] = arrays["feature"]
        self.first: npt.NDArray[np.int32] = arrays["first"]
        self.threshold: npt.NDArray[np.float32] = arrays["threshold"]
        self.values: Floats = arrays["values"]
        self.columns = columns
        self.binary = binary
        nodes = len(self.first)
        order = np.arange(nodes)
        leaf = self.first == order
        inner = ~leaf
        ok = (
            self.feature.shape == self.threshold.shape == (nodes,)
            and self.values.ndim == 2
            and len(self.values) == int(leaf.sum())
            and len(self.roots) > 0
            and bool(self.roots[0] == 0 and (np.diff(self.roots) > 0).all())
            and bool((self.roots >= 0).all() and (self.roots < nodes).all())
            and bool((self.feature >= 0).all() and (self.feature < max(columns, 1)).all())
            # Children stand behind their parent, so no walk can come back.
            and bool((self.first[inner] > order[inner]).all() and (self.first[inner] + 1 < nodes).all())
            and bool(np.isposinf(self.threshold[leaf]).all())
        )
        if not ok:
            raise StoreError("the forest's arrays do not describe trees")
        self._leaf: npt.NDArray[np.int64] = np.cumsum(leaf) - 1
        self.depth = _depth(self.roots, self.first)

    @classmethod
    def from_sklearn(cls, estimators: Sequence[Any], *, classes: int) -> ForestPredictor:
        """Return the average of fitted forests of scikit-learn.

        Parameters
        ----------
        estimators : sequence
            RandomForest or ExtraTrees, classifiers or regressors, fitted on the same columns without missing values.
            Classifiers were fitted on class codes, of which a fold may lack some.
        classes : int
            Number of classes; 0 for regression.
        """
        parts = []
        roots, nodes = [], 0
        for estimator in estimators:
            share = 1.0 / (len(estimators) * len(estimator.estimators_))
            codes = estimator.classes_.astype(np.int64) if classes else None
            for tree in estimator.estimators_:
                part = _flat(tree.tree_, share, codes, classes, nodes)
                parts.append(part)
                roots.append(nodes)
                nodes += len(part["first"])
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        arrays["roots"] = np.array(roots, dtype=np.int32)
        return cls(arrays, columns=int(estimators[0].n_features_in_), binary=classes == 2)

    @property
    def trees(self) -> int:
        """How many trees are walked for one row."""
        return len(self.roots)

    def predict(self, values: Floats) -> Floats:
        if values.shape[1] != self.columns:
            raise ValueError(f"the model reads {self.columns} columns, not {values.shape[1]}")
        if np.isnan(values).any():
            raise ValueError("a forest reads the filled view, which has no missing values")
        with np.errstate(over="ignore"):
            rows = values.astype(np.float32)
        total = np.empty((len(rows), self.values.shape[1]))
        if len(rows) == 1:
            total[0] = self._row(rows[0])
        elif len(rows) < _ROWS_FOR_TREE_BY_TREE:
            size = max(1, _CELLS_AT_ONCE // len(self.roots))
            for start in range(0, len(rows), size):
                total[start : start + size] = self._all_trees(rows[start : start + size])
        else:
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                total[start : start + _ROWS_AT_ONCE] = self._tree_by_tree(rows[start : start + _ROWS_AT_ONCE])
        return np.concatenate([1.0 - total, total], axis=1) if self.binary else total

    # The three ways add the trees up one after the other, so that they agree to the last bit.

    def _row(self, row: npt.NDArray[np.float32]) -> Floats:
        node = self.roots
        for _ in range(self.depth):
            node = self.first.take(node) + (row.take(self.feature.take(node)) > self.threshold.take(node))
        total: Floats = self.values.take(self._leaf.take(node), axis=0).cumsum(axis=0)[-1]
        return total

    def _all_trees(self, rows: npt.NDArray[np.float32]) -> Floats:
        """Few rows walk down all trees at once, one level a step."""
        count, trees = len(rows), len(self.roots)
        start = np.repeat(np.arange(count, dtype=np.int64) * rows.shape[1], trees)
        nodes = _walked(np.tile(self.roots, count), rows.ravel(), start, (self.first, self.feature, self.threshold))
        leaves = self._leaf.take(nodes).reshape(count, trees)
        total: Floats = self.values.take(leaves, axis=0).cumsum(axis=1)[:, -1]
        return total

    def _tree_by_tree(self, rows: npt.NDArray[np.float32]) -> Floats:
        """Many rows walk down one tree after the other: a tree's nodes stay in the processor's nearest memory."""
        total = np.zeros((len(rows), self.values.shape[1]))
        start = np.arange(len(rows), dtype=np.int64) * rows.shape[1]
        flat = rows.ravel()
        for root, end in zip(self.roots, np.append(self.roots[1:], len(self.first)), strict=True):
            tree = (self.first[root:end] - root, self.feature[root:end], self.threshold[root:end])
            nodes = _walked(np.zeros(len(rows), dtype=np.int32), flat, start, tree)
            total += self.values.take(self._leaf[root:end].take(nodes), axis=0)
        return total

    def files(self) -> dict[str, bytes]:
        arrays = {name: getattr(self, name) for name in ("roots", "feature", "first", "threshold", "values")}
        return {
            "forest.json": canonical_json(_Facts(columns=self.columns, binary=self.binary)),
            "forest.safetensors": pack(arrays),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> ForestPredictor:
        """Build it again from its files."""
        facts = from_json(_Facts, files["forest.json"])
        arrays = unpack(files["forest.safetensors"], name="forest.safetensors")
        return cls(arrays, columns=facts.columns, binary=facts.binary)


def _walked(
    node: npt.NDArray[np.int32],
    flat: npt.NDArray[np.float32],
    start: npt.NDArray[np.int64],
    nodes: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]],
) -> npt.NDArray[np.int32]:
    """Return the leaf that each walker reaches from its ``node``; its row's values begin at ``start`` of ``flat``."""
    first, feature, threshold = nodes
    leaf = node
    places: npt.NDArray[np.int64] | None = None
    while True:
        ahead = first.take(node)
        ahead += flat.take(start + feature.take(node)) > threshold.take(node)
        moving = ahead != node
        count = int(np.count_nonzero(moving))
        if places is None:
            leaf = ahead
        elif count < _STILL_WORTH * len(node) or not count:
            leaf[places] = ahead
        if not count:
            return leaf
        if count < _STILL_WORTH * len(node):
            # Who has arrived is left behind.
            places = np.flatnonzero(moving) if places is None else places[moving]
            start, ahead = start[moving], ahead[moving]
        node = ahead


def _depth(roots: npt.NDArray[np.int32], first: npt.NDArray[np.int32]) -> int:
    node, depth = np.unique(roots), 0
    while True:
        inner = node[first[node] != node]
        if not len(inner):
            return depth
        node = np.concatenate([first[inner], first[inner] + 1])
        depth += 1


def _flat(
    tree: Any, share: float, codes: npt.NDArray[np.int64] | None, classes: int, offset: int
) -> dict[str, npt.NDArray[Any]]:
    """Return one tree with its nodes level by level, so that the two children of a node stand side by side."""
    left, right = tree.children_left, tree.children_right
    order = [np.zeros(1, dtype=np.int64)]
    while True:
        inner = order[-1][left[order[-1]] >= 0]
        if not len(inner):
            break
        order.append(np.stack([left[inner], right[inner]], axis=1).ravel())
    old = np.concatenate(order)
    new = np.empty(len(old), dtype=np.int64)
    new[old] = np.arange(len(old))
    leaf = left[old] < 0
    first = np.where(leaf, np.arange(len(old)), new[left[old]]) + offset
    threshold = tree.threshold[old]
    narrow = threshold.astype(np.float32)
    narrow = np.where(narrow > threshold, np.nextafter(narrow, np.float32(-np.inf)), narrow)
    return {
        "feature": np.where(leaf, 0, tree.feature[old]).astype(np.int32),
        "first": first.astype(np.int32),
        "threshold": np.where(leaf, np.float32(np.inf), narrow).astype(np.float32),
        "values": _leaf_values(tree.value[old[leaf], 0, :], codes, classes) * share,
    }


def _leaf_values(values: Floats, codes: npt.NDArray[np.int64] | None, classes: int) -> Floats:
    if codes is None:
        return values
    result = np.zeros((len(values), classes))
    result[:, codes] = values / values.sum(axis=1, keepdims=True)
    return result[:, 1:] if classes == 2 else result
