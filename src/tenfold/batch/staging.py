"""The finished chunks of an output that appears only when it is whole, kept beside it until then.

For an output ``scores.parquet`` they lie in the folder ``.scores.parquet.unfinished``: ``job.json`` says what they are
of, each chunk is a file that got its name when its bytes were on the disk, and a lock that the kernel takes back says
who works on them. A process that dies leaves its chunks to the next one, which goes on after them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import canonical_json, from_json
from tenfold.store.files.disk import free_bytes
from tenfold.store.files.lock import holder, release, try_lock

FORMAT = 1

_SUFFIX = ".unfinished"
_CHUNK = re.compile(r"(\d{8})-(\d+)\.chunk")


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedJob:
    """What the chunks beside an output are of.

    Attributes
    ----------
    name : str
        The job, made of everything that decides what its rows are.
    model_ref, model_bundle, input, input_hash : str
        The version and its bundle's hash; the input and the hash of its bytes.
    epoch : int
        How often somebody has begun to work on it.
    """

    name: str
    model_ref: str
    model_bundle: str
    input: str
    input_hash: str
    settings: str
    epoch: int = 0
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A finished chunk: its number from 1, its rows, and the file that holds them."""

    number: int
    rows: int
    path: Path


class Staging:
    """The chunks of one output, in the hands of this process.

    Attributes
    ----------
    job : StagedJob
        With the epoch that this process works in.
    chunks : list of Chunk
        The finished ones, from the first on without a gap.
    dropped : str
        What was found and thrown away: the unfinished chunks of another job; empty when there were none.
    """

    def __init__(self, folder: Path, output: Path, job: StagedJob, chunks: list[Chunk], dropped: str):
        self._folder = folder
        self._output = output
        self.job = job
        self.chunks = chunks
        self.dropped = dropped

    @property
    def rows(self) -> int:
        """How many rows are finished."""
        return sum(chunk.rows for chunk in self.chunks)

    def draft(self, number: int) -> Path:
        """Return where the bytes of a chunk that is in the making go."""
        return self._folder / f"{number:08d}.draft"

    def add(self, draft: Path, *, rows: int) -> None:
        """Take a chunk whose bytes are on the disk for the next finished one; durable when this returns."""
        number = len(self.chunks) + 1
        path = self._folder / f"{number:08d}-{rows}.chunk"
        draft.replace(path)
        sync(self._folder)
        self.chunks.append(Chunk(number=number, rows=rows, path=path))

    def publish(self, write: Callable[[Path, list[Chunk]], None]) -> None:
        """Put the output in place of what was there, whole and on the disk, and forget its chunks.

        Parameters
        ----------
        write : callable
            Writes all rows, of the chunks it is given, to a path.
        """
        whole = self._folder / "whole.draft"
        write(whole, self.chunks)
        sync(whole)
        whole.replace(self._output)
        sync(self._output.parent)
        self.forget()

    def forget(self) -> None:
        """Remove the folder; first the note that says what its chunks are of."""
        (self._folder / "job.json").unlink(missing_ok=True)
        shutil.rmtree(self._folder)
        self.chunks = []


@contextmanager
def staged(output: Path, job: StagedJob) -> Iterator[Staging]:
    """Hold the chunks of an output, those that earlier processes finished among them.

    Raises
    ------
    StoreError
        When another process works on the output, or the disk takes no more.
    """
    folder = output.with_name(f".{output.name}{_SUFFIX}")
    with _explained(output):
        descriptor = _owned(folder, output)
        try:
            yield _found(folder, output, job)
        finally:
            release(descriptor)


def sync(path: Path) -> None:
    """Flush a file's bytes, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _owned(folder: Path, output: Path) -> int:
    lock = folder / "owner"
    while True:
        folder.mkdir(exist_ok=True)
        sync(folder.parent)
        try:
            descriptor = try_lock(lock)
            if descriptor is None:
                owner = holder(lock)
                raise StoreError(
                    f"process {owner} works on '{output}' at this moment; wait until it ends, or end it "
                    f"(kill {owner}) and run the command again, which goes on where it was"
                )
        except FileNotFoundError:
            # Who held it before has just put the output in place and removed the folder.
            continue
        if _is(descriptor, lock):
            return descriptor
        release(descriptor)


def _is(descriptor: int, path: Path) -> bool:
    """Whether a path still names the file that is open: its folder may have been removed and made anew."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _found(folder: Path, output: Path, job: StagedJob) -> Staging:
    """Return the chunks of the job that are there; what belongs to another job, or is not finished, is removed."""
    note = folder / "job.json"
    before = from_json(StagedJob, note.read_bytes()) if note.exists() else None
    same = before is not None and replace(before, epoch=0, model_ref="", input="") == replace(
        job, epoch=0, model_ref="", input=""
    )
    chunks: list[Chunk] = []
    kept = {note, folder / "owner"}
    if same:
        for path in sorted(folder.iterdir()):
            match = _CHUNK.fullmatch(path.name)
            if match is not None and int(match[1]) == len(chunks) + 1:
                chunks.append(Chunk(number=len(chunks) + 1, rows=int(match[2]), path=path))
                kept.add(path)
    for path in folder.iterdir():
        if path not in kept:
            path.unlink()
    dropped = ""
    if before is not None and not same:
        dropped = f"the unfinished job '{before.name}' of {before.model_ref} and {before.input}"
    now = replace(job, epoch=(before.epoch if before is not None and same else 0) + 1)
    draft = folder / "job.draft"
    draft.write_bytes(canonical_json(now))
    sync(draft)
    draft.replace(note)
    sync(folder)
    return Staging(folder, output, now, chunks, dropped)


@contextmanager
def _explained(output: Path) -> Iterator[None]:
    """Turn the system's refusal to write into one sentence."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        free = free_bytes(output.parent) / 1e6
        raise StoreError(
            f"'{output}' cannot be written: {reason} ({free:.0f} MB free there); make room or give write permission, "
            "then run the command again: it goes on after the chunks that are finished"
        ) from error
