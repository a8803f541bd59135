"""Our own list of what a skops file may be made of: a file's wishes change nothing about it."""

from __future__ import annotations

TRUSTED: tuple[str, ...] = ()
