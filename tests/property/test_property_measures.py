"""Laws of the measures: order and copies of rows do not matter, bounds nest, verdicts follow their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tenfold.measures.interval import estimate
from tenfold.measures.judge import judge, overall
from tenfold.measures.metrics import METRICS
from tenfold.measures.money import best_constant_action, money
from tenfold.measures.outcome import Outcome
from tenfold.measures.paired import difference
from tenfold.measures.rank import roc_auc
from tenfold.measures.threshold import choose_threshold, decide
from tenfold.records.evidence import Verdict
from tenfold.records.problem import Bound, Requirement, ValueMatrix

BINARY = [metric for metric in METRICS.values() if "binary" in metric.known.tasks and metric.known.claims]
NUMBERS = [metric for metric in METRICS.values() if "regression" in metric.known.tasks]
AMOUNTS = st.floats(-50, 50, allow_nan=False)


@st.composite
def binaries(draw, least=2, most=60):
    """Scores on a coarse grid, so that ties are common; any mix of truths and decisions."""
    n = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    truth = rng.integers(0, 2, size=n)
    levels = draw(st.integers(2, 12))
    probability = rng.integers(0, levels, size=n) / (levels - 1)
    decision = rng.integers(0, 2, size=n)
    earned = np.array([[0.0, -8.0], [1.0, 40.0]])[truth, decision]
    scores = np.column_stack([1 - probability, probability])
    return Outcome(task="binary", truth=truth, scores=scores, decision=decision, money=earned)


@st.composite
def regressions(draw):
    n = draw(st.integers(3, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.integers(-3, 6))
    truth = scale * (1 + rng.random(n))
    return Outcome(task="regression", truth=truth, scores=(truth + scale * rng.normal(size=n))[:, None])


def known(metric, outcome):
    return not metric.objection(outcome)


@given(binaries(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(outcome, shuffler):
    order = list(range(outcome.n))
    shuffler.shuffle(order)
    turned = outcome.take(np.array(order))
    for metric in BINARY:
        assert known(metric, outcome) == known(metric, turned)
        if known(metric, outcome):
            assert metric.compute(turned) == pytest.approx(metric.compute(outcome), abs=1e-12)


@given(binaries(), st.integers(2, 4))
def test_copies_of_all_rows_change_no_value(outcome, times):
    copies = outcome.take(np.tile(np.arange(outcome.n), times))
    for metric in BINARY:
        if known(metric, outcome):
            assert metric.compute(copies) == pytest.approx(metric.compute(outcome), abs=1e-12)


@given(binaries())
def test_integer_weights_are_copies(outcome):
    weight = 1 + np.arange(outcome.n) % 3
    copies = outcome.take(np.repeat(np.arange(outcome.n), weight))
    weighted = Outcome(
        task="binary",
        truth=outcome.truth,
        scores=outcome.scores,
        decision=outcome.decision,
        money=outcome.money,
        weight=weight.astype(np.float64),
    )
    for metric in BINARY:
        if known(metric, outcome):
            assert metric.compute(weighted) == pytest.approx(metric.compute(copies), abs=1e-12)


@given(binaries())
def test_auc_is_the_share_of_pairs_ranked_rightly(outcome):
    assume(0 < outcome.truth.sum() < outcome.n)
    score = outcome.scores[:, 1]
    high, low = score[outcome.truth == 1][:, None], score[outcome.truth == 0][None, :]
    pairs = ((high > low) + 0.5 * (high == low)).mean()
    assert roc_auc(outcome.truth == 1, score) == pytest.approx(pairs, abs=1e-12)
    assert roc_auc(outcome.truth == 0, score) == pytest.approx(1 - pairs, abs=1e-12)
    assert roc_auc(outcome.truth == 1, np.exp(score)) == pytest.approx(pairs, abs=1e-12)


@settings(max_examples=50)
@given(binaries(least=3), st.floats(0.6, 0.99))
def test_every_interval_is_finite_holds_its_value_and_grows_with_confidence(outcome, confidence):
    for metric in BINARY:
        found = estimate(metric, outcome, confidence=confidence, rng=np.random.default_rng(0))
        wider = estimate(metric, outcome, confidence=confidence + 0.009, rng=np.random.default_rng(0))
        if found.low is None or found.high is None:
            continue
        assert np.isfinite([found.low, found.high]).all(), metric.name
        assert found.low <= found.value + 1e-9, metric.name
        assert found.value <= found.high + 1e-9, metric.name
        assert wider.low <= found.low + 1e-9, metric.name
        assert wider.high >= found.high - 1e-9, metric.name


@settings(max_examples=50)
@given(regressions())
def test_every_interval_of_numbers_is_finite_and_scales_with_the_unit(outcome):
    scaled = Outcome(task="regression", truth=1000 * outcome.truth, scores=1000 * outcome.scores)
    for metric in NUMBERS:
        if not known(metric, outcome):
            continue
        found, large = (estimate(metric, o, rng=np.random.default_rng(0)) for o in (outcome, scaled))
        assert found.low <= found.value <= found.high
        factor = 1000 if metric.known.unit == "target" else 1
        assert large.low == pytest.approx(factor * found.low, rel=1e-6, abs=1e-9)
        assert large.high == pytest.approx(factor * found.high, rel=1e-6, abs=1e-9)


@settings(max_examples=50)
@given(binaries(least=3), st.integers(0, 2**32))
def test_a_difference_is_the_opposite_of_its_opposite(outcome, seed):
    rng = np.random.default_rng(seed)
    probability = rng.random(outcome.n)
    decision = rng.integers(0, 2, size=outcome.n)
    other = Outcome(
        task="binary",
        truth=outcome.truth,
        scores=np.column_stack([1 - probability, probability]),
        decision=decision,
        money=np.array([[0.0, -8.0], [1.0, 40.0]])[outcome.truth, decision],
    )
    for metric in BINARY:
        if not known(metric, outcome) or not known(metric, other):
            continue
        there, back = difference(metric, outcome, other), difference(metric, other, outcome)
        assert there.value == pytest.approx(-back.value, abs=1e-12)
        if there.low is not None and there.method != "paired, rule of three":
            assert there.low == pytest.approx(-back.high, rel=1e-6, abs=1e-9), metric.name


@settings(max_examples=60)
@given(
    binaries(least=30, most=200),
    st.sampled_from([">=", "<="]),
    st.floats(0, 1),
    st.sampled_from(["accuracy", "log_loss", "roc_auc", "value_per_row"]),
)
def test_a_verdict_says_what_its_bounds_say(outcome, direction, level, name):
    requirement = Requirement(id="r", metric=name, direction=direction, bound=Bound(offset=level), text="")
    v = judge(requirement, place="test", outcome=outcome, rng=np.random.default_rng(0))
    if v.verdict == "pending":
        assert METRICS[name].objection(outcome)
        return
    if v.low is None:
        assert v.verdict == "inconclusive"
        return
    right = v.low >= v.bound if direction == ">=" else v.high <= v.bound
    wrong = v.high < v.bound if direction == ">=" else v.low > v.bound
    assert v.verdict == ("pass" if right else "fail" if wrong else "inconclusive")
    assert (v.needed is None) or v.needed >= v.n
    assert v.reason


@given(st.lists(st.tuples(st.sampled_from(["pass", "fail", "inconclusive", "pending"]), st.booleans()), max_size=8))
def test_overall_depends_on_musts_alone(words):
    verdicts = [
        Verdict(
            requirement=str(i),
            verdict=word,
            place="test",
            level="must" if must else "should",
            metric="f1",
            direction=">=",
        )
        for i, (word, must) in enumerate(words)
    ]
    musts = {word for word, must in words if must}
    expected = "failed" if "fail" in musts else "inconclusive" if "inconclusive" in musts else "passed"
    assert overall(verdicts) == expected


@settings(max_examples=60)
@given(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS), st.integers(0, 2**32))
def test_no_threshold_earns_less_than_the_better_constant_on_many_rows(amounts, seed):
    tn, fp, fn, tp = amounts
    matrix = ValueMatrix(classes=("no", "yes"), amounts=((tn, fp), (fn, tp)))
    rng = np.random.default_rng(seed)
    truth = (rng.random(3000) < 0.4).astype(np.int64)
    probability = np.round(np.clip(0.4 + 0.3 * (truth - 0.4) + 0.2 * rng.normal(size=3000), 0, 1), 2)
    threshold = choose_threshold(truth, probability, matrix)
    decision = decide(np.column_stack([1 - probability, probability]), threshold, matrix)
    constant = np.full(3000, best_constant_action(truth, matrix))
    assert money(truth, decision, matrix).mean() >= money(truth, constant, matrix).mean() - 1e-9


@given(st.integers(2, 5), st.integers(0, 2**32))
def test_decisions_are_the_best_in_expectation(classes, seed):
    rng = np.random.default_rng(seed)
    amounts = np.round(rng.normal(size=(classes, classes)) * 10, 1)
    matrix = ValueMatrix(classes=tuple(map(str, range(classes))), amounts=tuple(map(tuple, amounts.tolist())))
    scores = rng.dirichlet(np.ones(classes), size=20)
    expected = scores @ amounts
    chosen = decide(scores, None, matrix)
    assert (expected[np.arange(20), chosen] >= expected.max(axis=1) - 1e-12).all()
