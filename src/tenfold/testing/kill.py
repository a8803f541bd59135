"""Processes that are killed at a random moment, with a seed."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence


def kill_moments(count: int, *, seed: int, longest_seconds: float) -> Iterator[float]:
    """Yield ``count`` random delays up to ``longest_seconds``; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - moments to kill at, not secrets
    for _ in range(count):
        yield chance.uniform(0.0, longest_seconds)


def run_and_kill(command: Sequence[str], *, after_seconds: float) -> int | None:
    """Run a command, kill it with SIGKILL after some time, and return its exit status; None when it was killed."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - the caller's own command
    try:
        return process.wait(timeout=after_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def fork_and_kill(work: Callable[[], object], *, after_seconds: float | None = None) -> int:
    """Do ``work`` in a forked process, kill it after some time, and return how it ended: negative for a signal.

    A fork spares the imports of a fresh process, so that the moments fall into the work. Only for callers that have
    started no threads. Without ``after_seconds`` the process is left to end by itself.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _do(work)
    os.close(writing)
    # The child holds the other end of the pipe: it becomes readable when the child is gone.
    select.select([reading], [], [], after_seconds)
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _do(work: Callable[[], object]) -> None:
    status = 1
    try:
        work()
        status = 0
    finally:
        if status:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
