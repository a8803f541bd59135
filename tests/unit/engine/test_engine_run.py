from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tenfold.engine.plan import plan
from tenfold.engine.run import RunOutcome, Surroundings, run_graph
from tenfold.engine.session import open_run
from tenfold.engine.stage import External, Stage
from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.errors import DataError, StoreError
from tenfold.foundation.events import Event
from tenfold.store.open import Store, open_store
from tenfold.testing.faults import FailAtWrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    value: int
    drawn: int = 0
    parts: tuple[int, ...] = ()


def add(*, options: Mapping[str, int], ctx: StageContext, **needed: Received[Sum] | int) -> StageResult[Sum]:
    parts = tuple(each if isinstance(each, int) else each.record.value for each in needed.values())
    value = sum(parts) + options["plus"]
    drawn = int(ctx.rng.integers(1_000_000))
    return StageResult(record=Sum(value=value, drawn=drawn, parts=parts), files={"value.txt": str(value).encode()})


def graph(**plus: int) -> tuple[Stage, ...]:
    """A diamond with a tail: source → a → (b, c) → d → e."""
    needs = {"a": ("source",), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("d",)}
    return tuple(
        Stage(name=name, needs=need, run=add, record=Sum, options={"plus": plus.get(name, 1)}, code="c")
        for name, need in needs.items()
    )


SOURCE = {"source": External.of("ten", 10)}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / ".tenfold") as opened:
        yield opened


def carry(
    store: Store,
    stages: tuple[Stage, ...],
    externals: Mapping[str, External] = SOURCE,
    *,
    around: Surroundings | None = None,
    until: str | None = None,
) -> RunOutcome:
    with open_run(store, spec="text", seed=7) as run:
        outcome = run_graph(stages, externals, store=store, run=run.id, around=around, until=until)
        run.finish("passed", document=b"{}")
        return outcome


def cached(outcome: RunOutcome) -> dict[str, bool]:
    return {report.name: report.cached for report in outcome.stages}


def test_stages_get_what_they_need_and_results_carry_record_files_and_fingerprint(store: Store):
    outcome = carry(store, graph())
    assert {name: received.record.value for name, received in outcome.results.items()} == {
        "a": 11,
        "b": 12,
        "c": 12,
        "d": 25,
        "e": 26,
    }
    assert outcome.results["d"].files["value.txt"].read_bytes() == b"25"
    assert [report.fingerprint for report in outcome.stages] == [
        received.fingerprint for received in outcome.results.values()
    ]
    assert (outcome.stopped, outcome.stopped_at) == (None, None)
    assert [part.stage for part in store.history.stages(outcome.run)] == ["a", "b", "c", "d", "e"]


def test_second_run_is_all_cached_and_gives_the_same(store: Store):
    first, second = carry(store, graph()), carry(store, graph())
    assert not any(cached(first).values())
    assert all(cached(second).values())
    assert first.results == second.results
    assert [part.cached for part in store.history.stages(second.run)] == [True] * 5


def test_fresh_record_is_the_one_that_a_later_run_will_read(store: Store):
    outcome = carry(store, graph())
    assert outcome.results["d"].record.parts == (12, 12)
    assert isinstance(outcome.results["d"].record, Sum)


@pytest.mark.parametrize(("changed", "rerun"), [("a", "abcde"), ("b", "bde"), ("c", "cde"), ("d", "de"), ("e", "e")])
def test_changed_option_reruns_the_stage_and_its_descendants_only(store: Store, changed: str, rerun: str):
    carry(store, graph())
    planned = plan(graph(**{changed: 2}), SOURCE, store=store)
    assert "".join(stage.name for stage in planned if not stage.cached) == rerun
    outcome = carry(store, graph(**{changed: 2}))
    assert "".join(name for name, kept in cached(outcome).items() if not kept) == rerun
    assert [stage.fingerprint for stage in planned] == [report.fingerprint for report in outcome.stages]


def test_going_back_to_old_options_finds_the_old_results(store: Store):
    first = carry(store, graph())
    carry(store, graph(b=2))
    again = carry(store, graph())
    assert all(cached(again).values())
    assert again.results == first.results


