"""Costs drive decisions: the threshold moves the right way, and no rule of its kind would have cost clearly less."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tenfold.bundle.recalibration import recalibrated
from tenfold.measures.money import amounts_of, money
from tenfold.measures.threshold import choose_threshold, decide
from tenfold.records.evaluation import Threshold
from tenfold.records.problem import ValueMatrix
from tenfold.stages.evaluation.recalibrate import mend

COST = st.floats(0.5, 50.0, allow_nan=False)
NOTHING = st.floats(0.0, 5.0, allow_nan=False)


def two(false_positive: float, false_negative: float, found: float = 0.0) -> ValueMatrix:
    return ValueMatrix(classes=("no", "yes"), amounts=((0.0, -false_positive), (-false_negative, found)))


@st.composite
def binaries(draw, least: int = 40, most: int = 400):
    """Truths with probabilities that may be overconfident or timid; classes may be rare."""
    rows = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    place = 1.2 * rng.normal(size=rows) - draw(st.floats(0.0, 2.0))
    truth = (rng.random(rows) < 1.0 / (1.0 + np.exp(-place))).astype(np.int64)
    assume(0 < truth.sum() < rows)
    said = 1.0 / (1.0 + np.exp(-draw(st.floats(0.4, 3.0)) * place))
    return truth, said


@settings(max_examples=60)
@given(binaries(), COST, COST, NOTHING)
def test_ten_times_the_cost_of_false_alarms_never_lowers_the_threshold(drawn, false_positive, false_negative, found):
    truth, said = drawn
    once, tenfold = (
        choose_threshold(truth, said, two(factor * false_positive, false_negative, found)) for factor in (1, 10)
    )
    assert tenfold.value >= once.value - 1e-12
    alarms = [(said >= each.value).sum() for each in (once, tenfold)]
    assert alarms[1] <= alarms[0]


@settings(max_examples=40)
@given(binaries(least=700, most=3_000), COST, COST, NOTHING)
def test_on_more_rows_it_does_not_either(drawn, false_positive, false_negative, found):
    truth, said = drawn
    once, tenfold = (
        choose_threshold(truth, said, two(factor * false_positive, false_negative, found)).value for factor in (1, 10)
    )
    assert tenfold >= once - 1e-12


@settings(max_examples=30)
@given(binaries(least=700, most=2_000), COST, COST, st.booleans())
def test_two_classes_of_300_rows_cost_within_one_percent_of_brute_force(drawn, false_positive, false_negative, by_row):
    truth, said = drawn
    assume(min(truth.sum(), len(truth) - truth.sum()) >= 300)
    value = two(false_positive, false_negative)
    amounts = np.repeat(amounts_of(value)[None], len(truth), axis=0) * (1 + np.arange(len(truth)) % 3)[:, None, None]
    chosen = choose_threshold(truth, said, value, by_row=amounts if by_row else None)

    def cost(cut: float) -> float:
        decided = (said >= cut).astype(np.int64)
        return -float(money(truth, decided, value, amounts if by_row else None).mean())

    assert cost(chosen.value) <= 1.01 * min(cost(float(cut)) for cut in np.append(np.unique(said), 1.1)) + 1e-12


@settings(max_examples=30)
@given(binaries(), COST, COST)
def test_ten_times_the_cost_by_row_never_lowers_it_either(drawn, false_positive, false_negative):
    truth, said = drawn
    found = []
    for factor in (1, 10):
        value = two(factor * false_positive, false_negative)
        by_row = np.repeat(amounts_of(value)[None], len(truth), axis=0) * (1 + np.arange(len(truth)) % 3)[:, None, None]
        found.append(choose_threshold(truth, said, value, by_row=by_row).value)
    assert found[1] >= found[0] - 1e-12


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("false_positive", "false_negative"), [(1.0, 20.0), (5.0, 5.0), (30.0, 4.0)])
def test_two_classes_cost_within_one_percent_of_brute_force(sharpness, false_positive, false_negative):
    rng = np.random.default_rng(int(10 * sharpness + false_positive))
    place = 1.5 * rng.normal(size=1_200) - 1.0
    truth = (rng.random(1_200) < 1.0 / (1.0 + np.exp(-place))).astype(np.int64)
    said = 1.0 / (1.0 + np.exp(-sharpness * place))
    value = two(false_positive, false_negative)
    scores = np.column_stack([1.0 - said, said])

    def cost(threshold: Threshold) -> float:
        return -float(money(truth, decide(scores, threshold, value), value).mean())

    chosen = cost(choose_threshold(truth, said, value))
    least = min(cost(Threshold(value=float(cut), reason="")) for cut in np.append(np.unique(said), 1.1))
    assert chosen <= 1.01 * least


BENT = {
    "true": lambda place: place,
    "overconfident": lambda place: 2.0 * place,
    "timid": lambda place: 0.5 * place,
    "shifted": lambda place: place + np.array([1.0, 0.0, -1.0]),
}
COSTS = (
    ((0.0, -1.0, -1.0), (-10.0, 0.0, -1.0), (-30.0, -5.0, 0.0)),
    ((0.0, -5.0, -20.0), (-1.0, 0.0, -10.0), (-1.0, -1.0, 0.0)),
    ((0.0, -1.0, -1.0), (-1.0, 0.0, -1.0), (-1.0, -1.0, 0.0)),
)


def three(rows: int, bend: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Truths of three classes, and probabilities that are bent."""
    place = 1.5 * rng.normal(size=(rows, 3)) + np.array([1.0, 0.0, -0.5])
    truth = np.argmax(place + rng.gumbel(size=place.shape), axis=1)
    powers = np.exp(BENT[bend](place))
    return truth, powers / powers.sum(axis=1, keepdims=True)


