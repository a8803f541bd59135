"""One file lock across processes and threads; the kernel takes it back when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenfold.foundation.clock import Deadline
from tenfold.foundation.errors import StoreError

_FIRST_WAIT_SECONDS = 0.0005
_LONGEST_WAIT_SECONDS = 0.02


def try_lock(path: Path) -> int | None:
    """Return the descriptor that holds the lock, or None when somebody else does.

    Each call opens the file anew, so that threads of one process exclude each other as processes do.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    try:
        os.pwrite(descriptor, f"{os.getpid():<12}".encode(), 0)
    except OSError:
        # A full disk: who goes on all the same must find the lock free.
        os.close(descriptor)
        raise
    return descriptor


def release(descriptor: int) -> None:
    """Give the lock back."""
    os.close(descriptor)


def holder(path: Path) -> str:
    """Return the number of the process that took the lock last."""
    return path.read_text(encoding="ascii").strip() or "unknown"


@contextmanager
def locked(path: Path, *, wait_seconds: float) -> Iterator[None]:
    """Hold the lock at ``path``; StoreError naming the holder when it stays taken for ``wait_seconds``."""
    deadline = Deadline.after(wait_seconds)
    pause = _FIRST_WAIT_SECONDS
    while (descriptor := try_lock(path)) is None:
        if deadline.expired:
            raise StoreError(
                f"process {holder(path)} has been writing to the store at {path.parent} for {wait_seconds:.0f} s; "
                "wait for it to end, or stop it, and try again"
            )
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_WAIT_SECONDS)
    try:
        yield
    finally:
        release(descriptor)
