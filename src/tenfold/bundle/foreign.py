"""A model that was made elsewhere: what it reads, what it says, and how it becomes a predictor of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from tenfold.bundle.predictors.protocols import Predictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.transforms.protocols import Fitted, State
from tenfold.bundle.transforms.table import transform_called
from tenfold.bundle.view import FittedView, assembled
from tenfold.foundation.errors import InputError
from tenfold.records.dataset import Field
from tenfold.records.features import Step
from tenfold.records.problem import Task


class Foreign(Protocol):
    """A model of another house, read and checked, not yet ours."""

    @property
    def kind(self) -> str:
        """The format: ``lightgbm``, ``xgboost``, ``catboost``, ``onnx`` or ``skops``."""
        ...

    @property
    def inputs(self) -> Inputs:
        """What it reads."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its classes in its own order; empty where it does not tell."""
        ...

    @property
    def findings(self) -> tuple[str, ...]:
        """What is to be told of how it was read."""
        ...

    @property
    def original(self) -> Original:
        """How its own house is asked what it predicts."""
        ...

    def predictor(self, task: Task, order: Sequence[int]) -> Predictor:
        """Return it as a predictor for ``task``.

        Parameters
        ----------
        order : sequence of int
            For each class of the project, its place among the model's own; empty for regression.

        Raises
        ------
        InputError
            When it answers another question.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The numbers that a foreign model reads, in order.

    Attributes
    ----------
    names : tuple of str
        What the model calls its columns; empty where it calls them nothing.
    count : int
        How many there are.
    levels : mapping from place to levels
        The columns that hold the places of words in a list, with the list.
    stand_ins : mapping from place to number
        What is read where a number is missing; else it is NaN.
    steps : tuple of (Step, State)
        Its own preprocessing, where it brings one, over columns called by their places: ``0``, ``1``, ...
    words : set of int
        The columns that these steps read as words, whatever they look like in the data.
    numbers_as_words : set of int
        Those of them whose words are numbers to the model.
    """

    names: tuple[str, ...]
    count: int
    levels: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    stand_ins: Mapping[int, float] = field(default_factory=dict)
    steps: tuple[tuple[Step, State], ...] = ()
    words: frozenset[int] = frozenset()
    numbers_as_words: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A model's own bytes, and who of its own house reads them; see `tenfold.bundle.foreign_original`.

    Attributes
    ----------
    scorer : str
        A function of ``foreign_original``.
    preload : tuple of str
        The modules that it uses.
    extra : str
        The extra of ours that brings them; empty where nothing is needed.
    tolerance : float
        How far its scores may be from ours, relative to their size where that is above one.
    """

    content: bytes
    scorer: str
    preload: tuple[str, ...]
    tolerance: float
    extra: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def view_for(inputs: Inputs, signature: Signature) -> FittedView:
    """Return the view that turns the signature's columns into the numbers that the model reads, in their order.

    Nothing is fitted: numbers as they are, missing as NaN; words as their place in the model's own list.

    Raises
    ------
    InputError
        When a column is of a kind that the model cannot read.
    """
    if inputs.steps:
        return _own_view(inputs, signature)
    steps: list[Step] = []
    fitted: list[Fitted] = []
    plain: dict[str, float] = {}

    def add(step: Step, state: State) -> None:
        steps.append(step)
        fitted.append(transform_called(step.kind).restore(step, state))

    def add_plain() -> None:
        if plain:
            step = Step(kind="passthrough", columns=tuple(plain))
            add(step, State(arrays={"stand_ins": np.array(list(plain.values()), dtype=np.float64)}))
            plain.clear()

    for place, column in enumerate(signature.fields):
        if place in inputs.levels:
            add_plain()
            levels = inputs.levels[place]
            step = Step(kind="codes", columns=(column.name,), settings={"levels": levels})
            add(step, State(facts={"fill": None}, arrays={"seen": np.ones(len(levels), dtype=np.bool_)}))
        elif column.kind == "numeric" or (column.kind == "boolean" and place in inputs.stand_ins):
            plain[column.name] = inputs.stand_ins.get(place, np.nan)
        elif column.kind == "boolean":
            add_plain()
            add(Step(kind="boolean", columns=(column.name,)), State())
        else:
            raise _no_number(column)
    add_plain()
    return assembled(steps, fitted)


def _own_view(inputs: Inputs, signature: Signature) -> FittedView:
    """Return the view of a model's own steps over the signature's columns."""
    names = signature.names
    for place, column in enumerate(signature.fields):
        if place not in inputs.words and column.kind not in ("numeric", "boolean"):
            raise _no_number(column)
    steps = [replace(step, columns=tuple(_named(each, names) for each in step.columns)) for step, _ in inputs.steps]
    states = [state for _, state in inputs.steps]
    made = [transform_called(step.kind).restore(step, state) for step, state in zip(steps, states, strict=True)]
    return assembled(steps, made)


def _named(own: str, names: Sequence[str]) -> str:
    """Return what a step's column is called in the data; one that a step made keeps what follows its place."""
    place, joint, rest = own.partition("__")
    return names[int(place)] + joint + rest


def _no_number(column: Field) -> InputError:
    return InputError(f"the model reads '{column.name}' as a number, and it is {column.kind} in the data")