def test_plan_names_the_reason(store: Store):
    assert {stage.reasons for stage in plan(graph(), SOURCE, store=store)} == {("it never ran here",)}
    carry(store, graph())
    assert {stage.reasons for stage in plan(graph(), SOURCE, store=store)} == {()}
    planned = {stage.name: stage for stage in plan(graph(b=5), SOURCE, store=store)}
    assert planned["b"].reasons == ("option 'plus' changed from 1 to 5",)
    assert planned["d"].reasons == ("'b' runs again",)
    assert planned["b"].seconds is not None
    source = {"source": External.of("eleven", 11)}
    assert plan(graph(), source, store=store)[0].reasons == ("'source' changed",)
    assert plan(graph(), SOURCE, store=store, seed=8)[0].reasons == ("the seed changed from 7 to 8",)
    recoded = (Stage(name="a", needs=("source",), run=add, record=Sum, options={"plus": 1}, code="d"),)
    assert plan(recoded, SOURCE, store=store)[0].reasons == ("its code or a numeric library changed",)


def test_plan_writes_nothing(tmp_path: Path):
    with open_store(tmp_path / ".tenfold") as store:
        assert len(plan(graph(), SOURCE, store=store)) == 5
    assert not (tmp_path / ".tenfold").exists()


def test_external_is_loaded_once_and_only_when_something_needs_it(store: Store):
    loads = []

    def load() -> int:
        loads.append(1)
        return 10

    source = {"source": External(fingerprint="ten", load=load)}
    second = Stage(name="second", needs=("source",), run=add, record=Sum, options={"plus": 1})
    carry(store, (*graph(), second), source)
    assert len(loads) == 1
    carry(store, (*graph(), second), source)
    assert len(loads) == 1


def test_until_stops_after_that_stage(store: Store):
    assert list(carry(store, graph(), until="c").results) == ["a", "b", "c"]


def test_gate_stops_the_run_on_a_fresh_result_and_on_a_kept_one(store: Store):
    def not_above_twelve(result: Received[Sum]) -> str | None:
        return f"{result.record.value} is too much" if result.record.value > 12 else None

    stages = tuple(
        Stage(name=s.name, needs=s.needs, run=add, record=Sum, options=s.options, gate=not_above_twelve)
        for s in graph()
    )
    for _ in range(2):
        outcome = carry(store, stages)
        assert (outcome.stopped, outcome.stopped_at) == ("25 is too much", "d")
        assert list(outcome.results) == ["a", "b", "c", "d"]
    assert all(cached(outcome).values())


def test_failed_stage_leaves_the_finished_ones_cached_and_the_run_failed_with_the_reason(store: Store):
    def fail(*, options: object, ctx: StageContext, b: object) -> StageResult[Sum]:
        raise DataError("column 'x' is empty")

    broken = (*graph()[:2], Stage(name="d", needs=("b",), run=fail, record=Sum))
    with pytest.raises(DataError, match="column 'x'"):
        carry(store, broken)
    (run,) = store.history.recent()
    assert (run.status, run.reason) == ("failed", "column 'x' is empty")
    assert cached(carry(store, graph())) == {"a": True, "b": True, "c": False, "d": False, "e": False}


def test_interrupted_run_is_closed_as_stopped(store: Store):
    with pytest.raises(KeyboardInterrupt), open_run(store, spec="", seed=7):
        raise KeyboardInterrupt
    assert store.history.recent()[0].status == "stopped"


def test_run_that_nobody_finished_is_closed_as_stopped(store: Store):
    with open_run(store, spec="", seed=7) as run:
        pass
    assert run.closed == store.history.recent()[0]
    assert store.history.recent()[0].status == "stopped"


def test_only_timed_stages_see_the_deadline(store: Store):
    seen: dict[str, float | None] = {}

    def look(*, options: str, ctx: StageContext) -> StageResult[Sum]:
        seen[options] = ctx.deadline.at_seconds
        return StageResult(record=Sum(value=0))

    deadline = Deadline.after(60.0)
    stages = (
        Stage(name="timed", run=look, record=Sum, options="timed", timed=True),
        Stage(name="plain", run=look, record=Sum, options="plain"),
    )
    carry(store, stages, {}, around=Surroundings(deadline=deadline))
    assert seen == {"timed": deadline.at_seconds, "plain": None}
    again = carry(store, stages, {}, around=Surroundings(deadline=Deadline.after(5.0)))
    assert all(cached(again).values())


