"""Outcomes may come in any order, in any parts, twice, and after the end: the final read-out is one and the same."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.project.readout_scene import CANDIDATE, CHAMPION, DAY, Scene

from tenfold.records.experiment import Readout

ROWS = 60


@cache
def _at_once() -> Readout:
    with TemporaryDirectory() as folder:
        return _final(folder, [list(range(ROWS))], reads=False, ended=False)


def _final(folder: str, parts: list[list[int]], *, reads: bool, ended: bool) -> Readout:
    """Let a trial run, outcomes arrive in these parts, a look be taken after each, and return the last look."""
    scene = Scene.begun(Path(folder) / "p")
    scene.answer(CANDIDATE, [True])
    ids = []
    for place in range(0, ROWS, 20):
        ids += scene.answer(CANDIDATE, [each % 5 > 0 for each in range(place, place + 10)], x=[0.2, 0.7] * 5)
        ids += scene.answer(CHAMPION, [each % 3 > 0 for each in range(place, place + 10)], x=[0.2, 0.7] * 5)
    if ended:
        scene.release("traffic", None)
    for part in parts:
        scene.later(DAY / 2)
        scene.tell([ids[place] for place in part])
        if reads:
            scene.read()
    scene.tell(ids)
    scene.clock.at = scene.clock.at.replace(year=2027)
    readout = scene.read()
    return replace(readout, at=readout.since, until=None, evidence=())


ORDERS = st.permutations(range(ROWS)).flatmap(
    lambda order: st.lists(st.integers(0, ROWS), max_size=4).map(
        lambda cuts: [
            list(order[low:high])
            for low, high in zip([0, *sorted(cuts)], [*sorted(cuts), ROWS], strict=True)
            if high > low
        ]
    )
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(parts=ORDERS, reads=st.booleans(), ended=st.booleans())
def test_any_order_of_arrival_gives_the_same_final_read_out(parts: list[list[int]], reads: bool, ended: bool) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        assert _final(one, parts, reads=reads, ended=ended) == _final(
            other, [list(range(ROWS))], reads=False, ended=False
        )
