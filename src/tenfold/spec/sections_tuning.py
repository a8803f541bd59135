"""The section ``tuning``: how hyperparameters are searched, and where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import Field

from tenfold.foundation.errors import did_you_mean
from tenfold.records.settings import LEARNER_SETTINGS, Setting
from tenfold.spec.faults import Fault
from tenfold.spec.section import Filled, Section

if TYPE_CHECKING:
    from tenfold.spec.schema import Spec


class RangeSection(Section):
    """Numbers from ``low`` to ``high``; ``log`` searches on a logarithmic scale, ``points`` is what a grid takes."""

    low: int | float
    high: int | float
    log: bool = False
    points: int = Field(default=3, ge=2, le=1_000)


Searched: TypeAlias = RangeSection | tuple[bool | int | float | str, ...]
"""Where a setting is searched: a list of values, or a range."""


class TuningSection(Section):
    """How hyperparameters are searched."""

    method: Literal["auto", "grid", "random", "bayesian", "hyperband", "asha"] = "auto"
    space: Mapping[Filled, Mapping[Filled, Searched]] = Field(default_factory=dict)
    fidelity: Literal["iterations", "rows"] = "iterations"
    start_from: Filled | None = None


def check_tuning(spec: Spec) -> Iterator[Fault]:
    """Yield what a space names that no learner knows, and values that no setting takes."""
    for learner, settings in spec.tuning.space.items():
        line = spec.line_of("tuning", "space", learner)
        if learner not in LEARNER_SETTINGS:
            nothing = " A linear model walks its own path of penalties." if learner == "linear" else ""
            known = ", ".join(LEARNER_SETTINGS)
            yield Fault(
                message=f"tuning.space names '{learner}', which is no learner with settings to be searched"
                f" (known are: {known}).{nothing}{did_you_mean(learner, LEARNER_SETTINGS)}",
                line=line,
            )
            continue
        if not settings:
            yield Fault(message=f"tuning.space.{learner} is empty: name settings, or remove it", line=line)
        if spec.training.learners != "auto" and learner not in spec.training.learners:
            yield Fault(
                message=f"tuning.space searches '{learner}', which training.learners leaves out: add it there",
                line=line,
            )
        for name, searched in settings.items():
            place = spec.line_of("tuning", "space", learner, name)
            known_settings = LEARNER_SETTINGS[learner]
            if name not in known_settings:
                yield Fault(
                    message=f"'{name}' is not a setting of {learner} (known are: {', '.join(known_settings)})."
                    f"{did_you_mean(name, known_settings)}",
                    line=place,
                )
                continue
            yield from _check_setting(f"tuning.space.{learner}.{name}", known_settings[name], searched, place)


def _check_setting(name: str, setting: Setting, searched: Searched, line: int | None) -> Iterator[Fault]:
    if not isinstance(searched, RangeSection):
        if not searched:
            yield Fault(message=f"{name} has no values: write a list such as [1, 2], or {{low: …, high: …}}", line=line)
        if len({(type(value) is bool, value) for value in searched}) < len(searched):
            yield Fault(message=f"{name} names a value twice", line=line)
        for value in searched:
            if setting.objection(value):
                yield Fault(message=f"{name} takes {setting.described()}, found {value!r}", line=line)
        return
    if not searched.low < searched.high:
        yield Fault(
            message=f"{name} goes from {searched.low:g} to {searched.high:g}: low must be below high", line=line
        )
    if searched.log and not searched.low > 0:
        yield Fault(message=f"{name} has log: true, so low must be above 0, found {searched.low:g}", line=line)
    for value in (searched.low, searched.high):
        if not math.isfinite(value) or setting.objection(value):
            yield Fault(message=f"{name} takes {setting.described()}, found {value:g}", line=line)
