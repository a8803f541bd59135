"""A trained model as plain calculation: nothing but Python's own library is needed.

``model.json`` holds the model as numbers: nothing in it is run.
"""

from __future__ import annotations

import json
import math
import re
import struct
from bisect import bisect_right
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from statistics import NormalDist
from zlib import crc32

_LARGEST = 1e150
_NAN = math.nan
_DAY_SECONDS = 86400
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_BLANKS = "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace())
_SIZED_WORD = re.compile(r"[^ \t\r\n]+")
_TOPIC_WORD = re.compile(r"[^\W_]{2,}")
_LEAST = math.exp(-15.0)
_LARGEST_WHOLE = 2.0**63
_SINGLE = struct.Struct("<f")


class Model:
    """A model read from the content of its ``model.json``."""

    def __init__(self, content):
        self.name = content["name"]
        self.task = content["task"]
        self.classes = content["classes"]
        self.fields = content["fields"]
        self._zones = {name: _Zone(**zone) for name, zone in content["zones"].items()}
        self._nodes = [(_OPERATIONS[node["op"]](self, node), node["made"]) for node in content["nodes"]]
        self._parts = [_part(part) for part in content["parts"]]
        self._recalibration = content["recalibration"]
        self._decision = content["decision"]

    def zone(self, name):
        return self._zones[name]

    def predict(self, rows):
        """Return what is predicted of each row, a mapping from column to value.

        A mapping with ``prediction`` for each, and for classes ``probabilities`` by class. Missing is None, NaN, an
        empty text or one of the column's own words for it; a word that was never seen is no error. ValueError where a
        column is not there or holds a value of another nature.
        """
        return [self.predict_one(row) for row in rows]

    def predict_one(self, row):
        """Return the same of one row."""
        return self.answer(self.read(row))

    def read(self, row):
        """Return a row's values in the order of the columns, as the model reads them."""
        values = []
        for field in self.fields:
            name = field["name"]
            if name not in row:
                raise ValueError("the column '%s' that the model reads is not there" % name)
            try:
                values.append(_READ[field["kind"]](field, row[name]))
            except (TypeError, ValueError, OverflowError) as error:
                raise ValueError("column '%s': %s" % (name, error)) from error
        return values

    def answer(self, values):
        """Return what is predicted of values that were read."""
        scores = self.scores(values)
        if self.task == "regression":
            return {"prediction": scores[0]}
        return {
            "prediction": self.classes[self.decided(scores)],
            "probabilities": dict(zip(self.classes, scores)),
        }

    def scores(self, values):
        """Return the probabilities of the classes, or the one predicted number."""
        made = []
        for operation, count in self._nodes:
            if count == 1:
                made.append(operation(values, made))
            else:
                made.extend(operation(values, made))
        total = [0.0] * (len(self.classes) or 1)
        for weight, calculate in self._parts:
            for place, score in enumerate(calculate(made)):
                total[place] += weight * score
        return total if self._recalibration is None else _recalibrated(total, self._recalibration)

    def decided(self, scores):
        """Return the place of the class that is decided."""
        decision = self._decision
        if "threshold" in decision:
            return int(scores[1] >= decision["threshold"])
        if "amounts" in decision:
            amounts = decision["amounts"]
            scores = [sum(score * row[place] for score, row in zip(scores, amounts)) for place in range(len(amounts))]
        return next((place for place, score in enumerate(scores) if score != score), scores.index(max(scores)))


def load(path):
    """Return the model of a ``model.json``, a path or what opens as one."""
    return Model(json.loads((path if hasattr(path, "read_text") else Path(path)).read_text(encoding="utf-8")))


# Values as callers have them.


def _missing(field, value):
    if isinstance(value, str):
        return not value.strip(_BLANKS) or value.strip(_BLANKS) in field["missing"]
    return (
        value is None or (isinstance(value, float) and value != value) or type(value).__name__ in ("NAType", "NaTType")
    )


def _read_number(field, value):
    if _missing(field, value):
        return None
    if isinstance(value, (str, bool, bytes)):
        raise ValueError("%r where a number is needed" % (value,))
    number = float(value)
    if math.isinf(number):
        raise ValueError("%r where a finite number is needed" % (value,))
    return number


