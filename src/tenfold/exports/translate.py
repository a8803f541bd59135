"""From a model to its program: each step of a view, and each predictor, in operations.

============== ========================================================================================================
operation      value
============== ========================================================================================================
number         a column's number; truth is 1 or 0; infinity is missing, the largest are cut to 1e150
position       the place of a column's word among ``levels``; ``unknown`` of others, ``absent`` where it is missing
pair           the place of two columns' words among ``levels``; ``unknown`` of others and where one is missing
clock          a part of a moment on the wall clock of ``zone``: second of the day, weekday (Monday 0), month, day
               of the year (0 first), date (days since 1970); or elapsed days since ``epoch``
characters     code points of a text
words          its words, divided by blanks
hashed         two values: the place of a word's hash among ``buckets`` (``buckets`` where it is missing), and its sign
topics         a text's weights on ``axes``
constant       ``value``
take           ``table`` at the place that is read
same           1 where the value is ``value``, else 0
missing        1 where the value is missing, else 0
fill           the first value that is present
clean          the value as a later step reads it: infinity is missing, the largest are cut to 1e150
scale          (value - ``center``) / ``spread``
clip           the value between ``low`` and ``high``
bin            how many of ``edges`` are at most the value; -1 where it is missing
times          the value times ``factor``
sin, cos       of the value
minus, product the difference or the product of two values
ratio          the quotient of two values, between -1e150 and 1e150; missing where it is one by zero
dot            the sum of the values times ``weights``, one after the other, and ``bias``
spline         a term of a restricted cubic spline of the value; see `tenfold.bundle.transforms.spline`
bend           the power transform called ``way`` with ``exponent``, not below ``lowest``
rank           the share of ``references`` below the value, or with ``normal`` its normal quantile
iterative      chained regressions; see `tenfold.bundle.transforms.iterative`
============== ========================================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from tenfold.bundle.model import Model, Part
from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.predictors.mlp import MlpPredictor
from tenfold.bundle.predictors.oblivious import ObliviousPredictor
from tenfold.bundle.transforms.values import FARTHEST
from tenfold.bundle.view import FittedView
from tenfold.exports.forest import of_forest, of_lightgbm, of_oblivious
from tenfold.exports.program import Calculation, Kind, Node, Program
from tenfold.exports.protocols import Refused
from tenfold.measures.money import amounts_of
from tenfold.records.dataset import Field
from tenfold.records.features import Step

_LARGEST = 1e150
_DAY_SECONDS, _YEAR_DAYS = 86_400, 365.25
_NUMBERS, _WORDS = frozenset({"numeric", "boolean"}), frozenset({"categorical", "text"})
_HELD_IN_BOUNDS = frozenset({"impute", "passthrough", "boolean", "onehot", "hash", "bins", "first_present"})


def translated(model: Model) -> Program:
    """Return the program of a model.

    Raises
    ------
    Refused
        When the model replaces personal data, or holds a step or a predictor that no operations describe.
    """
    for each in model.signature.fields:
        if each.personal not in {"", "codes"}:
            raise Refused(
                f"the column '{each.name}' holds personal data, which is replaced before the model reads it; that is "
                "done by Tenfold's own reading: export a container, or leave the column out"
            )
    writer = _Writer(fields=model.signature.fields)
    views = {name: writer.view(view) for name, view in model.views.items()}
    parts = tuple(_part(part, views[part.view]) for part in model.parts)
    recalibration = model.recalibration
    return Program(
        fields=model.signature.fields,
        nodes=tuple(writer.nodes),
        parts=parts,
        task=model.task,
        classes=model.classes,
        recalibration=None
        if recalibration is None
        else {
            "method": recalibration.method,
            "params": list(recalibration.params),
            "before": list(recalibration.before),
            "after": list(recalibration.after),
        },
        decision=_decision(model),
    )


def _decision(model: Model) -> dict[str, Any]:
    """Return how a class is decided; see `tenfold.measures.threshold.decide`."""
    if model.task == "regression":
        return {}
    if len(model.classes) == 2 and (model.threshold is not None or model.value is None):
        return {"threshold": 0.5 if model.threshold is None else model.threshold.value}
    return {} if model.value is None else {"amounts": np.asarray(amounts_of(model.value)).tolist()}


@dataclass(slots=True, kw_only=True)
class _Writer:
    """The nodes so far; equal nodes are written once."""

    fields: tuple[Field, ...]
    nodes: list[Node] = field(default_factory=list)
    made: int = 0
    _known: dict[str, int] = field(default_factory=dict)
    _step: str = ""

    def add(self, op: str, *reads: int, columns: Sequence[int] = (), made: int = 1, **facts: Any) -> int:
        """Write an operation, and return the number of its first value."""
        key = repr((op, reads, tuple(columns), facts))
        if key not in self._known:
            self._known[key] = self.made
            self.nodes.append(
                Node(op=op, columns=tuple(columns), reads=tuple(reads), facts=facts, made=made, step=self._step)
            )
            self.made += made
        return self._known[key]

    def view(self, view: FittedView) -> tuple[int, ...]:
        """Write a view's steps, and return the numbers of its matrix's columns."""
        made_before: dict[str, int] = {}
        matrix: list[int] = []
        for step, fitted, kept, chained in zip(view.steps, view.fitted, view.kept, view.chained, strict=True):
            self._step = f"{step.kind}({', '.join(step.columns)})"
            if step.kind not in _STEPS:
                raise Refused(f"the step {self._step} has no form outside of Tenfold{_INSTEAD.get(step.kind, '')}")
            reading = _Reading(writer=self, step=step, made=made_before)
            values = _STEPS[step.kind](reading, fitted)
            matrix += [values[place] for place in kept.tolist()]
            if chained:
                held = values if step.kind in _HELD_IN_BOUNDS else [self.add("clean", value) for value in values]
                made_before = {**made_before, **dict(zip(fitted.names, held, strict=True))}
        return tuple(matrix)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What one step reads and writes with."""

    writer: _Writer
    step: Step
    made: Mapping[str, int]

    def add(self, op: str, *reads: int, columns: Sequence[int] = (), made: int = 1, **facts: Any) -> int:
        return self.writer.add(op, *reads, columns=columns, made=made, **facts)

    def column(self, name: str, kinds: frozenset[str]) -> int:
        """Return the number of a column of the row."""
        for place, each in enumerate(self.writer.fields):
            if each.name == name and name not in self.made and each.kind in kinds:
                return place
        raise Refused(f"the step {self.step.kind} reads '{name}' as another thing than it is")

    def number(self, name: str) -> int:
        if name in self.made:
            return self.made[name]
        return self.add("number", columns=[self.column(name, _NUMBERS)])

    def constant(self, value: float) -> int:
        return self.add("constant", value=value)

    def position(self, name: str, levels: Sequence[str], fill: str | None) -> int:
        """Return the place of a word: the number of levels for others, one more for a missing one."""
        places = {level: place for place, level in enumerate(levels)}
        unknown = len(levels)
        absent = unknown + 1 if fill is None else places.get(fill, unknown)
        return self.add(
            "position", columns=[self.column(name, _WORDS)], levels=list(levels), unknown=unknown, absent=absent
        )

    def marked(self, value: int) -> int:
        return self.add("missing", value)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def _table(values: Sequence[float]) -> list[float | None]:
    return [_plain(float(value)) for value in values]


