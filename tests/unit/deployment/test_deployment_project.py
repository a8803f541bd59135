from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.deployment.deployment_scene import THREE, opened, packed_model, registered

from tenfold.foundation.clock import ManualClock
from tenfold.foundation.errors import CheckFailed, InputError, StoreError
from tenfold.project import deploy, releasing
from tenfold.store import endpoints

_THEN = datetime(2013, 3, 3, 12, tzinfo=UTC)


def test_a_version_that_passes_goes_live_with_its_threshold_and_bundle(tmp_path: Path) -> None:
    project = opened(tmp_path / "p", requirements=THREE, clock=ManualClock(at=_THEN))
    ref = registered(project, 1, {"ranks": "pass", "small": "pass", "nice": "fail"})
    report = project.promote(ref, reason="it passes", by="ann")
    manifest = endpoints.read(project.store.folder, "gate")
    assert manifest is not None
    (route,) = manifest.routes
    assert (route.ref, route.bundle, route.threshold, route.share) == ("late@1", packed_model(1).name, 0.01, 1.0)
    assert (project.store.folder / route.path).read_bytes() == packed_model(1).zipped()
    assert (manifest.revision, manifest.at, manifest.replay) == (1, _THEN, True)
    document = report.document()
    assert document["schema"] == "tenfold.release/1"
    assert (document["by"], document["reason"], document["replay"], document["changed"]) == (
        "ann",
        "it passes",
        True,
        True,
    )
    assert document["evidence"] == ["e1", "e2", "e3"]
    assert project.store.aliases.current("late") == {"champion": 1}
    assert project.store.verify().ok


@pytest.mark.parametrize("word", ["fail", "inconclusive"])
def test_a_must_that_did_not_pass_is_accepted_by_id_with_a_reason_only(tmp_path: Path, word: str) -> None:
    project = opened(tmp_path / "p", requirements=THREE)
    ref = registered(project, 1, {"ranks": word, "small": "pass", "nice": "pass"})  # type: ignore[dict-item]  # a word
    with pytest.raises(CheckFailed, match=f"'ranks': {word}"):
        project.promote(ref)
    assert deploy.objection(project, ref) is not None
    with pytest.raises(InputError, match="needs a reason"):
        project.promote(ref, accept=["ranks"])
    with pytest.raises(InputError, match="Did you mean 'ranks'"):
        project.promote(ref, accept=["rank"], reason="x")
    with pytest.raises(InputError, match="'small' does not stand in the way"):
        project.promote(ref, accept=["small"], reason="x")
    with pytest.raises(CheckFailed):
        project.promote(ref, reason="a reason alone accepts nothing")
    assert project.store.releases.history() == ()
    assert endpoints.read(project.store.folder, "gate") is None
    release = project.promote(ref, accept=["ranks"], reason="the season is over").release
    assert (release.accepted, release.reason, release.replay) == (("ranks",), "the season is over", False)


def test_a_version_that_was_never_judged_does_not_go_live(tmp_path: Path) -> None:
    project = opened(tmp_path / "p", requirements=THREE)
    with pytest.raises(CheckFailed, match="'ranks': was not judged on this version"):
        project.promote(registered(project, 1))


def test_a_rollback_restores_bundle_and_threshold_together(tmp_path: Path) -> None:
    project = opened(tmp_path / "p")
    for number in (1, 2):
        project.promote(registered(project, number))
    before = endpoints.read(project.store.folder, "gate")
    assert before is not None
    report = project.rollback("late", reason="worse")
    after = endpoints.read(project.store.folder, "gate")
    assert after is not None
    assert (before.revision, after.revision) == (2, 3)
    assert (after.routes[0].ref, after.routes[0].bundle, after.routes[0].threshold) == (
        "late@1",
        packed_model(1).name,
        0.01,
    )
    assert (report.release.action, report.release.reason) == ("rollback", "worse")
    assert project.store.aliases.current("late") == {"champion": 1}
    with pytest.raises(InputError, match="nothing stands behind late@1"):
        project.rollback("late", reason="worse still")


