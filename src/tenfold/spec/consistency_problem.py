"""Contradictions in what the problem promises: KPIs, functions, sign-off, use, and money by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tenfold.foundation.errors import did_you_mean
from tenfold.spec.faults import Fault
from tenfold.spec.schema import Spec


def check_promises(spec: Spec) -> Iterator[Fault]:
    """Yield ids that are used twice, links to nothing, targets that ask for less than there is, and empty uses."""
    yield from _check_ids(spec)
    yield from _check_links(spec)
    yield from _check_kpis(spec)
    yield from _check_signoff(spec)
    yield from _check_use(spec)
    yield from _check_value(spec)


def _check_ids(spec: Spec) -> Iterator[Fault]:
    problem = spec.problem
    # Two requirements of one name are told beside the rest of what is wrong with requirements.
    taken = {entry.id: "a requirement" for entry in problem.requirements}
    named = [("behaviour", "a test of behaviour", number, entry.id) for number, entry in enumerate(problem.behaviour)]
    named += [("kpis", "a KPI", number, entry.id) for number, entry in enumerate(problem.kpis)]
    named += [("functions", "a function", number, entry.id) for number, entry in enumerate(problem.functions)]
    for kind, word, number, name in named:
        if name in taken:
            yield Fault(
                message=f"the id '{name}' belongs to {taken[name]} already; each needs its own",
                line=spec.line_of("problem", kind, number, "id"),
            )
        taken.setdefault(name, word)


def _check_links(spec: Spec) -> Iterator[Fault]:
    problem = spec.problem
    known = {entry.id for entry in problem.requirements} | {entry.id for entry in problem.behaviour}
    links = [("kpis", number, "measured_by", entry.id, entry.measured_by) for number, entry in enumerate(problem.kpis)]
    links += [
        ("functions", number, "proved_by", entry.id, entry.proved_by) for number, entry in enumerate(problem.functions)
    ]
    for kind, number, key, owner, names in links:
        for name in names:
            if name not in known:
                listed = did_you_mean(name, known) or (f" There are: {', '.join(sorted(known))}." if known else "")
                yield Fault(
                    message=f"{key} of '{owner}' names '{name}', which is no requirement.{listed}",
                    line=spec.line_of("problem", kind, number, key),
                )
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            yield Fault(
                message=f"{key} of '{owner}' names '{twice[0]}' twice", line=spec.line_of("problem", kind, number, key)
            )


def _check_kpis(spec: Spec) -> Iterator[Fault]:
    for number, kpi in enumerate(spec.problem.kpis):
        if kpi.baseline is None:
            continue
        gained = kpi.target - kpi.baseline if kpi.direction == "up" else kpi.baseline - kpi.target
        if gained < 0:
            yield Fault(
                message=f"the KPI '{kpi.id}' is to go {kpi.direction}, but its target {kpi.target:g} is worse than its"
                f" baseline {kpi.baseline:g}",
                line=spec.line_of("problem", "kpis", number, "target"),
            )


def _check_signoff(spec: Spec) -> Iterator[Fault]:
    for number, sign in enumerate(spec.problem.signoff):
        # Days of ISO 8601 are in order as text.
        if sign.until is not None and sign.until < sign.on:
            yield Fault(
                message=f"the sign-off of {sign.who} ends on {sign.until}, before it was given on {sign.on}",
                line=spec.line_of("problem", "signoff", number, "until"),
            )


def _check_use(spec: Spec) -> Iterator[Fault]:
    use = spec.problem.use
    if use is not None and use.rows_per_day is not None and use.rows_per_day < 1:
        yield Fault(
            message=f"problem.use.rows_per_day must be 1 or more, found {use.rows_per_day}",
            line=spec.line_of("problem", "use", "rows_per_day"),
        )


def _check_value(spec: Spec) -> Iterator[Fault]:
    value = spec.problem.value
    if value is not None and value.amounts is not None and value.per_row:
        yield Fault(
            message="money by row is for the four outcomes of a binary task; amounts by class are numbers",
            line=spec.line_of("problem", "value"),
        )
