"""Gates stop a run for a reason, and only for that."""

from __future__ import annotations

from typing import Literal

import pytest

from tenfold.foundation.context import Received
from tenfold.gates.policy import may_register
from tenfold.gates.stops import stop_if_broken, stop_if_infeasible, stop_if_leaking
from tenfold.records.dataset import Dataset, Finding
from tenfold.records.evaluation import Estimate, Evaluation
from tenfold.records.features import FeatureLeak, FeaturePlan
from tenfold.records.problem import Feasibility, MetricChoice, Problem

Status = Literal["feasible", "infeasible", "inconclusive", "leaking", "skipped"]


def problem(status: Status, *, enforce: bool = True) -> Received[Problem]:
    found = Feasibility(status=status, reason="because", enforce=enforce)
    choice = MetricChoice(metric="rmse", reason="")
    return Received(record=Problem(name="p", task="regression", target="y", metric=choice, feasibility=found))


@pytest.mark.parametrize("status", ["infeasible", "leaking"])
def test_a_run_stops_when_nothing_can_be_learned_or_the_answer_stands_in_the_data(status: Status) -> None:
    assert "because" in (stop_if_infeasible(problem(status)) or "")


@pytest.mark.parametrize("status", ["feasible", "inconclusive", "skipped"])
def test_a_run_goes_on_while_success_is_possible(status: Status) -> None:
    assert stop_if_infeasible(problem(status)) is None


@pytest.mark.parametrize("status", ["infeasible", "leaking"])
def test_a_user_who_asked_only_to_be_warned_is_not_stopped(status: Status) -> None:
    assert stop_if_infeasible(problem(status, enforce=False)) is None


def test_only_critical_findings_stop_a_run() -> None:
    mild = Finding(rule="r", severity="warning", message="odd")
    grave = Finding(rule="r", severity="critical", message="column gone")
    empty = Dataset(rows=1, columns=(), sources=(), snapshot="")
    assert stop_if_broken(Received(record=empty)) is None
    found = Dataset(rows=1, columns=(), sources=(), snapshot="", findings=(mild,))
    assert stop_if_broken(Received(record=found)) is None
    found = Dataset(rows=1, columns=(), sources=(), snapshot="", findings=(mild, grave))
    assert "column gone" in (stop_if_broken(Received(record=found)) or "")


def test_only_blocking_leaks_stop_a_run_and_long_lists_are_cut() -> None:
    def leak(number: int, severity: Literal["block", "warn"]) -> FeatureLeak:
        return FeatureLeak(column=f"c{number}", kind="name", severity=severity, reason=f"'c{number}' tells")

    warned = FeaturePlan(inputs=(), views={}, leak_details=(leak(0, "warn"),))
    assert stop_if_leaking(Received(record=warned)) is None
    blocked = FeaturePlan(inputs=(), views={}, leak_details=tuple(leak(number, "block") for number in range(5)))
    reason = stop_if_leaking(Received(record=blocked)) or ""
    assert "'c0' tells" in reason
    assert reason.endswith("and 2 more")


def test_a_result_without_bundle_or_figures_is_no_version() -> None:
    metrics = {"test": {"rmse": Estimate(metric="rmse", value=1.0)}}
    assert may_register(Evaluation(judged_on="test", metrics=metrics, bundle="abc")) is None
    assert may_register(Evaluation(judged_on="test", metrics=metrics)) is not None
    assert may_register(Evaluation(judged_on="test", metrics={}, bundle="abc")) is not None
