"""One run as one HTML page: no script, no network, light and dark, readable on a phone and on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Literal

from tenfold.bundle.reading import Reading
from tenfold.foundation.units import format_seconds
from tenfold.measures.judge import overall
from tenfold.measures.names import metric_name
from tenfold.measures.ways import ways_of
from tenfold.records.dataset import Column, Dataset
from tenfold.records.evaluation import Evaluation
from tenfold.records.evidence import Verdict
from tenfold.records.features import FeaturePlan
from tenfold.records.model import Candidate, Candidates
from tenfold.records.problem import Kpi, PlannedTest, Problem, Serving
from tenfold.records.tuning import Tuning
from tenfold.records.validation import ValidationPlan
from tenfold.reports.decisions import Decision, decisions
from tenfold.reports.evaluated import (
    Changed,
    Measured,
    Sliced,
    Ways,
    Weak,
    as_measured,
    changed,
    in_order,
    interval_note,
    measured,
    sliced,
    weak,
)
from tenfold.reports.figures import Figure, draw_figures, interval_bar, interval_strip
from tenfold.reports.leaderboard import best_first
from tenfold.reports.learning import draw_learning
from tenfold.reports.outlook import Outlook, outlook_of
from tenfold.reports.reading import ReadPage, read_page
from tenfold.reports.words import MISSING, between, count, interval, number, percent, short, unit, with_unit
from tenfold.stages.problem.checks_planned import plan_checks
from tenfold.stages.problem.serving import propose_serving

OPERATIONAL = "operational"
_TEMPLATES = ("run.html", "run.css", "learning.html", "reading.html")
_MOST_COLUMNS = 60
_MOST_CANDIDATES = 20
_DAY_SECONDS = 86_400.0
_KIND = {"pass": "good", "fail": "bad", "inconclusive": "unsure", "pending": "open"}
_SIGN = {"pass": "✓", "fail": "✕", "inconclusive": "?", "pending": "…"}

Tone = Literal["good", "bad", "unsure", "open", "plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """The records of one run; ``version`` is the registered model's reference, such as ``flights@3``.

    ``reading`` is the model itself, where a person can read it.
    ``evidence`` holds the ids of the judgements that are kept, by requirement and slice.
    """

    run: str
    version: str
    problem: Problem
    dataset: Dataset
    validation: ValidationPlan
    features: FeaturePlan
    candidates: Candidates
    tuning: Tuning
    evaluation: Evaluation
    verdicts: tuple[Verdict, ...]
    reading: Reading | None = None
    evidence: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure that matters most, large."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One verdict, ready to be shown."""

    verdict: Verdict
    tone: str
    sign: str
    bar: str
    value: str
    bound: str
    interval: str
    evidence: str
    serves: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One KPI or function: what it asks, what it rests on, and how that stands."""

    id: str
    kind: str
    what: str
    asked: str
    rests_on: tuple[str, ...]
    standing: str
    tone: str
    sign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One candidate of the leaderboard."""

    candidate: Candidate
    place: int
    score: str
    loss: str
    interval: str
    bar: str
    weight: str
    seconds: str
    row_cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One column of the table."""

    column: Column
    missing: str
    distinct: str
    seen: str
    used: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything the template prints; only ``bar`` and ``svg`` are markup, and they come from our own drawings."""

    facts: RunFacts
    status: str
    tone: Tone
    summary: str
    tiles: tuple[Tile, ...]
    judged: tuple[Judged, ...]
    promises: tuple[Promise, ...]
    outlook: Outlook | None
    serving: Serving
    tests: tuple[PlannedTest, ...]
    measured: tuple[Measured, ...]
    chosen_on: str
    operational: tuple[Measured, ...]
    slices: tuple[Sliced, ...]
    ways: tuple[Ways, ...]
    weak: tuple[Weak, ...]
    changed: tuple[Changed, ...]
    leaderboard: tuple[Standing, ...]
    figures: tuple[Figure, ...]
    learning: tuple[Figure, ...]
    reading: ReadPage | None
    decisions: tuple[Decision, ...]
    columns: tuple[Described, ...]
    more_columns: int
    findings: tuple[tuple[str, str], ...]


