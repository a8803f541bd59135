"""A program as one query of DuckDB.

The query is a chain of tables, each with some more columns than the one before, so that every value is calculated once.
Missing is NULL, which comparisons and sums pass on as NaN does. Numbers are written with an exponent: without one a
database reads them as decimals, and rounds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenfold.bundle.canonical import BLANKS
from tenfold.exports.forest import expanded
from tenfold.exports.program import Calculation, Node, Program
from tenfold.exports.protocols import Refused
from tenfold.records.dataset import Field

PREDICTION, PROBABILITY = "prediction", "proba_"
OWN = "tenfold_"
"""How the names of the query's own columns begin; no column of the table may."""
_LARGEST, _LEAST = 1e150, math.exp(-15.0)
_BEYOND_SINGLE = 3.4028235677973366e38
"""From here on a number is rounded to infinity in single precision: half way past the largest."""
_MOST_EXP = 709.782712893384
_MOST_PARTS, _MOST_VALUES, _MOST_WORDS, _DEEPEST = 60_000, 3_000, 2_000, 150
_SUMMED, _TOGETHER = 100, 16


def query_of(program: Program, table: str) -> str:
    """Return the query that gives a table's columns with what is predicted of each row.

    Raises
    ------
    Refused
        When the program has an operation that the query has no words for, or is too large.
    """
    query = _Query(table=table)
    columns = query.given(program.fields)
    values: list[str] = []
    for each in program.nodes:
        if each.op not in _OPERATIONS:
            raise Refused(f"SQL has no operation for the step {each.step} (it would need '{each.op}')")
        held = [values[read] for read in each.reads]
        values.append(query.add(_OPERATIONS[each.op](each, [columns[place] for place in each.columns], held)))
    totals: list[str] = []
    for part in program.parts:
        raw = _PREDICTORS[part.kind](query, part, [values[read] for read in part.reads])
        scores = [f"{number(part.weight)} * {score}" for score in _linked(query, raw, part.link)]
        totals = [f"{total} + {score}" for total, score in zip(totals, scores, strict=True)] if totals else scores
    totals = [query.add(total) for total in totals]
    if program.recalibration is not None:
        totals = _recalibrated(query, totals, program.recalibration)
    return query.finish(program, totals)


def number(value: float | None) -> str:
    """Return a double that is read back to its last bit."""
    if value is None or math.isnan(value):
        return "CAST(NULL AS DOUBLE)"
    if math.isinf(value):
        return f"CAST('{'-' if value < 0 else ''}Infinity' AS DOUBLE)"
    written = repr(float(value))
    written = written if "e" in written else f"{written}e0"
    return f"({written})" if written.startswith("-") else written


def word(text: str) -> str:
    """Return a text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def named(name: str) -> str:
    """Return a name in quotes."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(slots=True, kw_only=True)
