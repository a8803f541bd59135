"""What a new version must be before it takes another's place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.unit.gateway.gateway_scene import ENDPOINT, NOON, ROW, boosted, release, route, set_up

from tenfold.bundle.model import Model, Probe
from tenfold.foundation.clock import ManualClock, SystemClock
from tenfold.foundation.errors import StoreError
from tenfold.gateway.body import Asked
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.fitness import check_fit
from tenfold.gateway.instances import Conforming
from tenfold.gateway.metrics import Counts
from tenfold.gateway.predicting import Predicting
from tenfold.gateway.refused import Refused
from tenfold.gateway.version import Version
from tenfold.gateway.watch import Watch
from tenfold.store.predictions.log import PredictionLog

CLOCK = SystemClock()


def probed(model: Model, score: float = 0.5) -> Model:
    rows = pl.DataFrame({name: [None] for name in model.signature.names})
    return replace(model, probe=Probe(rows=rows, scores=np.array([[score, 1.0 - score]])))


TIME = ManualClock(at=NOON)


class Waiting:
    """A plan that takes its time: the clock's, so that a busy machine does not matter."""

    def __init__(self, plan: Any, seconds: float):
        self._plan = plan
        self._seconds = seconds

    def scores_row(self, row: Any) -> Any:
        TIME.seconds += self._seconds
        return self._plan.scores_row(row)


def version(number: int, *, seconds: float, score: float = 0.5) -> Version:
    made = Version.of(probed(boosted(number), score), endpoint=ENDPOINT, ref=f"members@{number}", bundle=f"{number}")
    return replace(made, plan=Waiting(made.plan, seconds))


def test_a_version_ten_times_slower_than_the_one_before_is_refused_with_both_figures():
    with pytest.raises(StoreError, match=r"members@2.* takes .* ms for a row, 'members@1'"):
        check_fit(version(2, seconds=0.05), version(1, seconds=0.005), TIME)


def test_a_version_as_fast_as_the_one_before_or_the_first_one_is_taken():
    check_fit(version(2, seconds=0.006), version(1, seconds=0.005), TIME)
    check_fit(version(2, seconds=0.05), None, TIME)


def test_a_version_without_finite_scores_is_refused():
    with pytest.raises(StoreError, match="no finite numbers"):
        check_fit(version(1, seconds=0.0, score=float("nan")), None, TIME)


def test_who_answered_before_comes_back_however_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    checked: list[str] = []

    def refuse(made: Version, before: Version | None, clock: object) -> None:
        checked.append(made.ref)
        if made.ref == "members@3":
            raise StoreError("too slow")

    monkeypatch.setattr("tenfold.gateway.watch.check_fit", refuse)
    store = set_up(tmp_path)
    watch = Watch(folder=store, only=(), clock=CLOCK, said=lambda _: None)
    for revision, number in enumerate((1, 2, 1, 3, 3), start=1):
        release(store, route(store, number, ref=f"members@{number}"), revision=revision)
        watch.look()
    endpoint = watch.endpoints[ENDPOINT]
    assert checked == ["members@1", "members@2", "members@3", "members@3"]
    assert endpoint.live is not None
    assert (endpoint.live.version.ref, endpoint.state, endpoint.problem) == ("members@1", "stale", "too slow")


def strict(number: int) -> Version:
    """A version that asks for a column which callers do not send."""
    model = boosted(number)
    fields = tuple(replace(field, name="aged") if field.name == "age" else field for field in model.signature.fields)
    made = Version.of(model, endpoint=ENDPOINT, ref=f"members@{number}", bundle=f"{number}")
    return replace(made, conforming=Conforming(replace(model.signature, fields=fields)))


def test_a_version_that_refuses_what_callers_send_is_replaced_and_nobody_is_refused(tmp_path: Path):
    log = PredictionLog(tmp_path)
    predicting = Predicting(log=log, clock=CLOCK, counts=Counts(), said=lambda _: None)
    endpoint = ServedEndpoint(name=ENDPOINT)
    endpoint.swap(Version.of(boosted(1), endpoint=ENDPOINT, ref="members@1", bundle="1"), 1, now=CLOCK.monotonic())
    endpoint.swap(strict(2), 2, now=CLOCK.monotonic())
    asked = Asked(instances=[ROW], ids=None)
    assert {predicting.answer(endpoint, asked, None).version.ref for _ in range(8)} == {"members@1"}
    assert (endpoint.state, endpoint.trips) == ("reverted", 1)
    assert "aged" in str(endpoint.problem)
    nonsense = Asked(instances=[{**ROW, "age": "never"}], ids=None)
    with pytest.raises(Refused):
        predicting.answer(endpoint, nonsense, None)
    log.close()
