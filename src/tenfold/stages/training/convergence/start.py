"""Where a fit begins: the loss of the best constant, and a few training rows to look at."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tenfold.stages.training.convergence.watch import Watch
from tenfold.stages.training.protocols import Fit, FitFailed, Rows

_MOST_LOOKED_AT = 250

Kind = Literal["log_loss", "mse", "rmse"]


def constant_loss(fit: Fit, kind: Kind) -> float | None:
    """Return the held-out loss of the training rows' best constant; None where it is no number, or nothing weighs."""
    if fit.held is None:
        return None
    truth, weight = fit.held.truth, fit.held.weight
    if any(each is not None and not each.sum() > 0 for each in (weight, fit.train.weight)):
        return None
    with np.errstate(all="ignore"):
        if kind == "log_loss":
            codes = fit.train.truth.astype(np.int64)
            shares = np.bincount(codes, weights=fit.train.weight, minlength=fit.outputs)
            losses = -np.log(np.clip((shares / shares.sum())[truth.astype(np.int64)], 1e-15, None))
        else:
            losses = (truth - np.average(fit.train.truth, weights=fit.train.weight)) ** 2
        loss = float(np.average(losses, weights=weight))
        loss = float(np.sqrt(loss)) if kind == "rmse" else loss
    return loss if np.isfinite(loss) and loss > 0 else None


def looked_at(rows: Rows, seed: int) -> Rows:
    """Return some of the rows, drawn by chance: enough to see whether a loss falls.

    Rows without weight are left out; where none has any, all count alike.
    """
    weight = rows.weight
    places = np.arange(len(rows.truth)) if weight is None else np.flatnonzero(weight > 0)
    if not len(places):
        weight, places = None, np.arange(len(rows.truth))
    if len(places) > _MOST_LOOKED_AT:
        places = np.sort(np.random.default_rng(seed).choice(places, _MOST_LOOKED_AT, replace=False))
    return Rows(
        values=np.asarray(rows.values[places]),
        truth=rows.truth[places],
        weight=None if weight is None else weight[places],
    )


def refuse_no_number(watch: Watch, learner: str) -> None:
    """Refuse a fit whose best held-out loss is no number.

    Raises
    ------
    FitFailed
        With what the rules found.
    """
    if watch.recorder.points and not np.isfinite(watch.least):
        found = "; ".join(f"{each.message} at iteration {each.iteration}" for each in watch.findings)
        raise FitFailed(f"{learner} diverged: {found or 'its loss is no number'}", findings=watch.findings)
