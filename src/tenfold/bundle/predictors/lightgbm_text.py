"""LightGBM's text format: brought to one canonical form, merged, and checked before the C library sees it.

The library trusts the text: a child that points outside of its tree would be read from memory that is not the model's.
So every tree is checked here, and of a text nothing is kept but the trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenfold.foundation.errors import StoreError

_CATEGORICAL = 1
# In the order in which LightGBM writes them. Counts and gains are kept for explanations.
_TREE_KEYS = (
    "num_leaves",
    "num_cat",
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "leaf_value",
    "leaf_weight",
    "leaf_count",
    "internal_value",
    "internal_weight",
    "internal_count",
    "cat_boundaries",
    "cat_threshold",
    "is_linear",
    "shrinkage",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeText:
    """A checked model: its trees, each as canonical text without its number.

    ``columns`` is the length of a row, ``scores`` the number of raw scores: trees belong to scores in turn.
    """

    columns: int
    scores: int
    trees: tuple[str, ...]

    def text(self) -> str:
        """Return the model as LightGBM reads it."""
        blocks = [f"Tree={number}\n{tree}\n\n" for number, tree in enumerate(self.trees)]
        names = " ".join(f"Column_{column}" for column in range(self.columns))
        header = (
            "tree",
            "version=v4",
            f"num_class={self.scores}",
            f"num_tree_per_iteration={self.scores}",
            "label_index=0",
            f"max_feature_idx={self.columns - 1}",
            f"feature_names={names}",
            f"feature_infos={' '.join(['none'] * self.columns)}",
            f"tree_sizes={' '.join(str(len(block)) for block in blocks)}",
        )
        return "\n".join(header) + "\n\n" + "".join(blocks) + "end of trees\n"


def parse(text: str) -> TreeText:
    """Return the trees of a model in LightGBM's text format.

    Raises
    ------
    StoreError
        When a tree is not one that the library could walk safely, or averages (random-forest mode) and linear leaves
        are used, which are not supported.
    """
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    facts = dict(line.partition("=")[::2] for line in head.splitlines())
    if not head.startswith("tree\n") or facts.get("version") not in ("v3", "v4"):
        raise StoreError("the model is not in LightGBM's text format, version 3 or 4")
    if "average_output" in facts:
        raise StoreError("the model averages its trees (boosting: rf), which is not supported: use gbdt or goss")
    columns = _whole(facts, "max_feature_idx") + 1
    scores = _whole(facts, "num_tree_per_iteration")
    if not 0 < scores <= 100_000 or columns > 1_000_000 or len(blocks) % scores:
        raise StoreError(f"the model has {len(blocks)} trees for {scores} scores over {columns} columns")
    trees = tuple(_tree(block, number, columns) for number, block in enumerate(blocks))
    return TreeText(columns=columns, scores=scores, trees=trees)


def reordered(model: TreeText, order: Sequence[int]) -> TreeText:
    """Return the model with its scores in another order: score i of the result is score ``order[i]`` of the model."""
    rounds = [model.trees[start : start + model.scores] for start in range(0, len(model.trees), model.scores)]
    trees = tuple(trees[place] for trees in rounds for place in order)
    return TreeText(columns=model.columns, scores=len(order), trees=trees)


def merge(texts: Sequence[str]) -> str:
    """Return one model with the trees of several, whose raw score is the sum of theirs.

    Raises
    ------
    StoreError
        When they don't read the same number of columns or give the same number of scores.
    """
    models = [parse(text) for text in texts]
    first = models[0]
    if any((model.columns, model.scores) != (first.columns, first.scores) for model in models):
        shapes = ", ".join(f"{model.columns} columns and {model.scores} scores" for model in models)
        raise StoreError(f"models of different shapes cannot be merged: {shapes}")
    trees = tuple(tree for model in models for tree in model.trees)
    return TreeText(columns=first.columns, scores=first.scores, trees=trees).text()


def _whole(facts: dict[str, str], key: str) -> int:
    value = facts.get(key, "")
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise StoreError(f"the LightGBM model has no usable {key} (found {value[:20]!r})")
    return int(value)


def _tree(block: str, number: int, columns: int) -> str:
    """Return a tree's canonical lines after checking them."""
    facts = dict(line.partition("=")[::2] for line in block.splitlines()[1:] if line)
    leaves, categories = _whole(facts, "num_leaves"), _whole(facts, "num_cat")
    where = f"tree {number} of the LightGBM model"
    if facts.get("is_linear", "0") != "0":
        raise StoreError(f"{where} has linear leaves, which are not supported")
    if leaves < 1 or len(_numbers(facts, "leaf_value", where)) != leaves:
        raise StoreError(f"{where} does not have its {leaves} leaf values")
    if not set(facts) <= set(_TREE_KEYS):
        raise StoreError(f"{where} has the unknown entry '{min(set(facts) - set(_TREE_KEYS))}'")
    if leaves > 1:
        _check_splits(facts, where, leaves=leaves, columns=columns, categories=categories)
    elif categories:
        raise StoreError(f"{where} has one leaf and yet splits on categories")
    return "\n".join(f"{key}={facts[key]}" for key in _TREE_KEYS if key in facts) + "\n"


