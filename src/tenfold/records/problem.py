"""What success means: the problem, its requirements, and whether the data can meet them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Task = Literal["binary", "multiclass", "regression"]
Place = Literal["test", "ci", "canary", "ab", "live", "retrain"]
PLACES: tuple[Place, ...] = ("test", "ci", "canary", "ab", "live", "retrain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The right-hand side of a requirement.

    ``reference`` None: the number is ``offset`` itself. Else the bound is the reference's value plus ``offset``,
    or plus ``offset`` percent of the reference's absolute value when ``percent``.
    """

    reference: Literal["baseline", "champion"] | None = None
    offset: float = 0.0
    percent: bool = False

    def against(self, reference_value: float | None) -> float:
        """Return the bound as a number, given the reference's value of the metric."""
        if self.reference is None:
            return self.offset
        if reference_value is None:
            raise ValueError(f"the bound needs the value of {self.reference}")
        change = abs(reference_value) * self.offset / 100.0 if self.percent else self.offset
        return reference_value + change


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that must, or should, hold: ``metric(column) >= bound``, on slices, at places.

    ``slices`` empty: all rows. ``where`` empty: every place that can measure it. ``text`` is what the user wrote.
    """

    id: str
    metric: str
    direction: Literal[">=", "<="]
    bound: Bound
    text: str
    column: str | None = None
    level: Literal["must", "should"] = "must"
    slices: tuple[str, ...] = ()
    where: tuple[Place, ...] = ()
    confidence: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the model must answer when its input changes.

    ``bound`` is the most that may happen (for ``unit`` the least share of rows that must be noticed). ``size`` is the
    noise in standard deviations, ``factor`` what a unit is multiplied with, ``rises`` the direction in which the
    prediction must go with the column, ``tolerance`` by how much a row may go the other way.
    """

    id: str
    test: Literal["noise", "missing", "column_order", "unit", "invariance", "direction"]
    column: str = ""
    bound: float = 0.0
    size: float = 0.1
    factor: float = 1000.0
    rises: bool = True
    tolerance: float = 0.0
    level: Literal["must", "should"] = "must"

    def requirement(self) -> Requirement:
        """Return the requirement that its evidence is kept under."""
        subject = self.column
        if self.test == "noise":
            subject = f"{self.size:g}"
        elif self.test == "unit":
            subject = f"{self.column}, x{self.factor:g}"
        elif self.test == "direction":
            subject = f"{self.column}, {'up' if self.rises else 'down'}"
        direction: Literal[">=", "<="] = ">=" if self.test == "unit" else "<="
        asked = f"{self.test}({subject})" if subject else self.test
        return Requirement(
            id=self.id,
            metric=self.test,
            direction=direction,
            bound=Bound(offset=self.bound),
            text=f"{asked} {direction} {self.bound:g}",
            column=self.column or None,
            level=self.level,
            where=("test",),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMatrix:
    """Money per decision: ``amounts[truth][decision]``, both in the order of ``classes``."""

    classes: tuple[str, ...]
    amounts: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """A figure of the business that the model is to move, and the requirements that stand for it here.

    ``direction`` says which way is better. ``baseline`` is where it stands today, ``target`` where it is to go, both in
    ``unit`` and counted over ``window_seconds``.
    """

    id: str
    unit: str
    target: float
    window_seconds: float
    what: str = ""
    direction: Literal["up", "down"] = "up"
    baseline: float | None = None
    source: str = ""
    measured_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A functional requirement: what the thing must do, and the requirements whose evidence proves it."""

    id: str
    what: str
    level: Literal["must", "should"] = "must"
    proved_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """Who agreed to the problem as it is written, in which role, on which day, and until when (ISO 8601; a year)."""

    who: str
    role: str
    on: str
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How the answers will be used.

    ``within_seconds`` is the time from the question to the answer that the decision can bear, ``offline`` means that
    the answer is needed where no network is.
    """

    within_seconds: float | None = None
    rows_per_day: int | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the model should be served, proposed from the requirements and from the use of its answers.

    ``rejected`` holds the other ways with the reason against each; ``open`` what nobody has said yet.
    """

    strategy: Literal["batch", "real time", "embedded"]
    reason: str
    rejected: tuple[tuple[str, str], ...] = ()
    open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTest:
    """One check of the test plan: what it shows, what runs it, and the requirement that it proves, if one."""

    id: str
    area: Literal["data", "model", "serving", "production"]
    what: str
    by: str
    proves: str = ""
    level: Literal["must", "should"] = "must"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Something that a risk tier obliges to; ``missing`` is empty when it is done, else says what to write where.

    ``line`` is that of the file where it stands or would stand.
    """

    id: str
    what: str
    missing: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """How good any model of these columns could become: the error that is left when nothing more can be learned.

    ``metric`` is ``error_rate`` (the Bayes error) or ``rmse``; ``low`` and ``high`` bound it at 95 %. ``out_of_reach``
    names requirements that lie beyond ``low``.
    """

    metric: Literal["error_rate", "rmse"]
    value: float
    low: float
    high: float
    n: int
    method: str = ""
    out_of_reach: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The quick models' value of the metric when trained on ``rows`` rows, with its standard error."""

    rows: int
    value: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """What more rows would bring.

    ``rows_low`` and ``rows_high`` bound, at 90 %, the rows from which on the best quick model reaches ``level`` of
    ``metric``, if fifty times the rows do at all; ``rows`` is the middle, ``beyond`` the chance that they do not.
    ``says`` is ``enough`` (reached already), ``range``, ``out of reach`` or ``cannot say``. ``doubled`` is the value to
    expect of twice the rows, with its bounds.
    """

    metric: str
    level: float
    level_from: str
    says: Literal["enough", "range", "out of reach", "cannot say"]
    reason: str
    points: tuple[CurvePoint, ...] = ()
    rows: int | None = None
    rows_low: int | None = None
    rows_high: int | None = None
    beyond: float | None = None
    doubled: float | None = None
    doubled_low: float | None = None
    doubled_high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChoice:
    """The main metric, why it was chosen, and what was not chosen and why."""

    metric: str
    reason: str
    rejected: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A column that knows the answer.

    ``severity`` ``block``: training stops. ``warn``: it is told and training goes on.
    """

    column: str
    kind: Literal["copy", "near-perfect", "name", "availability", "post-outcome", "text", "file-name"]
    severity: Literal["block", "warn"]
    reason: str
    strength: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feasibility:
    """Signal against chance and against the user's rule, from a quick look at a sample.

    ``value``, ``low``, ``high`` are of ``metric`` for the best quick model, cross-validated; ``chance`` is the constant
    model's value; ``required`` is the level asked for, in the same metric. ``status``:

    - ``feasible``: signal was found;
    - ``infeasible``: none was found and even the upper bound lies below what is required;
    - ``inconclusive``: none was found, but the data are too few to exclude it;
    - ``leaking``: the target stands in the data;
    - ``skipped``: the user said so.

    ``low`` and ``high`` are one-sided 95 % bounds. ``enforce`` False: the user asked to be warned only. ``gain`` is the
    money per row that a quick model brings over what is done today, with its 95 % interval.
    """

    status: Literal["feasible", "infeasible", "inconclusive", "leaking", "skipped"]
    reason: str
    metric: str | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    rule: float | None = None
    required: float | None = None
    n: int = 0
    leaks: tuple[Leak, ...] = ()
    enforce: bool = True
    ceiling: Ceiling | None = None
    curve: LearningCurve | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The problem stage's result.

    ``classes`` are the target's values as strings, in the order in which probabilities are given; for a binary task the
    positive class is the last. ``labels_after_seconds`` is the delay until outcomes are known. ``reasons`` says, by the
    name of what was inferred (``task``, ``positive``), why.
    ``value_by_row`` is of the shape of the value's amounts: a text that is not empty gives the amount of each row as an
    expression over its columns, and ``value`` holds its mean over the table; empty where every row brings the same.
    """

    name: str
    task: Task
    target: str
    metric: MetricChoice
    objective: str = ""
    owner: str = ""
    users: tuple[str, ...] = ()
    decision: str = ""
    oversight: str = ""
    risk: Literal["minimal", "limited", "high"] = "minimal"
    positive: str | None = None
    classes: tuple[str, ...] = ()
    class_counts: Mapping[str, int] = field(default_factory=dict)
    time: str | None = None
    labels_after_seconds: float = 0.0
    value: ValueMatrix | None = None
    rule: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[Requirement, ...] = ()
    value_by_row: tuple[tuple[str, ...], ...] = ()
    kpis: tuple[Kpi, ...] = ()
    functions: tuple[Function, ...] = ()
    signoff: tuple[SignOff, ...] = ()
    use: Use | None = None
    feasibility: Feasibility | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
