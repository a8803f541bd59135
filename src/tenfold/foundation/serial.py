"""Records to JSON and back, the same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

R = TypeVar("R")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("Any", kind))


def plain(value: object) -> Any:
    """Return ``value`` (a record, or containers of records) as JSON-ready dicts, lists and scalars."""
    return _adapter(Any).dump_python(value, mode="json")


def canonical_json(value: object) -> bytes:
    """Return UTF-8 JSON with sorted keys and no blanks.

    Raises
    ------
    ValueError
        When a number is not finite: absent is written as null, never as NaN.
    """
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def to_json(record: object) -> bytes:
    """Return a record as canonical JSON."""
    return canonical_json(record)


def from_json(kind: type[R], content: bytes | str) -> R:
    """Rebuild a record of type ``kind``; fields that the text lacks take their defaults."""
    adapter: TypeAdapter[R] = _adapter(cast("Hashable", kind))
    return adapter.validate_json(content)
