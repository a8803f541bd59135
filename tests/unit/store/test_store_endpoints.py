from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tenfold.foundation.errors import InputError, StoreError
from tenfold.records.release import Endpoint, Route
from tenfold.store.endpoints import manifest_path, names, publish, read

_THEN = datetime(2013, 3, 3, tzinfo=UTC)


def endpoint(revision: int, *, replay: bool = False) -> Endpoint:
    route = Route(ref=f"late@{revision}", bundle="b" * 64, path="blobs/aa/bb", threshold=revision / 1000)
    return Endpoint(name="late", revision=revision, routes=(route,), at=_THEN, replay=replay)


def test_a_manifest_comes_back_as_it_was_published(tmp_path: Path) -> None:
    assert read(tmp_path, "late") is None
    assert names(tmp_path) == ()
    place = publish(tmp_path, endpoint(1, replay=True))
    assert read(tmp_path, "late") == endpoint(1, replay=True)
    assert names(tmp_path) == ("late",)
    assert json.loads(place.read_bytes()) == {
        "format": 1,
        "endpoint": "late",
        "revision": 1,
        "strategy": "all",
        "at": "2013-03-03T00:00:00Z",
        "replay": True,
        "salt": "",
        "assign": None,
        "fields": {},
        "routes": [
            {
                "ref": "late@1",
                "bundle": "b" * 64,
                "path": "blobs/aa/bb",
                "share": 1.0,
                "threshold": 0.001,
                "role": "champion",
            },
        ],
    }


def test_who_reads_while_it_is_written_sees_one_whole_manifest(tmp_path: Path) -> None:
    publish(tmp_path, endpoint(1))
    done = threading.Event()
    seen: list[Endpoint | None] = []

    def look() -> None:
        while not done.is_set():
            seen.append(read(tmp_path, "late"))

    reader = threading.Thread(target=look)
    reader.start()
    for revision in range(2, 100):
        publish(tmp_path, endpoint(revision))
    done.set()
    reader.join()
    assert seen
    for found in seen:
        assert found is not None
        assert found == endpoint(found.revision)


def test_a_write_that_fails_leaves_the_old_manifest(tmp_path: Path) -> None:
    publish(tmp_path, endpoint(1))

    for act in ("write", "fsync", "replace"):

        def full(done: str, path: Path, act: str = act) -> None:
            if done == act:
                raise OSError(28, "No space left on device", str(path))

        with pytest.raises(StoreError, match="cannot write"):
            publish(tmp_path, endpoint(2), before_write=full)
        assert read(tmp_path, "late") == endpoint(1)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "endpoint": "late"}'])
def test_a_damaged_manifest_is_told(tmp_path: Path, content: bytes) -> None:
    publish(tmp_path, endpoint(1))
    manifest_path(tmp_path, "late").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        read(tmp_path, "late")


def test_a_manifest_of_another_format_or_endpoint_is_refused(tmp_path: Path) -> None:
    place = publish(tmp_path, endpoint(1))
    manifest_path(tmp_path, "other").write_bytes(place.read_bytes())
    with pytest.raises(StoreError, match="of the endpoint 'late'"):
        read(tmp_path, "other")
    place.write_bytes(place.read_bytes().replace(b'"format":1', b'"format":2'))
    with pytest.raises(StoreError, match="has format 2"):
        read(tmp_path, "late")


@pytest.mark.parametrize("name", ["", "../late", "a/b", ".hidden", "x" * 101])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot name an endpoint"):
        read(tmp_path, name)


def test_reading_a_manifest_imports_no_sql_and_no_table_library() -> None:
    program = (
        "import sys, tenfold.store.endpoints;"
        "print([name for name in ('sqlalchemy', 'alembic', 'polars', 'pandas', 'sklearn', 'numpy')"
        " if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
