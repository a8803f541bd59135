"""The door: what takes next to nothing is answered on the thread that it came by, all else by the event loop."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from gateway_scene import ENDPOINT, ROW, body_of
from granian._granian import RSGIProtocolError
from protocol_scene import JSON, Answer, Plane, Scope, plane

from tenfold.gateway.admission import Lane, Ticket
from tenfold.gateway.listener import Coming, Door, DoorLoop


@dataclass
class Future:
    """What granian's protocol returns for a body."""

    loop: asyncio.AbstractEventLoop
    body: bytes = b""
    told: Callable[[Any], None] | None = None
    cancelled: bool = False

    def add_done_callback(self, told: Callable[[Any], None]) -> None:
        self.told = told

    def come(self, body: bytes) -> None:
        self.body = body
        assert self.told is not None
        self.loop.call_soon_threadsafe(self.told, self)

    def result(self) -> bytes:
        return self.body

    def cancel(self) -> None:
        self.cancelled = True


class Watcher:
    """One request, as granian hands it over."""

    def __init__(self, future: Future):
        self.scope, self.future, self.ended = None, future, 0

    def proto(self) -> Future:
        return self.future

    def taskref(self, task: object) -> None:
        del task

    def done(self) -> None:
        self.ended += 1

    def err(self, error: BaseException) -> None:
        raise AssertionError(error)


@dataclass
class Heard:
    """An application that notes who was answered, on which thread and how."""

    prompt: bool = True
    ticket: Ticket = field(default_factory=lambda: Ticket(0.0, Lane(name="e"), prompt=True))
    body_seconds: float = 10.0
    heard: list[tuple[str, bytes, int]] = field(default_factory=list)

    def at_door(self, scope: Any, proto: Any) -> Ticket | None:
        return self.ticket

    async def answer(self, scope: Any, proto: Any, ticket: Ticket, body: Coming | None = None) -> None:
        self._hear("turn", b"unread" if body is None else body.read())

    def answer_promptly(self, scope: Any, proto: Any, ticket: Ticket, body: Coming) -> bool:
        if self.prompt:
            self._hear("prompt", body.read())
        return self.prompt

    def answer_late(self, scope: Any, proto: Any, ticket: Ticket) -> None:
        self._hear("late", b"")

    def _hear(self, how: str, body: bytes) -> None:
        self.heard.append((how, body, threading.get_ident()))


@pytest.fixture
def loop() -> Iterator[DoorLoop]:
    found = DoorLoop()
    yield found
    found.close()


