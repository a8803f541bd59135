"""The section ``problem``: what success means, who says so, and how the answers will be used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from tenfold.foundation.units import parse_seconds
from tenfold.records.problem import Function, Kpi, Place, Requirement, SignOff, Task, Use
from tenfold.spec.requirement import parse_criterion
from tenfold.spec.section import Duration, Filled, Label, Scalar, Section, Text
from tenfold.spec.sections_robustness import BehaviourEntry

BINARY_OUTCOMES = ("true_positive", "false_positive", "false_negative", "true_negative")


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise PydanticCustomError("day", "must be a date such as 2026-03-31, found '{text}'", {"text": text}) from error
    return text


Day: TypeAlias = Annotated[Filled, AfterValidator(_day)]
"""Text such as 2026-03-31."""
Amount: TypeAlias = float | Filled
"""Money: a number, or an expression over the columns of the row, such as ``amount * 0.02``."""


class Labels(Section):
    """When outcomes are known: ``after`` the prediction."""

    after: Duration

    @property
    def after_seconds(self) -> float:
        """The delay in seconds."""
        return parse_seconds(self.after)


class Value(Section):
    """Money per decision: four amounts for a binary task, or ``amounts[truth][decision]`` by class."""

    true_positive: Amount = 0.0
    false_positive: Amount = 0.0
    false_negative: Amount = 0.0
    true_negative: Amount = 0.0
    amounts: Mapping[str, Mapping[str, float]] | None = None

    @property
    def per_row(self) -> Mapping[str, str]:
        """The expressions among the four amounts, by the name of the outcome."""
        written = {name: getattr(self, name) for name in BINARY_OUTCOMES}
        return {name: amount for name, amount in written.items() if isinstance(amount, str)}


def _value(written: object) -> object:
    """Read a mapping by class as amounts."""
    if isinstance(written, dict) and written and not any(key in BINARY_OUTCOMES for key in written):
        if "amounts" in written or not all(isinstance(row, dict) for row in written.values()):
            return written
        return {"amounts": written}
    return written


class RequirementEntry(Section):
    """One entry of ``problem.requirements``."""

    id: Label
    that: Filled
    level: Literal["must", "should"] = "must"
    slices: tuple[Label, ...] = ()
    where: tuple[Place, ...] = ()
    confidence: float = 0.95

    def record(self) -> Requirement:
        """Return the requirement that the stages judge by."""
        criterion = parse_criterion(self.that)
        return Requirement(
            id=self.id,
            metric=criterion.metric,
            direction=criterion.direction,
            bound=criterion.bound,
            text=self.that,
            column=criterion.column,
            level=self.level,
            slices=self.slices,
            where=self.where,
            confidence=self.confidence,
        )


class KpiEntry(Section):
    """One entry of ``problem.kpis``: a figure of the business, and the requirements that stand for it here."""

    id: Label
    what: Text = ""
    unit: Filled
    direction: Literal["up", "down"] = "up"
    baseline: float | None = None
    target: float
    window: Duration
    source: Text = ""
    measured_by: tuple[Label, ...] = ()

    def record(self) -> Kpi:
        """Return the KPI that evidence is traced to."""
        return Kpi(
            id=self.id,
            what=self.what,
            unit=self.unit,
            direction=self.direction,
            baseline=self.baseline,
            target=self.target,
            window_seconds=parse_seconds(self.window),
            source=self.source,
            measured_by=self.measured_by,
        )


class FunctionEntry(Section):
    """One entry of ``problem.functions``: what the thing must do, and the requirements that prove it."""

    id: Label
    what: Filled
    level: Literal["must", "should"] = "must"
    proved_by: tuple[Label, ...] = ()

    def record(self) -> Function:
        """Return the functional requirement that evidence is traced to."""
        return Function(id=self.id, what=self.what, level=self.level, proved_by=self.proved_by)


class SignOffEntry(Section):
    """One entry of ``problem.signoff``: who agreed to this file, in which role, when, and until when (a year)."""

    who: Filled
    role: Filled
    on: Day
    until: Day | None = None

    def record(self) -> SignOff:
        """Return the sign-off as it is kept."""
        return SignOff(who=self.who, role=self.role, on=self.on, until=self.until or "")


class UseSection(Section):
    """How the answers will be used: from which a serving strategy is proposed."""

    within: Duration | None = None
    rows_per_day: int | None = None
    offline: bool = False

    def record(self) -> Use:
        """Return the use in seconds and rows."""
        seconds = None if self.within is None else parse_seconds(self.within)
        return Use(within_seconds=seconds, rows_per_day=self.rows_per_day, offline=self.offline)


class ProblemSection(Section):
    """What success means."""

    target: Filled
    objective: Text = ""
    owner: Text = ""
    users: tuple[Text, ...] = ()
    decision: Text = ""
    oversight: Text = ""
    task: Task | None = None
    metric: Text | None = None
    positive: Scalar | None = None
    time: Filled | None = None
    labels: Labels | None = None
    risk: Literal["minimal", "limited", "high"] = "minimal"
    value: Annotated[Value, BeforeValidator(_value)] | None = None
    baseline: Filled | None = None
    slices: Mapping[Label, Filled] = Field(default_factory=dict)
    requirements: tuple[RequirementEntry, ...] = ()
    behaviour: tuple[BehaviourEntry, ...] = ()
    kpis: tuple[KpiEntry, ...] = ()
    functions: tuple[FunctionEntry, ...] = ()
    signoff: tuple[SignOffEntry, ...] = ()
    use: UseSection | None = None
    effort: Duration | None = None
    feasibility: Literal["check", "warn", "off"] = "check"

    @property
    def positive_label(self) -> str | None:
        """The positive class as the canonical table writes it: ``true``, ``1``, ``yes``."""
        return None if self.positive is None else label_of(self.positive)

    @property
    def labels_after_seconds(self) -> float:
        """The delay until outcomes are known."""
        return 0.0 if self.labels is None else self.labels.after_seconds


def label_of(value: Scalar) -> str:
    """Return a scalar of the file as a class label of the canonical table."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
