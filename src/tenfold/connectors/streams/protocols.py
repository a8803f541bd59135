"""What a stream must be able to do to be a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message: its id at the server, when the server took it (UTC), and its values as text."""

    id: str
    time: datetime
    values: Mapping[str, str]


class Stream(Protocol):
    """A stream of messages that a server keeps in order."""

    def last(self) -> str | None:
        """Return the id of the newest message; None when there is none."""
        ...

    def read(self, *, since: str | None, until: str) -> Iterator[Sequence[Entry]]:
        """Yield the messages between two ids or times (ISO 8601), both included, oldest first, in portions."""
        ...

    def close(self) -> None:
        """Let go of the server."""
        ...