def elsewhere(work: Callable[[], object]) -> int:
    """Do something on another thread, and return which."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert thread.ident is not None
    return thread.ident


def test_a_body_that_has_come_is_answered_on_the_thread_that_brought_it(loop: DoorLoop):
    heard, watcher = Heard(), Watcher(Future(loop))
    door = Door(heard, loop)
    thread = elsewhere(lambda: (door.take(watcher), watcher.future.come(b"body")))
    assert heard.heard == [("prompt", b"body", thread)]
    assert watcher.ended == 1


def test_who_has_to_wait_is_answered_by_the_loop_with_the_body_that_was_read(loop: DoorLoop):
    heard, watcher = Heard(prompt=False), Watcher(Future(loop))
    door = Door(heard, loop)
    elsewhere(lambda: (door.take(watcher), watcher.future.come(b"body")))
    assert heard.heard == []
    loop.run_until_complete(asyncio.sleep(0.0))
    loop.run_until_complete(asyncio.sleep(0.0))
    assert heard.heard == [("turn", b"body", threading.get_ident())]
    assert watcher.ended == 1


def test_a_request_that_is_not_prompt_is_read_by_the_loop(loop: DoorLoop):
    heard = Heard(ticket=Ticket(0.0, Lane(name="e")))
    watcher = Watcher(Future(loop))
    door = Door(heard, loop)
    elsewhere(lambda: door.take(watcher))
    loop.run_until_complete(asyncio.sleep(0.0))
    loop.run_until_complete(asyncio.sleep(0.0))
    assert heard.heard == [("turn", b"unread", threading.get_ident())]
    assert watcher.future.told is None


def test_a_body_that_does_not_come_is_refused_once_and_read_no_more(loop: DoorLoop):
    heard = Heard(ticket=Ticket(loop.time() - 60.0, Lane(name="e"), prompt=True), body_seconds=30.0)
    late, young = Watcher(Future(loop)), Watcher(Future(loop))
    door = Door(heard, loop)
    door.take(late)
    heard.ticket = Ticket(loop.time(), Lane(name="e"), prompt=True)
    door.take(young)
    door.look()
    door.look()
    assert [how for how, *_ in heard.heard] == ["late"]
    assert (late.ended, late.future.cancelled, young.ended) == (1, True, 0)
    late.future.come(b"at last")
    young.future.come(b"in time")
    assert [each[:2] for each in heard.heard] == [("late", b""), ("prompt", b"in time")]


# The application behind the door.


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with plane(tmp_path_factory.mktemp("door")) as found:
        yield found


def known_as_quick(served: Plane) -> None:
    """Let the lane know a time of scoring that does not depend on what else the machine does."""
    ticket = served.application.at_door(Scope("POST", f"/predict/{ENDPOINT}", JSON), Answer(b""))
    assert ticket is not None
    assert ticket.lane is not None
    ticket.lane.begun += 1
    ticket.lane.scoring_seconds = ticket.lane.quickest_seconds = 1e-4


class Read:
    """A body that has come."""

    def __init__(self, body: bytes | Exception):
        self.body = body

    def read(self) -> bytes:
        if isinstance(self.body, Exception):
            raise self.body
        return self.body


def promptly(served: Plane, body: bytes | Exception, path: str = f"/predict/{ENDPOINT}") -> Answer:
    known_as_quick(served)
    scope, answer = Scope("POST", path, {**JSON, "content-length": "100"}), Answer(b"")
    ticket = served.application.at_door(scope, answer)
    assert ticket is not None
    assert ticket.prompt
    assert served.application.answer_promptly(scope, answer, ticket, Read(body))
    return answer


@pytest.mark.parametrize("body", [body_of(ROW), body_of(ROW, {**ROW, "age": None}), body_of({**ROW, "age": "x"}), b"{"])
def test_an_answer_at_once_is_the_answer_in_turn(served: Plane, body: bytes):
    path = f"/predict/{ENDPOINT}"
    prompt, turn = promptly(served, body), served.ask("POST", path, body)
    assert prompt.status == turn.status
    assert {**prompt.document, "ids": 0} == {**turn.document, "ids": 0}
    assert prompt.headers.keys() == turn.headers.keys()


def test_a_body_cut_short_is_refused_at_once(served: Plane):
    answer = promptly(served, RSGIProtocolError("stream"))
    assert (answer.status, answer.document["error"]["code"]) == (400, "incomplete_body")


def test_requests_at_once_are_counted_as_others_are(served: Plane):
    def counted(name: str) -> float:
        return sum(value for (found, _), value in served.application.samples().items() if found == name)

    before = {name: counted(name) for name in ("tenfold_requests_total", "tenfold_rows_total")}
    promptly(served, body_of(ROW, ROW))
    assert counted("tenfold_requests_total") == before["tenfold_requests_total"] + 1
    assert counted("tenfold_rows_total") == before["tenfold_rows_total"] + 2
    assert counted("tenfold_requests_waiting") == 0.0


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/explain/{ENDPOINT}", {"content-length": "100"}),
        (f"/predict/{ENDPOINT}", {"content-length": "100000000"}),
        (f"/predict/{ENDPOINT}", {"transfer-encoding": "chunked"}),
        (f"/predict/{ENDPOINT}", {"content-length": "100", "x-tenfold-timeout-ms": "50"}),
    ],
)
def test_what_may_take_long_or_has_a_deadline_takes_its_turn(served: Plane, path: str, headers: dict[str, str]):
    known_as_quick(served)
    scope = Scope("POST", path, {**JSON, **headers})
    ticket = served.application.at_door(scope, Answer(b""))
    assert ticket is not None
    assert not ticket.prompt
    assert ticket.lane is not None
    ticket.lane.begun += 1


def test_a_new_worker_learns_first_how_long_scoring_takes(tmp_path: Path):
    with plane(tmp_path) as fresh:
        scope = Scope("POST", f"/predict/{ENDPOINT}", {**JSON, "content-length": "100"})
        ticket = fresh.application.at_door(scope, Answer(b""))
        assert ticket is not None
        assert not ticket.prompt


@pytest.mark.parametrize("ending", ["arrives", "dropped"])
def test_a_body_that_came_or_was_dropped_lets_go_of_what_granian_holds_for_good(ending: str) -> None:
    class Shut:
        def arrived(self, coming: Coming) -> None:
            assert coming.read() == b"all of it"

    future = Future(loop=asyncio.new_event_loop())
    coming = Coming(Shut(), Watcher(future), Ticket(arrived=0.0, lane=None))  # type: ignore[arg-type]
    future.body = b"all of it"
    if ending == "arrives":
        coming(future)
    else:
        coming.drop()
    future.loop.close()
    # The future holds `coming` as its callback: nothing may lead back from it.
    assert future not in gc.get_referents(coming)
    assert future.cancelled == (ending == "dropped")
