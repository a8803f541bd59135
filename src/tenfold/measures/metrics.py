"""Every metric that is computed from predictions, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tenfold.foundation.errors import InputError
from tenfold.measures.averages import (
    F1_MACRO,
    F1_MICRO,
    F1_WEIGHTED,
    KAPPA,
    PRECISION_MACRO,
    PRECISION_MICRO,
    PRECISION_WEIGHTED,
    RECALL_MACRO,
    RECALL_MICRO,
    RECALL_WEIGHTED,
    f_beta,
)
from tenfold.measures.calibration_error import ECE
from tenfold.measures.confusion import ACCURACY, BALANCED_ACCURACY, F1, MCC, PRECISION, RECALL
from tenfold.measures.metric import Metric
from tenfold.measures.money import VALUE_PER_ROW
from tenfold.measures.names import beta_of, level_of, metric_name, top_of
from tenfold.measures.probability import BRIER, LOG_LOSS
from tenfold.measures.rank import PR_AUC, ROC_AUC
from tenfold.measures.residual import MAE, MAPE, POISSON_DEVIANCE, R2, RMSE, SMAPE, pinball
from tenfold.measures.top import top_accuracy
from tenfold.records.problem import Task


def metric_called(name: str, task: Task | None = None) -> Metric:
    """Return the metric called ``name``, and make sure that it suits ``task``.

    Raises
    ------
    InputError
        When no metric has this name, it is not defined for the task, or it is measured on the running model instead.
    """
    if metric_name(name, task).operational:
        raise InputError(f"'{name}' is measured on the running model, not computed from predictions")
    return METRICS.get(name) or _of_family(name)


@cache
def _of_family(name: str) -> Metric:
    beta, top, level = beta_of(name), top_of(name), level_of(name)
    if beta is not None:
        return f_beta(beta)
    if top is not None:
        return top_accuracy(top)
    assert level is not None  # `metric_name` knows no other family
    return pinball(level)


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        ROC_AUC,
        PR_AUC,
        LOG_LOSS,
        BRIER,
        ACCURACY,
        BALANCED_ACCURACY,
        PRECISION,
        RECALL,
        F1,
        MCC,
        KAPPA,
        PRECISION_MACRO,
        PRECISION_MICRO,
        PRECISION_WEIGHTED,
        RECALL_MACRO,
        RECALL_MICRO,
        RECALL_WEIGHTED,
        F1_MACRO,
        F1_MICRO,
        F1_WEIGHTED,
        ECE,
        VALUE_PER_ROW,
        RMSE,
        MAE,
        R2,
        MAPE,
        SMAPE,
        POISSON_DEVIANCE,
    )
}
