"""Instances of a request to canonical rows, by the model's signature; what does not fit is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any

import numpy as np

from tenfold.bundle.canonical import Unreadable, Value, canonical_value
from tenfold.bundle.matrix import Floats
from tenfold.bundle.signature import Signature
from tenfold.foundation.errors import did_you_mean
from tenfold.gateway.policies import WrongType, typed_value
from tenfold.gateway.refused import Refused, shown
from tenfold.records.dataset import Field, Kind

Canonical = Mapping[str, Sequence[Value]]

_LARGEST_WHOLE = 2.0**63
_ORDINARY = 1e100
_MOST_KNOWN = 4096
_LONGEST_KNOWN = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conformed:
    """Canonical rows, column by column in the signature's order.

    ``numbers`` of shape (rows, n) holds the columns of numbers and truth values once more, NaN where one is missing;
    whole numbers stay whole in ``columns``.
    """

    columns: Sequence[Sequence[Value]]
    numbers: Floats


class Conforming:
    """Reads instances as a model's signature says.

    Where a column's values are all of its own type they are taken at once; others, such as a number that names a
    category, are read one by one, as `canonical_value` does. A text for a number or a truth value is refused.

    Parameters
    ----------
    signature : Signature
    """

    def __init__(self, signature: Signature):
        names = signature.names
        self._fields = signature.fields
        self._names = names
        self._values = _getter(names)
        kinds = [field.kind for field in signature.fields]
        self._numeric = [at for at, kind in enumerate(kinds) if kind == "numeric"]
        self._boolean = [at for at, kind in enumerate(kinds) if kind == "boolean"]
        self._numbers = sorted(self._numeric + self._boolean)
        self._words = [at for at, kind in enumerate(kinds) if kind in {"categorical", "text"}]
        self._times = [at for at, kind in enumerate(kinds) if kind == "datetime"]
        self._hides_numbers = any(field.kind == "numeric" and field.personal for field in signature.fields)
        # Words come again and again: what one is read as is kept, with None, which is None.
        self._known: list[dict[Any, Value]] = [{None: None} for _ in names]
        self._one = [
            (at, _read_as(field), known)
            for at, (field, known) in enumerate(zip(signature.fields, self._known, strict=True))
        ]

    def conform(self, instances: Sequence[dict[str, Any]]) -> Conformed:
        """Return instances as the model reads them.

        Raises
        ------
        Refused
            When a column is missing or unknown, or a value is of another nature than its column.
        """
        try:
            rows = [self._values(instance) for instance in instances]
        except KeyError:
            raise self._wrong_columns(instances) from None
        width = len(self._names)
        for instance in instances:
            if len(instance) != width:
                raise self._wrong_columns(instances)
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        try:
            for at in self._words:
                known = self._known[at]
                try:
                    columns[at] = [known[value] for value in columns[at]]
                except (KeyError, TypeError):
                    columns[at] = self._read_words(at, columns[at])
            for at in self._times:
                columns[at] = [canonical_value(self._fields[at], value) for value in columns[at]]
            numbers = self._at_once(columns, len(rows))
            if numbers is None:
                for at in self._numbers:
                    columns[at] = [typed_value(self._fields[at], value) for value in columns[at]]
                numbers = _as_array([columns[at] for at in self._numbers], len(rows))
        except (Unreadable, RecursionError) as error:
            # A value nested a thousand deep cannot even be printed.
            raise _wrong_value(instances, self._fields) from error
        return Conformed(columns=columns, numbers=numbers)

    def conform_one(self, instance: dict[str, Any]) -> list[Value]:
        """Return the values of one instance in the signature's order; see `conform`."""
        try:
            row: list[Any] = list(self._values(instance))
        except KeyError:
            raise self._wrong_columns([instance]) from None
        if len(instance) != len(row):
            raise self._wrong_columns([instance])
        try:
            for at, kind, known in self._one:
                value = row[at]
                if value is None:
                    continue
                if kind is _WORD:
                    try:
                        row[at] = known[value]
                    except (KeyError, TypeError):
                        row[at] = self._read_words(at, [value])[0]
                elif kind is _NUMBER and type(value) in _PLAIN and -_ORDINARY < value < _ORDINARY:
                    continue
                elif type(value) is not kind:
                    row[at] = typed_value(self._fields[at], value)
        except (Unreadable, RecursionError) as error:
            raise _wrong_value([instance], self._fields) from error
        return row

    def _at_once(self, columns: Sequence[Sequence[Any]], rows: int) -> Floats | None:
        """Return the columns of numbers, when each value is of its column's own type; None when they must be read."""
        numeric = [columns[at] for at in self._numeric]
        boolean = [columns[at] for at in self._boolean]
        if self._hides_numbers or not (
            set(map(type, chain.from_iterable(numeric))) <= _NUMBERS
            and set(map(type, chain.from_iterable(boolean))) <= _TRUTH
        ):
            return None
        try:
            numbers = _as_array([columns[at] for at in self._numbers], rows)
        except OverflowError:
            return None
        missing = sum([column.count(None) for column in numeric]) + sum([column.count(None) for column in boolean])
        # What is neither finite nor None has a word of its own: NaN is missing, infinity refused.
        return numbers if np.isfinite(numbers).sum() + missing == numbers.size else None

    def _read_words(self, at: int, values: Sequence[Any]) -> list[Value]:
        field, known = self._fields[at], self._known[at]
        result = []
        for value in values:
            if type(value) is float and abs(value) >= _LARGEST_WHOLE:
                # Its digits are a name, and were rounded on the way.
                raise Unreadable("a number with more digits than JSON numbers keep")
            read = canonical_value(field, value)
            if type(value) is str and len(value) <= _LONGEST_KNOWN and len(known) < _MOST_KNOWN:
                known[value] = read
            result.append(read)
        return result

    def _wrong_columns(self, instances: Sequence[Mapping[str, Any]]) -> Refused:
        expected = frozenset(self._names)
        for place, instance in enumerate(instances):
            if instance.keys() != expected:
                return _wrong_columns(place, instance, self._names)
        raise AssertionError("instances were refused that have exactly the signature's columns")


