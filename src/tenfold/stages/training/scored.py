"""A candidate after its folds: what it came to, and how that is written."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tenfold.foundation.serial import from_json, to_json
from tenfold.records.model import Candidate

Values = npt.NDArray[np.float64]
Files = Mapping[str, bytes | Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A candidate after its folds.

    Attributes
    ----------
    candidate : Candidate
        With loss and decisions; its loss is infinite when no fold was finished.
    oof : ndarray of shape (n_rows, n_outputs)
        Out-of-fold predictions; NaN for rows that were not predicted.
    first_loss : float
        Loss on the first fold.
    folds : mapping from fold to its model's files
        Where models of the learner can be merged.
    curve : tuple of float
        Losses on the first fold at the levels of progress, for learners that boost.
    dropped : str
        Why it did not finish: ``race``, ``time``, or the reason for which it failed; empty when it did.
    """

    candidate: Candidate
    oof: Values
    first_loss: float = math.inf
    folds: Mapping[int, Mapping[str, bytes]] = field(default_factory=dict)
    curve: tuple[float, ...] = ()
    dropped: str = ""

    @property
    def key(self) -> str:
        """The candidate's key."""
        return self.candidate.key

    @property
    def finished(self) -> int:
        """How many folds were finished."""
        return sum(decision.fold >= 0 for decision in self.candidate.fits)

    @property
    def fold_seconds(self) -> float:
        """Mean seconds of one fold's fit."""
        return self.candidate.seconds / max(self.finished, 1)

    def files(self) -> dict[str, bytes]:
        """Return ``<key>/scored.json``, ``<key>/oof.npy`` and the folds' models ``<key>/folds/<fold>/...``."""
        numbers = {"loss": self.candidate.loss, "score": self.candidate.score}
        facts = _Facts(
            candidate=replace(
                self.candidate,
                loss=self.candidate.loss if math.isfinite(self.candidate.loss) else 0.0,
                score=self.candidate.score if math.isfinite(self.candidate.score) else 0.0,
            ),
            absent=tuple(name for name, number in numbers.items() if not math.isfinite(number)),
            first_loss=self.first_loss if math.isfinite(self.first_loss) else None,
            curve=self.curve,
            dropped=self.dropped,
        )
        files = {f"{self.key}/scored.json": to_json(facts), f"{self.key}/oof.npy": array_bytes(self.oof)}
        for fold, model in self.folds.items():
            files.update({f"{self.key}/folds/{fold}/{name}": content for name, content in model.items()})
        return files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What stands in ``scored.json``; absent numbers are null.

    ``absent`` names those numbers of a candidate that it does not have, since time ran out before its folds were done.
    """

    candidate: Candidate
    first_loss: float | None
    curve: tuple[float, ...]
    dropped: str
    absent: tuple[str, ...] = ()


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
    facts = from_json(_Facts, _content(files[f"{key}/scored.json"]))
    oof: Values = np.load(io.BytesIO(_content(files[f"{key}/oof.npy"])), allow_pickle=False)
    folds: dict[int, dict[str, bytes]] = {}
    for name in _under(files, f"{key}/folds/"):
        fold, _, file = name.partition("/")
        folds.setdefault(int(fold), {})[file] = _content(files[f"{key}/folds/{name}"])
    return Scored(
        candidate=replace(
            facts.candidate,
            loss=math.inf if "loss" in facts.absent else facts.candidate.loss,
            score=math.nan if "score" in facts.absent else facts.candidate.score,
        ),
        oof=oof,
        first_loss=math.inf if facts.first_loss is None else facts.first_loss,
        folds=dict(sorted(folds.items())),
        curve=facts.curve,
        dropped=facts.dropped,
    )


def _under(files: Iterable[str], prefix: str) -> list[str]:
    return sorted(name.removeprefix(prefix) for name in files if name.startswith(prefix))


def _content(file: bytes | Path) -> bytes:
    return file.read_bytes() if isinstance(file, Path) else file
