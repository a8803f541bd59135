"""Dates and times as people write them: which pattern a column follows, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from tenfold.foundation.errors import DataError

ISO = r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d+)?)?)?\s*(Z|z|UTC|[+-]\d{2}:?\d{2})?$"
_PIECES = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%m": r"\d{1,2}",
    "%d": r"\d{1,2}",
    "%H": r"\d{1,2}",
    "%I": r"\d{1,2}",
    "%M": r"\d{2}",
    "%S": r"\d{2}",
    "%b": r"[A-Za-z]{3}",
    "%B": r"[A-Za-z]{3,9}",
    "%a": r"[A-Za-z]{3}",
    "%p": r"[AaPp][Mm]",
    "%z": r"[+-]\d{2}:?\d{2}",
    "%.f": r"\.\d+",
}
_ORDERS = ("%d-%m-%Y", "%m-%d-%Y", "%Y-%m-%d", "%d-%m-%y", "%m-%d-%y")
_DAYS = (
    *(pattern.replace("-", mark) for mark in "/.-" for pattern in _ORDERS),
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%B %d %Y",
    "%Y %b", "%Y %B", "%b %Y", "%B %Y", "%Y-%m", "%Y/%m", "%m/%Y", "%a, %d %b %Y", "%Y-%b-%d",
)  # fmt: skip
_HOURS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M", "T%H:%M:%S",
          " %H:%M:%S %z", ":%H:%M:%S %z")  # fmt: skip


# What a number counts, by the name of the format: how many microseconds are one, and where it begins.
COUNTED: Mapping[str, tuple[float, datetime]] = {
    "epoch seconds": (1e6, datetime(1970, 1, 1)),  # noqa: DTZ001  # the zone is the field's
    "epoch milliseconds": (1e3, datetime(1970, 1, 1)),  # noqa: DTZ001  # likewise
    "epoch microseconds": (1.0, datetime(1970, 1, 1)),  # noqa: DTZ001  # likewise
    # Excel holds 1900 for a leap year, so that its first of March is day 61.
    "excel days": (86_400e6, datetime(1899, 12, 30)),  # noqa: DTZ001  # likewise
}
_TIMELY = frozenset(
    {
        "time", "date", "datetime", "timestamp", "ts", "epoch", "at", "created", "updated", "modified", "when",
        "unixtime", "unix", "datum", "dt", "tstamp", "moment", "zeit",
    }
)  # fmt: skip
_DATED = frozenset({"date", "datum", "datetime", "dt", "day", "tag"})
# From 1980 to 2100, and for Excel from 1980 to 2078.
_SPANS = (
    ("epoch seconds", 315_532_800.0, 4_102_444_800.0, _TIMELY),
    ("epoch milliseconds", 315_532_800e3, 4_102_444_800e3, _TIMELY),
    ("epoch microseconds", 315_532_800e6, 4_102_444_800e6, _TIMELY),
    ("excel days", 29_221.0, 65_380.0, _DATED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentFormat:
    """A pattern that every value follows; ``pattern`` None is ISO 8601. ``note`` says what was not certain."""

    pattern: str | None
    note: str = ""


def find_format(values: pl.Series) -> MomentFormat | None:
    """Return the pattern that all of some distinct strings follow, or None.

    Parameters
    ----------
    values : polars.Series of strings
        Distinct, stripped, without missing markers, in the order of their first occurrence.
    """
    if values.is_empty():
        return None
    if _all(values.str.contains(ISO)) and _all(read_text(values, None, None).is_not_null()):
        return MomentFormat(pattern=None)
    few = values.head(20).to_list()
    if not all(any(sign.isdigit() for sign in value) and len(value) <= 40 for value in few):
        return None
    fitting = [
        pattern
        for pattern in _candidates(few[0])
        if all(_regex(pattern).match(value) for value in few) and _all(read_text(values, pattern, None).is_not_null())
    ]
    if not fitting:
        return None
    return _day_or_month_first(values, fitting)


def _candidates(value: str) -> list[str]:
    """Return the patterns whose day a value begins with: compiling all of them would cost more than the reading."""
    days = [day for day in _DAYS if re.match(_regex(day).pattern.removesuffix("$"), value)]
    return [day + hour for day in days for hour in _HOURS]


def looks_compact(values: pl.Series, name: str) -> bool:
    """Whether digits such as ``20240131`` in a column with a date-like name are dates."""
    if not re.search(r"date|day|_dt$|^dt_|datum", name, re.IGNORECASE):
        return False
    if not _all(values.str.contains(r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$")):
        return False
    return _all(read_text(values, "%Y%m%d", None).is_not_null())


def words_of(name: str) -> frozenset[str]:
    """Return the words of a column's name, in small letters: those of ``createdAt`` are ``created`` and ``at``."""
    return frozenset(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower().replace("_", " ").split()) | frozenset(
        re.findall(r"[a-z]+", name.lower())
    )


def what_counts(numbers: pl.Series, name: str) -> str | None:
    """Return as what numbers count time, such as ``epoch seconds``; None where they do not seem to.

    The name must speak of a time, and every number must lie between 1980 and 2100.
    """
    low, high = numbers.min(), numbers.max()
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return None
    words = words_of(name)
    for counts, first, last, named in _SPANS:
        if first <= low and high <= last and words & named:
            whole = bool((numbers == numbers.floor()).all()) if numbers.dtype.is_float() else True
            return counts if whole or counts == "excel days" else None
    return None


