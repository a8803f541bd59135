"""Trials of an earlier search: which of them count in another space, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenfold.records.tuning import Earlier, Trial
from tenfold.stages.tuning.spaces import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierSearch:
    """The trials of a run, and what their losses were measured on.

    Attributes
    ----------
    run : str
        Its id.
    measured_on : mapping
        Fingerprints of what its losses were measured on, by stage.
    """

    run: str
    trials: tuple[Trial, ...]
    measured_on: Mapping[str, str] = field(default_factory=dict)

    def unlike(self, now: Mapping[str, str]) -> str:
        """Return why none of its losses compares with one of now; empty when they do."""
        changed = [name for name, fingerprint in self.measured_on.items() if now.get(name, fingerprint) != fingerprint]
        return f"its losses were measured on another {' and '.join(changed)}" if changed else ""


def compare(
    earlier: EarlierSearch, studies: Mapping[str, tuple[Space, Mapping[str, object]]], unlike: str = ""
) -> tuple[Earlier, ...]:
    """Return each earlier trial with whether it is taken over, and why not.

    Parameters
    ----------
    studies : mapping of learner to (space, fixed settings)
        Where is searched now, and the settings that stay as they are.
    unlike : str
        Why no loss of the earlier run can be compared; empty when they can.
    """
    found = []
    for trial in earlier.trials:
        reason = unlike or _objection(trial, studies)
        found.append(
            Earlier(
                number=trial.number,
                learner=trial.learner,
                params=trial.params,
                loss=trial.loss,
                taken=not reason,
                reason=reason,
            )
        )
    return tuple(found)


def _objection(trial: Trial, studies: Mapping[str, tuple[Space, Mapping[str, object]]]) -> str:
    if trial.state != "complete" or trial.loss is None:
        return f"it was not finished ({trial.state})"
    if trial.learner not in studies:
        return f"{trial.learner} is not searched now"
    space, fixed = studies[trial.learner]
    for name, each in space.items():
        if name not in trial.params:
            return f"it left {name} as it usually is"
        objection = each.objection(trial.params[name])
        if objection:
            return f"{name}: {objection}"
    for name in sorted({*fixed, *trial.params} - set(space)):
        if fixed.get(name) != trial.params.get(name):
            return f"{name} was {trial.params.get(name, 'as usual')} and is {fixed.get(name, 'as usual')} now"
    return ""
