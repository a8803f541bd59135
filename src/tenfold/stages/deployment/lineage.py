"""Which versions stand behind the one that is live: what a rollback goes back to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One release of the past: a version was promoted, or gone back to."""

    action: Literal["promote", "rollback"]
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The versions that went live and were not taken back, oldest first; the last is live.

    A promotion adds one. A rollback takes back whatever came after the version it goes to, so that the next rollback
    goes further back and never returns to what was taken back.
    """

    standing: tuple[int, ...] = ()

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Lineage:
        """Return what a history of releases comes to."""
        lineage = cls()
        for step in steps:
            lineage = lineage.promoted(step.number) if step.action == "promote" else lineage.back_to(step.number)
        return lineage

    @property
    def live(self) -> int | None:
        """The version that is live; None before the first release."""
        return self.standing[-1] if self.standing else None

    @property
    def previous(self) -> int | None:
        """The version that a rollback goes back to; None when there is none."""
        return self.standing[-2] if len(self.standing) > 1 else None

    def promoted(self, number: int) -> Lineage:
        """Return the lineage after a promotion."""
        return Lineage(standing=(*self.standing, number))

    def back_to(self, number: int) -> Lineage:
        """Return the lineage after a rollback; to a version that was taken back before, it stands on top again."""
        before = self.standing[:-1]
        if number not in before:
            return Lineage(standing=(*before, number))
        last = len(before) - before[::-1].index(number)
        return Lineage(standing=before[:last])