FACTORS = tuple(np.array([1.0, *each]) for each in itertools.product(np.exp(np.linspace(-1.0, 1.0, 9)), repeat=2))


@pytest.mark.parametrize("bend", list(BENT))
@pytest.mark.parametrize("amounts", COSTS)
def test_of_three_classes_no_decision_is_expected_to_cost_less(bend, amounts):
    """Brute force over every decision of every row, by the probabilities that are served."""
    truth, scores = three(1_000, bend, np.random.default_rng(4))
    value = ValueMatrix(classes=("a", "b", "c"), amounts=amounts)
    mended = mend("multiclass", truth, scores, weight=None, group=None, seed=1).scores
    expected = -np.array([[row @ amounts_of(value)[:, decision] for decision in range(3)] for row in mended])
    found = expected[np.arange(1_000), decide(mended, None, value)]
    np.testing.assert_allclose(found, expected.min(axis=1), rtol=1e-12)


@pytest.mark.parametrize("bend", list(BENT))
def test_weights_of_classes_that_fit_the_rows_they_were_chosen_on_cost_more_on_new_ones(bend):
    """Why no weights are chosen: what they save on 1,000 rows is those rows' chance."""
    saved = more = 0.0
    for seed, amounts in itertools.product(range(4), COSTS):
        rng = np.random.default_rng(seed)
        truth, scores = three(1_000, bend, rng)
        value = ValueMatrix(classes=("a", "b", "c"), amounts=amounts)
        found = mend("multiclass", truth, scores, weight=None, group=None, seed=1)
        new_truth, new = three(20_000, bend, rng)
        new = new if found.step is None else recalibrated(new, found.step)

        def cost(of: np.ndarray, probabilities: np.ndarray, value: ValueMatrix = value) -> float:
            return -float(money(of, decide(probabilities, None, value), value).mean())

        best = min(FACTORS, key=lambda factors: cost(truth, found.scores * factors))
        saved += 1.0 - cost(truth, found.scores * best) / cost(truth, found.scores)
        more += cost(new_truth, new * best) / cost(new_truth, new) - 1.0
    assert saved > 0.0
    assert more > 0.0


@pytest.mark.parametrize("bend", list(BENT))
@pytest.mark.parametrize("amounts", COSTS)
def test_three_classes_cost_within_one_percent_of_brute_force(bend, amounts):
    """Brute force: each class's probability times a factor of its own, over a grid, best on these very rows.

    The grid's best owes a part to these rows' chance, about 1 % at 8,000 rows; there are so many that little is left.
    """
    truth, scores = three(30_000, bend, np.random.default_rng(9))
    value = ValueMatrix(classes=("a", "b", "c"), amounts=amounts)
    mended = mend("multiclass", truth, scores, weight=None, group=None, seed=1).scores

    def cost(probabilities: np.ndarray) -> float:
        return -float(money(truth, decide(probabilities, None, value), value).mean())

    least = min(
        cost(np.clip(mended, 1e-12, None) ** power * factors) for power in (0.8, 1.0, 1.25) for factors in FACTORS
    )
    assert cost(mended) <= 1.01 * least
