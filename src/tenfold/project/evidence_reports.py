"""What a look at the evidence came to: frozen, and as JSON documents."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tenfold.project.document import Document
from tenfold.project.run_reports import verdict_line
from tenfold.records.evidence import Evidence, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One promise of the file.

    Attributes
    ----------
    line : int or None
        Its line in the file.
    rests_on, serves : tuple of str
        Ids of the requirements that it rests on, and of the KPIs and functions that rest on it.
    standing : str
        How it stands for the version that is live, else for the newest: the worst of its newest judgements;
        ``unproved`` without any.
    kinds : mapping from place to count
        How many judgements there are of it, or of what it rests on, by the place where they were made.
    """

    kind: Literal["requirement", "kpi", "function"]
    id: str
    text: str
    standing: str
    level: str = "should"
    line: int | None = None
    rests_on: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReport:
    """Promises and their proof; the document is ``tenfold.trace/1``.

    ``orphans`` are judgements of requirements that the file no longer has. ``judgement`` is the one that was asked for,
    ``asked`` the promise.
    """

    links: tuple[Link, ...]
    orphans: tuple[Evidence, ...] = ()
    subject: str | None = None
    refs: Mapping[str, str] = field(default_factory=dict)
    judgement: Evidence | None = None
    asked: str | None = None

    @property
    def unproved(self) -> tuple[str, ...]:
        """Ids of musts that no judgement shows to hold: of all, or of what was asked for and what that rests on."""
        rests_on = [name for link in self.links if link.id == self.asked for name in link.rests_on]
        about = None if self.asked is None else {self.asked, *rests_on}
        musts = [link for link in self.links if link.level == "must" and (about is None or link.id in about)]
        return tuple(link.id for link in musts if link.standing != "pass")

    @property
    def ok(self) -> bool:
        """Whether every must is proved."""
        return not self.unproved

    def only(self, names: Collection[str], *, asked: str, judgement: Evidence | None = None) -> TraceReport:
        """Return the part of the report that is about some promises, one of which was asked for."""
        kept = tuple(link for link in self.links if link.id in names)
        return replace(self, links=kept, orphans=(), asked=asked, judgement=judgement)

    def document(self) -> Document:
        """Return the trace as JSON-ready values."""
        return {
            "schema": "tenfold.trace/1",
            "ok": self.ok,
            "subject": self.subject,
            "unproved": list(self.unproved),
            "judgement": None if self.judgement is None else self._line(self.judgement),
            "promises": [
                {
                    "kind": link.kind,
                    "id": link.id,
                    "that": link.text,
                    "level": link.level,
                    "line": link.line,
                    "standing": link.standing,
                    "rests_on": list(link.rests_on),
                    "serves": list(link.serves),
                    "kinds": dict(link.kinds),
                    "evidence": [self._line(each) for each in link.evidence],
                }
                for link in self.links
            ],
            "orphans": [self._line(each) for each in self.orphans],
        }

    def _line(self, each: Evidence) -> Document:
        return {
            "evidence": each.id,
            "ref": self.refs.get(each.subject),
            "subject": each.subject,
            "run": each.run,
            "at": each.at.isoformat(),
            "inputs": dict(each.inputs),
            **verdict_line(each.verdict),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What another bound would mean for one version: its standing now and then, by its newest judgements."""

    ref: str
    live: bool
    now: str
    then: str
    verdicts: tuple[Verdict, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactReport:
    """Which versions would fail; the document is ``tenfold.impact/1``."""

    requirement: str
    before: str
    asked: str
    effects: tuple[Effect, ...]

    @property
    def failing(self) -> tuple[str, ...]:
        """Versions, live or registered, that would fail."""
        return tuple(effect.ref for effect in self.effects if effect.then == "fail")

    @property
    def ok(self) -> bool:
        """Whether what is live would not fail."""
        return not any(effect.live and effect.then == "fail" for effect in self.effects)

    def document(self) -> Document:
        """Return the impact as JSON-ready values."""
        return {
            "schema": "tenfold.impact/1",
            "ok": self.ok,
            "requirement": self.requirement,
            "before": self.before,
            "asked": self.asked,
            "failing": list(self.failing),
            "versions": [
                {
                    "ref": effect.ref,
                    "live": effect.live,
                    "now": effect.now,
                    "then": effect.then,
                    "evidence": list(effect.evidence),
                    "judgements": [verdict_line(verdict) for verdict in effect.verdicts],
                }
                for effect in self.effects
            ],
        }
