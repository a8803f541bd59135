"""The one error root and the few kinds that an edge must tell apart."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TenfoldError(Exception):
    """Root of every error that Tenfold raises on purpose.

    The message is one sentence for a person: what is wrong, what was found, what to do.
    """


class InputError(TenfoldError):
    """Wrong use or bad input: the file, the data, an argument."""


class SpecError(InputError):
    """A fault in ``tenfold.yaml``, with the place where it stands.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    path : str
        The file, as the user named it.
    line : int or None
        One-based line, when it is known.
    """

    def __init__(self, message: str, *, path: str = "tenfold.yaml", line: int | None = None):
        self.path = path
        self.line = line
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {message}")


class DataError(InputError):
    """Data that cannot be read or does not fit what was declared."""


class CheckFailed(TenfoldError):
    """A check the user asked for came out negative (infeasible, leaking, contract broken)."""


class StoreError(TenfoldError):
    """The store is damaged, busy, full or of another format."""


class MissingExtra(TenfoldError):
    """An optional dependency is not installed."""


class DeadlineExceeded(TenfoldError):
    """The time budget ended before anything usable existed."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, or None when nothing is close."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    if matches:
        return matches[0]
    folded = {candidate.casefold(): candidate for candidate in known}
    return folded.get(name.casefold())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` or an empty string."""
    match = nearest(name, known)
    return f" Did you mean '{match}'?" if match else ""
