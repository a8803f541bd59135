"""Rules about versions: what may be registered, what may become champion."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

from tenfold.records.evaluation import Evaluation
from tenfold.records.evidence import Verdict

Promote = Literal["ask", "auto"]


def may_register(evaluation: Evaluation) -> str | None:
    """Return why a result is no version: there is no bundle, or nothing was measured; None when it may be registered.

    A version that fails its requirements is registered too: history must show it.
    """
    if not evaluation.bundle:
        return "there is no bundle to register"
    if not evaluation.metrics.get(evaluation.judged_on):
        return f"nothing was measured on '{evaluation.judged_on}'"
    return None


def may_promote(verdicts: Iterable[Verdict], accepted: Collection[str] = ()) -> str | None:
    """Return why a version may not become champion, or None when it may.

    Every must that can be measured has to pass; an inconclusive one does not promote by itself.

    Parameters
    ----------
    accepted : collection of str
        Ids of requirements that a person accepted, with a reason that is on record.
    """
    open_musts = [
        verdict
        for verdict in verdicts
        if verdict.level == "must"
        and verdict.verdict in ("fail", "inconclusive")
        and verdict.requirement not in accepted
    ]
    if not open_musts:
        return None
    named = "; ".join(
        f"'{verdict.requirement}'{f' on {verdict.slice}' if verdict.slice else ''}: {verdict.verdict}"
        for verdict in open_musts
    )
    return f"a must did not pass ({named}); accept it by its id with a reason, or train again"
