"""What the chosen model is worth on rows that nobody trained or chose on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric's value with its interval at ``confidence``; ``low`` and ``high`` None when none can be claimed."""

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    confidence: float = 0.95
    method: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """How scores become decisions: the threshold of a binary task, and what it was chosen for."""

    value: float
    reason: str
    gain: float | None = None


RecalibrationMethod = Literal["logistic", "beta", "isotonic", "temperature", "temperature and offsets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibration:
    """What is done to the ensemble's probabilities, so that they are as often right as they say.

    ``params`` of ``logistic``: intercept and slope over the logit. ``beta``: intercept, and slopes over log p and over
    -log(1 - p). ``temperature``: what the logarithms are multiplied with, then an offset for each class. ``isotonic``
    has knots instead: ``before`` and ``after``, both rising.
    """

    method: RecalibrationMethod
    params: tuple[float, ...] = ()
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationCheck:
    """Whether probabilities are as often right as they say, on the judged rows, and whether they were mended.

    ``ece`` is less what chance adds to it. ``slope`` and ``intercept`` (two classes) are those of the logistic curve
    through the outcomes: 1 and 0 for true probabilities, a slope below 1 for overconfident ones. ``loss_before`` and
    ``loss_after`` are log losses out of fold, by the method that did best; it is ``mended`` when the gain is beyond
    chance.
    """

    ece: float | None
    slope: float | None = None
    intercept: float | None = None
    mended: bool = False
    method: str = ""
    loss_before: float | None = None
    loss_after: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformal:
    """What turns a prediction into an interval, or probabilities into a set of classes, that holds the truth.

    Numbers: by bin of the prediction (``edges`` between bins), ``below`` and ``above`` are added to it, times the size
    of errors there: ``spread`` at the predictions ``knots``, straight between them, and 1 without any. Classes:
    ``least`` is the probability from which on a class is in the set.
    """

    level: float
    edges: tuple[float, ...] = ()
    below: tuple[float, ...] = ()
    above: tuple[float, ...] = ()
    least: tuple[float, ...] = ()
    knots: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalCheck:
    """How often intervals, or sets, hold the truth of the judged rows; ``width`` is their mean width, or size."""

    level: float
    coverage: Estimate
    width: float
    judged_on: str
    rows: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakSlice:
    """Rows on which the model does worse, found on other rows than those it is measured on here.

    ``condition`` may stand in ``problem.slices``. ``n`` of ``of`` rows are inside; ``estimate`` is the main metric
    there and ``rest`` on all others. ``ratio`` is the mean loss inside by that of rows as hard elsewhere, ``chance``
    the probability of so great a difference without one, after allowing for ``tried`` slices.
    """

    condition: str
    n: int
    of: int
    share: float
    estimate: Estimate
    rest: Estimate
    ratio: float
    chance: float
    tried: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Perturbation:
    """What a change of the input did to the model.

    ``value`` is in the unit of ``measure``: ``worse`` (how much worse the main metric became), ``change`` (the greatest
    change of a prediction), ``share`` (of rows). ``low`` and ``high`` bound it where an interval can be claimed.
    """

    kind: str
    column: str
    what: str
    measure: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The evaluation stage's result.

    ``metrics`` holds estimates by part (``test``, ``validation``, ``cross-validation``), ``slices`` by slice name,
    ``baseline`` the reference's values on the same rows. ``judged_on`` is the part that verdicts rest on. Payload:
    ``bundle.zip`` (the model), ``verdicts.json``, ``predictions.parquet`` (row, truth, prediction, probabilities).

    What was measured on the running model and its files stands in the part ``operational``. ``references`` says, by
    metric, which reference was the better and is therefore the baseline. ``row_cpu_us`` is the processor time of one
    row by the key of the member. ``plots`` holds plain numbers by the name of the plot.
    """

    judged_on: str
    metrics: Mapping[str, Mapping[str, Estimate]]
    slices: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    baseline: Mapping[str, Estimate] = field(default_factory=dict)
    baseline_name: str = ""
    threshold: Threshold | None = None
    bundle: str = ""
    plots: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    row_cpu_us: Mapping[str, float] = field(default_factory=dict)
    weak_slices: tuple[WeakSlice, ...] = ()
    robustness: tuple[Perturbation, ...] = ()
    recalibration: Recalibration | None = None
    calibration: CalibrationCheck | None = None
    conformal: Conformal | None = None
    intervals: IntervalCheck | None = None
