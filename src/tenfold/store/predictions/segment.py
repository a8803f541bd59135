"""Segments of the prediction log: framed records that a killed writer cannot spoil.

A segment begins with ``tenfold-log/1`` and a line end. Each record follows as a frame: four bytes of mark, the length
of its payload and the payload's CRC-32 (both little-endian, 32 bits), the payload. A writer appends and never comes
back, so whatever a crash leaves is a whole segment and perhaps half a frame at its end.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = b"tenfold-log/1\n"
SUFFIX = ".log"
_MARK = b"\xf5TFP"
_FRAME = struct.Struct("<4sII")


def framed(payload: bytes) -> bytes:
    """Return a record's payload as the frame that is appended."""
    return _FRAME.pack(_MARK, len(payload), zlib.crc32(payload)) + payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A record found whole: its payload, and the bytes ``start`` to ``end`` that it takes.

    ``skipped`` is where bytes began that are no frame, if some stand before it: damage, not a torn end.
    """

    payload: bytes
    start: int
    end: int
    skipped: int | None = None


def frames(content: bytes, start: int) -> Iterator[Frame]:
    """Yield the whole records of a segment from byte ``start`` on.

    What follows the last whole record is left alone: a record being written, or one that was torn.
    """
    position, skipped = start, None
    while True:
        end = _end_of_frame(content, position)
        if end is not None:
            yield Frame(payload=content[position + _FRAME.size : end], start=position, end=end, skipped=skipped)
            position, skipped = end, None
            continue
        following = content.find(_MARK, position + 1)
        if following < 0:
            return
        skipped = position if skipped is None else skipped
        position = following


def _end_of_frame(content: bytes, position: int) -> int | None:
    if len(content) - position < _FRAME.size:
        return None
    mark, length, checksum = _FRAME.unpack_from(content, position)
    end = position + _FRAME.size + length
    if mark != _MARK or end > len(content):
        return None
    return end if zlib.crc32(memoryview(content)[position + _FRAME.size : end]) == checksum else None
