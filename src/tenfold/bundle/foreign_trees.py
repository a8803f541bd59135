"""Trees of other houses as trees in LightGBM's format, which every bundle can walk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tenfold.bundle.matrix import Floats
from tenfold.foundation.errors import InputError

_CATEGORICAL, _LEFT_WHEN_MISSING, _MISSING_IS_NAN = 1, 2, 8
_ENDLESS = 1e300
_BEYOND_SINGLE = 2.0**128
_WORD = 32

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """One tree, node by node; the root is the first.

    Attributes
    ----------
    left, right : ndarrays of shape (n_nodes,)
        Where its children stand; negative for a leaf.
    column : ndarray of shape (n_nodes,)
    upto : ndarray of shape (n_nodes,)
        A row goes left where its value is at most this.
    missing_left : ndarray of shape (n_nodes,), bool
        Where a row without the value goes.
    values : ndarray of shape (n_nodes,)
        What a leaf says.
    among : mapping from node to codes
        Nodes that ask for a category instead: a row goes left where its code is one of these, and right where it is
        another, missing or unknown.
    """

    left: Whole
    right: Whole
    column: Whole
    upto: Floats
    missing_left: npt.NDArray[np.bool_]
    values: Floats
    among: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def tree_text(nodes: Nodes, where: str) -> str:
    """Return a tree in LightGBM's text format.

    Parameters
    ----------
    where : str
        What the tree is, for messages.

    Raises
    ------
    InputError
        When the nodes are no tree, or it holds what is no number.
    """
    inner, leaves = _walked(nodes, where)
    answers = nodes.values[leaves]
    if not np.isfinite(answers).all():
        raise InputError(f"{where} has a leaf that is no finite number")
    if not len(inner):
        return leaf_text(float(answers[0]))
    number = np.empty(len(nodes.left), dtype=np.int64)
    number[inner] = np.arange(len(inner))
    number[leaves] = -1 - np.arange(len(leaves))
    upto = np.clip(nodes.upto[inner], -_ENDLESS, _ENDLESS)
    if np.isnan(upto).any():
        raise InputError(f"{where} asks for a number that is none")
    kinds = _MISSING_IS_NAN + _LEFT_WHEN_MISSING * nodes.missing_left[inner].astype(np.int64)
    sets: list[list[int]] = []
    for place, node in enumerate(inner.tolist()):
        if node in nodes.among:
            kinds[place], upto[place] = _CATEGORICAL, len(sets)
            sets.append(_bits(nodes.among[node]))
    lines = {
        "num_leaves": str(len(leaves)),
        "num_cat": str(len(sets)),
        "split_feature": _joined(nodes.column[inner]),
        "threshold": " ".join(map(repr, upto.tolist())),
        "decision_type": _joined(kinds),
        "left_child": _joined(number[nodes.left[inner]]),
        "right_child": _joined(number[nodes.right[inner]]),
        "leaf_value": " ".join(map(repr, answers.tolist())),
    }
    if sets:
        lines["cat_boundaries"] = _joined(np.cumsum([0, *map(len, sets)]))
        lines["cat_threshold"] = " ".join(str(word) for each in sets for word in each)
    return "".join(f"{key}={value}\n" for key, value in {**lines, "is_linear": "0", "shrinkage": "1"}.items())


def leaf_text(value: float) -> str:
    """Return a tree that says the same of every row."""
    return f"num_leaves=1\nnum_cat=0\nleaf_value={value!r}\nshrinkage=1\n"


def in_turn(by_score: Sequence[Sequence[str]], starts: Sequence[float]) -> tuple[str, ...]:
    """Return the trees of several scores in turn, with what each score begins with as its first tree."""
    rounds = max(map(len, by_score), default=0)
    result = [leaf_text(float(start)) for start in starts]
    for place in range(rounds):
        result += [trees[place] if place < len(trees) else leaf_text(0.0) for trees in by_score]
    return tuple(result)


def upto_single(bound: Floats) -> Floats:
    """Return the greatest float64 that is at most each bound once it is rounded to float32.

    A house that compares ``float32(x) <= bound`` then has the same answer as ``x <= result``.
    """
    # Beside the largest float32 stands infinity, and what is rounded to it begins where the next number would stand.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        single = bound.astype(np.float32)
        single = np.where(single > bound, np.nextafter(single, np.float32(-np.inf)), single)
        above = np.nextafter(single, np.float32(np.inf)).astype(np.float64)
        above = np.where(above == np.inf, _BEYOND_SINGLE, above)
        middle = single.astype(np.float64) + (above - single.astype(np.float64)) / 2
        # A number in the middle is rounded to the one whose last bit is zero.
        result = np.where(middle.astype(np.float32) <= single, middle, np.nextafter(middle, -np.inf))
    return np.where(np.isfinite(single), result, single.astype(np.float64))


def before_single(bound: Floats) -> Floats:
    """Return the greatest float64 that is less than each bound once it is rounded to float32."""
    with np.errstate(over="ignore", under="ignore"):
        before = np.nextafter(bound.astype(np.float32), np.float32(-np.inf))
    return upto_single(before.astype(np.float64))


def _walked(nodes: Nodes, where: str) -> tuple[Whole, Whole]:
    """Return the inner nodes and the leaves that are reached from the root, level by level."""
    count = len(nodes.left)
    whole = all(
        len(each) == count for each in (nodes.right, nodes.column, nodes.upto, nodes.missing_left, nodes.values)
    )
    if not count or not whole:
        raise InputError(f"{where} has lists of different lengths")
    inner: list[int] = []
    leaves: list[int] = []
    level, seen = [0], 1
    while level:
        following: list[int] = []
        for node in level:
            children = int(nodes.left[node]), int(nodes.right[node])
            if max(children) < 0:
                leaves.append(node)
                continue
            inner.append(node)
            following += children
        seen += len(following)
        if seen > count or any(not 0 < child < count for child in following):
            raise InputError(f"{where} is no tree: its nodes do not lead from the root to leaves")
        level = following
    if len(set(inner)) + len(set(leaves)) != len(inner) + len(leaves):
        raise InputError(f"{where} is no tree: a node has two parents")
    return np.array(inner, dtype=np.int64), np.array(leaves, dtype=np.int64)


def _bits(codes: Sequence[int]) -> list[int]:
    words = [0] * (max(codes, default=0) // _WORD + 1)
    for code in codes:
        words[code // _WORD] |= 1 << (code % _WORD)
    return words


def _joined(values: npt.NDArray[np.int64]) -> str:
    return " ".join(map(str, values.tolist()))
