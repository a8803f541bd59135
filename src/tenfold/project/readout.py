"""Reading a trial: the log and the outcomes into a verdict on two versions, its evidence and the record of decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import InputError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.foundation.serial import from_json, plain
from tenfold.measures.experiment.contrast import METHODS
from tenfold.measures.experiment.guardrails import Served
from tenfold.measures.experiment.judge_arms import Arms, Reading, judge_arms
from tenfold.measures.experiment.mixture import HORIZON
from tenfold.measures.experiment.question import Question
from tenfold.project.document import Document
from tenfold.project.experiment import compared_by, deviation_in_the_lab
from tenfold.project.readout_rows import CANDIDATE, CHAMPION, Adjustment, Rows, compare, rows_of_trial
from tenfold.project.readout_trial import Trial, trial_of
from tenfold.project.reproduce import kept_results
from tenfold.project.window_rows import outcomes_known
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict
from tenfold.records.experiment import Answer, Arm, Guardrail, Readout
from tenfold.records.problem import Problem
from tenfold.store.open import Store
from tenfold.store.rows import Version
from tenfold.store.served import read_served

if TYPE_CHECKING:
    from tenfold.project.open import Project

AUDIT = "traffic judged"
BY_CHAMPION = "champion"
_OTHERWISE = "this look is adjusted otherwise than was fixed when the trial began: it decides nothing, and is not kept"
_DECIDED = frozenset({"pass", "fail"})


def readout_document(readout: Readout) -> Document:
    """Return a read-out as JSON-ready values: ``tenfold.readout/1``."""
    return {"schema": "tenfold.readout/1", **plain(readout)}


def read(
    project: Project,
    endpoint: str | None = None,
    *,
    clock: Clock | None = None,
    actor: str = "tenfold traffic",
    adjust: str | None = None,
    served: Mapping[str, Served] | None = None,
    keep: bool = True,
) -> Readout:
    """Look at the newest trial of an endpoint: what its arms did, what the requirements say, what follows.

    However often this is called, and in whichever order outcomes came, the same rows and outcomes say the same.

    Parameters
    ----------
    endpoint : str, optional
        The project's by default.
    clock : Clock, optional
        The project's clock, instead of the one that the project was opened with.
    actor : str
        Who looks; stands in the record of the decision.
    adjust : str, optional
        ``champion``: what the champion's model expects of each row is taken off its value. A column of numbers: what
        goes with it is. By default what was fixed when the trial began; a look with another one is kept nowhere, as
        whoever chooses after looking is promised nothing.
    served : mapping from ``candidate`` and ``champion`` to Served, optional
        What gateways counted of requests, failures and times, for the guardrails, in place of what they have kept.
    keep : bool
        Append what is settled to the evidence, and a decision to the audit log, each once for the same data; without
        it nothing is written anywhere.

    Raises
    ------
    InputError
        When no version was ever tried there, or there is nothing to adjust by.
    """
    store = project.store
    trial = trial_of(store, endpoint or project.spec.endpoint)
    champion, candidate = store.registry.find(trial.champion), store.registry.find(trial.candidate)
    problem = _problem(project, candidate)
    now = (clock or project.clock).now()
    rows = rows_of_trial(trial, outcomes_known(store.labels.batches(), store), problem, store, now, keep=keep)
    fixed = trial.traffic.adjust
    adjust = fixed if adjust is None else adjust
    compared = compare(rows, problem, _adjustment(project, champion, adjust))
    shares = [period.share for period in trial.periods]
    arms = Arms(
        candidate=compared.candidate,
        champion=compared.champion,
        slices=compared.slices,
        units=rows.phases(shares, rows.table),
        outcomes=rows.phases(shares, rows.labelled),
        served=_served(store, trial) if served is None else served,
    )
    question = _question(project, trial, champion, problem)
    reading = _with_trip(judge_arms(arms, question), trial)
    data = dict(rows.fingerprints())
    if any(each.breached and each.of != "slice" for each in reading.guardrails) and arms.served:
        data["served"] = fingerprint(plain(arms.served))
    readout = Readout(
        endpoint=trial.endpoint,
        strategy=_strategy(trial),
        place=question.place,
        since=trial.traffic.since,
        until=trial.until,
        at=now,
        champion=_arm(champion, rows, CHAMPION, 1.0 - trial.traffic.share, trial),
        candidate=_arm(candidate, rows, CANDIDATE, trial.traffic.share, trial),
        decision=reading.decision,
        reason=reading.reason,
        because=reading.because,
        crossed=rows.crossed,
        early=rows.early,
        ratios=reading.ratios,
        comparisons=reading.comparisons,
        guardrails=reading.guardrails,
        error_spent=reading.error_spent,
        method=_methods(reading),
        horizon=round(question.horizon),
        adjusted=adjust,
        narrower=_narrower(reading, judge_arms(_unadjusted(arms), question)) if adjust else {},
        actor=actor,
        data=data,
        notes=compared.notes if adjust == fixed else (*compared.notes, _OTHERWISE),
    )
    return _kept(project, readout, reading, candidate) if keep and adjust == fixed else readout


def _served(store: Store, trial: Trial) -> Mapping[str, Served]:
    """Return what gateways have kept of a trial; of a shadow nothing, as nobody waits for it."""
    if trial.traffic.strategy == "shadow":
        return {}
    counted = read_served(store.folder, trial.endpoint, trial.traffic.salt)
    return {
        name: Served(requests=arm.requests, failed=arm.failed, within=arm.within())
        for name, ref in (("candidate", trial.candidate), ("champion", trial.champion))
        if (arm := counted.get(ref)) is not None
    }


def _unadjusted(arms: Arms) -> Arms:
    return replace(
        arms,
        candidate=replace(arms.candidate, expected={}, covariate=None),
        champion=replace(arms.champion, expected={}, covariate=None),
    )


def _narrower(adjusted: Reading, plain: Reading) -> Mapping[str, float]:
    """Return by which part of themselves bounds are narrower than without an adjustment, by requirement."""
    own, other = (
        {
            each.requirement: each.high - each.low
            for each in reading.comparisons
            if each.low is not None and each.high is not None and not each.slice and each.reference == BY_CHAMPION
        }
        for reading in (adjusted, plain)
    )
    return {name: 1.0 - own[name] / other[name] for name in own if other.get(name, 0.0) > 0.0}


def _question(project: Project, trial: Trial, champion: Version, problem: Problem) -> Question:
    most, lab = trial.traffic.most, _in_the_lab(project, champion)
    return Question(
        place="ab" if trial.traffic.strategy == "ab" else "canary",
        task=problem.task,
        metric=compared_by(project.spec, problem),
        requirements=project.spec.requirements,
        value=problem.value,
        by_row=bool(problem.value_by_row),
        centres={name: found.value for name, found in lab.items() if found.value is not None},
        deviations={
            name: deviation for name, found in lab.items() if (deviation := deviation_in_the_lab(found)) is not None
        },
        share=trial.first_share,
        # Bounds are to be narrowest where the trial is to end; that number does not change while it goes on.
        horizon=most / trial.first_share if most else HORIZON,
        most=most,
        paired=trial.traffic.strategy == "shadow",
    )


def _problem(project: Project, version: Version) -> Problem:
    """Return what a version is to achieve: as its run knew it, with the requirements of today's file."""
    try:
        problem: Problem = kept_results(version.run, project.store, stages=("problem",))["problem"].record
    except InputError as error:
        found = project.store.results.latest("problem")
        if found is None:
            raise InputError(f"nothing is kept that says what '{version.ref}' is to achieve") from error
        problem = from_json(Problem, project.store.blobs.path(found.record).read_bytes())
    return replace(problem, requirements=project.spec.requirements)


