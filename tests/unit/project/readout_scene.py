"""A project with a trial whose rows stand in a real prediction log: two versions of a classifier, and outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tests.unit.deployment.deployment_scene import opened, registered

from tenfold.foundation.fingerprint import fingerprint
from tenfold.foundation.serial import to_json
from tenfold.project.labels import label_rows
from tenfold.project.open import Project
from tenfold.project.readout import read
from tenfold.records.experiment import Readout
from tenfold.records.problem import MetricChoice, Problem
from tenfold.records.release import Strategy, Traffic
from tenfold.store.endpoints import shadow_of
from tenfold.store.predictions.log import Answered, Origin, PredictionLog
from tenfold.store.rows import KeptResult, ReleaseOrder

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PROBLEM = Problem(
    name="late",
    task="binary",
    target="y",
    positive="yes",
    classes=("no", "yes"),
    metric=MetricChoice(metric="accuracy", reason=""),
    labels_after_seconds=DAY.total_seconds(),
    slices={"large": "x >= 0.5"},
)
CHAMPION, CANDIDATE = 1, 2


@dataclass
class MovingClock:
    """A clock that a test moves."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Scene:
    """Rows are written as the gateway writes them; ``outcomes`` holds what will become known of them."""

    project: Project
    clock: MovingClock
    rng: np.random.Generator
    salt: str = "a trial"
    outcomes: dict[str, str] = field(default_factory=dict)
    written: int = 0

    @classmethod
    def begun(
        cls,
        folder: Path,
        *,
        strategy: Strategy = "ab",
        share: float = 0.5,
        requirements: str = "[]",
        problem: Problem = PROBLEM,
        seed: int = 7,
        most: int = 0,
    ) -> Scene:
        clock = MovingClock()
        project = opened(folder, requirements=requirements, clock=clock)
        record = project.store.blobs.put(to_json(problem))
        project.store.results.save(KeptResult(fingerprint=fingerprint("p"), stage="problem", record=record, files={}))
        scene = cls(project=project, clock=clock, rng=np.random.default_rng(seed))
        for number in (CHAMPION, CANDIDATE):
            registered(project, number)
        scene.release("promote", None)
        version = project.store.registry.find("late@2")
        scene.release(
            "traffic",
            Traffic(
                strategy=strategy, number=2, bundle=version.bundle, share=share, salt=scene.salt, since=NOON, most=most
            ),
        )
        return scene

    def release(self, action: Any, traffic: Traffic | None, number: int = CHAMPION) -> None:
        history = self.project.store.releases.history()
        order = ReleaseOrder(
            endpoint="gate",
            after=history[-1].revision if history else 0,
            action=action,
            name="late",
            number=number,
            previous=None,
            reason="a trial",
            by="test",
            replay=True,
            at=self.clock.now(),
            traffic=traffic,
        )
        self.project.store.releases.append(order)

    def share(self, share: float) -> None:
        """Let the candidate's share change."""
        traffic = self.project.store.releases.history()[-1].traffic
        assert traffic is not None
        self.release("traffic", replace(traffic, share=share))

    def answer(
        self,
        number: int,
        right: Sequence[bool],
        *,
        x: Sequence[float] | None = None,
        ids: Sequence[str] | None = None,
        units: Sequence[str] | None = None,
        shadow: bool = False,
    ) -> list[str]:
        """Let a version answer rows, being right or wrong; what comes of them is remembered for later."""
        n = len(right)
        ids = [f"id{self.written + place:06d}" for place in range(n)] if ids is None else list(ids)
        self.written += n
        version = self.project.store.registry.find(f"late@{number}")
        decided = ["yes" if each else "no" for each in self.rng.random(n) < 0.5]
        if not shadow:
            said = zip(ids, decided, right, strict=True)
            self.outcomes |= {name: word if sure else _other(word) for name, word, sure in said}
        else:
            decided = [
                self.outcomes[name] if sure else _other(self.outcomes[name])
                for name, sure in zip(ids, right, strict=True)
            ]
        origin = Origin(
            endpoint=shadow_of("gate") if shadow else "gate",
            ref=version.ref,
            bundle=version.bundle,
            kinds={"x": "numeric"},
            outputs=("proba_no", "proba_yes"),
        )
        log = PredictionLog(self.project.store.folder, clock=self.clock, worker=self.written)
        log.append(
            origin,
            Answered(
                at=self.clock.now(),
                recorded=self.clock.now(),
                replay=True,
                ids=ids,
                columns={"x": self.rng.random(n).tolist() if x is None else list(x)},
                scores=[[0.2, 0.8] if word == "yes" else [0.8, 0.2] for word in decided],
                decisions=decided,
                assigned=units,
            ),
        )
        log.close()
        self.clock.advance(1.0)
        return ids

    def traffic(self, n: int, *, candidate: float, champion: float, share: float = 0.5) -> None:
        """Let requests come: each goes to the candidate by chance, and each arm is right so often."""
        to_candidate = self.rng.random(n) < share
        right = np.where(to_candidate, self.rng.random(n) < candidate, self.rng.random(n) < champion)
        self.answer(CANDIDATE, [True])
        for part in np.array_split(np.arange(n), max(n // 200, 1)):
            for number, own in ((CANDIDATE, to_candidate[part]), (CHAMPION, ~to_candidate[part])):
                if own.any():
                    self.answer(number, [bool(each) for each in right[part][own]])

    def tell(self, ids: Sequence[str] | None = None) -> None:
        """Let outcomes arrive."""
        wanted = list(self.outcomes if ids is None else ids)
        table = pl.DataFrame({"id": wanted, "outcome": [self.outcomes[name] for name in wanted]})
        label_rows(table, self.project.store, source="test")

    def later(self, by: timedelta = 2 * DAY) -> None:
        self.clock.advance(by.total_seconds())

    def read(self, **given: Any) -> Readout:
        return read(self.project, **given)


def _other(word: str) -> str:
    return "no" if word == "yes" else "yes"
