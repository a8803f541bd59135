"""The sections of ``tenfold.yaml`` that say where rows lie, and what of them was known when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from tenfold.foundation.units import parse_seconds
from tenfold.spec.section import Duration, Filled, Identifier, Section, Written
from tenfold.spec.sections_aggregate import AggregateSection


def _delimiter(text: str) -> str:
    if text == "tab":
        return "\t"
    if len(text) != 1:
        raise PydanticCustomError("character", "must be one character, or tab")
    return text


Delimiter: TypeAlias = Annotated[str, AfterValidator(_delimiter)]


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PydanticCustomError("names", "names '{name}' twice", {"name": twice})
    return names


def _host(text: str) -> str:
    name = text.removeprefix("*.")
    if not name or any(mark in name for mark in "/:@*? "):
        raise PydanticCustomError("host", "must be the name of a host such as data.example.org, or *.example.org")
    return text


Host: TypeAlias = Annotated[Filled, AfterValidator(_host)]
"""The name of a host, without scheme and port; ``*.`` before it stands for its subdomains."""


class SourceSection(Section):
    """One source: a file, a folder or a function (``path``), or a database, bucket, web address or stream (``url``)."""

    path: Written | None = None
    url: Written | None = None
    table: Filled | None = None
    query: Filled | None = None
    time: Filled | None = None
    available: Duration | None = None
    available_at: Filled | None = None
    valid_from: Filled | None = None
    valid_to: Filled | None = None
    since: Filled | None = None
    until: Filled | None = None
    endpoint: Written | None = None
    format: (
        Literal["csv", "parquet", "json", "arrow", "excel", "sqlite", "duckdb", "delta", "images", "audio"] | None
    ) = None
    delimiter: Delimiter | None = None
    quote: bool | None = None
    header: bool | None = None
    encoding: Filled | None = None
    header_rows: Annotated[int, Field(ge=0, le=5)] | None = None
    names: Annotated[tuple[Filled, ...], AfterValidator(_different)] | None = None
    skip: Annotated[int, Field(ge=0)] | None = None
    footer: Annotated[int, Field(ge=0)] | None = None
    comment: Annotated[str, Field(min_length=1, max_length=4)] | None = None
    nested: Literal["columns", "text"] = "columns"

    @property
    def available_seconds(self) -> float | None:
        """How long after ``time`` a row is known; None when it is known at once."""
        return None if self.available is None else parse_seconds(self.available)


def _keys(written: object) -> object:
    """Read one column, or a list of columns, as columns that are called alike on both sides."""
    names = [written] if isinstance(written, str) else written
    return {name: name for name in names} if isinstance(names, list | tuple) else names


class InnerSource(Section):
    """What of a source joins: by which columns (base: source), which of its columns, and how old they may be.

    ``source`` is the source, where it joins under another name: a second time. ``aggregate`` computes over all rows
    instead of taking the last.
    """

    source: Identifier | None = None
    on: Annotated[Mapping[Filled, Filled], BeforeValidator(_keys)] = Field(min_length=1)
    columns: tuple[Filled, ...] | None = None
    oldest: Duration | None = None
    age: bool = False
    aggregate: AggregateSection | None = None

    @property
    def oldest_seconds(self) -> float | None:
        """How long before the moment a row may have happened; None when it may be of any age."""
        return None if self.oldest is None else parse_seconds(self.oldest)


class JoinedSource(InnerSource):
    """A source that joins the base; ``sources`` are put beside its rows before these are aggregated."""

    sources: Mapping[Identifier, InnerSource] = Field(default_factory=dict)


class JoinSection(Section):
    """Sources put beside the rows of one of them, each as it was known just before the moment of prediction."""

    base: Identifier
    at: Filled | None = None
    sources: Mapping[Identifier, JoinedSource] = Field(min_length=1)
