"""The one place where a requirement becomes a verdict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from tenfold.measures.outcome import Outcome
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict
from tenfold.records.problem import Requirement

Overall = Literal["passed", "failed", "inconclusive"]


def judge(
    requirement: Requirement,
    *,
    place: str,
    slice: str = "",  # noqa: A002 - the word of the requirement
    outcome: Outcome | None = None,
    reference: Outcome | Estimate | None = None,
    measured: Estimate | None = None,
    rng: np.random.Generator,
) -> Verdict:
    """Hold one requirement against what was measured at one place.

    Parameters
    ----------
    place : str
        ``test``, ``ci``, ``canary``, ``ab``, ``live`` or ``retrain``.
    slice : str
        The slice whose rows ``outcome`` holds; empty for all rows.
    outcome : Outcome or None
        The model's predictions and the truth; None where there are none.
    reference : Outcome, Estimate or None
        The baseline's or champion's, on the same rows in the same order; for an operational metric its Estimate.
    measured : Estimate or None
        The value of an operational metric with its interval.
    """
    raise NotImplementedError


def overall(verdicts: Iterable[Verdict]) -> Overall:
    """Return what the verdicts come to: any must that fails, else any must that is inconclusive, decides."""
    musts = [verdict.verdict for verdict in verdicts if verdict.level == "must"]
    if "fail" in musts:
        return "failed"
    return "inconclusive" if "inconclusive" in musts else "passed"