def render_run_report(facts: RunFacts) -> str:
    """Return the page as HTML; everything that comes from data is escaped."""
    from jinja2 import DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    folder = resources.files("tenfold.reports") / "templates"
    environment = Environment(
        loader=DictLoader({name: (folder / name).read_text(encoding="utf-8") for name in _TEMPLATES}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = Markup
    environment.filters["told"] = _told
    environment.filters["count"] = count
    environment.filters["percent"] = percent
    environment.filters["number"] = number
    return environment.get_template("run.html").render(page=_page(facts))


def _told(sentence: str) -> str:
    """Return a sentence as markup: what stands between backticks is code, everything is escaped."""
    from markupsafe import Markup, escape

    parts = sentence.split("`")
    if len(parts) % 2 == 0:
        return escape(sentence)
    code = Markup("<code>{}</code>")
    return Markup().join(escape(part) if place % 2 == 0 else code.format(part) for place, part in enumerate(parts))


def _page(facts: RunFacts) -> Page:
    problem, evaluation = facts.problem, facts.evaluation
    serving = propose_serving(problem)
    status, tone, summary = _status(facts.verdicts)
    parts = [part for part in evaluation.metrics if part not in (evaluation.judged_on, OPERATIONAL)]
    chosen_on = parts[0] if parts else ""
    used = set(facts.features.inputs)
    return Page(
        facts=facts,
        status=status,
        tone=tone,
        summary=summary,
        tiles=_tiles(facts),
        judged=tuple(_judged(verdict, facts) for verdict in facts.verdicts),
        promises=_promises(facts),
        outlook=outlook_of(problem.feasibility),
        serving=serving,
        tests=plan_checks(problem, serving, contract=facts.dataset.contract is None),
        measured=tuple(
            measured(evaluation, estimate, chosen_on, main=estimate.metric == problem.metric.metric)
            for estimate in in_order(evaluation, problem.metric.metric)
        ),
        chosen_on=chosen_on,
        operational=tuple(
            measured(evaluation, estimate, "", main=False)
            for estimate in evaluation.metrics.get(OPERATIONAL, {}).values()
        ),
        slices=tuple(
            sliced(name, problem.slices.get(name, ""), estimate)
            for name, estimates in evaluation.slices.items()
            for estimate in estimates.values()
        ),
        ways=tuple(as_measured(way, found) for way, found in ways_of(facts.problem, facts.tuning, evaluation).items()),
        weak=tuple(weak(one) for one in evaluation.weak_slices),
        changed=tuple(changed(one) for one in evaluation.robustness),
        leaderboard=_leaderboard(facts),
        figures=draw_figures(evaluation.plots),
        reading=read_page(facts.reading),
        learning=draw_learning(facts.candidates.candidates, {key for key, _ in facts.tuning.members}),
        decisions=decisions(problem, facts.validation, facts.features, facts.tuning, evaluation),
        columns=tuple(_described(column, facts.dataset.rows, used) for column in facts.dataset.columns[:_MOST_COLUMNS]),
        more_columns=max(0, len(facts.dataset.columns) - _MOST_COLUMNS),
        findings=_findings(facts),
    )


def _status(verdicts: Sequence[Verdict]) -> tuple[str, Tone, str]:
    if not verdicts:
        return "Measured", "open", "No requirement was written, so nothing was judged."
    musts = [verdict for verdict in verdicts if verdict.level == "must"]
    passed = sum(verdict.verdict == "pass" for verdict in musts)
    told = f"{passed} of {len(musts)} must requirements pass" if musts else "only should requirements are written"
    found = overall(verdicts)
    if found == "failed":
        return "Failed", "bad", f"{told}; a must failed."
    if found == "inconclusive":
        return "Inconclusive", "unsure", f"{told}; the rows do not settle every must."
    if musts and passed < len(musts):
        return "Passed so far", "good", f"{told}; the others wait for what cannot be measured yet."
    return "Passed", "good", f"{told}."


def _tiles(facts: RunFacts) -> tuple[Tile, ...]:
    evaluation = facts.evaluation
    name = facts.problem.metric.metric
    main = evaluation.metrics.get(evaluation.judged_on, {}).get(name)
    tiles = []
    if main is not None:
        note = f"{interval(main)}, {count(main.n)} rows" if main.low is not None else main.reason
        tiles.append(Tile(label=f"{name} · {evaluation.judged_on}", value=with_unit(name, main.value), note=note))
    reference = evaluation.baseline.get(name)
    if main is not None and reference is not None and main.value is not None and reference.value is not None:
        better = (main.value > reference.value) == metric_name(name).greater_is_better
        which = evaluation.references.get(name, evaluation.baseline_name)
        tiles.append(
            Tile(
                label=f"baseline: {which}",
                value=with_unit(name, reference.value),
                note="the model does better" if better else "the model does not do better",
                tone="plain" if better else "bad",
            )
        )
    running = evaluation.metrics.get(OPERATIONAL, {})
    for metric, label in (("latency_p99_ms", "one row, 99 of 100"), ("size_mb", "bundle")):
        if metric in running:
            tiles.append(
                Tile(label=label, value=with_unit(metric, running[metric].value), note=interval_note(running[metric]))
            )
    rows = facts.dataset.rows
    sealed = facts.validation.counts.get("test", 0)
    tiles.append(
        Tile(label="rows", value=count(rows), note=f"{count(sealed)} sealed for the test" if sealed else "none sealed")
    )
    return tuple(tiles)


def _judged(verdict: Verdict, facts: RunFacts) -> Judged:
    problem = facts.problem
    tone = _KIND[verdict.verdict]
    return Judged(
        verdict=verdict,
        tone=tone,
        sign=_SIGN[verdict.verdict],
        bar=interval_bar(low=verdict.low, value=verdict.value, high=verdict.high, bound=verdict.bound, kind=tone),
        value=with_unit(verdict.metric, verdict.value),
        bound=f"{verdict.direction.replace('>=', '≥').replace('<=', '≤')} {short(verdict.bound)}{unit(verdict.metric)}"
        if verdict.bound is not None
        else MISSING,
        interval=between(verdict.low, verdict.high),
        evidence=facts.evidence.get((verdict.requirement, verdict.slice), ""),
        serves=(
            *(each.id for each in problem.kpis if verdict.requirement in each.measured_by),
            *(each.id for each in problem.functions if verdict.requirement in each.proved_by),
        ),
    )


def _promises(facts: RunFacts) -> tuple[Promise, ...]:
    """Return KPIs and functions with how what they rest on stands here: the worst of its verdicts."""
    problem = facts.problem
    kpis = [("KPI", one.id, one.what or one.id, _goal(one), one.measured_by) for one in problem.kpis]
    functions = [("function", one.id, one.what, one.level, one.proved_by) for one in problem.functions]
    return tuple(_promise(facts, *each) for each in (*kpis, *functions))


def _promise(  # noqa: PLR0917 - a row of a table
    facts: RunFacts, kind: str, name: str, what: str, asked: str, rests_on: tuple[str, ...]
) -> Promise:
    found = {verdict.verdict for verdict in facts.verdicts if verdict.requirement in rests_on}
    known = {verdict.requirement for verdict in facts.verdicts}
    unproved = not rests_on or not known.issuperset(rests_on)
    order = ("fail", "inconclusive", "pending", "pass")
    standing = "fail" if "fail" in found else "unproved" if unproved else next(one for one in order if one in found)
    return Promise(
        id=name,
        kind=kind,
        what=what,
        asked=asked,
        rests_on=rests_on,
        standing=standing,
        tone=_KIND.get(standing, "open"),
        sign=_SIGN.get(standing, "–"),
    )


def _goal(kpi: Kpi) -> str:
    today = "" if kpi.baseline is None else f"from {number(kpi.baseline)} "
    days = kpi.window_seconds / _DAY_SECONDS
    window = f"{days:g} days" if days >= 1 else format_seconds(kpi.window_seconds)
    return f"{today}{kpi.direction} to {number(kpi.target)} {kpi.unit} in {window}"


def _leaderboard(facts: RunFacts) -> tuple[Standing, ...]:
    weights = dict(facts.tuning.members)
    listed = best_first(facts.candidates)
    first = list(listed[:_MOST_CANDIDATES])
    first += [each for each in listed[_MOST_CANDIDATES:] if each.key in weights or each.origin == "reference"]
    places = {each.key: place for place, each in enumerate(listed, start=1)}
    costs = facts.evaluation.row_cpu_us
    return tuple(
        Standing(
            candidate=each,
            place=places[each.key],
            score=number(each.score),
            loss=number(each.loss),
            interval=between(each.low, each.high),
            bar=_strip(each, first),
            weight=percent(weights[each.key]) if each.key in weights else "",
            seconds=f"{each.seconds:.1f}",
            row_cost=number(costs.get(each.key, each.row_cpu_us)),
        )
        for each in first
    )


def _strip(candidate: Candidate, others: Sequence[Candidate]) -> str:
    """Return the candidate's interval on the scale of all models shown, so that rows can be compared by eye."""
    scale = [
        bound
        for each in others
        if each.origin != "reference"
        for bound in (each.low, each.score, each.high)
        if bound is not None
    ]
    if not scale or candidate.origin == "reference":
        return ""
    return interval_strip(low=candidate.low, value=candidate.score, high=candidate.high, scale=(min(scale), max(scale)))


def _described(column: Column, rows: int, used: set[str]) -> Described:
    if column.mean is not None:
        seen = f"{number(column.low)} to {number(column.high)}, mean {number(column.mean)}"
    else:
        seen = ", ".join(value for value, _ in column.top[:4])
        seen = seen if len(seen) <= 80 else seen[:79] + "…"
    return Described(
        column=column,
        missing=percent(column.missing / rows) if rows and column.missing else "",
        distinct=count(column.distinct),
        seen=seen,
        used="yes" if column.name in used else "",
    )


def _findings(facts: RunFacts) -> tuple[tuple[str, str], ...]:
    """Return (severity, message) of everything that a person should know, gravest first."""
    order = {"critical": 0, "warning": 1, "info": 2}
    found = [(each.severity, each.message) for each in facts.dataset.findings]
    feasibility = facts.problem.feasibility
    if feasibility is not None:
        if feasibility.status in ("infeasible", "inconclusive", "leaking"):
            found.append(("warning", feasibility.reason))
        found += [("warning", leak.reason) for leak in feasibility.leaks if leak.severity == "warn"]
    found += [("warning", reason) for reason in facts.features.leaks]
    told = (
        *facts.validation.findings,
        *facts.features.findings,
        *facts.candidates.findings,
        *facts.evaluation.findings,
    )
    found += [("info", message) for message in told]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: order[one[0]]))
