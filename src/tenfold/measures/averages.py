"""Precision, recall and F over the classes, by each way of averaging; F-beta and Cohen's kappa.

``macro``: each class counts alike. ``weighted``: by its rows. ``micro``: over all rows together, which is the accuracy
where a row has one class; so is the recall that is weighted by rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tenfold.measures.confusion import (
    ACCURACY,
    F1,
    blocks,
    counts,
    mean_of_known,
    no_positive_at_all,
    precision_of_classes,
    share,
    single_class,
)
from tenfold.measures.metric import Metric, Moments
from tenfold.measures.outcome import Floats

_ByClass = Callable[[Floats], Floats]


def f_beta(beta: float) -> Metric:
    """Return F-beta: van Rijsbergen (1979), recall counting ``beta`` times as much as precision."""

    def combine(means: Floats) -> Floats:
        shares = _f_of_classes(beta)(means)
        return shares[..., 1] if shares.shape[-1] == 2 else mean_of_known(shares)

    return replace(
        F1, name=f"f{beta:g}", form=Moments(statistics=counts, combine=combine), undefined=no_positive_at_all
    )


def _f_of_classes(beta: float) -> _ByClass:
    def of(means: Floats) -> Floats:
        right, true, decided = blocks(means)
        squared = beta * beta
        return share((1.0 + squared) * right, squared * true + decided)

    return of


def _recall_of_classes(means: Floats) -> Floats:
    right, true, _ = blocks(means)
    return share(right, true)


def _macro(of: _ByClass) -> _ByClass:
    def combine(means: Floats) -> Floats:
        return mean_of_known(of(means))

    return combine


def _weighted(of: _ByClass) -> _ByClass:
    def combine(means: Floats) -> Floats:
        _, true, _ = blocks(means)
        shares = of(means)
        known = ~np.isnan(shares)
        mass = np.where(known, true, 0.0)
        mean: Floats = (mass * np.where(known, shares, 0.0)).sum(axis=-1) / np.maximum(mass.sum(axis=-1), 1e-300)
        return mean

    return combine


def _kappa(means: Floats) -> Floats:
    """Cohen (1960): agreement beyond chance, by the most that there can be. No decision but one: 0."""
    right, true, decided = blocks(means)
    total = true.sum(axis=-1)
    by_chance = (true * decided).sum(axis=-1)
    room = total**2 - by_chance
    flat = room <= 1e-12
    return np.where(flat, 0.0, (right.sum(axis=-1) * total - by_chance) / np.where(flat, 1.0, room))


def _averaged(name: str, combine: _ByClass) -> Metric:
    form = Moments(statistics=counts, combine=combine)
    return Metric(name=name, form=form, needs=("decision",), interval="resample", scale="logit")


PRECISION_MACRO = _averaged("precision_macro", _macro(precision_of_classes))
PRECISION_MICRO = replace(ACCURACY, name="precision_micro")
PRECISION_WEIGHTED = _averaged("precision_weighted", _weighted(precision_of_classes))
RECALL_MACRO = _averaged("recall_macro", _macro(_recall_of_classes))
RECALL_MICRO = replace(ACCURACY, name="recall_micro")
RECALL_WEIGHTED = replace(ACCURACY, name="recall_weighted")
F1_MACRO = _averaged("f1_macro", _macro(_f_of_classes(1.0)))
F1_MICRO = replace(ACCURACY, name="f1_micro")
F1_WEIGHTED = _averaged("f1_weighted", _weighted(_f_of_classes(1.0)))
KAPPA = Metric(
    name="kappa",
    form=Moments(statistics=counts, combine=_kappa),
    needs=("decision",),
    interval="resample",
    scale="atanh",
    undefined=single_class,
)
