"""What was live when: the catalog against a calendar on paper, over promotions, rollbacks and trials in any order."""

from __future__ import annotations

import shutil
import tempfile
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tenfold.foundation.clock import ManualClock
from tenfold.records.release import Traffic
from tenfold.store.open import open_store
from tenfold.store.rows import Release, ReleaseOrder

_BEGIN = datetime(2013, 1, 1, tzinfo=UTC)
_VERSIONS = 4
_HOURS = st.integers(min_value=0, max_value=400)


Entry = tuple[int, float | None]
"""The version that is live, and the share of the one that is tried beside it."""


def entry_of(found: Release | None) -> Entry | None:
    if found is None:
        return None
    return found.number, None if found.traffic is None else found.traffic.share


class Calendar:
    """Days on paper: from each moment on, a version; who writes an entry crosses out all that comes after it."""

    def __init__(self, days: list[tuple[datetime, Entry]] | None = None):
        self.days = list(days or [])

    def written(self, at: datetime, entry: Entry) -> Calendar:
        kept = [day for day in self.days if day[0] < at]
        return Calendar([*kept, (at, entry)])

    def live(self, at: datetime) -> Entry | None:
        place = bisect_right([day for day, _ in self.days], at)
        return None if place == 0 else self.days[place - 1][1]


class Releases(RuleBasedStateMachine):
    """Releases in any order of the project's clock, replays that go back included."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tenfold-releases-"))
        self.clock = ManualClock(at=_BEGIN)
        self.store = open_store(self.folder / "store", clock=self.clock)
        self.pages = [Calendar()]
        self.written: list[Release] = []

    @initialize()
    def register(self) -> None:
        blob = self.store.blobs.put(b"bundle")
        for number in range(1, _VERSIONS + 1):
            facts = {"threshold": number / 10}
            self.store.registry.register("late", bundle=f"b{number}", blob=blob, run="r", facts=facts)

    @rule(hours=_HOURS, number=st.integers(min_value=1, max_value=_VERSIONS), back=st.booleans())
    def release(self, hours: int, number: int, back: bool) -> None:
        self.clock.at = _BEGIN + timedelta(hours=hours)
        order = ReleaseOrder(
            endpoint="late",
            after=len(self.written),
            action="rollback" if back else "promote",
            name="late",
            number=number,
            previous=self.written[-1].number if self.written else None,
            reason=f"{hours}",
            by="ann",
            replay=True,
        )
        self.written.append(self.store.releases.append(order))
        self.pages.append(self.pages[-1].written(self.clock.at, (number, None)))

    @precondition(lambda self: self.written)
    @rule(hours=_HOURS, share=st.sampled_from([None, 0.1, 0.5]))
    def divide(self, hours: int, share: float | None) -> None:
        """Try the next version on a share, or end the trial: the champion stays."""
        self.clock.at = _BEGIN + timedelta(hours=hours)
        newest = self.written[-1]
        other = newest.number % _VERSIONS + 1
        order = ReleaseOrder(
            endpoint="late",
            after=len(self.written),
            action="traffic",
            name="late",
            number=newest.number,
            previous=newest.previous,
            reason="",
            by="ann",
            replay=True,
            traffic=None
            if share is None
            else Traffic(
                strategy="canary", number=other, bundle=f"b{other}", share=share, salt="s", since=self.clock.at
            ),
        )
        self.written.append(self.store.releases.append(order))
        self.pages.append(self.pages[-1].written(self.clock.at, (newest.number, share)))

    @rule(hours=_HOURS)
    def ask(self, hours: int) -> None:
        at = _BEGIN + timedelta(hours=hours)
        found = self.store.releases.live("late", at=at)
        assert entry_of(found) == self.pages[-1].live(at)
        if found is not None:
            assert found.threshold == found.number / 10

    @rule(hours=_HOURS, known=st.integers(min_value=0, max_value=30))
    def ask_what_was_believed(self, hours: int, known: int) -> None:
        """As known after some of the releases were recorded, and none of the later ones."""
        count = min(known, len(self.written))
        at = _BEGIN + timedelta(hours=hours)
        moment = _BEGIN if count == 0 else self.written[count - 1].recorded
        found = self.store.releases.live("late", at=at, known=moment)
        assert entry_of(found) == self.pages[count].live(at)

    @invariant()
    def the_champion_is_what_was_released_last(self) -> None:
        champion = self.store.aliases.current("late").get("champion")
        assert champion == (self.written[-1].number if self.written else None)

    @invariant()
    def history_holds_every_release(self) -> None:
        assert list(self.store.releases.history("late")) == self.written

    def teardown(self) -> None:
        assert self.store.verify().ok
        self.store.close()
        shutil.rmtree(self.folder)


TestReleases = Releases.TestCase
TestReleases.settings = settings(max_examples=15, stateful_step_count=25, deadline=None, derandomize=True)
