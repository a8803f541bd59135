"""Evidence looked at from both ends: what proves a requirement, what a judgement is for, and what a change would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.measures.judge import judge_again
from tenfold.project.champion import champion_version
from tenfold.project.evidence_reports import Effect, ImpactReport, Link, TraceReport
from tenfold.records.evidence import Evidence, Verdict
from tenfold.records.problem import PLACES, Requirement
from tenfold.spec.requirement import parse_criterion
from tenfold.store.rows import Version

if TYPE_CHECKING:
    from tenfold.project.open import Project

Standing = Literal["pass", "fail", "inconclusive", "pending", "unproved"]
_WORST: tuple[Standing, ...] = ("fail", "unproved", "inconclusive", "pending", "pass")
_COMPARISONS = (">=", "<=")


def trace(project: Project, name: str | None = None) -> TraceReport:
    """Return requirements with their evidence and what they stand for; or a judgement with what it is for.

    Parameters
    ----------
    name : str, optional
        The id of a requirement, a KPI, a function or a judgement; all by default.

    Raises
    ------
    InputError
        When nothing has this id.
    """
    problem = project.spec.problem
    subject = _looked_at(project)
    every = project.store.evidence.of()
    behaviours = tuple(entry.record().requirement() for entry in problem.behaviour)
    requirements = {each.id: each for each in (*project.spec.requirements, *behaviours)}
    links = [_of_requirement(project, each, every, subject) for each in requirements.values()]
    standing = {link.id: link.standing for link in links}
    links += [
        Link(
            kind="kpi",
            id=kpi.id,
            text=f"{kpi.what or kpi.id}: {kpi.target:g} {kpi.unit} in {kpi.window}",
            line=project.spec.line_of("problem", "kpis", place, "id"),
            rests_on=kpi.measured_by,
            kinds=_kinds(every, kpi.measured_by),
            standing=_worst(standing[each] for each in kpi.measured_by),
        )
        for place, kpi in enumerate(problem.kpis)
    ]
    links += [
        Link(
            kind="function",
            id=each.id,
            text=each.what,
            level=each.level,
            line=project.spec.line_of("problem", "functions", place, "id"),
            rests_on=each.proved_by,
            kinds=_kinds(every, each.proved_by),
            standing=_worst(standing[one] for one in each.proved_by),
        )
        for place, each in enumerate(problem.functions)
    ]
    orphans = tuple(each for each in every if each.verdict.requirement not in requirements)
    names = _names_of(project.store.registry.versions())
    report = TraceReport(
        links=tuple(links), orphans=orphans, subject=None if subject is None else subject.ref, refs=names
    )
    return report if name is None else _narrowed(report, name, every)


def impact(project: Project, change: str) -> ImpactReport:
    """Return which versions would fail a requirement with another bound, from evidence that is kept.

    Parameters
    ----------
    change : str
        ``ID=BOUND``, such as ``ranks-well=0.75`` or ``worth-it=baseline + 20%``.

    Raises
    ------
    InputError
        When there is no such requirement, or the bound cannot be read.
    """
    requirement, asked = _read(change, project.spec.requirements)
    champion = champion_version(project.store, project.spec.name)
    effects = []
    for version in project.store.registry.versions(project.spec.name):
        kept = _newest(project.store.evidence.of(subject=version.bundle, requirement=requirement.id))
        again = tuple(_again(each.verdict, asked) for each in kept)
        effects.append(
            Effect(
                ref=version.ref,
                live=champion is not None and champion.number == version.number,
                now=_worst(each.verdict.verdict for each in kept),
                then=_worst(each.verdict for each in again),
                verdicts=again,
                evidence=tuple(each.id for each in kept),
            )
        )
    return ImpactReport(requirement=requirement.id, before=requirement.text, asked=asked.text, effects=tuple(effects))


def _looked_at(project: Project) -> Version | None:
    """Return the version that is live, else the newest one."""
    champion = champion_version(project.store, project.spec.name)
    if champion is not None:
        return champion
    versions = project.store.registry.versions(project.spec.name)
    return versions[-1] if versions else None


def _of_requirement(
    project: Project, requirement: Requirement, every: Iterable[Evidence], subject: Version | None
) -> Link:
    problem = project.spec.problem
    found = tuple(each for each in every if each.verdict.requirement == requirement.id)
    of_subject = () if subject is None else _newest(each for each in found if each.subject == subject.bundle)
    return Link(
        kind="requirement",
        id=requirement.id,
        text=requirement.text,
        level=requirement.level,
        line=_line_of(project, requirement.id),
        serves=(
            *(kpi.id for kpi in problem.kpis if requirement.id in kpi.measured_by),
            *(each.id for each in problem.functions if requirement.id in each.proved_by),
        ),
        evidence=found,
        kinds=_kinds(found, (requirement.id,)),
        standing=_worst(each.verdict.verdict for each in of_subject),
    )


def _line_of(project: Project, name: str) -> int | None:
    """Return the line of a requirement's id, or of that of a test of behaviour."""
    problem = project.spec.problem
    for key, entries in (("requirements", problem.requirements), ("behaviour", problem.behaviour)):
        names = [entry.id for entry in entries]
        if name in names:
            return project.spec.line_of("problem", key, names.index(name), "id")
    return None


