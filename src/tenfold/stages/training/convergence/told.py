"""What rules found, for a person: on the leaderboard, while the run works, and in the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, cast

from tenfold.records.model import ConvergenceFinding
from tenfold.stages.training.convergence.actions import REMEDIES, Rule

NAMES: Mapping[str, str] = {
    "not_a_number": "no number",
    "divergence": "diverged",
    "plateau": "plateau",
    "turn": "turned",
    "overfit": "overfitted",
    "slow": "still improving at the end",
    "dead_units": "dead units",
    "exploding_weights": "exploding weights",
}
_EXPECTED = ("plateau", "turn")
"""That is how a fit should end: told on the candidate alone."""

_NAMED = 5


class Watched(Protocol):
    """The fit of one fold, as far as rules go."""

    @property
    def fold(self) -> int: ...

    @property
    def findings(self) -> tuple[ConvergenceFinding, ...]: ...


def merged_findings(fits: Iterable[Watched]) -> tuple[ConvergenceFinding, ...]:
    """Return one finding for each rule: where it was found first, and on how many folds."""
    merged: dict[str, ConvergenceFinding] = {}
    for fit in fits:
        for each in fit.findings:
            known = merged.get(each.rule)
            if known is None:
                merged[each.rule] = replace(each, fold=fit.fold)
            else:
                merged[each.rule] = replace(known, folds=known.folds + 1)
    return tuple(merged.values())


def alarming(findings: Iterable[ConvergenceFinding]) -> list[ConvergenceFinding]:
    """Return the findings that a person should know of: not the usual end of a fit."""
    return [each for each in findings if each.rule not in _EXPECTED or each.action != "stop"]


def note(findings: Iterable[ConvergenceFinding]) -> str:
    """Return a note for the leaderboard; empty where all is well."""
    return "; ".join(f"{NAMES[each.rule]} ({each.rule}) at iteration {each.iteration}" for each in alarming(findings))


def sentences(found: Sequence[tuple[str, Sequence[ConvergenceFinding]]], served: Iterable[str] = ()) -> tuple[str, ...]:
    """Return one sentence for each rule that found something, over all candidates (key, findings).

    The candidates of which the model consists (``served``) are named first, then the others in their order.
    """
    served = set(served)
    by_rule: dict[str, list[tuple[str, ConvergenceFinding]]] = {}
    for key, findings in sorted(found, key=lambda one: one[0] not in served):
        for each in alarming(findings):
            by_rule.setdefault(each.rule, []).append((key, each))
    told = []
    for rule in NAMES:
        cases = by_rule.get(rule, [])
        if not cases:
            continue
        first, finding = cases[0]
        where = f"iteration {finding.iteration} of fold {finding.fold}"
        sentence = f"Convergence, rule `{rule}`: '{first}' at {where}: {finding.message}"
        if len(cases) > 1:
            names = ", ".join(f"'{key}' (iteration {each.iteration})" for key, each in cases[1 : _NAMED + 1])
            more = f" and {len(cases) - 1 - _NAMED} more" if len(cases) > _NAMED + 1 else ""
            sentence += f"; likewise {names}{more}"
        told.append(f"{sentence}. {REMEDIES[cast('Rule', rule)]}")
    return tuple(told)
