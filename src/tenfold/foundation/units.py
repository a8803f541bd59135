"""Durations, sizes and other quantities as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

from tenfold.foundation.errors import InputError

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)\s*$")


def parse_seconds(text: str) -> float:
    """Return the seconds in ``text``: ``90s``, ``5m``, ``1h``, ``7d``.

    Raises
    ------
    InputError
        When ``text`` is not a number followed by one of ms, s, m, h, d, w.
    """
    match = _DURATION.match(text)
    if match is None:
        raise InputError(f"'{text}' is not a duration: write a number and a unit, such as 90s, 5m, 1h or 7d")
    return float(match[1]) * _SECONDS[match[2]]


def parse_duration(text: str) -> timedelta:
    """Return the duration in ``text`` as a timedelta."""
    return timedelta(seconds=parse_seconds(text))


def format_seconds(seconds: float) -> str:
    """Return seconds for a person: ``0.4 s``, ``12 s``, ``3 m 05 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m"
