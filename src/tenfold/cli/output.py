"""Stdout is for the reply alone: one JSON document, or what a person reads."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from tenfold.cli.command import Reply

_WIDTH_OF_FILES = 240


@contextlib.contextmanager
def kept_for_reply() -> Iterator[TextIO | None]:
    """Yield the real stdout, and send whatever else is printed meanwhile to stderr.

    Libraries in C and worker processes write to descriptor 1 behind Python's back, so it is turned as well. Yields None
    where there is no stdout.
    """
    real = sys.stdout
    if real is None:
        yield None
        return
    real.flush()
    descriptor = _descriptor(real)
    if descriptor is None:
        with contextlib.redirect_stdout(_ToStderr()):
            yield real
        return
    saved = os.dup(descriptor)
    reply = os.fdopen(os.dup(saved), "w", encoding=real.encoding, errors="backslashreplace")
    try:
        os.dup2(2, descriptor)
        with contextlib.redirect_stdout(_ToStderr()):
            yield reply
    finally:
        _close(reply)
        os.dup2(saved, descriptor)
        os.close(saved)


def print_json(document: Mapping[str, Any], stream: TextIO, *, one_line: bool = False) -> None:
    """Write one JSON document."""
    unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"
    indent = None if one_line else 2
    text = json.dumps(_without_nan(document), indent=indent, ensure_ascii=not unicode, allow_nan=False, default=str)
    stream.write(text + "\n")


def print_reply(reply: Reply, stream: TextIO) -> None:
    """Write a reply for a person."""
    from rich.console import Console

    # A file or a pipe is as wide as what is written to it: nothing is folded for a screen that is not there.
    width = None if stream.isatty() else _WIDTH_OF_FILES
    console = Console(file=stream, highlight=False, width=width)
    # Written by us and not by rich, which ends the process by itself when the reader has left.
    with console.capture() as written:
        reply.show(reply.document, console)
    stream.write("\n".join(line.rstrip() for line in written.get().split("\n")))


class _ToStderr(io.TextIOBase):
    """Writes to whatever stderr is at that moment: a live display puts itself in its place."""

    def write(self, text: str) -> int:
        return 0 if sys.stderr is None else sys.stderr.write(text)

    def flush(self) -> None:
        if sys.stderr is not None:
            sys.stderr.flush()


def _descriptor(stream: TextIO) -> int | None:
    try:
        number = stream.fileno()
    except (io.UnsupportedOperation, AttributeError, ValueError):
        return None
    return number if number == 1 and sys.__stderr__ is not None else None


def _close(stream: TextIO) -> None:
    """Close a stream; what could not be written, and was told of when it was tried, is dropped."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    stream.close()


def _without_nan(value: Any) -> Any:
    """Return JSON-ready content; what is not a finite number is absent, and absent is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
