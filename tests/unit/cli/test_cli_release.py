from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.cli.conftest import Answer, FakeProject

from tenfold.foundation.errors import CheckFailed

Tenfold = Callable[..., Any]

RELEASE: dict[str, Any] = {
    "schema": "tenfold.release/1",
    "action": "promote",
    "endpoint": "gate",
    "revision": 3,
    "ref": "late@2",
    "bundle": "b" * 64,
    "threshold": 0.41,
    "previous": "late@1",
    "accepted": ["fast"],
    "evidence": ["e4"],
    "reason": "the season is over",
    "by": "ann",
    "replay": True,
    "at": "2013-07-01T04:00:00+00:00",
    "recorded": "2026-07-01T04:00:00+00:00",
    "changed": True,
    "manifest": "/p/.tenfold/endpoints/gate.json",
}


def test_a_promotion_passes_on_who_why_and_what_is_accepted(project: FakeProject, tenfold: Tenfold) -> None:
    project.answer = Answer(RELEASE)
    done = tenfold(
        "model", "promote", "late@2", "--accept", "fast", "--accept", "small", "--reason", "why", "--by", "ann"
    )
    assert done.code == 0, done.err
    said = {"accept": ("fast", "small"), "reason": "why", "by": "ann", "at_once": False}
    assert ("promote", ("late@2",), said) in project.calls
    for word in (
        "late@2 is live",
        "gate, revision 3",
        "0.41",
        "late@1",
        "fast",
        "the season is over",
        "set by a replay",
    ):
        assert word in done.out
    assert tenfold("model", "promote", "late@2", "--json").document() == RELEASE


def test_a_refused_promotion_exits_with_one_and_says_why(project: FakeProject, tenfold: Tenfold) -> None:
    project.answer = CheckFailed("late@2 is not promoted: a must did not pass ('fast': fail)")
    done = tenfold("model", "promote", "late@2")
    assert (done.code, "'fast': fail" in done.err) == (1, True)
    assert tenfold("model", "promote", "late@2", "--json").document()["error"]["kind"] == "check"


def test_a_rollback_needs_a_reason(project: FakeProject, tenfold: Tenfold) -> None:
    project.answer = Answer(RELEASE | {"action": "rollback"})
    assert tenfold("model", "rollback", "late").code == 2
    assert project.calls == []
    done = tenfold("model", "rollback", "late", "--to", "late@2", "--reason", "worse")
    assert done.code == 0
    assert ("rollback", ("late",), {"reason": "worse", "to": "late@2", "by": None}) in project.calls
    assert "instead of" not in done.out


def test_history_at_a_time_asks_what_was_live(project: FakeProject, tenfold: Tenfold) -> None:
    live = {"schema": "tenfold.live/1", "name": "late", "asked": "2013-07-15", "known": None, "live": RELEASE}
    project.answer = Answer(live)
    done = tenfold("model", "history", "late", "--at", "2013-07-15")
    assert ("live_at", ("late", "2013-07-15"), {"known": None}) in project.calls
    assert "late@2 was live" in done.out
    assert "2013-07-01 04:00" in done.out
    project.answer = Answer(live | {"live": None})
    assert "nothing of late was live then" in tenfold("model", "history", "late", "--at", "2013").out
    assert tenfold("model", "history", "late", "--known", "2013").code == 2


def test_history_says_each_release_once(project: FakeProject, tenfold: Tenfold) -> None:
    moved = {"event": "alias", "alias": "champion", "number": 2, "name": "late", "recorded": RELEASE["recorded"]}
    back = RELEASE | {"event": "released", "action": "rollback", "ref": "late@1", "accepted": [], "replay": False}
    events = [{**RELEASE, "event": "released"}, {**moved, "at": RELEASE["at"]}, back]
    project.answer = Answer({"schema": "tenfold.history/1", "name": "late", "events": events})
    out = tenfold("model", "history", "late").out
    assert out.count("late@2 is live, accepted: fast (replay)") == 1
    assert "champion is" not in out
    assert "back to late@1" in out


@pytest.mark.parametrize("option", [("--classes", "a, b"), ("--threshold", "0.3"), ()])
def test_an_import_passes_on_what_the_file_does_not_say(
    project: FakeProject, tenfold: Tenfold, option: tuple[str, ...]
) -> None:
    report = {
        "schema": "tenfold.import/1",
        "status": "failed",
        "kind": "lightgbm",
        "model": {"ref": "late@4"},
        "inputs": ["a"],
        "threshold": {"value": 0.3, "reason": "given with the model"},
        "findings": ["nobody knows"],
        "proof": {"rows": 9_000, "refused": 0, "greatest_difference": 2e-16},
    }
    project.answer = Answer(report, ok=False)
    done = tenfold("import", "model.txt", *option)
    assert done.code == 1, done.err
    (adoption,) = next(call[1] for call in project.calls if call[0] == "adopt")
    assert adoption.classes == (("a", "b") if "--classes" in option else ())
    assert adoption.threshold == (0.3 if "--threshold" in option else None)
    for word in (
        "late@4",
        "lightgbm",
        "given with the model",
        "nobody knows",
        "9000 hard rows",
        "tenfold model promote late@4",
    ):
        assert word in done.out
    assert tenfold("import", "m.txt", "--signature", "s.json", "--sample", "t.csv").code == 2
