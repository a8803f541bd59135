"""The section ``features``: what is made of the columns, and which of them stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from tenfold.spec.section import Duration, Filled, Section, Text, read_duration

Function: TypeAlias = Literal["mean", "sum", "count", "max", "min", "std", "last"]


def _lag(steps: object) -> object:
    if isinstance(steps, str):
        return read_duration(steps)
    if isinstance(steps, int) and not isinstance(steps, bool) and steps < 1:
        raise PydanticCustomError("lag", "must be 1 or more rows back, found {steps}", {"steps": steps})
    return steps


Lag: TypeAlias = Annotated[int | str, BeforeValidator(_lag)]
"""Rows of the entity (a whole number), or time (a duration)."""


def _window(span: object) -> object:
    return 0 if span == "all" else _lag(span)


Window: TypeAlias = Annotated[int | str, BeforeValidator(_window)]
"""Time (a duration), rows (a whole number), or ``all`` (0): everything that is known."""


class RollingSection(Section):
    """What is computed over an entity's earlier rows: ``functions`` over ``windows`` that end ``gap`` before."""

    windows: tuple[Window, ...] = Field(default=("30d",), min_length=1)
    functions: tuple[Function, ...] = Field(default=("mean",), min_length=1)
    gap: Duration = "0s"


class TextSection(Section):
    """How a text becomes numbers: its length alone, or its words too, reduced to ``components``."""

    method: Literal["length", "tfidf", "hashing"] = "tfidf"
    components: Annotated[int, Field(ge=1, le=200)] = 10
    terms: Annotated[int, Field(ge=10, le=50_000)] | None = None


def _text(written: object) -> object:
    return {"method": written} if isinstance(written, str) else written


WrittenText: TypeAlias = Annotated[TextSection, BeforeValidator(_text)]
Encoding: TypeAlias = Literal["auto", "codes", "onehot", "target", "frequency", "count", "hash"] | tuple[Text, ...]
"""How a category becomes numbers; a list of its levels from low to high makes it a quantity."""


class SelectSection(Section):
    """How columns are chosen, inside each fold.

    ``most`` keeps at most so many of them, by the method's order.
    """

    method: Literal["variance", "correlation", "mutual_information", "noise", "recursive", "l1", "boruta"] = "noise"
    most: Annotated[int, Field(ge=1)] | None = None


class FeaturesSection(Section):
    """Which features are built."""

    dates: bool = True
    holidays: Filled | None = None
    lags: Mapping[Filled, tuple[Lag, ...]] = Field(default_factory=dict)
    rolling: Mapping[Filled, RollingSection] = Field(default_factory=dict)
    interactions: Annotated[int, Field(ge=0, le=100)] = 0
    encode: Mapping[Filled, Encoding] = Field(default_factory=dict)
    bins: Mapping[Filled, Annotated[int, Field(ge=2, le=100)]] = Field(default_factory=dict)
    splines: Mapping[Filled, Annotated[int, Field(ge=3, le=7)]] = Field(default_factory=dict)
    pca: Annotated[int, Field(ge=0, le=200)] = 0
    text: Literal["auto", "length", "tfidf", "hashing"] | Mapping[Filled, WrittenText] = "auto"
    select: Literal["auto", "off"] | SelectSection = "auto"
    measure: bool = True
