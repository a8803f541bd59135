from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tenfold.foundation.errors import StoreError
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.files.checkpoints import FileCheckpoints
from tenfold.store.files.disk import Disk, explained
from tenfold.store.files.lock import locked, release, try_lock
from tenfold.store.files.process import is_alive, pid_of, this_process
from tenfold.testing.faults import CountWrites, FailAtWrite


def test_this_process_is_alive_and_knows_its_number():
    assert is_alive(this_process())
    assert pid_of(this_process()) == os.getpid()


def test_ended_process_is_not_alive():
    answer = subprocess.run(
        [sys.executable, "-c", "from tenfold.store.files.process import this_process; print(this_process())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not is_alive(answer.stdout.strip())


def test_process_with_a_reused_number_is_not_taken_for_the_old_one():
    pid, _, host = this_process().split(":")
    assert not is_alive(f"{pid}:another-start:{host}")


def test_process_of_another_machine_is_believed_to_live():
    assert is_alive("1:start:another-machine.example")


def test_lock_excludes_other_holders_until_it_is_given_back(tmp_path: Path):
    path = tmp_path / "lock"
    held = try_lock(path)
    assert held is not None
    assert try_lock(path) is None
    release(held)
    again = try_lock(path)
    assert again is not None
    release(again)


def test_lock_that_stays_taken_is_an_error_that_names_the_holder(tmp_path: Path):
    path = tmp_path / "lock"
    with (
        locked(path, wait_seconds=1.0),
        pytest.raises(StoreError, match=f"process {os.getpid()} has been writing"),
        locked(path, wait_seconds=0.01),
    ):
        pass


def test_lock_lets_threads_in_one_at_a_time(tmp_path: Path):
    inside = threading.Semaphore(1)

    def enter(_: int) -> bool:
        with locked(tmp_path / "lock", wait_seconds=30.0):
            alone = inside.acquire(blocking=False)
            if alone:
                inside.release()
            return alone

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(enter, range(40)))


def test_written_file_and_its_folder_are_flushed_around_the_rename(tmp_path: Path):
    count = CountWrites()
    disk = Disk(tmp_path, count)
    disk.make_folder(disk.tmp)
    count.acts.clear()
    disk.write(tmp_path / "goal", b"content")
    kinds = [act.partition(" ")[0] for act in count.acts]
    assert kinds == ["write", "fsync", "replace", "fsync"]
    assert count.acts[-1] == f"fsync {tmp_path.name}"


def test_write_that_fails_leaves_the_old_content_and_no_leftovers(tmp_path: Path):
    Disk(tmp_path).write(tmp_path / "goal", b"old")
    for n in (1, 2, 3):
        with pytest.raises(OSError, match="No space left"):
            Disk(tmp_path, FailAtWrite(n)).write(tmp_path / "goal", b"new")
        assert (tmp_path / "goal").read_bytes() == b"old"
        assert list((tmp_path / "tmp").iterdir()) == []


def test_failed_write_names_path_reason_and_free_space(tmp_path: Path):
    with pytest.raises(StoreError, match=r"goal: No space left on device \(\d+ MB free there\)"), explained(tmp_path):
        raise OSError(28, "No space left on device", str(tmp_path / "goal"))


def test_leftovers_of_dead_processes_are_removed_and_those_of_living_ones_kept(tmp_path: Path):
    disk = Disk(tmp_path)
    mine = disk.temporary()
    mine.write_bytes(b"in the making")
    host = this_process().rpartition(":")[2]
    dead = disk.tmp / f"999999999:start:{host}:00"
    dead_folder = disk.tmp / f"999999998:start:{host}:00"
    dead.write_bytes(b"half")
    dead_folder.mkdir()
    (dead_folder / "part").write_bytes(b"half")
    disk.remove_leftovers()
    assert list(disk.tmp.iterdir()) == [mine]


def test_blob_is_read_only(tmp_path: Path):
    blobs = FileBlobs(Disk(tmp_path))
    assert blobs.path(blobs.put(b"content")).stat().st_mode & 0o222 == 0


def test_blob_cut_short_is_put_anew(tmp_path: Path):
    blobs = FileBlobs(Disk(tmp_path))
    name = blobs.put(b"content")
    blobs.path(name).chmod(0o644)
    blobs.path(name).write_bytes(b"con")
    assert blobs.put(b"content") == name
    assert blobs.path(name).read_bytes() == b"content"


def test_blob_may_be_put_from_its_own_place(tmp_path: Path):
    blobs = FileBlobs(Disk(tmp_path))
    name = blobs.put(b"content")
    assert blobs.put(blobs.path(name)) == name
    assert blobs.path(name).read_bytes() == b"content"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a" * 63, "A" * 64, "a" * 63 + "/"])
def test_name_that_is_no_hash_is_refused(tmp_path: Path, name: str):
    blobs = FileBlobs(Disk(tmp_path))
    with pytest.raises(StoreError, match="64 hexadecimal digits"):
        blobs.path(name)


def test_damaged_checkpoint_is_named(tmp_path: Path):
    place = FileCheckpoints(Disk(tmp_path)).of("a" * 64)
    place.save("rung", {"model": b"content" * 100})
    (path,) = (tmp_path / "checkpoints" / ("a" * 64)).iterdir()
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"0001-rung\.zip is damaged"):
        place.load("rung")
