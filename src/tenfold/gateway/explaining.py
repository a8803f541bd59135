"""Reasons for predictions: what each column adds to the score that a version gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenfold.bundle.canonical import Value
from tenfold.gateway.refused import Refused
from tenfold.gateway.version import SCORE, Scored, Version
from tenfold.measures.shapley import Floats, Masks, Places, shapley_values

MOST_EXPLAINED = 50
"""Instances of one request: each costs as much as some thousands of predictions."""
_SEED = 20
Background = Sequence[Sequence[Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """What the columns add to one score.

    Attributes
    ----------
    of : str
        The score: ``proba_<class>`` (of two classes the positive one, of more the one decided), or ``score``.
    base : float
        What the background scores on average; the effects add up to the score less this.
    effects, errors : sequence of float
        For each column of the signature, in order; ``errors`` are standard errors, zeros where ``exact``.
    """

    of: str
    base: float
    effects: Sequence[float]
    errors: Sequence[float]
    exact: bool


def reasons_of(version: Version, scored: Scored) -> list[Reasons]:
    """Return the reasons for each row that a version has scored.

    They are against the rows that its bundle carries, a spread of its training rows; a bundle without any is explained
    against one row in which every value is missing.
    """
    names = version.origin.kinds
    probe = version.model.probe
    known = probe is not None and probe.rows.height > 0
    background: Background = [probe.rows[name].to_list() if probe and known else [None] for name in names]
    columns = [scored.columns[name] for name in names]
    return [
        _of_row(version, background, [values[place] for values in columns], _output(version, scored, place))
        for place in range(len(scored.scores))
    ]


def check_explained(rows: int) -> None:
    """Refuse more instances than are explained at a time."""
    if rows > MOST_EXPLAINED:
        raise Refused(
            "too_many_instances",
            f"'instances' has {rows} entries; {MOST_EXPLAINED} are explained at a time",
            field="instances",
            fix=f"send at most {MOST_EXPLAINED} instances in one request",
        )


def noted(reasons: Sequence[Reasons] | None) -> list[dict[str, Any]] | None:
    """Return reasons as the log keeps them: effects in the order of the signature."""
    if reasons is None:
        return None
    return [{"of": each.of, "base": each.base, "effects": each.effects} for each in reasons]


def shown_reasons(reasons: Reasons, names: Sequence[str]) -> dict[str, Any]:
    """Return reasons as they are answered: by column."""
    return {
        "of": reasons.of,
        "base": reasons.base,
        "effects": dict(zip(names, reasons.effects, strict=True)),
        "errors": dict(zip(names, reasons.errors, strict=True)),
        "exact": reasons.exact,
    }


def _output(version: Version, scored: Scored, place: int) -> int:
    classes = version.model.classes
    if scored.decisions is None:
        return 0
    return len(classes) - 1 if len(classes) == 2 else classes.index(scored.decisions[place])


def _of_row(version: Version, background: Background, row: Sequence[Value], output: int) -> Reasons:
    differs = np.array(
        [[value != own for value in values] for values, own in zip(background, row, strict=True)], dtype=np.bool_
    ).T

    def worth(masks: Masks, places: Places) -> Floats:
        columns: list[Sequence[Any]] = []
        chosen = places.tolist()
        for at, (values, own) in enumerate(zip(background, row, strict=True)):
            mine = masks[:, at].tolist()
            columns.append([own if here else values[place] for here, place in zip(mine, chosen, strict=True)])
        return np.asarray(version.plan.scores(columns, len(masks))[:, output], dtype=np.float64)

    found = shapley_values(worth, differs, seed=_SEED)
    return Reasons(
        of=version.keys[1 + output] if version.model.classes else SCORE,
        base=found.base,
        effects=found.effects.tolist(),
        errors=found.errors.tolist(),
        exact=found.exact,
    )
