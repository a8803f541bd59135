"""In which order metrics are read: the one that counts first, the others as their table has them."""

from __future__ import annotations

from collections.abc import Iterable

from tenfold.measures.names import METRIC_NAMES
from tenfold.spec.schema import Spec


def in_order(spec: Spec, names: Iterable[str]) -> list[str]:
    """Return names of metrics: the file's metric first, else the one of its first requirement that was measured."""
    found = list(names)
    asked = [requirement.metric for requirement in spec.requirements]
    first = next((name for name in (spec.problem.metric, *asked) if name in found), None)
    order = {name: place for place, name in enumerate(METRIC_NAMES)}
    return sorted(found, key=lambda name: (name != first, order.get(name, len(order)), name))


def main_metric(spec: Spec, names: Iterable[str]) -> str:
    """Return the metric of ``names`` that counts first; empty when there is none."""
    return next(iter(in_order(spec, names)), "")
