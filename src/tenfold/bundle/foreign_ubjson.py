"""Universal Binary JSON (draft 12, https://ubjson.org), as XGBoost writes it: JSON, and arrays of one number type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tenfold.foundation.errors import InputError

_MOST_DEEP = 64
_MOST_VALUES = 20_000_000
_WHOLE = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8"}
_NUMBERS = {**_WHOLE, b"d": ">f4", b"D": ">f8"}
_WORDS = {b"Z": None, b"T": True, b"F": False}


def read_ubjson(content: bytes) -> Any:
    """Return what the bytes hold: mappings, lists, strings and numbers; arrays of one number type as ndarrays.

    Raises
    ------
    InputError
        When they are not one such value, whole and of bounded depth.
    """
    reader = _Reader(content)
    found = reader.value(reader.take(1), deep=0)
    if reader.place != len(content):
        raise InputError("the model is not in Universal Binary JSON: bytes follow its end")
    return found


@dataclass(slots=True)
class _Reader:
    content: bytes
    place: int = 0
    values: int = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.place + count > len(self.content):
            raise InputError("the model in Universal Binary JSON is cut short")
        found = self.content[self.place : self.place + count]
        self.place += count
        return found

    def value(self, marker: bytes, *, deep: int) -> Any:
        self.values += 1
        if deep > _MOST_DEEP or self.values > _MOST_VALUES:
            raise InputError("the model in Universal Binary JSON is nested too deep, or holds too many values")
        if marker in _NUMBERS:
            return self._number(_NUMBERS[marker])
        if marker in _WORDS:
            return _WORDS[marker]
        if marker == b"C":
            return self.take(1).decode("ascii", "replace")
        if marker == b"S":
            return self._text(self.take(1))
        if marker == b"{":
            return self._mapping(deep)
        if marker == b"[":
            return self._list(deep)
        raise InputError(f"the model is not in Universal Binary JSON: {marker!r} begins no value")

    def _number(self, code: str) -> int | float:
        found: int | float = np.frombuffer(self.take(np.dtype(code).itemsize), dtype=code)[0].item()
        return found

    def _length(self, marker: bytes) -> int:
        if marker not in _WHOLE:
            raise InputError(f"the model is not in Universal Binary JSON: {marker!r} is no length")
        found = int(self._number(_WHOLE[marker]))
        if not 0 <= found <= len(self.content):
            raise InputError(f"the model is not in Universal Binary JSON: it has a length of {found}")
        return found

    def _text(self, marker: bytes) -> str:
        try:
            return self.take(self._length(marker)).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError("the model in Universal Binary JSON has a word that is not text") from error

    def _counted(self) -> tuple[bytes | None, int | None, bytes]:
        """Return the type and the count that a container begins with, or the marker that stands there."""
        marker, kind = self.take(1), None
        if marker == b"$":
            kind, marker = self.take(1), self.take(1)
            if marker != b"#":
                raise InputError("the model is not in Universal Binary JSON: a type without a count")
        if marker == b"#":
            return kind, self._length(self.take(1)), b""
        return None, None, marker

    def _mapping(self, deep: int) -> dict[str, Any]:
        kind, count, marker = self._counted()
        result: dict[str, Any] = {}
        left = count
        while left is None or left > 0:
            marker = marker or self.take(1)
            if left is None and marker == b"}":
                break
            key = self._text(marker)
            result[key] = self.value(kind or self.take(1), deep=deep + 1)
            marker = b""
            left = None if left is None else left - 1
        return result

    def _list(self, deep: int) -> Any:
        kind, count, marker = self._counted()
        if kind in _NUMBERS and count is not None:
            dtype = np.dtype(_NUMBERS[kind])
            return np.frombuffer(self.take(count * dtype.itemsize), dtype=dtype).astype(dtype.newbyteorder("="))
        result: list[Any] = []
        while count is None or len(result) < count:
            marker = marker or kind or self.take(1)
            if count is None and marker == b"]":
                break
            result.append(self.value(marker, deep=deep + 1))
            marker = b""
        return result
