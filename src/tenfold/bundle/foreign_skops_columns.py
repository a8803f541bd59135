"""What the preprocessing of a scikit-learn pipeline does to each column, as steps of ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tenfold.bundle.foreign_skops_file import Thing
from tenfold.bundle.transforms.protocols import State
from tenfold.bundle.transforms.table import transform_called
from tenfold.bundle.view import assembled
from tenfold.foundation.errors import InputError
from tenfold.records.features import Step

_ABOVE_ALL = 1e150


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a model of the pipeline reads.

    Attributes
    ----------
    steps : tuple of (Step, State)
        Over columns called by their places: ``0``, ``1``, ...
    places : ndarray of shape (n_read,)
        For each column that scikit-learn's model reads, where it stands in our view.
    width : int
        Columns of our view.
    words, numbers_as_words : sets of int
        The columns that hold words; those of them that hold numbers, taken as words.
    """

    steps: tuple[tuple[Step, State], ...]
    places: Any
    width: int
    words: frozenset[int]
    numbers_as_words: frozenset[int]
    findings: tuple[str, ...]


@dataclass(slots=True)
class _Column:
    """One column on its way: where it came from, what was done to it, and what it is called in our view."""

    place: int
    name: str
    filled: bool = False
    fill: str | None = None
    done: bool = False


