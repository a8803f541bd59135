"""What worker processes of the tests of tuning do."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fitting:
    """One trial to be scored; the trials in ``victims`` kill their worker, the first time only."""

    number: int
    learning_rate: float
    folder: str
    victims: tuple[int, ...] = ()


def fit(task: Fitting) -> tuple[int, float]:
    """Return the worker's number and a loss; a victim's worker is killed in the middle."""
    mark = Path(task.folder) / f"{task.number}"
    if task.number in task.victims and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid(), (task.learning_rate - 0.05) ** 2
