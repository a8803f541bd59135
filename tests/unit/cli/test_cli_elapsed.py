from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tenfold.cli import elapsed
from tenfold.cli.elapsed import Elapsed, process_age_seconds
from tenfold.foundation.clock import ManualClock

AT = datetime(2026, 11, 23, tzinfo=UTC)


def books(folder: Path, *, started_ticks: int, uptime: str, name: str = "py (a) thon") -> Path:
    (folder / "self").mkdir()
    fields = ["S", *["0"] * 18, str(started_ticks), "0"]
    (folder / "self" / "stat").write_text(f"42 ({name}) {' '.join(fields)}\n")
    (folder / "uptime").write_text(f"{uptime} 9.9\n")
    return folder


def test_the_age_is_read_from_the_systems_books_whatever_the_process_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    assert process_age_seconds(books(tmp_path, started_ticks=1_000, uptime="12.50")) == pytest.approx(2.5)


@pytest.mark.parametrize("spoil", ["self/stat", "uptime"])
def test_without_books_the_age_is_not_known(tmp_path: Path, spoil: str) -> None:
    proc = books(tmp_path, started_ticks=1, uptime="1.0")
    (proc / spoil).write_text("nonsense")
    assert process_age_seconds(proc) is None
    (proc / spoil).unlink()
    assert process_age_seconds(proc) is None


@pytest.mark.parametrize(("age", "before"), [(0.8, 0.8), (None, 0.3), (-5.0, 0.3), (4_000.0, 0.3)])
def test_time_goes_on_from_the_start_of_the_process_and_an_old_process_is_not_the_commands_own(
    monkeypatch: pytest.MonkeyPatch, age: float | None, before: float
) -> None:
    monkeypatch.setattr(elapsed, "process_age_seconds", lambda: age)
    clock = ManualClock(at=AT, seconds=100.0)
    spent = Elapsed.begin(clock)
    clock.seconds = 107.0
    assert spent.seconds() == pytest.approx(before + 7.0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system keeps no such books")
def test_a_real_process_counts_the_start_of_its_interpreter() -> None:
    code = "from tenfold.cli.elapsed import Elapsed; print(Elapsed.begin().before_seconds)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.01 <= float(done.stdout) < 30.0
