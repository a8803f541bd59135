"""A parser that may be led astray by what it reads runs in a process of its own, with limits.

Libraries that read the models of other houses are large, partly native, and made for files of friends. Here such a
parser gets the bytes and nothing else: no environment, no network, no other process, no file outside of a folder that
is thrown away, no module that wasn't loaded before it saw the bytes; so much memory and so many seconds. What it found
comes back as JSON and bytes, never as objects: whoever takes over the child still cannot make the parent run anything.

    parsed = confined(read_booster, content, what="'model.ubj'", preload=("xgboost",), extra="boosters")

where ``read_booster(content, facts)`` is a function of a module of ours that returns a `Parsed`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tenfold.foundation.errors import InputError, MissingExtra

_START = (
    "import json, sys; arguments = json.loads(sys.argv[1]); sys.path[:] = arguments['path']; "
    "from tenfold.bundle.confined_child import main; main(arguments)"
)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")
# What the dynamic loader and the clock need; nothing in which a secret could stand.
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL", "TZ")
_LENGTH_BYTES = 8
_MOST_HEADER_BYTES = 1 << 26
_MOST_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a confined parser may use.

    Attributes
    ----------
    seconds : float
        Of the processor, and twice that on the clock.
    memory_bytes : int
        Of address space, the libraries themselves included.
    answer_bytes : int
        Of the answer, and of each file it writes on the way.
    """

    seconds: float = 60.0
    memory_bytes: int = 6 << 30
    answer_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a parser found: JSON values, and bytes by name (`tenfold.bundle.arrays.pack` for arrays)."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


Parser = Callable[[bytes, Mapping[str, Any]], Parsed]
"""From the bytes, and what the caller says about them, to what they hold."""


def confined(
    parser: Parser,
    content: bytes,
    *,
    what: str,
    facts: Mapping[str, Any] | None = None,
    preload: Sequence[str] = (),
    extra: str = "",
    limits: Limits | None = None,
) -> Parsed:
    """Run ``parser(content, facts)`` in a process of its own and return what it found.

    Parameters
    ----------
    parser : function of (bytes, mapping), on the top level of a module
        It may write into the folder it is started in, which is removed afterwards.
    what : str
        What the bytes are, for messages: ``'model.ubj'``.
    facts : mapping of JSON values
    preload : sequence of str
        Modules it uses. They are imported before it gets the bytes; afterwards only parts of packages that are already
        loaded can be imported.
    extra : str
        The extra that brings them.

    Raises
    ------
    InputError
        When the parser refuses the bytes (its own sentence), fails, needs more than the limits, or does what reading a
        model never needs: starts a program, opens a connection or a file of others, imports what the bytes name.
    MissingExtra
        When a module of ``preload`` is not installed.
    """
    limits = limits or Limits()
    if parser.__module__ == "__main__" or "." in parser.__qualname__ or "<" in parser.__qualname__:
        raise ValueError(f"{parser.__qualname__} is not a function on the top level of a module")
    arguments = {
        "path": _search_path(),
        "module": parser.__module__,
        "function": parser.__name__,
        "preload": list(preload),
        "seconds": limits.seconds,
        "memory_bytes": limits.memory_bytes,
        "answer_bytes": limits.answer_bytes,
    }
    with (
        tempfile.TemporaryDirectory(prefix="tenfold-confined-") as folder,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as answer,
        tempfile.TemporaryFile() as said,
    ):
        header = json.dumps(dict(facts or {})).encode()
        given.write(len(header).to_bytes(_LENGTH_BYTES, "little") + header)
        given.write(content)
        given.seek(0)
        ended = _run(arguments, Path(folder), (given, answer, said), limits)
        if ended is None:
            raise InputError(f"{what} was refused: reading it takes longer than {limits.seconds:g} s")
        return _answered(answer, said, what=what, ended=ended, limits=limits, extra=extra)


def _search_path() -> list[str]:
    """Return where the child finds modules: never the folder it happens to be started in."""
    own = str(Path(__file__).resolve().parents[2])
    return list(dict.fromkeys([own, *(place for place in sys.path if Path(place).is_absolute())]))


def _run(
    arguments: Mapping[str, Any],
    folder: Path,
    streams: tuple[IO[bytes], IO[bytes], IO[bytes]],
    limits: Limits,
) -> int | None:
    """Return how the child ended; None when it had to be ended."""
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment |= dict.fromkeys(_THREADS, "1") | {"HOME": str(folder), "TMPDIR": str(folder)}
    # Isolated (-I), without site's hooks (-S), and leaving no compiled files behind (-B).
    command = [sys.executable, "-I", "-S", "-B", "-c", _START, json.dumps(dict(arguments))]
    given, answer, said = streams
    child = subprocess.Popen(  # noqa: S603 - our own interpreter with our own words; the bytes stand in a file
        command, cwd=folder, env=environment, stdin=given, stdout=answer, stderr=said, start_new_session=True
    )
    try:
        return child.wait(2.0 * limits.seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _answered(answer: IO[bytes], said: IO[bytes], *, what: str, ended: int, limits: Limits, extra: str) -> Parsed:
    size = answer.seek(0, os.SEEK_END)
    answer.seek(0)
    if ended != 0 or size < _LENGTH_BYTES:
        raise InputError(f"{what} was refused: {_death(ended, said, limits)}")
    length = int.from_bytes(answer.read(_LENGTH_BYTES), "little")
    if length > min(_MOST_HEADER_BYTES, size - _LENGTH_BYTES):
        raise InputError(f"{what} was refused: its parser's answer is damaged")
    try:
        header = json.loads(answer.read(length))
        status, facts, sizes = header["status"], header["facts"], header["files"]
        whole = isinstance(facts, dict) and all(type(each) is int and each >= 0 for each in sizes.values())
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{what} was refused: its parser's answer is damaged") from error
    if not whole or sum(sizes.values()) != size - _LENGTH_BYTES - length:
        raise InputError(f"{what} was refused: its parser's answer is damaged")
    if status == "parsed":
        return Parsed(facts=facts, files={str(name): answer.read(count) for name, count in sizes.items()})
    reason = str(facts.get("reason", ""))[:_MOST_REASON]
    if status == "missing":
        raise MissingExtra(
            f"{what} needs '{reason}', which is not installed."
            + (f" Install it with: pip install 'tenfold[{extra}]'" if extra else "")
        )
    raise InputError(f"{what} was refused: {reason}")


def _death(ended: int, said: IO[bytes], limits: Limits) -> str:
    if ended in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"reading it takes longer than {limits.seconds:g} s of the processor, or more memory than there is"
    if ended < 0:
        return f"reading it crashes the parser ({signal.Signals(-ended).name})"
    said.seek(max(0, said.seek(0, os.SEEK_END) - 4096))
    lines = said.read().decode("utf-8", "replace").strip().splitlines() or [f"the parser ended with {ended}"]
    return lines[-1][:_MOST_REASON]