def _read_truth(field, value):
    if _missing(field, value):
        return None
    if isinstance(value, str) and value.strip(_BLANKS).lower() in ("true", "false"):
        return value.strip(_BLANKS).lower() == "true"
    if value in (0, 1):
        return bool(value)
    raise ValueError("%r where true or false is needed" % (value,))


def _read_word(field, value):
    if _missing(field, value):
        return None
    if isinstance(value, str):
        return value.strip(_BLANKS)
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        text = "true" if value else "false"
    elif isinstance(value, int) or (hasattr(value, "__index__") and not isinstance(value, (bytes, bytearray))):
        text = str(int(value))
    else:
        number = float(value)
        if math.isinf(number):
            raise ValueError("%r where a text is needed" % (value,))
        whole = number == math.floor(number) and abs(number) < _LARGEST_WHOLE
        text = str(int(number)) if whole else repr(number)
    return None if text in field["missing"] else text


def _read_moment(field, value):
    """Return microseconds since 1970, by UTC. A time without a zone is that of the column's clock on the wall."""
    if _missing(field, value):
        return None
    if isinstance(value, str):
        text = value.strip(_BLANKS)
        value = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1] in "zZ" else text)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError("%r where a time is needed" % (value,))
    if value.tzinfo is None:
        if field["zone"] != "UTC":
            raise ValueError("%s without its offset from UTC; write it with one" % value.isoformat())
        value = value.replace(tzinfo=timezone.utc)
    return (value - _EPOCH) // timedelta(microseconds=1)


_READ = {
    "numeric": _read_number,
    "boolean": _read_truth,
    "categorical": _read_word,
    "text": _read_word,
    "datetime": _read_moment,
}


# Operations: each is made of its facts once, and then called with the row's values and the values made so far.


def _float(value):
    return _NAN if value is None else float(value)


def _number(model, node):
    (column,) = node["columns"]

    def read(row, made):
        value = row[column]
        return _NAN if value is None else min(max(float(value), -_LARGEST), _LARGEST)

    return read


def _position(model, node):
    (column,) = node["columns"]
    places = {level: float(place) for place, level in enumerate(node["levels"])}
    unknown, absent = float(node["unknown"]), float(node["absent"])

    def read(row, made):
        word = row[column]
        return absent if word is None else places.get(word, unknown)

    return read


def _pair(model, node):
    first, second = node["columns"]
    places = {(level[0], level[1]): float(place) for place, level in enumerate(node["levels"])}
    unknown = float(node["unknown"])
    return lambda row, made: places.get((row[first], row[second]), unknown)


class _Zone:
    """The clock on the wall: from each of ``begins`` (seconds since 1970) on it is ``offsets`` seconds ahead of UTC."""

    def __init__(self, begins, offsets, until):
        self.begins, self.offsets, self.until = begins, offsets, until

    def local(self, microseconds):
        """Return the seconds since 1970 that the clock shows."""
        seconds = microseconds // 1000000
        if seconds >= self.until:
            raise ValueError("a time after the last that this clock is known for")
        return seconds + self.offsets[max(bisect_right(self.begins, seconds) - 1, 0)]


def _clock(model, node):
    (column,) = node["columns"]
    part = node["part"]
    if part == "elapsed":
        epoch = node["epoch"]

        def elapsed(row, made):
            return _NAN if row[column] is None else (row[column] - epoch) / (_DAY_SECONDS * 1e6)

        return elapsed
    zone, read = model.zone(node["zone"]), _CLOCK[part]

    def of_clock(row, made):
        if row[column] is None:
            return _NAN
        days, second = divmod(zone.local(row[column]), _DAY_SECONDS)
        return float(read(days, second))

    return of_clock


def _on(days):
    return date.fromordinal(days + 719163)


_CLOCK = {
    "second": lambda days, second: second,
    "weekday": lambda days, second: (days + 3) % 7,
    "month": lambda days, second: _on(days).month,
    "day": lambda days, second: _on(days).timetuple().tm_yday - 1,
    "date": lambda days, second: days,
}


def _characters(model, node):
    (column,) = node["columns"]
    return lambda row, made: _NAN if row[column] is None else float(len(row[column]))


def _words(model, node):
    (column,) = node["columns"]
    return lambda row, made: _NAN if row[column] is None else float(len(_SIZED_WORD.findall(row[column])))


