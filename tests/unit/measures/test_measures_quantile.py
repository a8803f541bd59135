from __future__ import annotations

import numpy as np
import pytest

from tenfold.foundation.errors import InputError
from tenfold.measures.quantile import estimate_quantile


@pytest.mark.parametrize(("metric", "level"), [("latency_p50_ms", 0.5), ("latency_p99_ms", 0.99)])
def test_the_interval_covers_the_quantile_whatever_the_distribution(metric, level):
    rng = np.random.default_rng(4)
    true = float(-np.log(1 - level))
    covered = 0
    for _ in range(500):
        found = estimate_quantile(metric, rng.exponential(size=1000))
        covered += found.low <= true <= found.high
    # Order statistics jump, and the interval never covers less than it says.
    assert 0.93 <= covered / 500 <= 0.99


def test_too_few_calls_bound_the_tail_on_one_side_only():
    found = estimate_quantile("latency_p99_ms", np.arange(100.0))
    assert found.low is not None
    assert found.high is None
    assert "too few" in found.reason


def test_one_sided_bounds_leave_the_other_side_open():
    sample = np.random.default_rng(0).exponential(size=1000)
    upper = estimate_quantile("latency_p99_ms", sample, sided="upper")
    both = estimate_quantile("latency_p99_ms", sample)
    assert upper.low is None
    assert upper.value < upper.high <= both.high


def test_nothing_measured_is_no_value():
    assert estimate_quantile("latency_p50_ms", np.array([])).value is None


def test_a_name_without_a_quantile_is_refused():
    with pytest.raises(InputError, match="says no quantile"):
        estimate_quantile("size_mb", np.ones(3))
