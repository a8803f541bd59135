"""A program as an ONNX graph in double precision.

Each value is a column of shape (N, 1). Numbers and truth go in as doubles with NaN for missing, words as strings with
the empty one for missing, moments as microseconds since 1970 with the least whole number for missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.exports.clocks import clock_of
from tenfold.exports.forest import expanded
from tenfold.exports.onnx.wire import TREES, Attribute, Type, described, model, node, tensor
from tenfold.exports.program import Calculation, Node, Program
from tenfold.exports.protocols import Refused
from tenfold.records.dataset import Kind

MISSING_MOMENT = -(2**63)
LABEL, PROBABILITIES, PREDICTION = "label", "probabilities", "prediction"
_TYPES: Mapping[Kind, Type] = {
    "numeric": "double",
    "boolean": "double",
    "categorical": "string",
    "text": "string",
    "datetime": "int64",
}
_LARGEST, _FINITE = 1e150, float(np.finfo(np.float64).max)
_LEAST = float(np.exp(-15.0))
_MOST_CROSSED, _MOST_NODES = 4_000_000, 6_000_000
_AT_MOST = 0
_DAY_SECONDS = 86_400
_PLACES = {"second": _DAY_SECONDS, "weekday": 7, "day": 366}


def onnx_of(program: Program, facts: Mapping[str, str]) -> bytes:
    """Return a program as an ONNX model.

    Raises
    ------
    Refused
        When it has an operation that ONNX has no words for.
    """
    if not program.fields:
        raise Refused("the model reads no column, so that a graph would not know how many rows there are")
    graph = _Graph(program=program)
    values: list[str] = []
    for each in program.nodes:
        if each.op not in _OPERATIONS:
            raise Refused(f"ONNX has no operation for the step {each.step} (it would need '{each.op}')")
        made = _OPERATIONS[each.op](graph, each, values)
        values += [made] if isinstance(made, str) else made
    total = ""
    for part in program.parts:
        scores = _PREDICTORS[part.kind](graph, part, [values[read] for read in part.reads])
        weighted = graph.add("Mul", graph.linked(scores, part.link), graph.numbers([[part.weight]]))
        total = graph.add("Add", total, weighted) if total else weighted
    if program.recalibration is not None:
        total = _recalibrated(graph, total, program.recalibration)
    names = graph.finish(total)
    return model(
        nodes=graph.nodes,
        tensors=graph.tensors,
        inputs=[described(each.name, _TYPES[each.kind], 1) for each in program.fields],
        outputs=[described(name, kind, width) for name, kind, width in names],
        facts=facts,
    )


@dataclass(slots=True, kw_only=True)
class _Graph:
    """The operations and constants so far; equal ones are written once."""

    program: Program
    nodes: list[bytes] = field(default_factory=list)
    tensors: list[bytes] = field(default_factory=list)
    _known: dict[Any, str] = field(default_factory=dict)
    _made: int = 0

    def add(self, operation: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        key = (operation, inputs, repr(attributes))
        if key not in self._known:
            self._known[key] = self._name()
            self.nodes.append(node(operation, inputs, [self._known[key]], domain, attributes))
        return self._known[key]

    def constant(self, kind: Type, values: Any, shape: Sequence[int] | None = None) -> str:
        content = tensor("", kind, values, shape)
        if content not in self._known:
            self._known[content] = self._name()
            self.tensors.append(tensor(self._known[content], kind, values, shape))
        return self._known[content]

    def numbers(self, values: npt.ArrayLike) -> str:
        return self.constant("double", values)

    def whole(self, value: int) -> str:
        return self.constant("int64", [[value]])

    def _name(self) -> str:
        self._made += 1
        # No column's name can be so.
        return f"\x1f{self._made}"

    def maker(self, value: int) -> Node:
        """Return the node that makes a value."""
        first = 0
        for each in self.program.nodes:
            if first <= value < first + each.made:
                return each
            first += each.made
        raise LookupError(value)

    def column(self, each: Node, place: int = 0) -> str:
        return self.program.fields[each.columns[place]].name

    def one(self, value: float) -> str:
        return self.numbers([[value]])

    def absent(self, value: str) -> str:
        return self.add("IsNaN", value)

    def cast(self, value: str, kind: Type) -> str:
        from tenfold.exports.onnx.wire import TYPES

        return self.add("Cast", value, to=TYPES[kind])

    def between(self, value: str, low: float, high: float) -> str:
        """Return the value cut at both ends; missing stays missing, of which Clip says nothing."""
        lifted = self.add("Where", self.add("Less", value, self.one(low)), self.one(low), value)
        return self.add("Where", self.add("Greater", lifted, self.one(high)), self.one(high), lifted)

    def counted(self, value: str, edges: str, kind: Type) -> str:
        """Return how many of the edges, of shape (1, n), are at most the value."""
        held = self.cast(self.add("GreaterOrEqual", value, edges), kind)
        return self.add("ReduceSum", held, self.constant("int64", [1]), keepdims=1)

    def side_by_side(self, values: Sequence[str]) -> str:
        return values[0] if len(values) == 1 else self.add("Concat", *values, axis=1)

    def linked(self, raw: str, link: str) -> str:
        if link == "logistic":
            return self.side_by_side([self.add("Sigmoid", self.add("Neg", raw)), self.add("Sigmoid", raw)])
        if link == "complement":
            return self.side_by_side([self.add("Sub", self.one(1.0), raw), raw])
        if link == "softmax":
            return self.add("Softmax", raw, axis=1)
        return self.add("Exp", raw) if link == "exp" else raw

    def finish(self, total: str) -> list[tuple[str, Type, int]]:
        """Write the outputs, and return their names, types and widths."""
        if self.program.task == "regression":
            self.nodes.append(node("Identity", [total], [PREDICTION]))
            return [(PREDICTION, "double", 1)]
        self.nodes.append(node("Identity", [total], [PROBABILITIES]))
        decision = self.program.decision
        if "threshold" in decision:
            positive = self.add("Gather", total, self.constant("int64", [1]), axis=1)
            reached = self.add("GreaterOrEqual", positive, self.one(decision["threshold"]))
            place = self.cast(reached, "int64")
        else:
            worth = self.add("MatMul", total, self.numbers(decision["amounts"])) if decision else total
            place = self.add("ArgMax", worth, axis=1, keepdims=1)
        self.nodes.append(node("Gather", [self.constant("string", self.program.classes), place], [LABEL]))
        return [(LABEL, "string", 1), (PROBABILITIES, "double", self.program.outputs)]


def _number(graph: _Graph, each: Node, values: list[str]) -> str:
    return graph.between(graph.column(each), -_LARGEST, _LARGEST)


def _looked_up(graph: _Graph, column: str, words: Sequence[str], absent: int, unknown: int) -> str:
    return graph.add(
        "LabelEncoder",
        column,
        domain=TREES,
        keys_strings=[*words, ""],
        values_int64s=[*range(len(words)), absent],
        default_int64=unknown,
    )


def _position(graph: _Graph, each: Node, values: list[str]) -> str:
    facts = each.facts
    return _looked_up(graph, graph.column(each), facts["levels"], facts["absent"], facts["unknown"])


def _pair(graph: _Graph, each: Node, values: list[str]) -> str:
    sides = [sorted({level[side] for level in each.facts["levels"]}) for side in (0, 1)]
    width = len(sides[1]) + 1
    if (len(sides[0]) + 1) * width > _MOST_CROSSED:
        raise Refused(f"the step {each.step} crosses too many words for ONNX")
    places = np.full((len(sides[0]) + 1) * width, each.facts["unknown"], dtype=np.int64)
    known = [{word: at for at, word in enumerate(side)} for side in sides]
    for at, (first, second) in enumerate(each.facts["levels"]):
        places[known[0][first] * width + known[1][second]] = at
    found = [_looked_up(graph, graph.column(each, at), side, len(side), len(side)) for at, side in enumerate(sides)]
    joint = graph.add("Add", graph.add("Mul", found[0], graph.whole(width)), found[1])
    return graph.add("Gather", graph.constant("int64", places), joint, axis=0)


def _clock(graph: _Graph, each: Node, values: list[str]) -> str:
    moment, part = graph.column(each), each.facts["part"]
    if part == "elapsed":
        since = graph.cast(graph.add("Sub", moment, graph.whole(each.facts["epoch"])), "double")
        found = graph.add("Div", since, graph.one(_DAY_SECONDS * 1e6))
    else:
        found = graph.cast(_part_of_clock(graph, moment, part, each.facts["zone"]), "double")
    absent = graph.add("Equal", moment, graph.whole(MISSING_MOMENT))
    return graph.add("Where", absent, graph.one(float("nan")), found)


def _part_of_clock(graph: _Graph, moment: str, part: str, zone: str) -> str:
    def sum_of(value: str, other: int) -> str:
        return graph.add("Add", value, graph.whole(other))

    def quotient(value: str, other: int) -> str:
        # Division cuts towards zero; what is divided is brought to a whole multiple first.
        rest = graph.add("Mod", value, graph.whole(other))
        return graph.add("Div", graph.add("Sub", value, rest), graph.whole(other))

    def times(value: str, other: int) -> str:
        return graph.add("Mul", value, graph.whole(other))

    def less(value: str, other: str) -> str:
        return graph.add("Sub", value, other)

    clock = clock_of(zone)
    seconds = quotient(moment, 1_000_000)
    at = graph.counted(seconds, graph.constant("int64", [list(clock.begins[1:])]), "int64")
    ahead = graph.add("Gather", graph.constant("int64", list(clock.offsets)), at, axis=0)
    local = graph.add("Add", seconds, ahead)
    if part == "second":
        return graph.add("Mod", local, graph.whole(_DAY_SECONDS))
    days = quotient(local, _DAY_SECONDS)
    if part == "date":
        return days
    if part == "weekday":
        return graph.add("Mod", sum_of(days, 3), graph.whole(7))
    # Howard Hinnant's days of the civil calendar, of which March is the first month.
    shifted = sum_of(days, 719_468)
    era = quotient(shifted, 146_097)
    day = less(shifted, times(era, 146_097))
    year = less(less(day, quotient(day, 1460)), less(quotient(day, 146_096), quotient(day, 36_524)))
    year = quotient(year, 365)
    of_year = less(day, graph.add("Add", times(year, 365), less(quotient(year, 4), quotient(year, 100))))
    month = quotient(sum_of(times(of_year, 5), 2), 153)
    late = graph.add("GreaterOrEqual", month, graph.whole(10))
    if part == "month":
        return graph.add("Where", late, sum_of(month, -9), sum_of(month, 3))
    full = graph.add("Add", graph.add("Add", year, times(era, 400)), graph.cast(late, "int64"))
    before = sum_of(full, -1)
    leaps = less(quotient(before, 4), less(quotient(before, 100), quotient(before, 400)))
    first = sum_of(graph.add("Add", times(before, 365), leaps), -719_162)
    return less(days, first)


def _constant(graph: _Graph, each: Node, values: list[str]) -> str:
    value = each.facts["value"]
    return graph.one(float("nan") if value is None else value)


def _take(graph: _Graph, each: Node, values: list[str]) -> str:
    place = values[each.reads[0]]
    table = graph.numbers([float("nan") if value is None else value for value in each.facts["table"]])
    return graph.add("Gather", table, graph.cast(place, "int64"), axis=0)


def _same(graph: _Graph, each: Node, values: list[str]) -> str:
    held = graph.cast(values[each.reads[0]], "double")
    return graph.cast(graph.add("Equal", held, graph.one(each.facts["value"])), "double")


def _missing(graph: _Graph, each: Node, values: list[str]) -> str:
    return graph.cast(graph.absent(values[each.reads[0]]), "double")


def _fill(graph: _Graph, each: Node, values: list[str]) -> str:
    found = values[each.reads[-1]]
    for read in reversed(each.reads[:-1]):
        found = graph.add("Where", graph.absent(values[read]), found, values[read])
    return found


def _clean(graph: _Graph, each: Node, values: list[str]) -> str:
    value = graph.cast(values[each.reads[0]], "double")
    endless = graph.add("Greater", graph.add("Abs", value), graph.one(_FINITE))
    return graph.between(graph.add("Where", endless, graph.one(float("nan")), value), -_LARGEST, _LARGEST)


def _scale(graph: _Graph, each: Node, values: list[str]) -> str:
    moved = graph.add("Sub", values[each.reads[0]], graph.one(each.facts["center"]))
    return graph.add("Div", moved, graph.one(each.facts["spread"]))


def _clip(graph: _Graph, each: Node, values: list[str]) -> str:
    return graph.between(values[each.reads[0]], each.facts["low"], each.facts["high"])


def _bin(graph: _Graph, each: Node, values: list[str]) -> str:
    value, edges = values[each.reads[0]], each.facts["edges"]
    count = graph.counted(value, graph.numbers([edges]), "double") if edges else graph.one(0.0)
    return graph.add("Where", graph.absent(value), graph.one(-1.0), count)


def _times(graph: _Graph, each: Node, values: list[str]) -> str:
    return graph.add("Mul", values[each.reads[0]], graph.one(each.facts["factor"]))


def _turned(operation: str) -> Callable[[_Graph, Node, list[str]], str]:
    return lambda graph, each, values: graph.add(operation, *(values[read] for read in each.reads))


def _around(turn: Callable[[Any], Any]) -> Callable[[_Graph, Node, list[str]], str]:
    """Return the angle of a clock as a table: a runtime's sine has another last bit, on which trees may turn."""

    def made(graph: _Graph, each: Node, values: list[str]) -> str:
        scaled = graph.maker(each.reads[0])
        clock = graph.maker(scaled.reads[0])
        angles = turn(np.arange(_PLACES[clock.facts["part"]]) * scaled.facts["factor"])
        value = values[scaled.reads[0]]
        place = graph.add("Where", graph.absent(value), graph.one(-1.0), value)
        return graph.add("Gather", graph.numbers([*angles, np.nan]), graph.cast(place, "int64"), axis=0)

    return made