def _check_splits(facts: dict[str, str], where: str, *, leaves: int, columns: int, categories: int) -> None:
    splits = leaves - 1
    order = np.arange(splits)
    for key in ("left_child", "right_child"):
        child = _integers(facts, key, where, splits)
        # A node made later has a higher number, so no walk can come back; leaves are written as -1, -2, ...
        if ((child >= 0) & ((child <= order) | (child >= splits))).any() or (child < -leaves).any():
            raise StoreError(f"{where} has a {key} that does not exist")
    feature = _integers(facts, "split_feature", where, splits)
    if (feature < 0).any() or (feature >= columns).any():
        raise StoreError(f"{where} splits on a column that does not exist")
    threshold = _numbers(facts, "threshold", where)
    if len(threshold) != splits:
        raise StoreError(f"{where} does not have its {splits} thresholds")
    kinds = _integers(facts, "decision_type", where, splits)
    if (kinds < 0).any() or (kinds > 15).any():
        raise StoreError(f"{where} has an unknown decision type")
    by_category = (kinds & _CATEGORICAL) > 0
    if categories == 0 and by_category.any():
        raise StoreError(f"{where} splits on categories that it does not list")
    for key in ("split_gain", "internal_value", "internal_weight", "internal_count"):
        if key in facts and len(_numbers(facts, key, where)) != splits:
            raise StoreError(f"{where} does not have its {splits} entries of {key}")
    for key in ("leaf_weight", "leaf_count"):
        if key in facts and len(_numbers(facts, key, where)) != leaves:
            raise StoreError(f"{where} does not have its {leaves} entries of {key}")
    if categories:
        bounds = _integers(facts, "cat_boundaries", where, categories + 1)
        words = _numbers(facts, "cat_threshold", where)
        if bounds[0] != 0 or (np.diff(bounds) < 0).any() or bounds[-1] != len(words):
            raise StoreError(f"{where} has category sets that do not fit their boundaries")
        if (words < 0).any() or (words > 0xFFFFFFFF).any() or (words != np.floor(words)).any():
            raise StoreError(f"{where} has category sets that are not whole numbers")
        which = threshold[by_category]
        if (which < 0).any() or (which >= categories).any() or (which != np.floor(which)).any():
            raise StoreError(f"{where} splits on a category set that does not exist")


def _numbers(facts: dict[str, str], key: str, where: str) -> npt.NDArray[np.float64]:
    try:
        return np.array(facts.get(key, "").split(" ") if facts.get(key) else [], dtype=np.float64)
    except ValueError as error:
        raise StoreError(f"{where} has a {key} that is not a list of numbers") from error


def _integers(facts: dict[str, str], key: str, where: str, count: int) -> npt.NDArray[np.int64]:
    values = _numbers(facts, key, where)
    if len(values) != count or not np.isfinite(values).all() or (values != np.floor(values)).any():
        raise StoreError(f"{where} does not have {count} whole numbers as {key}")
    return values.astype(np.int64)
