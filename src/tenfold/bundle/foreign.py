"""A model that was made elsewhere: what it reads, what it says, and how it becomes a predictor of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tenfold.bundle.predictors.protocols import Predictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.transforms.protocols import Fitted, State
from tenfold.bundle.transforms.table import transform_called
from tenfold.bundle.view import FittedView, assembled
from tenfold.foundation.errors import InputError
from tenfold.records.features import Step
from tenfold.records.problem import Task


class Foreign(Protocol):
    """A model of another house, read and checked, not yet ours."""

    @property
    def kind(self) -> str:
        """The format: ``lightgbm`` or ``onnx``."""
        ...

    @property
    def inputs(self) -> Inputs:
        """What it reads."""
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
    """

    names: tuple[str, ...]
    count: int
    levels: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def view_for(inputs: Inputs, signature: Signature) -> FittedView:
    """Return the view that turns the signature's columns into the numbers that the model reads, in their order.

    Nothing is fitted: numbers as they are, missing as NaN; words as their place in the model's own list.

    Raises
    ------
    InputError
        When a column is of a kind that the model cannot read.
    """
    steps: list[Step] = []
    fitted: list[Fitted] = []
    plain: list[str] = []

    def add(step: Step, state: State) -> None:
        steps.append(step)
        fitted.append(transform_called(step.kind).restore(step, state))

    def add_plain() -> None:
        if plain:
            step = Step(kind="passthrough", columns=tuple(plain))
            add(step, State(arrays={"stand_ins": np.full(len(plain), np.nan)}))
            plain.clear()

    for place, column in enumerate(signature.fields):
        if place in inputs.levels:
            add_plain()
            levels = inputs.levels[place]
            step = Step(kind="codes", columns=(column.name,), settings={"levels": levels})
            add(step, State(facts={"fill": None}, arrays={"seen": np.ones(len(levels), dtype=np.bool_)}))
        elif column.kind == "numeric":
            plain.append(column.name)
        elif column.kind == "boolean":
            add_plain()
            add(Step(kind="boolean", columns=(column.name,)), State())
        else:
            raise InputError(f"the model reads '{column.name}' as a number, and it is {column.kind} in the data")
    add_plain()
    return assembled(steps, fitted)