def _ratio(graph: _Graph, each: Node, values: list[str]) -> str:
    first, second = (values[read] for read in each.reads)
    nothing = graph.add("Equal", second, graph.one(0.0))
    quotient = graph.add("Where", nothing, graph.one(float("nan")), graph.add("Div", first, second))
    return graph.between(quotient, -_LARGEST, _LARGEST)


def _dot(graph: _Graph, each: Node, values: list[str]) -> str:
    weights = graph.numbers([[weight] for weight in each.facts["weights"]])
    held = graph.side_by_side([values[read] for read in each.reads])
    return graph.add("Add", graph.add("MatMul", held, weights), graph.one(each.facts["bias"]))


def _spline(graph: _Graph, each: Node, values: list[str]) -> str:
    at, facts = values[each.reads[0]], each.facts

    def cubed(knot: float) -> str:
        beyond = graph.add("Sub", at, graph.one(knot))
        held = graph.add("Where", graph.add("Less", beyond, graph.one(0.0)), graph.one(0.0), beyond)
        return graph.add("Mul", graph.add("Mul", held, held), held)

    def share(cube: str, above: float) -> str:
        return graph.add("Div", graph.add("Mul", cube, graph.one(above)), graph.one(facts["last"] - facts["before"]))

    knot, before, last = facts["knot"], facts["before"], facts["last"]
    first = graph.add("Sub", cubed(knot), share(cubed(before), last - knot))
    return graph.add("Add", first, share(cubed(last), before - knot))