class _Query:
    """The columns so far, each with the table of the chain in which it can be calculated; equal ones are made once."""

    table: str
    layers: list[list[str]] = field(default_factory=lambda: [[]])
    _depths: dict[str, int] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _parts: int = 0

    def given(self, fields: Sequence[Field]) -> list[str]:
        """Write the first table, in which each column is read as the model reads it; return their names."""
        folded = Counter(each.name.casefold() for each in fields)
        for each in fields:
            if folded[each.name.casefold()] > 1 or each.name.casefold().startswith(OWN):
                raise Refused(f"SQL takes the name of the column '{each.name}' for another's: capitals do not count")
        return [self.add(_READ[each.kind](each), depth=0) if each.kind in _READ else "" for each in fields]

    def add(self, expression: str, *, depth: int | None = None) -> str:
        """Write a column and return its name."""
        if expression in self._known or expression in self._depths:
            return self._known.get(expression, expression)
        self._parts += expression.count(" ") // 4
        if self._parts > _MOST_PARTS or len(self._depths) >= _MOST_VALUES:
            raise Refused("the model is too large for a query: export it to function, onnx or container")
        name = f"{OWN}{len(self._depths)}"
        at = self._deeper(expression) if depth is None else depth
        while len(self.layers) <= at:
            self.layers.append([])
        self.layers[at].append(f"{expression} AS {name}")
        self._depths[name], self._known[expression] = at, name
        return name

    def _deeper(self, expression: str) -> int:
        own = (each.strip("(),") for each in expression.split())
        return 1 + max((self._depths[each] for each in own if each in self._depths), default=0)

    def sum_of(self, terms: Sequence[str]) -> str:
        """Return a column with the sum; long ones are summed by groups, for expressions may not be too deep."""
        if len(terms) <= _SUMMED:
            return self.add(" + ".join(terms) if terms else number(0.0))
        return self.sum_of([self.add(" + ".join(terms[at : at + _SUMMED])) for at in range(0, len(terms), _SUMMED)])

    def finish(self, program: Program, totals: Sequence[str]) -> str:
        """Return the query with what is decided."""
        if program.task == "regression":
            outputs = [f"{totals[0]} AS {PREDICTION}"]
        else:
            named_scores = zip(totals, program.classes, strict=True)
            outputs = [f"{_decided(self, program, totals)} AS {PREDICTION}"]
            outputs += [f"{total} AS {named(PROBABILITY + name)}" for total, name in named_scores]
        before, chain = named(self.table), []
        for at, columns in enumerate(self.layers):
            listed = "".join(f",\n    {column}" for column in columns)
            chosen = f"SELECT *{listed}\n  FROM {before}"  # noqa: S608 - names in quotes, texts as literals
            chain.append(f"{OWN}step_{at} AS MATERIALIZED (\n  {chosen}\n)")
            before = f"{OWN}step_{at}"
        said = ",\n  ".join(outputs)
        own = f" EXCLUDE ({', '.join(self._depths)})" if self._depths else ""
        return f"WITH {', '.join(chain)}\nSELECT\n  *{own},\n  {said}\nFROM {before}\n"


def _read_number(each: Field) -> str:
    value = f"CAST({named(each.name)} AS DOUBLE)"
    return f"CASE WHEN isnan( {value} ) OR isinf( {value} ) THEN NULL ELSE {_between(value, -_LARGEST, _LARGEST)} END"


def _read_word(each: Field) -> str:
    trimmed = f"trim( {named(each.name)} , {word(BLANKS)} )"
    absent = ", ".join(map(word, dict.fromkeys(("", *each.missing_markers))))
    return f"CASE WHEN {trimmed} IN ( {absent} ) THEN NULL ELSE {trimmed} END"


_READ: Mapping[str, Callable[[Field], str]] = {
    "numeric": _read_number,
    "boolean": lambda each: f"CAST({named(each.name)} AS DOUBLE)",
    "categorical": _read_word,
    "text": _read_word,
}


def _between(value: str, low: float, high: float) -> str:
    # GREATEST and LEAST pass missing values over.
    return (
        f"CASE WHEN {value} < {number(low)} THEN {number(low)} "
        f"WHEN {value} > {number(high)} THEN {number(high)} ELSE {value} END"
    )


def _at(place: str, table: Sequence[float | None]) -> str:
    """Return the number of a table at a place; what most places have stands last."""
    often = Counter(map(number, table)).most_common(1)[0][0]
    cases = [(float(at), value) for at, value in enumerate(table)]
    # Place -1 is the last of a table.
    cases.append((-1.0, table[-1]))
    whens = "".join(f" WHEN {number(at)} THEN {number(value)}" for at, value in cases if number(value) != often)
    return f"CASE {place} {whens} ELSE {often} END" if whens else f"{often} + {number(0.0)}"


def _words_within(each: Node) -> Sequence[Any]:
    levels: Sequence[Any] = each.facts["levels"]
    if len(levels) > _MOST_WORDS:
        raise Refused(f"the step {each.step} knows {len(levels)} words, too many for a query")
    return levels


def _position(each: Node, columns: list[str], values: list[str]) -> str:
    whens = "".join(f" WHEN {word(level)} THEN {number(at)}" for at, level in enumerate(_words_within(each)))
    known = (
        f"CASE {columns[0]} {whens} ELSE {number(each.facts['unknown'])} END"
        if whens
        else number(each.facts["unknown"])
    )
    return f"CASE WHEN {columns[0]} IS NULL THEN {number(each.facts['absent'])} ELSE {known} END"


def _pair(each: Node, columns: list[str], values: list[str]) -> str:
    first, second = columns
    whens = "".join(
        f" WHEN {first} = {word(a)} AND {second} = {word(b)} THEN {number(at)}"
        for at, (a, b) in enumerate(_words_within(each))
    )
    unknown = number(each.facts["unknown"])
    return f"CASE {whens} ELSE {unknown} END" if whens else f"{unknown} + {number(0.0)}"


