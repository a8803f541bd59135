"""The metrics of a predicted number, and of the running model, by name: without any numerics."""

from __future__ import annotations

import math

from tenfold.measures.metric_name import EVERY_TASK, POSITIVE, REGRESSION, MetricName

OF_NUMBERS = (
    MetricName(
        name="rmse",
        greater_is_better=False,
        tasks=REGRESSION,
        unit="target",
        meaning="root of the mean squared error",
        reach=POSITIVE,
    ),
    MetricName(
        name="mae",
        greater_is_better=False,
        tasks=REGRESSION,
        unit="target",
        meaning="mean absolute error",
        reach=POSITIVE,
    ),
    MetricName(
        name="r2",
        greater_is_better=True,
        tasks=REGRESSION,
        unit="",
        meaning="share of the target's variance that is explained",
        reach=(-math.inf, 1.0),
    ),
    MetricName(
        name="mape",
        greater_is_better=False,
        tasks=REGRESSION,
        unit="fraction",
        meaning="mean absolute error as a fraction of the true value",
        reach=POSITIVE,
        usual=False,
    ),
    MetricName(
        name="smape",
        greater_is_better=False,
        tasks=REGRESSION,
        unit="fraction",
        meaning="mean absolute error as a fraction of the mean of truth and prediction, at most 2",
        usual=False,
        reach=(0.0, 2.0),
    ),
    MetricName(
        name="poisson_deviance",
        greater_is_better=False,
        tasks=REGRESSION,
        unit="target",
        meaning="mean deviance of counts from their predicted rate: errors count relative to the rate",
        usual=False,
        reach=POSITIVE,
    ),
)

OPERATIONAL = (
    MetricName(
        name="latency_p50_ms",
        greater_is_better=False,
        tasks=EVERY_TASK,
        unit="ms",
        meaning="median time to answer a request of one row",
        operational=True,
        reach=POSITIVE,
    ),
    MetricName(
        name="latency_p99_ms",
        greater_is_better=False,
        tasks=EVERY_TASK,
        unit="ms",
        meaning="time within which 99 of 100 requests of one row are answered",
        operational=True,
        reach=POSITIVE,
    ),
    MetricName(
        name="size_mb",
        greater_is_better=False,
        tasks=EVERY_TASK,
        unit="MB",
        meaning="size of the bundle on disk, in millions of bytes",
        operational=True,
        exact=True,
        reach=POSITIVE,
    ),
)