@dataclass(slots=True)
class Columns:
    """The matrix of a pipeline, column by column, while its steps are gone through."""

    now: list[_Column]
    steps: list[tuple[Step, State]] = field(default_factory=list)
    words: set[int] = field(default_factory=set)
    numbers_as_words: set[int] = field(default_factory=set)
    used: set[tuple[int, str]] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)
    middles: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, count: int) -> Columns:
        """Return the columns that a pipeline is given."""
        return cls(now=[_Column(place=place, name=str(place)) for place in range(count)])

    def through(self, step: Thing, names: Sequence[str]) -> None:
        """Go through one step.

        Raises
        ------
        InputError
            When it cannot be carried over.
        """
        self.now = self._after(step, self.now, names)

    def _after(self, step: Thing, given: list[_Column], names: Sequence[str]) -> list[_Column]:
        if step.name == "ColumnTransformer":
            return self._divided(step, given, names)
        if step.name == "Pipeline":
            for _, each in step["steps"]:
                if isinstance(each, Thing):
                    given = self._after(each, given, names)
                elif each not in (None, "passthrough"):
                    raise InputError(f"the pipeline has a step {each!r}")
            return given
        if step.name == "FunctionTransformer" and step.get("func") is None and step.get("inverse_func") is None:
            return given
        made = {
            "SimpleImputer": self._imputed,
            "StandardScaler": self._scaled,
            "MinMaxScaler": self._scaled,
            "MaxAbsScaler": self._scaled,
            "RobustScaler": self._scaled,
            "OneHotEncoder": self._one_hot,
            "OrdinalEncoder": self._ordinal,
        }.get(step.name)
        if made is None:
            raise InputError(f"the pipeline has a {step.name}, which is not carried over")
        if any(column.done for column in given):
            raise InputError(
                f"the pipeline has a {step.name} after categories became numbers, which is not carried over"
            )
        return made(step, given)

    def _divided(self, step: Thing, given: list[_Column], names: Sequence[str]) -> list[_Column]:
        if step.get("transformer_weights") is not None:
            raise InputError("the ColumnTransformer weighs its columns, which is not carried over")
        which = step["_transformer_to_input_indices"]
        result: list[_Column] = []
        for name, transformer, _ in step["transformers_"]:
            places = [int(each) for each in which.get(name, [])]
            if transformer == "drop" or not places:
                continue
            part = [_Column(**_kept(given[place])) for place in places]
            for column in part:
                if any(column.place == other and name != by for other, by in self.used):
                    raise InputError("the ColumnTransformer reads a column twice, which is not carried over")
                self.used.add((column.place, name))
            if isinstance(transformer, Thing):
                part = self._after(transformer, part, names)
            elif transformer != "passthrough":
                raise InputError(f"the ColumnTransformer has a transformer {transformer!r}")
            result += part
        return result

    def _imputed(self, step: Thing, given: list[_Column]) -> list[_Column]:
        gone = step.get("missing_values")
        if not (isinstance(gone, float) and math.isnan(gone)):
            raise InputError(f"the SimpleImputer fills {gone!r}, which is not carried over")
        values = np.asarray(step["statistics_"], dtype=object).tolist()
        result, fills = [], {}
        for column, value in zip(given, values, strict=True):
            if isinstance(value, str):
                self.words.add(column.place)
                column.fill = value
            elif value is None or math.isnan(float(value)):
                continue  # never known in training: scikit-learn leaves it out
            else:
                fills[column.name] = float(value)
            column.filled = True
            result.append(column)
        if fills:
            marked = bool(step.get("add_indicator"))
            made = Step(kind="impute", columns=tuple(fills), settings={"indicator": True} if marked else {})
            self.steps.append((made, State(arrays={"fills": np.array(list(fills.values()))})))
            if marked:
                told = [int(each) for each in np.asarray(step["indicator_"]["features_"]).tolist()]
                result += [
                    _Column(place=given[at].place, name=f"{given[at].name}__missing", filled=True) for at in told
                ]
        return result

    def _scaled(self, step: Thing, given: list[_Column]) -> list[_Column]:
        count = len(given)
        if step.name == "MinMaxScaler":
            if step.get("clip"):
                raise InputError("the MinMaxScaler cuts numbers (clip), which is not carried over")
            spreads = 1.0 / np.asarray(step["scale_"], dtype=np.float64)
            centers = -np.asarray(step["min_"], dtype=np.float64) * spreads
        else:
            key = {"StandardScaler": "mean_", "RobustScaler": "center_"}.get(step.name)
            wanted = step.get(
                {"StandardScaler": "with_mean", "RobustScaler": "with_centering"}.get(step.name, ""), True
            )
            center = step.get(key) if key and wanted else None
            scale = step.get("scale_")
            centers = np.zeros(count) if center is None else np.asarray(center, dtype=np.float64)
            spreads = np.ones(count) if scale is None else np.asarray(scale, dtype=np.float64)
        made = Step(kind="scale", columns=tuple(column.name for column in given))
        self._fill_with({column.name: center for column, center in zip(given, centers.tolist(), strict=True)}, given)
        self.steps.append((made, State(arrays={"centers": centers, "spreads": spreads})))
        return given

    def _fill_with(self, values: dict[str, float], given: list[_Column]) -> None:
        """Remember what a column that is never filled would be filled with: the middle of its scale."""
        for column in given:
            if not column.filled:
                self.middles.setdefault(column.name, values[column.name])

    def _one_hot(self, step: Thing, given: list[_Column]) -> list[_Column]:
        if step.get("min_frequency") is not None or step.get("max_categories") is not None:
            raise InputError("the OneHotEncoder joins rare categories, which is not carried over")
        dropped = step.get("drop_idx_")
        result = []
        for at, (column, values) in enumerate(zip(given, step["categories_"], strict=True)):
            levels = self._levels(column, values)
            known = tuple(level for level in levels if level is not None)
            made = Step(kind="onehot", columns=(column.name,), settings={"levels": known})
            state = State(facts={"fill": column.fill}, arrays={"frequent": np.ones(len(known), dtype=np.bool_)})
            self.steps.append((made, state))
            gone = None if dropped is None else dropped[at]
            for number, level in enumerate(levels):
                if gone is None or number != int(gone):
                    name = f"{column.name}__missing" if level is None else f"{column.name}={level}"
                    result.append(_Column(place=column.place, name=name, filled=True, done=True))
        return result

    def _ordinal(self, step: Thing, given: list[_Column]) -> list[_Column]:
        if step.get("min_frequency") is not None or step.get("max_categories") is not None:
            raise InputError("the OrdinalEncoder joins rare categories, which is not carried over")
        unknown = step.get("unknown_value")
        below = unknown is not None and float(unknown) == -1.0
        if unknown is not None and not below and not math.isnan(float(unknown)):
            raise InputError(f"the OrdinalEncoder writes {unknown!r} for unknown words; -1 and NaN are carried over")
        for column, values in zip(given, step["categories_"], strict=True):
            levels = tuple(level for level in self._levels(column, values) if level is not None)
            settings = {"levels": levels, **({"missing": "minus_one"} if below else {})}
            made = Step(kind="codes", columns=(column.name,), settings=settings)
            state = State(facts={"fill": column.fill}, arrays={"seen": np.ones(len(levels), dtype=np.bool_)})
            self.steps.append((made, state))
            column.filled, column.done = below, True
        return given

    def _levels(self, column: _Column, values: Any) -> list[str | None]:
        """Return the categories of a column as the canonical table writes them; None for missing."""
        self._becomes_words(column)
        self.words.add(column.place)
        found: list[str | None] = []
        for value in np.asarray(values).tolist():
            if value is None or (isinstance(value, float) and math.isnan(value)):
                found.append(None)
            elif isinstance(value, bool):
                raise InputError("the pipeline takes truth values for categories, which is not carried over")
            elif isinstance(value, int | float):
                self.numbers_as_words.add(column.place)
                found.append(_as_word(value))
            else:
                found.append(str(value))
        return found

    def _becomes_words(self, column: _Column) -> None:
        """Fill a column of numbers that is encoded like words with the word for the number."""
        steps, self.steps = self.steps, []
        for step, state in steps:
            if column.name not in step.columns:
                self.steps.append((step, state))
                continue
            if step.kind != "impute" or step.settings.get("indicator"):
                raise InputError("the pipeline encodes numbers that another step changed, which is not carried over")
            at = step.columns.index(column.name)
            fills = state.arrays["fills"]
            column.fill = _as_word(float(fills[at]))
            if len(fills) > 1:
                rest = replace(step, columns=(*step.columns[:at], *step.columns[at + 1 :]))
                self.steps.append((rest, State(arrays={"fills": np.delete(fills, at)})))

    def prepared(self, *, fills: bool) -> Prepared:
        """Return what a model reads; ``fills`` says that it cannot read missing numbers."""
        steps = list(self.steps)
        raw = [column for column in self.now if not column.done and not column.filled]
        if any(column.place in self.words for column in self.now if not column.done):
            raise InputError("the model reads words that no step turns into numbers")
        touched = {name for step, _ in steps for name in step.columns}
        touched |= {f"{name}__missing" for step, _ in steps if step.settings.get("indicator") for name in step.columns}
        if fills and raw:
            made = Step(kind="impute", columns=tuple(column.name for column in raw))
            middles = np.array([self.middles.get(column.name, 0.0) for column in raw])
            steps.insert(0, (made, State(arrays={"fills": middles})))
            self.findings.append(
                f"The original refuses missing numbers in {len(raw)} of its columns; here they count nothing (the"
                " middle of the scale, or 0)."
            )
            touched |= {column.name for column in raw}
        plain = [column for column in self.now if column.name not in touched and not column.done]
        if plain:
            made = Step(kind="passthrough", columns=tuple(column.name for column in plain))
            steps.append((made, State(arrays={"stand_ins": np.full(len(plain), np.nan)})))
        view = assembled(
            [step for step, _ in steps], [transform_called(step.kind).restore(step, state) for step, state in steps]
        )
        names = [column.name for column in self.now]
        if len(set(names)) != len(names):
            raise InputError("the pipeline makes a column twice, which is not carried over")
        return Prepared(
            steps=tuple(steps),
            places=np.array([view.names.index(name) for name in names], dtype=np.int64),
            width=len(view.names),
            words=frozenset(self.words),
            numbers_as_words=frozenset(self.numbers_as_words),
            findings=tuple(self.findings),
        )


def _as_word(value: float) -> str:
    """Return a number as the canonical table writes it among words."""
    return str(int(value)) if float(value).is_integer() else str(value)


def _kept(column: _Column) -> dict[str, Any]:
    return {
        "place": column.place,
        "name": column.name,
        "filled": column.filled,
        "fill": column.fill,
        "done": column.done,
    }
