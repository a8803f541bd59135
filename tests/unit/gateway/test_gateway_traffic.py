"""Which version answers whom: by the id alone, and nobody notices what is only tried."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.gateway.gateway_scene import ENDPOINT, NOON, ROW, boosted, constant, route

from tenfold.foundation.assignment import place_of
from tenfold.foundation.clock import ManualClock
from tenfold.foundation.errors import StoreError
from tenfold.gateway.body import Asked
from tenfold.gateway.loading import Loader
from tenfold.gateway.metrics import Counts
from tenfold.gateway.predicting import Predicting, Reply
from tenfold.gateway.refused import Refused
from tenfold.gateway.version import Version
from tenfold.gateway.watch import Watch
from tenfold.records.release import Endpoint, Route, Strategy
from tenfold.store.endpoints import publish, read_trip, shadow_of
from tenfold.store.predictions.log import PredictionLog
from tenfold.store.predictions.reader import read_predictions
from tenfold.store.served import read_served

SALT = "a trial"


@dataclass
class Served:
    """One worker's insides, without sockets: the manifest is followed by hand."""

    store: Path
    said: list[str] = field(default_factory=list)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))

    def __post_init__(self) -> None:
        self.watch = Watch(folder=self.store, only=(), clock=self.clock, said=self.said.append)
        self.log = PredictionLog(self.store, clock=self.clock)
        self.counts = Counts()
        self.predicting = Predicting(log=self.log, clock=self.clock, counts=self.counts, said=self.said.append)
        self.watch.look()

    def ask(self, *instances: dict[str, Any], ids: list[str] | None = None) -> Reply:
        return self.predicting.answer(self.watch.endpoints[ENDPOINT], Asked(instances=instances, ids=ids), None)

    def close(self) -> None:
        self.predicting.close()
        self.log.close()


def divide(
    store: Path,
    strategy: Strategy,
    other: Route,
    *,
    share: float,
    revision: int = 2,
    assign: str | None = None,
    salt: str = SALT,
) -> None:
    """Publish members@1 beside another version."""
    champion = route(store, 1, ref="members@1", threshold=0.4)
    role = "shadow" if strategy == "shadow" else "candidate"
    left = 1.0 if strategy == "shadow" else 1.0 - share
    routes = (replace(champion, share=left), replace(other, role=role, share=share))
    manifest = Endpoint(
        name=ENDPOINT, revision=revision, routes=routes, at=NOON, strategy=strategy, salt=salt, assign=assign
    )
    publish(store, manifest)


def failing(store: Path, monkeypatch: pytest.MonkeyPatch, ref: str, error: Exception) -> Route:
    """A route whose version fails on every request, once it has been loaded."""
    whole = Version.score

    def score(self: Version, instances: Any) -> Any:
        if self.ref == ref:
            raise error
        return whole(self, instances)

    monkeypatch.setattr(Version, "score", score)
    return route(store, 2, ref=ref, threshold=0.4)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / ".tenfold"


def test_every_replica_and_every_restart_gives_an_id_the_same_arm(store: Path):
    divide(store, "ab", route(store, 2, ref="members@2", threshold=0.4), share=0.5)
    ids = [f"customer-{number}" for number in range(100_000)]
    arms = []
    for _ in range(3):
        watch = Watch(folder=store, only=(), clock=ManualClock(NOON), said=lambda _: None)
        watch.look()
        live = watch.endpoints[ENDPOINT].live
        assert live is not None
        assert live.traffic is not None
        arms.append([live.traffic.choose(each).version.ref for each in ids])
    assert arms[0] == arms[1] == arms[2]
    found = arms[0].count("members@2")
    assert abs(found - 50_000) < 4.5 * math.sqrt(100_000 * 0.25)


