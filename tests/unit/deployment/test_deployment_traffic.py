"""Trying a version beside the champion: what is written down, published, refused, and told of the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.unit.deployment.deployment_scene import FILE, THREE, registered

from tenfold.foundation.clock import ManualClock
from tenfold.foundation.errors import CheckFailed, InputError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.foundation.serial import to_json
from tenfold.project.open import Project, open_project
from tenfold.project.production import Production
from tenfold.project.routing_files import ROUTERS, routing_file, weights_of
from tenfold.project.traffic import Asked, follow_trial
from tenfold.records.problem import MetricChoice, Problem
from tenfold.records.release import Endpoint, Route, Trip
from tenfold.store import endpoints
from tenfold.store.rows import KeptResult

_THEN = datetime(2013, 3, 3, 12, tzinfo=UTC)
_PASSED = {"ranks": "pass", "small": "pass", "nice": "pass"}
_CANARY = "strategy: canary, canary: {steps: [10%, 50%], requests: 30, most: 100}"


def begun(folder: Path, *, deployment: str = "", columns: str = "") -> tuple[Project, ManualClock]:
    """A project with late@1 live, and late@2 that passed its requirements."""
    folder.mkdir(exist_ok=True)
    text = FILE.format(requirements=THREE).replace("{endpoint: gate}", f"{{endpoint: gate, {deployment}}}")
    (folder / "tenfold.yaml").write_text(text.replace("timezone: Europe/Vienna", f"timezone: Europe/Vienna{columns}"))
    clock = ManualClock(at=_THEN)
    project = open_project(folder, environ={}, clock=clock)
    problem = Problem(
        name="late", task="binary", target="y", classes=("no", "yes"), metric=MetricChoice(metric="roc_auc", reason="")
    )
    record = project.store.blobs.put(to_json(problem))
    project.store.results.save(KeptResult(fingerprint=fingerprint("p"), stage="problem", record=record, files={}))
    for number in (1, 2, 3):
        registered(project, number, _PASSED if number < 3 else None)
    project.promote("late@1", at_once=True)
    clock.at += timedelta(days=1)
    return project, clock


def manifest_of(project: Project) -> Endpoint:
    found = endpoints.read(project.store.folder, "gate")
    assert found is not None
    return found


def test_promotion_begins_a_canary_where_the_file_says_so_and_switches_where_it_does_not(tmp_path: Path):
    project, _ = begun(tmp_path / "p", deployment=_CANARY)
    report = project.promote("late@2", by="ann")
    assert (report.release.action, report.release.ref) == ("traffic", "late@1")
    manifest = manifest_of(project)
    assert [(each.ref, each.role, each.share, each.threshold) for each in manifest.routes] == [
        ("late@1", "champion", 0.9, 0.01),
        ("late@2", "candidate", 0.1, 0.02),
    ]
    assert (manifest.strategy, len(manifest.salt)) == ("canary", 32)
    assert project.store.aliases.current("late") == {"champion": 1}
    assert not project.promote("late@2").changed
    plain, _ = begun(tmp_path / "q")
    assert plain.promote("late@2").release.ref == "late@2"


def test_first_version_has_no_champion_to_be_tried_beside_and_goes_live(tmp_path: Path):
    project, _ = begun(tmp_path / "p", deployment=_CANARY)
    assert project.store.releases.history("late")[0].action == "promote"
    assert project.promote("late@2", at_once=True).release.ref == "late@2"


def test_version_that_did_not_pass_gets_no_traffic_but_may_be_a_shadow(tmp_path: Path):
    project, _ = begun(tmp_path / "p")
    for strategy in ("canary", "ab"):
        with pytest.raises(CheckFailed, match="ranks"):
            project.change_traffic(Asked(strategy=strategy, ref="3", share=0.1))
    report = project.change_traffic(Asked(strategy="shadow", ref="3"))
    assert report.document()["shares"][1]["role"] == "shadow"
    assert manifest_of(project).routes[0].share == 1.0


def test_share_changes_within_a_trial_and_its_salt_does_not(tmp_path: Path):
    project, _ = begun(tmp_path / "p")
    project.change_traffic(Asked(strategy="ab", ref="late@2", share=0.2))
    salt = manifest_of(project).salt
    project.change_traffic(Asked(strategy="ab", ref="2", share=0.5))
    assert (manifest_of(project).salt, manifest_of(project).routes[1].share) == (salt, 0.5)
    ended = project.change_traffic(Asked(strategy="all"))
    assert ended.changed
    assert [each.ref for each in manifest_of(project).routes] == ["late@1"]
    assert not project.change_traffic(Asked(strategy="all")).changed
    project.change_traffic(Asked(strategy="ab", ref="2", share=0.5))
    assert manifest_of(project).salt != salt


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(strategy="ab", ref="1", share=0.5), "is the champion"),
        (Asked(strategy="ab", ref="9", share=0.5), "late@9"),
        (Asked(strategy="ab", ref="2", share=1.0), "below 100%"),
        (Asked(strategy="canary", ref="2", share=1.5), "no share"),
        (Asked(strategy="canary", ref="2", share=0.0), "no share"),
    ],
)
def test_what_cannot_be_divided_is_refused_and_nothing_changes(tmp_path: Path, asked: Asked, said: str):
    project, _ = begun(tmp_path / "p")
    with pytest.raises(InputError, match=said):
        project.change_traffic(asked)
    assert len(project.store.releases.history()) == 1


def test_one_version_is_tried_at_a_time_and_a_switch_overrules_it(tmp_path: Path):
    project, _ = begun(tmp_path / "p")
    project.change_traffic(Asked(strategy="shadow", ref="3"))
    with pytest.raises(InputError, match="late@3 is tried now"):
        project.change_traffic(Asked(strategy="ab", ref="2", share=0.5))
    assert project.promote("late@2").release.traffic is None
    assert [each.ref for each in manifest_of(project).routes] == ["late@2"]
    assert project.rollback("late", reason="worse").release.ref == "late@1"


def test_history_tells_who_got_which_share_at_any_moment(tmp_path: Path):
    project, clock = begun(tmp_path / "p")
    project.change_traffic(Asked(strategy="ab", ref="2", share=0.25))
    clock.at += timedelta(days=1)
    project.change_traffic(Asked(strategy="all", reason="enough"))
    before = project.live_at("late", _THEN).document()["live"]
    during = project.live_at("late", _THEN + timedelta(days=1, hours=1)).document()["live"]
    after = project.live_at("late", _THEN + timedelta(days=2)).document()["live"]
    assert (before["ref"], before["traffic"]) == ("late@1", None)
    assert (during["ref"], during["traffic"]["candidate"], during["traffic"]["share"]) == ("late@1", "late@2", 0.25)
    assert (after["traffic"], after["reason"]) == (None, "enough")
    assert project.store.verify().ok


def test_assigned_column_stands_in_the_manifest_whether_a_version_is_tried_or_not(tmp_path: Path):
    project, _ = begun(tmp_path / "p", columns=", columns: {customer: {role: assign}}")
    assert manifest_of(project).assign == "customer"
    assert manifest_of(project).strategy == "all"
    assert project.live_at("late", _THEN).document()["live"]["traffic"] is None
    project.change_traffic(Asked(strategy="ab", ref="2", share=0.5))
    assert manifest_of(project).assign == "customer"


def test_candidate_that_a_gateway_stopped_is_rolled_back_by_the_next_pass_with_its_reason(tmp_path: Path):
    project, clock = begun(tmp_path / "p", deployment=_CANARY)
    project.promote("late@2")
    trip = Trip(
        endpoint="gate", ref="late@2", salt=manifest_of(project).salt, reason="it failed too often", at=clock.at
    )
    endpoints.report_trip(project.store.folder, trip)
    look = follow_trial(project)
    assert look is not None
    assert look.action == "rollback"
    newest = project.store.releases.history()[-1]
    assert (newest.ref, newest.traffic, newest.by) == ("late@1", None, "tenfold tick")
    assert "it failed too often" in newest.reason
    assert [each.ref for each in manifest_of(project).routes] == ["late@1"]
    assert follow_trial(project) is None
    assert [kept.look for kept in project.store.traffic.of("gate")] == [look]


def test_look_that_sees_nothing_new_is_not_kept_twice(tmp_path: Path):
    project, _ = begun(tmp_path / "p", deployment=_CANARY)
    project.promote("late@2")
    first, again = follow_trial(project), follow_trial(project)
    assert first == again
    assert first is not None
    assert first.action == "wait"
    assert len(project.store.traffic.of("gate")) == 1


def test_challenger_that_renewal_promotes_is_tried_once_and_not_again_after_it_failed(tmp_path: Path):
    project, clock = begun(tmp_path / "p", deployment=_CANARY)
    production = Production(project=project, clock=clock)
    assert production.tried_since("late@2") is None
    assert not production.promote("late@2", reason="better", evidence=())
    assert production.tried_since("late@2") == clock.at
    assert production.live_since() == ("late@1", _THEN)
    project.change_traffic(Asked(strategy="all"))
    assert production.tried_since("late@2") == clock.at


@pytest.mark.parametrize(("share", "weights"), [(0.1, [90, 10]), (0.005, [9950, 50]), (0.335, [6650, 3350])])
@pytest.mark.parametrize("router", ROUTERS)
def test_other_routers_get_the_same_shares(share: float, weights: list[int], router: str):
    routes = (
        Route(ref="late@1", bundle="x", path="x", share=1 - share),
        Route(ref="late@4", bundle="y", path="y", share=share, role="candidate"),
    )
    endpoint = Endpoint(name="Gate_1", revision=3, routes=routes, at=_THEN, strategy="canary", salt="s")
    assert [weight for _, weight in weights_of(endpoint)] == weights
    text = routing_file(endpoint, router)  # type: ignore[arg-type]  # of the parameters
    if router == "nginx":
        assert f"{100 * share:g}% gate-1-v4;" in text
        assert "* gate-1-v1;" in text
        return
    spec = yaml.safe_load(text)["spec"]
    if router == "istio":
        (http,) = spec["http"]
        assert [(each["destination"]["host"], each["weight"]) for each in http["route"]] == [
            ("gate-1-v1", weights[0]),
            ("gate-1-v4", weights[1]),
        ]
    else:
        (rule,) = spec["rules"]
        assert [(each["name"], each["weight"]) for each in rule["backendRefs"]] == [
            ("gate-1-v1", weights[0]),
            ("gate-1-v4", weights[1]),
        ]


@pytest.mark.parametrize("router", ROUTERS)
def test_other_routers_mirror_to_a_shadow(router: str):
    routes = (
        Route(ref="late@1", bundle="x", path="x"),
        Route(ref="late@4", bundle="y", path="y", share=0.2, role="shadow"),
    )
    endpoint = Endpoint(name="gate", revision=3, routes=routes, at=_THEN, strategy="shadow", salt="s")
    text = routing_file(endpoint, router)  # type: ignore[arg-type]  # of the parameters
    assert "irror" in text
    assert "gate-v4" in text
    assert [weight for _, weight in weights_of(endpoint)] == [100]


def test_a_policy_for_a_column_that_no_version_reads_is_refused_with_its_line(tmp_path: Path):
    with pytest.raises(
        InputError, match=r"tenfold\.yaml:\d+: deployment\.fields names 'xx', which late@1 does not read"
    ):
        begun(tmp_path / "p", deployment="fields: {xx: {missing: reject}}")
    project, _ = begun(tmp_path / "q", deployment="fields: {x: {missing: reject}}")
    assert manifest_of(project).fields["x"].missing == "reject"