def _clean(each: Node, columns: list[str], values: list[str]) -> str:
    (value,) = values
    unbound = f"isnan( {value} ) OR isinf( {value} )"
    return f"CASE WHEN {unbound} THEN NULL ELSE {_between(value, -_LARGEST, _LARGEST)} END"


def _bin(each: Node, columns: list[str], values: list[str]) -> str:
    (value,), edges = values, each.facts["edges"]
    whens = "".join(f" WHEN {value} < {number(edge)} THEN {number(at)}" for at, edge in enumerate(edges))
    return f"CASE WHEN {value} IS NULL THEN {number(-1.0)} {whens} ELSE {number(len(edges))} END"


def _ratio(each: Node, columns: list[str], values: list[str]) -> str:
    first, second = values
    quotient = _between(f"{first} / {second}", -_LARGEST, _LARGEST)
    return f"CASE WHEN {second} = {number(0.0)} THEN NULL ELSE {quotient} END"


def _dot(each: Node, columns: list[str], values: list[str]) -> str:
    terms = [f"{value} * {number(weight)}" for value, weight in zip(values, each.facts["weights"], strict=True)]
    if len(terms) > _DEEPEST:
        raise Refused(f"the step {each.step} sums {len(terms)} columns, too many for a query")
    return " + ".join([*terms, number(each.facts["bias"])])


def _spline(each: Node, columns: list[str], values: list[str]) -> str:
    (at,) = values
    knot, before, last = (each.facts[name] for name in ("knot", "before", "last"))

    def cubed(border: float) -> str:
        beyond = f"( {at} - {number(border)} )"
        return f"CASE WHEN {at} <= {number(border)} THEN 0e0 ELSE {beyond} * {beyond} * {beyond} END"

    span = number(last - before)
    return (
        f"({cubed(knot)}) - ({cubed(before)}) * {number(last - knot)} / {span} "
        f"+ ({cubed(last)}) * {number(before - knot)} / {span}"
    )


def _bend(each: Node, columns: list[str], values: list[str]) -> str:
    (value,), facts = values, each.facts

    def box_cox(held: str, exponent: float) -> str:
        log = f"ln( {held} )"
        if abs(exponent) < 1e-12:
            return log
        power = f"{log} * {number(exponent)}"
        held_power = f"CASE WHEN {power} > 300e0 THEN 300e0 ELSE {power} END"
        return f"( exp( {held_power} ) - 1e0 ) / {number(exponent)}"

    if facts["way"] == "log":
        made = f"sign( {value} ) * ln( 1e0 + abs( {value} ) )"
    elif facts["way"] == "box_cox":
        lowest = number(facts["lowest"])
        made = box_cox(f"CASE WHEN {value} < {lowest} THEN {lowest} ELSE {value} END", facts["exponent"])
    else:
        above = box_cox(f"{value} + 1e0", facts["exponent"])
        below = box_cox(f"1e0 - {value}", 2.0 - facts["exponent"])
        made = f"CASE WHEN {value} >= 0e0 THEN {above} WHEN {value} < 0e0 THEN - ( {below} ) END"
    return _between(f"( {made} )", -_LARGEST, _LARGEST)


_OPERATIONS: Mapping[str, Callable[[Node, list[str], list[str]], str]] = {
    "number": lambda each, columns, values: columns[0],
    "position": _position,
    "pair": _pair,
    "constant": lambda each, columns, values: f"{number(each.facts['value'])} + 0e0",
    "take": lambda each, columns, values: _at(values[0], each.facts["table"]),
    "same": lambda each, columns, values: (
        f"CASE WHEN {values[0]} = {number(each.facts['value'])} THEN 1e0 ELSE 0e0 END"
    ),
    "missing": lambda each, columns, values: f"CASE WHEN {values[0]} IS NULL THEN 1e0 ELSE 0e0 END",
    "fill": lambda each, columns, values: f"coalesce( {' , '.join(values)} )",
    "clean": _clean,
    "scale": lambda each, columns, values: (
        f"( {values[0]} - {number(each.facts['center'])} ) / {number(each.facts['spread'])}"
    ),
    "clip": lambda each, columns, values: _between(values[0], each.facts["low"], each.facts["high"]),
    "bin": _bin,
    "times": lambda each, columns, values: f"{values[0]} * {number(each.facts['factor'])}",
    "minus": lambda each, columns, values: f"{values[0]} - {values[1]}",
    "product": lambda each, columns, values: f"{values[0]} * {values[1]}",
    "ratio": _ratio,
    "dot": _dot,
    "spline": _spline,
    "bend": _bend,
}