def _in_the_lab(project: Project, version: Version) -> Mapping[str, Estimate]:
    try:
        evaluated = kept_results(version.run, project.store)["evaluation"].record
    except InputError:
        # A version from elsewhere was not measured here; bounds are a little wider then.
        return {}
    measured: Mapping[str, Estimate] = evaluated.metrics.get(evaluated.judged_on, {})
    return measured


def _adjustment(project: Project, champion: Version, adjust: str) -> Adjustment:
    if adjust != BY_CHAMPION:
        return Adjustment(column=adjust)
    from tenfold.bundle.format import load_bundle

    return Adjustment(model=load_bundle(project.store.blobs.path(champion.blob), name=champion.bundle))


def _with_trip(reading: Reading, trial: Trial) -> Reading:
    """Return the reading of a trial whose candidate a gateway stopped by itself: that is the end of it."""
    if not trial.stopped:
        return reading
    guard = Guardrail(of="errors", name="gateway", breached=True, reason=trial.stopped)
    decision: Answer = "rollback"
    return replace(
        reading,
        decision=decision,
        reason=f"a gateway has stopped it: {trial.stopped}",
        because=("gateway",),
        guardrails=(guard, *reading.guardrails),
    )


def _arm(version: Version, rows: Rows, arm: int, share: float, trial: Trial) -> Arm:
    answered, units, due, labelled = rows.of(arm)
    shadow = trial.traffic.strategy == "shadow"
    role: Literal["champion", "candidate", "shadow"] = "champion" if arm == CHAMPION else "candidate"
    return Arm(
        ref=version.ref,
        bundle=version.bundle,
        role="shadow" if shadow and arm == CANDIDATE else role,
        share=1.0 if shadow and arm == CHAMPION else share,
        rows=answered,
        units=units,
        due=due,
        labelled=labelled,
    )


