from __future__ import annotations

import subprocess
import sys

import pytest

from tenfold.foundation.errors import InputError
from tenfold.measures.names import METRIC_NAMES, metric_name, names_for


def test_names_load_neither_numpy_nor_scipy():
    code = (
        "import sys, tenfold.measures.names; "
        "print([m for m in ('numpy', 'scipy', 'polars', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_metrics_and_intervals_load_without_scipy():
    code = (
        "import sys, tenfold.measures.judge, tenfold.measures.metrics, tenfold.measures.threshold; "
        "print('scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_operational_names_are_known_for_every_task():
    for task in ("binary", "multiclass", "regression"):
        assert names_for(task, operational=True) == ("latency_p50_ms", "latency_p99_ms", "size_mb")


def test_regression_and_classes_share_no_computed_metric():
    assert not set(names_for("binary")) & set(names_for("regression"))


def test_the_direction_of_a_loss_is_at_most():
    assert METRIC_NAMES["rmse"].direction == "<="
    assert METRIC_NAMES["roc_auc"].direction == ">="


def test_an_unknown_name_lists_what_is_known():
    with pytest.raises(InputError, match=r"'auc' is not a metric \(known are: roc_auc"):
        metric_name("auc")