def _trees(query: _Query, part: Calculation, columns: list[str]) -> list[str]:
    facts = expanded(part.facts) if part.kind == "oblivious" else part.facts
    copies = facts["scores"] if any(target < 0 for target in facts["target"]) else 1
    if len(facts["feature"]) * copies * 3 > _MOST_PARTS:
        raise Refused(
            f"the trees of '{part.key}' have {len(facts['feature']) * copies} nodes, too many for a query: export it "
            "to function, onnx or container"
        )
    if facts["single"]:
        columns = [query.add(_single(column)) for column in columns]
    terms: list[list[str]] = [[] for _ in range(facts["scores"])]
    for root in facts["roots"]:
        targets = {facts["target"][leaf] for leaf in _leaves(facts, root)}
        for score in range(facts["scores"]):
            if targets & {-1, score}:
                terms[score].append(f"( {_branch(facts, columns, root, score, 0)} )")
    divisor = number(float(facts["divisor"]))
    # Some trees to a column: planning takes longer than in proportion to the columns.
    terms = [[query.add(" + ".join(own[at : at + _TOGETHER])) for at in range(0, len(own), _TOGETHER)] for own in terms]
    return [
        query.add(f"{query.sum_of(own)} / {divisor} + {number(bias)}")
        for own, bias in zip(terms, facts["bias"], strict=True)
    ]


def _single(value: str) -> str:
    """Return a number rounded to single precision; the cast refuses what is too large for it."""
    border = number(_BEYOND_SINGLE)
    return (
        f"CASE WHEN {value} >= {border} THEN {number(math.inf)} WHEN {value} <= - {border} THEN {number(-math.inf)} "
        f"ELSE CAST( CAST( {value} AS FLOAT) AS DOUBLE) END"
    )