def test_share_that_rises_keeps_the_ids_that_were_in_it_and_another_salt_draws_anew():
    ids = [f"id {number}" for number in range(20_000)]
    places = np.array([place_of(b"salt", each) for each in ids])
    other = np.array([place_of(b"other", each) for each in ids])
    assert places.min() >= 0.0
    assert places.max() < 1.0
    inside = [set(np.flatnonzero(places < share)) for share in (0.01, 0.1, 0.5, 1.0)]
    assert all(small <= large for small, large in itertools.pairwise(inside))
    for share, chosen in zip((0.01, 0.1, 0.5), inside, strict=False):
        assert abs(len(chosen) - share * len(ids)) < 4.5 * math.sqrt(len(ids) * share * (1 - share))
    assert abs(np.corrcoef(places, other)[0, 1]) < 0.03


def test_rows_of_one_request_go_to_their_own_arms_and_come_back_in_order(store: Path):
    divide(store, "ab", route(store, 2, ref="members@2", threshold=0.4), share=0.5)
    served = Served(store)
    ids = [f"c{number}" for number in range(40)]
    rows = [{**ROW, "age": 20 + number} for number in range(40)]
    reply = served.ask(*rows, ids=ids)
    served.close()
    assert reply.versions is not None
    assert set(reply.versions) == {"members@1", "members@2"}
    expected = [boosted(1).predict(rows)["proba_yes"], boosted(2).predict(rows)["proba_yes"]]
    for place, ref in enumerate(reply.versions):
        assert ref == ("members@2" if place_of(SALT.encode(), ids[place]) < 0.5 else "members@1")
        assert reply.scored.scores[place][-1] == pytest.approx(expected[ref == "members@2"][place], abs=1e-9)
    logged = dict(read_predictions(store, ENDPOINT).rows.select("id", "ref").iter_rows())
    assert logged == dict(zip(ids, reply.versions, strict=True))


