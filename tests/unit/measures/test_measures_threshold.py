from __future__ import annotations

import numpy as np
import pytest
from measures_scene import REBOOKING, binary, multiclass

from tenfold.measures.calibration import fit_calibration
from tenfold.measures.metrics import metric_called
from tenfold.measures.money import amounts_of, money
from tenfold.measures.outcome import Outcome
from tenfold.measures.threshold import bayes_threshold, choose_threshold, decide
from tenfold.records.evaluation import Threshold
from tenfold.records.problem import ValueMatrix


def matrix(tn, fp, fn, tp):
    return ValueMatrix(classes=("no", "yes"), amounts=((tn, fp), (fn, tp)))


def earned(outcome, threshold, value):
    decision = decide(outcome.scores, threshold, value)
    return float(money(outcome.truth, decision, value).mean())


def judged(outcome, threshold, name):
    decision = decide(outcome.scores, threshold)
    return metric_called(name).compute(
        Outcome(task="binary", truth=outcome.truth, scores=outcome.scores, decision=decision, money=None)
    )


def brute_force(outcome, reached):
    cuts = np.concatenate([[0.0], np.unique(outcome.scores[:, 1]), [1.1]])
    return max(reached(Threshold(value=float(cut), reason="")) for cut in cuts)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("value", [REBOOKING, matrix(1, -20, 0, 2), matrix(0, -1, -100, 0), matrix(5, 1, -1, 0)])
def test_the_money_is_within_a_hundredth_of_the_most_that_any_threshold_makes(value, ties):
    o = binary(2000, 3, ties=ties)
    t = choose_threshold(o.truth, o.scores[:, 1], value)
    most = brute_force(o, lambda cut: earned(o, cut, value))
    right = float(money(o.truth, o.truth, value).mean())
    # A hundredth of the money, and of the costs, as what perfect decisions would bring more.
    assert most - earned(o, t, value) <= 0.01 * min(abs(most), abs(right - most)) + 1e-12
    assert t.gain == pytest.approx(earned(o, t, value) - earned(o, Threshold(value=0.5, reason=""), value))


@pytest.mark.parametrize(
    "metric", ["accuracy", "balanced_accuracy", "f1", "mcc", "kappa", "f2", "f0.5", "f1_macro", "f1_weighted"]
)
def test_on_many_rows_the_metric_is_the_most_that_any_threshold_reaches(metric):
    o = binary(5000, 4)
    t = choose_threshold(o.truth, o.scores[:, 1], None, metric)
    # The plain search over 5,000 cuts is slow; every hundredth score comes close to it from below.
    some = o.take(np.argsort(o.scores[:, 1])[::100])
    cuts = np.unique(some.scores[:, 1])
    best = max(judged(o, Threshold(value=float(cut), reason=""), metric) for cut in cuts)
    assert judged(o, t, metric) >= best


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_on_few_rows_new_rows_lose_little_to_the_best_threshold(sharpness):
    fresh = binary(60_000, 50, noise=0.0)

    def sharpened(o):
        place = sharpness * np.log(o.scores[:, 1] / o.scores[:, 0])
        return 1 / (1 + np.exp(-place))

    probability = sharpened(fresh)
    attainable = max(
        float(money(fresh.truth, (probability >= cut).astype(np.int64), REBOOKING).mean())
        for cut in np.quantile(probability, np.linspace(0, 1, 200))
    )
    reached = []
    for seed in range(30):
        o = binary(300, seed)
        t = choose_threshold(o.truth, sharpened(o), REBOOKING)
        reached.append(float(money(fresh.truth, (probability >= t.value).astype(np.int64), REBOOKING).mean()))
    assert np.mean(reached) >= 0.98 * attainable


def test_ten_times_the_cost_of_false_alarms_raises_the_threshold():
    for n in (500, 20_000):
        o = binary(n, 6)
        cheap = choose_threshold(o.truth, o.scores[:, 1], matrix(0, -2, 0, 10)).value
        dear = choose_threshold(o.truth, o.scores[:, 1], matrix(0, -20, 0, 10)).value
        assert dear > cheap


def test_too_few_positives_choose_nothing_and_say_so():
    o = binary(200, 1)
    few = o.take(np.r_[np.flatnonzero(o.truth == 1)[:9], np.flatnonzero(o.truth == 0)])
    with_money = choose_threshold(few.truth, few.scores[:, 1], REBOOKING)
    assert with_money.value == pytest.approx(8 / 48)
    assert "9 rows of the rarer class are too few" in with_money.reason
    without = choose_threshold(few.truth, few.scores[:, 1])
    assert (without.value, without.gain) == (0.5, None)


