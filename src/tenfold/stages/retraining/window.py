"""What retraining needs to know of a window of production time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One window as the monitors left it.

    Attributes
    ----------
    key : str
        Names the window, the same at every pass.
    broken : tuple of str
        Why its rows cannot be trusted: an input that is missing throughout, a frozen feed.
    silence : str
        That far fewer rows arrived than were expected, or none; empty otherwise.
    drifted : tuple of (str, float)
        Columns that moved, with their distance, the farthest first.
    failed : tuple of str
        Live requirements (must) that failed on it, each with its value as a person reads it.
    harmful : bool
        The model does worse than using none.
    quality : float or None
        The main metric on its labelled rows.
    champion : str
        The version that predicted it.
    """

    key: str
    start: datetime
    end: datetime
    rows: int = 0
    labelled: int = 0
    broken: tuple[str, ...] = ()
    drifted: tuple[tuple[str, float], ...] = ()
    failed: tuple[str, ...] = ()
    harmful: bool = False
    quality: float | None = None
    champion: str = ""
    silence: str = ""
