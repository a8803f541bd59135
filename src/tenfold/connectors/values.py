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


def is_number(text: str) -> bool:
    """Whether ``text`` is written like a number, in any common style."""
    return bool(_NUMBER.match(text.strip()))


def is_date(text: str) -> bool:
    """Whether ``text`` is written like a date in digits."""
    return bool(_DATE.match(text.strip()))


def is_marker(text: str) -> bool:
    """Whether ``text`` is a well-known way to write that a value is missing, in any company."""
    return text.strip() in ALWAYS_MISSING
