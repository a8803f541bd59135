from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import engine_calls as calls
import numpy as np
import pytest

from tenfold.engine.executors import ProcessMap, WorkerDied
from tenfold.foundation.clock import Deadline, ManualClock, SystemClock


@pytest.fixture
def workers() -> Iterator[ProcessMap]:
    with ProcessMap(2) as opened:
        yield opened


def test_every_call_is_answered_under_its_index(workers: ProcessMap):
    assert dict(workers(calls.square, range(20))) == {number: number * number for number in range(20)}
    assert dict(workers(calls.square, [])) == {}


def test_workers_are_kept_from_map_to_map_and_are_other_processes(workers: ProcessMap):
    first = {pid for _, (pid, _, _) in workers(calls.whoami, range(8))}
    second = {pid for _, (pid, _, _) in workers(calls.whoami, range(8))}
    assert len(first | second) <= workers.workers
    assert os.getpid() not in first


def test_large_arrays_go_there_and_back(workers: ProcessMap):
    numbers = np.arange(300_000, dtype=np.float64)
    for _, doubled in workers(calls.double, [numbers] * 3):
        np.testing.assert_array_equal(doubled, numbers * 2)


def test_deadline_ends_a_worker_that_hangs_and_the_rest_is_yielded(workers: ProcessMap):
    clock = ManualClock(at=datetime(2026, 1, 1, tzinfo=UTC))
    answers = workers(calls.hang_at_one, range(4), deadline=Deadline.after(1.0, clock))
    assert {next(answers)[0] for _ in range(3)} == {0, 2, 3}
    clock.seconds = 2.0
    assert list(answers) == []
    assert dict(workers(calls.square, range(4))) == {0: 0, 1: 1, 2: 4, 3: 9}


def test_deadline_holds_on_the_wall_clock(workers: ProcessMap):
    list(workers(calls.square, range(4)))
    clock = SystemClock()
    began = clock.monotonic()
    assert list(workers(calls.hang_at_one, [1, 1, 1], deadline=Deadline.after(0.2))) == []
    assert 0.2 <= clock.monotonic() - began < 5.0


def test_expired_deadline_begins_nothing(workers: ProcessMap):
    assert list(workers(calls.hang_at_one, [1, 1], deadline=Deadline.after(0.0))) == []


def test_deadline_holds_while_libraries_are_imported():
    with ProcessMap(1, preload=["sklearn.ensemble"]) as workers:
        assert list(workers(calls.square, [3], deadline=Deadline.after(0.05))) == []


def test_first_exception_is_raised_with_the_workers_traceback(workers: ProcessMap):
    with pytest.raises(ValueError, match="two is too much") as caught:
        list(workers(calls.fail_at_two, range(4)))
    assert "in fail_at_two" in caught.value.__notes__[0]
    assert dict(workers(calls.square, [3])) == {0: 9}


def test_exception_that_cannot_travel_is_told_by_its_text(workers: ProcessMap):
    with pytest.raises(RuntimeError, match=r"Awkward in a worker process(.|\n)*this and that"):
        list(workers(calls.fail_awkwardly, [1]))


@pytest.mark.parametrize(("call", "how"), [(calls.die, "by signal SIGKILL"), (calls.leave, "with status 3")])
def test_dead_worker_is_named_and_replaced(workers: ProcessMap, call: object, how: str):
    with pytest.raises(WorkerDied, match=rf"worker process \d+ ended {how}.*in the middle of call 0"):
        list(workers(call, [1]))
    assert dict(workers(calls.square, [3])) == {0: 9}


def test_abandoned_map_frees_its_workers(workers: ProcessMap):
    answers = workers(calls.hang_at_one, [0, 1])
    assert next(answers) == (0, 0)
    with pytest.raises(RuntimeError, match="in the middle of another map"):
        next(workers(calls.square, [1]))
    answers.close()
    assert dict(workers(calls.square, [3])) == {0: 9}


def test_preloaded_modules_and_one_thread_each_are_what_workers_find(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with ProcessMap(1, preload=["colorsys"]) as workers:
        ((_, (_, threads, preloaded)),) = workers(calls.whoami, [1])
    assert (threads, preloaded) == ("1", True)


@pytest.mark.parametrize("count", [1, 3], ids=["each for itself", "once for all"])
def test_libraries_are_preloaded_without_pandas_which_a_call_can_still_have(count: int):
    with ProcessMap(count, preload=["sklearn.ensemble"]) as workers:
        assert dict(workers(calls.frames, [1])) == {0: (False, True)}


def test_a_worker_that_dies_is_told_though_another_was_never_used():
    with ProcessMap(2) as workers:
        with pytest.raises(WorkerDied, match="SIGKILL"):
            list(workers(calls.die, [1]))
        assert dict(workers(calls.square, [2, 3])) == {0: 4, 1: 9}


def test_what_workers_print_does_not_reach_stdout():
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import engine_calls; from tenfold.engine.executors import ProcessMap\n"
        "with ProcessMap(1) as workers: list(workers(engine_calls.chatter, [1]))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (answer.stdout, answer.stderr) == ("", "spoken by a library\n")


def test_script_without_a_guard_may_use_workers(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import engine_calls; from tenfold.engine.executors import ProcessMap\n"
        "print('once')\n"
        "with ProcessMap(2) as workers: print(sorted(workers(engine_calls.square, [1, 2])))\n"
    )
    answer = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert answer.stdout == "once\n[(0, 1), (1, 4)]\n"


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waiting for another's child needs Linux")
def test_workers_go_when_their_parent_is_killed(tmp_path: Path):
    os.mkfifo(tmp_path / "pids")
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import engine_calls; from tenfold.engine.executors import ProcessMap\n"
        f"list(ProcessMap(2)(engine_calls.hang, [{str(tmp_path / 'pids')!r}] * 2))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    # Open for writing too, so that the pipe does not end between two workers.
    with os.fdopen(os.open(tmp_path / "pids", os.O_RDWR)) as told:
        pids = [int(told.readline()) for _ in range(2)]
    handles = [os.pidfd_open(pid) for pid in pids]
    parent.kill()
    parent.wait()
    for handle in handles:
        gone, _, _ = select.select([handle], [], [], 10.0)
        os.close(handle)
        assert gone


def test_a_parent_that_is_killed_before_it_has_read_an_answer_leaves_no_traceback():
    script = (
        "import os, select, signal; from tenfold.engine.executors import ProcessMap\n"
        "workers = ProcessMap(2)\n"
        "workers.start()\n"
        "assert select.select([workers._control], [], [], 30.0)[0]\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    # What it started writes to the same place, and is heard until it has ended.
    assert (parent.returncode, parent.stderr) == (-signal.SIGKILL, "")


@pytest.mark.parametrize("count", [1, 3], ids=["each for itself", "once for all"])
def test_a_library_that_cannot_be_imported_is_told_with_its_traceback(count: int, capfd: pytest.CaptureFixture[str]):
    with ProcessMap(count, preload=["no_such_library"]) as workers, pytest.raises(WorkerDied):
        list(workers(calls.square, [1]))
    assert "No module named 'no_such_library'" in capfd.readouterr().err
