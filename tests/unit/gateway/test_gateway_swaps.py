"""What an endpoint serves, from one version to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.gateway.gateway_scene import ENDPOINT, NOON, ROW, boosted, release, route, set_up

from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.foundation.clock import SystemClock
from tenfold.gateway.body import Asked
from tenfold.gateway.breaker import Breaker, BreakerLimits
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.metrics import Counts, added, exposition, read, written
from tenfold.gateway.peers import Peers
from tenfold.gateway.predicting import Predicting
from tenfold.gateway.refused import Refused
from tenfold.gateway.version import Version
from tenfold.gateway.watch import Watch
from tenfold.records.release import Endpoint, Route
from tenfold.store.endpoints import manifest_path, publish
from tenfold.store.predictions.log import PredictionLog


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    found = Watch(folder=set_up(tmp_path), only=(), clock=SystemClock(), said=lambda _: None)
    found.look()
    return found


def served(watch: Watch) -> ServedEndpoint:
    return watch.endpoints[ENDPOINT]


def version_of(endpoint: ServedEndpoint) -> str | None:
    return None if endpoint.live is None else endpoint.live.version.ref


def test_a_new_manifest_is_taken_and_the_old_version_kept_behind_it(watch: Watch):
    release(watch.folder, route(watch.folder, 2, ref="members@2"), revision=2)
    watch.look()
    live = served(watch).live
    assert live is not None
    assert (live.version.ref, live.revision, served(watch).state) == ("members@2", 2, "serving")
    assert live.previous is not None
    assert live.previous.version.ref == "members@1"
    assert live.previous.previous is None


def spoilt(store: Path, how: str) -> Route:
    good = route(store, 2, ref="members@2")
    if how == "missing":
        return replace(good, path="blobs/00/none")
    if how == "another":
        return replace(good, bundle="0" * 64)
    if how == "outside":
        (store.parent / "outside.zip").write_bytes((store / good.path).read_bytes())
        return replace(good, path="../outside.zip")
    changed = bytearray((store / good.path).read_bytes())
    changed[len(changed) // 2] ^= 1
    (store / "changed.zip").write_bytes(changed)
    return replace(good, path="changed.zip")


@pytest.mark.parametrize("how", ["missing", "another", "outside", "altered"])
def test_a_version_that_cannot_be_taken_leaves_the_old_one_in_service(tmp_path: Path, how: str):
    store = tmp_path / "inner"
    watch = Watch(folder=set_up(store), only=(), clock=SystemClock(), said=lambda _: None)
    watch.look()
    release(store, spoilt(store, how), revision=2)
    watch.look()
    endpoint = served(watch)
    assert (version_of(endpoint), endpoint.state, endpoint.load_failures) == ("members@1", "stale", 1)
    assert endpoint.problem
    release(store, route(store, 2, ref="members@2"), revision=3)
    watch.look()
    assert (version_of(endpoint), endpoint.state, endpoint.problem) == ("members@2", "serving", None)


def test_a_version_that_computes_other_scores_than_at_home_is_not_taken(watch: Watch, monkeypatch: pytest.MonkeyPatch):
    way = route(watch.folder, 3, ref="members@3")
    monkeypatch.setattr("tenfold.bundle.predictors.linear.linked", lambda raw, link: raw)
    release(watch.folder, way, revision=2)
    watch.look()
    assert version_of(served(watch)) == "members@1"
    assert "other scores" in str(served(watch).problem)


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b'{"format": 99}', b"[" * 5000])
def test_a_manifest_that_cannot_be_read_leaves_the_old_version_in_service(watch: Watch, content: bytes):
    manifest_path(watch.folder, ENDPOINT).write_bytes(content)
    watch.look()
    assert (version_of(served(watch)), served(watch).state) == ("members@1", "stale")


def test_a_manifest_that_disappears_leaves_the_old_version_in_service(watch: Watch):
    manifest_path(watch.folder, ENDPOINT).unlink()
    watch.only = (ENDPOINT,)
    watch.look()
    assert (version_of(served(watch)), served(watch).state) == ("members@1", "stale")


def test_the_same_manifest_written_again_swaps_nothing(watch: Watch):
    release(watch.folder, route(watch.folder, 2, ref="members@2"), revision=2)
    watch.look()
    live = served(watch).live
    release(watch.folder, route(watch.folder, 2, ref="members@2"), revision=2)
    watch.look()
    assert served(watch).live is live
    manifest_path(watch.folder, ENDPOINT).write_bytes(b"{}")
    watch.look()
    assert served(watch).state == "stale"
    release(watch.folder, route(watch.folder, 2, ref="members@2"), revision=2)
    watch.look()
    assert served(watch).live is live
    assert (served(watch).state, served(watch).problem) == ("serving", None)


def test_two_routes_are_not_taken_for_one(watch: Watch):
    ways = tuple(route(watch.folder, number, ref=f"members@{number}") for number in (1, 2))
    publish(watch.folder, Endpoint(name=ENDPOINT, revision=2, routes=ways, at=NOON))
    watch.look()
    assert served(watch).state == "stale"
    assert "2 routes" in str(served(watch).problem)


def test_an_endpoint_published_later_is_found_unless_others_were_named(watch: Watch):
    release(watch.folder, route(watch.folder, 2, ref="others@1"), revision=1, endpoint="others")
    watch.look()
    assert set(watch.endpoints) == {ENDPOINT, "others"}
    only = Watch(folder=watch.folder, only=("others",), clock=SystemClock(), said=lambda _: None)
    only.look()
    assert set(only.endpoints) == {"others"}


class Sick(ConstantPredictor):
    """Gives no number, or fails, on rows that are not all missing."""

    how = "nan"

    def predict(self, values: np.ndarray) -> np.ndarray:
        if np.isnan(values).all():
            return super().predict(values)
        if self.how == "raises":
            raise ValueError("no")
        return np.full((len(values), 2), np.nan)


class Raising(Sick):
    how = "raises"


@pytest.fixture
def predicting(tmp_path: Path) -> Iterator[Predicting]:
    log = PredictionLog(tmp_path / "log")
    yield Predicting(log=log, clock=SystemClock(), counts=Counts(), said=lambda _: None)
    log.close()


def sick(kind: type[Sick], *, ref: str = "members@2") -> Version:
    whole = boosted()
    part = replace(whole.parts[0], weight=1.0, predictor=kind(values=(0.5, 0.5)))
    return Version.of(replace(whole, parts=(part,)), endpoint=ENDPOINT, ref=ref, bundle="b")


def asked(*rows: dict[str, Any]) -> Asked:
    return Asked(instances=rows, ids=None)


def endpoint_with(*versions: Version) -> ServedEndpoint:
    endpoint = ServedEndpoint(name=ENDPOINT)
    for revision, version in enumerate(versions, start=1):
        endpoint.swap(version, revision, now=SystemClock().monotonic())
    return endpoint


@pytest.mark.parametrize("kind", [Sick, Raising])
@pytest.mark.parametrize("rows", [1, 30])
def test_a_sick_new_version_is_replaced_within_a_few_requests_of_which_none_fails(
    predicting: Predicting, kind: type[Sick], rows: int
):
    endpoint = endpoint_with(Version.of(boosted(), endpoint=ENDPOINT, ref="members@1", bundle="a"), sick(kind))
    for _ in range(8):
        assert predicting.answer(endpoint, asked(*[ROW] * rows), None).version.ref == "members@1"
    assert (version_of(endpoint), endpoint.state, endpoint.trips) == ("members@1", "reverted", 1)
    assert "members@2" in str(endpoint.problem)


def test_a_body_that_no_version_can_answer_is_refused_and_trips_nothing(predicting: Predicting):
    endpoint = endpoint_with(sick(Sick, ref="members@1"), sick(Sick))
    for _ in range(50):
        with pytest.raises(Refused) as refused:
            predicting.answer(endpoint, asked(ROW), None)
        assert refused.value.code == "no_finite_prediction"
    assert (version_of(endpoint), endpoint.trips) == ("members@2", 0)


def test_the_only_version_fails_by_name_and_stays(predicting: Predicting):
    endpoint = endpoint_with(sick(Raising))
    for _ in range(10):
        with pytest.raises(Refused) as refused:
            predicting.answer(endpoint, asked(ROW), None)
        assert refused.value.code == "model_failed"
    assert endpoint.trips == 0


def test_a_reverted_endpoint_takes_the_next_manifest(watch: Watch):
    release(watch.folder, route(watch.folder, 2, ref="members@2"), revision=2)
    watch.look()
    endpoint = served(watch)
    assert endpoint.live is not None
    assert endpoint.revert(endpoint.live, "it failed")
    watch.look()
    assert (version_of(endpoint), endpoint.state) == ("members@1", "reverted")
    release(watch.folder, route(watch.folder, 3, ref="members@3"), revision=3)
    watch.look()
    assert (version_of(endpoint), endpoint.state) == ("members@3", "serving")


def test_a_few_failures_among_many_answers_are_borne():
    breaker = Breaker(since=0.0)
    for tenth in range(90):
        breaker.succeeded(tenth / 10)
    assert not any(breaker.failed(9.0) for _ in range(20))
    assert any(breaker.failed(9.0) for _ in range(10))


def test_failures_far_apart_or_of_an_old_version_trip_nothing():
    slow = Breaker(since=0.0)
    assert not any(slow.failed(10.0 + 3.0 * step) for step in range(100))
    old = Breaker(since=0.0, limits=BreakerLimits(watched_seconds=60.0))
    assert not any(old.failed(61.0) for _ in range(100))


def test_one_request_is_answered_by_one_version_though_another_comes_meanwhile():
    first = Version.of(boosted(), endpoint=ENDPOINT, ref="members@1", bundle="a")
    endpoint = endpoint_with(first)
    live = endpoint.live
    endpoint.swap(sick(Sick), 2, now=0.0)
    assert live is not None
    assert live.version is first
    assert len(live.version.score(Asked(instances=[ROW], ids=None).instances).scores) == 1


def test_counts_of_workers_add_up_and_survive_being_written(tmp_path: Path):
    counts = [Counts(), Counts()]
    for worker, count in enumerate(counts):
        count.add("tenfold_requests_total", 3, endpoint='a"b', status="200")
        count.add("tenfold_log_lag_seconds", float(worker))
        count.observe("e", 0.004)
        count.observe("e", 99.0)
        Peers(folder=tmp_path, worker=worker).leave(count.all())
    both = Peers(folder=tmp_path, worker=0).with_own(counts[0].all())
    assert both == added(count.all() for count in counts)
    assert read(written(both)) == both
    text = exposition(both)
    assert 'tenfold_requests_total{endpoint="a\\"b",status="200"} 6' in text
    assert "tenfold_log_lag_seconds 1\n" in text
    assert 'tenfold_request_seconds_bucket{endpoint="e",le="0.0025"} 0' in text
    assert 'tenfold_request_seconds_bucket{endpoint="e",le="0.005"} 2' in text
    assert 'tenfold_request_seconds_count{endpoint="e"} 4' in text