def _passthrough(reading: _Reading, fitted: Any) -> list[int]:
    result = []
    for name, stand_in in zip(fitted.names, fitted.stand_ins, strict=True):
        value = reading.number(name)
        result.append(value if math.isnan(stand_in) else reading.add("fill", value, reading.constant(stand_in)))
    return result


def _boolean(reading: _Reading, fitted: Any) -> list[int]:
    return [reading.number(name) for name in fitted.names]


def _impute(reading: _Reading, fitted: Any) -> list[int]:
    result = []
    for name, fill in zip(fitted.columns, fitted.fills, strict=True):
        value = reading.number(name)
        result.append(reading.add("fill", value, reading.constant(fill)))
        if fitted.indicator:
            result.append(reading.marked(value))
    return result


def _scale(reading: _Reading, fitted: Any) -> list[int]:
    return [
        reading.add("scale", reading.number(name), center=center, spread=spread)
        for name, center, spread in zip(fitted.names, fitted.centers, fitted.spreads, strict=True)
    ]


def _codes(reading: _Reading, fitted: Any) -> list[int]:
    place = reading.position(fitted.column, fitted.levels, fitted.fill)
    table = [float(code) if seen else fitted.other for code, seen in enumerate(fitted.seen.tolist())]
    return [reading.add("take", place, table=_table([*table, fitted.other, fitted.other]))]


