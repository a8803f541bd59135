"""One value as a caller sends it, to the value that the canonical table would hold; or why it cannot be read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from tenfold.foundation.errors import InputError
from tenfold.foundation.personal import hide_number, hide_value, mask_personal
from tenfold.records.dataset import Field, Kind

Value = float | str | bool | datetime | None

BLANKS = "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace())
"""Every sign that counts as blank, named so that one value and a column of them are stripped alike."""

_LONGEST_SHOWN = 40
_NONE_PERSONAL = frozenset({"", "codes"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(?:\.(\d{1,6})\d*)?)?\s*(Z|z|UTC|[+-]\d{2}:?\d{2})?", re.ASCII
)
_LARGEST_WHOLE = 2.0**63
_PADDED = re.compile(r"[+-]?0\d+", re.ASCII)
# Seconds of the epoch are counted in UTC, Excel's days in the zone of the column.
_COUNTED: Mapping[str, tuple[float, datetime]] = {
    "epoch seconds": (1e6, datetime(1970, 1, 1, tzinfo=UTC)),
    "epoch milliseconds": (1e3, datetime(1970, 1, 1, tzinfo=UTC)),
    "epoch microseconds": (1.0, datetime(1970, 1, 1, tzinfo=UTC)),
    "excel days": (86_400e6, datetime(1899, 12, 30)),  # noqa: DTZ001  # its zone is the field's
}


class Unreadable(InputError):
    """A value that its column cannot hold; the message says what was found and what is needed."""


def canonical_value(field: Field, value: object) -> Value:
    """Return ``value`` as a column of the canonical table would hold it; missing is None.

    None, NaN, pandas' missing values, the empty string and the column's missing markers are missing. Numbers written as
    text are read as the column writes them; whole numbers stand for floats; a category given as a number is its text
    without a trailing ``.0``. Infinity is refused: it is neither a quantity nor missing.

    Raises
    ------
    Unreadable
        When the value is of another nature: a word for a number, a list, a number for a time.
    """
    if isinstance(value, str):
        text = value.strip(BLANKS)
        if not text or text in field.missing_markers:
            return None
        return _FROM_TEXT[field.kind](field, text)
    if isinstance(value, np.generic):
        value = _from_numpy(value)
    if value is None or _is_missing(value):
        return None
    return _FROM_TYPED[field.kind](field, value)


@cache
def zone_called(name: str | None) -> ZoneInfo:
    """Return the time zone of this name; None is UTC.

    Raises
    ------
    InputError
        When there is none.
    """
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(f"'{name}' is not a time zone: write a name such as Europe/Paris or UTC") from error


def words_of_number(value: float) -> str:
    """Return a number as the text of a category: whole ones without ``.0``."""
    if value == math.floor(value) and abs(value) < _LARGEST_WHOLE:
        return str(int(value))
    return repr(value)


def _is_missing(value: object) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    # pandas marks missing values by objects of its own, which compare to nothing; they are known without importing it.
    return type(value).__name__ in {"NAType", "NaTType"}


def _from_numpy(value: np.generic) -> object:
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else value.astype("datetime64[us]").item()
    return value.item()


def _refused(found: object, needed: str) -> Unreadable:
    # What is refused is told, and what is told is kept: in a log, a ticket, somebody's terminal.
    shown = mask_personal(repr(found))
    if len(shown) > _LONGEST_SHOWN:
        shown = shown[:_LONGEST_SHOWN] + "..."
    return Unreadable(f"{_nature(found)} {shown} where {needed} is needed")


def _nature(value: object) -> str:
    if isinstance(value, str):
        return "the text"
    if isinstance(value, bool):
        return "the truth value"
    if isinstance(value, int | float | Decimal):
        return "the number"
    return f"a value of type {type(value).__name__},"


def _finite(value: float, found: object) -> float:
    if not math.isfinite(value):
        raise _refused(found, "a finite number (or none at all)")
    return value


def _number_from_text(field: Field, text: str) -> float | None:
    plain = _bare(field, text) if field.unit or field.brackets else text
    if not field.padded and _PADDED.fullmatch(text):
        raise _refused(text, "a number without leading zeros")
    if (field.thousands or field.decimal_comma) and _pattern(field.thousands, field.decimal_comma).fullmatch(
        plain
    ) is None:
        # Marks stand between groups of three, or the text means something else: 1.5 is not 15, 31.12.25 no number.
        raise _refused(text, "a number")
    if field.thousands:
        for mark in (" ", "\u00a0", "\u202f") if field.thousands == " " else (field.thousands,):
            plain = plain.replace(mark, "")
    if field.decimal_comma:
        plain = plain.replace(",", ".")
    if _NUMBER.fullmatch(plain) is None:
        raise _refused(text, "a number")
    number = _finite(float(plain), text)
    return None if field.personal and hide_number(number) != number else number


def _bare(field: Field, text: str) -> str:
    """Return a number without the sign of what it counts, and with a minus instead of brackets."""
    if field.brackets:
        text = re.sub(r"^\(\s*([^()]+?)\s*\)$", r"-\1", text)
    if field.unit:
        sign = f"(?i:{re.escape(field.unit)})"
        text = re.sub(rf"^([+-]?)[ \u00a0]?{sign}[ \u00a0]?([+-]?[0-9.,])", r"\1\2", text)
        text = re.sub(rf"^([+-]?[0-9.,].*?)[ \u00a0\u202f]?{sign}$", r"\1", text)
    return text


@cache
def _pattern(thousands: str, decimal_comma: bool) -> re.Pattern[str]:
    mark = "[ \u00a0\u202f]" if thousands == " " else re.escape(thousands)
    point = "," if decimal_comma else r"\."
    whole = rf"(?:[1-9]\d{{0,2}}(?:{mark}\d{{3}})+|\d+)" if thousands else r"\d+"
    return re.compile(rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def _number(field: Field, value: object) -> float | None:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            number = _finite(float(value), value)
        except OverflowError as error:
            raise _refused(value, "a number of ordinary size") from error
        return None if field.personal and hide_number(number) != number else number
    raise _refused(value, "a number")


def _truth_from_text(field: Field, text: str) -> bool:
    del field
    lower = text.lower()
    if lower in {"true", "false"}:
        return lower == "true"
    raise _refused(text, "true or false")


def _truth(field: Field, value: object) -> bool:
    del field
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    raise _refused(value, "true or false")


def _words_from_text(field: Field, text: str) -> str:
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        raise _refused(text, "text in valid Unicode")
    return text if field.personal in _NONE_PERSONAL else without_personal(field, text)


def without_personal(field: Field, text: str) -> str:
    """Return a word or a text as a column that was found to hold personal data keeps it."""
    return mask_personal(text) if field.kind == "text" else hide_value(text)


def _words(field: Field, value: object) -> str | None:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif field.padded and isinstance(value, int | float):
        raise _refused(value, "a text with the leading zeros that the column's values have")
    elif isinstance(value, int):
        text = str(value)
    elif isinstance(value, float):
        text = words_of_number(_finite(value, value))
    else:
        raise _refused(value, "a text")
    if text in field.missing_markers:
        return None
    return text if field.personal in _NONE_PERSONAL else without_personal(field, text)


def _moment_from_text(field: Field, text: str) -> datetime:
    if field.datetime_format in _COUNTED:
        if _NUMBER.fullmatch(text) is None:
            raise _refused(text, f"a number of {field.datetime_format}")
        return _counted(field, float(text))
    moment = _iso(text) if field.datetime_format is None else _by_pattern(field.datetime_format, text)
    if moment is None:
        written = (
            "ISO 8601 (2026-01-31 or 2026-01-31T18:00:00+01:00)"
            if field.datetime_format is None
            else (f"'{field.datetime_format}'")
        )
        raise _refused(text, f"a time written as {written}")
    return _in_utc(field, moment)


def _moment(field: Field, value: object) -> datetime:
    if isinstance(value, datetime):
        # pandas' own moments are datetimes with nanoseconds, which the table does not hold.
        exact = datetime(
            value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.tzinfo
        )
        return _in_utc(field, exact)
    if isinstance(value, date):
        return _in_utc(field, datetime(value.year, value.month, value.day))  # noqa: DTZ001  # its zone is the field's
    if field.datetime_format in _COUNTED and isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _counted(field, float(value))
    raise _refused(value, "a time")


def _counted(field: Field, number: float) -> datetime:
    """Return the moment that a number counts up to."""
    length, begin = _COUNTED[field.datetime_format or ""]
    try:
        moment = begin + timedelta(microseconds=round(number * length))
    except (OverflowError, ValueError) as error:
        raise _refused(number, "a time between the years 1 and 9999") from error
    return _in_utc(field, moment)


def _in_utc(field: Field, moment: datetime) -> datetime:
    """Return a moment in UTC; a wall-clock time that occurs twice is the first, a skipped one is moved by what was."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_called(field.timezone), fold=0)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise _refused(moment.isoformat(), "a time between the years 1 and 9999") from error


