"""Challengers that wait: what counts as a look, when the next one is due, and what ends the wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.automation.tick import retrain, tick
from tenfold.project.renew import Renewal
from tenfold.records.retrain import Decision
from tests.e2e.renewal_scene import World


def waiting(folder: Path, *, seed: int) -> tuple[World, Decision]:
    """Return a world with a challenger that waits without having been compared: nothing logged has an outcome."""
    world = World.begin(folder, seed=seed)
    world.pass_window(sign=1.0, labelled=False)
    decision = retrain(world.project, workers="inline").decisions[-1]
    assert (decision.action, decision.waits_for) == ("wait", "rows")
    return world, decision


def test_windows_without_outcomes_use_up_no_look(tmp_path: Path) -> None:
    world, first = waiting(tmp_path, seed=11)
    assert first.look == 0
    for _ in range(4):
        report = world.pass_window(sign=1.0, labelled=False)
        assert not [each for each in report.renewed.decisions if each.challenger]
    before = world.project.store.audit.head()
    assert not tick(world.project, workers="inline").renewed.decisions
    assert world.project.store.audit.head() == before
    report = world.pass_window(sign=1.0)
    compared = [each for each in report.renewed.decisions if each.challenger == first.challenger]
    assert [each.look for each in compared] == [1]
    assert compared[0].newest is not None
    assert compared[0].newest.n >= 100


def even(folder: Path, *, seed: int) -> tuple[World, Decision]:
    """Return a world with a challenger that was compared once and is neither better nor worse."""
    world = World.begin(folder, seed=seed)
    world.pass_window(sign=1.0, labelled=False)
    retrain(world.project, workers="inline")
    report = world.pass_window(sign=1.0)
    decision = next(each for each in report.renewed.decisions if each.challenger)
    assert (decision.action, decision.waits_for, decision.look) == ("wait", "rows", 1)
    return world, decision


def test_after_a_look_a_window_without_outcomes_is_no_reason_for_another(tmp_path: Path) -> None:
    world, first = even(tmp_path, seed=12)
    for _ in range(3):
        report = world.pass_window(sign=1.0, labelled=False)
        assert not [each for each in report.renewed.decisions if each.challenger]
    report = world.pass_window(sign=1.0)
    assert [(each.challenger, each.look) for each in report.renewed.decisions if each.challenger] == [
        (first.challenger, 2)
    ]


def test_a_challenger_that_a_person_promoted_is_not_compared_with_itself(tmp_path: Path) -> None:
    world, first = even(tmp_path, seed=12)
    assert first.challenger is not None
    world.project.promote(first.challenger, reason="I want it")
    report = world.pass_window(sign=1.0)
    assert not [each for each in report.renewed.decisions if each.challenger]
    assert world.live() == first.challenger


def test_a_training_that_comes_to_the_same_challenger_gets_no_looks_of_its_own(tmp_path: Path) -> None:
    world, first = even(tmp_path, seed=12)
    # At the same moment and on the same rows a training comes to the same model twice.
    once = retrain(world.project, workers="inline").decisions[-1]
    again = retrain(world.project, workers="inline").decisions
    assert again[-1].challenger == once.challenger != first.challenger
    assert [each.newest for each in again] == [None, None]
    assert "came to it again" in again[-1].reason
    assert not tick(world.project, workers="inline").renewed.decisions
    for look in (once.look + 1, once.look + 2):
        report = world.pass_window(sign=1.0)
        told = [each for each in report.renewed.decisions if each.challenger]
        assert [each.look for each in told] == [look]
        if told[0].action != "wait":
            break


def test_what_would_be_finished_first_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, first = even(tmp_path, seed=12)
    world.pass_window(sign=1.0, then=world.no_pass)
    tick_windows_only(world, monkeypatch)
    would = retrain(world.project, dry=True).document()["would"]
    assert would["first"] == [f"{first.challenger}, which waits for rows, would be looked at again"]
    assert not retrain(world.project, dry=True).decisions


def test_a_training_that_did_not_end_would_be_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.begin(tmp_path, seed=13)

    def die(*_: object) -> Decision:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Renewal, "_train", die)
        with pytest.raises(KeyboardInterrupt):
            retrain(world.project, workers="inline")
    (sentence,) = retrain(world.project, dry=True).document()["would"]["first"]
    assert sentence.endswith("(a person asked) would be taken up")


def tick_windows_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge windows as a pass does that dies before it renews anything."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Renewal, "run", die)
        with pytest.raises(KeyboardInterrupt):
            tick(world.project, workers="inline")
