"""The whole life of one model on real flights: trained, served, watched and renewed from April to December 2013.

Nothing is scripted. Time is the project's clock, set week by week; the flights of a week go to the running gateway over
HTTP, their outcomes arrive a day later, and one pass of ``tenfold tick`` does the rest. Had nothing drifted, nothing
would be reported.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tenfold.automation.tick import tick
from tenfold.bundle.format import load_bundle
from tenfold.demo.caller import Caller, Counted
from tenfold.demo.flights import TIME, Flights, lay_out
from tenfold.demo.told import Month, months_told
from tenfold.foundation.clock import Clock, ManualClock, SystemClock
from tenfold.foundation.errors import CheckFailed
from tenfold.foundation.events import Event
from tenfold.foundation.serial import plain
from tenfold.gateway.server import Gateway, ServeOptions
from tenfold.project.document import Document
from tenfold.project.labels import label_file
from tenfold.project.open import Project, open_project
from tenfold.project.watch import WatchReport
from tenfold.records.evaluation import Estimate

BEGINNING = datetime(2013, 4, 1, 6, tzinfo=UTC)
END = datetime(2013, 12, 30, tzinfo=UTC)
"""The last week that is whole."""
PASS_AT = timedelta(days=1, hours=6)
"""After the end of a week (Monday, 0:00 UTC): its flights' outcomes are known, and it is six in the morning."""
WEEK = timedelta(days=7)
MEANWHILE = timedelta(hours=18)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """What came of the demo; the document is ``tenfold.demo/1``."""

    folder: Path
    endpoint: str
    months: tuple[Month, ...]
    counted: Counted
    promotions: int
    seconds: float
    requirements: tuple[Document, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every request was answered."""
        return not self.counted.failed

    def document(self) -> Document:
        """Return the demo as JSON-ready values."""
        return {
            "schema": "tenfold.demo/1",
            "folder": str(self.folder),
            "endpoint": self.endpoint,
            "months": [month.document() for month in self.months],
            "requirements": list(self.requirements),
            "requests": {
                "sent": self.counted.sent,
                "failed": self.counted.failed,
                "rows": self.counted.rows,
                "sent_during_passes": self.counted.sent_meanwhile,
                "failed_during_passes": self.counted.failed_meanwhile,
                "failures": self.counted.failures[:5],
                "rows_by_version": dict(self.counted.versions),
            },
            "promotions": self.promotions,
            "seconds": self.seconds,
        }


@dataclass(slots=True, kw_only=True)
class Replay:
    """The months from April to December.

    Attributes
    ----------
    folder : Path
        Made anew: what was in it is gone.
    say : callable
        Told of each step in one sentence.
    """

    folder: Path
    say: Say
    until: datetime = END
    clock: ManualClock = field(default_factory=lambda: ManualClock(BEGINNING))
    system: Clock = field(default_factory=SystemClock)
    promotions: int = 0

    def run(self) -> DemoReport:
        """Live through the year.

        Raises
        ------
        TenfoldError
            When no model comes of January to March, or the gateway does not start.
        """
        began = self.system.monotonic()
        shutil.rmtree(self.folder, ignore_errors=True)
        world = lay_out(self.folder)
        known = world.learn(None, self.clock.at)
        self.say(f"{world.seen.height:,} flights left New York in 2013; on 1 April the outcome of {known:,} is known")
        project = open_project(self.folder, environ={}, clock=self.clock)
        with project.store:
            columns = self._train(project)
            gateway = Gateway(options=ServeOptions(folder=project.store.folder, port=0, replay=True), said=self.say)
            served = gateway.start()
            try:
                url = str(served["endpoints"][0]["url"])
                self.say(f"serving {url}")
                caller = Caller(url, columns)
                self._live(world, project, caller, gateway)
            finally:
                gateway.stop()
            return DemoReport(
                folder=self.folder,
                endpoint=project.spec.endpoint,
                months=months_told(project, BEGINNING, self.until),
                counted=caller.counted,
                promotions=self.promotions,
                seconds=self.system.monotonic() - began,
                requirements=_requirements(project),
            )

    def _train(self, project: Project) -> tuple[str, ...]:
        """Train and promote the first model; return the columns that it reads."""
        self.say("training the first model on January to March")
        report = project.run()
        if report.version is None:
            raise CheckFailed(f"no model came of January to March: {report.outcome.stopped or report.status}")
        auc = report.outcome.results["evaluation"].record.metrics["test"]["roc_auc"]
        self.say(
            f"{report.version.ref} ranks flights of late March, which it never saw, with an AUC of {interval(auc)}"
        )
        promotion = report.promotion or {}
        if not promotion.get("live"):
            raise CheckFailed(f"{report.version.ref} did not go live: {promotion.get('reason', 'nothing promoted it')}")
        self.say(f"{report.version.ref} is live: {promotion['reason']}")
        return load_bundle(project.store.blobs.path(report.version.blob)).signature.names

    def _live(self, world: Flights, project: Project, caller: Caller, gateway: Gateway) -> None:
        """Send the flights week by week; after each week, when its outcomes are known, do one pass."""
        answered, labelled = self.clock.at, self.clock.at
        flights = world.departing(answered, self.until)
        week_ends = _monday_after(answered)
        while week_ends <= self.until:
            gateway.check()
            now = week_ends + PASS_AT
            sent = flights.filter(flights[TIME] < now).height
            caller.send(flights.head(sent))
            flights = flights.slice(sent)
            self.clock.at = now
            world.learn(labelled, now)
            self._label(world, project, labelled, now)
            labelled = now
            # Production goes on while a pass is at work.
            with caller.sending(flights.filter(flights[TIME] < now + MEANWHILE)) as stream:
                report = tick(project, events=self, seen=self._seen, tell=self._tell)
                for ref in report.renewed.promoted:
                    self.promotions += 1
                    waited = stream.wait_for(ref, self.system)
                    if waited is not None:
                        self.say(f"           {ref} answers {waited:.1f} s later")
            flights = flights.slice(stream.rows)
            week_ends += WEEK

    def _label(self, world: Flights, project: Project, since: datetime, until: datetime) -> None:
        outcomes = world.outcomes(max(since, BEGINNING + timedelta(days=1)), until)
        if outcomes.height:
            path = self.folder / "outcomes.csv"
            outcomes.write_csv(path)
            label_file(str(path), project.store, outcome="outcome")

    def emit(self, event: Event) -> None:
        """Tell what renewal does, while it does it."""
        if event.stage == "retraining" and event.facts.get("step") != "none":
            self.say(f"           {event.message}")

    def _seen(self, watched: WatchReport) -> None:
        for look in watched.looks:
            health = look.health
            auc = health.metrics.get("roc_auc")
            if health.window.status != "judged" or auc is None or auc.value is None:
                continue
            end = (health.window.end - timedelta(days=1)).strftime("%d %b")
            worth = f"AUC {auc.value:.3f}" + (f" ({auc.low:.3f}–{auc.high:.3f})" if auc.low and auc.high else "")
            failed = [each.requirement for each in health.verdicts if each.verdict == "fail"]
            fails = f"  fails: {', '.join(failed)}" if failed else ""
            self.say(f"to {end}  {health.window.rows:5,d} flights  {health.window.ref}  {worth}{fails}")

    def _tell(self, alert: str) -> None:
        self.say(f"           {alert}")


def _requirements(project: Project) -> tuple[Document, ...]:
    """Return the newest verdict on each requirement, slice and place of the version that is live, with its evidence."""
    champion = project.store.registry.find(f"{project.spec.name}@champion")
    newest: dict[tuple[str, str, str], Document] = {}
    for evidence in project.store.evidence.of(subject=champion.bundle):
        verdict = evidence.verdict
        line = {"evidence": evidence.id, "model": champion.ref, **plain(verdict)}
        newest[verdict.requirement, verdict.slice, verdict.place] = line
    return tuple(newest.values())


def interval(found: Estimate) -> str:
    """Return a value with its interval."""
    if found.value is None:
        return found.reason
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})"


def _monday_after(moment: datetime) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=7 - midnight.weekday())
