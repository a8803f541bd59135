"""Every metric that is computed from predictions, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.foundation.errors import InputError
from tenfold.measures.confusion import ACCURACY, BALANCED_ACCURACY, F1, MCC, PRECISION, RECALL
from tenfold.measures.metric import Metric
from tenfold.measures.money import VALUE_PER_ROW
from tenfold.measures.names import metric_name
from tenfold.measures.probability import BRIER, LOG_LOSS
from tenfold.measures.rank import PR_AUC, ROC_AUC
from tenfold.measures.residual import MAE, MAPE, R2, RMSE
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
    return METRICS[name]


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
        VALUE_PER_ROW,
        RMSE,
        MAE,
        R2,
        MAPE,
    )
}
