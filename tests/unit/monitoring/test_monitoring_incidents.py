from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tenfold.records.health import DriftFinding, Health, Incident, IntegrityFinding, Judged, Window
from tenfold.stages.monitoring.incidents import follow
from tenfold.stages.monitoring.options import MonitoringOptions

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OPTIONS = MonitoringOptions()


def health(day: int, *, rows: int = 90, **parts: object) -> Health:
    start = START + day * DAY
    window = Window(endpoint="late", bundle="b", ref="late@1", start=start, end=start + DAY, rows=rows, status="judged")
    return Health(window=window, **{"evidence": 0.0, **parts})  # type: ignore[arg-type]


def empty(*columns: str) -> dict[str, object]:
    found = tuple(
        IntegrityFinding(rule="empty", severity="critical", message=f"'{column}' is missing", column=column)
        for column in columns
    )
    return {"integrity": found}


def moved(column: str) -> dict[str, object]:
    finding = DriftFinding(
        column=column, distance=0.1, value=9.0, threshold=5.3, since=START, message=f"'{column}' moved"
    )
    return {"drift": (finding,)}


def verdict(word: str) -> dict[str, object]:
    judged = Judged(requirement="auc", verdict=word, level="must", metric="roc_auc")  # type: ignore[arg-type]
    return {"verdicts": (judged,)}


def replay(*healths: Health) -> tuple[list[str], list[Incident]]:
    """Return what happened, and the incidents at the end."""
    known: dict[str, Incident] = {}
    words = []
    for each in healths:
        still = [incident for incident in known.values() if incident.closed is None]
        for change in follow(still, each, OPTIONS, next_number=len(known) + 1):
            known[change.incident.id] = change.incident
            words.append(f"{change.incident.id} {change.change}")
    return words, list(known.values())


def test_a_feed_of_many_empty_columns_is_one_incident():
    words, (incident,) = replay(health(0, **empty("a", "b", "c")))
    assert words == ["i1 opened"]
    assert set(incident.details) == {"a", "b", "c"}


def test_a_problem_of_three_days_is_one_incident_that_closes():
    words, (incident,) = replay(*(health(day, **empty("a")) for day in range(3)), health(3), health(4))
    assert words == ["i1 opened", "i1 updated", "i1 updated", "i1 closed"]
    assert (incident.windows, incident.opened, incident.closed) == (3, START, START + 3 * DAY)


def test_the_same_problem_later_is_another_incident():
    words, _ = replay(health(0, **empty("a")), health(1), health(2, **empty("a")))
    assert words == ["i1 opened", "i1 closed", "i2 opened"]


def test_drift_closes_after_three_calm_windows_and_columns_add_up():
    words, (incident,) = replay(
        health(0, **moved("a")), health(1), health(2, **moved("b")), *(health(d) for d in (3, 4, 5))
    )
    assert words[-1] == "i1 closed"
    assert set(incident.details) == {"a", "b"}


def test_looking_again_at_a_window_changes_nothing():
    words, _ = replay(health(0, **moved("a")), health(0, **moved("a")), health(1), health(1), health(1))
    assert words == ["i1 opened", "i1 updated"]


def test_a_broken_feed_explains_a_failed_requirement():
    words, (incident,) = replay(health(0, **empty("a"), **verdict("fail")))
    assert (words, incident.kind) == (["i1 opened"], "data")


def test_a_requirement_that_surely_holds_again_closes_its_incident_at_once():
    assert replay(health(0, **verdict("fail")), health(1, **verdict("pass")))[0] == ["i1 opened", "i1 closed"]
    words, _ = replay(health(0, **verdict("fail")), *(health(day, **verdict("inconclusive")) for day in (1, 2, 3)))
    assert words == ["i1 opened", "i1 updated", "i1 updated", "i1 closed"]


def test_a_window_without_outcomes_neither_calms_nor_closes_what_is_wrong_with_the_model():
    assert replay(health(0, **verdict("fail")), health(1), health(2, **verdict("pending")))[0] == ["i1 opened"]


def test_a_window_without_rows_does_not_close_what_was_broken():
    words, _ = replay(health(0, **empty("a")), health(1, rows=0), health(2, rows=5))
    assert words == ["i1 opened"]
