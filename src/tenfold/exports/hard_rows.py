"""Rows that are hard to read: what a model reads wrongly where it was rewritten carelessly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tenfold.bundle.canonical import BLANKS, Value
from tenfold.bundle.model import Model
from tenfold.bundle.plan.proof import hard_rows as peculiar_rows
from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.oblivious import ObliviousPredictor
from tenfold.records.dataset import Field

ROWS = 10_000
_LARGEST_EDGE = 1e15
_EDGES_OF_A_COLUMN = 4096
_UNSEEN = (
    "\u2603 never seen", "0", "-1", "nan", "None", "null", "NULL", "true", "it's", 'say "so"', "back\\slash", "a;b--c",
    "%s {0} $1", "e\u0301", "\u00e9", "\U0001f600", "tab\there", "x" * 300, "\u0130", "stra\u00dfe",
)  # fmt: skip
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""Beyond, clocks on the wall are anybody's guess."""
_SMALL, _LARGE = (0.0, -0.0, 5e-324, -5e-324, 1e-35, -1e-36, 1e-7), (1e12, -1e12, 16_777_217.0, 3.5e38, -1e150, 1.7e308)


@dataclass(frozen=True, slots=True, kw_only=True)
class HardRows:
    """Rows of canonical values in the order of the signature, and what is peculiar about each."""

    rows: tuple[tuple[Value, ...], ...]
    why: tuple[str, ...]


