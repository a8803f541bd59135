"""Two columns as one: products, ratios, differences, and crosses of categories, chosen on the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.interaction_choice import (
    Pair,
    Scored,
    all_pairs,
    combined,
    relevant,
    sample_of,
    scored_pairs,
)
from tenfold.bundle.transforms.levels import codes, word, words
from tenfold.bundle.transforms.protocols import OnColumns, Read, Row, State, Transform
from tenfold.bundle.transforms.settings import whole
from tenfold.bundle.transforms.target_encoding import INNER_FOLDS, SMOOTHING_ROWS
from tenfold.bundle.transforms.values import number, numbers
from tenfold.records.features import Step

Integers = npt.NDArray[np.int64]
_LARGEST = 1e150


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedInteractions:
    """A column for each pair of numbers, and the target's mean (one for each output) for each cross of categories.

    A pair's column means the same whichever rows it was fitted on. Those that the training rows did not choose were
    constant while the learner learned, so nothing leans on them.

    ``chosen`` says which were; ``centers`` of shape (n_pairs, 2) are what products deviate from; ``crosses`` hold, for
    each cross, its levels and their means, the last for all that training did not see.
    """

    pairs: tuple[Pair, ...]
    outputs: int
    chosen: npt.NDArray[np.bool_]
    centers: Floats
    crosses: Mapping[int, tuple[tuple[tuple[str, str], ...], Floats]] = field(repr=False)
    names: tuple[str, ...]
    places: Mapping[int, dict[tuple[str, str], int]] = field(repr=False)
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        result = np.empty((table.height, len(self.names)))
        column = 0
        for place, pair in enumerate(self.pairs):
            if pair.operation == "cross":
                held = self._cross_places(place, table)
                result[:, column : column + self.outputs] = self.crosses[place][1][held]
                column += self.outputs
            else:
                first, second = numbers(table, pair.first), numbers(table, pair.second)
                result[:, column] = self._combined(place, first, second)
                column += 1
        return result

    def apply_row(self, row: Row) -> list[float]:
        result: list[float] = []
        for place, pair in enumerate(self.pairs):
            if pair.operation == "cross":
                first, second = word(row, pair.first, None), word(row, pair.second, None)
                unseen = len(self.crosses[place][0])
                level = unseen if first is None or second is None else self.places[place].get((first, second), unseen)
                result.extend(self.crosses[place][1][level].tolist())
            else:
                first_number, second_number = number(row, pair.first), number(row, pair.second)
                made = self._combined(place, np.array([first_number]), np.array([second_number]))
                result.append(float(made[0]))
        return result

    def on_columns(self) -> OnColumns:
        def combined(read: Read) -> Floats:
            result = np.empty((read.rows, len(self.names)))
            column = 0
            for place, pair in enumerate(self.pairs):
                if pair.operation != "cross":
                    result[:, column] = self._combined(place, read.numbers(pair.first), read.numbers(pair.second))
                    column += 1
                    continue
                both = zip(read.words(pair.first), read.words(pair.second), strict=True)
                known, (levels, means) = self.places[place], self.crosses[place]
                held = [known.get(words, len(levels)) for words in both]  # type: ignore[arg-type]  # None is in none
                result[:, column : column + self.outputs] = means[held]
                column += self.outputs
            return result

        return combined

    def state(self) -> State:
        arrays: dict[str, npt.NDArray[Any]] = {"chosen": self.chosen, "centers": self.centers}
        arrays.update({f"means{place}": means for place, (_, means) in self.crosses.items()})
        levels = {str(place): [list(level) for level in levels] for place, (levels, _) in self.crosses.items()}
        return State(facts={"outputs": self.outputs, "levels": levels}, arrays=arrays)

    def _combined(self, place: int, first: Floats, second: Floats) -> Floats:
        low, high = self.centers[place].tolist()
        made = combined(self.pairs[place].operation, first, second, (low, high))
        return np.clip(made, -_LARGEST, _LARGEST)

    def _cross_places(self, place: int, table: pl.DataFrame) -> Integers:
        pair, (levels, _) = self.pairs[place], self.crosses[place]
        own = [words(table, name, None) for name in (pair.first, pair.second)]
        # Levels are pairs of words: any sign could stand in a word, so none can join two of them.
        known = [tuple(sorted({level[side] for level in levels})) for side in (0, 1)]
        coded = [codes(text, side) for text, side in zip(own, known, strict=True)]
        width = len(known[1]) + 1
        joint = np.full(len(known[0]) * width + 1, len(levels), dtype=np.int64)
        position = [{value: code for code, value in enumerate(side)} for side in known]
        for at, (first, second) in enumerate(levels):
            joint[position[0][first] * width + position[1][second]] = at
        both = coded[0] * width + coded[1]
        return joint[np.where(np.isnan(both), len(joint) - 1, both).astype(np.int64)]


def pairs_of(step: Step) -> tuple[Pair, ...]:
    """Return the pairs that a step may use; read back from JSON they are lists."""
    written = cast("Sequence[Sequence[Any]]", step.settings["pairs"])
    return tuple(Pair(operation=each[0], first=each[1], second=each[2]) for each in written)


def choose(pairs: Sequence[Pair] | None, columns: Sequence[str], table: pl.DataFrame, target: Floats) -> list[Scored]:
    """Return the pairs that tell more than their columns alone, judged on training rows, best first.

    Parameters
    ----------
    pairs : sequence of Pair or None
        Those to choose among; None is every pair. Only pairs of columns that are worth pairing are looked at.
    columns : sequence of str
        All columns that may be paired; the effects of those worth pairing are taken off before pairs are judged.
    """
    rows = sample_of(table.height)
    held = table[rows]
    numeric = {name: numbers(held, name) for name in columns if held[name].dtype != pl.String}
    coded = {name: _coded(held[name]) for name in columns if held[name].dtype == pl.String}
    if not len(rows):
        return []
    kept = set(relevant(numeric, coded, target[rows]))
    numeric = {name: values for name, values in numeric.items() if name in kept}
    coded = {name: values for name, values in coded.items() if name in kept}
    among = all_pairs(list(numeric), list(coded)) if pairs is None else pairs
    inside = [pair for pair in among if pair.first in kept and pair.second in kept]
    return scored_pairs(inside, numeric, coded, target[rows])


def _coded(values: pl.Series) -> Integers:
    levels = tuple(values.drop_nulls().unique().sort().to_list())
    found = codes(values, levels)
    return np.where(np.isnan(found), -1, found).astype(np.int64)


def _outputs(step: Step) -> int:
    return whole(step, "outputs", 1)


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedInteractions:
    """Choose pairs and learn their centers and means; ``settings``: pairs, most, outputs (of the target)."""
    if target is None:
        raise ValueError("interactions cannot be chosen without the target")
    return cross_fit(step, table, target, rng)[0]


def cross_fit(
    step: Step, table: pl.DataFrame, target: Floats, rng: np.random.Generator
) -> tuple[FittedInteractions, Floats]:
    """Fit, and return the training rows' values: 0 for pairs that were not chosen, crosses without the own label."""
    pairs, outputs = pairs_of(step), _outputs(step)
    most = whole(step, "most", 10)
    best = {each.pair for each in choose(pairs, step.columns, table, target)[:most]}
    chosen = np.array([pair in best for pair in pairs], dtype=np.bool_)
    centers = np.zeros((len(pairs), 2))
    facts: dict[str, list[list[str]]] = {}
    arrays: dict[str, npt.NDArray[Any]] = {"chosen": chosen, "centers": centers}
    inside: dict[int, Floats] = {}
    fold = rng.permutation(table.height) % INNER_FOLDS
    for place, pair in enumerate(pairs):
        if pair.operation == "cross":
            own = table.select(first=words(table, pair.first, None), second=words(table, pair.second, None))
            levels = own.drop_nulls().unique().sort("first", "second")
            joined = own.join(levels.with_row_index("place"), on=["first", "second"], how="left", maintain_order="left")
            at = joined["place"].fill_null(levels.height).to_numpy().astype(np.int64)
            facts[str(place)] = [list(level) for level in levels.rows()]
            arrays[f"means{place}"] = _means(at, target, levels.height)
            inside[place] = np.empty((table.height, outputs))
            for part in range(INNER_FOLDS):
                mine = fold == part
                inside[place][mine] = _means(at[~mine], target[~mine], levels.height, target)[at[mine]]
        else:
            for side, name in enumerate((pair.first, pair.second)):
                values = numbers(table, name)
                present = values[~np.isnan(values)]
                centers[place, side] = present.mean() if len(present) else 0.0
    fitted = restore(step, State(facts={"outputs": outputs, "levels": facts}, arrays=arrays))
    values, column = fitted.apply(table), 0
    for place, pair in enumerate(pairs):
        width = outputs if pair.operation == "cross" else 1
        if not chosen[place]:
            values[:, column : column + width] = 0.0
        elif place in inside:
            values[:, column : column + width] = inside[place]
        column += width
    return fitted, values


