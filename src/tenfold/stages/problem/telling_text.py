"""Texts and file names in which the answer is written."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Field
from tenfold.records.problem import Leak
from tenfold.stages.problem.sample import Sample

_ROWS = 3_000
_WORDS_OF_A_ROW = 200
_FEWEST_LEVELS = 30
_FEWEST_ROWS = 10
_PRECISE = 0.98
_PRECISE_LABEL = 0.9
_RECALLED = 0.3
_RECALLED_LABEL = 0.05
_TELLS_ALL = 0.97
_FILE_TELLS = 0.75
_WORD = re.compile(r"[^\W\d_]+|\d+|[<>=!+%-]+")
_FILE = r"[/\\]|\.[A-Za-z][A-Za-z0-9]{1,4}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telltale:
    """A word, or two in a row, that stands with one class: how surely, and in what share of that class.

    ``precision`` and ``balanced`` (the mean of recall and of the others' share without it) are as if all classes were
    equally frequent.
    """

    words: str
    code: int
    precision: float
    recall: float
    balanced: float


def answer_in_text(sample: Sample, known: Field, column: pl.Series) -> Leak | None:
    """Return a leak when words of a text, or parts of a file name, stand with one class and with hardly another."""
    if sample.task == "regression" or column.dtype != pl.String:
        return None
    present = column.drop_nulls()
    distinct = present.n_unique()
    if distinct < _FEWEST_LEVELS or len(present) < _FEWEST_LEVELS:
        return None
    named = bool(float(present.head(_ROWS).str.contains(_FILE).mean() or 0.0) > 0.5)  # type: ignore[arg-type]  # a mean of truths
    telltales = _telltales(column, sample)
    if not telltales:
        return None
    # A string of its own in every row is taken for an identifier, and is no feature.
    left_out = known.kind == "categorical" and distinct == len(present)
    where = "the file name" if named else "the text"
    all_told = _tells_every_class(telltales, sample)
    best = max(telltales, key=lambda told: (told.balanced, told.words))
    if all_told >= _TELLS_ALL:
        reason = f"{where} '{known.name}' holds the answer: '{best.words}' stands for '{sample.classes[best.code]}'"
        return _leak(known.name, reason, all_told, named=named, blocks=not left_out)
    for told in sorted(telltales, key=lambda told: -told.recall):
        labelled = _words_of(sample.classes[told.code]) == told.words.split()
        told_surely = told.precision >= _PRECISE and told.recall >= _RECALLED
        told_by_name = labelled and told.precision >= _PRECISE_LABEL and told.recall >= _RECALLED_LABEL
        if told_surely or told_by_name or (named and told.balanced >= _FILE_TELLS):
            reason = (
                f"{where} '{known.name}' holds '{told.words}' in {told.recall:.0%} of the rows of"
                f" '{sample.classes[told.code]}' and in hardly another: was it written with the outcome?"
            )
            return _leak(known.name, reason, told.balanced, named=named, blocks=False)
    return None


def _telltales(column: pl.Series, sample: Sample) -> list[Telltale]:
    step = max(len(column) // _ROWS, 1)
    rows = np.arange(0, len(column), step)
    truth = sample.truth[rows].astype(np.int64)
    sizes = np.bincount(truth, minlength=len(sample.classes)).astype(np.float64)
    held: dict[str, Counter[int]] = defaultdict(Counter)
    for text, code in zip(column.gather(rows), truth.tolist(), strict=True):
        words = _words_of(text or "")[:_WORDS_OF_A_ROW]
        pairs = (f"{first} {second}" for first, second in pairwise(words))
        for word in {*words, *pairs}:
            held[word][code] += 1
    fewest = max(_FEWEST_ROWS, 0.005 * len(rows))
    found = []
    for telling, counts in held.items():
        if counts.total() < fewest:
            continue
        shares = np.zeros(len(sizes))
        for code, count in counts.items():
            shares[code] = count / sizes[code]
        code = int(shares.argmax())
        others = np.delete(shares, code)[np.delete(sizes, code) > 0]
        away = float(others.mean()) if len(others) else 0.0
        recall = float(shares[code])
        found.append(
            Telltale(
                words=telling,
                code=code,
                precision=recall / float(shares.sum()),
                recall=recall,
                balanced=(recall + 1 - away) / 2,
            )
        )
    return found


def _tells_every_class(telltales: list[Telltale], sample: Sample) -> float:
    """Return the share of rows, classes weighing alike, that words standing for their class alone name rightly."""
    if sample.task == "binary":
        return max(told.balanced for told in telltales)
    sizes: npt.NDArray[np.int64] = np.bincount(sample.truth.astype(np.int64), minlength=len(sample.classes))
    best = np.zeros(len(sizes))
    for told in telltales:
        if told.precision >= _PRECISE:
            best[told.code] = max(best[told.code], told.recall)
    present = sizes >= _FEWEST_ROWS
    # Who knows all classes but one knows that one as well.
    return float(np.sort(best[present])[1:].mean()) if present.sum() > 1 else 0.0


def _words_of(text: str) -> list[str]:
    return [found.group().casefold() for found in _WORD.finditer(text)]


def _leak(column: str, reason: str, strength: float, *, named: bool, blocks: bool) -> Leak:
    advice = (
        f"; write `data: {{columns: {{{column}: {{role: ignored}}}}}}`, or `{{allow: true}}` if it is known in time"
        if blocks
        else ""
    )
    return Leak(
        column=column,
        kind="file-name" if named else "text",
        severity="block" if blocks else "warn",
        reason=reason + advice,
        strength=strength,
    )
