"""What gateways counted of a trial is added up over writers, and never read wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.foundation.errors import StoreError
from tenfold.store.served import BOUNDS_MS, ServedArm, ServedFile, keep_served, read_served


def arm(ref: str, requests: int, failed: int, *, at: int) -> ServedArm:
    times = [0] * (len(BOUNDS_MS) + 1)
    times[at] = requests - failed
    return ServedArm(ref=ref, requests=requests, failed=failed, times=tuple(times))


def test_writers_are_added_and_each_counts_as_it_was_kept_last(tmp_path: Path) -> None:
    keep_served(tmp_path, "gate", "a", ServedFile(salt="s", arms=(arm("late@2", 5, 1, at=0),)))
    keep_served(tmp_path, "gate", "a", ServedFile(salt="s", arms=(arm("late@2", 9, 1, at=0),)))
    last = len(BOUNDS_MS)
    keep_served(
        tmp_path, "gate", "b", ServedFile(salt="s", arms=(arm("late@1", 3, 0, at=2), arm("late@2", 4, 2, at=last)))
    )
    keep_served(tmp_path, "gate", "a", ServedFile(salt="t", arms=(arm("late@2", 100, 0, at=0),)))
    found = read_served(tmp_path, "gate", "s")
    assert {ref: (each.requests, each.failed) for ref, each in found.items()} == {"late@1": (3, 0), "late@2": (13, 3)}
    within = found["late@2"].within()
    assert (within[0.0001], within[10.0], within[float("inf")]) == (8, 8, 10)
    assert read_served(tmp_path, "other", "s") == {}


def test_bounds_rise_and_hold_what_requirements_ask() -> None:
    assert list(BOUNDS_MS) == sorted(set(BOUNDS_MS))
    assert {1.0, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 200.0, 500.0, 1000.0} <= set(BOUNDS_MS)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"salt": "s", "arms": [], "format": 9}', b'{"salt": "t", "arms": []}']
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    keep_served(tmp_path, "gate", "a", ServedFile(salt="s", arms=()))
    next((tmp_path / "served" / "gate").iterdir()).write_bytes(content)
    with pytest.raises(StoreError):
        read_served(tmp_path, "gate", "s")
