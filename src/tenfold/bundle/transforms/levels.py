"""The levels a step numbers its categories by: naming only, the same in every fold."""

from __future__ import annotations

from tenfold.records.features import Step


def levels_of(step: Step) -> tuple[str, ...]:
    """Return the setting ``levels``; a record read back from JSON holds a list there."""
    return tuple(step.settings["levels"])  # type: ignore[arg-type]  # settings are plain values, levels are strings


def only_column(step: Step) -> str:
    """Return the one column that a step about categories reads."""
    if len(step.columns) != 1:
        raise ValueError(f"a step of kind '{step.kind}' reads one column, not {len(step.columns)}")
    return step.columns[0]
