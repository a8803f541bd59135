"""Telling people of incidents: on the console, and at any URL that apprise knows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenfold.project.document import Document
from tenfold.records.health import IncidentChange
from tenfold.spec.faults import Fault, raise_faults
from tenfold.spec.schema import Spec
from tenfold.spec.secret import Location
from tenfold.store.monitoring import Delivery, KeptChange
from tenfold.store.open import Store

CONSOLE = "console"
MOST_ATTEMPTS = 3
_TOLD = frozenset({"opened", "closed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """What one pass of alerting did."""

    delivered: int = 0
    failed: int = 0

    def document(self) -> Document:
        """Return the counts as JSON-ready values."""
        return {"delivered": self.delivered, "failed": self.failed}


def deliver(store: Store, places: Sequence[Location], *, tell: Callable[[str], None] | None = None) -> Alerts:
    """Tell every place of the incidents that were opened or closed, where it was not told yet.

    An incident's updates are not told: one problem, one alert, and one when it is over. A delivery that fails is
    written down and tried again at the next passes, three times in all; it never stops the pass. One that was sent by a
    pass that died before writing it down is sent again.

    Parameters
    ----------
    tell : callable, optional
        Prints a line for a person; None for no console.
    """
    told = store.deliveries.of()
    finished = {(each.change, each.channel) for each in told if each.status == "delivered"}
    tries = [(each.change, each.channel) for each in told]
    channels: list[tuple[str, Callable[[IncidentChange], str]]] = []
    if tell is not None:
        channels.append((CONSOLE, _printing(tell)))
    channels += [(place.shown, _sending(place)) for place in places]
    delivered = failed = 0
    for kept in store.incidents.changes():
        for channel, send in channels:
            key = (kept.number, channel)
            if kept.change.change not in _TOLD or key in finished or tries.count(key) >= MOST_ATTEMPTS:
                continue
            reason = send(kept.change)
            store.deliveries.record(_delivery(kept, channel, reason))
            delivered, failed = delivered + (not reason), failed + bool(reason)
    return Alerts(delivered=delivered, failed=failed)


def need_known(spec: Spec) -> None:
    """Refuse places of the file that no alert could reach.

    Raises
    ------
    SpecError
        When a URL is of a kind that apprise does not know; its address is not told.
    """
    faults = []
    for number, place in enumerate(spec.alert_locations):
        if not _known(place):
            scheme = place.secret.reveal().partition("://")[0]
            told = (
                f"monitoring.alerts[{number + 1}] begins with '{scheme}://', which is no place that apprise can reach;"
            )
            told = f"{told} write a URL such as mailto://… or slack://…, complete as apprise has it"
            faults.append(Fault(message=told, line=spec.line_of("monitoring", "alerts", number)))
    raise_faults(faults, path=spec.path)


def _known(place: Location) -> bool:
    with warnings.catch_warnings():
        # As where alerts are sent.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        return bool(apprise.Apprise().add(place.secret.reveal()))


def title_of(change: IncidentChange) -> str:
    """Return the headline of an alert; what is over is told without its severity."""
    incident = change.incident
    if change.change == "closed":
        return f"[closed] {incident.endpoint}: {incident.kind} incident {incident.id}"
    return f"[{incident.severity}] {incident.endpoint}: {incident.kind} incident {incident.id} {change.change}"


def text_of(change: IncidentChange) -> str:
    """Return the text of an alert: what is wrong, since when, what to type."""
    incident = change.incident
    lines = [incident.title, f"since {incident.opened:%Y-%m-%d %H:%M} UTC"]
    if incident.closed is not None:
        lines.append(f"over since {incident.closed:%Y-%m-%d %H:%M} UTC, seen in {incident.windows} windows")
    return "\n".join([*lines, "tenfold monitor show"])


def _delivery(kept: KeptChange, channel: str, reason: str) -> Delivery:
    return Delivery(change=kept.number, channel=channel, status="failed" if reason else "delivered", reason=reason)


def _printing(tell: Callable[[str], None]) -> Callable[[IncidentChange], str]:
    def send(change: IncidentChange) -> str:
        tell(f"{title_of(change)}: {change.incident.title}")
        return ""

    return send


def _sending(place: Location) -> Callable[[IncidentChange], str]:
    """Return how an alert goes to a place; the call returns why it did not arrive, without the address."""

    def send(change: IncidentChange) -> str:
        with warnings.catch_warnings():
            # Its plugins are loaded at the first URL, and some of them use what the standard library gives up.
            warnings.simplefilter("ignore", DeprecationWarning)
            import apprise

            service = apprise.Apprise()
            if not service.add(place.secret.reveal()):
                return "apprise does not know this kind of URL"
            kind = apprise.NotifyType.SUCCESS if change.change == "closed" else apprise.NotifyType.WARNING
            if change.incident.severity == "critical" and change.change == "opened":
                kind = apprise.NotifyType.FAILURE
            arrived = service.notify(title=title_of(change), body=text_of(change), notify_type=kind)
        return "" if arrived else "it could not be delivered: the place refused it or was not reached"

    return send
