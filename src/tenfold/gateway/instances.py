"""Instances of a request to canonical rows, by the model's signature; what does not fit is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
import polars as pl

from tenfold.bundle.canonical import Unreadable, Value, canonical_value
from tenfold.bundle.signature import Signature
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.gateway.refused import Refused, shown
from tenfold.records.dataset import Field, Kind

Canonical = Mapping[str, Sequence[Value]]

_LARGEST_WHOLE = 2.0**63


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conformed:
    """Canonical rows: mappings where there are few, else a table; and column by column in any case."""

    rows: Sequence[dict[str, Value]] | None
    table: pl.DataFrame
    columns: Canonical


ROW_BY_ROW = 16
"""Up to so many instances are scored one after the other: a table costs as much as some dozens of rows, however few."""
_NO_TABLE = pl.DataFrame()


def conform(instances: Sequence[dict[str, Any]], signature: Signature, expected: frozenset[str]) -> Conformed:
    """Return instances as the model reads them.

    Parameters
    ----------
    expected : frozenset of str
        The signature's names.

    Raises
    ------
    Refused
        When a column is missing or unknown, or a value is of another nature than its column.
    """
    for place, instance in enumerate(instances):
        if instance.keys() != expected:
            raise _wrong_columns(place, instance, signature.names)
    try:
        if len(instances) <= ROW_BY_ROW:
            rows = [signature.conform_row(instance) for instance in instances]
            _refuse_lost_digits(instances, signature)
            columns = {name: [row[name] for row in rows] for name in signature.names}
            return Conformed(rows=rows, table=_NO_TABLE, columns=columns)
        typed = _table(instances, signature.fields)
        if typed is None:
            _refuse_lost_digits(instances, signature)
        table = signature.conform(instances if typed is None else typed)
    except (DataError, RecursionError) as error:
        # A value nested a thousand deep cannot even be printed.
        raise _wrong_value(instances, signature.fields) from error
    return Conformed(rows=None, table=table, columns=table.to_dict(as_series=False))


def _table(instances: Sequence[dict[str, Any]], fields: Sequence[Field]) -> pl.DataFrame | None:
    """Return instances as a table, which is read at once; None where a column mixes types."""
    columns = []
    for field in fields:
        values = [instance[field.name] for instance in instances]
        found = frozenset(map(type, values))
        if found <= _NUMBERS and field.kind == "numeric":
            # An array is read in a tenth of the time that a list takes.
            columns.append(pl.Series(field.name, np.array(values, dtype=np.float64)))
            continue
        types = found - _ABSENT
        if types <= _TEXT:
            dtype: pl.DataType = pl.String()
        elif types <= _NUMBERS and field.kind == "numeric":
            dtype = pl.Float64()
        elif types <= _TRUTH and field.kind == "boolean":
            dtype = pl.Boolean()
        else:
            return None
        columns.append(pl.Series(field.name, values, dtype=dtype))
    return pl.DataFrame(columns) if columns else None


_ABSENT = frozenset({NoneType})
_TEXT = frozenset({str})
_NUMBERS = frozenset({int, float})
_TRUTH = frozenset({bool})


def _wrong_columns(place: int, instance: Mapping[str, Any], names: Sequence[str]) -> Refused:
    unknown = next((name for name in instance if name not in names), None)
    missing = next((name for name in names if name not in instance), None)
    if missing is not None and (unknown is None or len(instance) < len(names)):
        return Refused(
            "missing_field",
            f"instance {place} lacks the column '{missing}'",
            field=missing,
            fix=f"send '{missing}' in each instance, as null where it is not known",
            instance=place,
        )
    assert unknown is not None  # the names differ, so one of them is too many or too few
    return Refused(
        "unknown_field",
        f"instance {place} has '{shown(unknown)}', which the model does not read.{did_you_mean(shown(unknown), names)}",
        field=unknown,
        fix="send the columns of the model's signature and no others",
        instance=place,
    )


def _wrong_value(instances: Sequence[Mapping[str, Any]], fields: Sequence[Field]) -> Refused:
    for place, instance in enumerate(instances):
        for field in fields:
            value = instance[field.name]
            if isinstance(value, list | dict):
                return _refusal(place, field, value)
            try:
                canonical_value(field, value)
            except Unreadable:
                return _refusal(place, field, value)
    raise AssertionError("a table was refused whose every value can be read")


def _refusal(place: int, field: Field, found: Any) -> Refused:
    fix = _NEEDED[field.kind]
    if field.kind == "datetime" and field.datetime_format is not None:
        fix = f"send a text written as {field.datetime_format}, or null"
    if field.padded and isinstance(found, int | float):
        fix = "send it as a text, with the leading zeros that a number does not keep"
    return Refused(
        "wrong_type",
        f"'{field.name}' of instance {place} is {_FOUND[type(found)]} that cannot be read as {_NATURE[field.kind]}",
        field=field.name,
        fix=fix,
        instance=place,
    )


def _refuse_lost_digits(instances: Sequence[Mapping[str, Any]], signature: Signature) -> None:
    """Refuse a whole number too long for JSON readers where its digits are a name: it was rounded on the way."""
    for field in signature.fields:
        if field.kind not in {"categorical", "text"}:
            continue
        for place, instance in enumerate(instances):
            value = instance[field.name]
            if type(value) is float and abs(value) >= _LARGEST_WHOLE:
                raise Refused(
                    "wrong_type",
                    f"'{field.name}' of instance {place} is a number with more digits than JSON numbers keep",
                    field=field.name,
                    fix="send it as a text",
                    instance=place,
                )


_NATURE: Mapping[Kind, str] = {
    "numeric": "a number",
    "categorical": "a text",
    "text": "a text",
    "boolean": "true or false",
    "datetime": "a time",
}
_NEEDED: Mapping[Kind, str] = {
    "numeric": "send a finite number, or null",
    "categorical": "send a text, or null",
    "text": "send a text, or null",
    "boolean": "send true, false or null",
    "datetime": "send a time as ISO 8601 text (2026-01-31T18:00:00+01:00), or null",
}
_FOUND = {
    NoneType: "null",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}
