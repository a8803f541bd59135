"""Calls for worker processes: they must be found by name in a module."""

from __future__ import annotations

import os
import signal
import sys
import threading

import numpy as np
import numpy.typing as npt


def square(number: int) -> int:
    return number * number


def hang_at_one(number: int) -> int:
    if number == 1:
        threading.Event().wait()
    return number


def hang(path: str) -> None:
    with open(path, "a", encoding="ascii") as file:  # noqa: PTH123 - one line
        file.write(f"{os.getpid()}\n")
    threading.Event().wait()


def fail_at_two(number: int) -> int:
    if number == 2:
        raise ValueError("two is too much")
    return number


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(number: int) -> None:
    os._exit(3)


def double(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return numbers * 2


def whoami(_: int) -> tuple[int, str, bool]:
    return os.getpid(), os.environ["OMP_NUM_THREADS"], "colorsys" in sys.modules


def frames(_: int) -> tuple[bool, bool]:
    """Whether pandas was there before it was asked for, and whether it can be had."""
    before = "pandas" in sys.modules
    import pandas as pd

    return before, len(pd.DataFrame({"a": [1]})) == 1


def chatter(_: int) -> None:
    print("spoken by a library")  # noqa: T201 - what the test is about


class Awkward(Exception):
    def __init__(self, one: str, two: str):
        super().__init__(f"{one} and {two}")


def fail_awkwardly(number: int) -> None:
    raise Awkward("this", "that")
