"""Which requests are begun, when, and which are told to come again.

Each endpoint has a lane with a bounded queue of its own, so that one which is asked too much makes nobody else wait
for more than its turn. Scoring runs on the event loop, a little at a time: between two turns everything that arrived
is looked at. What takes long, a large body or a slow model, is scored by a thread of its lane.

What takes next to nothing, while nobody waits, is scored on the server's own thread as soon as its body is there: to
hand it to the loop and wake that up would cost more than its scoring.

The queue is bounded in time rather than in number: the requests that wait, times what one of them took of late.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

from tenfold.foundation.clock import Clock
from tenfold.gateway.refused import Code, Refused

TIMEOUT = "x-tenfold-timeout-ms"
_TURN_SECONDS = 0.002
"""How much is scored before the loop looks again at what has arrived."""
_SLOW_SECONDS = 0.02
"""From this mean on a model is scored by a thread of its lane, if half of it is the least that it took of late; until
either is half as long."""
_PROMPT_SECONDS = 0.003
"""Up to this a request is scored on the thread that it came by."""
_PROMPT_QUEUE_SECONDS = 0.08
"""Where more than this waits, the loop decides who comes next, and that thread goes on looking at what arrives."""
_NEW_SHARE = 0.1
"""The weight of the latest request in the mean time of scoring."""
_FORGET_QUICKEST = 1.02
"""By so much the least time is forgotten with each request."""
_STALL = 4.0
"""So many times the mean one scoring counts at most."""
_MILLISECONDS = re.compile(r"[1-9][0-9]{0,8}").fullmatch
_FORGET_SECONDS = 5.0
"""After so long without a scoring its mean time says nothing: one request is begun to learn it anew."""

Shed = Callable[[str, str], None]
_Waiter = asyncio.Future[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionLimits:
    """How much may wait in one worker.

    Attributes
    ----------
    wait_seconds : float
        How long a request may be expected to wait for its scoring.
    least : int
        So many requests may wait at an endpoint, however long they take.
    most : int
        So many wait at an endpoint at most, however short they are.
    most_of_all : int
        So many wait at all endpoints together.
    """

    wait_seconds: float = 0.5
    least: int = 16
    most: int = 1024
    most_of_all: int = 4096


@dataclass(slots=True, kw_only=True, eq=False)
class Lane:
    """One endpoint's queue.

    Attributes
    ----------
    knocked, begun : int
        Requests that came to the door and those that the event loop has taken over. Each is written by one thread.
    prompt : int
        Requests that the door's thread has answered by itself; that thread writes it.
    scoring_seconds : float
        What scoring one request took of late; 0 before the first.
    quickest_seconds : float
        The least of late: what scoring takes where nothing else keeps the machine busy.
    attained : float
        Seconds of scoring that the lane has had: of those that wait, the one with the least comes next.
    """

    name: str
    knocked: int = 0
    begun: int = 0
    prompt: int = 0
    scoring_seconds: float = 0.0
    quickest_seconds: float = 0.0
    scored_at: float = 0.0
    attained: float = 0.0
    slow: bool = False
    waiting: deque[_Waiter] = field(default_factory=deque)
    thread: ThreadPoolExecutor | None = None
    thread_busy: bool = False
    waiting_for_thread: deque[_Waiter] = field(default_factory=deque)

    @property
    def ahead(self) -> int:
        """How many requests a new one would find before it."""
        return self.knocked - self.begun - self.prompt + len(self.waiting) + len(self.waiting_for_thread)


class Ticket(NamedTuple):
    """What a request got at the door: when it came, on the monotonic clock, and the lane in which it is counted.

    ``prompt``: it may be answered by the door's thread, once its body is there.
    """

    arrived: float
    lane: Lane | None
    prompt: bool = False


class ClientLeftError(Exception):
    """Who asked has gone: nobody waits for the answer."""


class Admission:
    """Admits requests to their scoring.

    Parameters
    ----------
    shed : callable
        Hears the endpoint and the reason of each request that was not begun.
    """

    def __init__(self, *, clock: Clock, limits: AdmissionLimits, shed: Shed):
        self._clock = clock
        self._limits = limits
        self._shed = shed
        # Replaced as a whole: the server's thread goes through it while the event loop does.
        self._lanes: dict[str, Lane] = {}
        self._adding = threading.Lock()
        self._waiting = 0
        self._granted = 0
        self._turn_ends = 0.0

    def lane(self, name: str) -> Lane:
        """Return the lane of an endpoint."""
        found = self._lanes.get(name)
        if found is not None:
            return found
        with self._adding:
            if name not in self._lanes:
                self._lanes = {**self._lanes, name: Lane(name=name)}
            return self._lanes[name]

    def knock(self, lane: Lane) -> Refused | None:
        """Count a request that has come to the door; return why it is not let in, or None.

        Called on the server's own thread, before the body is read: a refusal costs next to nothing.
        """
        ahead = lane.ahead
        limits = self._limits
        if ahead >= limits.least:
            if ahead >= limits.most or self.expected_seconds(lane) > limits.wait_seconds:
                self._shed(lane.name, "overloaded")
                return OVERLOADED
            if self.waiting() >= limits.most_of_all:
                self._shed(lane.name, "busy")
                return BUSY
        lane.knocked += 1
        return None

    def expected_seconds(self, lane: Lane) -> float:
        """Return how long a request that comes now would wait for its scoring."""
        ahead = lane.ahead
        if not ahead:
            return 0.0
        # Lanes that have something to do take turns; what a thread scores does not hold up the loop.
        sharing = 1 if lane.slow else sum(1 for other in self._lanes.values() if other.ahead and not other.slow) or 1
        return ahead * lane.scoring_seconds * sharing

    def waiting(self) -> int:
        """Return how many requests wait for their scoring."""
        return sum(lane.ahead for lane in self._lanes.values())

    def enter(
        self,
        lane: Lane,
        deadline: float | None,
        *,
        aside: bool = False,
        gone: Callable[[], Awaitable[Any]] | None = None,
    ) -> Turn:
        """Return a context in which one request is scored, entered when it is its turn.

        Parameters
        ----------
        deadline : float or None
            On the monotonic clock: what cannot be scored by then is not begun.
        aside : bool
            Whether the scoring needs the lane's thread in any case; `Turn.aside` says whether it does.
        gone : callable or None
            Returns when the client has left; it is asked only where the request has to wait.

        Raises
        ------
        Refused
            On entering: ``deadline_exceeded``.
        ClientLeftError
            On entering: nobody waits any longer.
        """
        return Turn(admission=self, lane=lane, deadline=deadline, aside=aside or lane.slow, gone=gone)

    def is_prompt(self, lane: Lane) -> bool:
        """Whether a request is scored so quickly, and finds so little before it, that nobody has to take turns."""
        # Where the machine is busy with others, waiting for a turn as well would not make it less so.
        quickest = lane.quickest_seconds
        return (
            0.0 < quickest <= _PROMPT_SECONDS
            and not lane.slow
            and not self._waiting
            and not self._granted
            and lane.ahead * quickest <= _PROMPT_QUEUE_SECONDS
        )

    def scored_promptly(self, lane: Lane, began: float) -> float:
        """Note how long a request was scored that took nobody's turn; return the time."""
        now = self._clock.monotonic()
        self._took(lane, now - began, lane.scoring_seconds, now)
        return now

    def late(self, lane: Lane) -> Refused:
        """Count a request whose time is over, and return its refusal."""
        self._shed(lane.name, "deadline")
        return _refused(
            "deadline_exceeded",
            "the answer would come later than the request allows",
            "allow more milliseconds, send fewer instances, or ask again when less is going on",
            field=TIMEOUT,
        )

    async def begin(self, turn: Turn) -> None:
        """Return when it is a request's turn; see `enter`."""
        lane, now = turn.lane, self._clock.monotonic()
        turn.learning = turn.deadline is not None and self._may_learn(lane, turn.deadline, now)
        if turn.aside:
            if lane.thread_busy:
                await self._wait(turn, lane.waiting_for_thread)
            lane.thread_busy = True
            now = self._clock.monotonic()
        elif not self._may_begin(now):
            await self._wait(turn, lane.waiting)
            self._granted -= 1
            now = self._clock.monotonic()
            if self._turn_ends == 0.0:
                self._turn_ends = now + _TURN_SECONDS
                asyncio.get_running_loop().call_soon(self._next_turn)
        turn.began = now
        if turn.deadline is not None and now + (0.0 if turn.learning else lane.scoring_seconds) > turn.deadline:
            self._pass_on(turn)
            raise self.late(lane)

    def end(self, turn: Turn) -> None:
        """Note how long a request was scored, and pass its place on."""
        lane, now = turn.lane, self._clock.monotonic()
        self._took(lane, now - turn.began, 0.0 if turn.learning else lane.scoring_seconds, now)
        self._pass_on(turn)

    @staticmethod
    def _took(lane: Lane, seconds: float, before: float, now: float) -> None:
        # A process that stood still for a while says little of how long scoring takes; what lasts is learnt anyway.
        counted = min(seconds, _STALL * before)
        lane.scoring_seconds = mean = seconds if before == 0.0 else before + _NEW_SHARE * (counted - before)
        quickest = lane.quickest_seconds
        lane.quickest_seconds = min(seconds, _FORGET_QUICKEST * quickest) if quickest else seconds
        lane.scored_at = now
        lane.attained += seconds
        # A mean that rises while the least does not says that the machine is busy. A thread of its own would not make
        # that better: it would hand every request to and fro besides.
        lane.slow = mean > (
            _SLOW_SECONDS / 2 if lane.slow else _SLOW_SECONDS
        ) and lane.quickest_seconds > _SLOW_SECONDS / (4 if lane.slow else 2)

    def close(self) -> None:
        """End the threads of all lanes."""
        for lane in self._lanes.values():
            if lane.thread is not None:
                lane.thread.shutdown()

    def _may_learn(self, lane: Lane, deadline: float, now: float) -> bool:
        """Whether this request may find out how long scoring takes; refuse it where that is known to be too long.

        Raises
        ------
        Refused
            ``deadline_exceeded``.
        """
        if now > deadline:
            raise self.late(lane)
        if now - lane.scored_at >= _FORGET_SECONDS:
            # One finds out; those behind it go by what was known before.
            lane.scored_at = now
            return True
        ahead = len(lane.waiting) + len(lane.waiting_for_thread)
        if now + (1 + ahead) * lane.scoring_seconds > deadline:
            raise self.late(lane)
        return False

    def _may_begin(self, now: float) -> bool:
        """Whether a request may be scored at once: nobody waits, and this turn of the loop is not used up."""
        if self._waiting or self._granted:
            return False
        if self._turn_ends == 0.0:
            self._turn_ends = now + _TURN_SECONDS
            asyncio.get_running_loop().call_soon(self._next_turn)
            return True
        return now < self._turn_ends

    def _next_turn(self) -> None:
        """Let those begin whose turn it is, after whatever came meanwhile was looked at."""
        self._turn_ends = 0.0
        planned = 0.0
        while self._waiting and planned < _TURN_SECONDS:
            lane = min((lane for lane in self._lanes.values() if lane.waiting), key=_attained)
            waiter = lane.waiting.popleft()
            self._waiting -= 1
            if waiter.done():
                continue
            waiter.set_result(None)
            self._granted += 1
            planned += max(lane.scoring_seconds, _TURN_SECONDS / 20)

    def _pass_on(self, turn: Turn) -> None:
        lane = turn.lane
        if not turn.aside:
            return
        lane.thread_busy = False
        while lane.waiting_for_thread:
            waiter = lane.waiting_for_thread.popleft()
            if not waiter.done():
                lane.thread_busy = True
                waiter.set_result(None)
                return

    async def _wait(self, turn: Turn, queue: deque[_Waiter]) -> None:
        lane = turn.lane
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        leaving: asyncio.Future[Any] | None = None
        timer: asyncio.TimerHandle | None = None
        if turn.gone is not None:
            leaving = asyncio.ensure_future(turn.gone())
            leaving.add_done_callback(lambda _: _end(waiter, ClientLeftError()))
        if turn.deadline is not None:
            timer = loop.call_later(max(0.0, turn.deadline - self._clock.monotonic()), _end, waiter, _TimeOverError())
        self._queue(turn, waiter, queue)
        try:
            await waiter
        except ClientLeftError:
            self._drop(waiter, turn, queue)
            self._shed(lane.name, "client_left")
            raise
        except _TimeOverError:
            self._drop(waiter, turn, queue)
            raise self.late(lane) from None
        except asyncio.CancelledError:
            self._drop(waiter, turn, queue)
            if not waiter.cancelled():
                self._decline(turn)
            raise
        finally:
            if timer is not None:
                timer.cancel()
            if leaving is not None:
                leaving.cancel()

    def _queue(self, turn: Turn, waiter: _Waiter, queue: deque[_Waiter]) -> None:
        if turn.aside:
            queue.append(waiter)
            return
        if not queue:
            # Who had nothing to do has saved up no right to be served alone.
            busy = [other.attained for other in self._lanes.values() if other.waiting]
            turn.lane.attained = max(turn.lane.attained, min(busy, default=0.0))
        queue.append(waiter)
        self._waiting += 1
        self._turn_soon()

    def _drop(self, waiter: _Waiter, turn: Turn, queue: deque[_Waiter]) -> None:
        """Take a waiter out of its queue, if it is still there."""
        with suppress(ValueError):
            queue.remove(waiter)
            if not turn.aside:
                self._waiting -= 1

    def _decline(self, turn: Turn) -> None:
        """Pass on a turn that was granted to a request which ended at the same moment."""
        if turn.aside:
            self._pass_on(turn)
        else:
            self._granted -= 1
            self._turn_soon()

    def _turn_soon(self) -> None:
        if self._turn_ends == 0.0 and not self._granted:
            self._turn_ends = self._clock.monotonic()
            asyncio.get_running_loop().call_soon(self._next_turn)


