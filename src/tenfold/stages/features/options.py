"""What the file's ``features`` section says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOptions:
    """Which features are built.

    Attributes
    ----------
    dates : bool
        Whether times become their parts (hour, weekday, season, days gone by); else they are left out.
    lags : mapping from column to tuple
        How far back, in rows of the entity (1, 2, ...) or in time (``7d``).
    select : str
        ``auto`` leaves out columns that cannot tell anything (constant, a copy of another, nearly every value its own);
        ``off`` uses every feature.
    allow : tuple of str
        Columns that may look like leaks: the user said that they are known in time.
    timezone : str or None
        The project's zone, for times whose source names none; None is UTC.
    """

    dates: bool = True
    lags: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    select: Literal["auto", "off"] = "auto"
    allow: tuple[str, ...] = ()
    timezone: str | None = None