def _hashed(model, node):
    (column,) = node["columns"]
    buckets = node["buckets"]

    def hashed(row, made):
        if row[column] is None:
            return float(buckets), 1.0
        number = crc32(row[column].encode("utf-8", "surrogatepass"))
        return float((number >> 1) % buckets), 1.0 if number & 1 else -1.0

    return hashed


def _topics(model, node):
    (column,) = node["columns"]
    vocabulary, buckets, weights, axes = node["vocabulary"], node["buckets"], node["weights"], node["axes"]
    longest, nothing = node["longest"], [0.0] * node["made"]

    def topics(row, made):
        counts = {}
        for word in [] if row[column] is None else _TOPIC_WORD.findall(row[column][:longest].lower()):
            place = crc32(word.encode("utf-8", "surrogatepass")) % buckets if buckets else vocabulary.get(word)
            if place is not None:
                counts[place] = counts.get(place, 0) + 1
        if not counts:
            return nothing
        terms = sorted(counts)
        weighted = [counts[term] * weights[term] for term in terms]
        length = math.sqrt(sum(value * value for value in weighted))
        return [
            sum(value / length * axes[term][axis] for value, term in zip(weighted, terms))
            for axis in range(len(nothing))
        ]

    return topics if len(nothing) > 1 else lambda row, made: topics(row, made)[0]


def _constant(model, node):
    value = _float(node["value"])
    return lambda row, made: value


def _take(model, node):
    (read,) = node["reads"]
    table = [_float(value) for value in node["table"]]
    return lambda row, made: table[int(made[read])]


def _same(model, node):
    (read,) = node["reads"]
    value = node["value"]
    return lambda row, made: 1.0 if made[read] == value else 0.0


def _marked(model, node):
    (read,) = node["reads"]
    return lambda row, made: 1.0 if made[read] != made[read] else 0.0


def _fill(model, node):
    reads = node["reads"]

    def filled(row, made):
        for read in reads:
            value = made[read]
            if value == value:
                return value
        return _NAN

    return filled


def _clean(model, node):
    (read,) = node["reads"]

    def clean(row, made):
        value = made[read]
        return min(max(value, -_LARGEST), _LARGEST) if math.isfinite(value) else _NAN

    return clean


def _scale(model, node):
    (read,) = node["reads"]
    center, spread = node["center"], node["spread"]
    return lambda row, made: (made[read] - center) / spread


def _clip(model, node):
    (read,) = node["reads"]
    low, high = node["low"], node["high"]

    def clip(row, made):
        value = made[read]
        return low if value < low else min(value, high)

    return clip


def _bin(model, node):
    (read,) = node["reads"]
    edges = node["edges"]
    return lambda row, made: -1.0 if made[read] != made[read] else float(bisect_right(edges, made[read]))


def _times(model, node):
    (read,) = node["reads"]
    factor = node["factor"]
    return lambda row, made: made[read] * factor


def _sin(model, node):
    (read,) = node["reads"]
    return lambda row, made: math.sin(made[read])


def _cos(model, node):
    (read,) = node["reads"]
    return lambda row, made: math.cos(made[read])


def _minus(model, node):
    first, second = node["reads"]
    return lambda row, made: made[first] - made[second]


def _product(model, node):
    first, second = node["reads"]
    return lambda row, made: made[first] * made[second]


def _ratio(model, node):
    first, second = node["reads"]

    def ratio(row, made):
        if made[second] == 0.0:
            return _NAN
        value = made[first] / made[second]
        return -_LARGEST if value < -_LARGEST else min(value, _LARGEST)

    return ratio


def _dot(model, node):
    pairs, bias = list(zip(node["reads"], node["weights"])), node["bias"]

    def dot(row, made):
        total = 0.0
        for read, weight in pairs:
            total += made[read] * weight
        return total + bias

    return dot


def _spline(model, node):
    (read,) = node["reads"]
    knot, before, last = node["knot"], node["before"], node["last"]

    def term(row, made):
        at = made[read]
        return (
            _cubed(at - knot)
            - _cubed(at - before) * (last - knot) / (last - before)
            + _cubed(at - last) * (before - knot) / (last - before)
        )

    return term


def _cubed(value):
    return value if value != value else max(value, 0.0) ** 3


