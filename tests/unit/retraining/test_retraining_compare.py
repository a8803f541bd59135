"""Which challengers are promoted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tenfold.measures.outcome import Outcome
from tenfold.records.evidence import Verdict
from tenfold.records.retrain import Gain
from tenfold.stages.retraining.compare import comparable, compare, settle
from tenfold.stages.retraining.options import RetrainingOptions

AUTO = RetrainingOptions(promote="auto")
BETTER = Gain(metric="roc_auc", rows="newest", n=500, value=0.03, low=0.01, high=0.05)
EVEN = replace(BETTER, value=0.0, low=-0.01, high=0.01)
WORSE = replace(BETTER, value=-0.03, low=-0.05, high=-0.01)


def outcome(truth: np.ndarray, logit: np.ndarray) -> Outcome:
    chance = 1.0 / (1.0 + np.exp(-logit))
    return Outcome(task="binary", truth=truth, scores=np.column_stack([1.0 - chance, chance]))


def test_a_gain_is_positive_for_the_better_model_whichever_way_the_metric_points() -> None:
    rng = np.random.default_rng(3)
    signal = rng.normal(size=4000)
    truth = (rng.random(4000) < 1 / (1 + np.exp(-2 * signal))).astype(np.int64)
    good, poor = outcome(truth, 2 * signal), outcome(truth, rng.normal(size=4000))
    for metric in ("roc_auc", "log_loss"):
        found = compare(good, poor, metric=metric, confidence=0.95, rows="newest")
        assert found.low is not None
        assert found.low > 0
        turned = compare(poor, good, metric=metric, confidence=0.95, rows="newest")
        assert turned.value is not None
        assert np.isclose(turned.value, -(found.value or 0.0))
        assert turned.high is not None
        assert turned.high < 0


def test_equal_models_are_called_better_no_more_often_than_promised() -> None:
    options = RetrainingOptions(promote="auto")
    rng = np.random.default_rng(11)
    promoted = 0
    for _ in range(400):
        signal = rng.normal(size=600)
        truth = (rng.random(600) < 1 / (1 + np.exp(-signal))).astype(np.int64)
        pair = [outcome(truth, signal + 0.5 * rng.normal(size=600)) for _ in range(2)]
        gain = compare(*pair, metric="roc_auc", confidence=options.confidence_per_look, rows="newest")
        promoted += settle(gain, None, (), options, objection=None, look=1).action == "promote"
    # One look of three has a third of five per cent: 6.7 of 400; the chance of more than 15 is under 0.3 %.
    assert promoted <= 15


def test_better_is_promoted_worse_refused_and_even_waits() -> None:
    assert settle(BETTER, None, (), AUTO, objection=None, look=1).action == "promote"
    assert settle(WORSE, None, (), AUTO, objection=None, look=1).action == "refuse"
    even = settle(EVEN, None, (), AUTO, objection=None, look=1)
    assert (even.action, even.waits_for) == ("wait", "rows")


def test_waiting_ends_with_the_last_look() -> None:
    assert settle(EVEN, None, (), AUTO, objection=None, look=AUTO.looks).action == "refuse"


def test_a_challenger_that_was_never_compared_is_never_refused_for_it() -> None:
    few = replace(BETTER, n=99)
    for gain in (Gain(metric="roc_auc", rows="newest", n=0), few):
        assert not comparable(gain)
        for look in (1, AUTO.looks):
            assert settle(gain, None, (), AUTO, objection=None, look=look).action == "wait"


def test_a_better_challenger_that_fails_a_must_is_refused() -> None:
    refused = settle(BETTER, None, (), AUTO, objection="a must did not pass", look=1)
    assert refused.action == "refuse"
    failed = Verdict(
        requirement="fast", verdict="fail", place="retrain", level="must", metric="roc_auc", direction=">=", reason="no"
    )
    assert settle(BETTER, None, (failed,), AUTO, objection=None, look=1).action == "refuse"


def test_ask_leaves_the_promotion_to_a_person() -> None:
    found = settle(BETTER, None, (), RetrainingOptions(), objection=None, look=1)
    assert (found.action, found.waits_for) == ("wait", "person")


def test_what_was_lost_on_the_old_rows_is_told() -> None:
    found = settle(BETTER, replace(WORSE, rows="lockbox"), (), AUTO, objection=None, look=1)
    assert found.action == "promote"
    assert "old sealed rows it is worse by 0.03" in found.reason
