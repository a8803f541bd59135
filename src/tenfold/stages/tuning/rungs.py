"""Which trial goes how far: each whole at once, by Hyperband's brackets, or by asynchronous halving."""

from __future__ import annotations

import bisect
import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tenfold.stages.tuning.brackets import ETA, LONGEST, Rung, brackets, units_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A trial to be fitted to a share of a whole fit; 1 is the whole."""

    number: int
    share: float


class Rungs(Protocol):
    """Gives jobs, is told losses, and never looks at a clock: the same losses give the same jobs."""

    @property
    def begun(self) -> int:
        """How many trials there are so far."""
        ...

    def next_jobs(self, count: int, most: int) -> list[Job]:
        """Return up to ``count`` jobs that may run side by side; no trial's number reaches ``most``."""
        ...

    def tell(self, job: Job, loss: float) -> None:
        """Take note of a loss; infinite when there was none."""
        ...


@dataclass
class Whole:
    """Every trial is fitted to the end."""

    begun: int = 0

    def next_jobs(self, count: int, most: int) -> list[Job]:
        numbers = range(self.begun, min(self.begun + count, most))
        self.begun += len(numbers)
        return [Job(number=number, share=1.0) for number in numbers]

    def tell(self, job: Job, loss: float) -> None:
        return None


@dataclass
class Hyperband:
    """Brackets of successive halving, one after the other and round after round.

    Li et al. (2018), algorithm 1. ``longest`` is the paper's R: 81 where a round of 143 settings can be afforded, less
    where it cannot.
    """

    longest: int = LONGEST
    begun: int = 0
    _bracket: int = -1
    _rung: int = 0
    _waiting: list[Job] = field(default_factory=list)
    _running: int = 0
    _losses: list[tuple[float, int]] = field(default_factory=list)

    def next_jobs(self, count: int, most: int) -> list[Job]:
        while not self._waiting and not self._running:
            self._advance(most)
            # A rung of which nothing could be fitted sends nothing on: the next bracket has its turn.
            if not self._waiting and self._rung == 0:
                break
        given, self._waiting = self._waiting[:count], self._waiting[count:]
        self._running += len(given)
        return given

    def tell(self, job: Job, loss: float) -> None:
        self._running -= 1
        self._losses.append((loss, job.number))

    def _advance(self, most: int) -> None:
        """Lay out the next rung: the best of the one before, or new settings in the next bracket."""
        rungs = self._rungs()
        if self._bracket >= 0 and self._rung + 1 < len(rungs):
            self._rung += 1
            best = [number for loss, number in sorted(self._losses) if math.isfinite(loss)]
            # Where the budget in trials cut a rung short, as large a part of it goes on.
            kept = max(1, min(rungs[self._rung].settings, len(self._losses) // ETA))
            numbers: Sequence[int] = best[:kept]
        else:
            self._bracket, self._rung = self._bracket + 1, 0
            rungs = self._rungs()
            numbers = range(self.begun, min(self.begun + rungs[0].settings, most))
            self.begun += len(numbers)
        share = rungs[self._rung].units / self.longest
        self._losses = []
        self._waiting = [Job(number=number, share=share) for number in sorted(numbers)]

    def _rungs(self) -> tuple[Rung, ...]:
        made = brackets(self.longest)
        return made[self._bracket % len(made)]


@dataclass
class Asha:
    """Asynchronous successive halving: whenever a lane is free, the best that may go on does, else a new trial begins.

    Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar (2020), "A system for massively parallel
    hyperparameter tuning", algorithm 2.
    """

    longest: int = LONGEST
    begun: int = 0
    _done: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    _staying: dict[int, list[tuple[float, int]]] = field(default_factory=dict)

    def next_jobs(self, count: int, most: int) -> list[Job]:
        return [job for job in (self._next(most) for _ in range(count)) if job is not None]

    def tell(self, job: Job, loss: float) -> None:
        units = round(job.share * self.longest)
        bisect.insort(self._done.setdefault(units, []), (loss, job.number))
        heapq.heappush(self._staying.setdefault(units, []), (loss, job.number))

    def _next(self, most: int) -> Job | None:
        units = self.longest // ETA
        while units >= 1:
            done, staying = self._done.get(units, []), self._staying.get(units, [])
            # The best that has not gone on yet may, when it is among the best third of its rung.
            if staying and math.isfinite(staying[0][0]) and bisect.bisect_left(done, staying[0]) < len(done) // ETA:
                _, number = heapq.heappop(staying)
                return Job(number=number, share=units * ETA / self.longest)
            units //= ETA
        if self.begun >= most:
            return None
        self.begun += 1
        return Job(number=self.begun - 1, share=1 / self.longest)


def affordable(fits: float, settings: int) -> int:
    """Return the greatest R, a power of three up to 81, whose round of Hyperband costs no more than so many fits.

    Parameters
    ----------
    fits : float
        Whole fits that can be afforded; infinite when nobody counts.
    settings : int
        Settings that may be tried.
    """
    longest = LONGEST
    while longest > ETA:
        made = brackets(longest)
        cost = sum(units_of(rungs) for rungs in made) / longest
        if cost <= fits and sum(rungs[0].settings for rungs in made) <= settings:
            return longest
        longest //= ETA
    return ETA
