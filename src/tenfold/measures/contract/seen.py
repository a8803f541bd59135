"""How many rows repeat a key, of however many rows: 64 bits a row, on disk once they are many."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

_IN_MEMORY = 1 << 21
_PARTS = 32
_SHIFT = np.uint64(64 - 5)


@dataclass(slots=True)
class Seen:
    """The hashes of keys seen so far.

    Two different keys share a hash with a chance of one in 10,000 among 60 million rows.
    """

    columns: tuple[str, ...]
    _kept: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    _rows: int = 0
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def add(self, chunk: pl.DataFrame) -> None:
        """Take in the keys of some rows; those that lack a part are left out."""
        keys = chunk.select(self.columns).drop_nulls()
        hashes = keys.hash_rows(seed=1).to_numpy()
        self._kept.append(hashes)
        self._rows += len(hashes)
        if self._rows > _IN_MEMORY:
            self._write()

    def repeated(self) -> int:
        """Return how many rows repeat an earlier one's key."""
        if self._folder is None:
            return _repeated(np.concatenate(self._kept)) if self._kept else 0
        self._write()
        parts = sorted(Path(self._folder.name).iterdir())
        found = sum(_repeated(np.fromfile(part, dtype=np.uint64)) for part in parts)
        self._folder.cleanup()
        return found

    def _write(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tenfold-keys-")
        hashes = np.concatenate(self._kept) if self._kept else np.empty(0, np.uint64)
        self._kept, self._rows = [], 0
        place = hashes >> _SHIFT
        for part in range(_PARTS):
            with (Path(self._folder.name) / f"{part:02d}").open("ab") as stream:
                stream.write(hashes[place == part].tobytes())


def _repeated(hashes: npt.NDArray[np.uint64]) -> int:
    return len(hashes) - (1 + int(np.count_nonzero(np.diff(np.sort(hashes)))) if len(hashes) else 0)
