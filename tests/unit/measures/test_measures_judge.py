from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measures_scene import asked, binary, regression

from tenfold.measures.interval import estimate
from tenfold.measures.judge import judge, overall
from tenfold.measures.metrics import METRICS
from tenfold.measures.outcome import Outcome
from tenfold.measures.paired import difference
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict


def verdict(requirement, **given):
    return judge(requirement, place="test", rng=np.random.default_rng(0), **given)


def decided(right: int, n: int) -> Outcome:
    """Return n rows of two classes of which ``right`` are decided rightly."""
    truth = np.arange(n) % 2
    decision = np.where(np.arange(n) < right, truth, 1 - truth)
    return Outcome(task="binary", truth=truth, scores=np.full((n, 2), 0.5), decision=decision)


def test_passes_when_the_whole_one_sided_bound_is_on_the_right_side():
    v = verdict(asked("accuracy", offset=0.7), outcome=decided(800, 1000))
    assert (v.verdict, v.n, v.bound) == ("pass", 1000, 0.7)
    assert v.low == pytest.approx(estimate(METRICS["accuracy"], decided(800, 1000), rng=None, sided="lower").low)
    assert v.low >= 0.7
    assert v.reason == f"at least {v.low:.4g} with 95 % confidence, at least 0.7 is asked"


def test_fails_when_the_whole_opposite_bound_is_on_the_wrong_side():
    v = verdict(asked("accuracy", offset=0.9), outcome=decided(800, 1000))
    assert v.verdict == "fail"
    assert v.high < 0.9


def test_fifty_rows_with_the_point_above_and_the_interval_across_are_inconclusive():
    v = verdict(asked("accuracy", offset=0.8), outcome=decided(43, 50))
    assert v.value > 0.8 > v.low
    assert v.verdict == "inconclusive"
    assert v.needed > 50
    assert str(v.needed) in v.reason


@pytest.mark.parametrize(("bound", "word"), [(0.9, "pass"), (0.3, "fail"), (0.48, "inconclusive")])
def test_at_most_judges_the_other_way_round(bound, word):
    o = binary(300, 5)
    assert 0.4 < METRICS["log_loss"].compute(o) < 0.55
    assert verdict(asked("log_loss", "<=", offset=bound), outcome=o).verdict == word


def test_a_higher_confidence_may_leave_open_what_a_lower_settles():
    requirement = asked("accuracy", offset=0.77)
    assert verdict(requirement, outcome=decided(800, 1000)).verdict == "pass"
    assert verdict(replace(requirement, confidence=0.999), outcome=decided(800, 1000)).verdict == "inconclusive"


def test_below_the_least_count_there_is_no_colour():
    v = verdict(asked("accuracy", offset=0.1), outcome=decided(29, 29), slice="small")
    assert (v.verdict, v.low, v.high, v.needed, v.n) == ("inconclusive", None, None, 30, 29)
    assert v.reason == "too few rows: 29, and at least 30 are needed"


def test_ranking_needs_some_rows_of_each_class():
    o = binary(400, 1)
    few = o.take(np.r_[np.flatnonzero(o.truth == 1)[:4], np.flatnonzero(o.truth == 0)])
    v = verdict(asked("roc_auc", offset=0.1), outcome=few)
    assert v.verdict == "inconclusive"
    assert "too few rows of one class: 4" in v.reason
    assert v.needed == int(np.ceil(few.n * 5 / 4))


def test_few_groups_give_no_colour():
    v = verdict(asked("accuracy", offset=0.1), outcome=binary(200, groups=3))
    assert v.verdict == "inconclusive"
    assert "too few groups: 3" in v.reason


@pytest.mark.parametrize(
    ("requirement", "given", "reason"),
    [
        (asked("roc_auc", offset=0.5), {}, "no rows to judge on"),
        (asked("roc_auc", offset=0.5), {"slice": "jfk"}, "no row of 'jfk' to judge on"),
        (
            asked("roc_auc", reference="champion", offset=-0.01),
            {"outcome": binary(300)},
            "there is no champion to compare with",
        ),
        (asked("latency_p99_ms", "<=", offset=10), {}, "latency_p99_ms was not measured at test"),
    ],
)
def test_what_cannot_be_measured_yet_is_pending_with_its_reason(requirement, given, reason):
    v = verdict(requirement, **given)
    assert (v.verdict, v.reason) == ("pending", reason)
    assert v.value is None