def hard_rows(model: Model, *, count: int = ROWS, seed: int = 7) -> HardRows:
    """Return rows that are hard to read, made of the model's own probe rows and of what it was fitted to.

    Up to half of them vary one column of a known row: missing, unseen, extreme, whole numbers for floats. The others
    draw every column anew: known values, missing ones, unseen words and known ones written otherwise, and numbers at,
    just below and just above the borders of the model's trees, in double and in single precision.

    Parameters
    ----------
    count : int
        How many; a model that reads nothing has but one row.
    """
    fields = model.signature.fields
    given = () if model.probe is None else tuple(model.probe.rows.select(model.signature.names).rows())
    if not fields:
        return HardRows(rows=((),) * count, why=("nothing is read",) * count)
    rng = np.random.default_rng(seed)
    single = [(_told(why), tuple(map(_canonical, row))) for why, row in peculiar_rows(fields, given)] if given else []
    # With very many columns: every column's missing value first, then as many of the others as there is room for.
    single.sort(key=lambda case: case[0] != "a missing value")
    single = single[: count // 2]
    edges, words = _edges(model), _words(model)
    pools = [
        _Pool(
            field=field,
            known=tuple(row[place] for row in given if row[place] is not None),
            edges=edges.get(field.name, np.empty(0)),
            words=words.get(field.name, ()),
        )
        for place, field in enumerate(fields)
    ]
    drawn: list[tuple[str, tuple[Value, ...]]] = []
    while len(single) + len(drawn) < count:
        ways = _WAYS[int(rng.integers(len(_WAYS)))]
        drawn.append((ways, tuple(pool.draw(ways, rng) for pool in pools)))
    cases = [*single, *drawn]
    return HardRows(rows=tuple(row for _, row in cases), why=tuple(why for why, _ in cases))


_WAYS = ("at borders", "missing among others", "unseen among others", "known values mixed", "whole numbers", "extremes")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """What the values of one column are drawn from."""

    field: Field
    known: Sequence[Value]
    edges: Any
    words: Sequence[str]

    def draw(self, way: str, rng: np.random.Generator) -> Value:
        """Return a value; ``way`` is what most columns of the row are to be."""
        if rng.random() < (0.35 if way == "missing among others" else 0.04):
            return None
        return _DRAWN[self.field.kind](self, way, rng)

    def _a_known(self, rng: np.random.Generator) -> Value:
        return self.known[int(rng.integers(len(self.known)))] if self.known else None

    def number(self, way: str, rng: np.random.Generator) -> Value:
        if way == "extremes" and rng.random() < 0.3:
            some = _LARGE if rng.random() < 0.5 else _SMALL
            return some[int(rng.integers(len(some)))]
        if way in {"at borders", "unseen among others"} and len(self.edges) and rng.random() < 0.8:
            return _beside(float(self.edges[int(rng.integers(len(self.edges)))]), rng)
        known = self._a_known(rng)
        if not isinstance(known, int | float):
            return float(rng.normal() * 100.0)
        if way == "whole numbers" and abs(known) < 2.0**53:
            return round(known)
        if rng.random() < 0.3:
            return float(known) * float(rng.uniform(-0.5, 2.0))
        return known

    def truth(self, way: str, rng: np.random.Generator) -> Value:
        return bool(rng.random() < 0.5)

    def word(self, way: str, rng: np.random.Generator) -> Value:
        if rng.random() < (0.4 if way == "unseen among others" else 0.05):
            return _UNSEEN[int(rng.integers(len(_UNSEEN)))]
        if self.words and rng.random() < 0.6:
            word = self.words[int(rng.integers(len(self.words)))]
            if way == "unseen among others" and rng.random() < 0.3:
                return _otherwise(word)
            return word
        known = self._a_known(rng)
        if way == "unseen among others" and isinstance(known, str) and rng.random() < 0.3:
            return _otherwise(known)
        return known

    def moment(self, way: str, rng: np.random.Generator) -> Value:
        known = self._a_known(rng)
        begin = known if isinstance(known, datetime) else datetime(2024, 1, 1, tzinfo=UTC)
        if way in {"known values mixed", "missing among others"}:
            return known
        spread = 36_500.0 if way == "extremes" else 400.0
        moved = min(max(begin + timedelta(days=float(rng.uniform(-spread, spread))), _FIRST), _LAST)
        return moved.replace(microsecond=0) if way == "whole numbers" else moved


_DRAWN: Mapping[str, Callable[[_Pool, str, np.random.Generator], Value]] = {
    "numeric": _Pool.number,
    "boolean": _Pool.truth,
    "categorical": _Pool.word,
    "text": _Pool.word,
    "datetime": _Pool.moment,
}


def _beside(edge: float, rng: np.random.Generator) -> float:
    """Return a border itself, or the number beside it in double or in single precision."""
    way = int(rng.integers(5))
    if way == 0:
        return edge
    if way < 3:
        return float(np.nextafter(edge, np.inf if way == 1 else -np.inf))
    single = np.float32(edge)
    return float(single if way == 3 else np.nextafter(single, np.float32(np.inf)))


def _otherwise(word: str) -> str:
    """Return a word that people take for the same and a model does not."""
    swapped = word.swapcase()
    return (swapped if swapped != word else f"{word}.0").strip() or "."


def _canonical(value: Value) -> Value:
    """Return a value as the signature reads it: texts never begin or end with blanks."""
    return (value.strip(BLANKS) or None) if isinstance(value, str) else value


def _told(why: str) -> str:
    """Return what is peculiar about a row of the plan's proof in few words, so that rows can be counted by it."""
    if why.startswith("'"):
        return "a missing value" if why.endswith(" as None") else "an extreme or unseen value"
    return "whole numbers" if why.endswith("in whole numbers") else "a known row" if why.startswith("row ") else why


def _edges(model: Model) -> dict[str, Any]:
    """Return for each column of numbers where the model's trees divide it, or where a step does."""
    found: dict[str, list[float]] = {}
    for part in model.parts:
        names = model.views[part.view].names
        for column, edge in _thresholds(part.predictor):
            found.setdefault(names[column], []).append(edge)
    for view in model.views.values():
        for step, fitted in zip(view.steps, view.fitted, strict=True):
            for array in fitted.state().arrays.values():
                if array.dtype.kind == "f" and len(step.columns) == 1:
                    found.setdefault(step.columns[0], []).extend(array.ravel()[:_EDGES_OF_A_COLUMN].tolist())
    return {
        name: chosen
        for name, edges in found.items()
        if len(chosen := np.unique([edge for edge in edges if abs(edge) < _LARGEST_EDGE])[:_EDGES_OF_A_COLUMN])
    }


def _thresholds(predictor: object) -> list[tuple[int, float]]:
    if isinstance(predictor, LightGBMPredictor):
        result = []
        for line in predictor.text.splitlines():
            if line.startswith("split_feature="):
                features = [int(each) for each in line.partition("=")[2].split()]
            elif line.startswith("threshold="):
                result += list(zip(features, map(float, line.partition("=")[2].split()), strict=True))
        return result
    if isinstance(predictor, ForestPredictor):
        return list(zip(predictor.feature.tolist(), predictor.threshold.tolist(), strict=True))
    if isinstance(predictor, ObliviousPredictor):
        return list(zip(predictor.feature.ravel().tolist(), predictor.above.ravel().tolist(), strict=True))
    return []


def _words(model: Model) -> dict[str, tuple[str, ...]]:
    """Return for each column of words those that a step knows."""
    found: dict[str, dict[str, None]] = {}
    for field in model.signature.fields:
        found.setdefault(field.name, {}).update(dict.fromkeys(field.levels or ()))
    for view in model.views.values():
        for step, fitted in zip(view.steps, view.fitted, strict=True):
            levels = getattr(fitted, "levels", None)
            if isinstance(levels, tuple) and len(step.columns) == 1 and all(isinstance(each, str) for each in levels):
                found.setdefault(step.columns[0], {}).update(dict.fromkeys(levels))
    return {name: tuple(words) for name, words in found.items()}