def _bend(graph: _Graph, each: Node, values: list[str]) -> str:
    value, facts = values[each.reads[0]], each.facts
    one = graph.one(1.0)

    def box_cox(held: str, exponent: float) -> str:
        log = graph.add("Log", held)
        if abs(exponent) < 1e-12:
            return log
        power = graph.between(graph.add("Mul", log, graph.one(exponent)), -_FINITE, 300.0)
        return graph.add("Div", graph.add("Sub", graph.add("Exp", power), one), graph.one(exponent))

    if facts["way"] == "log":
        made = graph.add(
            "Mul", graph.add("Sign", value), graph.add("Log", graph.add("Add", graph.add("Abs", value), one))
        )
    elif facts["way"] == "box_cox":
        made = box_cox(graph.between(value, facts["lowest"], _FINITE), facts["exponent"])
    else:
        above = box_cox(graph.add("Add", value, one), facts["exponent"])
        below = graph.add("Neg", box_cox(graph.add("Sub", one, value), 2.0 - facts["exponent"]))
        made = graph.add("Where", graph.add("GreaterOrEqual", value, graph.one(0.0)), above, below)
    return graph.between(made, -_LARGEST, _LARGEST)


def _iterative(graph: _Graph, each: Node, values: list[str]) -> list[str]:
    facts = each.facts
    columns = [values[read] for read in each.reads]
    work = []
    for value, center, spread in zip(columns, facts["centers"], facts["spreads"], strict=True):
        scaled = graph.add("Div", graph.add("Sub", value, graph.one(center)), graph.one(spread))
        held = graph.between(scaled, -facts["farthest"], facts["farthest"])
        work.append(graph.add("Where", graph.absent(value), graph.one(0.0), held))
    for coefficients, intercepts in zip(facts["coefficients"], facts["intercepts"], strict=True):
        for at, place in enumerate(facts["targets"]):
            weights = graph.numbers([[weight] for weight in coefficients[at]])
            total = graph.add("Add", graph.add("MatMul", graph.side_by_side(work), weights), graph.one(intercepts[at]))
            filled = graph.between(total, facts["lows"][place], facts["highs"][place])
            work[place] = graph.add("Where", graph.absent(columns[place]), filled, work[place])
    result = []
    for place in facts["targets"]:
        own = graph.add("Mul", work[place], graph.one(facts["spreads"][place]))
        own = graph.add("Add", own, graph.one(facts["centers"][place]))
        result.append(graph.add("Where", graph.absent(columns[place]), own, columns[place]))
    return result


