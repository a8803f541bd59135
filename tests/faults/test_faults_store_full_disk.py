from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import store_scene

from tenfold.foundation.errors import StoreError
from tenfold.store.open import open_store
from tenfold.testing.faults import CountWrites, FailAtWrite


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which nothing but its making was done: so that a trial need not pay for that."""
    folder = tmp_path_factory.mktemp("base") / ".tenfold"
    with open_store(folder) as store:
        store.audit.append("made", "store")
    return folder


FULL = os.environ.get("TENFOLD_FAULTS") == "full"


@pytest.mark.parametrize("step", [1 if FULL else 5])
def test_disk_that_fills_up_at_any_write_is_one_clear_error_and_nothing_is_lost(base: Path, tmp_path: Path, step: int):
    shutil.copytree(base, tmp_path / "count")
    count = CountWrites()
    store_scene.live(tmp_path / "count", count)
    assert len(count.acts) > 100
    for n in range(1, len(count.acts) + 1, step):
        place = tmp_path / str(n)
        shutil.copytree(base, place / ".tenfold")
        said = store_scene.Acknowledged(place / "said")
        fault = FailAtWrite(n)
        with pytest.raises(StoreError, match=r"No space left on device \(\d+ MB free there\)"):
            store_scene.live(place / ".tenfold", fault, said)
        after = store_scene.aftermath(place / ".tenfold", said)
        faults = ("damage_before", "damage_after", "problems", "lost", "not_cached")
        assert {name: after[name] for name in faults if after[name]} == {}, (n, count.acts[n - 1], after)


def test_store_goes_on_when_there_is_room_again(base: Path, tmp_path: Path):
    shutil.copytree(base, tmp_path / ".tenfold")
    fault = FailAtWrite(1)
    with open_store(tmp_path / ".tenfold", before_write=fault) as store:
        with pytest.raises(StoreError, match="No space left"):
            store.audit.append("looked", "store")
        assert len(store.audit.entries()) == 1
        fault.recover()
        store.audit.append("looked", "store")
        assert store.verify().ok


def test_real_limit_on_file_sizes_is_one_clear_error_and_nothing_is_lost(base: Path, tmp_path: Path):
    """The kernel's own refusal, for the database's log as for blobs."""
    folder = tmp_path / ".tenfold"
    shutil.copytree(base, folder)
    log_bytes = (folder / "catalog.db-wal").stat().st_size
    script = (
        "import sys; from pathlib import Path; from tenfold.store.open import open_store\n"
        "from tenfold.foundation.errors import StoreError\n"
        f"with open_store(Path({str(folder)!r})) as store:\n"
        "    for content in (None, bytes(3_000_000)):\n"
        "        try:\n"
        "            for turn in range(2_000):\n"
        "                store.blobs.put(content) if content else store.audit.append('looked', 'store')\n"
        "        except StoreError as error: print(error)"
    )
    limit = log_bytes + 300_000
    answer = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert answer.stdout.count("cannot write to the store at") == 2, answer.stdout + answer.stderr
    with open_store(folder) as store:
        assert store.doctor(every_blob=True).ok
        assert store.verify().ok
        store.audit.append("looked again", "store")
