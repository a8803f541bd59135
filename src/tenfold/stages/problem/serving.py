"""How the model should be served: proposed from what is asked of it."""

from __future__ import annotations

from tenfold.records.problem import Problem, Serving, Use

EMBEDDED_MS = 1.0
"""A call over the network takes about a millisecond by itself."""
REAL_TIME_SECONDS = 60.0
BATCH_SECONDS = 900.0
"""Who can wait a quarter of an hour needs no process that waits for questions."""
_LATENCY = ("latency_p50_ms", "latency_p99_ms")


def propose_serving(problem: Problem) -> Serving:
    """Return batch, real time or embedded, with the reason, and the reasons against the others.

    What was said of the use decides first (``offline``, ``within``), then the strictest latency that is required.
    """
    use = problem.use or Use()
    fastest = _fastest(problem)
    if use.offline:
        return _embedded("the answer is needed where no network is (`use: {offline: true}`)", use)
    if fastest is not None and fastest[1] <= EMBEDDED_MS:
        return _embedded(
            f"'{fastest[0]}' asks for {fastest[1]:g} ms, about what a call over the network takes by itself", use
        )
    if use.within_seconds is not None:
        return _by_patience(use.within_seconds, use, fastest)
    if fastest is not None:
        return _real_time(f"'{fastest[0]}' asks for an answer within {fastest[1]:g} ms", use)
    return _batch("nothing asks for an answer at once, and a batch has the least to run and to watch", use)


def _by_patience(seconds: float, use: Use, fastest: tuple[str, float, str] | None) -> Serving:
    if seconds <= REAL_TIME_SECONDS:
        return _real_time(f"the decision can wait {_told(seconds)} (`use: {{within: …}}`)", use)
    if fastest is not None and fastest[2] == "must":
        return _real_time(
            f"the decision can wait {_told(seconds)}, but '{fastest[0]}' must answer one row in {fastest[1]:g} ms", use
        )
    if seconds < BATCH_SECONDS:
        return _real_time(f"the decision can wait {_told(seconds)}, too short for a batch that is started by time", use)
    return _batch(f"the decision can wait {_told(seconds)} (`use: {{within: …}}`)", use)


def _embedded(reason: str, use: Use) -> Serving:
    return Serving(
        strategy="embedded",
        reason=reason,
        rejected=(
            ("real time", "needs a network between the question and the answer"),
            ("batch", "answers rows that are known beforehand"),
        ),
        open=_open(use, timing=False),
    )


def _real_time(reason: str, use: Use) -> Serving:
    return Serving(
        strategy="real time",
        reason=reason,
        rejected=(
            ("batch", "its answers are as old as its last pass"),
            ("embedded", "every program that holds the model has to be changed for a new version"),
        ),
        open=_open(use, timing=use.within_seconds is None),
    )


def _batch(reason: str, use: Use) -> Serving:
    return Serving(
        strategy="batch",
        reason=reason,
        rejected=(
            ("real time", "a process that waits for questions, and nobody waits for its answer"),
            ("embedded", "every program that holds the model has to be changed for a new version"),
        ),
        open=_open(use, timing=use.within_seconds is None),
    )


def _open(use: Use, *, timing: bool) -> tuple[str, ...]:
    missing = []
    if timing:
        missing.append("how long the decision can wait: problem.use.within")
    if use.rows_per_day is None:
        missing.append("how many rows a day: problem.use.rows_per_day")
    return tuple(missing)


def _fastest(problem: Problem) -> tuple[str, float, str] | None:
    """Return the strictest latency by number: id, milliseconds, level; a must before a should."""
    asked = [
        (each.level != "must", each.bound.offset, each.id, each.level)
        for each in problem.requirements
        if each.metric in _LATENCY and each.bound.reference is None and each.direction == "<="
    ]
    if not asked:
        return None
    _, milliseconds, name, level = min(asked)
    return name, milliseconds, level


def _told(seconds: float) -> str:
    from tenfold.foundation.units import format_seconds

    return format_seconds(seconds)