def _ordinal(reading: _Reading, fitted: Any) -> list[int]:
    place = reading.position(fitted.column, fitted.levels, fitted.fill)
    return [reading.add("take", place, table=_table([*range(len(fitted.levels)), math.nan, math.nan]))]


def _onehot(reading: _Reading, fitted: Any) -> list[int]:
    count = len(fitted.levels)
    place = reading.position(fitted.column, fitted.levels, fitted.fill)
    where = [place if common else count for place, common in enumerate(fitted.frequent.tolist())]
    held = (
        place if all(fitted.frequent.tolist()) else reading.add("take", place, table=_table([*where, count, count + 1]))
    )
    return [reading.add("same", held, value=column) for column in range(count + 2)]


def _frequency(reading: _Reading, fitted: Any) -> list[int]:
    place = reading.position(fitted.column, fitted.levels, fitted.fill)
    # Training may have counted none unseen, and what it counted as missing stands last.
    table = [*fitted.table[:-2].tolist(), 0.0, float(fitted.table[-1])]
    return [reading.add("take", place, table=_table(table))]


def _target_encoding(reading: _Reading, fitted: Any) -> list[int]:
    place = reading.position(fitted.column, fitted.levels, fitted.fill)
    return [reading.add("take", place, table=_table([*column, column[-1]])) for column in fitted.table.T.tolist()]


def _text_size(reading: _Reading, fitted: Any) -> list[int]:
    columns = [reading.column(fitted.column, _WORDS)]
    return [reading.add("characters", columns=columns), reading.add("words", columns=columns)]


def _hash(reading: _Reading, fitted: Any) -> list[int]:
    columns = [reading.column(fitted.column, _WORDS)]
    first = reading.add("hashed", columns=columns, made=2, buckets=fitted.buckets)
    signed = [
        reading.add("product", reading.add("same", first, value=place), first + 1) for place in range(fitted.buckets)
    ]
    return [*signed, reading.add("same", first, value=fitted.buckets)]


def _dates(reading: _Reading, fitted: Any) -> list[int]:
    columns, zone = [reading.column(fitted.column, frozenset({"datetime"}))], fitted.zone.key

    def clock(part: str) -> int:
        return reading.add("clock", columns=columns, part=part, zone=zone)

    def around(part: str, length: float, turn: str) -> int:
        return reading.add(turn, reading.add("times", clock(part), factor=2.0 * math.pi / length))

    made: Mapping[str, Callable[[], int]] = {
        "hour": lambda: reading.add("scale", clock("second"), center=0.0, spread=3600.0),
        "hour_sin": lambda: around("second", _DAY_SECONDS, "sin"),
        "hour_cos": lambda: around("second", _DAY_SECONDS, "cos"),
        "weekday": lambda: clock("weekday"),
        "weekday_sin": lambda: around("weekday", 7, "sin"),
        "weekday_cos": lambda: around("weekday", 7, "cos"),
        "month": lambda: clock("month"),
        "year_sin": lambda: around("day", _YEAR_DAYS, "sin"),
        "year_cos": lambda: around("day", _YEAR_DAYS, "cos"),
        "elapsed": lambda: reading.add("clock", columns=columns, part="elapsed", epoch=_microseconds(fitted.epoch)),
    }
    return [made[part]() for part in fitted.parts]


def _microseconds(moment: datetime) -> int:
    seconds = moment.timestamp()
    return round(seconds) * 1_000_000


