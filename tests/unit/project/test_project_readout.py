"""A trial read from a real log: outcomes find their arm whenever they come, and what is decided is on record."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tests.unit.project.readout_scene import CANDIDATE, CHAMPION, DAY, PROBLEM, Scene

from tenfold.cli.readout import show_plan, show_readout
from tenfold.foundation.errors import InputError
from tenfold.foundation.serial import plain
from tenfold.measures.experiment.guardrails import Served
from tenfold.project.experiment import plan_document, plan_experiment
from tenfold.project.readout import AUDIT, readout_document
from tenfold.project.traffic import follow_trial
from tenfold.records.release import Trip
from tenfold.store.endpoints import report_trip
from tenfold.store.predictions.remembered import FOLDER
from tenfold.store.served import BOUNDS_MS, ServedArm, ServedFile, keep_served


def test_a_better_candidate_is_promoted_with_evidence_and_one_record_of_the_decision(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    scene.traffic(2000, candidate=0.92, champion=0.7)
    scene.tell()
    scene.later()
    readout = scene.read(actor="ann")
    assert (readout.decision, readout.place, readout.because) == ("promote", "ab", ("against_champion",))
    # The candidate's first answer opens the count.
    assert readout.candidate.rows + readout.champion.rows == 2000
    assert readout.candidate.labelled == readout.candidate.due == readout.candidate.rows
    (evidence,) = scene.project.store.evidence.of(subject=readout.candidate.bundle)
    assert (evidence.verdict.place, evidence.verdict.verdict, readout.evidence) == ("ab", "pass", (evidence.id,))
    again = scene.read(actor="ann")
    assert again.evidence == readout.evidence
    (entry,) = [each for each in scene.project.store.audit.entries() if each.action == AUDIT]
    assert entry.details["decision"] == "promote"
    assert entry.details["actor"] == "ann"
    assert entry.details["error_spent"] == dict(readout.error_spent)
    assert entry.details["data"] == dict(readout.data)
    assert scene.project.store.verify().ok


def test_looks_that_remember_say_what_a_look_from_the_beginning_says(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    for _ in range(4):
        scene.traffic(120, candidate=0.9, champion=0.75)
        scene.tell()
        scene.later()
        scene.read()
        remembering = scene.read(keep=False)
        memory = scene.project.store.folder / FOLDER
        memory.rename(memory.with_suffix(".aside"))
        assert plain(scene.read(keep=False)) == plain(remembering)
        assert not memory.exists()
        memory.with_suffix(".aside").rename(memory)
    assert remembering.candidate.labelled + remembering.champion.labelled > 450


def test_a_worse_candidate_is_rolled_back(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    scene.traffic(2000, candidate=0.6, champion=0.8)
    scene.tell()
    scene.later()
    readout = scene.read()
    assert readout.decision == "rollback"
    assert "against_champion" in readout.because or "large" in readout.because


def test_a_person_promotes_the_candidate_of_a_running_test_and_late_outcomes_still_count(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    scene.traffic(200, candidate=0.9, champion=0.9)
    assert scene.read().decision == "continue"
    report = scene.project.promote("late@2", by="ann", reason="the season begins", clock=scene.clock)
    assert (report.changed, report.release.ref, report.release.traffic) == (True, "late@2", None)
    scene.answer(CANDIDATE, [True] * 25)
    scene.tell()
    scene.later()
    final = scene.read()
    assert final.until == report.release.at
    assert final.candidate.labelled + final.champion.labelled == 200
    assert follow_trial(scene.project, clock=scene.clock) is None
    (last,) = scene.project.store.releases.history()[-1:]
    assert (last.action, last.by, last.reason) == ("promote", "ann", "the season begins")


def test_outcomes_that_are_not_due_wait_and_late_ones_count_in_the_arm_that_predicted(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    scene.answer(CANDIDATE, [True])
    theirs = scene.answer(CANDIDATE, [True] * 40)
    others = scene.answer(CHAMPION, [False] * 40)
    scene.tell([*theirs, *others])
    early = scene.read()
    assert (early.early, early.candidate.due, early.candidate.labelled, early.decision) == (80, 0, 0, "continue")
    scene.later()
    scene.answer(CANDIDATE, [True] * 10)
    on_time = scene.read()
    assert (on_time.candidate.labelled, on_time.champion.labelled) == (40, 40)
    # The trial ends; what was predicted in it and becomes known much later still counts, once.
    scene.release("promote", None, number=CANDIDATE)
    ended = scene.clock.now()
    scene.answer(CANDIDATE, [True] * 25)
    scene.later(30 * DAY)
    scene.tell()
    scene.tell()
    final = scene.read()
    assert final.until == ended
    assert (final.candidate.labelled, final.champion.labelled) == (50, 40)
    assert (final.comparisons[0].value, final.comparisons[0].champion) == (1.0, 0.0)


def test_52_to_48_stops_the_reading_and_writes_no_evidence(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    scene.answer(CANDIDATE, [True])
    scene.answer(CANDIDATE, [True] * 5200)
    scene.answer(CHAMPION, [False] * 4800)
    scene.tell()
    scene.later()
    readout = scene.read()
    assert (readout.decision, readout.because[0]) == ("stopped", "ratio of units")
    assert readout.ratios[0].counts == (5200, 4800)
    assert scene.project.store.evidence.of(subject=readout.candidate.bundle) == ()
    (entry,) = [each for each in scene.project.store.audit.entries() if each.action == AUDIT]
    assert entry.details["decision"] == "stopped"


def test_rows_are_counted_by_the_units_that_were_divided(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    units = [f"customer {place}" for place in range(300)]
    scene.answer(CANDIDATE, [True], units=["first"])
    right = (scene.rng.random(600) < 0.8).tolist()
    scene.answer(CANDIDATE, right, units=[unit for unit in units[:150] for _ in range(4)])
    scene.answer(CHAMPION, right, units=[unit for unit in units[150:] for _ in range(4)])
    scene.tell()
    scene.later()
    readout = scene.read()
    assert (readout.candidate.rows, readout.candidate.units) == (600, 150)
    assert readout.ratios[0].counts == (150, 150)
    assert readout.comparisons[0].guarantee == "asymptotic"


def test_units_that_pass_to_the_candidate_when_its_share_rises_are_told_and_division_is_sound(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p", strategy="canary", share=0.1)
    scene.answer(CANDIDATE, [True], units=["first"])
    units = [f"u{place}" for place in range(1000)]
    scene.answer(CANDIDATE, [True] * 100, units=units[:100])
    scene.answer(CHAMPION, [True] * 900, units=units[100:])
    scene.share(0.5)
    scene.answer(CANDIDATE, [True] * 500, units=units[:500])
    scene.answer(CHAMPION, [True] * 500, units=units[500:])
    scene.tell()
    scene.later()
    readout = scene.read()
    assert readout.crossed == 400
    assert all(check.holds for check in readout.ratios)
    assert readout.place == "canary"


def test_a_row_that_was_answered_twice_counts_once(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    scene.answer(CANDIDATE, [True])
    ids = scene.answer(CANDIDATE, [True] * 30)
    scene.answer(CANDIDATE, [True] * 30, ids=ids)
    scene.answer(CHAMPION, [True] * 30)
    assert (scene.read().candidate.rows, scene.read().candidate.units) == (30, 30)


def test_a_shadow_is_compared_on_the_same_rows(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p", strategy="shadow", share=1.0)
    rng = np.random.default_rng(3)
    x = rng.random(800).tolist()
    ids = scene.answer(CHAMPION, (rng.random(800) < 0.7).tolist(), x=x)
    scene.answer(CANDIDATE, (rng.random(800) < 0.9).tolist(), x=x, ids=ids, shadow=True)
    scene.tell()
    scene.later()
    readout = scene.read()
    assert (readout.candidate.role, readout.candidate.labelled, readout.champion.labelled) == ("shadow", 800, 800)
    assert readout.ratios == ()
    assert (readout.comparisons[0].n, readout.comparisons[0].guarantee) == (800, "exact")
    assert readout.decision == "promote"


def test_a_candidate_that_a_gateway_stopped_is_rolled_back_with_its_reason(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    scene.traffic(400, candidate=0.9, champion=0.7)
    (scene.project.store.folder / "endpoints").mkdir(exist_ok=True)
    (scene.project.store.folder / "tmp").mkdir(exist_ok=True)
    report_trip(
        scene.project.store.folder,
        Trip(endpoint="gate", ref="late@2", salt=scene.salt, reason="12 of 20 requests failed", at=scene.clock.now()),
    )
    readout = scene.read()
    assert (readout.decision, readout.because) == ("rollback", ("gateway",))
    assert "12 of 20 requests failed" in readout.reason


def test_what_a_gateway_counted_guards_the_candidate(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p", requirements="[{id: quick, that: latency_p99_ms <= 50}]")
    scene.traffic(400, candidate=0.9, champion=0.9)
    served = {
        "candidate": Served(requests=4000, failed=0, within={0.05: 3000, 0.5: 4000}),
        "champion": Served(requests=4000, failed=0),
    }
    readout = scene.read(served=served)
    assert (readout.decision, readout.because) == ("rollback", ("quick",))


@pytest.mark.parametrize("level", ["must", "should"])
def test_a_candidate_slower_than_a_requirement_allows_is_rolled_back_by_its_id_by_what_gateways_kept(
    tmp_path: Path, level: str
) -> None:
    asked = f"[{{id: quick, that: latency_p99_ms <= 50, level: {level}}}]"
    scene = Scene.begun(tmp_path / "p", strategy="canary", requirements=asked)
    scene.traffic(400, candidate=0.9, champion=0.9)
    times = [0] * (len(BOUNDS_MS) + 1)
    times[BOUNDS_MS.index(40.0)], times[BOUNDS_MS.index(80.0)] = 270, 30
    arms = (ServedArm(ref="late@2", requests=300, times=tuple(times)), ServedArm(ref="late@1", requests=300))
    keep_served(scene.project.store.folder, "gate", "w", ServedFile(salt=scene.salt, arms=arms))
    readout = scene.read()
    assert any(each.name == "quick" and each.breached for each in readout.guardrails)
    (kept,) = [
        each
        for each in scene.project.store.evidence.of(requirement="quick")
        if each.subject == readout.candidate.bundle
    ]
    assert (kept.verdict.verdict, kept.verdict.place, kept.verdict.level) == ("fail", "canary", level)
    assert scene.read().evidence == readout.evidence
    if level == "must":
        assert (readout.decision, readout.because) == ("rollback", ("quick",))
        assert "30 of 300 answers took longer than 50 ms" in readout.reason
    else:
        assert readout.decision == "continue"


def test_a_candidate_that_fails_more_often_is_rolled_back_by_what_gateways_kept(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p", strategy="canary")
    scene.traffic(400, candidate=0.9, champion=0.9)
    arms = (ServedArm(ref="late@2", requests=3000, failed=200), ServedArm(ref="late@1", requests=3000, failed=9))
    keep_served(scene.project.store.folder, "gate", "w", ServedFile(salt=scene.salt, arms=arms))
    readout = scene.read()
    assert (readout.decision, readout.because) == ("rollback", ("errors",))


def test_adjusting_by_a_column_is_possible_and_by_none_that_is_not_there_refused(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    scene.traffic(600, candidate=0.9, champion=0.7)
    scene.tell()
    scene.later()
    assert scene.read(adjust="x").comparisons[0].guarantee == "asymptotic"
    by_champion = scene.read(adjust="champion")
    assert by_champion.comparisons[0].guarantee == "exact"
    # Chosen after the start: it is told, and nothing of it is kept.
    assert (by_champion.evidence, "decides nothing" in by_champion.notes[-1]) == ((), True)
    assert scene.project.store.evidence.of(subject=by_champion.candidate.bundle) == ()
    with pytest.raises(InputError, match="no column of numbers 'y'"):
        scene.read(adjust="y")


def test_where_nothing_is_tried_nothing_can_be_read(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p", strategy="all")
    with pytest.raises(InputError, match="nothing to read"):
        scene.read()
    with pytest.raises(InputError, match=r"cannot be built again"):
        plan_experiment(scene.project)


def test_a_read_out_can_be_printed_and_says_its_promises(tmp_path: Path) -> None:
    scene = Scene.begun(tmp_path / "p")
    empty = scene.read()
    scene.traffic(500, candidate=0.9, champion=0.8)
    scene.tell()
    scene.later(timedelta(days=2))
    for readout in (empty, scene.read()):
        document = readout_document(readout)
        assert document["schema"] == "tenfold.readout/1"
        assert plain(document) == document
        told = _printed(show_readout, document)
        assert "late@2 against late@1 on gate" in told
    assert "chance of error, over all looks" in told
    assert "called good enough wrongly: at most 2.5 %" in told
    assert "division of units" in told


def test_a_plan_can_be_printed(tmp_path: Path) -> None:
    from tenfold.records.experiment import ExperimentPlan

    plan = ExperimentPlan(
        endpoint="gate",
        metric="accuracy",
        effect=0.03,
        effect_from="as asked",
        share=0.5,
        confidence=0.95,
        power=0.8,
        deviation=0.4,
        deviation_from="the lab",
        units_per_day=10.0,
        units_from="as said",
        labels_after_seconds=PROBLEM.labels_after_seconds,
        most_days=28.0,
        enough=False,
        reason="it takes too long",
        units=8934,
        expected_units=5369,
        days=894.4,
        expected_days=537.9,
        found_after=((28.0, 0.2),),
        instead="instead: a shadow",
    )
    told = _printed(show_plan, plan_document(plan))
    assert "not enough traffic" in told
    assert "instead: a shadow" in told
    assert "8,934, on average 5,369" in told


def _printed(show: object, document: object) -> str:
    console = Console(file=io.StringIO(), width=220)
    show(document, console)  # type: ignore[operator]  # one of the two that print
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert isinstance(text, str)
    return text
