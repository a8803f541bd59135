"""What is tried beside the champion, or was last, and what the trial says now."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.project.open import Project
from tenfold.records.experiment import Readout
from tenfold.records.release import TrafficLook

_NAMES = {"ab": "an A/B test", "canary": "a canary", "shadow": "a shadow"}
_SENTENCES = {
    "promote": "The candidate is good enough.",
    "rollback": "The candidate is to be taken back.",
    "stopped": "Nothing can be read: the division is not the one that was asked for.",
    "continue": "Nothing is decided yet.",
}
_ERRORS = {
    "promote": "called good enough wrongly",
    "rollback": "taken back wrongly",
    "stopped": "stopped though divided soundly",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPage:
    """A trial as the page shows it; ``look`` is the newest that `tenfold tick` took at it."""

    readout: Readout
    name: str
    sentence: str
    errors: tuple[tuple[str, float], ...]
    look: TrafficLook | None


def trial_of(project: Project) -> TrialPage | None:
    """Read the newest trial of the project's endpoint, and keep nothing of it; None where none ever was."""
    history = project.store.releases.history(project.spec.name)
    own = [release for release in history if release.endpoint == project.spec.endpoint]
    if not any(release.traffic is not None and release.traffic.strategy != "all" for release in own):
        return None
    # The statistics are loaded where something is read.
    from tenfold.project.readout import read

    readout = read(project, actor="the page", keep=False)
    looks = [kept.look for kept in project.store.traffic.of(project.spec.endpoint)]
    return TrialPage(
        readout=readout,
        name=_NAMES[readout.strategy],
        sentence=_SENTENCES[readout.decision],
        errors=tuple((_ERRORS[name], share) for name, share in readout.error_spent.items() if name in _ERRORS),
        look=looks[-1] if looks and looks[-1].at >= readout.since else None,
    )