def _means(at: Integers, target: Floats, levels: int, every: Floats | None = None) -> Floats:
    """Return the smoothed mean target of each level, and the overall mean for what is not known."""
    prior = (target if len(target) else every).mean(axis=0)  # type: ignore[union-attr]  # one of them has rows
    known = at < levels
    counts = np.bincount(at[known], minlength=levels).astype(np.float64)
    result = np.empty((levels + 1, target.shape[1]))
    for output in range(target.shape[1]):
        sums = np.bincount(at[known], weights=target[known, output] - prior[output], minlength=levels)
        result[:levels, output] = prior[output] + sums / (counts + SMOOTHING_ROWS)
    result[levels] = prior
    return result


def interaction_names(step: Step) -> tuple[str, ...]:
    """Return the columns that a step of interactions makes."""
    outputs = _outputs(step)
    names: list[str] = []
    for pair in pairs_of(step):
        if pair.operation == "cross" and outputs > 1:
            names += [f"{pair.name}__mean{output}" for output in range(outputs)]
        else:
            names.append(f"{pair.name}__mean" if pair.operation == "cross" else pair.name)
    return tuple(names)


def restore(step: Step, state: State) -> FittedInteractions:
    """Build it again from its state."""
    levels = {int(place): tuple((each[0], each[1]) for each in own) for place, own in state.facts["levels"].items()}
    return FittedInteractions(
        pairs=pairs_of(step),
        outputs=int(state.facts["outputs"]),
        chosen=state.arrays["chosen"],
        centers=state.arrays["centers"],
        crosses={place: (own, state.arrays[f"means{place}"]) for place, own in levels.items()},
        places={place: {level: at for at, level in enumerate(own)} for place, own in levels.items()},
        names=interaction_names(step),
    )


INTERACTIONS = Transform(fit=fit, restore=restore, cross_fit=cross_fit)
