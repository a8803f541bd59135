"""A text file as it lies on disk: compression, encoding, hostile content; made ready for a UTF-8 parser."""

from __future__ import annotations

import codecs
import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from tenfold.foundation.errors import DataError, did_you_mean

CHUNK_BYTES = 1 << 20
HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
LONGEST_LINE_BYTES = 16 << 20
# A file of zeros shrinks about 1000-fold: beyond that, and beyond this size, it is made to fill the disk.
LARGEST_EXPANSION = 1000
EXPANSION_MATTERS_BYTES = 1 << 30

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_OTHER_FORMATS = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"SQLite format 3": "an SQLite database",
    b"\x89PNG": "a PNG image",
    b"%PDF": "a PDF document",
    b"ARROW1": "an Arrow file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
}
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainText:
    """A UTF-8 file with line feeds, ready to be parsed.

    Attributes
    ----------
    path : Path
        The file itself where it was plain UTF-8 already, else a copy of it.
    encoding, compression : str
        How the original is written; compression is empty when there is none.
    head : str
        The first mebibyte of text, cut after the last whole line.
    whole : bool
        The head is the whole file.
    blank_lines : bool
        There may be empty lines.
    tail : str
        The last 64 kB of text, from the first whole line on; empty where the head is the whole file.
    """

    path: Path
    encoding: str
    compression: str
    head: str
    whole: bool
    blank_lines: bool
    tail: str = ""


def check_readable(path: Path, shown: str) -> None:
    """Say in one sentence why a file cannot be read.

    Raises
    ------
    DataError
        When the file is missing, a folder, empty or closed to us.
    """
    try:
        if not path.exists():
            raise DataError(f"{shown} does not exist{_neighbours(path)}")
        if path.is_dir():
            raise DataError(f"{shown} is a folder; name a file in it")
        if path.stat().st_size == 0:
            raise DataError(f"{shown} is empty")
        with path.open("rb"):
            pass
    except PermissionError as error:
        raise DataError(f"{shown} may not be read by this user; change its permissions") from error


def compression_of(path: Path) -> str:
    """Return ``gzip``, ``zstd`` or an empty string, by the first bytes of the file."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start.startswith(_GZIP):
        return "gzip"
    return "zstd" if start.startswith(_ZSTD) else ""


@contextmanager
def open_bytes(path: Path, shown: str) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed on the way."""
    compression = compression_of(path)
    try:
        if compression == "gzip":
            with gzip.open(path, "rb") as stream:
                yield cast("IO[bytes]", stream)
        elif compression == "zstd":
            import pyarrow

            with pyarrow.input_stream(str(path), compression="zstd") as stream:
                yield cast("IO[bytes]", stream)
        else:
            with path.open("rb") as stream:
                yield stream
    except (EOFError, OSError, zlib.error) as error:
        # The operating system numbers its errors; damage in the content has none.
        if not compression or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise DataError(f"{shown} is a damaged {compression} file ({error}); fetch it again") from error


