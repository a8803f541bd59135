"""Texts as a few topics: weighted words (TF-IDF, or hashed), reduced by a truncated singular value decomposition."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import only_column
from tenfold.bundle.transforms.protocols import OnWords, Row, State, Transform
from tenfold.bundle.transforms.settings import whole
from tenfold.bundle.transforms.values import texts
from tenfold.records.features import Step

COMPONENTS = 10
TERMS = 2_000
BUCKETS = 4_096
_FEWEST_TEXTS = 2
_SPARE, _ITERATIONS = 10, 7
_WORD = re.compile(r"[^\W_]{2,}")
_LONGEST = 5_000
"""Characters of a text that are read; one enormous text must not stop a request."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedTextTopics:
    """A text's words, weighted by how rare they are, of length one, on the axes of the training texts.

    Words are runs of two letters or digits and more, in lower case. ``weights`` of shape (n_terms,) are the inverse
    document frequencies ln((1 + n) / (1 + n_t)) + 1 (Salton and Buckley, 1988, smoothed); ``axes`` of shape
    (n_terms, n_components) come of the decomposition (latent semantic analysis, Deerwester et al., 1990). A missing
    text, and one without a known word, is 0 throughout.
    """

    column: str
    vocabulary: Mapping[str, int] = field(repr=False)
    weights: Floats = field(repr=False)
    axes: Floats = field(repr=False)
    names: tuple[str, ...]
    hashed: bool
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        return self._projected(texts(table, self.column).to_list())

    def apply_row(self, row: Row) -> list[float]:
        made: list[float] = self._projected([row[self.column]])[0].tolist()
        return made

    def on_words(self) -> OnWords:
        def projected(values: Sequence[str | None], out: Floats) -> None:
            out[:] = self._projected(values)

        return projected

    def state(self) -> State:
        return State(facts={"terms": list(self.vocabulary)}, arrays={"weights": self.weights, "axes": self.axes})

    def _projected(self, held: Sequence[object]) -> Floats:
        result = np.zeros((len(held), len(self.names)))
        for place, text in enumerate(held):
            terms, counts = _terms(text, self.vocabulary, len(self.weights) if self.hashed else 0)
            if len(terms):
                weighted = counts * self.weights[terms]
                result[place] = (weighted / np.sqrt((weighted**2).sum())) @ self.axes[terms]
        return result


def _terms(text: object, vocabulary: Mapping[str, int], buckets: int) -> tuple[Integers, Floats]:
    """Return the places of a text's terms and how often each occurs."""
    counts: Counter[int] = Counter()
    for word in _words(text):
        place = crc32(word.encode("utf-8", "surrogatepass")) % buckets if buckets else vocabulary.get(word)
        if place is not None:
            counts[place] += 1
    found = sorted(counts)
    return np.array(found, dtype=np.int64), np.array([counts[place] for place in found], dtype=np.float64)


def _words(text: object) -> list[str]:
    return _WORD.findall(str(text)[:_LONGEST].lower()) if text is not None else []


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedTextTopics:
    """Learn terms, weights and axes; ``settings``: method (tfidf or hashing), components, terms (at most so many).

    Of more terms the most frequent are kept; each stands in two training texts or more.
    """
    del target
    hashed = _hashed(step)
    held = texts(table, only_column(step)).to_list()
    most = whole(step, "terms", BUCKETS if hashed else TERMS)
    vocabulary: dict[str, int] = {}
    if not hashed:
        spread = Counter(word for text in held for word in set(_words(text)))
        frequent = sorted(
            (word for word, count in spread.items() if count >= _FEWEST_TEXTS), key=lambda word: (-spread[word], word)
        )
        vocabulary = {word: place for place, word in enumerate(sorted(frequent[:most]))}
    found = [_terms(text, vocabulary, most if hashed else 0) for text in held]
    size = most if hashed else len(vocabulary)
    present = np.zeros(size)
    for terms, _ in found:
        present[terms] += 1
    weights = np.log((1.0 + sum(text is not None for text in held)) / (1.0 + present)) + 1.0
    axes = _axes(found, weights, _components(step), rng)
    return restore(step, State(facts={"terms": list(vocabulary)}, arrays={"weights": weights, "axes": axes}))


def _axes(
    found: Sequence[tuple[Integers, Floats]], weights: Floats, components: int, rng: np.random.Generator
) -> Floats:
    """Return the right singular vectors of the weighted texts, greatest first, each pointing to its greatest entry."""
    from scipy.sparse import csr_matrix

    axes = np.zeros((len(weights), components))
    rows, data, starts = [], [], [0]
    for terms, counts in found:
        weighted = counts * weights[terms]
        rows.append(terms)
        data.append(weighted / np.sqrt((weighted**2).sum()) if len(terms) else weighted)
        starts.append(starts[-1] + len(terms))
    count = min(components, len(weights), len(found))
    if not starts[-1] or not count:
        return axes
    matrix = csr_matrix((np.concatenate(data), np.concatenate(rows), starts), shape=(len(found), len(weights)))
    strengths, vectors = _singular(matrix, count, rng)
    for component, (strength, vector) in enumerate(zip(strengths, vectors, strict=True)):
        if strength > 1e-9 * max(float(strengths[0]), 1e-9):
            axes[:, component] = vector * np.sign(vector[np.argmax(np.abs(vector))])
    return axes


def _singular(matrix: Any, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the greatest singular values and right vectors of a sparse matrix, by subspace iteration.

    Halko, Martinsson and Tropp (2011), algorithm 4.4, with a few directions more than are asked for.
    """
    wide = min(count + _SPARE, *matrix.shape)
    basis, _ = np.linalg.qr(matrix @ rng.standard_normal((matrix.shape[1], wide)))
    for _ in range(_ITERATIONS):
        turned, _ = np.linalg.qr(matrix.T @ basis)
        basis, _ = np.linalg.qr(matrix @ turned)
    _, strengths, vectors = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return strengths[:count], vectors[:count]


def _hashed(step: Step) -> bool:
    return step.settings.get("method", "tfidf") == "hashing"


def _components(step: Step) -> int:
    return whole(step, "components", COMPONENTS)


def topic_names(column: str, components: int) -> tuple[str, ...]:
    """Return the columns that the topics of a text make."""
    return tuple(f"{column}__topic{component}" for component in range(components))


def restore(step: Step, state: State) -> FittedTextTopics:
    """Build it again from its state."""
    column = only_column(step)
    return FittedTextTopics(
        column=column,
        vocabulary={word: place for place, word in enumerate(state.facts["terms"])},
        weights=state.arrays["weights"],
        axes=state.arrays["axes"],
        names=topic_names(column, _components(step)),
        hashed=_hashed(step),
    )


TEXT_TOPICS = Transform(fit=fit, restore=restore, aligned=False)