def counted(numbers: pl.Expr, counts: str | None, timezone: str | None) -> pl.Expr:
    """Return the expression that reads numbers as the moments that they count up to.

    Seconds of the epoch are counted in UTC; Excel's days in the zone.
    """
    length, begin = COUNTED[counts or "epoch seconds"]
    moment = pl.lit(begin, pl.Datetime("us")) + (numbers * length).round().cast(pl.Int64).cast(pl.Duration("us"))
    return in_utc(moment, timezone if counts == "excel days" else None)


def read_text(values: pl.Series, pattern: str | None, timezone: str | None) -> pl.Series:
    """Return moments in UTC from strings; null where a string does not follow the pattern."""
    return values.alias("value").to_frame().select(moments(pl.col("value"), pattern, timezone).alias("value"))["value"]


def moments(text: pl.Expr, pattern: str | None, timezone: str | None) -> pl.Expr:
    """Return the expression that reads strings as moments in UTC, in microseconds.

    Parameters
    ----------
    text : polars.Expr
        Stripped strings, missing ones null.
    pattern : str or None
        strptime pattern; None reads ISO 8601 with or without an offset.
    timezone : str or None
        Zone of the times that have no offset; None is UTC.
    """
    if pattern is None:
        return _iso_moments(text, timezone)
    if pattern in COUNTED:
        return counted(text.cast(pl.Float64, strict=False), pattern, timezone)
    # A pattern without a day means the first of the month.
    day = "" if "%d" in pattern else " 01"
    followed = pl.when(text.str.contains(_regex(pattern).pattern)).then(text)
    read = (followed + day).str.to_datetime(
        pattern + (" %d" if day else ""), strict=False, time_unit="us", ambiguous="earliest"
    )
    return read.dt.convert_time_zone("UTC") if "%z" in pattern else in_utc(read, timezone)


def check_zone(timezone: str | None) -> None:
    """Say so when a time zone does not exist.

    Raises
    ------
    DataError
        When the name is not that of a zone.
    """
    try:
        ZoneInfo(timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise DataError(f"'{timezone}' is not a time zone; write a name such as Europe/Berlin") from error


def in_utc(local: pl.Expr, timezone: str | None) -> pl.Expr:
    """Return wall-clock times of a zone as moments in UTC.

    An hour that the clock showed twice is taken as the first; one that it skipped is moved by what it skipped.
    """
    if timezone is None or timezone == "UTC":
        return local.dt.replace_time_zone("UTC")
    placed = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    an_hour_earlier = local.dt.offset_by("-1h").dt.replace_time_zone(
        timezone, ambiguous="earliest", non_existent="null"
    )
    return pl.coalesce(placed, an_hour_earlier.dt.offset_by("1h")).dt.convert_time_zone("UTC")


def _iso_moments(text: pl.Expr, timezone: str | None) -> pl.Expr:
    # One spelling first: a T between day and hour, Z for UTC, no blank before the offset.
    plain = (
        pl.when(text.str.contains(ISO))
        .then(text)
        .str.replace(r"^(.{10}) ", "${1}T")
        .str.replace(r"(?:UTC|z)$", "Z")
        .str.replace_all(" ", "", literal=True)
    )
    local = pl.coalesce(
        plain.str.to_datetime(pattern, strict=False, time_unit="us")
        for pattern in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d", "%Y-%m-%dT%H:%M")
    )
    placed = pl.coalesce(
        plain.str.to_datetime(pattern, strict=False, time_unit="us").dt.convert_time_zone("UTC")
        for pattern in ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
    )
    return pl.coalesce(placed, in_utc(local, timezone))


def _day_or_month_first(values: pl.Series, fitting: Sequence[str]) -> MomentFormat:
    pattern = fitting[0]
    swapped = pattern.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    short = "; years of two digits: 69 to 99 are 19xx, 00 to 68 are 20xx" if "%y" in pattern else ""
    if swapped == pattern or swapped not in fitting:
        return MomentFormat(pattern=pattern, note=short.removeprefix("; "))
    day_first, month_first = (pattern, swapped) if pattern.index("%d") < pattern.index("%m") else (swapped, pattern)
    chosen, why = day_first, "the day is taken to come first"
    if _disorder(values, month_first) < _disorder(values, day_first):
        chosen, why = month_first, "the month is taken to come first, as then the rows are in better order"
    elif _disorder(values, month_first) > _disorder(values, day_first):
        why = "the day is taken to come first, as then the rows are in better order"
    return MomentFormat(pattern=chosen, note=f"day and month cannot be told apart: {why}{short}")


def _disorder(values: pl.Series, pattern: str) -> float:
    """Return how far a column goes back and forth: the sum of its steps over its span; 1 when it is sorted."""
    read = read_text(values, pattern, None).dt.epoch("s").cast(pl.Float64)
    steps = read.diff().abs().sum()
    low, high = read.min(), read.max()
    span = float(high) - float(low) if isinstance(low, float) and isinstance(high, float) else 0.0
    return round(float(steps or 0.0) / span, 6) if span > 0 else 1.0


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"(%\.f|%[A-Za-z])", pattern)
    return re.compile("^" + "".join(_PIECES.get(piece) or re.escape(piece) for piece in pieces) + "$")


def _all(flags: pl.Series) -> bool:
    return bool(flags.all())
