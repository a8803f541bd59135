"""What the file's ``problem`` section says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tenfold.records.problem import Function, Kpi, Requirement, SignOff, Task, Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Money per decision, as written: four amounts for two classes, or ``by_class[truth][decision]``.

    One of the four may be an expression over the columns of the row.
    """

    true_positive: float | str = 0.0
    false_positive: float | str = 0.0
    false_negative: float | str = 0.0
    true_negative: float | str = 0.0
    by_class: Mapping[str, Mapping[str, float]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemOptions:
    """The problem as the user states it.

    Attributes
    ----------
    task, metric, positive : str or None
        Overrides of what is inferred. ``positive`` is written as the canonical table writes it: ``true``, ``1``,
        ``yes``.
    time : str or None
        Column that says when the prediction is made.
    rule : str or None
        The rule in use today, an expression over columns: true means positive (binary), a class (multiclass) or a
        number.
    feasibility : str
        ``check`` stops a run that cannot succeed, ``warn`` only tells, ``off`` does not look.
    excluded : tuple of str
        Columns that will not be features: by role, or known only later.
    allowed : tuple of str
        Columns that may look like leaks: the user said that they are known in time.
    outlook : bool
        Whether the ceiling and the learning curve are estimated too, which takes some seconds.
    outlook_rows : int
        On how many rows at most.
    """

    target: str
    name: str = "model"
    objective: str = ""
    owner: str = ""
    users: tuple[str, ...] = ()
    decision: str = ""
    oversight: str = ""
    task: Task | None = None
    metric: str | None = None
    positive: str | None = None
    time: str | None = None
    labels_after_seconds: float = 0.0
    risk: Literal["minimal", "limited", "high"] = "minimal"
    value: Amounts | None = None
    rule: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[Requirement, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    functions: tuple[Function, ...] = ()
    signoff: tuple[SignOff, ...] = ()
    use: Use | None = None
    feasibility: Literal["check", "warn", "off"] = "check"
    excluded: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    outlook: bool = False
    outlook_rows: int = 3_000
