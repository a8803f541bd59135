"""What a pure stage still needs from outside: chance, time, workers, a place for half-finished work, an ear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from tenfold.foundation.clock import Clock, Deadline, SystemClock
from tenfold.foundation.errors import TenfoldError
from tenfold.foundation.events import Events, Silent

Item = TypeVar("Item")
Result = TypeVar("Result")
Record = TypeVar("Record")


class CallLost(TenfoldError):
    """A call of a map whose worker process died in the middle of it, each time it was tried.

    Attributes
    ----------
    index : int
        The place of its item.
    """

    def __init__(self, message: str, *, index: int):
        super().__init__(message)
        self.index = index


class ParallelMap(Protocol):
    """Run the same function on many items, in worker processes or inline."""

    @property
    def workers(self) -> int:
        """How many calls run at once."""
        ...

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, deadline: Deadline | None = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield ``(index, result)`` as calls finish.

        ``function`` must be a module-level function and items must pickle. Past the deadline unfinished calls are
        abandoned and not yielded; the first exception of a call is raised. A call whose worker process dies is made
        once more; when that dies too, `CallLost` is raised.
        """
        ...


class InlineMap:
    """Calls one after the other in this process: pleasant to debug."""

    workers = 1

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, deadline: Deadline | None = None
    ) -> Iterator[tuple[int, Result]]:
        for index, item in enumerate(items):
            if deadline is not None and deadline.expired:
                return
            yield index, function(item)


class Checkpoints(Protocol):
    """Half-finished work of one stage, kept across a crash."""

    def save(self, name: str, files: Mapping[str, bytes]) -> None:
        """Keep ``files`` under ``name``, durable when this returns."""
        ...

    def load(self, name: str) -> Mapping[str, bytes] | None:
        """Return what an earlier, interrupted attempt kept under ``name``."""
        ...

    def names(self) -> Sequence[str]:
        """Return the names kept, oldest first."""
        ...


class NoCheckpoints:
    """Nothing is kept."""

    def save(self, name: str, files: Mapping[str, bytes]) -> None:
        return None

    def load(self, name: str) -> Mapping[str, bytes] | None:
        return None

    def names(self) -> Sequence[str]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """Everything a stage may use beside its inputs.

    Attributes
    ----------
    rng : numpy.random.Generator
        Seeded from the project's seed and the stage's name.
    seed : int
        The project's seed, for libraries that want a number.
    deadline : Deadline
        When the stage must have returned.
    map : ParallelMap
        Runs calls in parallel.
    """

    rng: np.random.Generator
    seed: int = 7
    clock: Clock = field(default_factory=SystemClock)
    deadline: Deadline = field(default_factory=Deadline)
    map: ParallelMap = field(default_factory=InlineMap)
    checkpoint: Checkpoints = field(default_factory=NoCheckpoints)
    events: Events = field(default_factory=Silent)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult(Generic[Record]):
    """What a stage returns: its record, and payload files by name (bytes, or a file to take over)."""

    record: Record
    files: Mapping[str, bytes | Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Generic[Record]):
    """What a later stage gets of an earlier one: the record, and its payload files as paths to read.

    ``fingerprint`` names the result; records refer to each other by it.
    """

    record: Record
    files: Mapping[str, Path] = field(default_factory=dict)
    fingerprint: str = ""