def _narrowed(report: TraceReport, name: str, every: Sequence[Evidence]) -> TraceReport:
    by_id = {link.id: link for link in report.links}
    if name in by_id:
        link = by_id[name]
        # Both ways: what it rests on, and what rests on it.
        chosen = {name, *link.rests_on, *link.serves}
        return report.only(chosen, asked=name)
    judgements = {each.id: each for each in every}
    if name not in judgements:
        known = [*by_id, *judgements]
        raise InputError(
            f"no requirement, KPI, function or judgement is called '{name}'.{did_you_mean(name, known)}"
            + (f" The file has: {', '.join(by_id)}." if by_id else " The file has no requirements.")
        )
    judged = judgements[name]
    found = by_id.get(judged.verdict.requirement)
    chosen = {judged.verdict.requirement, *(() if found is None else found.serves)}
    return report.only(chosen, asked=judged.verdict.requirement, judgement=judged)


def _newest(found: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return the newest judgement for each place and slice, of what is given oldest first."""
    return tuple({(each.verdict.place, each.verdict.slice): each for each in found}.values())


def _kinds(every: Iterable[Evidence], names: Collection[str]) -> Mapping[str, int]:
    """Return how many judgements of some requirements there are, by place, in the order of a version's life."""
    found = Counter(each.verdict.place for each in every if each.verdict.requirement in names)
    order: dict[str, int] = {place: number for number, place in enumerate(PLACES)}
    return {place: found[place] for place in sorted(found, key=lambda place: (order.get(place, len(order)), place))}


def _worst(words: Iterable[str]) -> Standing:
    """Return the word that decides; ``unproved`` where there is none."""
    found = set(words)
    return next((word for word in _WORST if word in found), "unproved")


def _names_of(versions: Sequence[Version]) -> Mapping[str, str]:
    return {version.bundle: version.ref for version in versions}


def _read(change: str, requirements: Sequence[Requirement]) -> tuple[Requirement, Requirement]:
    """Return the requirement of the file, and the same with the bound that is asked about."""
    name, equals, bound = change.partition("=")
    name, bound = name.strip(), bound.strip()
    # `ID>=0.8` is what a person may write for `ID=0.8`.
    turned = next((sign for sign in _COMPARISONS if name.endswith(sign[0])), "")
    name = name.rstrip("<> ")
    if not equals or not bound:
        raise InputError(
            f"write the requirement and its new bound as ID=BOUND, such as ranks-well=0.75; found '{change}'"
        )
    by_id = {each.id: each for each in requirements}
    if name not in by_id:
        listed = did_you_mean(name, by_id) or (f" The file has: {', '.join(by_id)}." if by_id else "")
        raise InputError(f"no requirement is called '{name}'.{listed}")
    requirement = by_id[name]
    for sign in _COMPARISONS:
        if bound.startswith(sign):
            turned, bound = sign, bound.removeprefix(sign).strip()
    if turned and turned != requirement.direction:
        raise InputError(f"'{name}' asks for {requirement.direction}, not {turned}; only the bound can be asked about")
    text = f"{requirement.metric} {requirement.direction} {bound}"
    return requirement, replace(requirement, bound=parse_criterion(text).bound, text=text)


def _again(kept: Verdict, asked: Requirement) -> Verdict:
    return judge_again(kept, parse_criterion(kept.text).bound, asked.bound)