_OPERATIONS: Mapping[str, Callable[[_Graph, Node, list[str]], str | list[str]]] = {
    "number": _number,
    "position": _position,
    "pair": _pair,
    "clock": _clock,
    "constant": _constant,
    "take": _take,
    "same": _same,
    "missing": _missing,
    "fill": _fill,
    "clean": _clean,
    "scale": _scale,
    "clip": _clip,
    "bin": _bin,
    "times": _times,
    "sin": _around(np.sin),
    "cos": _around(np.cos),
    "minus": _turned("Sub"),
    "product": _turned("Mul"),
    "ratio": _ratio,
    "dot": _dot,
    "spline": _spline,
    "bend": _bend,
    "iterative": _iterative,
}


def _matrix(graph: _Graph, columns: Sequence[str]) -> str:
    """Return the columns side by side as a matrix of N rows, though some of them be constants."""
    rows = graph.add("Shape", graph.program.fields[0].name)
    zeros = graph.add("ConstantOfShape", rows, value=tensor("", "double", [0.0]))
    return graph.side_by_side([graph.add("Add", graph.cast(column, "double"), zeros) for column in columns] or [zeros])


def _trees(graph: _Graph, part: Calculation, columns: list[str]) -> str:
    facts = expanded(part.facts) if part.kind == "oblivious" else part.facts
    held = _matrix(graph, columns)
    if facts["single"]:
        held = graph.cast(graph.cast(held, "float"), "double")
    feature, split, missing = list(facts["feature"]), list(facts["split"]), list(facts["missing"])
    yes, no = list(facts["yes"]), list(facts["no"])
    by_feature: dict[int, list[int]] = {}
    for place in sorted(map(int, facts["sets"])):
        by_feature.setdefault(feature[place], []).append(place)
    width, beside = max(len(columns), 1), []
    for own, places in by_feature.items():
        # A set of codes is asked of a table: one row for each code, one column for each set.
        most = max((code for place in places for code in facts["sets"][str(place)]), default=0) + 1
        table = np.zeros((most + 1, len(places)))
        for at, place in enumerate(places):
            table[facts["sets"][str(place)], at] = 1.0
            # Who is in the set goes on to `yes`; the border of an indicator is crossed from below.
            feature[place], split[place], missing[place] = width + at, 0.5, 0
            yes[place], no[place] = no[place], yes[place]
        code = graph.cast(columns[own], "double")
        inside = graph.add("And", graph.add("Greater", code, graph.one(-1.0)), graph.add("Less", code, graph.one(most)))
        place_of = graph.cast(graph.add("Where", inside, code, graph.one(most)), "int64")
        flat = graph.add("Gather", graph.numbers(table), place_of, axis=0)
        beside.append(graph.add("Reshape", flat, graph.constant("int64", [-1, len(places)])))
        width += len(places)
    held = graph.side_by_side([held, *beside])
    scores = facts["scores"]
    whole = any(target < 0 for target in facts["target"])
    copies = scores if whole and scores > 1 else 1
    if copies * len(feature) > _MOST_NODES:
        raise Refused(f"the trees of '{part.key}' have {copies * len(feature)} nodes, too many for ONNX")
    roots: list[int] = []
    leaves: list[float] = []
    targets: list[int] = []
    lists: dict[str, list[Any]] = {name: [] for name in ("feature", "split", "missing", "yes", "no")}
    for copy in range(copies):
        node_start, leaf_start = len(lists["feature"]), len(leaves)
        own_leaves = [leaf[copy] if whole else leaf[0] for leaf in facts["leaves"]]
        leaves += own_leaves
        targets += [copy if whole else target for target in facts["target"]]
        lists["feature"] += feature
        lists["split"] += split
        lists["missing"] += missing
        lists["yes"] += [_moved(child, node_start, leaf_start) for child in yes]
        lists["no"] += [_moved(child, node_start, leaf_start) for child in no]
        for root in facts["roots"]:
            if root >= 0:
                roots.append(node_start + root)
                continue
            # A tree of one leaf is a question whose answers are alike.
            roots.append(-1)
            lists["feature"].append(0)
            lists["split"].append(0.0)
            lists["missing"].append(0)
            lists["yes"].append(_moved(root, 0, leaf_start))
            lists["no"].append(_moved(root, 0, leaf_start))
            roots[-1] = len(lists["feature"]) - 1
    raw = graph.add(
        "TreeEnsemble",
        held,
        domain=TREES,
        aggregate_function=1,
        post_transform=0,
        n_targets=scores,
        tree_roots=roots,
        nodes_featureids=lists["feature"],
        nodes_modes=tensor("", "uint8", [_AT_MOST] * len(lists["feature"])),
        nodes_splits=tensor("", "double", lists["split"]),
        nodes_truenodeids=[child if child >= 0 else -1 - child for child in lists["yes"]],
        nodes_trueleafs=[int(child < 0) for child in lists["yes"]],
        nodes_falsenodeids=[child if child >= 0 else -1 - child for child in lists["no"]],
        nodes_falseleafs=[int(child < 0) for child in lists["no"]],
        nodes_missing_value_tracks_true=lists["missing"],
        leaf_targetids=targets,
        leaf_weights=tensor("", "double", leaves),
    )
    mean = graph.add("Div", raw, graph.one(float(facts["divisor"])))
    return graph.add("Add", mean, graph.numbers([facts["bias"]]))


