"""A candidate after its folds: what it came to, and how that is written."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tenfold.foundation.serial import from_json, to_json
from tenfold.records.model import Candidate
from tenfold.stages.training.unread import Reader, Unread, reader_of

Values = npt.NDArray[np.float64]
Files = Mapping[str, bytes | Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A candidate after its folds.

    Attributes
    ----------
    candidate : Candidate
        With loss and decisions; its loss is infinite when no fold was finished.
    held : mapping from fold to ndarray of shape (n_held, n_outputs)
        Predictions for the held-out rows of each fold that was finished.
    first_loss : float
        Loss on the first fold.
    folds : mapping from fold to its model's files
        Where models of the learner can be merged; on disk, as there are many.
    curve : tuple of float
        Losses on the first fold at the levels of progress, for learners that boost.
    dropped : str
        Why it did not finish: ``race``, ``time``, or the reason for which it failed; empty when it did.
    made : int
        Iterations made in all fits, kept or not.
    measured : mapping
        Operational figures by metric, where requirements ask for them.
    rejected : str
        The id of the requirement that it breaks; ``dropped`` then says by what figure.
    """

    candidate: Candidate
    held: Mapping[int, Values]
    first_loss: float = math.inf
    folds: Mapping[int, Mapping[str, bytes]] = field(default_factory=dict)
    curve: tuple[float, ...] = ()
    dropped: str = ""
    made: int = 0
    measured: Mapping[str, float] = field(default_factory=dict)
    rejected: str = ""

    @property
    def key(self) -> str:
        """The candidate's key."""
        return self.candidate.key

    @property
    def is_reference(self) -> bool:
        """Whether it stands on the leaderboard for comparison only."""
        return self.candidate.origin == "reference"

    @property
    def finished(self) -> int:
        """How many folds were finished."""
        return len(self.held)

    def predictions(self, folds: Sequence[int]) -> Values:
        """Return predictions for the held-out rows of these folds, one fold after the other."""
        return np.concatenate([self.held[fold] for fold in folds])

    @property
    def fold_seconds(self) -> float:
        """Mean seconds of one fold's fit."""
        return self.candidate.seconds / max(self.finished, 1)

    def files(self) -> Mapping[str, bytes]:
        """Return ``<key>/scored.json``, ``<key>/held/<fold>.npy`` and the models ``<key>/folds/<fold>/...``, unread."""
        candidate = self.candidate if self.held else replace(self.candidate, loss=0.0, score=0.0)
        facts = _Facts(
            candidate=candidate,
            first_loss=self.first_loss if math.isfinite(self.first_loss) else None,
            curve=self.curve,
            dropped=self.dropped,
            made=self.made,
            measured=self.measured,
            rejected=self.rejected,
        )
        files: dict[str, Reader] = {f"{self.key}/scored.json": partial(to_json, facts)}
        files.update({f"{self.key}/held/{fold}.npy": partial(array_bytes, kept) for fold, kept in self.held.items()})
        for fold, model in self.folds.items():
            files.update({f"{self.key}/folds/{fold}/{name}": partial(model.__getitem__, name) for name in model})
        return Unread(files)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What stands in ``scored.json``; without a finished fold the candidate's loss and score mean nothing."""

    candidate: Candidate
    first_loss: float | None
    curve: tuple[float, ...]
    dropped: str
    made: int = 0
    measured: Mapping[str, float] = field(default_factory=dict)
    rejected: str = ""


def read_scored(files: Files) -> list[Scored]:
    """Return the candidates that ``Scored.files`` gave, in the order of their keys."""
    keys = sorted(name.removesuffix("/scored.json") for name in files if name.endswith("/scored.json"))
    return [_read(files, key) for key in keys]


def array_bytes(values: Values) -> bytes:
    """Return an array in numpy's own format."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def _read(files: Files, key: str) -> Scored:
    facts = from_json(_Facts, content(files[f"{key}/scored.json"]))
    held = {
        int(name.removesuffix(".npy")): _array(content(files[f"{key}/held/{name}"]))
        for name in _under(files, f"{key}/held/")
    }
    folds: dict[int, dict[str, Reader]] = {}
    for name in _under(files, f"{key}/folds/"):
        fold, _, file = name.partition("/")
        folds.setdefault(int(fold), {})[file] = reader_of(files[f"{key}/folds/{name}"])
    return Scored(
        candidate=facts.candidate if held else replace(facts.candidate, loss=math.inf, score=math.nan),
        held=dict(sorted(held.items())),
        first_loss=math.inf if facts.first_loss is None else facts.first_loss,
        folds={fold: Unread(model) for fold, model in sorted(folds.items())},
        curve=facts.curve,
        dropped=facts.dropped,
        made=facts.made,
        measured=facts.measured,
        rejected=facts.rejected,
    )


def _under(files: Iterable[str], prefix: str) -> list[str]:
    return sorted(name.removeprefix(prefix) for name in files if name.startswith(prefix))


def content(file: bytes | Path) -> bytes:
    """Return what a payload file holds."""
    return file.read_bytes() if isinstance(file, Path) else file


def _array(content: bytes) -> Values:
    values: Values = np.load(io.BytesIO(content), allow_pickle=False)
    return values
