"""Rules about versions: what may be registered, what may become champion."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tenfold.records.evaluation import Evaluation
from tenfold.records.evidence import Evidence, Verdict
from tenfold.records.problem import Place, Requirement

_JUDGED_AT: Place = "test"


def may_register(evaluation: Evaluation) -> str | None:
    """Return why a result is no version: there is no bundle, or nothing was measured; None when it may be registered.

    A version that fails its requirements is registered too: history must show it.
    """
    if not evaluation.bundle:
        return "there is no bundle to register"
    if not evaluation.metrics.get(evaluation.judged_on):
        return f"nothing was measured on '{evaluation.judged_on}'"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a version stands by the requirements of today.

    Attributes
    ----------
    verdicts : tuple of Verdict
        The newest of each requirement and slice, with the level that the requirement has today.
    unjudged : mapping from id to reason
        Requirements that were not judged on this version as they are written today.
    evidence : tuple of str
        Ids of the judgements.
    """

    verdicts: tuple[Verdict, ...]
    unjudged: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()


def standing(
    requirements: Sequence[Requirement], evidence: Iterable[Evidence], *, champion: str | None = None
) -> Standing:
    """Return how a version stands where it was judged before it goes live, on the test part.

    Parameters
    ----------
    requirements : sequence of Requirement
        Those of today's file.
    evidence : iterable of Evidence
        All there is about the version, oldest first.
    champion : str or None
        The bundle that is live and is not this version: what was judged against another one has to be judged again.
    """
    newest = {
        (each.verdict.requirement, each.verdict.slice): each for each in evidence if each.verdict.place == _JUDGED_AT
    }
    found: list[Evidence] = []
    verdicts: list[Verdict] = []
    unjudged: dict[str, str] = {}
    for requirement in requirements:
        if requirement.where and _JUDGED_AT not in requirement.where:
            continue
        for name in requirement.slices or ("",):
            kept = newest.get((requirement.id, name))
            reason = _not_judged(requirement, kept, champion)
            if kept is None or reason:
                unjudged.setdefault(requirement.id, reason)
                continue
            found.append(kept)
            verdicts.append(replace(kept.verdict, level=requirement.level))
    musts = {requirement.id for requirement in requirements if requirement.level == "must"}
    return Standing(
        verdicts=tuple(verdicts),
        unjudged={name: reason for name, reason in unjudged.items() if name in musts},
        evidence=tuple(each.id for each in found),
    )


def _not_judged(requirement: Requirement, kept: Evidence | None, champion: str | None) -> str:
    if kept is None:
        return "was not judged on this version"
    if (kept.verdict.text, kept.verdict.confidence) != (requirement.text, requirement.confidence):
        return f"was judged as '{kept.verdict.text}' at {kept.verdict.confidence:g}, and the file says otherwise now"
    other = champion is not None and kept.inputs.get("champion") != champion
    return "was not judged against the champion of today" if requirement.bound.reference == "champion" and other else ""


def open_musts(found: Standing) -> Mapping[str, str]:
    """Return, by id, what keeps a version from going live: a must that failed, is in doubt, or was not judged."""
    reasons: dict[str, list[str]] = {name: [reason] for name, reason in found.unjudged.items()}
    for verdict in found.verdicts:
        if verdict.level == "must" and verdict.verdict in ("fail", "inconclusive"):
            on = f" on {verdict.slice}" if verdict.slice else ""
            reasons.setdefault(verdict.requirement, []).append(f"{verdict.verdict}{on}")
    return {name: ", ".join(dict.fromkeys(each)) for name, each in reasons.items()}


def may_promote(found: Standing, accepted: Collection[str] = ()) -> str | None:
    """Return why a version may not become champion, or None when it may.

    Every must that can be measured before a version goes live has to pass; an inconclusive one never promotes by
    itself.

    Parameters
    ----------
    accepted : collection of str
        Ids of requirements that a person accepted, with a reason that is on record.
    """
    left = {name: reason for name, reason in open_musts(found).items() if name not in accepted}
    if not left:
        return None
    named = "; ".join(f"'{name}': {reason}" for name, reason in left.items())
    return f"a must did not pass ({named}); accept it by its id with a reason, or train again"