def test_interrupted_stage_goes_on_from_its_checkpoints(store: Store):
    rungs: list[int] = []

    def climb(*, options: Mapping[str, int], ctx: StageContext) -> StageResult[Sum]:
        for rung in range(4):
            if ctx.checkpoint.load(f"rung {rung}") is None:
                rungs.append(rung)
                if options["break_at"] == rung and len(rungs) == rung + 1:
                    raise KeyboardInterrupt
                ctx.checkpoint.save(f"rung {rung}", {"value": str(rung).encode()})
        return StageResult(record=Sum(value=len(ctx.checkpoint.names())))

    stages = (Stage(name="climb", run=climb, record=Sum, options={"break_at": 2}),)
    with pytest.raises(KeyboardInterrupt):
        carry(store, stages, {})
    assert carry(store, stages, {}).results["climb"].record.value == 4
    assert rungs == [0, 1, 2, 2, 3]
    assert store.checkpoints.of(store.results.latest("climb").fingerprint).names() == ()


def test_stage_made_again_because_its_result_was_damaged_takes_its_descendants_along(store: Store):
    first = carry(store, graph(b=2))
    first.results["b"].files["value.txt"].unlink()
    planned = {stage.name: stage.reasons for stage in plan(graph(b=2), SOURCE, store=store)}
    damaged = "its kept result is damaged: a file of it is missing or cut short"
    assert planned == {"a": (), "b": (damaged,), "c": (), "d": ("'b' runs again",), "e": ("'d' runs again",)}
    again = carry(store, graph(b=2))
    assert cached(again) == {"a": True, "b": False, "c": True, "d": False, "e": False}
    assert store.doctor(every_blob=True).ok


def test_events_tell_the_story(store: Store):
    told: list[Event] = []

    class Ear:
        def emit(self, event: Event) -> None:
            told.append(event)

    carry(store, graph()[:1])
    carry(store, graph()[:2], around=Surroundings(events=Ear(), deadline=Deadline.after(60.0)))
    assert [(event.kind, event.stage, event.facts["state"]) for event in told] == [
        ("run", "", "started"),
        ("stage", "a", "cached"),
        ("stage", "b", "started"),
        ("stage", "b", "finished"),
        ("run", "", "finished"),
    ]
    assert 0 < told[2].facts["remaining_seconds"] <= 60


def test_second_process_is_refused_with_the_number_of_the_first(store: Store, tmp_path: Path):
    script = (
        "from pathlib import Path; from tenfold.store.open import open_store; from tenfold.foundation.errors import *\n"
        f"with open_store(Path({str(tmp_path / '.tenfold')!r})) as store:\n"
        "    try: store.runs.begin(spec='', seed=7)\n"
        "    except StoreError as error: print(error)"
    )
    with open_run(store, spec="", seed=7):
        answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f"process {os.getpid()} is running this project" in answer.stdout


def test_error_that_cannot_be_recorded_is_still_the_error_that_is_raised(tmp_path: Path):
    fault = FailAtWrite(1 << 60)

    def fail(*, options: object, ctx: StageContext) -> StageResult[Sum]:
        fault.strike(1)
        raise DataError("the first error")

    with (
        open_store(tmp_path / ".tenfold", before_write=fault) as store,
        pytest.raises(DataError, match="the first error") as caught,
    ):
        carry(store, (Stage(name="fit", run=fail, record=Sum),), {})
    assert any("could not be closed: cannot write" in note for note in caught.value.__notes__)


def test_run_over_seven_cached_stages_is_quick(store: Store):
    """Bar: 0.3 s, in seconds of CPU so that other work on the machine does not count."""
    needs = ["source", *"abcdef"]
    stages = tuple(
        Stage(name=name, needs=(need,), run=add, record=Sum, options={"plus": 1})
        for name, need in zip("abcdefg", needs, strict=True)
    )
    carry(store, stages)
    began = time.process_time()
    assert all(cached(carry(store, stages)).values())
    assert time.process_time() - began < 0.3


def test_store_error_in_a_stage_result_names_the_store(store: Store):
    def missing(*, options: object, ctx: StageContext) -> StageResult[Sum]:
        return StageResult(record=Sum(value=1), files={"model": Path("/nonexistent/model")})

    with pytest.raises(StoreError, match="/nonexistent/model"):
        carry(store, (Stage(name="fit", run=missing, record=Sum),), {})
