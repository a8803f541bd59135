"""A high risk obliges: whatever is left out is named, and stops what would go live."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tenfold.gates.duties import Commitments, duties_of, stop_if_duties_open
from tenfold.records.problem import Bound, MetricChoice, Problem, Requirement, SignOff

FAIR = Requirement(
    id="fair", metric="roc_auc", direction=">=", bound=Bound(offset=0.6), text="roc_auc >= 0.6", slices=("women", "men")
)
PROBLEM = Problem(
    name="loans",
    task="binary",
    target="repaid",
    metric=MetricChoice(metric="roc_auc", reason=""),
    objective="lend to those who repay",
    owner="credit",
    users=("desk",),
    decision="lend",
    oversight="the desk sees each refusal and may lend all the same",
    risk="high",
    slices={"women": "sex = 'f'", "men": "sex = 'm'"},
    requirements=(FAIR,),
    signoff=(SignOff(who="A", role="owner", on="2026-01-02"), SignOff(who="B", role="risk", on="2026-01-03")),
)
PROMISED = Commitments(
    promote="ask",
    renew="ask",
    sensitive={"sex": ["women", "men"]},
    sealed=0.15,
    contract=True,
    alerts=1,
    feasibility="check",
)


DUTIES = [
    "purpose",
    "owner-sign-off",
    "second-sign-off",
    "sign-off-in-force",
    "requirements",
    "fairness-slices",
    "fairness-live",
    "human-review",
    "approval",
    "sealed-rows",
    "data-contract",
    "alerts",
    "feasibility",
]


def left(problem: Problem = PROBLEM, promised: Commitments = PROMISED) -> list[str]:
    return [duty.id for duty in duties_of(problem, promised) if duty.missing]


def test_who_does_everything_may_go_on() -> None:
    duties = duties_of(PROBLEM, PROMISED)
    assert left() == []
    assert [duty.id for duty in duties] == DUTIES
    assert stop_if_duties_open(duties) is None


@pytest.mark.parametrize("risk", ["minimal", "limited"])
def test_a_lower_risk_obliges_to_nothing(risk: str) -> None:
    assert duties_of(replace(PROBLEM, risk=risk, owner="", signoff=()), PROMISED) == ()


@pytest.mark.parametrize(
    ("change", "duty"),
    [
        ({"owner": ""}, "purpose"),
        ({"decision": ""}, "purpose"),
        ({"signoff": (SignOff(who="A", role="risk", on="2026-01-02"), PROBLEM.signoff[1])}, "owner-sign-off"),
        ({"signoff": PROBLEM.signoff[:1]}, "second-sign-off"),
        ({"oversight": ""}, "human-review"),
        ({"requirements": (replace(FAIR, where=("test",)),)}, "fairness-live"),
        ({"requirements": ()}, "requirements fairness-slices fairness-live"),
        ({"requirements": (replace(FAIR, slices=()),)}, "fairness-slices fairness-live"),
        (
            {"requirements": (replace(FAIR, level="should"), replace(FAIR, id="all", slices=()))},
            "fairness-slices fairness-live",
        ),
    ],
)
def test_what_the_problem_leaves_out_is_named(change: dict[str, object], duty: str) -> None:
    assert left(replace(PROBLEM, **change)) == duty.split()


@pytest.mark.parametrize(
    ("today", "until", "held"),
    [
        (date(2026, 12, 31), "", True),
        (date(2027, 1, 3), "", True),
        (date(2027, 1, 4), "", False),
        (date(2026, 1, 1), "", False),
        (date(2028, 1, 1), "2028-06-30", True),
        (date(2026, 7, 1), "2026-06-30", False),
    ],
)
def test_a_sign_off_holds_for_a_year_or_as_long_as_it_says(today: date, until: str, held: bool) -> None:
    signed = replace(PROBLEM, signoff=tuple(replace(one, until=until) for one in PROBLEM.signoff))
    assert left(signed, replace(PROMISED, today=today)) == ([] if held else ["sign-off-in-force"])


def test_the_reason_names_the_line_where_it_would_stand() -> None:
    duties = [replace(duty, line=7) for duty in duties_of(replace(PROBLEM, oversight=""), PROMISED)]
    assert "human-review (line 7: say who" in (stop_if_duties_open(duties) or "")


@pytest.mark.parametrize(
    ("change", "duty"),
    [
        ({"promote": "auto"}, "approval"),
        ({"renew": "auto"}, "approval"),
        ({"sensitive": {}}, "fairness-slices fairness-live"),
        ({"sensitive": {"sex": ["women"], "age": []}}, "fairness-slices fairness-live"),
        ({"sealed": 0.0}, "sealed-rows"),
        ({"contract": False}, "data-contract"),
        ({"alerts": 0}, "alerts"),
        ({"feasibility": "warn"}, "feasibility"),
    ],
)
def test_what_the_rest_of_the_file_leaves_out_is_named(change: dict[str, object], duty: str) -> None:
    promised = replace(PROMISED, **change)
    assert left(promised=promised) == duty.split()
    reason = stop_if_duties_open(duties_of(PROBLEM, promised))
    assert reason is not None
    assert all(name in reason for name in duty.split())
