"""Contradictions of the section ``validation`` with what the file says about time and groups."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.spec.faults import Fault
from tenfold.spec.schema import Spec
from tenfold.spec.sections_validation import APART, SHUFFLED


def check_forward(spec: Spec) -> Iterator[Fault]:
    """Yield settings of a split in time that have no time to work with."""
    asked = spec.validation
    for key, set_ in (
        ("gap", asked.gap_seconds > 0),
        ("embargo", asked.embargo_seconds > 0),
        ("window", asked.window != "expanding"),
    ):
        if set_ and spec.problem.time is None:
            yield Fault(message=f"validation.{key} needs problem.time", line=spec.line_of("validation", key))
    if asked.window != "expanding" and asked.window_seconds is not None and asked.strategy in SHUFFLED:
        yield Fault(
            message=f"validation.window belongs to a split in time, not to strategy: {asked.strategy}",
            line=spec.line_of("validation", "window"),
        )
    if asked.window != "expanding" and asked.strategy == "nested":
        yield Fault(
            message="validation.window does not go with strategy: nested, whose searches train on everything older",
            line=spec.line_of("validation", "window"),
        )
    if asked.repeats is not None and asked.repeats > 1 and asked.strategy in {"time", "holdout", "loo"}:
        yield Fault(
            message=f"validation.repeats repeats folds by chance; strategy: {asked.strategy} has none",
            line=spec.line_of("validation", "repeats"),
        )


def check_leaking(spec: Spec) -> Iterator[Fault]:
    """Yield a strategy that would put on both sides what the file declares to belong together."""
    asked, time = spec.validation, spec.problem.time
    if asked.allow:
        return
    line = spec.line_of("validation", "strategy")
    if time is not None and asked.strategy in SHUFFLED:
        yield Fault(
            message=f"strategy: {asked.strategy} ignores the time '{time}': newer rows would train for older ones, and"
            " the figures would be better than production. Use strategy: time (or auto);"
            " `validation: {allow: true}` runs it all the same and measures how much too good it looks",
            line=line,
        )
        return
    groups = [name for name, column in spec.data.columns.items() if column.role == "group"]
    if groups and asked.strategy not in APART:
        yield Fault(
            message=f"strategy: {asked.strategy} ignores the groups of '{groups[0]}': rows of one group would stand on"
            " both sides. Use strategy: group (or auto); `validation: {allow: true}` runs it all the same",
            line=line,
        )
