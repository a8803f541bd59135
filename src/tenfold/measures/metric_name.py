"""What is known of a metric before anything is computed: direction, tasks, unit, reach and meaning."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tenfold.records.problem import Task

CLASSIFICATION: tuple[Task, ...] = ("binary", "multiclass")
REGRESSION: tuple[Task, ...] = ("regression",)
EVERY_TASK: tuple[Task, ...] = (*CLASSIFICATION, *REGRESSION)

FRACTION = (0.0, 1.0)
POSITIVE = (0.0, math.inf)
CORRELATION = (-1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricName:
    """What is known of a metric before anything is computed.

    Attributes
    ----------
    greater_is_better : bool
        The metric's own direction; ``latency_p99_ms`` is better when smaller.
    tasks : tuple of str
        The tasks for which it is defined.
    unit : str
        ``fraction`` (0 to 1), ``nats``, ``target`` (the target's own unit), ``money`` (per row), ``ms``, ``MB``;
        empty for a number without one.
    meaning : str
        One sentence for a person.
    operational : bool
        Measured on the running model or its files, not on predictions against outcomes.
    exact : bool
        Has no sampling error: the value is its own interval.
    usual : bool
        Measured in every run of its tasks; else where the file asks for it.
    claims : bool
        Has an interval. Without one it is shown, and nothing is judged or chosen by it.
    reach : (float, float)
        The least and the greatest value that it can take.
    """

    name: str
    greater_is_better: bool
    tasks: tuple[Task, ...]
    unit: str
    meaning: str
    operational: bool = False
    exact: bool = False
    usual: bool = True
    claims: bool = True
    reach: tuple[float, float] = FRACTION

    @property
    def direction(self) -> str:
        """The comparison under which a requirement on it makes sense: ``>=`` or ``<=``."""
        return ">=" if self.greater_is_better else "<="
