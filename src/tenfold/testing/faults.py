"""Faults for stores: the n-th act of writing fails, or is the last thing the process does.

Pass one as ``before_write`` to `tenfold.store.open.open_store`. Going through every n from 1 to the count of a
fault-free pass visits every point at which a disk can fill up or a process can die.
"""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path


class CountWrites:
    """Lets every act pass and counts them."""

    def __init__(self) -> None:
        self.acts: list[str] = []

    def __call__(self, act: str, path: Path) -> None:
        self.acts.append(f"{act} {path.name}")


class FailAtWrite:
    """The n-th act and, until `recover` is called, all after it fail as on a full disk.

    Parameters
    ----------
    n : int
        Counted from 1.
    """

    def __init__(self, n: int):
        self._left = n
        self.struck: str | None = None

    def __call__(self, act: str, path: Path) -> None:
        self._left -= 1
        if self._left <= 0:
            self.struck = self.struck or act
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def strike(self, n: int) -> None:
        """Fail at the n-th act from now, and at all after it."""
        self._left = n

    def recover(self) -> None:
        """Make room: from now on everything passes."""
        self._left = 1 << 62


class KillAtWrite:
    """The process dies by SIGKILL just before its n-th act, counted from 1."""

    def __init__(self, n: int):
        self._left = n

    def __call__(self, act: str, path: Path) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
