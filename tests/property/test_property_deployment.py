"""Promotions, rollbacks and time in any order: what is live, and what was, against a list kept beside it."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.deployment.deployment_scene import opened, packed_model, registered

from tenfold.foundation.clock import ManualClock
from tenfold.store import endpoints

_BEGIN = datetime(2013, 1, 1, tzinfo=UTC)
_VERSIONS = 4
_NUMBERS = st.integers(min_value=1, max_value=_VERSIONS)


class Deployment(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tenfold-deployment-"))
        self.clock = ManualClock(at=_BEGIN)
        self.project = opened(self.folder / "p", clock=self.clock)
        self.stack: list[int] = []
        self.diary: list[tuple[datetime, int]] = []

    @initialize()
    def register(self) -> None:
        for number in range(1, _VERSIONS + 1):
            registered(self.project, number)

    @rule(minutes=st.integers(min_value=1, max_value=5_000))
    def wait(self, minutes: int) -> None:
        self.clock.at += timedelta(minutes=minutes)

    @rule(number=_NUMBERS)
    def promote(self, number: int) -> None:
        live = bool(self.stack) and self.stack[-1] == number
        report = self.project.promote(f"late@{number}", reason="because")
        assert report.changed == (not live)
        if not live:
            self.stack.append(number)
            self.diary.append((self.clock.at, number))

    @precondition(lambda self: len(self.stack) > 1 and self.stack[-1] != self.stack[-2])
    @rule()
    def roll_back(self) -> None:
        self.project.rollback("late", reason="worse")
        self.stack.pop()
        self.diary.append((self.clock.at, self.stack[-1]))

    @precondition(lambda self: self.diary)
    @rule(minutes=st.integers(min_value=0, max_value=100_000))
    def ask(self, minutes: int) -> None:
        at = _BEGIN + timedelta(minutes=minutes)
        live = [number for moment, number in self.diary if moment <= at]
        release = self.project.live_at("late", at).release
        assert (None if release is None else release.number) == (live[-1] if live else None)

    @invariant()
    def what_is_published_is_what_is_live(self) -> None:
        manifest = endpoints.read(self.project.store.folder, "gate")
        if not self.stack:
            assert manifest is None
            return
        assert manifest is not None
        (route,) = manifest.routes
        number = self.stack[-1]
        packed = packed_model(number)
        assert (route.ref, route.bundle, route.threshold) == (f"late@{number}", packed.name, number / 100)
        assert (self.project.store.folder / route.path).read_bytes() == packed.zipped()
        assert manifest.revision == len(self.diary)
        aliases = self.project.store.aliases.current("late")
        assert aliases.get("champion") == number
        assert aliases.get("previous") == (self.stack[-2] if len(self.stack) > 1 else None)

    def teardown(self) -> None:
        assert self.project.store.verify().ok
        self.project.store.close()
        shutil.rmtree(self.folder)


TestDeployment = Deployment.TestCase
TestDeployment.settings = settings(max_examples=12, stateful_step_count=20, deadline=None, derandomize=True)