def _iso(text: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    day, clock, seconds, fraction, offset = match.groups()
    zone = "" if offset is None else "+00:00" if offset[0] not in "+-" else offset
    try:
        return datetime.fromisoformat(
            f"{day}T{clock or '00:00'}{seconds or ':00'}.{(fraction or '0').ljust(6, '0')}{zone}"
        )
    except ValueError:
        return None


def _by_pattern(pattern: str, text: str) -> datetime | None:
    # Patterns are written for polars, whose %.f is a point and a fraction; a pattern without a day means the first.
    pattern, fraction, rest = pattern.partition("%.f")
    if fraction:
        pattern = f"{pattern}.%f{rest}"
    try:
        return datetime.strptime(text, pattern)  # noqa: DTZ007  # its zone is the field's
    except ValueError:
        return None


_FROM_TEXT: Mapping[Kind, Callable[[Field, str], Value]] = {
    "numeric": _number_from_text,
    "boolean": _truth_from_text,
    "categorical": _words_from_text,
    "text": _words_from_text,
    "datetime": _moment_from_text,
}
_FROM_TYPED: Mapping[Kind, Callable[[Field, object], Value]] = {
    "numeric": _number,
    "boolean": _truth,
    "categorical": _words,
    "text": _words,
    "datetime": _moment,
}
