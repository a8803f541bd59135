"""What a store must offer to those who watch production, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from tenfold.records.health import Health, Incident, IncidentChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far an endpoint's prediction log was taken into windows.

    ``sequence`` counts readings from 1; ``position`` holds, for each segment, the byte at which the next record begins;
    ``labels`` is the newest batch of labels that every window has taken in.
    """

    endpoint: str
    sequence: int
    labels: int = 0
    position: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of one window that came with one reading; ``blob`` is a Parquet file of them."""

    endpoint: str
    bundle: str
    ref: str
    start: datetime
    end: datetime
    rows: int
    blob: str
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptWindow:
    """One look at a window.

    Attributes
    ----------
    parts, labels : int
        The newest part and the newest batch of labels that it rests on.
    memory : str or None
        Blob with what the next window of this version goes on from.
    """

    number: int
    health: Health
    parts: int
    labels: int
    memory: str | None
    at: datetime
    recorded: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptChange:
    """One change of an incident, as it was written."""

    number: int
    change: IncidentChange
    at: datetime
    recorded: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to tell somebody of a change; ``channel`` is the place as the file says it, never a secret."""

    change: int
    channel: str
    status: Literal["delivered", "failed"]
    reason: str = ""
    at: datetime | None = None
    recorded: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelBatch:
    """Outcomes that arrived together; ``blob`` is a Parquet file with ``id`` and ``outcome``."""

    number: int
    rows: int
    source: str
    blob: str
    at: datetime
    recorded: datetime


class Windows(Protocol):
    """Windows in the making."""

    def keep_rows(self, reading: Reading, parts: Sequence[Part]) -> None:
        """Keep what a reading of the log brought, with how far it came: all or nothing.

        StoreError when somebody else has kept a reading of this number.
        """
        ...

    def keep_look(
        self,
        health: Health,
        *,
        parts: int,
        labels: int,
        memory: str | None,
        changes: Sequence[IncidentChange],
    ) -> KeptWindow:
        """Keep a look at a window with what it did to incidents: all or nothing; ``memory`` is the name of a blob."""
        ...

    def keep_reference(self, bundle: str, window_seconds: float, content: bytes) -> None:
        """Keep what windows of a version are held against; what is kept already stays."""
        ...


class WindowHistory(Protocol):
    """Windows, looked at."""

    def reading(self, endpoint: str) -> Reading:
        """Return how far the log was read; sequence 0 for not at all."""
        ...

    def parts(self, endpoint: str) -> tuple[Part, ...]:
        """Return all parts of an endpoint's windows, in the order in which they came."""
        ...

    def looks(self, endpoint: str | None = None) -> tuple[KeptWindow, ...]:
        """Return the newest look at each window, by endpoint and beginning."""
        ...

    def reference(self, bundle: str, window_seconds: float) -> bytes | None:
        """Return what windows of a version are held against, where it was kept."""
        ...


class Incidents(Protocol):
    """Problems of production."""

    def current(self, endpoint: str | None = None) -> tuple[Incident, ...]:
        """Return every incident as it is now, oldest first."""
        ...

    def changes(self, endpoint: str | None = None) -> tuple[KeptChange, ...]:
        """Return every change of incidents, oldest first."""
        ...


class Deliveries(Protocol):
    """Who was told of what."""

    def record(self, delivery: Delivery) -> None:
        """Keep one attempt."""
        ...

    def of(self, change: int | None = None) -> tuple[Delivery, ...]:
        """Return the attempts, oldest first."""
        ...


class Labels(Protocol):
    """Outcomes that arrived."""

    def append(self, blob: str, *, rows: int, source: str) -> LabelBatch:
        """Keep a batch whose blob was put before."""
        ...

    def batches(self, after: int = 0) -> tuple[LabelBatch, ...]:
        """Return the batches with a number above ``after``, oldest first."""
        ...
