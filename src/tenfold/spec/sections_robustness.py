"""The setting ``problem.behaviour``: how the model must answer when its input changes."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from tenfold.records.problem import Behaviour
from tenfold.spec.section import Filled, Label, Section

Perturbed: TypeAlias = Literal["noise", "missing", "column_order", "unit", "invariance", "direction"]
_ONE_COLUMN = frozenset({"missing", "unit", "invariance", "direction"})
_NEEDS_BOUND = frozenset({"noise", "missing", "invariance"})


class BehaviourEntry(Section):
    """One entry of ``problem.behaviour``.

    ``noise`` and ``missing`` bound by how much the main metric may become worse, ``column_order`` and ``invariance``
    by how much a prediction may change, ``direction`` the share of rows that may go the wrong way by more than
    ``tolerance``, and ``unit`` the share of rows that must be noticed when the column comes ``factor`` times as large.
    """

    id: Label
    test: Perturbed
    column: Filled | None = None
    at_most: Annotated[float, Field(ge=0)] | None = None
    at_least: Annotated[float, Field(ge=0, le=1)] | None = None
    size: Annotated[float, Field(gt=0, le=10)] = 0.1
    factor: Annotated[float, Field(gt=0)] = 1000.0
    direction: Literal["up", "down"] = "up"
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    level: Literal["must", "should"] = "must"

    @model_validator(mode="after")
    def _fits(self) -> BehaviourEntry:
        if self.test in _ONE_COLUMN and self.column is None:
            raise PydanticCustomError("behaviour", "test {test} needs the column that is changed", {"test": self.test})
        if self.test in {"noise", "column_order"} and self.column is not None:
            raise PydanticCustomError(
                "behaviour", "test {test} changes all columns: leave column out", {"test": self.test}
            )
        if self.test in _NEEDS_BOUND and self.at_most is None:
            raise PydanticCustomError("behaviour", "test {test} needs at_most", {"test": self.test})
        if self.test == "unit" and self.at_most is not None:
            raise PydanticCustomError("behaviour", "test unit is bounded by at_least", {})
        if self.test != "unit" and self.at_least is not None:
            raise PydanticCustomError("behaviour", "test {test} is bounded by at_most", {"test": self.test})
        return self

    def record(self) -> Behaviour:
        """Return the test that evaluation makes."""
        return Behaviour(
            id=self.id,
            test=self.test,
            column=self.column or "",
            bound=self._bound(),
            size=self.size,
            factor=self.factor,
            rises=self.direction == "up",
            tolerance=self.tolerance,
            level=self.level,
        )

    def _bound(self) -> float:
        if self.test == "unit":
            return 0.5 if self.at_least is None else self.at_least
        return 0.0 if self.at_most is None else self.at_most