def _holidays(reading: _Reading, fitted: Any) -> list[int]:
    from tenfold.bundle.transforms.holidays import MOST_DAYS

    columns = [reading.column(fitted.column, frozenset({"datetime"}))]
    day = reading.add("clock", columns=columns, part="date", zone=fitted.zone.key)
    days = [float(each) for each in fitted.days.tolist()]
    # Beyond the last holiday, and before the first, the next is as far as all far ones.
    far = 1e9
    after = reading.add("bin", reading.add("minus", day, reading.constant(1.0)), edges=days)
    before = reading.add("bin", day, edges=days)
    # A missing day is counted as place -1, the last of a table.
    following = reading.add("take", after, table=_table([*days, far, math.nan]))
    latest = reading.add("take", before, table=_table([-far, *days, math.nan]))
    until = reading.add("clip", reading.add("minus", following, day), low=0.0, high=MOST_DAYS)
    since = reading.add("clip", reading.add("minus", day, latest), low=0.0, high=MOST_DAYS)
    # NaN is the same as nothing, so that what is missing is put back.
    is_one = reading.add("minus", reading.add("same", until, value=0.0), reading.add("times", until, factor=0.0))
    return [is_one, until, since]


def _bins(reading: _Reading, fitted: Any) -> list[int]:
    place = reading.add("bin", reading.number(fitted.column), edges=fitted.edges.tolist())
    return [reading.add("same", place, value=column) for column in range(len(fitted.names))]


def _first_present(reading: _Reading, fitted: Any) -> list[int]:
    values = [reading.number(name) for name in fitted.columns]
    found = values[0] if len(values) == 1 else reading.add("fill", *values)
    return [found, reading.marked(values[0])] if fitted.indicator else [found]


def _group_impute(reading: _Reading, fitted: Any) -> list[int]:
    value = reading.number(fitted.column)
    place = reading.position(fitted.group, fitted.levels, None)
    fills = fitted.fills.tolist()
    filled = reading.add("fill", value, reading.add("take", place, table=_table([*fills, fills[-1]])))
    return [filled, reading.marked(value)] if fitted.indicator else [filled]


def _interactions(reading: _Reading, fitted: Any) -> list[int]:
    result = []
    for place, pair in enumerate(fitted.pairs):
        if pair.operation == "cross":
            levels, means = fitted.crosses[place]
            columns = [reading.column(name, _WORDS) for name in (pair.first, pair.second)]
            at = reading.add("pair", columns=columns, levels=[list(level) for level in levels], unknown=len(levels))
            result += [reading.add("take", at, table=_table(column)) for column in means.T.tolist()]
            continue
        first, second = reading.number(pair.first), reading.number(pair.second)
        if pair.operation == "product":
            low, high = fitted.centers[place].tolist()
            first = reading.add("minus", first, reading.constant(low))
            second = reading.add("minus", second, reading.constant(high))
        operation = {"difference": "minus"}.get(pair.operation, pair.operation)
        made = reading.add(operation, first, second)
        result.append(reading.add("clip", made, low=-_LARGEST, high=_LARGEST))
    return result


def _pca(reading: _Reading, fitted: Any) -> list[int]:
    held = []
    for name, center, spread in zip(fitted.columns, fitted.centers.tolist(), fitted.spreads.tolist(), strict=True):
        scaled = reading.add("scale", reading.number(name), center=center, spread=spread)
        clipped = reading.add("clip", scaled, low=-FARTHEST, high=FARTHEST)
        held.append(reading.add("fill", clipped, reading.constant(0.0)))
    return [reading.add("dot", *held, weights=axis, bias=0.0) for axis in fitted.axes.T.tolist()]


def _spline(reading: _Reading, fitted: Any) -> list[int]:
    from tenfold.bundle.transforms.spline import _FARTHEST  # its own bound

    value, knots = reading.number(fitted.column), fitted.knots
    nothing = reading.add("times", value, factor=0.0)
    if len(knots) < 3:
        return [nothing] * len(fitted.names)
    span = float(knots[-1] - knots[0])
    scaled = reading.add("scale", value, center=float(knots[0]), spread=span)
    at = reading.add("clip", scaled, low=-_FARTHEST, high=_FARTHEST)
    own = ((knots - knots[0]) / span).tolist()
    last, before = own[-1], own[-2]
    terms = [reading.add("spline", at, knot=knot, before=before, last=last) for knot in own[:-2]]
    return [*terms, *[nothing] * (len(fitted.names) - len(terms))]


