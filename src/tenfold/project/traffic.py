"""Who answers how much of an endpoint: what runs now, what a person changes, what follows from a look at a trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.foundation.serial import plain
from tenfold.project.beside import Beside, compared
from tenfold.project.deploy import admitted
from tenfold.project.divide import Plan, begin, end, rise, win, words_of
from tenfold.project.document import Document
from tenfold.project.experiment import plan_document, plan_if_known
from tenfold.project.reference import watched_version
from tenfold.project.release_reports import release_line
from tenfold.project.releasing import Past, Word, check_bundle, own_version, publish_current, running_trial, user
from tenfold.project.routing_files import Router, routing_file
from tenfold.project.watch import options_for
from tenfold.records.experiment import ExperimentPlan, Readout
from tenfold.records.release import Strategy, Traffic, TrafficLook, TrialAction
from tenfold.store import endpoints
from tenfold.store.rows import Release

if TYPE_CHECKING:
    from tenfold.project.open import Project

BY = "tenfold tick"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficReport:
    """How an endpoint's requests are divided; the document is ``tenfold.traffic/1``.

    ``release`` None: nothing is live. ``look`` is the newest one at the trial that runs, ``readout`` what was read now,
    ``emitted`` a router's configuration; None where they were not asked for.
    """

    endpoint: str
    release: Release | None
    changed: bool = False
    look: TrafficLook | None = None
    readout: Readout | None = None
    emitted: tuple[Router, str] | None = None
    plan: ExperimentPlan | None = None
    ok: bool = True

    def document(self) -> Document:
        """Return the division as JSON-ready values."""
        trial = running_trial(self.release)
        release = self.release
        return {
            "schema": "tenfold.traffic/1",
            "endpoint": self.endpoint,
            "strategy": "all" if trial is None else trial.strategy,
            "changed": self.changed,
            "release": None if release is None else release_line(release),
            "shares": _shares(release, trial),
            "look": None if self.look is None else plain(self.look),
            "readout": None if self.readout is None else {"schema": "tenfold.readout/1", **plain(self.readout)},
            "plan": None if self.plan is None else plan_document(self.plan),
            "emitted": None if self.emitted is None else {"router": self.emitted[0], "text": self.emitted[1]},
        }


def show_traffic(
    project: Project,
    endpoint: str | None = None,
    *,
    emit: Router | None = None,
    read: bool = False,
    adjust: str | None = None,
) -> TrafficReport:
    """Return how an endpoint's requests are divided now.

    Parameters
    ----------
    adjust : str, optional
        With ``read``: see `tenfold.project.readout.read`.

    Raises
    ------
    InputError
        When the endpoint is another project's, or nothing is live of which a file could be written or which is read.
    """
    name = own_endpoint(project, endpoint)
    newest = Past.of_store(project.store).newest(name)
    trial = running_trial(newest)
    looks = [kept.look for kept in project.store.traffic.of(name)]
    look = looks[-1] if trial is not None and looks and looks[-1].at >= trial.since else None
    report = TrafficReport(endpoint=name, release=newest, look=look)
    if emit is not None:
        publish_current(project.store, name)
        manifest = endpoints.read(project.store.folder, name)
        if manifest is None:
            raise InputError(f"nothing is live on '{name}' yet, so there is nothing to route")
        report = replace(report, emitted=(emit, routing_file(manifest, emit)))
    if read:
        readout = read_trial(project, adjust=adjust)
        report = replace(report, readout=readout, ok=readout.decision not in {"rollback", "stopped"})
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person wants of an endpoint; ``ref`` None: the trial is to end."""

    strategy: Strategy
    ref: str | None = None
    share: float | None = None
    accept: Sequence[str] = ()
    reason: str = ""
    by: str | None = None


def change_traffic(
    project: Project, asked: Asked, endpoint: str | None = None, *, clock: Clock | None = None
) -> TrafficReport:
    """Try a version beside the champion, give it another share, or end its trial.

    Raises
    ------
    CheckFailed
        When the version would answer callers, and a must did not pass and is not accepted.
    InputError
        When there is no such version or share, nothing is live beside which it could be tried, or another is tried now.
    """
    name = own_endpoint(project, endpoint)
    if asked.ref is None:
        report = end(project, Word(reason=asked.reason, by=asked.by or user()), clock=clock)
        return TrafficReport(endpoint=name, release=report.release, changed=report.changed)
    ref = f"{project.spec.name}@{asked.ref}" if "@" not in asked.ref else asked.ref
    version = own_version(project, ref)
    plan = Plan.of(project.spec, asked.strategy, asked.share)
    said = Word(reason=asked.reason, by=asked.by or user())
    if asked.strategy == "shadow":
        # Nobody gets what it says: it need not have passed, only be there.
        check_bundle(project.store, version)
    else:
        said = admitted(project, version, accept=asked.accept, reason=asked.reason, by=asked.by, clock=clock)
    length = None if asked.strategy != "ab" else plan_if_known(project, share=plan.share, clock=clock)
    report = begin(project, version, plan, said, clock=clock)
    return TrafficReport(endpoint=name, release=report.release, changed=report.changed, plan=length)


