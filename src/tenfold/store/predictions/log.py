"""The writing side of the prediction log: a record is with the kernel before its answer leaves the process.

One writer is one process; it appends to segments of its own, ``log/<endpoint>/<worker>-<start>-<seq>.log`` below the
store's folder. A killed process loses nothing that it wrote; against a failing machine, what was written is flushed
every 50 ms, or before the answer where that is asked for: then all answers that wait share one flush.

A record that cannot be written refuses its answer, or, where that is asked for, is counted as lost with the reason.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import orjson

from tenfold.foundation.clock import Clock, SystemClock
from tenfold.foundation.errors import StoreError
from tenfold.store.files.disk import BeforeWrite, Disk, cannot_write, nothing
from tenfold.store.predictions.masking import Masking
from tenfold.store.predictions.segment import HEADER, SUFFIX, framed

FOLDER = "log"
FLUSH_SECONDS = 0.05
SEGMENT_BYTES = 64 << 20
Flushed = Callable[[StoreError | None], None]
KIND_LETTERS: Mapping[str, str] = {"numeric": "n", "categorical": "c", "boolean": "b", "datetime": "d", "text": "t"}
"""How a record names the kinds of its columns, one letter for each column in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the records of one served version have in common.

    Attributes
    ----------
    endpoint, ref, bundle : str
        Where it was served, as which version, and the hash of its bundle.
    kinds : mapping from column to kind
        The model's inputs, in order.
    outputs : tuple of str
        Names of the score columns: ``proba_<class>``, or ``score`` for a regression.
    codes : frozenset of str
        Columns in which digits that look like personal data are codes.
    """

    endpoint: str
    ref: str
    bundle: str
    kinds: Mapping[str, str]
    outputs: tuple[str, ...]
    codes: frozenset[str] = frozenset()
    opening: bytes = field(init=False, repr=False)
    masking: Masking = field(init=False, repr=False)

    def __post_init__(self) -> None:
        facts = {
            "endpoint": self.endpoint,
            "ref": self.ref,
            "bundle": self.bundle,
            "kinds": "".join(KIND_LETTERS[kind] for kind in self.kinds.values()),
            "outputs": self.outputs,
        }
        object.__setattr__(self, "masking", Masking(kinds=self.kinds, codes=self.codes))
        # Written once: most of a one-row record is the same from request to request.
        object.__setattr__(self, "opening", orjson.dumps(facts)[:-1] + b",")


class Answered(NamedTuple):
    """The predictions of one request.

    Attributes
    ----------
    at, recorded : datetime
        The project's time and the system's, both in UTC.
    replay : bool
        Whether ``at`` was set by the caller.
    ids : sequence of str
        One for each row.
    columns : mapping from column to values
        The rows in canonical form, in the order of the signature.
    scores : sequence of sequences of float, shape (n_rows, outputs)
    decisions : sequence of str, or None
        The class decided for each row; None for a regression.
    assigned : sequence of str, or None
        The id by which each row was given to this version; None where that is its own id.
    reasons : sequence of mappings, or None
        Of each row what its columns add to which score; None where nobody asked.
    imputed : sequence of sequences of str, or None
        Of each row the columns whose values the endpoint's policies left out; None where there are none.
    short : bool
        Whether no number in ``columns`` is so long that it could be a person's; see `masking.LEAST_NUMBER`.
    """

    at: datetime
    recorded: datetime
    replay: bool
    ids: Sequence[str]
    columns: Mapping[str, Sequence[object]]
    scores: Sequence[Sequence[float]]
    decisions: Sequence[str] | None
    assigned: Sequence[str] | None = None
    reasons: Sequence[Mapping[str, object]] | None = None
    imputed: Sequence[Sequence[str]] | None = None
    short: bool = False


@dataclass(slots=True)
class _Segment:
    path: Path
    descriptor: int
    size: int


class PredictionLog:
    """Appends the answers of one process.

    Parameters
    ----------
    folder : Path
        The store's.
    worker : int
        Tells the processes of one gateway apart.
    told : callable
        Hears of a flush that failed, in one sentence.
    segment_bytes : int
        From which size on a new segment is begun.
    may_lose : bool
        Whether predictions that cannot be written are answered all the same, and counted in `lost`.
    before_write : callable
        See `tenfold.store.files.disk.BeforeWrite`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        worker: int = 0,
        clock: Clock | None = None,
        told: Callable[[str], None] | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        may_lose: bool = False,
        before_write: BeforeWrite = nothing,
    ):
        self._folder = folder / FOLDER
        self._disk = Disk(folder, before_write)
        self._clock = clock or SystemClock()
        self._told = told or (lambda _: None)
        self._segment_bytes = segment_bytes
        self._stem = f"{worker}-{round(self._clock.now().timestamp() * 1e6)}"
        self._sequence = 0
        self._segments: dict[str, _Segment] = {}
        # Written since the last flush; a segment that is full is closed by the flush that comes after it.
        self._dirty: dict[int, _Segment] = {}
        self._full: list[_Segment] = []
        self._writing = threading.Lock()
        self._flushing = threading.Lock()
        self._written = 0
        self._flushed = 0
        self._oldest: float | None = None
        self._in_doubt = (0, 0)
        self._may_lose = may_lose
        self._asked: list[tuple[int, Flushed]] = []
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = threading.Event()
        self.bytes_written = 0
        self.rows_written = 0
        self.flushes = 0
        self.failures = 0
        self.lost: dict[str, int] = {}
        self._flusher = threading.Thread(target=self._flush_often, name="prediction-log", daemon=True)
        self._flusher.start()

    def append(self, origin: Origin, answered: Answered) -> int:
        """Write one record and return its number, for `flush`; personal data in the inputs are masked.

        Raises
        ------
        StoreError
            When it cannot be written, and may not be lost; nothing of it stays then, and a later one may succeed.
        """
        facts = {
            "at": answered.at,
            "recorded": answered.recorded,
            "ids": answered.ids,
            "columns": origin.masking.masked(answered.columns, short=answered.short),
            "scores": answered.scores,
            "decisions": answered.decisions,
        }
        if answered.replay:
            facts["replay"] = True
        if answered.assigned is not None:
            facts["assigned"] = answered.assigned
        if answered.reasons is not None:
            facts["reasons"] = answered.reasons
        if answered.imputed is not None:
            facts["imputed"] = answered.imputed
        frame = framed(origin.opening + orjson.dumps(facts)[1:])
        with self._writing:
            try:
                self._write(origin.endpoint, frame)
            except OSError as error:
                self.failures += 1
                reason = os.strerror(error.errno) if error.errno else str(error)
                if self._may_lose:
                    self.lost[reason] = self.lost.get(reason, 0) + len(answered.ids)
                    return 0
                raise cannot_write(self._folder / origin.endpoint, reason) from error
            self._written += 1
            self.rows_written += len(answered.ids)
            number = self._written
            if self._oldest is None:
                self._oldest = self._clock.monotonic()
        # Its flag is let down before what is written is taken: where it is still up, this record is taken along.
        if not self._wake.is_set():
            self._wake.set()
        return number

    @property
    def records(self) -> int:
        """How many records were written."""
        return self._written

    def when_flushed(self, number: int, flushed: Flushed) -> None:
        """Have the record of this number flushed at once, and tell in the end whether it is on the disk.

        All that ask while a flush is going on share the next one. ``flushed`` is called on the thread that flushes.
        """
        with self._writing:
            self._asked.append((number, flushed))
        self._hurry.set()
        self._wake.set()

    def flush(self, number: int | None = None) -> None:
        """Return when the record of this number, or all, are on the disk; those who wait share one flush.

        Raises
        ------
        StoreError
            When the disk refuses. What it has refused once counts as refused although a later flush succeeds: a
            system forgets what it could not write (Rebello et al., 2020, "Can Applications Recover from fsync
            Failures?").
        """
        with self._flushing:
            if number is not None and self._doubtful(number):
                raise self._unflushed()
            if number is not None and self._flushed >= number:
                return
            with self._writing:
                reached = self._written
                dirty, self._dirty = list(self._dirty.values()), {}
                full, self._full = self._full, []
                oldest, self._oldest = self._oldest, None
            try:
                for segment in dirty:
                    self._disk.before("fsync", segment.path)
                    os.fdatasync(segment.descriptor)
            except OSError as error:
                with self._writing:
                    self._dirty = {segment.descriptor: segment for segment in dirty} | self._dirty
                    self._full = full + self._full
                    self._oldest = oldest
                self.failures += 1
                self._in_doubt = (self._flushed, reached)
                reason = os.strerror(error.errno) if error.errno else str(error)
                raise cannot_write(self._folder, reason) from error
            for segment in full:
                os.close(segment.descriptor)
            self._flushed = reached
            self.flushes += 1

    def lag_seconds(self) -> float:
        """Return how long the oldest record that is not yet on the disk has waited; 0 when there is none."""
        oldest = self._oldest
        return 0.0 if oldest is None else max(0.0, self._clock.monotonic() - oldest)

    def close(self) -> None:
        """Flush what is there and close the files."""
        self._closing.set()
        self._hurry.set()
        self._wake.set()
        self._flusher.join()
        self.flush()
        with self._writing:
            for segment in self._segments.values():
                os.close(segment.descriptor)
            self._segments.clear()

    def _write(self, endpoint: str, frame: bytes) -> None:
        segment = self._segments.get(endpoint)
        if segment is None or segment.size >= self._segment_bytes:
            segment = self._begin(endpoint)
        written = 0
        try:
            while written < len(frame):
                self._disk.before("write", segment.path)
                written += os.write(segment.descriptor, memoryview(frame)[written:] if written else frame)
        except OSError:
            if written:
                self._take_back(endpoint, segment)
            raise
        segment.size += len(frame)
        self.bytes_written += len(frame)
        self._dirty[segment.descriptor] = segment

    def _begin(self, endpoint: str) -> _Segment:
        folder = self._folder / endpoint
        self._disk.make_folder(folder)
        self._sequence += 1
        path = folder / f"{self._stem}-{self._sequence:06}{SUFFIX}"
        self._disk.before("write", path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, HEADER)
            self._disk.sync_folder(folder)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            raise
        self._retire(endpoint)
        segment = _Segment(path=path, descriptor=descriptor, size=len(HEADER))
        self._segments[endpoint] = segment
        return segment

    def _take_back(self, endpoint: str, segment: _Segment) -> None:
        """Remove half a frame; where that fails too, the segment ends here and the next record begins another."""
        try:
            os.ftruncate(segment.descriptor, segment.size)
        except OSError:
            self._retire(endpoint)

    def _retire(self, endpoint: str) -> None:
        old = self._segments.pop(endpoint, None)
        if old is not None:
            self._full.append(old)
            self._dirty[old.descriptor] = old

    def _flush_often(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._hurry.wait(FLUSH_SECONDS)
            self._hurry.clear()
            self._wake.clear()
            with self._writing:
                asked, self._asked = self._asked, []
            refused: StoreError | None = None
            try:
                self.flush()
            except StoreError as error:
                refused = error
                self._told(str(error))
                self._wake.set()
            for number, flushed in asked:
                flushed(refused or (self._unflushed() if self._doubtful(number) else None))
            if refused is not None and not asked:
                self._hurry.wait(1.0)

    def _doubtful(self, number: int) -> bool:
        lowest, highest = self._in_doubt
        return lowest < number <= highest

    def _unflushed(self) -> StoreError:
        return cannot_write(self._folder, "it could not be flushed")
