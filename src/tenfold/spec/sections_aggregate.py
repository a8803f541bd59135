"""The section of ``tenfold.yaml`` that says what is computed over the rows of another source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from tenfold.foundation.units import parse_seconds
from tenfold.spec.section import Duration, Filled, Section

Function: TypeAlias = (
    Literal["count", "sum", "mean", "min", "max", "std", "median", "first", "last", "nunique", "mode", "share"]
    | Annotated[str, Field(pattern=r"^share of \S.*$")]
)
"""A function of a column; ``share of LEVEL``: the share of the rows that hold this level."""
Written: TypeAlias = Literal["all"] | Duration


def _listed(written: object) -> object:
    """Read one entry as a list of one."""
    return (written,) if isinstance(written, str) else written


class AggregateSection(Section):
    """What is computed over the rows that belong to a row and were known before its moment."""

    columns: Mapping[Filled, Annotated[tuple[Function, ...], BeforeValidator(_listed), Field(min_length=1)]] | None = (
        None
    )
    rows: Annotated[tuple[Literal["count", "since_first", "since_last"], ...], BeforeValidator(_listed)] = ("count",)
    windows: Annotated[tuple[Written, ...], BeforeValidator(_listed), Field(min_length=1)] = ("all",)
    gap: Duration = "0s"
    id: Filled | None = None
    most: Annotated[int, Field(ge=1, le=1000)] = 50

    @property
    def window_seconds(self) -> Mapping[str, float | None]:
        """How far back each window goes by what it is called; None is however long ago."""
        return {written: None if written == "all" else parse_seconds(written) for written in self.windows}

    @property
    def gap_seconds(self) -> float:
        """How long before the moment a row must have happened."""
        return parse_seconds(self.gap)

    @property
    def count(self) -> int | None:
        """How many columns come of it; None when that depends on the source's."""
        if self.columns is None:
            return None
        return len(self.windows) * (len(self.rows) + sum(len(functions) for functions in self.columns.values()))