def _bend(model, node):
    (read,) = node["reads"]
    way, exponent, lowest = node["way"], node["exponent"], node["lowest"]

    def bend(row, made):
        value = made[read]
        if value != value:
            return value
        if way == "log":
            bent = math.copysign(math.log1p(abs(value)), value) if value else 0.0
        elif way == "box_cox":
            bent = _box_cox(max(value, lowest), exponent)
        else:
            bent = _box_cox(value + 1.0, exponent) if value >= 0 else -_box_cox(1.0 - value, 2.0 - exponent)
        return min(max(bent, -_LARGEST), _LARGEST)

    return bend


def _box_cox(value, exponent):
    log = math.log(value)
    return log if abs(exponent) < 1e-12 else math.expm1(min(exponent * log, 300.0)) / exponent


def _rank(model, node):
    (read,) = node["reads"]
    own, normal, edge = node["references"], node["normal"], node["edge"]
    count = len(own)
    # As numpy.linspace divides.
    shares = (
        [place * (1.0 / (count - 1)) if place < count - 1 else 1.0 for place in range(count)] if count > 1 else [0.0]
    )
    mirrored, mirrored_shares = [-value for value in reversed(own)], [-share for share in reversed(shares)]
    inverse = NormalDist().inv_cdf

    def rank(row, made):
        value = made[read]
        if value != value:
            return value
        if value < own[0]:
            found = 0.0
        elif value > own[-1]:
            found = 1.0
        elif own[0] == own[-1]:
            found = 0.5
        else:
            found = 0.5 * (_between(value, own, shares) - _between(-value, mirrored, mirrored_shares))
        return inverse(min(max(found, edge), 1.0 - edge)) if normal else found

    return rank


def _between(value, places, heights):
    at = bisect_right(places, value) - 1
    if at < 0:
        return heights[0]
    if at >= len(places) - 1:
        return heights[-1]
    if places[at] == value:
        return heights[at]
    return (heights[at + 1] - heights[at]) / (places[at + 1] - places[at]) * (value - places[at]) + heights[at]


def _iterative(model, node):
    reads, targets, farthest = node["reads"], node["targets"], node["farthest"]
    centers, spreads, lows, highs = node["centers"], node["spreads"], node["lows"], node["highs"]
    rounds = list(zip(node["coefficients"], node["intercepts"]))

    def filled(row, made):
        values = [made[read] for read in reads]
        result = [values[place] for place in targets]
        holes = [at for at, value in enumerate(result) if value != value]
        if not holes:
            return result
        work = [
            0.0 if value != value else min(max((value - center) / spread, -farthest), farthest)
            for value, center, spread in zip(values, centers, spreads)
        ]
        for coefficients, intercepts in rounds:
            for at in holes:
                place = targets[at]
                total = sum(value * weight for value, weight in zip(work, coefficients[at])) + intercepts[at]
                work[place] = min(max(total, lows[place]), highs[place])
        for at in holes:
            place = targets[at]
            result[at] = work[place] * spreads[place] + centers[place]
        return result

    return filled if node["made"] > 1 else lambda row, made: filled(row, made)[0]


_OPERATIONS = {
    "number": _number,
    "position": _position,
    "pair": _pair,
    "clock": _clock,
    "characters": _characters,
    "words": _words,
    "hashed": _hashed,
    "topics": _topics,
    "constant": _constant,
    "take": _take,
    "same": _same,
    "missing": _marked,
    "fill": _fill,
    "clean": _clean,
    "scale": _scale,
    "clip": _clip,
    "bin": _bin,
    "times": _times,
    "sin": _sin,
    "cos": _cos,
    "minus": _minus,
    "product": _product,
    "ratio": _ratio,
    "dot": _dot,
    "spline": _spline,
    "bend": _bend,
    "rank": _rank,
    "iterative": _iterative,
}


# Predictors: each takes the values made, and returns its scores.


def _part(part):
    raw, link = _PREDICTORS[part["kind"]](part["reads"], part), _LINKS[part["link"]]
    return part["weight"], lambda made: link(raw(made))


