"""Errors as people and programs are told of them, and the exit code of each."""

from __future__ import annotations

import os
import re
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from tenfold.foundation.errors import (
    CheckFailed,
    DataError,
    DeadlineExceeded,
    InputError,
    MissingExtra,
    SpecError,
    StoreError,
    TenfoldError,
)
from tenfold.foundation.personal import mask_personal
from tenfold.spec.faults import SpecFaults

DONE, FAILED_CHECK, WRONG_USE, FAILURE, INTERRUPTED = 0, 1, 2, 3, 130

# The first that fits; a subclass stands before its parent.
_KINDS: tuple[tuple[type[BaseException], str, int], ...] = (
    (SpecError, "spec", WRONG_USE),
    (DataError, "data", WRONG_USE),
    (InputError, "input", WRONG_USE),
    (CheckFailed, "check", FAILED_CHECK),
    (StoreError, "store", FAILURE),
    (MissingExtra, "extra", FAILURE),
    (DeadlineExceeded, "deadline", FAILURE),
    (TenfoldError, "failure", FAILURE),
)
_PASSWORD_IN_URL = re.compile(r"(://[^\s/:@]*:)[^\s@]+@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a command did not do what it was asked.

    ``details`` are further fields for programs: the place in the file, each fault, where the traceback lies.
    """

    kind: str
    message: str
    exit: int
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the failure as the document that ``--json`` prints."""
        error = {"kind": self.kind, "message": self.message, **self.details}
        return {"schema": "tenfold.error/1", "error": error, "exit": self.exit}


def explain(error: BaseException) -> Failure | None:
    """Return what to say of an error that was expected to happen; None when it is an internal failure."""
    for kind, name, code in _KINDS:
        if isinstance(error, kind):
            return Failure(kind=name, message=str(error), exit=code, details=_details(error))
    if isinstance(error, typer.TyperException):
        return Failure(kind="usage", message=_usage(error), exit=WRONG_USE)
    if isinstance(error, MemoryError):
        return Failure(kind="environment", message="the machine has no more memory to give", exit=FAILURE)
    return None


def explain_unexpected(error: BaseException, state: Path) -> Failure:
    """Return what to say of any other error; its traceback is written to a file.

    Parameters
    ----------
    state : Path
        The project's ``.tenfold``; where there is none the file goes to the system's temporary folder.
    """
    where = _write_traceback(error, state)
    told = f"; the traceback is in {where}" if where else "; TENFOLD_TRACEBACK=1 shows the traceback"
    details: dict[str, Any] = {"type": type(error).__name__, "traceback": where}
    if isinstance(error, OSError) and error.strerror:
        of = f" ({error.filename})" if error.filename else ""
        return Failure(kind="environment", message=f"{error.strerror}{of}{told}", exit=FAILURE, details=details)
    first = _hide_passwords(str(error)).strip().partition("\n")[0]
    message = f"this should not have happened: {type(error).__name__}{f': {first}' if first else ''}{told}"
    return Failure(kind="internal", message=message, exit=FAILURE, details=details)


def traceback_of(error: BaseException) -> str:
    """Return the traceback as text, passwords in URLs blotted out."""
    return _hide_passwords("".join(traceback.format_exception(error)))


def _details(error: BaseException) -> dict[str, Any]:
    if isinstance(error, SpecFaults):
        faults = [{"message": fault.message, "line": fault.line} for fault in error.faults]
        return {"path": error.path, "line": error.line, "faults": faults}
    if isinstance(error, SpecError):
        return {"path": error.path, "line": error.line}
    return {}


def _usage(error: typer.TyperException) -> str:
    message = error.format_message().strip()
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    stop = "" if message.endswith((".", "?", "!")) else "."
    return (
        f"{message}{stop} Try '{context.command_path} --help'."
        if message
        else f"'{context.command_path}' needs a command."
    )


def _write_traceback(error: BaseException, state: Path) -> str | None:
    folder = state / "tracebacks" if state.is_dir() else None
    try:
        if folder is not None:
            folder.mkdir(exist_ok=True)
        # Readable by its owner alone: names of columns and files stand in tracebacks.
        handle, name = tempfile.mkstemp(prefix="tenfold-", suffix=".txt", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(traceback_of(error))
    except OSError:
        # A full or read-only disk may be what failed in the first place: the message then says how to see more.
        return None
    return name


def _hide_passwords(text: str) -> str:
    # What fails unforeseen may quote a value of a row as well.
    return mask_personal(_PASSWORD_IN_URL.sub(r"\1***@", text))
