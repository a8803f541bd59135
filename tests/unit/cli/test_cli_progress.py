from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tenfold.cli.progress import Board, LiveBoard, PlainLines
from tenfold.foundation.clock import ManualClock
from tenfold.foundation.events import Event

AT = datetime(2026, 11, 23, tzinfo=UTC)
STAGES = ["problem", "data", "training"]


def event(kind: Any, stage: str = "", message: str = "", **facts: object) -> Event:
    return Event(kind=kind, stage=stage, message=message, facts=facts)


def board(clock: ManualClock) -> LiveBoard:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    return LiveBoard(console, "tenfold run", 60.0, clock)


def drawn(live: LiveBoard) -> list[str]:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(live.render())
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_board_shows_stages_time_what_is_tried_the_best_so_far_and_the_time_left() -> None:
    clock = ManualClock(at=AT)
    live = board(clock)
    live.emit(event("run", state="started", stages=STAGES))
    live.emit(event("stage", "problem", state="started", remaining_seconds=60.0))
    clock.seconds = 2.0
    live.emit(event("stage", "problem", state="finished", seconds=2.0, remaining_seconds=58.0))
    live.emit(event("stage", "data", state="cached", seconds=0.01, remaining_seconds=58.0))
    live.emit(event("stage", "training", state="started", remaining_seconds=58.0))
    live.emit(event("candidate", "training", "lightgbm-3: 0.91", score=0.91, best=0.91))
    live.emit(event("candidate", "training", "linear-1: 0.85", score=0.85, best=0.91))
    clock.seconds = 12.0
    assert drawn(live) == [
        "tenfold run  12 s  48 s left",
        "✓ problem        2.0 s",
        "✓ data          cached",
        "● training        10 s 2 tried, best 0.91  linear-1: 0.85",
    ]


def test_the_board_of_a_finished_run_counts_no_time_down() -> None:
    clock = ManualClock(at=AT)
    live = board(clock)
    live.emit(event("stage", "data", state="started", remaining_seconds=10.0))
    live.emit(event("stage", "data", "no signal", state="stopped"))
    assert drawn(live)[0] == "tenfold run  0.0 s"
    assert drawn(live)[1].startswith("✗ data")


def test_plain_lines_tell_each_stage_once_and_the_best_now_and_then() -> None:
    clock, stream = ManualClock(at=AT), io.StringIO()
    plain = PlainLines(stream, clock)
    plain.emit(event("run", state="started", stages=STAGES))
    plain.emit(event("stage", "problem", state="started"))
    plain.emit(event("note", "problem", "the metric is roc_auc"))
    plain.emit(event("stage", "problem", state="finished", seconds=1.25))
    plain.emit(event("stage", "data", state="cached", seconds=0.0))
    plain.emit(event("stage", "training", state="started"))
    for step in range(40):
        clock.seconds += 1.0
        plain.emit(event("candidate", "training", f"lightgbm-{step}", best=0.5 + step / 100))
    plain.emit(event("warning", message="no time for extra_trees"))
    plain.emit(event("stage", "training", "not feasible", state="stopped"))
    lines = stream.getvalue().splitlines()
    assert lines[:3] == ["the metric is roc_auc", "problem: 1.2 s", "data: cached"]
    assert lines[3:-2] == [f"training: {n} tried, best {0.5 + (n - 1) / 100:.5g}" for n in (10, 20, 30, 40)]
    assert lines[-2:] == ["warning: no time for extra_trees", "training: stopped: not feasible"]


def test_a_reader_of_stderr_that_left_does_not_stop_the_run() -> None:
    stream = io.StringIO()
    plain = PlainLines(stream, ManualClock(at=AT))
    stream.close()
    plain.emit(event("note", message="nobody hears this"))
    PlainLines(None, ManualClock(at=AT)).emit(event("note", message="nor this"))


anything = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)
events = st.builds(
    Event,
    kind=st.sampled_from(["run", "stage", "progress", "candidate", "note", "warning"]),
    stage=st.sampled_from(["", "data", "[b]x[/b]"]),
    message=st.text(max_size=10),
    facts=st.dictionaries(
        st.sampled_from(
            [
                "state",
                "seconds",
                "remaining_seconds",
                "stages",
                "best",
                "score",
                "metric",
                "learner",
                "tried",
                "done",
                "total",
            ]
        ),
        anything,
        max_size=5,
    ),
)


@given(st.lists(events, max_size=8))
def test_no_event_breaks_the_display(told: list[Event]) -> None:
    clock = ManualClock(at=AT)
    live, plain = board(clock), PlainLines(io.StringIO(), clock)
    for one in told:
        live.emit(one)
        plain.emit(one)
    assert drawn(live)


def test_a_board_is_never_changed_only_replaced() -> None:
    before = Board(began_seconds=0.0)
    after = before.after(event("stage", "data", state="started"), 1.0)
    assert dict(before.stages) == {}
    assert after.stages["data"].state == "started"
    with pytest.raises(AttributeError):
        before.began_seconds = 1.0  # type: ignore[misc]  # that is the test