def test_a_metric_without_a_value_on_the_rows_there_are_can_say_nothing():
    negatives = binary(300).take(binary(300).truth == 0)
    v = verdict(asked("roc_auc", offset=0.5), outcome=negatives)
    assert (v.verdict, v.reason) == ("inconclusive", "only one class occurs among these rows")
    assert (v.value, v.low, v.high, v.n) == (None, None, None, negatives.n)
    assert overall([v]) == "inconclusive"


def test_a_bound_by_reference_judges_the_paired_difference_in_the_metrics_unit():
    a, champion = binary(800, 2), binary(800, 2, noise=0.4)
    v = verdict(asked("roc_auc", reference="champion", offset=-0.01), outcome=a, reference=champion)
    gap = difference(METRICS["roc_auc"], a, champion, confidence=0.9)
    there = METRICS["roc_auc"].compute(champion)
    assert v.value == pytest.approx(METRICS["roc_auc"].compute(a))
    assert v.bound == pytest.approx(there - 0.01)
    assert v.low - v.bound == pytest.approx(gap.low + 0.01)
    assert v.high - v.bound == pytest.approx(gap.high + 0.01)
    assert v.verdict == "pass"
    assert v.reference == "champion"


def test_a_percentage_is_of_the_references_absolute_value_and_moves_with_it():
    a, baseline = binary(2000, 2), binary(2000, 2, noise=2.0)
    losing = Outcome(
        task="binary", truth=a.truth, scores=baseline.scores, decision=baseline.decision, money=baseline.money - 50.0
    )
    metric = METRICS["value_per_row"]
    for reference, sign in ((baseline, 1.0), (losing, -1.0)):
        there = metric.compute(reference)
        assert np.sign(there) == sign
        v = verdict(
            asked("value_per_row", reference="baseline", offset=10, percent=True), outcome=a, reference=reference
        )
        assert v.bound == pytest.approx(there + abs(there) * 0.1)
        rows = a.money - (1 + sign * 0.1) * reference.money
        assert v.value - v.bound == pytest.approx(rows.mean())
        by_hand = 1.645 * rows.std() / np.sqrt(2000)
        assert v.value - v.low == pytest.approx(by_hand, rel=0.05)


def test_a_model_is_as_good_as_itself_but_not_better():
    a = binary(300)
    assert verdict(asked("accuracy", reference="champion"), outcome=a, reference=a).verdict == "pass"
    assert verdict(asked("accuracy", reference="champion", offset=0.01), outcome=a, reference=a).verdict == "fail"


def test_size_is_exact_and_never_inconclusive():
    size = Estimate(metric="size_mb", value=12.0, n=1)
    assert verdict(asked("size_mb", "<=", offset=50), measured=size).verdict == "pass"
    assert verdict(asked("size_mb", "<=", offset=11), measured=size).verdict == "fail"


@pytest.mark.parametrize(("bound", "word"), [(9.5, "pass"), (8.5, "inconclusive"), (7.0, "fail")])
def test_latency_is_judged_by_its_interval(bound, word):
    measured = Estimate(metric="latency_p99_ms", value=8.4, low=8.0, high=9.2, n=1000, confidence=0.95)
    v = verdict(asked("latency_p99_ms", "<=", offset=bound), measured=measured)
    assert v.verdict == word
    # The two-sided interval at 95 % becomes two one-sided bounds at 95 %, which lie nearer.
    assert 8.4 < v.high < 9.2


def test_latency_without_an_interval_settles_nothing():
    v = verdict(asked("latency_p99_ms", "<=", offset=50), measured=Estimate(metric="latency_p99_ms", value=8.0))
    assert (v.verdict, v.reason) == ("inconclusive", "measured without an interval")


def test_latency_against_the_champion_takes_both_uncertainties():
    ours = Estimate(metric="latency_p99_ms", value=8.0, low=7.0, high=9.0, n=1000)
    theirs = Estimate(metric="latency_p99_ms", value=10.0, low=9.0, high=11.0, n=1000)
    v = verdict(asked("latency_p99_ms", "<=", reference="champion"), measured=ours, reference=theirs)
    assert v.bound == 10.0
    assert v.high == pytest.approx(8.0 + np.hypot(1, 1) * 1.645 / 1.96, rel=1e-3)
    assert v.verdict == "pass"


