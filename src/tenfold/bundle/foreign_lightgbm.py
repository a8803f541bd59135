"""A model in LightGBM's text format, as its own package writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenfold.bundle.foreign import Inputs, Original
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.lightgbm_text import TreeText, parse, reordered
from tenfold.bundle.predictors.link import Link
from tenfold.foundation.errors import InputError, StoreError
from tenfold.records.problem import Task

MOST_BYTES = 1 << 29
TOLERANCE = 1e-9
_MADE_UP = "Column_"
_OBJECTIVES: Mapping[str, tuple[Task, Link]] = {
    "binary": ("binary", "logistic"),
    "multiclass": ("multiclass", "softmax"),
    "regression": ("regression", "identity"),
    "regression_l1": ("regression", "identity"),
    "huber": ("regression", "identity"),
    "fair": ("regression", "identity"),
    "quantile": ("regression", "identity"),
    "mape": ("regression", "identity"),
    "poisson": ("regression", "exp"),
    "gamma": ("regression", "exp"),
    "tweedie": ("regression", "exp"),
}
"""What each objective answers, and how a raw score becomes the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignTrees:
    """Trees with what their text says about them."""

    trees: TreeText
    task: Task
    link: Link
    inputs: Inputs
    original: Original
    classes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    kind: str = "lightgbm"

    def predictor(self, task: Task, order: Sequence[int]) -> LightGBMPredictor:
        """Return the trees as a predictor; see `tenfold.bundle.foreign.Foreign`."""
        if task != self.task:
            raise InputError(f"the model was trained for a {self.task} task, and the project's is {task}")
        trees = self.trees
        if task == "multiclass":
            if len(order) != trees.scores:
                raise InputError(f"the model tells {trees.scores} classes apart, and the project has {len(order)}")
            trees = reordered(trees, order)
        elif task == "binary" and tuple(order) != (0, 1):
            raise InputError(
                "the model looks for the other class than the project (problem.positive): its labels 0 and 1 mean the"
                " opposite; train it with the positive class as 1"
            )
        return LightGBMPredictor(trees.text(), link=self.link)


def read_trees(content: bytes) -> ForeignTrees:
    """Return the model in a text of LightGBM.

    Raises
    ------
    InputError
        When it is not such a text, or what it holds cannot be carried over exactly.
    """
    if len(content) > MOST_BYTES:
        raise InputError(f"the model has {len(content)} bytes; at most {MOST_BYTES} are read")
    try:
        text = content.decode("utf-8")
        trees = parse(text)
    except UnicodeDecodeError as error:
        raise InputError("the model is not a text of LightGBM: it is not even text") from error
    except StoreError as error:
        raise InputError(str(error)) from error
    facts = _facts(text.partition("\nTree=")[0])
    task, link = _objective(facts.get("objective", ""))
    expected = 1 if task != "multiclass" else None
    if expected is not None and trees.scores != expected:
        raise InputError(f"a {task} model has one score for a row, this one {trees.scores}")
    names = tuple(facts.get("feature_names", "").split(" "))
    if len(names) != trees.columns:
        raise InputError(f"the model reads {trees.columns} columns and names {len(names)}")
    made_up = all(name.startswith(_MADE_UP) for name in names)
    inputs = Inputs(names=() if made_up else names, count=trees.columns, levels=_levels(text, trees.columns))
    original = Original(
        content=content,
        scorer="lightgbm_scores",
        preload=("atexit", "tenfold.bundle.foreign_lightgbm_ready"),
        tolerance=TOLERANCE,
        facts={"scores": trees.scores},
    )
    return ForeignTrees(trees=trees, task=task, link=link, inputs=inputs, original=original)


def _facts(head: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in head.splitlines())


def _objective(written: str) -> tuple[Task, Link]:
    name, *settings = written.split(" ")
    if name not in _OBJECTIVES:
        raise InputError(
            f"the model was trained for '{name or 'an objective of its own'}', which gives no probabilities or numbers"
            f" that can be carried over (those that can: {', '.join(_OBJECTIVES)})"
        )
    if name == "binary" and [setting for setting in settings if setting.startswith("sigmoid")] not in (
        [],
        ["sigmoid:1"],
    ):
        raise InputError(f"the model stretches its scores ('{written}'), and only sigmoid:1 is read")
    if "sqrt" in settings:
        raise InputError("the model predicts square roots (reg_sqrt), which are not read")
    return _OBJECTIVES[name]


def _levels(text: str, columns: int) -> dict[int, tuple[str, ...]]:
    """Return the lists of words by which pandas numbered the model's categorical columns."""
    tail = text.partition("\nend of trees")[2]
    lists = _after(tail, "pandas_categorical:")
    if lists in ("", "null", "[]"):
        return {}
    try:
        found = json.loads(lists)
    except ValueError as error:
        raise InputError("the model's lists of categories (pandas_categorical) cannot be read") from error
    places = [int(place) for place in _after(tail, "[categorical_feature: ").rstrip("]").split(",") if place.isdigit()]
    if not isinstance(found, list) or len(places) != len(found) or any(place >= columns for place in places):
        raise InputError(
            "the model has lists of categories and does not say of which columns; save it with its parameters"
        )
    return {place: tuple(_word(value) for value in levels) for place, levels in zip(places, found, strict=True)}


def _after(text: str, start: str) -> str:
    return next((line[len(start) :].strip() for line in text.splitlines() if line.startswith(start)), "")


def _word(value: object) -> str:
    """Return a category as the canonical table writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