def test_rare_positives_are_chosen_by_f1_and_balanced_ones_by_balanced_accuracy():
    rare, even = binary(3000, positive=0.1), binary(3000, positive=0.5)
    assert "F1" in choose_threshold(rare.truth, rare.scores[:, 1]).reason
    assert "balanced accuracy" in choose_threshold(even.truth, even.scores[:, 1]).reason


def test_equal_predictions_give_an_equal_threshold_in_any_order_of_rows():
    o = binary(3000, ties=True)
    turned = o.take(np.random.default_rng(0).permutation(3000))
    there, here = (choose_threshold(x.truth, x.scores[:, 1], REBOOKING) for x in (o, turned))
    assert there.value == pytest.approx(here.value, rel=1e-9)
    assert there == choose_threshold(o.truth, o.scores[:, 1], REBOOKING)


def test_a_decision_that_never_pays_is_never_taken_and_one_that_always_pays_always():
    o = binary(5000)
    never = choose_threshold(o.truth, o.scores[:, 1], matrix(0, -5, 0, -1))
    assert never.value > 1.0
    assert not decide(np.array([[0.0, 1.0]]), never).any()
    always = choose_threshold(o.truth, o.scores[:, 1], matrix(0, 5, 0, 1))
    assert decide(np.array([[1.0, 0.0]]), always).all()


@pytest.mark.parametrize(
    ("amounts", "expected"), [((0, -8, 0, 40), 8 / 48), ((1, 0, 0, 1), 0.5), ((0, -1, 0, 0), None), ((0, 0, 0, 1), 0.0)]
)
def test_bayes_threshold_is_where_both_decisions_bring_the_same(amounts, expected):
    value = matrix(*amounts)
    found = bayes_threshold(value)
    if expected is None:
        assert found >= 1.0
    else:
        assert found == pytest.approx(expected)


def test_decide_takes_the_class_of_greatest_expected_money():
    value = ValueMatrix(classes=("a", "b", "c"), amounts=((1, 0, 0), (0, 1, 0), (-50, -50, 10)))
    scores = np.array([[0.6, 0.3, 0.1], [0.98, 0.02, 0.0], [0.1, 0.8, 0.1]])
    assert decide(scores, None, value).tolist() == [2, 0, 2]
    brute = [max(range(3), key=lambda d: sum(row[k] * amounts_of(value)[k, d] for k in range(3))) for row in scores]
    assert decide(scores, None, value).tolist() == brute
    assert decide(scores).tolist() == [0, 0, 1]


def test_ties_go_to_the_lowest_code_and_even_odds_to_the_positive_class():
    assert decide(np.array([[0.25, 0.25, 0.25, 0.25]])).tolist() == [0]
    assert decide(np.array([[0.5, 0.5]])).tolist() == [1]


def test_calibration_finds_the_curve_that_spoiled_the_probabilities():
    o = binary(20_000, 2)
    place = np.log(o.scores[:, 1] / o.scores[:, 0])
    spoiled = 1 / (1 + np.exp(-(0.7 + 2.0 * place)))
    curve = fit_calibration(o.truth, spoiled, np.ones(o.n))
    assert curve.slope == pytest.approx(0.5, abs=0.03)
    assert curve.intercept == pytest.approx(-0.35, abs=0.05)
    assert curve.before(float(curve(np.array([0.3]))[0])) == pytest.approx(0.3)


def test_calibration_of_predictions_that_separate_the_classes_is_finite():
    truth = np.tile([0, 1], 50)
    curve = fit_calibration(truth, np.where(truth == 1, 1.0, 0.0), np.ones(100))
    assert np.isfinite([curve.slope, curve.intercept]).all()


def test_weights_count_as_repeated_rows():
    o = binary(1500, 9)
    twice = np.repeat(np.arange(1500), np.where(o.truth == 1, 2, 1))
    weight = np.where(o.truth == 1, 2.0, 1.0)
    weighted = choose_threshold(o.truth, o.scores[:, 1], REBOOKING, weight=weight)
    repeated = choose_threshold(o.truth[twice], o.scores[twice, 1], REBOOKING)
    assert weighted.value == pytest.approx(repeated.value, abs=1e-6)


def test_multiclass_has_no_threshold():
    o = multiclass(50)
    assert (decide(o.scores, Threshold(value=0.9, reason="")) == o.scores.argmax(axis=1)).all()
