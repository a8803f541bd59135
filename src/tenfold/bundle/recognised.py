"""What bytes are, told from the bytes alone: a file's name is what its sender likes it to be.

Whether bytes are read is decided by what is expected there and is an allow-list (`check_file`). That they could also be
told apart from what is never read (`danger_of`) makes for an honest message, and is no part of that decision.
"""

from __future__ import annotations

import bz2
import io
import lzma
import pickletools
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

import numpy as np

from tenfold.foundation.errors import StoreError

MOST_DEEP = 64
"""JSON that is nested deeper is not read."""
_MOST_JSON_BYTES = 1 << 28
_MOST_HEADER_BYTES = 1 << 20
_PEEKED_BYTES = 1 << 16
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_RUNS_CODE = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"})

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a program (for Windows)"),
    (b"\xcf\xfa\xed\xfe", "a program (Mach-O)"),
    (b"\xca\xfe\xba\xbe", "a program (Mach-O or Java)"),
    (b"#!", "a script"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, in which Keras keeps layers as code"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x04\x22\x4d\x18", "compressed with lz4"),
    (b"ZF", "a file of joblib, which is a pickle"),
    (b"RDX", "a data file of R"),
)
_ARCHIVED = ("pickle", ".pkl", ".pickle", ".joblib")


def check_file(path: str, content: bytes) -> None:
    """Refuse a file of a bundle that is not, by its bytes, what a file of this ending holds.

    Parameters
    ----------
    path : str
        Its path inside the bundle.

    Raises
    ------
    StoreError
        With what the bytes are where that can be told.
    """
    expected = _EXPECTED.get(PurePosixPath(path).suffix)
    if expected is None:
        endings = ", ".join(sorted(_EXPECTED))
        raise StoreError(f"'{path}' is no file of a model: those end with {endings}{_besides(content)}")
    kind, holds = expected
    if not holds(content):
        raise StoreError(f"'{path}' is not {kind}{_besides(content)}")


def check_depth(path: str, content: bytes, *, most: int = MOST_DEEP) -> None:
    """Refuse JSON that is nested deeper than ``most``, or larger than 256 MiB, before a parser sees it."""
    if len(content) > _MOST_JSON_BYTES:
        raise StoreError(f"'{path}' has {len(content)} bytes of JSON; at most {_MOST_JSON_BYTES} are read")
    deepest = _depth(content)
    if deepest > most:
        raise StoreError(f"'{path}' is nested {deepest} deep; at most {most} is read")


def danger_of(content: bytes) -> str | None:
    """Return what bytes are when it is something that may run code, or hide it; None when it is nothing known.

    Nothing is loaded: a pickle is told by its opcodes, what is compressed by its first 64 KiB.
    """
    found = _plain_danger(content)
    if found is not None:
        return found
    for name, opened in _COMPRESSED.items():
        inner = opened(content)
        if inner is not None:
            return f"compressed with {name}" + (f", and inside {_plain_danger(inner)}" if _plain_danger(inner) else "")
    return None


def _plain_danger(content: bytes) -> str | None:
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(content)
    if content.startswith(b"\x93NUMPY"):
        return "a NumPy file of Python objects, which is a pickle" if b"'|O'" in content[:256] else "a NumPy file"
    if content[257:262] == b"ustar":
        return "a tar archive"
    protocol = _pickle(content)
    if protocol is not None:
        return f"a pickle (protocol {protocol}), which runs code when it is loaded"
    return next((name for beginning, name in _BEGINNINGS if content.startswith(beginning)), None)


def _zip(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()[:1000]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return "a damaged zip archive"
    pickled = next((name for name in names if name.casefold().endswith(_ARCHIVED)), None)
    if pickled is not None:
        return f"a zip archive with a pickle ('{pickled[:80]}'), as PyTorch writes it"
    return "a zip archive"


def _pickle(content: bytes) -> int | None:
    """Return the protocol when bytes are a pickle, or begin like one."""
    if len(content) > 1 and content[0] == 0x80 and 2 <= content[1] <= 5:
        return content[1]
    protocol, codes = 0, set()
    try:
        for opcode, _, _ in pickletools.genops(content[:_PEEKED_BYTES]):
            codes.add(opcode.name)
            protocol = max(protocol, opcode.proto)
            if opcode.name in _RUNS_CODE:
                return protocol
    except (ValueError, UnicodeDecodeError, OverflowError, EOFError):
        return None
    return protocol if len(codes) > 1 else None


def _gzip(content: bytes) -> bytes | None:
    return _inflated(content, 31) if content.startswith(b"\x1f\x8b") else None


def _zlib(content: bytes) -> bytes | None:
    whole = len(content) > 1 and content[0] == 0x78 and int.from_bytes(content[:2], "big") % 31 == 0
    return _inflated(content, 15) if whole else None


def _inflated(content: bytes, window: int) -> bytes | None:
    try:
        return zlib.decompressobj(window).decompress(content, _PEEKED_BYTES)
    except zlib.error:
        return None


def _bzip2(content: bytes) -> bytes | None:
    if not content.startswith(b"BZh"):
        return None
    try:
        return bz2.BZ2Decompressor().decompress(content, _PEEKED_BYTES)
    except (OSError, ValueError):
        return None


def _xz(content: bytes) -> bytes | None:
    if not content.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
        return None
    try:
        return lzma.LZMADecompressor(memlimit=1 << 26).decompress(content, _PEEKED_BYTES)
    except lzma.LZMAError:
        return None


_COMPRESSED: Mapping[str, Callable[[bytes], bytes | None]] = {
    "gzip": _gzip,
    "zlib": _zlib,
    "bzip2": _bzip2,
    "xz": _xz,
}


def _besides(content: bytes) -> str:
    danger = danger_of(content)
    return "" if danger is None else f"; it is {danger}"


def _is_json(content: bytes) -> bool:
    return content.lstrip(b" \t\r\n")[:1] in (b"{", b"[") and content.rstrip(b" \t\r\n")[-1:] in (b"}", b"]")


def _is_arrays(content: bytes) -> bool:
    length = int.from_bytes(content[:8], "little")
    return 1 < length <= _MOST_HEADER_BYTES and 8 + length <= len(content) and content[8:9] == b"{"


def _is_trees(content: bytes) -> bool:
    return content.startswith(b"tree\n") and b"\0" not in content


def _is_onnx(content: bytes) -> bool:
    """Whether bytes begin as an ONNX model does: its first field is the version of the format, or its graph."""
    return len(content) > 2 and content[0] in (0x08, 0x12, 0x1A, 0x3A, 0x42)


_EXPECTED: Mapping[str, tuple[str, Callable[[bytes], bool]]] = {
    ".json": ("a JSON document", _is_json),
    ".safetensors": ("a file of arrays", _is_arrays),
    ".txt": ("a text of LightGBM", _is_trees),
    ".onnx": ("a model in the ONNX format", _is_onnx),
}
"""The only files that a bundle holds: by their ending, what they are, and how it is seen in the bytes."""


def _depth(content: bytes) -> int:
    """Return how deep brackets stand in each other outside of strings."""
    bare = np.frombuffer(_STRINGS.sub(b"", content), dtype=np.uint8)
    steps = np.isin(bare, np.frombuffer(b"[{", dtype=np.uint8)).astype(np.int32)
    steps -= np.isin(bare, np.frombuffer(b"]}", dtype=np.uint8))
    return int(np.cumsum(steps).max(initial=0))