def open_text(path: Path, *, shown: str, workdir: Path, encoding: str | None = None, lines: bool = True) -> PlainText:
    """Return a file as plain UTF-8 text, in bounded memory.

    Parameters
    ----------
    path, shown : Path, str
        The file, and how messages name it.
    workdir : Path
        Folder for the decompressed or re-encoded copy, when one is needed.
    encoding : str or None
        The encoding, where the user named it; else found.
    lines : bool
        The text has one row a line, so that a very long line betrays another format.

    Raises
    ------
    DataError
        When the file is binary, or a line is longer than 16 MiB.
    """
    check_readable(path, shown)
    compression = compression_of(path)
    start = _start(path, shown)
    _refuse_other_formats(start, shown)
    if encoding is None:
        encoding = _marked_encoding(start)
    elif not _known(encoding):
        raise DataError(f"'{encoding}' is not an encoding (examples: utf-8, latin-1, cp1252, utf-16)")

    workdir.mkdir(parents=True, exist_ok=True)
    plain = path
    if compression:
        plain = workdir / f"{path.name}.plain"
        _decompress(path, plain, shown, lines=lines)
    survey = _survey(plain, shown, wide=encoding is not None and encoding.startswith(("utf-16", "utf-32")), lines=lines)
    if encoding is None:
        encoding = "utf-8" if survey.utf8 else _eight_bit(plain)
    if encoding not in {"utf-8", "ascii"} or survey.carriage_returns_only:
        converted = workdir / f"{path.name}.utf8"
        _convert(plain, converted, encoding, shown)
        plain = converted
        survey = _survey(plain, shown, wide=False, lines=lines)
    head, whole = _head(plain)
    return PlainText(
        path=plain,
        encoding=encoding.removesuffix("-sig"),
        compression=compression,
        head=head,
        whole=whole,
        blank_lines=survey.blank_lines,
        tail="" if whole else _tail(plain),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    utf8: bool
    carriage_returns_only: bool
    blank_lines: bool


def _survey(path: Path, shown: str, *, wide: bool, lines: bool) -> _Survey:
    """Read a file's bytes once: is it text, is it UTF-8, are its lines bounded."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, feeds, returns, blank = True, 0, 0, False
    since_line_end, tail = 0, b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if not wide and (position := chunk.find(b"\0")) >= 0:
                line = feeds + chunk.count(b"\n", 0, position) + 1
                raise DataError(f"{shown} holds a NUL byte in line {line}: it is not a text table (wrong format?)")
            if utf8 and not wide:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    utf8 = False
            last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            since_line_end = since_line_end + len(chunk) if last < 0 else len(chunk) - last - 1
            if lines and since_line_end > LONGEST_LINE_BYTES:
                raise DataError(_endless(shown, feeds + chunk.count(b"\n") + 1))
            joined = tail + chunk
            blank = blank or b"\n\n" in joined or b"\n\r\n" in joined
            tail = chunk[-2:]
            feeds += chunk.count(b"\n")
            returns += chunk.count(b"\r") if not feeds else 1
    return _Survey(utf8=utf8, carriage_returns_only=not wide and feeds == 0 and returns > 0, blank_lines=blank)


def _endless(shown: str, line: int | None) -> str:
    where = f" (line {line})" if line is not None else ""
    longest = LONGEST_LINE_BYTES >> 20
    return f"{shown} has more than {longest} MiB without a line end{where}: it is not a text table with one row a line"


def _start(path: Path, shown: str) -> bytes:
    with open_bytes(path, shown) as stream:
        return stream.read(4096)


def _refuse_other_formats(start: bytes, shown: str) -> None:
    for magic, name in _OTHER_FORMATS.items():
        if start.startswith(magic):
            raise DataError(f"{shown} holds {name}, not text; give the file its right name or set `format`")


def _marked_encoding(start: bytes) -> str | None:
    """Return the encoding that the first bytes give away: a byte order mark, or the zeros of UTF-16."""
    for mark, name in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return name
    if len(start) >= 4:
        even, odd = start[0::2], start[1::2]
        # Western text in UTF-16 has a zero in every other byte, and none in between.
        if odd.count(0) > 0.7 * len(odd) and even.count(0) == 0:
            return "utf-16-le"
        if even.count(0) > 0.7 * len(even) and odd.count(0) == 0:
            return "utf-16-be"
    return None


def _known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True


def _eight_bit(path: Path) -> str:
    """Return the eight-bit encoding of a file: cp1252 unless it holds a byte that has no meaning there."""
    meaningless = {0x81, 0x8D, 0x8F, 0x90, 0x9D}
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if meaningless & set(chunk):
                return "latin-1"
    return "cp1252"


def _decompress(path: Path, target: Path, shown: str, *, lines: bool) -> None:
    compressed_bytes = path.stat().st_size
    written = since_line_end = 0
    with open_bytes(path, shown) as source, target.open("wb") as sink:
        while True:
            chunk = source.read(CHUNK_BYTES)
            if not chunk:
                return
            sink.write(chunk)
            written += len(chunk)
            since_line_end = 0 if b"\n" in chunk or b"\r" in chunk else since_line_end + len(chunk)
            if lines and since_line_end > LONGEST_LINE_BYTES:
                raise DataError(_endless(shown, 1 if written == since_line_end else None))
            if written > EXPANSION_MATTERS_BYTES and written > LARGEST_EXPANSION * compressed_bytes:
                raise DataError(f"{shown} grows more than {LARGEST_EXPANSION}-fold when unpacked; it is not a table")


def _convert(path: Path, target: Path, encoding: str, shown: str) -> None:
    """Write a file again as UTF-8 with line feeds."""
    try:
        with (
            path.open("r", encoding=encoding, newline=None) as source,
            target.open("w", encoding="utf-8", newline="") as sink,
        ):
            while chunk := source.read(CHUNK_BYTES):
                sink.write(chunk)
    except UnicodeError as error:
        raise DataError(f"{shown} is not {encoding} text ({error}); name its encoding") from error


def _head(path: Path) -> tuple[str, bool]:
    with path.open("rb") as stream:
        start = stream.read(HEAD_BYTES)
        whole = not stream.read(1)
    if not whole:
        start = start[: start.rfind(b"\n") + 1] or start
    return start.decode("utf-8", "replace"), whole


def _tail(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(-TAIL_BYTES, os.SEEK_END)
        end = stream.read()
    return end[end.find(b"\n") + 1 :].decode("utf-8", "replace")


def cut(
    text: PlainText, workdir: Path, *, lines_above: int, bytes_below: int, left_out: Callable[[str], bool]
) -> PlainText:
    """Return a text without its first lines, its end, and lines that are no rows, as a copy in ``workdir``."""
    target = workdir / f"{text.path.name}.rows"
    end = text.path.stat().st_size - bytes_below
    with text.path.open("rb") as source, target.open("wb") as sink:
        for _ in range(lines_above):
            source.readline()
        at = source.tell()
        while at < end and (line := source.readline()):
            at += len(line)
            kept = line if at <= end else line[: end - at]
            if not left_out(kept.decode("utf-8", "replace")):
                sink.write(kept)
    return replace(text, path=target)


def _neighbours(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f" (there is no folder {folder})"
    return "." + did_you_mean(path.name, (entry.name for entry in folder.iterdir()))
