"""Several use cases ranked: by what they are worth, by what their data can do, by effort and by risk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.foundation.events import Events
from tenfold.foundation.units import parse_seconds
from tenfold.measures.ranking import rank
from tenfold.project.assess_reports import AssessReport, Case, Part
from tenfold.project.open import open_project
from tenfold.project.run_reports import CheckReport
from tenfold.records.problem import Feasibility
from tenfold.reports.assess_page import render_assess_page
from tenfold.reports.words import between, number
from tenfold.spec.schema import Spec

WEIGHTS: Mapping[str, float] = {"value": 0.4, "feasibility": 0.3, "effort": 0.15, "risk": 0.15}
CHANGE = 0.2
"""Nobody knows weights to the fifth of themselves: by so much they are changed to see what stays."""
UNKNOWN = 0.5
"""The score of what a file does not say; it is told as open."""

_DAYS = 365.0
_RISK = {"minimal": 1.0, "limited": 0.6, "high": 0.2}
_ROWS = {"enough": 1.0, "range": 0.8, "cannot say": 0.6, "out of reach": 0.3}
_STATUS = {"feasible": 1.0, "inconclusive": 0.5, "skipped": 1.0, "infeasible": 0.0, "leaking": 0.0}


def assess(
    files: Sequence[Path],
    *,
    weights: Mapping[str, float] | None = None,
    page: Path | None = None,
    events: Events | None = None,
) -> AssessReport:
    """Check every file against its data, score it, and rank them with the stability of their order.

    Parameters
    ----------
    files : sequence of Path
        Two or more project files.
    weights : mapping, optional
        Weights of ``value``, ``feasibility``, ``effort`` and ``risk``; what is left out keeps its own.
    page : Path, optional
        Where an HTML page is written.

    Raises
    ------
    InputError
        With fewer than two files, the same file twice, or a weight that is none.
    TenfoldError
        When a file or its data cannot be read.
    """
    chosen = _weights(weights or {})
    _refuse(files)
    looked = [_look(path, events) for path in files]
    worth = [one.money for one in looked if one.money is not None]
    efforts = [one.effort for one in looked if one.effort is not None]
    parts = [
        {
            "value": _value(one, max(worth, default=0.0)),
            "feasibility": _feasibility(one.check),
            "effort": _effort(one, min(efforts, default=0.0)),
            "risk": _risk(one),
        }
        for one in looked
    ]
    ranked = rank(
        [{name: part.score for name, part in each.items()} for each in parts],
        chosen,
        change=CHANGE,
        rng=np.random.default_rng(0),
    )
    cases = tuple(
        Case(
            file=str(looked[place].path),
            name=looked[place].spec.name,
            objective=looked[place].spec.problem.objective,
            score=float(ranked.totals[place]),
            parts=parts[place],
            first_share=float(ranked.first_share[place]),
            best_rank=ranked.best_rank[place],
            worst_rank=ranked.worst_rank[place],
            check=looked[place].check,
        )
        for place in ranked.order
    )
    report = AssessReport(
        cases=cases,
        weights=chosen,
        change=CHANGE,
        same_order=ranked.same_order,
        same_first=ranked.same_first,
        page=None if page is None else str(page),
    )
    if page is not None:
        page.write_text(render_assess_page(report.document()), encoding="utf-8")
    return report


def read_weights(written: Sequence[str]) -> Mapping[str, float]:
    """Return weights of a command line, each ``NAME=NUMBER``.

    Raises
    ------
    InputError
        When one is written otherwise.
    """
    weights = {}
    for text in written:
        name, _, number = text.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError as error:
            raise InputError(f"a weight is written NAME=NUMBER, such as value=0.5; found '{text}'") from error
    return weights


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """One file with what a check of it found; money in a year, effort in seconds."""

    path: Path
    spec: Spec
    check: CheckReport
    money: float | None
    effort: float | None


def _look(path: Path, events: Events | None) -> _Looked:
    project = open_project(path)
    problem = project.spec.problem
    check = project.check(events=events)
    found = check.feasibility
    rows = None if problem.use is None else problem.use.rows_per_day
    gain = None if found is None or found.status == "leaking" else found.gain
    return _Looked(
        path=path,
        spec=project.spec,
        check=check,
        money=None if gain is None or rows is None else gain * rows * _DAYS,
        effort=None if problem.effort is None else parse_seconds(problem.effort),
    )


def _value(one: _Looked, most: float) -> Part:
    if one.money is None:
        return Part(score=UNKNOWN, told="not known", open=_unsaid(one))
    found = one.check.feasibility
    assert found is not None  # money was measured with it
    score = max(one.money, 0.0) / most if most > 0 else 0.0
    told = f"{number(found.gain)} a row ({between(found.gain_low, found.gain_high)}), {one.money:,.0f} a year"
    return Part(score=score, told=told, measured=True)


def _unsaid(one: _Looked) -> str:
    missing = []
    if one.spec.problem.value is None:
        missing.append("problem.value")
    if one.spec.problem.use is None or one.spec.problem.use.rows_per_day is None:
        missing.append("problem.use.rows_per_day")
    if missing:
        return f"counted as {UNKNOWN:g}: write {' and '.join(missing)}"
    return f"counted as {UNKNOWN:g}: the money could not be measured on these data"


def _feasibility(check: CheckReport) -> Part:
    """Return how far quick models go from chance to perfection, less where they cannot reach what is asked."""
    found = check.feasibility
    if found is None or found.status == "skipped" or found.value is None or found.chance is None:
        return Part(
            score=UNKNOWN, told="not looked at", open=f"counted as {UNKNOWN:g}: set problem.feasibility to check"
        )
    lift = _lift(found)
    rows = 1.0 if found.curve is None else _ROWS[found.curve.says]
    beyond = found.ceiling is not None and bool(found.ceiling.out_of_reach)
    score = lift * _STATUS[found.status] * rows * (0.5 if beyond else 1.0)
    told = f"{found.status}: {found.metric} {number(found.value)} ({between(found.low, found.high)})"
    told += f", chance {number(found.chance)}"
    if found.curve is not None and found.curve.says != "enough":
        told += f"; {found.curve.reason}"
    if beyond and found.ceiling is not None:
        told += f"; out of reach: {', '.join(found.ceiling.out_of_reach)}"
    return Part(score=score, told=told, measured=True)


def _lift(found: Feasibility) -> float:
    assert found.value is not None  # the caller asked
    assert found.chance is not None
    gained = found.value - found.chance if found.metric == "roc_auc" else found.chance - found.value
    room = 1.0 - found.chance if found.metric == "roc_auc" else found.chance
    return min(max(gained / room, 0.0), 1.0) if room > 0 and math.isfinite(gained) else 0.0


def _effort(one: _Looked, least: float) -> Part:
    if one.effort is None:
        return Part(score=UNKNOWN, told="not known", open=f"counted as {UNKNOWN:g}: write problem.effort")
    return Part(score=least / one.effort if one.effort > 0 else 1.0, told=one.spec.problem.effort or "")


def _risk(one: _Looked) -> Part:
    tier = one.spec.problem.risk
    left = sum(bool(duty.missing) for duty in one.check.duties)
    told = f"{tier}, {left} duties to be done" if left else tier
    return Part(score=_RISK[tier], told=told)


def _weights(given: Mapping[str, float]) -> Mapping[str, float]:
    for name, weight in given.items():
        if name not in WEIGHTS:
            raise InputError(f"'{name}' has no weight (there are: {', '.join(WEIGHTS)}).{did_you_mean(name, WEIGHTS)}")
        if not (math.isfinite(weight) and weight >= 0):
            raise InputError(f"the weight of {name} must be 0 or more, found {weight:g}")
    chosen = {**WEIGHTS, **given}
    if not any(chosen.values()):
        raise InputError("at least one weight must be above 0")
    return chosen


def _refuse(files: Sequence[Path]) -> None:
    if len(files) < 2:
        raise InputError(f"a ranking needs two files or more, found {len(files)}; `tenfold check` looks at one")
    seen = [path.resolve() for path in files]
    for path, own in zip(files, seen, strict=True):
        if seen.count(own) > 1:
            raise InputError(f"{path} is named twice")