def test_assigned_column_divides_is_no_input_and_stands_in_the_log(store: Path):
    divide(store, "ab", route(store, 2, ref="members@2", threshold=0.4), share=0.5, assign="household")
    served = Served(store)
    rows = [{**ROW, "household": number // 4} for number in range(40)]
    reply = served.ask(*rows)
    same = served.ask({**ROW, "household": 7.0})
    again = served.ask({**ROW, "household": "7"})
    own = served.ask({**ROW, "household": None}, ids=["x"])
    served.close()
    assert reply.versions is not None
    assert all(len(set(reply.versions[first : first + 4])) == 1 for first in range(0, 40, 4))
    assert same.version.ref == again.version.ref == reply.versions[28]
    logged = read_predictions(store, ENDPOINT).rows
    assert logged["assigned"].to_list()[-3:] == ["7", "7", "x"]
    assert "household" not in logged.columns
    assert own.version.ref == ("members@2" if place_of(SALT.encode(), "x") < 0.5 else "members@1")


def test_request_whose_rows_nobody_named_is_answered_by_one_arm(store: Path):
    divide(store, "ab", route(store, 2, ref="members@2", threshold=0.4), share=0.5)
    served = Served(store)
    replies = [served.ask(ROW, ROW, ROW) for _ in range(40)]
    served.close()
    assert all(reply.versions is None for reply in replies)
    assert {reply.version.ref for reply in replies} == {"members@1", "members@2"}


def test_refusal_names_the_row_by_its_place_in_the_whole_request(store: Path):
    divide(store, "ab", route(store, 2, ref="members@2", threshold=0.4), share=0.5)
    served = Served(store)
    rows = [dict(ROW) for _ in range(20)]
    rows[13]["age"] = "hunter2"
    with pytest.raises(Refused, match="13"):
        served.ask(*rows, ids=[f"c{number}" for number in range(20)])
    served.close()
    assert read_predictions(store, ENDPOINT).rows.height == 0


@pytest.mark.parametrize("error", [RuntimeError("boom"), Refused("wrong_type", "no", field="age", fix="")])
def test_candidate_that_fails_is_stopped_in_every_worker_and_its_callers_are_answered(
    store: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    divide(store, "canary", failing(store, monkeypatch, "members@2", error), share=0.5)
    served, beside = Served(store), Served(store)
    replies = [served.ask(ROW, ids=[f"c{number}"]) for number in range(40)]
    assert {reply.version.ref for reply in replies} == {"members@1"}
    endpoint = served.watch.endpoints[ENDPOINT]
    assert (endpoint.state, endpoint.trips) == ("reverted", 1)
    served.watch.look()
    trip = read_trip(store, ENDPOINT, SALT)
    assert trip is not None
    assert trip.ref == "members@2"
    beside.watch.look()
    assert beside.watch.endpoints[ENDPOINT].live.traffic.candidates == ()
    restarted = Served(store)
    assert restarted.watch.endpoints[ENDPOINT].live.traffic is None
    divide(store, "canary", route(store, 3, ref="members@3", threshold=0.4), share=0.5, revision=3, salt="the next")
    served.watch.look()
    assert served.watch.endpoints[ENDPOINT].live.traffic.candidates[0].version.ref == "members@3"
    for each in (served, beside, restarted):
        each.close()


def test_requests_failures_and_times_of_each_arm_are_kept_for_who_judges_the_trial(
    store: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = Version.score

    def score(self: Version, instances: Any) -> Any:
        served.clock.seconds += 0.07 if self.ref == "members@2" else 0.018
        if instances[0]["age"] == 99:
            raise RuntimeError("boom")
        return whole(self, instances)

    monkeypatch.setattr(Version, "score", score)
    divide(store, "canary", route(store, 2, ref="members@2", threshold=0.4), share=0.5)
    served = Served(store)
    served.clock.at += timedelta(seconds=1)
    beside = Served(store, clock=served.clock)
    refs = [served.ask(ROW, ids=[f"c{number}"]).version.ref for number in range(40)]
    refs += [beside.ask(ROW, ids=[f"d{number}"]).version.ref for number in range(20)]
    for number in range(4):
        with pytest.raises(Refused, match="failed"):
            served.ask({**ROW, "age": 99}, ids=[f"c{number}"])
    # A share that changes is the same trial.
    divide(store, "canary", route(store, 2, ref="members@2", threshold=0.4), share=0.6, revision=3)
    for each in (served, beside):
        each.watch.look()
        each.close()
        each.watch.stop()
    counted = read_served(store, ENDPOINT, SALT)
    assert {ref: arm.requests for ref, arm in counted.items()} == {
        ref: refs.count(ref) + refs[:4].count(ref) for ref in ("members@1", "members@2")
    }
    assert sum(arm.failed for arm in counted.values()) == 4
    slow, quick = counted["members@2"].within(), counted["members@1"].within()
    assert (slow[0.06], slow[0.08]) == (0, refs.count("members@2"))
    assert (quick[0.015], quick[0.02]) == (0, refs.count("members@1"))
    assert read_served(store, ENDPOINT, "another trial") == {}


def test_a_disk_that_refuses_counts_holds_up_no_gateway(store: Path, monkeypatch: pytest.MonkeyPatch):
    divide(store, "canary", route(store, 2, ref="members@2", threshold=0.4), share=0.5)
    served = Served(store)

    def refused(*_: Any) -> None:
        raise StoreError("cannot write to the store: no space")

    monkeypatch.setattr("tenfold.gateway.watch.keep_served", refused)
    for number in range(8):
        served.ask(ROW, ids=[f"c{number}"])
        served.clock.seconds += 2.0
        served.watch.look()
    assert sum("is not kept" in said for said in served.said) == 1
    monkeypatch.undo()
    served.clock.at += timedelta(seconds=2)
    served.watch.look()
    served.close()
    assert sum(arm.requests for arm in read_served(store, ENDPOINT, SALT).values()) == 8


def test_candidate_that_cannot_be_loaded_takes_no_traffic_and_that_is_noted(store: Path):
    other = route(store, 2, ref="members@2", threshold=0.4)
    (store / other.path).write_bytes(b"not a bundle")
    divide(store, "canary", other, share=0.5)
    served = Served(store)
    assert {served.ask(ROW, ids=[f"c{number}"]).version.ref for number in range(20)} == {"members@1"}
    served.watch.look()
    served.close()
    trip = read_trip(store, ENDPOINT, SALT)
    assert trip is not None
    assert "could not be taken into service" in trip.reason


def test_candidate_that_answers_another_question_is_not_taken(store: Path):
    other = route(store, constant("regression", (1.0,), ()), ref="members@2")
    divide(store, "canary", other, share=0.5)
    served = Served(store)
    assert {served.ask(ROW, ids=[f"c{number}"]).version.ref for number in range(20)} == {"members@1"}
    served.close()


def test_candidate_much_slower_than_the_champion_is_stopped(store: Path, monkeypatch: pytest.MonkeyPatch):
    divide(store, "canary", route(store, 2, ref="members@2", threshold=0.4), share=0.5)
    served = Served(store)
    live = served.watch.endpoints[ENDPOINT].live
    assert live is not None
    assert live.traffic is not None
    (arm,) = live.traffic.candidates
    for _ in range(64):
        live.traffic.champion.pace.took(0.0005)
        arm.pace.took(0.005)
    refs = [served.ask(ROW, ids=[f"c{number}"]).version.ref for number in range(100)]
    served.close()
    assert refs.count("members@2") <= 16
    assert set(refs[-20:]) == {"members@1"}
    assert "too slow" in str(served.watch.endpoints[ENDPOINT].problem)


def test_shadow_is_asked_beside_and_what_it_says_is_kept_apart(store: Path):
    divide(store, "shadow", route(store, 2, ref="members@2", threshold=0.4), share=0.5)
    served = Served(store)
    ids = [f"c{number}" for number in range(60)]
    refs = {served.ask(ROW, ids=[each]).version.ref for each in ids}
    served.predicting.shadows.drain()
    served.close()
    assert refs == {"members@1"}
    said = read_predictions(store, shadow_of(ENDPOINT)).rows
    assert said["id"].to_list() == [each for each in ids if place_of(SALT.encode(), each) < 0.5]
    assert said["ref"].unique().to_list() == ["members@2"]
    assert read_predictions(store, ENDPOINT).rows["ref"].unique().to_list() == ["members@1"]


def test_shadow_that_fails_or_lags_is_never_noticed_by_who_asked(store: Path, monkeypatch: pytest.MonkeyPatch):
    divide(store, "shadow", failing(store, monkeypatch, "members@2", RuntimeError("boom")), share=1.0)
    served = Served(store)
    refs = {served.ask(ROW, ids=[f"c{number}"]).version.ref for number in range(20)}
    served.predicting.shadows.drain()
    served.close()
    assert refs == {"members@1"}
    key = ("endpoint", ENDPOINT), ("version", "members@2"), ("outcome", "failed")
    assert served.counts.samples["tenfold_shadow_rows_total", key] == 20
    assert served.watch.endpoints[ENDPOINT].state == "serving"
    assert sum("as a shadow" in sentence for sentence in served.said) == 1


def test_share_that_rises_leaves_the_champion_and_its_breaker_as_they_are(store: Path):
    other = route(store, 2, ref="members@2", threshold=0.4)
    divide(store, "canary", other, share=0.1)
    served = Served(store)
    before = served.watch.endpoints[ENDPOINT].live
    divide(store, "canary", other, share=0.5, revision=3)
    served.watch.look()
    endpoint = served.watch.endpoints[ENDPOINT]
    after = endpoint.live
    served.close()
    assert before is not None
    assert after is not None
    assert after.breaker is before.breaker
    assert after.version is before.version or after.version.ref == before.version.ref
    assert after.traffic is not None
    assert before.traffic is not None
    assert after.traffic.candidates[0].breaker is before.traffic.candidates[0].breaker
    assert after.traffic.candidates[0].until == 0.5
    assert endpoint.swaps == 0


def test_loader_asks_for_exactly_one_champion(store: Path):
    way = replace(route(store, 1, ref="members@1"), role="candidate")
    with pytest.raises(Exception, match="exactly one"):
        Loader(store).load(Endpoint(name=ENDPOINT, revision=1, routes=(way,), at=NOON))
