"""Trying a version beside the champion: begun, given more, ended. Each is a release: history tells who got what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import InputError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.project.release_reports import ReleaseReport
from tenfold.project.releasing import Past, Word, assigned_by, check_bundle, running_trial, write_release
from tenfold.records.release import Strategy, Traffic
from tenfold.spec.schema import Spec
from tenfold.store.predictions.reader import end_of
from tenfold.store.rows import Release, Version

if TYPE_CHECKING:
    from tenfold.project.open import Project

_SALT_LETTERS = 32
_WHOLE = 1.0 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a version is tried: with which share first, by which steps a canary rises, and when it has to be decided."""

    strategy: Strategy
    share: float
    steps: tuple[float, ...] = ()
    requests: int = 0
    most: int = 0
    adjust: str = ""

    @classmethod
    def of(cls, spec: Spec, strategy: Strategy, share: float | None = None) -> Plan:
        """Return what the file asks for; ``share`` in place of the file's, of a canary in place of its first steps.

        Raises
        ------
        InputError
            When the share is none.
        """
        section = spec.deployment
        if share is not None and not 0.0 < share <= 1.0:
            raise InputError(f"{100 * share:g}% is no share of the ids: name one above 0% and at most 100%")
        if strategy == "canary":
            steps = section.canary.steps
            if share is not None:
                steps = (share, *(step for step in steps if step > share))
            return cls(
                strategy=strategy,
                share=steps[0],
                steps=steps,
                requests=section.canary.requests,
                most=section.canary.most,
            )
        if strategy == "ab":
            share = section.ab.share if share is None else share
            if share > _WHOLE:
                raise InputError("an A/B test leaves something to the champion: name a share below 100%")
            return cls(strategy=strategy, share=share, adjust=section.ab.adjust)
        return cls(strategy=strategy, share=section.shadow.share if share is None else share)


def begin(project: Project, version: Version, plan: Plan, said: Word, *, clock: Clock | None = None) -> ReleaseReport:
    """Begin to try a version beside the champion; a trial of it that runs in the same way is given the plan's share.

    Raises
    ------
    InputError
        When nothing is live beside which it could be tried, it is the champion itself, or another one is tried now.
    """
    past = Past.of_store(project.store)
    newest = past.newest(project.spec.endpoint)
    if newest is None or newest.name != version.name:
        raise InputError(
            f"nothing is live on '{project.spec.endpoint}' beside which {version.ref} could be tried;"
            f" tenfold model promote {version.ref}"
        )
    if newest.number == version.number:
        raise InputError(f"{version.ref} is the champion: it answers already")
    running = running_trial(newest)
    if running is not None:
        if (running.number, running.strategy) != (version.number, plan.strategy):
            raise InputError(
                f"{newest.name}@{running.number} is tried now ({running.strategy}, {100 * running.share:g} %); end that"
                f" first: tenfold traffic {project.spec.endpoint} --all"
            )
        traffic = replace(running, share=plan.share, steps=plan.steps, step=0, requests=plan.requests)
    else:
        threshold = version.facts.get("threshold")
        traffic = Traffic(
            strategy=plan.strategy,
            number=version.number,
            bundle=version.bundle,
            share=plan.share,
            # Whoever tries again draws anew: who was unlucky once is not unlucky for ever.
            salt=fingerprint(newest.endpoint, newest.revision, version.bundle)[:_SALT_LETTERS],
            since=(clock or project.clock).now(),
            threshold=None if threshold is None else float(str(threshold)),
            steps=plan.steps,
            requests=plan.requests,
            most=plan.most,
            position=end_of(project.store.folder, newest.endpoint).segments,
            assign=assigned_by(project.spec),
            adjust=plan.adjust,
        )
    check_bundle(project.store, version)
    said = replace(said, reason=said.reason or f"{version.ref} is tried on {words_of(traffic)}")
    return write_release(project, past, "traffic", past.lineage(version.name), said, clock, traffic=traffic)


def rise(project: Project, newest: Release, said: Word, *, clock: Clock | None = None) -> ReleaseReport:
    """Give a canary its next step."""
    running = running_trial(newest)
    assert running is not None  # only a canary rises
    step = running.step + 1
    past = Past.of_store(project.store)
    traffic = replace(running, share=running.steps[step], step=step)
    return write_release(project, past, "traffic", past.lineage(newest.name), said, clock, traffic=traffic)


def win(project: Project, newest: Release, said: Word, *, clock: Clock | None = None) -> ReleaseReport:
    """Let the version that was tried answer everything."""
    running = running_trial(newest)
    assert running is not None  # only what is tried can win
    past = Past.of_store(project.store)
    after = past.lineage(newest.name).promoted(running.number)
    return write_release(project, past, "promote", after, said, clock)


def end(project: Project, said: Word, *, clock: Clock | None = None) -> ReleaseReport:
    """Let the champion answer everything again; without effect where nothing is tried.

    Raises
    ------
    InputError
        When nothing is live.
    """
    past = Past.of_store(project.store)
    newest = past.newest(project.spec.endpoint)
    if newest is None:
        raise InputError(f"nothing is live on '{project.spec.endpoint}' yet")
    running = running_trial(newest)
    if running is None:
        return ReleaseReport(release=newest, changed=False, manifest=None)
    said = replace(said, reason=said.reason or f"the trial of {newest.name}@{running.number} is ended")
    return write_release(project, past, "traffic", past.lineage(newest.name), said, clock)


def words_of(traffic: Traffic) -> str:
    """Return how a version is tried, in words."""
    share = f"{100 * traffic.share:g} % of the ids"
    if traffic.strategy == "shadow":
        return f"{share}, beside the answer"
    if traffic.strategy == "ab":
        return f"{share}, as an A/B test"
    promised = f"; decided after {traffic.most:,} judged requests of its own at most" if traffic.most else ""
    return f"{share}, as a canary (step {traffic.step + 1} of {len(traffic.steps)}{promised})"
