"""The section ``validation``: how the rows are divided into what trains, what chooses and what judges."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from tenfold.foundation.units import parse_seconds
from tenfold.spec.section import Duration, Section, read_duration

Strategy: TypeAlias = Literal["auto", "holdout", "kfold", "repeated", "stratified", "group", "time", "loo", "nested"]
SHUFFLED = frozenset({"holdout", "kfold", "repeated", "stratified", "group", "loo"})
"""Strategies that let newer rows train for older ones."""
APART = frozenset({"auto", "group", "time", "nested"})
"""Strategies that respect a group, or name the time instead."""


def _window(written: object) -> object:
    return written if written in {"expanding", "rolling"} else read_duration(written)


Window: TypeAlias = Annotated[str, BeforeValidator(_window)]
"""``expanding``, ``rolling``, or a duration."""


class ValidationSection(Section):
    """How the rows are divided.

    ``window`` is how far back the rows reach that train for a block of newer rows: all of them (``expanding``), as
    far as for the first block (``rolling``), or a duration. ``repeats`` None: three where folds are repeated, else one.
    ``outer`` is the number of outer folds of ``nested``. ``allow`` lets a strategy run that leaks, or that costs more
    than the budget bears.
    """

    strategy: Strategy = "auto"
    test: float = 0.15
    validation: float = 0.15
    folds: int = 5
    repeats: Annotated[int, Field(ge=1, le=20)] | None = None
    gap: Duration = "0s"
    embargo: Duration = "0s"
    window: Window = "expanding"
    outer: Annotated[int, Field(ge=2, le=10)] = 3
    allow: bool = False

    @property
    def gap_seconds(self) -> float:
        """Time left free between the rows that train and those that measure."""
        return parse_seconds(self.gap)

    @property
    def embargo_seconds(self) -> float:
        """Further time left free, since rows near each other resemble each other."""
        return parse_seconds(self.embargo)

    @property
    def window_seconds(self) -> float | None:
        """How far back rows train; 0 as far as for the first block, None without end."""
        if self.window == "expanding":
            return None
        return 0.0 if self.window == "rolling" else parse_seconds(self.window)