def _moved(child: int, nodes: int, leaves: int) -> int:
    return child + nodes if child >= 0 else child - leaves


def _linear(graph: _Graph, part: Calculation, columns: list[str]) -> str:
    coef = np.array(part.facts["coef"], dtype=np.float64).reshape(max(len(columns), 0), -1)
    level = graph.numbers([part.facts["intercept"]])
    if not len(coef):
        return graph.add("Add", _matrix(graph, []), level)
    return graph.add("Add", graph.add("MatMul", _matrix(graph, columns), graph.numbers(coef)), level)


def _network(graph: _Graph, part: Calculation, columns: list[str]) -> str:
    held = _matrix(graph, columns)
    layers = part.facts["layers"]
    for depth, layer in enumerate(layers):
        held = graph.add(
            "Add", graph.add("MatMul", held, graph.numbers(layer["weight"])), graph.numbers([layer["bias"]])
        )
        if depth < len(layers) - 1:
            held = graph.add("Where", graph.add("Less", held, graph.one(0.0)), graph.one(0.0), held)
    return held


def _always(graph: _Graph, part: Calculation, columns: list[str]) -> str:
    return graph.add("Add", _matrix(graph, []), graph.numbers([part.facts["values"]]))


_PREDICTORS: Mapping[str, Callable[[_Graph, Calculation, list[str]], str]] = {
    "trees": _trees,
    "oblivious": _trees,
    "linear": _linear,
    "network": _network,
    "constant": _always,
}