def _trees(reads, facts):
    nodes = list(zip(
        [reads[column] for column in facts["feature"]], facts["split"], facts["yes"], facts["no"], facts["missing"]
    ))  # fmt: skip
    sets = {int(node): frozenset(codes) for node, codes in facts["sets"].items()}
    leaves, target, scores, divisor = facts["leaves"], facts["target"], facts["scores"], facts["divisor"]
    single, roots, bias = facts["single"], facts["roots"], facts["bias"]

    def sums(made):
        if single:
            made = [_single(value) for value in made]
        total = [0.0] * scores
        for root in roots:
            place = root
            while place >= 0:
                read, split, yes, no, missing = nodes[place]
                value = made[read]
                if place in sets:
                    # Codes are cut to whole numbers; those below zero, and missing ones, are in no set.
                    place = yes if -1.0 < value < 1e9 and int(value) in sets[place] else no
                elif value <= split:
                    place = yes
                elif value == value:
                    place = no
                else:
                    place = yes if missing else no
            leaf = -1 - place
            score = target[leaf]
            if score >= 0:
                total[score] += leaves[leaf][0]
            else:
                for at, value in enumerate(leaves[leaf]):
                    total[at] += value
        return [value / divisor + more for value, more in zip(total, bias)]

    return sums


def _single(value):
    """Return a number rounded to single precision; what is too large for it is infinite."""
    try:
        return _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def _oblivious(reads, facts):
    trees = list(zip(facts["questions"], facts["first"]))
    leaves, divisor, bias = facts["leaves"], facts["divisor"], facts["bias"]

    def sums(made):
        row = [_single(made[read]) for read in reads]
        total = [0.0] * len(bias)
        for questions, leaf in trees:
            for column, low, high, bit in questions:
                if row[column] > low and (high is None or row[column] <= high):
                    leaf += bit
            for place, value in enumerate(leaves[leaf]):
                total[place] += value
        return [value / divisor + more for value, more in zip(total, bias)]

    return sums


def _linear(reads, facts):
    columns, intercept = (
        list(zip(*facts["coef"])) if facts["coef"] else [()] * len(facts["intercept"]),
        facts["intercept"],
    )
    sums = [list(zip(reads, column)) for column in columns]

    def scores(made):
        result = []
        for pairs, level in zip(sums, intercept):
            total = 0.0
            for read, weight in pairs:
                total += made[read] * weight
            result.append(total + level)
        return result

    return scores


def _network(reads, facts):
    layers = [(list(zip(*layer["weight"])), layer["bias"]) for layer in facts["layers"]]

    def scores(made):
        values = [made[read] for read in reads]
        for depth, (weights, biases) in enumerate(layers):
            values = [sum(map(float.__mul__, values, column)) + bias for column, bias in zip(weights, biases)]
            if depth < len(layers) - 1:
                values = [value if value > 0.0 or value != value else 0.0 for value in values]
        return values

    return scores


def _always(reads, facts):
    return lambda made: facts["values"]


_PREDICTORS = {
    "trees": _trees,
    "oblivious": _oblivious,
    "linear": _linear,
    "network": _network,
    "constant": _always,
}


def _logistic(raw):
    value = raw[0]
    if value != value:
        return [_NAN, _NAN]
    # Both sides are computed, so that neither loses its digits where it is small.
    small = math.exp(-abs(value))
    low, high = small / (1.0 + small), 1.0 / (1.0 + small)
    return [low, high] if value >= 0 else [high, low]


def _softmax(raw):
    most = max(raw)
    if any(value != value for value in raw) or math.isinf(most):
        return [_NAN] * len(raw)
    powers = [math.exp(value - most) for value in raw]
    total = sum(powers)
    return [power / total for power in powers]


def _exp(raw):
    return [value if value != value else math.inf if value > 709.782712893384 else math.exp(value) for value in raw]


_LINKS = {
    "identity": lambda raw: raw,
    "exp": _exp,
    "logistic": _logistic,
    "softmax": _softmax,
    "complement": lambda raw: [1.0 - raw[0], raw[0]],
}


def _recalibrated(scores, step):
    params = step["params"]
    if step["method"].startswith("temperature"):
        logs = [params[0] * math.log(min(max(score, _LEAST), 1.0)) + more for score, more in zip(scores, params[1:])]
        return _softmax(logs)
    positive = min(max(scores[1], _LEAST), 1.0 - _LEAST)
    if step["method"] == "isotonic":
        happens = _between(positive, step["before"], step["after"])
    else:
        for_it, against = math.log(positive), math.log1p(-positive)
        slopes = params[1:] if step["method"] == "beta" else (params[1], params[1])
        happens = 0.5 * (1.0 + math.tanh((params[0] + slopes[0] * for_it - slopes[1] * against) / 2.0))
    return [1.0 - happens, happens]
