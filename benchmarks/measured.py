"""What benchmarks measure of a contestant, each in a process of its own: wall and processor seconds, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HEADING = f"{'wall s':>8} {'processor s':>12} {'peak MB':>8}"


def in_own_process(script: str, arguments: Sequence[str]) -> dict[str, float]:
    """Run a script once, and return what it printed of itself."""
    command = [sys.executable, script, *arguments]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(answer.stdout))


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Do the work of this process, and return what it took."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return {
        "wall_s": time.perf_counter() - wall,
        "processor_s": time.process_time() - processor,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """Return the most memory that this process held, in MB."""
    # What getrusage says of a process begins with what its parent held.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def line(took: dict[str, float]) -> str:
    """Return the figures under the heading."""
    return f"{took['wall_s']:>8.2f} {took['processor_s']:>12.2f} {took['peak_mb']:>8.0f}"


@contextmanager
def load_told() -> Iterator[None]:
    """Print how busy the machine is before and after."""
    print("load of the machine", *(f"{each:.1f}" for each in os.getloadavg()), f"on {os.cpu_count()} processors")
    yield
    print("load of the machine", *(f"{each:.1f}" for each in os.getloadavg()))
