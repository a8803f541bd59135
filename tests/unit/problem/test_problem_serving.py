"""Which way of serving is proposed, and which tests follow from what is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenfold.records.problem import Bound, MetricChoice, Problem, Requirement, Use
from tenfold.stages.problem.checks_planned import plan_checks
from tenfold.stages.problem.serving import propose_serving

PROBLEM = Problem(name="p", task="binary", target="y", metric=MetricChoice(metric="roc_auc", reason=""))
RANKS = Requirement(id="ranks", metric="roc_auc", direction=">=", bound=Bound(offset=0.7), text="roc_auc >= 0.7")


def latency(milliseconds: float, level: str = "must") -> Requirement:
    return Requirement(
        id="fast",
        metric="latency_p99_ms",
        direction="<=",
        bound=Bound(offset=milliseconds),
        text=f"latency_p99_ms <= {milliseconds:g}",
        level=level,
    )


@pytest.mark.parametrize(
    ("use", "requirements", "strategy"),
    [
        (None, (), "batch"),
        (None, (latency(50),), "real time"),
        (None, (latency(0.5),), "embedded"),
        (Use(offline=True), (latency(50),), "embedded"),
        (Use(within_seconds=0.2), (), "real time"),
        (Use(within_seconds=300), (), "real time"),
        (Use(within_seconds=86_400), (), "batch"),
        (Use(within_seconds=86_400), (latency(50, "should"),), "batch"),
        (Use(within_seconds=86_400), (latency(50),), "real time"),
    ],
)
def test_the_way_of_serving_follows_from_what_is_asked(use, requirements, strategy) -> None:
    found = propose_serving(replace(PROBLEM, use=use, requirements=requirements))
    assert found.strategy == strategy
    assert found.reason
    assert {way for way, _ in found.rejected} == {"batch", "real time", "embedded"} - {strategy}


def test_what_nobody_said_is_open() -> None:
    assert len(propose_serving(PROBLEM).open) == 2
    assert propose_serving(replace(PROBLEM, use=Use(within_seconds=1, rows_per_day=10))).open == ()


def test_every_requirement_is_proved_by_a_test_of_its_area() -> None:
    problem = replace(
        PROBLEM,
        requirements=(RANKS, latency(50), replace(RANKS, id="offline", where=("test",))),
        slices={"night": "hour > 20"},
        time="at",
        use=Use(within_seconds=0.1, rows_per_day=86_400),
    )
    tests = plan_checks(problem, propose_serving(problem), contract=True)
    proved = {(test.proves, test.area) for test in tests if test.proves}
    assert proved == {
        ("ranks", "model"),
        ("ranks", "production"),
        ("fast", "serving"),
        ("fast", "production"),
        ("offline", "model"),
    }
    names = [test.id for test in tests]
    assert len(set(names)) == len(names)
    assert {"data-order", "data-slice-night", "serving-load"} <= set(names)
    assert next(test.what for test in tests if test.id == "serving-load").startswith("5 rows a second")
