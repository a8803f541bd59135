"""Who a process is, so that a dead one is never taken for a living one with the same number."""

from __future__ import annotations

import os
import socket
import subprocess
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


def this_process() -> str:
    """Return this process's name: ``pid:start:host``."""
    return _name_of(os.getpid())


@cache
def _name_of(pid: int) -> str:
    return f"{pid}:{_start_of(pid)}:{socket.gethostname()}"


def pid_of(process: str) -> int:
    """Return the process number in a name made by `this_process`."""
    return int(process.partition(":")[0])


def is_alive(process: str) -> bool:
    """Whether the process of this name still runs; one of another machine is believed to."""
    pid, start, host = process.split(":")
    if host != socket.gethostname():
        return True
    return start != "" and _start_of(int(pid)) == start


def _start_of(pid: int) -> str:
    """Return when a process began, in the system's own words; empty when there is no such process."""
    if _PROC.joinpath("self").exists():
        return _start_from_proc(pid)
    answer = subprocess.run(  # noqa: S603 - a fixed command with a number
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "-".join(answer.stdout.replace(":", ".").split())


def _start_from_proc(pid: int) -> str:
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # The command's name stands in brackets and may hold blanks: fields are counted from the last bracket.
    fields = text.rpartition(")")[2].split()
    state, ticks = fields[0], fields[19]
    if state in "ZX":
        return ""
    boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot[:8]}-{ticks}"
