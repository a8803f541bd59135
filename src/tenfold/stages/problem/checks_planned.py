"""The test plan: what has to be shown of the data, the model and its serving, derived from what is asked."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.records.problem import PLACES, PlannedTest, Problem, Requirement, Serving

_SECONDS_OF_A_DAY = 86_400.0
_BUSY_HOUR = 5.0
"""The busiest moment of a day asks about this many times its mean (a rule of thumb for office hours)."""
_OFFLINE = ("test", "ci", "retrain")
_OPERATIONAL = ("latency_p50_ms", "latency_p99_ms", "size_mb")


def plan_checks(problem: Problem, serving: Serving, *, contract: bool) -> tuple[PlannedTest, ...]:
    """Return the checks in the order in which they can be done, each with what does it and what it proves."""
    return (*_of_data(problem, contract=contract), *_of_model(problem), *_of_serving(problem, serving))


def _of_data(problem: Problem, *, contract: bool) -> Iterator[PlannedTest]:
    held = "the contract of the file" if contract else "the contract that is inferred at each run"
    yield _check("data-contract", "data", f"types, ranges and sets keep to {held}", "tenfold check")
    yield _check("data-target", "data", f"'{problem.target}' is known for the rows that train", "tenfold check")
    yield _check("data-leaks", "data", "no column knows the answer", "tenfold check")
    yield _check("data-signal", "data", "the columns tell more of the target than chance does", "tenfold check")
    if problem.time is not None:
        yield _check("data-order", "data", f"nothing later than '{problem.time}' is used", "tenfold run")
    for name, condition in problem.slices.items():
        yield _check(
            f"data-slice-{name}", "data", f"the slice '{name}' ({condition}) has rows to judge on", "tenfold run"
        )


def _of_model(problem: Problem) -> Iterator[PlannedTest]:
    yield _check("model-baseline", "model", "the best constant and the rule in use race with it", "tenfold run")
    yield _check("model-sealed", "model", "it is judged once, on rows that nobody saw", "tenfold run")
    yield _check("model-reproduce", "model", "its decisions give the same bundle again", "tenfold runs reproduce")
    for requirement in problem.requirements:
        if requirement.metric not in _OPERATIONAL:
            yield from _held(requirement, "model")


def _of_serving(problem: Problem, serving: Serving) -> Iterator[PlannedTest]:
    ways = {
        "real time": ("one row over HTTP gives what the batch gives", "tenfold serve"),
        "batch": ("a batch that is stopped goes on without a row twice", "tenfold predict"),
        "embedded": ("the bundle, loaded alone, gives what the lab gave", "tenfold.load"),
    }
    what, by = ways[serving.strategy]
    yield _check("serving-parity", "serving", what, by)
    yield _check("serving-input", "serving", "a row that the signature refuses is refused by name", by)
    rows = None if problem.use is None else problem.use.rows_per_day
    if rows is not None and serving.strategy == "real time":
        peak = _BUSY_HOUR * rows / _SECONDS_OF_A_DAY
        yield _check("serving-load", "serving", f"{peak:.3g} rows a second are answered, the busy hour's share", by)
    if rows is not None and serving.strategy == "batch":
        yield _check("serving-load", "serving", f"{rows} rows are scored within the time that a day leaves", by)
    for requirement in problem.requirements:
        if requirement.metric in _OPERATIONAL:
            yield from _held(requirement, "serving")


def _held(requirement: Requirement, area: str) -> Iterator[PlannedTest]:
    """Yield the requirement's own checks: before it goes live, and in production."""
    places = requirement.where or PLACES
    on = f" on {', '.join(requirement.slices)}" if requirement.slices else ""
    told = f"{requirement.text}{on}, at {requirement.confidence:.0%}"
    if any(place in _OFFLINE for place in places):
        yield _check(f"{area}-{requirement.id}", area, told, "tenfold run", requirement)
    if requirement.metric != "size_mb" and any(place not in _OFFLINE for place in places):
        yield _check(f"live-{requirement.id}", "production", f"{told}, by window", "tenfold monitor", requirement)


def _check(name: str, area: str, what: str, by: str, requirement: Requirement | None = None) -> PlannedTest:
    return PlannedTest(
        id=name,
        area=area,  # type: ignore[arg-type]  # one of the four words
        what=what,
        by=by,
        proves="" if requirement is None else requirement.id,
        level="must" if requirement is None else requirement.level,
    )
