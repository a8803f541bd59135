"""Reading the settings of a step: they come from a plan, or from JSON."""

from __future__ import annotations

from tenfold.records.features import Step


def whole(step: Step, name: str, usual: int) -> int:
    """Return a setting that is a whole number, ``usual`` where it isn't set."""
    value = step.settings.get(name, usual)
    assert isinstance(value, int)  # plans are written by the features stage alone
    return value
