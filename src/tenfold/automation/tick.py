"""One reconciling pass over what is live.

It is published, windows that are due are judged, what a schedule asks for is scored, the model is renewed where needed.

A pass that finds nothing new changes nothing. One that dies leaves the next one to go on: every step is written down
under its own name before the step that rests on it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tenfold.automation.alerts import Alerts, deliver
from tenfold.automation.batches import BatchPass, score_due
from tenfold.automation.schedule import newest_slot
from tenfold.foundation.errors import InputError, StoreError
from tenfold.foundation.events import Events, Silent
from tenfold.foundation.serial import plain
from tenfold.project.document import Document
from tenfold.project.open import Project
from tenfold.project.production import Production
from tenfold.project.renew import Renewal, RenewReport
from tenfold.project.traffic import follow_trial, is_tried
from tenfold.project.watch import WatchReport, watch
from tenfold.records.release import TrafficLook
from tenfold.store.files.lock import release, try_lock

_LOCK = "tick.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """What one pass did; the document is ``tenfold.tick/1``.

    ``busy``: another pass is at work, so this one did nothing. ``traffic``: the look at the version that is tried, with
    what followed; None where none is. While one is tried, none is trained. ``batch``: what was scored on a schedule;
    None where the file has none.
    """

    endpoint: str
    busy: bool = False
    watched: WatchReport | None = None
    alerts: Alerts = field(default_factory=Alerts)
    renewed: RenewReport = field(default_factory=lambda: RenewReport(endpoint=""))
    traffic: TrafficLook | None = None
    batch: BatchPass | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing stopped the batch."""
        return self.batch is None or not self.batch.problem

    def document(self) -> Document:
        """Return the pass as JSON-ready values."""
        renewed = self.renewed.document()
        return {
            "schema": "tenfold.tick/1",
            "endpoint": self.endpoint,
            "busy": self.busy,
            "windows": None if self.watched is None else {**self.watched.document(), "alerts": self.alerts.document()},
            "traffic": None if self.traffic is None else plain(self.traffic),
            "batch": None if self.batch is None else self.batch.document(),
            "decisions": renewed["decisions"],
            "promoted": [*renewed["promoted"], *self._won()],
        }

    def _won(self) -> list[str]:
        return [self.traffic.candidate] if self.traffic is not None and self.traffic.action == "promote" else []


def tick(
    project: Project,
    *,
    events: Events | None = None,
    workers: str = "processes",
    seen: Callable[[WatchReport], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> TickReport:
    """Do one pass over a project: for cron, or on a timer.

    Parameters
    ----------
    seen : callable, optional
        Told of the windows that were looked at, before anything is trained.
    tell : callable, optional
        Prints alerts for a person; they go to the places that the file names as well.
    workers : {'processes', 'inline'}
        Where a challenger's fits are calculated.

    Raises
    ------
    TenfoldError
        When the project's store or its data cannot be read.
    """
    endpoint = project.spec.endpoint
    if project.store.watched.reading(endpoint).sequence == 0 and "champion" not in _aliases(project):
        return TickReport(endpoint=endpoint)
    with one_at_a_time(project) as mine:
        if not mine:
            return TickReport(endpoint=endpoint, busy=True)
        production = Production(project=project, clock=project.clock)
        production.publish()
        watched = watch(project.spec, project.store, clock=project.clock)
        if seen is not None:
            seen(watched)
        alerts = deliver(project.store, project.spec.alert_locations, tell=tell)
        scored = score_due(project)
        look = follow_trial(project)
        if is_tried(project):
            return TickReport(endpoint=endpoint, watched=watched, alerts=alerts, traffic=look, batch=scored)
        renewed = renewal_of(project, events=events, workers=workers).run()
    return TickReport(endpoint=endpoint, watched=watched, alerts=alerts, renewed=renewed, traffic=look, batch=scored)


def retrain(
    project: Project, *, dry: bool = False, events: Events | None = None, workers: str = "processes"
) -> RenewReport:
    """Train a challenger because a person asks, and hold it against the champion.

    Parameters
    ----------
    dry : bool
        Only say what a pass would begin now.

    Raises
    ------
    InputError
        When there is no champion, or a version is tried now.
    StoreError
        When another pass is at work.
    """
    renewal = renewal_of(project, events=events, workers=workers)
    if dry:
        return renewal.would()
    renewal.need_champion()
    if is_tried(project):
        raise InputError(
            f"a version is tried on '{project.spec.endpoint}' now; train another when that has ended:"
            f" tenfold traffic {project.spec.endpoint}"
        )
    with one_at_a_time(project) as mine:
        if not mine:
            raise StoreError("another pass of `tenfold tick` or `tenfold retrain` is at work; try again when it ended")
        return renewal.run(asked=True)


def renewal_of(project: Project, *, events: Events | None = None, workers: str = "processes") -> Renewal:
    """Return the renewal of a project's model, with the moment of its schedule that has come."""
    production = Production(project=project, clock=project.clock)
    cron, live = project.spec.retraining.schedule, production.live_since()
    slot = None if cron is None or live is None else newest_slot(cron, since=live[1], now=project.clock.now())
    return Renewal(
        spec=project.spec,
        text=project.text,
        store=project.store,
        clock=project.clock,
        watched=production,
        promoter=production,
        slot=slot,
        workers=workers,
        events=events or Silent(),
    )


@contextmanager
def one_at_a_time(project: Project) -> Iterator[bool]:
    """Yield whether this process may work on the project's renewal; the kernel frees it when the process dies."""
    lock = try_lock(project.store.folder / _LOCK)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            release(lock)


def _aliases(project: Project) -> tuple[str, ...]:
    return tuple(project.store.aliases.current(project.spec.name))