def _strategy(trial: Trial) -> Literal["canary", "ab", "shadow"]:
    known: Mapping[str, Literal["canary", "ab", "shadow"]] = {"ab": "ab", "shadow": "shadow"}
    return known.get(trial.traffic.strategy, "canary")


def _methods(reading: Reading) -> str:
    used = dict.fromkeys(each.guarantee for each in reading.comparisons if each.guarantee != "none")
    return "; ".join(METHODS[each] for each in used)


def _kept(project: Project, readout: Readout, reading: Reading, candidate: Version) -> Readout:
    """Append what is settled to the evidence, and what was decided to the audit log, once for the same data."""
    store = project.store
    inputs = {
        "bundle": candidate.bundle,
        "endpoint": readout.endpoint,
        "against": readout.champion.bundle,
        **readout.data,
    }
    final = readout.decision in {"promote", "rollback"}
    settled = [each for each in reading.verdicts if each.verdict in _DECIDED or (final and each.verdict != "pending")]
    known = [
        each for each in store.evidence.of(subject=candidate.bundle) if fingerprint(each.inputs) == fingerprint(inputs)
    ]
    if settled and not known:
        known = list(store.evidence.append(settled, subject=candidate.bundle, run=candidate.run, inputs=inputs))
    readout = replace(readout, evidence=tuple(each.id for each in known))
    if readout.decision != "continue" and not _decided_before(project, readout):
        store.audit.append(AUDIT, readout.endpoint, _decision_record(readout, settled))
    return readout


def _decided_before(project: Project, readout: Readout) -> bool:
    return any(
        entry.action == AUDIT
        and entry.subject == readout.endpoint
        and entry.details.get("data") == dict(readout.data)
        and entry.details.get("decision") == readout.decision
        for entry in project.store.audit.entries()
    )


def _decision_record(readout: Readout, settled: Sequence[Verdict]) -> Mapping[str, object]:
    return {
        "decision": readout.decision,
        "reason": readout.reason,
        "because": list(readout.because),
        "candidate": readout.candidate.ref,
        "champion": readout.champion.ref,
        "place": readout.place,
        "method": readout.method,
        "error_spent": dict(readout.error_spent),
        "verdicts": {each.requirement + (f" on {each.slice}" if each.slice else ""): each.verdict for each in settled},
        "evidence": list(readout.evidence),
        "data": dict(readout.data),
        "actor": readout.actor,
    }
