"""What is begun, in which order, and what is told to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tenfold.foundation.clock import ManualClock
from tenfold.gateway.admission import Admission, AdmissionLimits, ClientLeftError, Lane, deadline_of
from tenfold.gateway.refused import Refused
from tenfold.gateway.request_id import request_id


class Bench:
    """An admission whose clock moves only while something is scored."""

    def __init__(self, **limits: Any):
        self.clock = ManualClock(at=datetime(2026, 3, 1, tzinfo=UTC), seconds=100.0)
        self.shed: list[tuple[str, str]] = []
        self.order: list[str] = []
        self.admission = Admission(
            clock=self.clock, limits=AdmissionLimits(**limits), shed=lambda name, why: self.shed.append((name, why))
        )

    async def score(
        self,
        lane: Lane,
        seconds: float,
        deadline: float | None = None,
        gone: Callable[[], Awaitable[Any]] | None = None,
    ) -> str:
        try:
            async with self.admission.enter(lane, deadline, gone=gone):
                self.clock.seconds += seconds
                self.order.append(lane.name)
        except Refused as refused:
            return refused.code
        except ClientLeftError:
            return "left"
        return "scored"


def test_what_arrives_while_the_queue_is_full_is_refused_at_the_door_with_its_reason():
    bench = Bench(wait_seconds=0.1, least=4)
    lane = bench.admission.lane("a")
    lane.scoring_seconds = 0.005
    refusals = [bench.admission.knock(lane) for _ in range(60)]
    let_in = sum(refused is None for refused in refusals)
    assert let_in == 21
    assert {refused.code for refused in refusals if refused is not None} == {"overloaded"}
    assert bench.shed == [("a", "overloaded")] * (60 - let_in)
    lane.begun += let_in
    assert bench.admission.knock(lane) is None


def test_a_few_requests_may_wait_however_slow_the_model_is():
    bench = Bench(wait_seconds=0.1, least=4)
    lane = bench.admission.lane("a")
    lane.scoring_seconds = 60.0
    assert [bench.admission.knock(lane) is None for _ in range(6)] == [True] * 4 + [False] * 2


def test_another_endpoint_is_let_in_while_one_is_overloaded():
    bench = Bench(least=1, most=10)
    noisy, quiet = bench.admission.lane("noisy"), bench.admission.lane("quiet")
    assert [bench.admission.knock(noisy) is None for _ in range(50)].count(True) == 10
    assert bench.admission.knock(quiet) is None


def test_a_quiet_endpoint_waits_for_one_turn_of_a_noisy_one_not_for_its_queue():
    async def act(bench: Bench) -> list[str]:
        noisy, quiet = bench.admission.lane("noisy"), bench.admission.lane("quiet")
        tasks = [asyncio.create_task(bench.score(noisy, 0.005)) for _ in range(20)]
        tasks.append(asyncio.create_task(bench.score(quiet, 0.001)))
        return list(await asyncio.gather(*tasks))

    bench = Bench()
    assert set(asyncio.run(act(bench))) == {"scored"}
    assert bench.order.index("quiet") <= 2


def test_late_work_is_not_begun():
    async def act(bench: Bench) -> list[str]:
        lane = bench.admission.lane("a")
        first = await bench.score(lane, 0.2)
        due = bench.clock.seconds + 0.1
        return [first, *[await bench.score(lane, 0.2, due) for _ in range(50)]]

    bench = Bench()
    assert asyncio.run(act(bench)) == ["scored", *["deadline_exceeded"] * 50]
    assert bench.order == ["a"]
    assert bench.shed == [("a", "deadline")] * 50


def test_after_a_while_one_request_finds_out_whether_the_model_is_still_slow():
    async def act(bench: Bench) -> list[str]:
        lane = bench.admission.lane("a")
        await bench.score(lane, 0.2)
        bench.clock.seconds += 10.0
        return [await bench.score(lane, 0.01, bench.clock.seconds + 0.1) for _ in range(3)]

    assert asyncio.run(act(Bench())) == ["scored"] * 3


def scored_aside(seconds: list[float]) -> list[bool]:
    """Whether a lane's thread would score the next one, after each of these times."""
    bench = Bench()
    lane = bench.admission.lane("a")
    found = []
    for each in seconds:
        began = bench.clock.seconds
        bench.clock.seconds += each
        bench.admission.scored_promptly(lane, began)
        found.append(lane.slow)
    return found


def test_a_slow_model_is_scored_by_a_thread_of_its_lane_until_it_is_quick():
    aside = scored_aside([0.03] * 5 + [0.004] * 60)
    assert aside[4] is True
    assert aside[-1] is False


def test_a_busy_machine_makes_no_model_slow():
    assert not any(scored_aside([0.005, *[0.06, 0.06, 0.06, 0.006] * 50]))


def test_a_client_who_leaves_cancels_what_waits():
    async def act(bench: Bench) -> list[str]:
        lane = bench.admission.lane("a")

        async def leaves() -> None:
            return

        async def stays() -> None:
            await asyncio.Event().wait()

        gone = [leaves if number % 2 else stays for number in range(20)]
        return list(await asyncio.gather(*[bench.score(lane, 0.005, gone=each) for each in gone]))

    bench = Bench()
    told = asyncio.run(act(bench))
    assert told.count("scored") == len(bench.order)
    assert told.count("left") == bench.shed.count(("a", "client_left")) > 0
    assert told[::2] == ["scored"] * 10
    assert bench.admission.waiting() == 0


def test_a_cancelled_request_blocks_nobody():
    async def act(bench: Bench) -> list[str]:
        lane = bench.admission.lane("a")
        tasks = [asyncio.create_task(bench.score(lane, 0.005)) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks[3:6]:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return [each if isinstance(each, str) else "cancelled" for each in found]

    bench = Bench()
    told = asyncio.run(act(bench))
    assert told.count("cancelled") == 3
    assert told.count("scored") == 7
    assert asyncio.run(bench.score(bench.admission.lane("b"), 0.001)) == "scored"


@pytest.mark.parametrize("text", ["", "0", "-5", "1.5", "1e3", "ten", "9999999999", "٣"])
def test_a_timeout_that_is_no_number_of_milliseconds_is_refused(text: str):
    with pytest.raises(Refused) as refused:
        deadline_of(text, 0.0)
    assert refused.value.code == "bad_timeout"


def test_a_timeout_counts_from_the_arrival():
    assert deadline_of("250", 10.0) == 10.25
    assert deadline_of(None, 10.0) is None


def test_a_sane_request_id_is_kept_and_another_one_replaced():
    assert request_id("01a2-f/b:c=") == "01a2-f/b:c="
    for sent in (None, "", "a b", "a\nb", "x" * 129, "ü"):
        assert request_id(sent) != sent
    assert request_id(None) != request_id(None)