@dataclass(slots=True, kw_only=True, eq=False)
class Turn:
    """One request's time of being scored; see `Admission.enter`.

    Attributes
    ----------
    aside : bool
        Whether the scoring must run on `thread`.
    began : float
        When it began, on the monotonic clock.
    learning : bool
        Whether it finds out how long scoring takes now: what was known of it is forgotten.
    """

    admission: Admission
    lane: Lane
    deadline: float | None
    aside: bool
    gone: Callable[[], Awaitable[Any]] | None
    began: float = 0.0
    learning: bool = False

    @property
    def thread(self) -> ThreadPoolExecutor:
        """The lane's thread."""
        lane = self.lane
        if lane.thread is None:
            lane.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"scoring-{lane.name}")
        return lane.thread

    async def __aenter__(self) -> Self:
        await self.admission.begin(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.admission.end(self)


class _TimeOverError(Exception):
    """A request's deadline has come while it waited."""


def _end(waiter: _Waiter, error: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(error)


def _attained(lane: Lane) -> float:
    return lane.attained


def _refused(code: Code, message: str, fix: str, *, field: str = "endpoint") -> Refused:
    return Refused(code, message, field=field, fix=fix)


# Told at the door, and never raised: an error that is raised again and again keeps the traces of all times.
OVERLOADED = _refused(
    "overloaded",
    "more is asked of this endpoint than it can answer in time",
    "wait as long as the header 'retry-after' says, and send fewer requests at a time",
)
BUSY = _refused(
    "busy",
    "more is asked of this gateway than it can answer in time",
    "wait as long as the header 'retry-after' says, or serve with more --workers",
)


def deadline_of(text: str | None, arrived: float) -> float | None:
    """Return when an answer is due on the monotonic clock, from the header that allows it so many milliseconds.

    Raises
    ------
    Refused
        When the header is no number of milliseconds.
    """
    if text is None:
        return None
    if _MILLISECONDS(text):
        return arrived + int(text) / 1000
    raise _refused(
        "bad_timeout",
        "the header is not a number of milliseconds",
        "send a whole number above 0, as 250",
        field=TIMEOUT,
    )