def _leaves(facts: Mapping[str, Any], root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        place = waiting.pop()
        if place < 0:
            found.append(-1 - place)
        else:
            waiting += [facts["yes"][place], facts["no"][place]]
    return found


def _branch(facts: Mapping[str, Any], columns: list[str], place: int, score: int, depth: int) -> str:
    if place < 0:
        leaf, target = facts["leaves"][-1 - place], facts["target"][-1 - place]
        return number(leaf[score] if target < 0 else leaf[0] if target == score else 0.0)
    if depth > _DEEPEST:
        raise Refused(f"a tree is more than {_DEEPEST} questions deep, too many for a query")
    value = columns[facts["feature"][place]]
    codes = facts["sets"].get(str(place))
    if codes is not None:
        # Codes are cut to whole numbers; those below zero, and missing ones, are in no set. No IN: a database makes a
        # join of each, and there are thousands.
        whens = "".join(f" WHEN {number(code)} THEN TRUE" for code in codes) or " WHEN NULL THEN TRUE"
        asked = f"{value} > (-1e0) AND {value} < 1e9 AND CASE trunc( {value} ) {whens} ELSE FALSE END"
    else:
        asked = f"{value} <= {number(facts['split'][place])}"
        if facts["missing"][place]:
            asked += f" OR {value} IS NULL"
    yes, no = (_branch(facts, columns, facts[side][place], score, depth + 1) for side in ("yes", "no"))
    return f"CASE WHEN {asked} THEN {yes} ELSE {no} END"


def _linear(query: _Query, part: Calculation, columns: list[str]) -> list[str]:
    return _weighted(query, columns, part.facts["coef"], part.facts["intercept"])


def _weighted(
    query: _Query, columns: Sequence[str], weights: Sequence[Sequence[float]], level: Sequence[float]
) -> list[str]:
    return [
        query.sum_of(
            [*(f"{column} * {number(row[at])}" for column, row in zip(columns, weights, strict=True)), number(own)]
        )
        for at, own in enumerate(level)
    ]


def _network(query: _Query, part: Calculation, columns: list[str]) -> list[str]:
    held, layers = columns, part.facts["layers"]
    for depth, layer in enumerate(layers):
        held = _weighted(query, held, layer["weight"], layer["bias"])
        if depth < len(layers) - 1:
            held = [query.add(f"CASE WHEN {value} <= 0e0 THEN 0e0 ELSE {value} END") for value in held]
    return held


def _always(query: _Query, part: Calculation, columns: list[str]) -> list[str]:
    return [query.add(f"{number(value)} + 0e0") for value in part.facts["values"]]


_PREDICTORS: Mapping[str, Callable[[_Query, Calculation, list[str]], list[str]]] = {
    "trees": _trees,
    "oblivious": _trees,
    "linear": _linear,
    "network": _network,
    "constant": _always,
}


def _linked(query: _Query, raw: Sequence[str], link: str) -> list[str]:
    if link == "logistic":
        (value,) = raw
        # Both sides are computed, so that neither loses its digits where it is small.
        small = query.add(f"exp( - abs( {value} ) )")
        low, high = query.add(f"{small} / ( 1e0 + {small} )"), query.add(f"1e0 / ( 1e0 + {small} )")
        return [
            query.add(f"CASE WHEN {value} >= 0e0 THEN {one} ELSE {other} END")
            for one, other in ((low, high), (high, low))
        ]
    if link == "complement":
        return [query.add(f"1e0 - {raw[0]}"), raw[0]]
    if link == "softmax":
        most = query.add(f"greatest( {' , '.join(raw)} )")
        powers = [query.add(f"exp( {value} - {most} )") for value in raw]
        total = query.add(" + ".join(powers))
        return [query.add(f"{power} / {total}") for power in powers]
    if link == "exp":
        return [
            query.add(f"CASE WHEN {value} > {number(_MOST_EXP)} THEN {number(math.inf)} ELSE exp( {value} ) END")
            for value in raw
        ]
    return list(raw)


def _recalibrated(query: _Query, scores: Sequence[str], step: Mapping[str, Any]) -> list[str]:
    params = step["params"]
    if step["method"].startswith("temperature"):
        logs = [
            query.add(f"{number(params[0])} * ln( {_between(score, _LEAST, 1.0)} ) + {number(more)}")
            for score, more in zip(scores, params[1:], strict=True)
        ]
        return _linked(query, logs, "softmax")
    positive = query.add(_between(scores[1], _LEAST, 1.0 - _LEAST))
    if step["method"] == "isotonic":
        happens = query.add(_curve(positive, step["before"], step["after"]))
    else:
        slopes = params[1:] if step["method"] == "beta" else (params[1], params[1])
        for_it, against = f"{number(slopes[0])} * ln( {positive} )", f"{number(slopes[1])} * ln( 1e0 - {positive} )"
        odds = query.add(f"{number(params[0])} + {for_it} - {against}")
        return _linked(query, [odds], "logistic")
    return [query.add(f"1e0 - {happens}"), happens]


def _curve(value: str, before: Sequence[float], after: Sequence[float]) -> str:
    """Return the curve through the knots at the value, level beyond them."""
    whens = [f"WHEN {value} < {number(before[0])} THEN {number(after[0])}"]
    for at in range(len(before) - 1):
        slope = (after[at + 1] - after[at]) / (before[at + 1] - before[at])
        risen = f"{number(slope)} * ( {value} - {number(before[at])} ) + {number(after[at])}"
        whens.append(f"WHEN {value} < {number(before[at + 1])} THEN {risen}")
    return f"CASE WHEN {value} IS NULL THEN NULL {' '.join(whens)} ELSE {number(after[-1])} END"


def _decided(query: _Query, program: Program, totals: Sequence[str]) -> str:
    decision = program.decision
    if "threshold" in decision:
        no, yes = map(word, program.classes)
        return f"CASE WHEN {totals[1]} >= {number(decision['threshold'])} THEN {yes} ELSE {no} END"
    worth = list(totals)
    if "amounts" in decision:
        worth = [
            query.add(
                " + ".join(
                    f"{total} * {number(row[at])}" for total, row in zip(totals, decision["amounts"], strict=True)
                )
            )
            for at in range(len(totals))
        ]
    most = query.add(f"greatest( {' , '.join(worth)} )")
    # The first of equal ones.
    whens = " ".join(f"WHEN {own} = {most} THEN {word(name)}" for own, name in zip(worth, program.classes, strict=True))
    return f"CASE {whens} ELSE {word(program.classes[0])} END"