def _power(reading: _Reading, fitted: Any) -> list[int]:
    result = []
    ways = ("none", "log", "box_cox", "yeo_johnson")
    for place, name in enumerate(fitted.names):
        value, way = reading.number(name), ways[fitted.ways[place]]
        if way != "none":
            value = reading.add("bend", value, way=way, exponent=fitted.exponents[place], lowest=fitted.lowest[place])
        result.append(reading.add("scale", value, center=fitted.centers[place], spread=fitted.spreads[place]))
    return result


def _quantile(reading: _Reading, fitted: Any) -> list[int]:
    from tenfold.bundle.transforms.quantile import _EDGE  # its own bound

    return [
        reading.add("rank", reading.number(name), references=own, normal=fitted.normal, edge=_EDGE)
        for name, own in zip(fitted.names, fitted.references.tolist(), strict=True)
    ]


def _iterative(reading: _Reading, fitted: Any) -> list[int]:
    values = [reading.number(name) for name in fitted.columns]
    places = [fitted.columns.index(name) for name in fitted.targets]
    arrays = ("centers", "spreads", "lows", "highs", "coefficients", "intercepts")
    first = reading.add(
        "iterative",
        *values,
        made=len(places),
        targets=places,
        farthest=FARTHEST,
        **{name: getattr(fitted, name).tolist() for name in arrays},
    )
    if not fitted.indicator:
        return list(range(first, first + len(places)))
    return [number for at, place in enumerate(places) for number in (first + at, reading.marked(values[place]))]


def _text_topics(reading: _Reading, fitted: Any) -> list[int]:
    from tenfold.bundle.transforms.text_topics import _LONGEST  # its own bound

    first = reading.add(
        "topics",
        columns=[reading.column(fitted.column, _WORDS)],
        made=len(fitted.names),
        vocabulary=dict(fitted.vocabulary),
        buckets=len(fitted.weights) if fitted.hashed else 0,
        weights=fitted.weights.tolist(),
        axes=fitted.axes.tolist(),
        longest=_LONGEST,
    )
    return list(range(first, first + len(fitted.names)))


def _part(part: Part, reads: tuple[int, ...]) -> Calculation:
    predictor = part.predictor
    kind: Kind
    facts: Mapping[str, Any]
    link: Any = "identity"
    if isinstance(predictor, LightGBMPredictor):
        kind, facts, link = "trees", of_lightgbm(predictor), predictor.link
    elif isinstance(predictor, ForestPredictor):
        kind, facts = "trees", of_forest(predictor)
        link = "complement" if predictor.binary else "identity"
    elif isinstance(predictor, ObliviousPredictor):
        kind, facts, link = "oblivious", of_oblivious(predictor), predictor.link
    elif isinstance(predictor, LinearPredictor):
        kind, link = "linear", predictor.link
        facts = {"coef": predictor.coef.tolist(), "intercept": predictor.intercept.tolist()}
    elif isinstance(predictor, MlpPredictor):
        kind, link = "network", predictor.link
        layers = zip(predictor.weights, predictor.biases, strict=True)
        facts = {"layers": [{"weight": weight.tolist(), "bias": bias.tolist()} for weight, bias in layers]}
    elif isinstance(predictor, ConstantPredictor):
        kind, facts = "constant", {"values": list(predictor.values)}
    else:
        raise Refused(
            f"the member '{part.key}' is of the kind {predictor.kind}, which has no form outside of Tenfold: export a "
            "container, or leave the learner out"
        )
    return Calculation(key=part.key, kind=kind, reads=reads, facts=facts, link=link, weight=part.weight)


_INSTEAD = {"neighbours_impute": ": its training rows are a part of it; `impute: median` has one"}
_STEPS: Mapping[str, Callable[[_Reading, Any], list[int]]] = {
    "passthrough": _passthrough,
    "impute": _impute,
    "scale": _scale,
    "boolean": _boolean,
    "codes": _codes,
    "onehot": _onehot,
    "target_encoding": _target_encoding,
    "dates": _dates,
    "text_size": _text_size,
    "frequency": _frequency,
    "ordinal": _ordinal,
    "hash": _hash,
    "power": _power,
    "quantile": _quantile,
    "bins": _bins,
    "spline": _spline,
    "pca": _pca,
    "iterative_impute": _iterative,
    "group_impute": _group_impute,
    "first_present": _first_present,
    "holidays": _holidays,
    "text_topics": _text_topics,
    "interactions": _interactions,
}