def test_what_a_rollback_cannot_mean_is_refused(tmp_path: Path) -> None:
    project = opened(tmp_path / "p")
    registered(project, 1)
    with pytest.raises(InputError, match="was ever live"):
        project.rollback("late", reason="x")
    with pytest.raises(InputError, match="Did you mean 'late'"):
        project.rollback("latte", reason="x")
    project.promote("late@1")
    registered(project, 2)
    with pytest.raises(InputError, match="needs a reason"):
        project.rollback("late", reason=" ")
    with pytest.raises(InputError, match="live already"):
        project.rollback("late", to="late@1", reason="x")
    with pytest.raises(InputError, match="never live"):
        project.rollback("late", to="late@2", reason="x")


def test_a_process_that_died_before_the_manifest_is_put_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = opened(tmp_path / "p")
    for number in (1, 2):
        registered(project, number)
    project.promote("late@1")

    def killed(*_: object, **__: object) -> None:
        raise StoreError("killed")

    with monkeypatch.context() as dying:
        dying.setattr(endpoints, "publish", killed)
        with pytest.raises(StoreError, match="killed"):
            project.promote("late@2")
    left = endpoints.read(project.store.folder, "gate")
    assert left is not None
    assert left.routes[0].ref == "late@1"
    again = project.promote("late@2")
    assert not again.changed
    found = endpoints.read(project.store.folder, "gate")
    assert found is not None
    assert (found.routes[0].ref, found.revision) == ("late@2", 2)


def test_a_damaged_manifest_is_written_anew(tmp_path: Path) -> None:
    project = opened(tmp_path / "p")
    project.promote(registered(project, 1))
    place = endpoints.manifest_path(project.store.folder, "gate")
    whole = place.read_bytes()
    place.write_bytes(whole[:10])
    releasing.publish_current(project.store, "gate")
    assert place.read_bytes() == whole
    touched = place.stat().st_mtime_ns
    releasing.publish_current(project.store, "gate")
    assert place.stat().st_mtime_ns == touched


def test_a_project_says_what_was_live_when_in_the_zone_of_its_data(tmp_path: Path) -> None:
    clock = ManualClock(at=datetime(2013, 7, 14, 22, 30, tzinfo=UTC))
    project = opened(tmp_path / "p", clock=clock)
    project.promote(registered(project, 1))
    clock.at += timedelta(days=1)
    project.promote(registered(project, 2))
    # In Vienna 22:30 UTC is half past midnight of the next day.
    assert project.live_at("late", "2013-07-15").document()["live"] is None
    first = project.live_at("late", "2013-07-15T01:00").document()["live"]
    assert (first["ref"], first["threshold"], first["replay"]) == ("late@1", 0.01, True)
    assert project.live_at("late", "2013-07-15T22:30:00Z").document()["live"]["ref"] == "late@2"
    assert project.live_at("late", datetime(2014, 1, 1, tzinfo=UTC), known="2013-08-01").release is None
    with pytest.raises(InputError, match="not a time"):
        project.live_at("late", "yesterday")
    events = project.model_history("late").document()["events"]
    assert [event["ref"] for event in events if event["event"] == "released"] == ["late@1", "late@2"]


def test_another_model_is_not_promoted_to_the_endpoint(tmp_path: Path) -> None:
    project = opened(tmp_path / "p")
    project.store.registry.register("other", bundle="x", blob=project.store.blobs.put(b"x"), run="r")
    with pytest.raises(InputError, match="other@1 is another model"):
        project.promote("other@1")


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_a_version_whose_bundle_cannot_be_read_changes_nothing(tmp_path: Path, harm: str) -> None:
    project = opened(tmp_path / "p")
    for number in (1, 2, 3):
        registered(project, number)
    for ref in ("late@1", "late@2"):
        project.promote(ref)
    before = (project.store.releases.history(), endpoints.read(project.store.folder, "gate"))
    for number in (1, 3):
        blob = project.store.blobs.path(project.store.registry.find(f"late@{number}").blob)
        blob.chmod(0o600)
        blob.unlink() if harm == "gone" else blob.write_bytes(b"something else")
    with pytest.raises(StoreError, match="missing" if harm == "gone" else "damaged"):
        project.promote("late@3")
    with pytest.raises(StoreError, match="missing" if harm == "gone" else "damaged"):
        project.rollback("late", reason="worse")
    assert (project.store.releases.history(), endpoints.read(project.store.folder, "gate")) == before
