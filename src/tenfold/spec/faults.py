"""Faults of a file, told together, each with its line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tenfold.foundation.errors import SpecError

_MOST_TOLD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, and where."""

    message: str
    line: int | None = None


class SpecFaults(SpecError):
    """All faults found in a file; ``path`` and ``line`` are those of the first."""

    def __init__(self, faults: Iterable[Fault], *, path: str):
        self.faults = tuple(sorted(dict.fromkeys(faults), key=lambda fault: fault.line or 0))
        first, *others = self.faults
        lines = [first.message]
        lines += [str(SpecError(other.message, path=path, line=other.line)) for other in others[: _MOST_TOLD - 1]]
        if len(self.faults) > _MOST_TOLD:
            lines.append(f"{path}: {len(self.faults) - _MOST_TOLD} more faults are not shown")
        super().__init__("\n".join(lines), path=path, line=first.line)


def raise_faults(faults: Iterable[Fault], *, path: str) -> None:
    """Raise what was found, if anything."""
    found = tuple(faults)
    if found:
        raise SpecFaults(found, path=path)
