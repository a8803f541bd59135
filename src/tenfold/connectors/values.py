"""What single strings look like: numbers, dates, markers of something missing."""

from __future__ import annotations

import re

_NUMBER = re.compile(
    r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$|^[+-]?\d{1,3}(?:[,.' \u00a0\u202f]\d{3})*(?:[,.]\d+)?$|^[+-]?\d+,\d+$"
)
_DATE = re.compile(
    r"^\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?(?:[T ]\d{1,2}:\d{2}.*)?$"
    r"|^\d{1,2}[-/.]\d{1,2}[-/.](?:\d{2}|\d{4})(?:[T ,]+\d{1,2}:\d{2}.*)?$"
)

# Never a value of their own, whatever else the column holds.
# As machines write it: 'Nan' and 'Null' are names that people bear.
ALWAYS_MISSING = frozenset(
    {"?", "NA", "N/A", "n/a", "#N/A", "nan", "NaN", "NAN", "null", "NULL", "<NA>", "(null)", "\\N"}
)
# Missing where the rest of the column is numbers, times or truth values, in any case;
# a word like any other among words.
MISSING_AMONG_OTHERS = frozenset(
    {
        "?", "na", "n/a", "#n/a", "nan", "null", "<na>", "(null)", "\\n", "-", "--", "---", ".", "..", "...", "*", "**",
        "none", "nil", "missing", "unknown", "undefined", "not available", "n.a.", "n.d.", "nd", "tbd", "k.a.", "s/o",
        "#value!", "#div/0!", "#ref!", "#num!", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "-nan",
        "nat", "not a number",
    }
)  # fmt: skip


UNITS = ("US$", "R$", "CHF", "EUR", "USD", "GBP", "kr", "Rs", "zł", "$", "€", "£", "¥", "₹", "₽", "₩", "%", "‰")
"""Signs beside a number that say what it counts, and change nothing in it."""
_SIGNS = "|".join(re.escape(unit) for unit in UNITS)
_BRACKETED = re.compile(r"^\((?P<inside>[^()]+)\)$")
_UNIT_BEFORE = re.compile(rf"^(?P<sign>[+-]?)[ \u00a0]?(?:{_SIGNS})[ \u00a0]?(?P<number>[+-]?[\d.,].*)$", re.IGNORECASE)
_UNIT_AFTER = re.compile(rf"^(?P<number>[+-]?[\d.,].*?)[ \u00a0\u202f]?(?:{_SIGNS})$", re.IGNORECASE)


def is_number(text: str) -> bool:
    """Whether ``text`` is written like a number, in any common style, with a currency or percent sign or without."""
    return bool(_NUMBER.match(bare_number(text)))


def bare_number(text: str) -> str:
    """Return a number without its currency or percent sign and without brackets that say minus."""
    bare = text.strip()
    if match := _BRACKETED.match(bare):
        bare = "-" + match["inside"].strip()
    if match := _UNIT_BEFORE.match(bare):
        bare = match["sign"] + match["number"]
    if match := _UNIT_AFTER.match(bare):
        bare = match["number"]
    return bare


def number_in(text: str) -> float | None:
    """Return the number that is written, thousands separators left out; None where there is none."""
    bare = bare_number(text)
    if not _NUMBER.match(bare):
        return None
    plain = re.sub(r"[ \u00a0\u202f']", "", bare)
    if re.fullmatch(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?|[+-]?\d+,\d{1,2}", plain):
        plain = plain.replace(".", "").replace(",", ".")
    return float(plain.replace(",", ""))


def is_date(text: str) -> bool:
    """Whether ``text`` is written like a date in digits."""
    return bool(_DATE.match(text.strip()))


def is_marker(text: str) -> bool:
    """Whether ``text`` is a well-known way to write that a value is missing, in any company."""
    return text.strip() in ALWAYS_MISSING
