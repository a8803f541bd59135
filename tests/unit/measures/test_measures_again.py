"""A judgement that is kept, held against another bound; use cases ranked, with what hangs on the weights."""

from __future__ import annotations

import numpy as np
import pytest

from tenfold.measures.judge import judge_again
from tenfold.measures.money import amounts_by_row, best_constant_action, money
from tenfold.measures.ranking import rank
from tenfold.measures.threshold import choose_threshold
from tenfold.records.evidence import Verdict
from tenfold.records.problem import Bound, MetricChoice, Problem, ValueMatrix

KEPT = Verdict(
    requirement="ranks",
    verdict="pass",
    place="test",
    level="must",
    metric="roc_auc",
    direction=">=",
    value=0.80,
    low=0.78,
    high=0.82,
    bound=0.75,
    n=1_000,
)


@pytest.mark.parametrize(("bound", "verdict"), [(0.77, "pass"), (0.79, "inconclusive"), (0.83, "fail")])
def test_a_number_is_held_against_the_interval_that_is_kept(bound: float, verdict: str) -> None:
    again = judge_again(KEPT, Bound(offset=0.75), Bound(offset=bound))
    assert again.verdict == verdict
    assert again.bound == bound
    assert (again.needed is not None) == (verdict == "inconclusive")


def test_the_references_value_follows_from_the_old_bound() -> None:
    before, asked = Bound(reference="baseline", offset=0.05), Bound(reference="baseline", offset=10.0, percent=True)
    assert judge_again(KEPT, before, asked).bound == pytest.approx(0.77)
    assert judge_again(KEPT, asked, before).bound == pytest.approx(0.75 / 1.1 + 0.05)


def test_of_another_reference_nothing_is_said() -> None:
    again = judge_again(KEPT, Bound(offset=0.75), Bound(reference="baseline"))
    assert again.verdict == "pending"
    assert "baseline" in again.reason


def scores(**each: tuple[float, ...]) -> list[dict[str, float]]:
    return [dict(zip(each, row, strict=True)) for row in zip(*each.values(), strict=True)]


def test_who_leads_in_everything_leads_whatever_the_weights() -> None:
    ranking = rank(
        scores(value=(0.2, 0.9), risk=(0.1, 1.0)),
        {"value": 1, "risk": 1},
        change=0.2,
        rng=np.random.default_rng(1),
    )
    assert ranking.order == (1, 0)
    assert ranking.same_order == ranking.same_first == 1.0
    assert ranking.best_rank == ranking.worst_rank == (2, 1)


def test_an_order_that_hangs_on_the_weights_says_so() -> None:
    ranking = rank(
        scores(value=(1.0, 0.0, 0.0), risk=(0.0, 0.99, 0.1)),
        {"value": 1, "risk": 1},
        change=0.2,
        rng=np.random.default_rng(1),
    )
    assert ranking.order == (0, 1, 2)
    assert 0.4 < ranking.same_first < 0.65
    assert ranking.first_share.sum() == pytest.approx(1.0)
    assert ranking.worst_rank == (2, 2, 3)


def by_row() -> Problem:
    return Problem(
        name="p",
        task="binary",
        target="y",
        metric=MetricChoice(metric="value_per_row", reason=""),
        classes=("no", "yes"),
        value=ValueMatrix(classes=("no", "yes"), amounts=((0.0, -8.0), (0.0, 20.0))),
        value_by_row=(("", ""), ("", "amount / 2")),
    )


def test_each_row_brings_its_own_amount_and_one_without_the_mean() -> None:
    import polars as pl

    amounts = amounts_by_row(by_row(), pl.DataFrame({"amount": [10.0, None, 100.0]}))
    assert amounts is not None
    truth, decision = np.array([1, 1, 0]), np.array([1, 1, 1])
    value = by_row().value
    assert value is not None
    assert money(truth, decision, value, amounts).tolist() == [5.0, 20.0, -8.0]


def test_the_constant_decision_counts_what_rows_really_bring() -> None:
    amounts = np.zeros((3, 2, 2))
    amounts[0, 1, 1], amounts[1:, 0, 1] = 5.0, -4.0
    value = ValueMatrix(classes=("no", "yes"), amounts=((0.0, -1.0), (0.0, 100.0)))
    truth = np.array([1, 0, 0])
    assert best_constant_action(truth, value) == 1
    assert best_constant_action(truth, value, by_row=amounts) == 0


def test_equal_amounts_by_row_choose_as_the_matrix_does() -> None:
    rng = np.random.default_rng(2)
    probability = rng.random(4_000)
    truth = (rng.random(4_000) < probability).astype(np.int64)
    value = ValueMatrix(classes=("no", "yes"), amounts=((0.0, -8.0), (0.0, 20.0)))
    amounts = np.tile(np.array(value.amounts), (4_000, 1, 1))
    plain = choose_threshold(truth, probability, value)
    rowwise = choose_threshold(truth, probability, value, by_row=amounts)
    assert rowwise.value == plain.value
    assert rowwise.gain == pytest.approx(plain.gain)


def test_the_threshold_goes_where_the_money_is() -> None:
    rng = np.random.default_rng(3)
    probability = rng.random(6_000)
    truth = (rng.random(6_000) < probability).astype(np.int64)
    value = ValueMatrix(classes=("no", "yes"), amounts=((0.0, -8.0), (0.0, 20.0)))
    amounts = np.tile(np.array(value.amounts), (6_000, 1, 1))
    # Rows that look unlikely bring next to nothing when they come true.
    amounts[probability < 0.5, 1, 1] = 1.0
    assert choose_threshold(truth, probability, value, by_row=amounts).value > 0.45
    assert choose_threshold(truth, probability, value).value < 0.4
