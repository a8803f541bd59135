"""Chunks worked on by several threads, and handed on in the order in which they came."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tenfold.foundation.errors import DataError

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")

_MOST_WORKERS = 8


def usable_workers() -> int:
    """Return how many threads a batch takes where nobody says: one for each core it may use, eight at most."""
    return min(len(os.sched_getaffinity(0)), _MOST_WORKERS)


def in_order(given: Iterator[_Given], work: Callable[[_Given], _Made], *, workers: int) -> Generator[_Made, None, None]:
    """Yield ``work(each)`` in the order of ``given``; up to ``workers`` are worked on while one is handed on.

    The libraries that read, transform and predict let go of the interpreter while they compute, so threads suffice and
    nothing is copied between processes. No more than ``workers + 1`` chunks are held, however fast the input is.

    What is wrong with a chunk is raised when its turn comes: all chunks before it have been handed on by then.
    """
    if workers == 1:
        yield from map(work, given)
        return
    waiting: deque[Future[_Made]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="tenfold-batch") as pool:
        wrong: DataError | None = None
        try:
            while wrong is None:
                try:
                    each = next(given)
                except StopIteration:
                    break
                except DataError as error:
                    wrong = error
                    break
                waiting.append(pool.submit(work, each))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
            if wrong is not None:
                raise wrong
        finally:
            for future in waiting:
                future.cancel()
