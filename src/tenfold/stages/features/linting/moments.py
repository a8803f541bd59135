"""Times that lie after the prediction: what was written then was not known."""

from __future__ import annotations

import re

import polars as pl

from tenfold.records.features import FeatureLeak
from tenfold.stages.features.linting.ground import LintGround, leak

_FEW = 0.001
_PLANNED = re.compile(
    r"due|schedul|plan|expect|deadline|expir|valid|until|renewal|appoint|booked|reserv|arrival|check|deliver|birth"
    r"|maturity|estimated|target_date|forecast",
    re.IGNORECASE,
)


def times_after_prediction(ground: LintGround) -> list[FeatureLeak]:
    """Return the columns of times of which rows lie after the time of the prediction.

    A date that is set in advance (due, scheduled, expiry) may lie in the future and yet be known: told, not stopped.
    """
    time = ground.problem.time
    if time is None or not isinstance(ground.table[time].dtype, pl.Datetime | pl.Date):
        return []
    found = []
    moment = ground.table[time].cast(pl.Datetime("us"))
    for column in ground.looked_at:
        if column.field.kind != "datetime":
            continue
        later = (ground.table[column.name].cast(pl.Datetime("us")) > moment).drop_nulls()
        share = float(later.mean() or 0.0) if len(later) else 0.0  # type: ignore[arg-type]  # a mean of truths
        if share <= _FEW:
            continue
        planned = bool(_PLANNED.search(column.name))
        reason = f"'{column.name}' lies after the time of the prediction '{time}' in {share:.1%} of the rows"
        reason += ": is it set in advance?" if planned else ": it was not known then"
        found.append(leak(column.name, "moment", reason, blocks=not planned, strength=share))
    return found
