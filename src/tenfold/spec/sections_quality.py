"""The setting ``data.quarantine``: what becomes of rows that break the contract."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from tenfold.spec.section import Section


class QuarantineSection(Section):
    """``keep`` leaves rows that break the contract in the table, ``drop`` takes them out; both list them.

    ``at_most`` is the share of rows that may be taken out; with more the run stops.
    """

    rows: Literal["keep", "drop"] = "keep"
    at_most: float = Field(default=0.1, ge=0.0, le=1.0)


def _quarantine(written: object) -> object:
    """Read ``quarantine: drop`` as ``quarantine: {rows: drop}``."""
    return {"rows": written} if isinstance(written, str) else written


WrittenQuarantine: TypeAlias = Annotated[QuarantineSection, BeforeValidator(_quarantine)]