def _getter(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda instance: tuple([instance[name] for name in names])


def _as_array(columns: Sequence[Sequence[Any]], rows: int) -> Floats:
    """Return columns of numbers, truth values and None as float64 of shape (rows, n)."""
    return np.array(columns, dtype=np.float64).reshape(len(columns), rows).T


_WORD, _NUMBER, _OTHER = str, float, object


def _read_as(field: Field) -> type:
    """Return how a column's value is read: looked up, taken as a number, as the type itself, or each time anew."""
    if field.kind in {"categorical", "text"}:
        return _WORD
    if field.kind == "boolean":
        return bool
    return _NUMBER if field.kind == "numeric" and not field.personal else _OTHER


_PLAIN = frozenset({int, float})
_NUMBERS = frozenset({int, float, NoneType})
_TRUTH = frozenset({bool, NoneType})


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
            if field.kind in {"categorical", "text"} and type(value) is float and abs(value) >= _LARGEST_WHOLE:
                return Refused(
                    "wrong_type",
                    f"'{field.name}' of instance {place} is a number with more digits than JSON numbers keep",
                    field=field.name,
                    fix="send it as a text",
                    instance=place,
                )
            try:
                typed_value(field, value)
            except WrongType:
                return _refusal(place, field, value, "where its column holds")
            except Unreadable:
                return _refusal(place, field, value)
    raise AssertionError("instances were refused whose every value can be read")


def _refusal(place: int, field: Field, found: Any, but: str = "that cannot be read as") -> Refused:
    fix = _NEEDED[field.kind]
    if field.kind == "datetime" and field.datetime_format is not None:
        fix = f"send a text written as {field.datetime_format}, or null"
    if field.padded and isinstance(found, int | float):
        fix = "send it as a text, with the leading zeros that a number does not keep"
    return Refused(
        "wrong_type",
        f"'{field.name}' of instance {place} is {_FOUND[type(found)]} {but} {_NATURE[field.kind]}",
        field=field.name,
        fix=fix,
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