def test_no_number_of_rows_settles_a_value_on_its_bound():
    v = verdict(asked("accuracy", offset=0.8), outcome=decided(80, 100))
    assert v.verdict == "inconclusive"
    assert v.needed is None
    assert "the value lies on the bound" in v.reason


def named(word, level="must"):
    return Verdict(requirement="r", verdict=word, place="test", level=level, metric="roc_auc", direction=">=")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "passed"),
        (["pass", "pending"], "passed"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "fail", "pass"], "failed"),
    ],
)
def test_the_worst_must_decides(words, expected):
    assert overall(named(word) for word in words) == expected


def test_a_should_only_informs():
    assert overall([named("pass"), named("fail", "should"), named("inconclusive", "should")]) == "passed"


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "roc_auc"])
def test_the_rows_that_are_needed_settle_four_in_five(metric):
    big = binary(400_000, 11, separation=1.0)
    direction = METRICS[metric].known.direction
    true = METRICS[metric].compute(big)
    bound = true - 0.03 if direction == ">=" else true + 0.03
    rng = np.random.default_rng(3)
    requirement = asked(metric, direction, offset=bound)
    # A pilot whose value happens to be the true one names the number of rows.
    pilots = [big.take(rng.integers(0, big.n, size=150)) for _ in range(60)]
    pilot = min(pilots, key=lambda o: abs(METRICS[metric].compute(o) - true))
    first = verdict(requirement, outcome=pilot)
    assert first.verdict == "inconclusive"
    trials = 120
    passed = sum(
        verdict(requirement, outcome=big.take(rng.integers(0, big.n, size=first.needed))).verdict == "pass"
        for _ in range(trials)
    )
    assert 0.65 <= passed / trials <= 0.95


def test_a_true_value_on_the_bound_passes_in_one_of_twenty():
    rng = np.random.default_rng(8)
    passed = 0
    for _ in range(600):
        errors = rng.normal(size=200)
        o = Outcome(task="regression", truth=errors, scores=np.zeros((200, 1)))
        passed += verdict(asked("rmse", "<=", offset=1.0), outcome=o).verdict == "pass"
    assert 0.02 <= passed / 600 <= 0.085


def test_regression_is_judged_against_its_baseline():
    model = regression(500)
    constant = Outcome(task="regression", truth=model.truth, scores=np.full((500, 1), model.truth.mean()))
    requirement = asked("rmse", "<=", reference="baseline", offset=-10, percent=True)
    assert verdict(requirement, outcome=model, reference=constant).verdict == "pass"


def test_around_a_reference_the_interval_of_a_fraction_stays_within_it():
    truth = np.arange(200) % 2
    sure, guess = np.where(truth[:, None] == [0, 1], 0.99, 0.01), np.full((200, 2), 0.5)
    good = Outcome(task="binary", truth=truth, scores=sure, decision=truth)
    flat = Outcome(task="binary", truth=truth, scores=guess, decision=np.random.default_rng(1).integers(0, 2, 200))
    v = verdict(asked("accuracy", reference="baseline", offset=0.1), outcome=good, reference=flat)
    assert v.verdict == "pass"
    assert v.bound < v.low <= v.value <= v.high <= 1.0


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_around_a_reference_the_interval_of_a_loss_stays_above_nothing(metric):
    truth = np.arange(60) % 2
    sure = np.where(truth[:, None] == [0, 1], 0.999, 0.001)
    weak = np.random.default_rng(2).uniform(0.05, 0.95, 60)
    good = Outcome(task="binary", truth=truth, scores=sure, decision=truth)
    poor = Outcome(task="binary", truth=truth, scores=np.column_stack([1 - weak, weak]), decision=(weak > 0.5) * 1)
    v = verdict(asked(metric, "<=", reference="baseline"), outcome=good, reference=poor)
    assert v.verdict == "pass"
    assert 0.0 <= v.low <= v.value <= v.high < v.bound


def test_a_share_of_error_above_one_keeps_its_interval():
    truth = np.linspace(0.1, 1.0, 200)
    o = Outcome(task="regression", truth=truth, scores=(truth * 3.0)[:, None])
    v = verdict(asked("mape", "<=", offset=0.5), outcome=o)
    assert v.low <= v.value <= v.high
    assert v.value > 1.0
