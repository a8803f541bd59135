"""When a training begins, and when it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tenfold.project.production import seen
from tenfold.records.health import Health, IntegrityFinding, Window
from tenfold.records.retrain import RetrainRequest
from tenfold.stages.retraining.decide import Refusal, Situation, decide
from tenfold.stages.retraining.options import RetrainingOptions
from tenfold.stages.retraining.window import Seen

NOW = datetime(2013, 7, 2, tzinfo=UTC)
WELL = Seen(key="w1", start=NOW - timedelta(days=31), end=NOW - timedelta(days=1), rows=900, labelled=900, quality=0.7)
FAILED = replace(WELL, key="w2", failed=("ranks-well: 0.61, at least 0.65 is asked",), quality=0.61)
BROKEN = replace(FAILED, key="w3", broken=("temp is missing in every row",))
AUTO = RetrainingOptions(promote="auto")


def situation(*windows: Seen, **rest: object) -> Situation:
    return Situation(endpoint="flights", now=NOW, metric="roc_auc", windows=windows, **rest)  # type: ignore[arg-type]


def silent(rows: int) -> Health:
    """A window in which rows are lost, as monitoring leaves it."""
    window = Window(endpoint="flights", bundle="b", ref="flights@1", start=NOW - timedelta(days=1), end=NOW, rows=rows)
    lost = IntegrityFinding(
        rule="volume",
        severity="warning" if rows else "critical",
        message=f"{rows} rows arrived where about 900 were expected",
    )
    return Health(window=window, integrity=(lost,))


def test_nothing_is_trained_where_nothing_happened() -> None:
    found = decide(situation(WELL, WELL), AUTO)
    assert isinstance(found, Refusal)
    assert "holds" in found.reason


def test_a_failed_live_requirement_is_a_reason_to_train() -> None:
    found = decide(situation(WELL, FAILED), AUTO)
    assert isinstance(found, RetrainRequest)
    assert (found.reason, found.window, found.at) == ("requirement", "w2", NOW)
    assert any("0.61" in sentence for sentence in found.changed)


def test_harm_counts_before_a_requirement() -> None:
    found = decide(situation(replace(FAILED, harmful=True)), AUTO)
    assert isinstance(found, RetrainRequest)
    assert found.reason == "harm"


def test_drift_alone_trains_nothing() -> None:
    found = decide(situation(replace(WELL, drifted=(("temp", 0.9),))), AUTO)
    assert isinstance(found, Refusal)
    assert "temp" in found.reason


@pytest.mark.parametrize("rest", [{}, {"asked": True}, {"slot": NOW}])
def test_a_broken_feed_starts_no_training_whoever_asks(rest: dict[str, object]) -> None:
    found = decide(situation(WELL, BROKEN, **rest), AUTO)
    assert isinstance(found, Refusal)
    assert "broken feed" in found.reason


@pytest.mark.parametrize("rest", [{"asked": True}, {"slot": NOW}])
@pytest.mark.parametrize("rows", [0, 40])
def test_a_silence_stops_neither_a_person_nor_the_schedule(rest: dict[str, object], rows: int) -> None:
    found = decide(situation(WELL, seen(silent(rows), "roc_auc"), **rest), AUTO)
    assert isinstance(found, RetrainRequest)
    assert f"{rows} rows arrived where about 900 were expected" in found.changed


def test_a_silence_alone_trains_nothing_and_is_told() -> None:
    found = decide(situation(WELL, seen(silent(0), "roc_auc")), AUTO)
    assert isinstance(found, Refusal)
    assert "0 rows arrived" in found.reason
    assert "broken" not in found.reason


def test_a_feed_that_was_broken_when_it_fell_silent_stays_broken() -> None:
    found = decide(situation(BROKEN, seen(silent(0), "roc_auc"), asked=True), AUTO)
    assert isinstance(found, Refusal)
    assert "temp is missing" in found.reason


def test_the_schedule_trains_where_nothing_failed() -> None:
    found = decide(situation(WELL, slot=NOW), AUTO)
    assert isinstance(found, RetrainRequest)
    assert found.reason == "schedule"


def test_the_weekly_budget_holds_except_for_a_person() -> None:
    begun = [NOW - timedelta(days=day) for day in (1, 3, 6)]
    spent = situation(FAILED, trained=begun)
    found = decide(spent, AUTO)
    assert isinstance(found, Refusal)
    assert found.waits_for == "budget"
    assert isinstance(decide(replace(spent, asked=True), AUTO), RetrainRequest)
    older = replace(spent, trained=[NOW - timedelta(days=7), *begun[:2]])
    assert isinstance(decide(older, AUTO), RetrainRequest)


def test_a_challenger_that_waits_for_rows_is_settled_first() -> None:
    found = decide(situation(FAILED, undecided="flights@2"), AUTO)
    assert isinstance(found, Refusal)
    assert found.waits_for == "rows"


def test_off_means_that_only_a_person_starts_a_training() -> None:
    off = RetrainingOptions(when="off")
    assert isinstance(decide(situation(FAILED), off), Refusal)
    assert isinstance(decide(situation(FAILED, asked=True), off), RetrainRequest)
