"""Writes that are on the disk when they return, and one clear sentence when they cannot be."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tenfold.foundation.errors import StoreError
from tenfold.store.files.process import is_alive, this_process

BeforeWrite = Callable[[str, Path], None]
"""Called before every act that changes the disk, with the act's name and path: where faults are injected."""

_CHUNK_BYTES = 1 << 20


def nothing(act: str, path: Path) -> None:
    """Let every act pass."""


def free_bytes(path: Path) -> int:
    """Return the free space of the disk that holds ``path``, or will hold it."""
    there = path
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def cannot_write(path: Path, reason: str) -> StoreError:
    """Return the one error for a write that failed: path, reason, free space."""
    free_megabytes = free_bytes(path) / 1e6
    return StoreError(
        f"cannot write to the store at {path}: {reason} ({free_megabytes:.0f} MB free there); "
        "make room or give write permission, then run the command again: nothing that was finished is lost"
    )


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn the system's refusal to write into a StoreError."""
    try:
        yield
    except OSError as error:
        place = Path(error.filename) if error.filename else folder
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise cannot_write(place, reason) from error


class Disk:
    """Durable, atomic writes below one folder.

    Files are written in ``tmp``, flushed, and renamed into place; then the folder is flushed. Names in ``tmp`` begin
    with the process that made them, so that what a dead process left can be told and removed.
    """

    def __init__(self, folder: Path, before: BeforeWrite = nothing):
        self.folder = folder
        self.before = before
        self.tmp = folder / "tmp"

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it; durable when this returns."""
        if path.is_dir():
            return
        self.make_folder(path.parent)
        self.before("mkdir", path)
        path.mkdir(exist_ok=True)
        self.sync_folder(path.parent)

    def temporary(self) -> Path:
        """Return a fresh path in ``tmp``."""
        self.make_folder(self.tmp)
        return self.tmp / f"{this_process()}:{secrets.token_hex(8)}"

    def new_folder(self) -> Path:
        """Return a new, empty folder in ``tmp``; it goes when this process is gone."""
        folder = self.temporary()
        self.make_folder(folder)
        return folder

    def write(self, target: Path, content: bytes, *, mode: int = 0o644) -> None:
        """Put a file in place, whole or not at all."""
        temporary = self.temporary()
        try:
            self._fill(temporary, iter((content,)), mode)
            self.publish(temporary, target)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise

    def copy(self, source: Path, *, mode: int = 0o644) -> Path:
        """Copy a file to ``tmp`` and return where it is, flushed."""
        temporary = self.temporary()
        try:
            with source.open("rb") as stream:
                self._fill(temporary, iter(lambda: stream.read(_CHUNK_BYTES), b""), mode)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        return temporary

    def publish(self, temporary: Path, target: Path) -> None:
        """Give a flushed file its final name."""
        self.before("replace", target)
        temporary.replace(target)
        self.sync_folder(target.parent)

    def sync_file(self, path: Path) -> None:
        """Flush a file's bytes."""
        self.before("fsync", path)
        self._sync(path)

    def sync_folder(self, path: Path) -> None:
        """Flush a folder's names."""
        self.before("fsync", path)
        self._sync(path)

    def remove_leftovers(self) -> None:
        """Remove what dead processes left in ``tmp``."""
        if not self.tmp.is_dir():
            return
        for path in self.tmp.iterdir():
            owner, _, token = path.name.rpartition(":")
            if not owner or not token or is_alive(owner):
                continue
            self.before("remove", path)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _fill(self, path: Path, chunks: Iterator[bytes], mode: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            for chunk in chunks:
                rest = memoryview(chunk)
                while rest:
                    self.before("write", path)
                    rest = rest[os.write(descriptor, rest[:_CHUNK_BYTES]) :]
            self.before("fsync", path)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @staticmethod
    def _sync(path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
