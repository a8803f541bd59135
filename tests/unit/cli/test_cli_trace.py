"""What a trace ends with: a must that nothing proves counts for whatever rests on it, and for nothing else."""

from __future__ import annotations

import pytest

from tenfold.project.evidence_reports import Link, TraceReport

LINKS = (
    Link(kind="requirement", id="ranks", text="roc_auc >= 0.7", standing="unproved", level="must", serves=("calls",)),
    Link(kind="requirement", id="fast", text="latency_p99_ms <= 9", standing="pass", level="must", serves=("answers",)),
    Link(kind="kpi", id="calls", text="calls", standing="unproved", rests_on=("ranks",)),
    Link(kind="function", id="answers", text="answers", standing="pass", level="must", rests_on=("fast",)),
)


@pytest.mark.parametrize(
    ("asked", "unproved"),
    [(None, ("ranks",)), ("ranks", ("ranks",)), ("fast", ()), ("calls", ("ranks",)), ("answers", ())],
)
def test_a_must_that_nothing_proves_ends_in_one_for_what_rests_on_it(
    asked: str | None, unproved: tuple[str, ...]
) -> None:
    report = TraceReport(links=LINKS, asked=asked)
    assert report.unproved == unproved
    assert report.ok is (not unproved)


def test_the_document_counts_judgements_by_place() -> None:
    (line,) = TraceReport(
        links=(Link(kind="kpi", id="k", text="", standing="pass", kinds={"test": 1, "live": 4}),)
    ).document()["promises"]
    assert line["kinds"] == {"test": 1, "live": 4}