def follow_trial(project: Project, *, clock: Clock | None = None) -> TrafficLook | None:
    """Look at the version that is tried, and do what follows; None where nothing is tried.

    A canary rises, is promoted or rolled back, and an A/B test is promoted or rolled back, without a person. What was
    seen is kept when it is news.
    """
    clock = clock or project.clock
    newest = Past.of_store(project.store).newest(project.spec.endpoint)
    trial = running_trial(newest)
    if newest is None or trial is None:
        return None
    candidate = f"{newest.name}@{trial.number}"
    trip = endpoints.read_trip(project.store.folder, newest.endpoint, trial.salt)
    problem = watched_version(
        trial.bundle, candidate, project.store, window_seconds=options_for(project.spec).window_seconds
    ).problem
    beside = compared(project.store, newest, trial, problem, now=clock.now())
    if trip is not None and trial.strategy != "shadow":
        look = _look(newest, trial, beside, clock, action="rollback", reason=f"the gateway stopped it: {trip.reason}")
    else:
        readout = read_trial(project, clock=clock, actor=BY)
        look = replace(_settled(newest, trial, beside, readout, clock), evidence=readout.evidence)
    last = next((kept.look for kept in reversed(project.store.traffic.of(newest.endpoint))), None)
    if last is None or replace(last, at=look.at) != look:
        project.store.traffic.keep(look)
    said = Word(reason=f"{candidate}: {look.reason}", by=BY, evidence=look.evidence)
    if look.action == "rise":
        rise(project, newest, said, clock=clock)
    elif look.action == "promote":
        win(project, newest, said, clock=clock)
    elif look.action == "rollback":
        end(project, replace(said, reason=f"{candidate} is rolled back: {look.reason}"), clock=clock)
    return look


def read_trial(
    project: Project, *, clock: Clock | None = None, actor: str = "tenfold traffic", adjust: str | None = None
) -> Readout:
    """Return the statistical read-out of the trial that runs, or of the last one.

    Raises
    ------
    InputError
        When nothing was ever tried.
    """
    # The statistics are loaded where something is read.
    from tenfold.project.readout import read

    return read(project, clock=clock, actor=actor, adjust=adjust)


def is_tried(project: Project) -> bool:
    """Return whether a version is tried beside the champion now."""
    return running_trial(Past.of_store(project.store).newest(project.spec.endpoint)) is not None


def own_endpoint(project: Project, endpoint: str | None) -> str:
    """Return the project's endpoint; InputError where another one is named."""
    own = project.spec.endpoint
    if endpoint is not None and endpoint != own:
        raise InputError(f"the project serves '{own}', and not '{endpoint}'.{did_you_mean(endpoint, (own,))}")
    return own


def _settled(newest: Release, trial: Traffic, beside: Beside, readout: Readout, clock: Clock) -> TrafficLook:
    """Return what follows from a read-out."""
    verdicts = {
        each.requirement + (f" on {each.slice}" if each.slice else ""): str(each.verdict)
        for each in readout.comparisons
    }
    verdicts |= {each.name: "fail" for each in readout.guardrails if each.of == "latency" and each.breached}
    look = _look(newest, trial, beside, clock, action="wait", reason=readout.reason, verdicts=verdicts)
    if trial.strategy == "shadow":
        return replace(look, action="none")
    if readout.decision == "stopped":
        # The champion is the safe side, where a canary cannot be judged; a test is a person's to look at.
        return replace(look, action="rollback" if trial.strategy == "canary" else "wait")
    if readout.decision == "rollback":
        return replace(look, action="rollback")
    if trial.strategy == "ab":
        return replace(look, action="promote" if readout.decision == "promote" else "wait")
    judged = readout.candidate.labelled
    wanted = trial.requests * (trial.step + 1)
    if judged < wanted:
        return replace(look, reason=f"{judged:,} judged requests of {wanted:,} for this step; {readout.reason}")
    if trial.step + 1 < len(trial.steps):
        share = trial.steps[trial.step + 1]
        return replace(
            look, action="rise", reason=f"{judged:,} judged requests, none fails: {100 * share:g} % from now on"
        )
    return replace(look, action="promote") if readout.decision == "promote" else look


def _look(
    newest: Release,
    trial: Traffic,
    beside: Beside,
    clock: Clock,
    *,
    action: TrialAction,
    reason: str,
    verdicts: dict[str, str] | None = None,
) -> TrafficLook:
    return TrafficLook(
        endpoint=newest.endpoint,
        revision=newest.revision,
        strategy=trial.strategy,
        champion=newest.ref,
        candidate=f"{newest.name}@{trial.number}",
        share=trial.share,
        rows=beside.rows,
        judged=beside.judged,
        champion_rows=beside.champion_rows,
        action=action,
        reason=reason,
        at=clock.now(),
        agreement=beside.agreement,
        apart=beside.apart,
        gain=beside.gain,
        gain_low=beside.gain_low,
        gain_high=beside.gain_high,
        verdicts=verdicts or {},
    )


def _shares(release: Release | None, trial: Traffic | None) -> list[Document]:
    if release is None:
        return []
    if trial is None:
        return [{"version": release.ref, "role": "champion", "share": 1.0}]
    shadow = trial.strategy == "shadow"
    return [
        {"version": release.ref, "role": "champion", "share": 1.0 if shadow else 1.0 - trial.share},
        {
            "version": f"{release.name}@{trial.number}",
            "role": "shadow" if shadow else "candidate",
            "share": trial.share,
            "words": words_of(trial),
        },
    ]
