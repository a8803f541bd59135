"""What the columns of a source are: kinds, missing markers, number and time formats, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from tenfold.connectors.canonical import bare, canonical, number_pattern, stripped
from tenfold.connectors.moments import check_zone, find_format, looks_compact, what_counts
from tenfold.connectors.values import ALWAYS_MISSING, MISSING_AMONG_OTHERS, UNITS, is_date, is_number
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.personal import mask_personal
from tenfold.records.dataset import Field, Kind

LEVELS_LISTED = 1000
# Whole numbers beyond this are not told apart as floats: codes, not quantities.
_LARGEST_EXACT = 2**53
_STYLES = (
    (False, ""), (False, ","), (True, ""), (True, "."), (True, " "), (False, " "), (False, "'"), (True, "'"),
)  # fmt: skip
_LONG_TEXT = 30
_VERY_LONG_TEXT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOverride:
    """What the user said about a column; None is inferred.

    ``missing`` are the strings that mean missing, instead of those found.
    """

    kind: Kind | None = None
    missing: tuple[str, ...] | None = None
    datetime_format: str | None = None
    timezone: str | None = None
    decimal_comma: bool | None = None


def infer_fields(
    sample: pl.DataFrame,
    *,
    overrides: Mapping[str, FieldOverride] | None = None,
    timezone: str | None = None,
    typed: bool = False,
) -> tuple[tuple[Field, str], ...]:
    """Infer what each column is, with a sentence that says why.

    Parameters
    ----------
    sample : polars.DataFrame
        Strings as a text source holds them, or typed columns as Parquet and databases do.
    overrides : mapping of column name to FieldOverride
        What the user declared.
    timezone : str or None
        The project's zone, for times written without an offset.
    typed : bool
        Strings are words even where they look like numbers or times.

    Raises
    ------
    DataError
        When an override names a column that does not exist.
    """
    overrides = overrides or {}
    check_zone(timezone)
    for name, override in overrides.items():
        check_zone(override.timezone)
        if name not in sample.columns:
            raise DataError(f"'{name}' is declared but is not a column.{did_you_mean(name, sample.columns)}")
    if typed:
        return tuple(_as_typed(sample[name], overrides.get(name), timezone) for name in sample.columns)
    comma = any(override.decimal_comma for override in overrides.values())
    first = {name: infer_column(sample[name], overrides.get(name), timezone, comma=comma) for name in sample.columns}
    if not comma and any(field.decimal_comma for field, _ in first.values()):
        # Where one column proves a decimal comma, '1.234' in another is a thousand.
        first = {name: infer_column(sample[name], overrides.get(name), timezone, comma=True) for name in sample.columns}
    return tuple(first.values())


def infer_column(
    values: pl.Series, override: FieldOverride | None, timezone: str | None, *, comma: bool = False
) -> tuple[Field, str]:
    """Infer what one column is. ``comma``: another column of the same file is written with decimal commas."""
    override = override or FieldOverride()
    zone = override.timezone or timezone
    if override.kind is None and override.datetime_format is not None:
        override = replace(override, kind="datetime")
    if override.kind is not None:
        return _declared(values, override, zone, comma=comma)
    dtype = values.dtype
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null):
        field, reason = _from_text(values.cast(pl.String), override, zone, comma=comma)
    else:
        field, reason = _from_type(values, zone)
        field = replace(field, missing_markers=override.missing or ())
    return field, reason


def _as_typed(values: pl.Series, override: FieldOverride | None, timezone: str | None) -> tuple[Field, str]:
    textual = isinstance(values.dtype, pl.String)
    if not textual or (override is not None and override.kind is not None):
        return infer_column(values, override, timezone)
    words = values.str.strip_chars().drop_nulls()
    kind, reason = _words_or_text(words)
    markers = override.missing or () if override else ()
    return Field(name=values.name, kind=kind, missing_markers=markers, padded=_padded(words)), reason


def is_readable(dtype: pl.DataType) -> bool:
    """Whether columns of a type can become fields; lists, structures and bytes cannot."""
    textual = isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)
    return textual or dtype.is_numeric() or dtype.is_temporal() or isinstance(dtype, pl.Boolean)


def _from_type(values: pl.Series, zone: str | None) -> tuple[Field, str]:
    name, dtype = values.name, values.dtype
    if isinstance(dtype, pl.Boolean):
        return Field(name=name, kind="boolean"), "true or false at the source"
    if isinstance(dtype, pl.Date | pl.Datetime):
        return Field(name=name, kind="datetime", timezone=zone), f"{_type_name(dtype)} at the source"
    if isinstance(dtype, pl.Duration):
        return Field(name=name, kind="numeric"), "a duration at the source, read as seconds"
    if dtype.is_integer():
        if counts := what_counts(values, name):
            return Field(name=name, kind="datetime", datetime_format=counts, timezone=zone), _counting(counts)
        low, high = values.min(), values.max()
        if isinstance(low, int) and isinstance(high, int) and max(-low, high) > _LARGEST_EXACT:
            return Field(name=name, kind="categorical"), "whole numbers too long for a quantity: codes"
        return Field(name=name, kind="numeric", integer=True), "whole numbers at the source"
    if dtype.is_numeric():
        finite = values.cast(pl.Float64).drop_nulls()
        finite = finite.filter(finite.is_finite())
        whole = not finite.is_empty() and bool((finite == finite.floor()).all())
        infinite = values.is_infinite().sum() if dtype.is_float() else 0
        reason = "numbers at the source" + ("; infinite ones mean missing" if infinite else "")
        return Field(name=name, kind="numeric", integer=whole), reason
    return Field(name=name, kind="categorical"), f"{_type_name(dtype)} at the source, read as words"


def _from_text(values: pl.Series, override: FieldOverride, zone: str | None, *, comma: bool) -> tuple[Field, str]:
    name = values.name
    declared = override.missing or ()
    text = values.to_frame().select(stripped(name, declared))[name].drop_nulls()
    distinct = text.unique(maintain_order=True)
    lower = distinct.str.to_lowercase()
    always = distinct.filter(distinct.is_in(sorted(ALWAYS_MISSING)))
    marked = distinct.filter(lower.is_in(sorted(MISSING_AMONG_OTHERS)))
    if override.missing is not None:
        always = marked = distinct.clear()
    rest = distinct.filter(~distinct.is_in(marked.implode()))
    if rest.is_empty() and not always.is_empty():
        return Field(
            name=name, kind="categorical", missing_markers=_markers(declared, always)
        ), "every value is missing"
    if distinct.is_empty():
        return Field(name=name, kind="categorical", missing_markers=tuple(declared)), "every value is missing"

    found = _truth(name, rest) or _moment_digits(name, rest, zone) or _number(name, rest, comma=comma)
    found = found or _moment(name, rest, zone)
    if found is not None:
        field, reason = found
        return replace(field, missing_markers=_markers(declared, marked)), reason + _marked(marked)
    if _are_letter_codes(distinct, always):
        always = always.clear()
    words = text.filter(~text.is_in(always.implode()))
    kind, reason = _words_or_text(words)
    markers = _markers(declared, always)
    field = Field(name=name, kind=kind, missing_markers=markers, padded=_padded(words))
    return field, reason + _near_miss(words) + _marked(always)


def _padded(words: pl.Series) -> bool:
    return bool(words.str.contains(r"^[+-]?0\d+$").any())


def _truth(name: str, distinct: pl.Series) -> tuple[Field, str] | None:
    if len(distinct) > 4 or not set(distinct.str.to_lowercase().to_list()) <= {"true", "false"} or distinct.is_empty():
        return None
    return Field(name=name, kind="boolean"), "true or false"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """How the numbers of a column are written."""

    decimal_comma: bool = False
    thousands: str = ""
    unit: str = ""
    brackets: bool = False

    @property
    def told(self) -> str:
        """What a person should know of it."""
        said = ""
        if self.unit in {"%", "‰"}:
            said += f" with '{self.unit}', read as written: '12{self.unit}' is 12"
        elif self.unit:
            said += f" with '{self.unit}', which is left out"
        if self.brackets:
            said += ", those in brackets negative"
        if self.thousands:
            said += f" with '{self.thousands}' between the thousands"
        if self.decimal_comma:
            said += " with a decimal comma"
        return said


def _how_written(distinct: pl.Series, *, comma: bool) -> _Written | None:
    """Return how a column in which every value is a number is written; None where not every one is."""
    style = _style(distinct, comma=comma)
    if style is not None:
        return _Written(decimal_comma=style[0], thousands=style[1])
    few = distinct.head(20).to_list()
    if not few or not all(is_number(value) for value in few):
        return None
    brackets = bool(distinct.str.contains(r"^\(.*\)$").any())
    signs = "|".join(re.escape(unit) for unit in UNITS)
    found = distinct.str.extract(rf"(?i)^\(?[+-]?\s*({signs})").fill_null(
        distinct.str.extract(rf"(?i)[\d.,]\s*({signs})\)?$")
    )
    units = found.drop_nulls().str.to_uppercase().unique().to_list()
    # Two currencies in one column are two columns: their numbers do not compare.
    if len(units) > 1 or not (units or brackets):
        return None
    unit = found.drop_nulls()[0] if units else ""
    plain = distinct.to_frame("value").select(bare(pl.col("value"), unit=unit, brackets=brackets))["value"]
    style = _style(plain, comma=comma)
    if style is None:
        return None
    return _Written(decimal_comma=style[0], thousands=style[1], unit=unit, brackets=brackets)


def _number(name: str, distinct: pl.Series, *, comma: bool) -> tuple[Field, str] | None:
    if distinct.is_empty():
        return None
    written = _how_written(distinct, comma=comma)
    if written is None:
        return None
    if bool(distinct.str.contains(r"^[+-]?0\d+$").any()):
        example = distinct.filter(distinct.str.contains(r"^[+-]?0\d+$"))[0]
        return Field(
            name=name, kind="categorical", padded=True
        ), f"digits with leading zeros such as '{example}': codes, not quantities"
    field = Field(
        name=name,
        kind="numeric",
        decimal_comma=written.decimal_comma,
        thousands=written.thousands,
        unit=written.unit,
        brackets=written.brackets,
    )
    numbers = distinct.to_frame(name).select(canonical(field, pl.String()))[name]
    if bool((distinct.str.contains(r"^[+-]?\d+$") & (numbers.abs() > _LARGEST_EXACT)).any()):
        return Field(name=name, kind="categorical"), "whole numbers too long for a quantity: codes"
    whole = bool((numbers == numbers.floor()).all())
    return replace(field, integer=whole), ("whole numbers" if whole else "numbers") + written.told


def _style(distinct: pl.Series, *, comma: bool) -> tuple[bool, str] | None:
    """Return (decimal comma, thousands separator) of a column in which every value is a number."""
    plain = distinct.cast(pl.Float64, strict=False)
    if bool((plain.is_not_null() & plain.is_finite()).all()):
        grouped = distinct.str.contains(number_pattern(decimal_comma=True, thousands="."))
        if comma and bool(grouped.all()) and bool(distinct.str.contains(".", literal=True).any()):
            return True, "."
        return False, ""
    # Cheap look first: a column of words is told by its first values.
    if not all(re.search(r"\d", value) for value in distinct.head(20).to_list()):
        return None
    fitting = [
        (decimal_comma, thousands)
        for decimal_comma, thousands in _STYLES
        if bool(distinct.str.contains(number_pattern(decimal_comma=decimal_comma, thousands=thousands)).all())
    ]
    if not fitting:
        return None
    if comma:
        return next((style for style in fitting if style[0]), fitting[0])
    return fitting[0]


def _moment_digits(name: str, distinct: pl.Series, zone: str | None) -> tuple[Field, str] | None:
    if distinct.is_empty():
        return None
    if bool(distinct.head(20).str.contains(r"^\d{5,16}(?:\.\d+)?$").all()):
        numbers = distinct.cast(pl.Float64, strict=False)
        if not numbers.null_count() and (counts := what_counts(numbers, name)):
            return Field(name=name, kind="datetime", datetime_format=counts, timezone=zone), _counting(counts)
    if not looks_compact(distinct, name):
        return None
    return Field(name=name, kind="datetime", datetime_format="%Y%m%d", timezone=zone), "dates written as eight digits"


def _counting(counts: str) -> str:
    return f"times written as {counts} by name and size; `kind: numeric` reads them as numbers"


def _moment(name: str, distinct: pl.Series, zone: str | None) -> tuple[Field, str] | None:
    found = find_format(distinct)
    if found is None:
        return None
    written = "ISO 8601" if found.pattern is None else f"'{found.pattern}'"
    note = f" ({found.note})" if found.note else ""
    return Field(
        name=name, kind="datetime", datetime_format=found.pattern, timezone=zone
    ), f"times written as {written}{note}"


def _words_or_text(words: pl.Series) -> tuple[Kind, str]:
    count = len(words)
    if count == 0:
        return "categorical", "every value is missing"
    distinct = words.n_unique()
    length = float(words.str.len_chars().cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]  # a mean of floats
    share = distinct / count
    if count >= 5 and ((length >= _LONG_TEXT and share > 0.5) or (length >= _VERY_LONG_TEXT and share > 0.1)):
        blanks = words.head(1000).str.contains(r"\S\s+\S")
        if (blanks.mean() or 0.0) > 0.5:  # type: ignore[operator]  # the mean of flags is a float
            return "text", f"long strings ({length:.0f} characters on average), mostly distinct"
    return "categorical", "words"


def _near_miss(words: pl.Series) -> str:
    """Say which few values keep a column of numbers from being one."""
    if words.is_empty():
        return ""
    number = words.cast(pl.Float64, strict=False).is_not_null()
    share = number.sum() / len(words)
    if share < 0.8:
        return _nearly_moments(words)
    odd = words.filter(~number).unique(maintain_order=True).head(3).to_list()
    named = ", ".join(f"'{mask_personal(value)}'" for value in odd)
    return f"; {share:.1%} of the values are numbers, but not {named}: name such under `missing` to read numbers"


def _nearly_moments(words: pl.Series) -> str:
    """Say that a column holds times that are not all written alike."""
    some = words.unique(maintain_order=True).head(200)
    dated = [value for value in some.to_list() if is_date(value)]
    if len(dated) < 0.8 * len(some):
        return ""
    kinds: dict[str, str] = {}
    for value in some.to_list():
        kinds.setdefault(re.sub(r"\d+", "0", value), value)
    named = ", ".join(f"'{value}'" for value in list(kinds.values())[:3])
    return (
        f"; times that do not all follow one pattern ({named}): even them out in `data.query`, or name a"
        " `datetime_format` and what does not follow it under `missing`"
    )


def _are_letter_codes(distinct: pl.Series, always: pl.Series) -> bool:
    """Whether 'NA' is one of many two-letter codes (Namibia, North America) rather than a marker."""
    if always.to_list() != ["NA"]:
        return False
    others = distinct.filter(distinct != "NA")
    return len(others) >= 5 and bool(others.str.contains(r"^[A-Z]{2}$").all())


def _markers(declared: tuple[str, ...], found: pl.Series) -> tuple[str, ...]:
    return tuple(sorted({*declared, *found.to_list()}))


def _marked(found: pl.Series) -> str:
    if found.is_empty():
        return ""
    named = ", ".join(f"'{value}'" for value in found.head(5).to_list())
    return f"; {named} {'means' if len(found) == 1 else 'mean'} missing"


def _declared(values: pl.Series, override: FieldOverride, zone: str | None, *, comma: bool) -> tuple[Field, str]:
    assert override.kind is not None
    name, kind = values.name, override.kind
    textual = isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)
    found = Field(name=name, kind=kind)
    if textual:
        text = values.cast(pl.String)
        inferred, _ = _from_text(text, replace(override, kind=None), zone, comma=comma)
        found = replace(inferred, kind=kind)
        if kind != inferred.kind:
            found = Field(
                name=name,
                kind=kind,
                missing_markers=_declared_markers(text, override, kind),
                padded=kind in {"numeric", "categorical"} and _padded(text.str.strip_chars()),
            )
            if kind == "numeric":
                distinct = text.to_frame().select(stripped(name, found.missing_markers))[name].drop_nulls().unique()
                written = _how_written(distinct, comma=comma) or _Written()
                found = replace(
                    found,
                    decimal_comma=written.decimal_comma,
                    thousands=written.thousands,
                    unit=written.unit,
                    brackets=written.brackets,
                )
    else:
        found = replace(_from_type(values, zone)[0], kind=kind, missing_markers=override.missing or ())
    if kind != "numeric":
        found = replace(found, integer=False)
    if kind == "datetime":
        pattern = override.datetime_format or found.datetime_format
        found = replace(found, datetime_format=pattern, timezone=zone)
    if override.decimal_comma is not None:
        found = replace(found, decimal_comma=override.decimal_comma)
    return found, f"declared {kind}"


def _declared_markers(text: pl.Series, override: FieldOverride, kind: Kind) -> tuple[str, ...]:
    if override.missing is not None:
        return tuple(sorted(override.missing))
    distinct = text.str.strip_chars().unique().drop_nulls()
    if kind in {"categorical", "text"}:
        return tuple(sorted(distinct.filter(distinct.is_in(sorted(ALWAYS_MISSING))).to_list()))
    return tuple(sorted(distinct.filter(distinct.str.to_lowercase().is_in(sorted(MISSING_AMONG_OTHERS))).to_list()))


def _type_name(dtype: pl.DataType) -> str:
    return str(dtype).split("(", maxsplit=1)[0].lower()
