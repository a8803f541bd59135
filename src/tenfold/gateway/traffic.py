"""How one endpoint's requests are divided among its versions: by the id that a row is assigned by, and by nothing else.

No state is kept: the salt of the manifest and the id say which version answers, in every worker, in every replica and
after every restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tenfold.foundation.assignment import place_of
from tenfold.gateway.breaker import Breaker, Pace
from tenfold.gateway.tally import Tally
from tenfold.gateway.version import Version
from tenfold.records.release import Strategy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arm:
    """One version among those that share an endpoint.

    Attributes
    ----------
    until : float
        It answers the ids whose place lies below, and not below that of the arm before it.
    drops : frozenset of str
        Columns of a request that are there for other arms, or for the division itself.
    tally : Tally
        What is counted of it, for whoever judges the trial.
    """

    version: Version
    breaker: Breaker
    until: float = 1.0
    drops: frozenset[str] = frozenset()
    pace: Pace
    tally: Tally = field(default_factory=Tally)

    def read(self, instances: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """Return instances without what this arm does not read."""
        drops = self.drops
        if not drops:
            return instances
        return [
            instance
            if drops.isdisjoint(instance)
            else {name: value for name, value in instance.items() if name not in drops}
            for instance in instances
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traffic:
    """The arms of an endpoint.

    Attributes
    ----------
    candidates : tuple of Arm
        In the order in which they take the places from 0 on: of a share that rises, every id stays.
    shadows : tuple of Arm
        Asked beside, for the ids below their ``until``.
    assign : str or None
        The column of the assigned id; a row without a value there goes by its own id.
    """

    strategy: Strategy
    salt: str
    champion: Arm
    candidates: tuple[Arm, ...] = ()
    shadows: tuple[Arm, ...] = ()
    assign: str | None = None
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        # The salt as the hash takes it.
        object.__setattr__(self, "key", self.salt.encode()[:64])

    def choose(self, unit: str) -> Arm:
        """Return the arm that answers an id."""
        if not self.candidates:
            return self.champion
        place = place_of(self.key, unit)
        for arm in self.candidates:
            if place < arm.until:
                return arm
        return self.champion

    def shadowed(self, units: Sequence[str], shadow: Arm) -> list[int]:
        """Return the places of the rows that a shadow is asked about."""
        if shadow.until >= 1.0:
            return list(range(len(units)))
        below = {unit: place_of(self.key, unit) < shadow.until for unit in set(units)}
        return [place for place, unit in enumerate(units) if below[unit]]

    def units(self, instances: Sequence[Mapping[str, Any]], ids: Sequence[str], *, given: bool) -> list[str]:
        """Return the id that each row is divided by.

        The value of the assigned column; else the row's id, where the caller gave ids; else the first of the ids that
        were made: a request whose rows nobody named is answered by one arm.
        """
        own = list(ids) if given or len(ids) == 1 else [ids[0]] * len(ids)
        if self.assign is None:
            return own
        return [
            unit if (found := instance.get(self.assign)) is None else unit_of(found)
            for instance, unit in zip(instances, own, strict=True)
        ]

    def without(self, stopped: Arm) -> Traffic:
        """Return the traffic after one arm was stopped: what it answered is the champion's."""
        return replace(
            self,
            candidates=tuple(arm for arm in self.candidates if arm is not stopped),
            shadows=tuple(arm for arm in self.shadows if arm is not stopped),
        )


def unit_of(value: object) -> str:
    """Return an assigned id as a text: 5, 5.0 and "5" are one id, as callers write numbers in many ways."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def dropped(own: frozenset[str], others: Sequence[frozenset[str]], assign: str | None) -> frozenset[str]:
    """Return the columns that a request may hold and an arm that reads ``own`` does not want."""
    known = frozenset().union(*others) if assign is None else frozenset((assign,)).union(*others)
    return known - own
