"""Texts that are nearly another text, found by MinHash."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

MOST_TEXTS = 50_000
SIMILAR = 0.7
"""Jaccard similarity of two texts' runs of characters from which on they are nearly the same."""
_RUN = 5
_LONGEST = 2_000
_MOST_CHARACTERS = 2_000_000
_SHORTEST = 20
_HASHES = 64
_BAND = 4
_PRIME = (1 << 31) - 1
_MOST_MATES = 25
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NearTexts:
    """Pairs of rows whose texts are nearly the same, (smaller, larger), of shape (n_pairs, 2); equal texts too."""

    pairs: npt.NDArray[np.int64]
    rows: int


def find_near_texts(texts: pl.Series, rng: np.random.Generator) -> NearTexts:
    """Return the pairs of texts that share most of their runs of five characters, case and blanks aside.

    Candidates agree in a band of four out of 64 minimum hashes (Broder, 1997, "On the resemblance and containment of
    documents"); each is compared in full. Short texts are left out: they are equal by chance.
    """
    runs: list[npt.NDArray[np.int64]] = []
    rows: list[int] = []
    longest = max(_SHORTEST * 2, min(_LONGEST, _MOST_CHARACTERS // max(min(len(texts), MOST_TEXTS), 1)))
    for row, text in enumerate(texts.head(MOST_TEXTS)):
        plain = _BLANKS.sub(" ", (text or "").casefold()).strip()[:longest]
        if len(plain) < _SHORTEST:
            continue
        data = plain.encode("utf-8", "surrogatepass")
        hashed = {zlib.crc32(data[start : start + _RUN]) & 0x7FFFFFFF for start in range(len(data) - _RUN + 1)}
        runs.append(np.sort(np.fromiter(hashed, dtype=np.int64)))
        rows.append(row)
    pairs = [
        (rows[left], rows[right])
        for left, right in sorted(_candidates(runs, rng))
        if _jaccard(runs[left], runs[right]) >= SIMILAR
    ]
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return NearTexts(pairs=found, rows=len(np.unique(found)))


def _candidates(runs: list[npt.NDArray[np.int64]], rng: np.random.Generator) -> set[tuple[int, int]]:
    if not runs:
        return set()
    factor = rng.integers(1, _PRIME, _HASHES)[:, None]
    shift = rng.integers(0, _PRIME, _HASHES)[:, None]
    least = np.stack([((factor * each + shift) % _PRIME).min(axis=1) for each in runs])
    found: set[tuple[int, int]] = set()
    for start in range(0, _HASHES, _BAND):
        band = np.ascontiguousarray(least[:, start : start + _BAND])
        _, group = np.unique(band, axis=0, return_inverse=True)
        order = np.argsort(group, kind="stable")
        ordered = group[order]
        for step in range(1, _MOST_MATES):
            same = ordered[step:] == ordered[:-step]
            if not same.any():
                break
            found.update(zip(order[:-step][same].tolist(), order[step:][same].tolist(), strict=True))
    return {(min(pair), max(pair)) for pair in found}


def _jaccard(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> float:
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)