def _recalibrated(graph: _Graph, scores: str, step: Mapping[str, Any]) -> str:
    params = step["params"]
    if step["method"].startswith("temperature"):
        logs = graph.add("Log", graph.between(scores, _LEAST, 1.0))
        warmed = graph.add("Add", graph.add("Mul", logs, graph.one(params[0])), graph.numbers([params[1:]]))
        return graph.add("Softmax", warmed, axis=1)
    second = graph.add("Gather", scores, graph.constant("int64", [1]), axis=1)
    positive = graph.between(second, _LEAST, 1.0 - _LEAST)
    if step["method"] == "isotonic":
        happens = _between(graph, positive, step["before"], step["after"])
    else:
        slopes = params[1:] if step["method"] == "beta" else (params[1], params[1])
        for_it = graph.add("Mul", graph.add("Log", positive), graph.one(slopes[0]))
        against = graph.add("Log", graph.add("Sub", graph.one(1.0), positive))
        odds = graph.add(
            "Sub", graph.add("Add", for_it, graph.one(params[0])), graph.add("Mul", against, graph.one(slopes[1]))
        )
        happens = graph.add("Sigmoid", odds)
    return graph.linked(happens, "complement")


def _between(graph: _Graph, value: str, before: Sequence[float], after: Sequence[float]) -> str:
    """Return the curve through the knots at the value, level beyond them."""
    held = graph.between(value, before[0], before[-1])
    inner = before[1:-1]
    at = graph.counted(held, graph.numbers([inner]), "int64") if inner else graph.cast(graph.one(0.0), "int64")
    slopes = np.diff(after) / np.diff(before)

    def taken(values: npt.ArrayLike) -> str:
        return graph.add("Gather", graph.numbers(values), at, axis=0)

    risen = graph.add("Mul", taken(slopes), graph.add("Sub", held, taken(before[:-1])))
    return graph.add("Add", risen, taken(after[:-1]))
