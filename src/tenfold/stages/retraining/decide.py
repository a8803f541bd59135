"""Whether to train: a pure rule over what the monitors saw, what was done before, and what the file allows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenfold.records.retrain import Cause, RetrainRequest
from tenfold.stages.retraining.diagnose import diagnose
from tenfold.stages.retraining.options import RetrainingOptions
from tenfold.stages.retraining.window import Seen

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that the rule looks at.

    Attributes
    ----------
    windows : sequence of Seen
        Judged windows since the champion was promoted, oldest first.
    trained : sequence of datetime
        When trainings were begun, on the project's clock.
    answered : collection of str
        Windows that were looked at when a training began: they are no reason for another.
    slot : datetime or None
        A moment of the schedule that has come and was not answered yet.
    asked : bool
        A person asked for it.
    undecided : str
        A challenger that still waits for rows; empty when there is none.
    """

    endpoint: str
    now: datetime
    metric: str
    windows: Sequence[Seen] = ()
    trained: Sequence[datetime] = ()
    answered: Collection[str] = ()
    slot: datetime | None = None
    asked: bool = False
    undecided: str = ""

    @property
    def newest(self) -> Seen | None:
        """The newest window."""
        return self.windows[-1] if self.windows else None

    @property
    def arrived(self) -> Seen | None:
        """The newest window in which rows arrived: what it holds shows whether the feed is whole."""
        return next((window for window in reversed(self.windows) if window.rows), None)

    @property
    def judged(self) -> Seen | None:
        """The newest window whose outcomes are known, so that requirements could be judged on it."""
        return next((window for window in reversed(self.windows) if window.labelled), None)

    @property
    def question(self) -> str:
        """A name for what there is to look at: it changes when a window is added, or labels come for one."""
        names = [window.key for window in (self.newest, self.judged) if window is not None]
        return "+".join(dict.fromkeys(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why nothing is trained now; ``waits_for`` is ``rows`` or ``budget`` where that will change by itself."""

    reason: str
    waits_for: str = ""


def decide(situation: Situation, options: RetrainingOptions) -> RetrainRequest | Refusal:
    """Return the request for a training, or why there is none.

    The rules, the first that fits: a broken feed starts no training, whoever asks; without a cause nothing is trained;
    a challenger that waits for rows is settled first; no more trainings in a week than allowed, except when a person
    asks. Rows that did not arrive break nothing: a challenger learns from the project's own source.
    """
    arrived = situation.arrived
    if arrived is not None and arrived.broken:
        return Refusal(reason=f"a broken feed starts no training: {'; '.join(arrived.broken[:3])}")
    cause, details = _cause(situation, options)
    if cause is None:
        return Refusal(reason=details)
    if situation.undecided and cause != "manual":
        return Refusal(reason=f"the challenger {situation.undecided} waits for labelled rows", waits_for="rows")
    recent = [moment for moment in situation.trained if situation.now - WEEK < moment <= situation.now]
    if len(recent) >= options.budget_per_week and cause != "manual":
        return Refusal(
            reason=f"{details}, but {len(recent)} trainings began within seven days and"
            f" {options.budget_per_week} are allowed",
            waits_for="budget",
        )
    return RetrainRequest(
        endpoint=situation.endpoint,
        reason=cause,
        at=situation.now,
        window="" if situation.judged is None or cause in {"schedule", "manual"} else situation.judged.key,
        details=details,
        changed=diagnose(situation.windows, situation.metric),
    )


def _cause(situation: Situation, options: RetrainingOptions) -> tuple[Cause, str] | tuple[None, str]:
    if situation.asked:
        return "manual", "a person asked"
    if options.when == "off":
        return None, "retraining is off"
    judged, newest = situation.judged, situation.newest
    answered = judged is not None and judged.key in situation.answered
    if judged is not None and not answered:
        if judged.harmful:
            return "harm", "the model does worse than using none"
        if judged.failed:
            return "requirement", f"a live requirement failed: {'; '.join(judged.failed)}"
    if situation.slot is not None:
        return "schedule", f"the schedule says {situation.slot:%Y-%m-%d %H:%M}"
    if judged is not None and answered and (judged.failed or judged.harmful):
        return None, f"what failed in the window {judged.key} was answered by a training already"
    holds = "every live requirement that could be judged holds"
    if newest is not None and newest.silence:
        holds = f"{newest.silence}, which trains nothing by itself, and {holds}"
    if newest is not None and newest.drifted:
        return None, f"inputs moved, {newest.drifted[0][0]} the most, but {holds}"
    return None, holds
