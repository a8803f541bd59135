"""The functions and operators of expressions: what they take, what they give, and how they are computed.

Each is computed twice: over the columns of a table by polars, and for the values of one row by Python. Where not said
otherwise, a function of a missing value is missing, and so is a number that is not finite: a division by zero, the
logarithm of nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from tenfold.foundation.row_language.tree import Kind, Scalar

if TYPE_CHECKING:
    import polars as pl

Columns = Callable[..., "pl.Expr"]
Row = Callable[..., Scalar]

AGGREGATES = frozenset(
    (
        *(
            "avg",
            "count",
            "first",
            "last",
            "max",
            "mean",
            "median",
            "min",
            "mode",
            "quantile",
            "stddev",
            "sum",
            "variance",
        ),
        *("row_number", "rank", "lag", "lead"),
    )
)
"""Functions over several rows, which an expression does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function.

    Attributes
    ----------
    takes : tuple of str
        The kinds of its arguments; the last one holds for all that follow. ``same`` is any kind, the same for all.
    gives : str
        The kind of its value; ``same`` is that of its arguments.
    least, most : int
        How many arguments it takes.
    written : int or None
        From this argument on (0 is the first) each must be written out, as a whole number of 0 or more or as a text.
    strict : bool
        Missing when an argument is.
    rounds : bool
        Its numbers may come out not finite, and are missing then.
    spelled : bool
        It is called by its name; operators are not.
    same : tuple of str
        The kinds that ``same`` may be.
    columns, row : callable
        What computes it.
    """

    takes: tuple[str, ...]
    gives: str
    columns: Columns
    row: Row
    least: int = 1
    most: int = 1
    written: int | None = None
    strict: bool = True
    rounds: bool = False
    spelled: bool = True
    same: tuple[Kind, ...] = ("number", "text", "truth", "time")


def _pl() -> Any:
    import polars

    return polars


def finite(number: pl.Expr) -> pl.Expr:
    """Return a column of numbers, missing where they are not finite."""
    # `when(x.is_finite()).then(x)` would compute x twice, and in a chain of them 2ⁿ times.
    return number.replace([math.inf, -math.inf, math.nan], [None, None, None])


def _some(parts: Sequence[Any], join: Callable[[Any, Any], Any]) -> Any:
    """Join many parts two by two, so that the tree stays flat."""
    while len(parts) > 1:
        pairs = [join(*parts[place : place + 2]) for place in range(0, len(parts) - 1, 2)]
        parts = [*pairs, *parts[len(pairs) * 2 :]]
    return parts[0]


def _and_row(*truths: bool | None) -> bool | None:
    if any(truth is False for truth in truths):
        return False
    return None if any(truth is None for truth in truths) else True


def _or_row(*truths: bool | None) -> bool | None:
    if any(truth is True for truth in truths):
        return True
    return None if any(truth is None for truth in truths) else False


def _in_row(value: Scalar, *members: Scalar) -> bool | None:
    if value is None:
        return None
    return _or_row(*(None if member is None else member == value for member in members))


def _case_columns(*parts: pl.Expr) -> pl.Expr:
    chain = _pl()
    for place in range(0, len(parts) - 1, 2):
        chain = chain.when(parts[place]).then(parts[place + 1])
    return cast("pl.Expr", chain.otherwise(parts[-1]))


def _case_row(*parts: Scalar) -> Scalar:
    for place in range(0, len(parts) - 1, 2):
        if parts[place] is True:
            return parts[place + 1]
    return parts[-1]


def pattern_of(like: str) -> str:
    """Return the regular expression of a LIKE pattern: ``%`` is any text, ``_`` one character."""
    meant = {"%": ".*", "_": "."}
    return "".join(meant.get(each) or (f"\\{each}" if each in r"\.+*?()|[]{}^$#&-~" else each) for each in like)


def _like_columns(text: pl.Expr, like: str) -> pl.Expr:
    return text.str.contains(f"(?s)^(?:{pattern_of(like)})\\z")


def _like_row(text: str, like: str) -> bool:
    import re

    return re.fullmatch(pattern_of(like), text, re.DOTALL) is not None


def _round_row(number: float, digits: float = 0.0) -> float:
    """Round half away from zero, as SQL does."""
    scale = 10.0 ** int(digits)
    large = abs(number) * scale
    if not math.isfinite(large):
        return number
    whole = math.floor(large)
    return math.copysign((whole + 1 if large - whole >= 0.5 else whole) / scale, number)


def _remainder_columns(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    return a - b * (a / b).truncate()


def _remainder_row(a: float, b: float) -> float:
    return a - b * math.trunc(a / b)


def _power_row(a: float, b: float) -> float:
    return math.pow(a, b)


def _number_row(value: Scalar) -> float | None:
    import re

    if isinstance(value, str):
        word = value.strip(" ")
        return float(word) if re.fullmatch(_NUMBER, word) else None
    return float(cast("float", value))


_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"


def _number_columns(value: pl.Expr) -> pl.Expr:
    # Of text; numbers and truths are cast where the kind is known.
    word = value.str.strip_chars(" ")
    return word.str.extract(f"^({_NUMBER})\\z").cast(_pl().Float64, strict=False)


def _part(name: str) -> tuple[Columns, Row]:
    ways: Mapping[str, tuple[Columns, Row]] = {
        "year": (lambda t: t.dt.year(), lambda t: t.year),
        "quarter": (lambda t: t.dt.quarter(), lambda t: (t.month + 2) // 3),
        "month": (lambda t: t.dt.month(), lambda t: t.month),
        "day": (lambda t: t.dt.day(), lambda t: t.day),
        "hour": (lambda t: t.dt.hour(), lambda t: t.hour),
        "minute": (lambda t: t.dt.minute(), lambda t: t.minute),
        "second": (lambda t: t.dt.second(), lambda t: t.second),
        "isodow": (lambda t: t.dt.weekday(), lambda t: t.isoweekday()),
        "dayofyear": (lambda t: t.dt.ordinal_day(), lambda t: t.timetuple().tm_yday),
        "week": (lambda t: t.dt.week(), lambda t: t.isocalendar().week),
    }
    columns, row = ways[name]
    return lambda t: columns(t).cast(_pl().Float64), lambda t: float(cast("float", row(t)))


def _epoch_row(moment: Any) -> float:
    from datetime import datetime, timedelta

    return float((moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)) / 1e6  # noqa: DTZ001  # UTC without zone


def _numbers(columns: Columns, row: Row, **rest: Any) -> Function:
    return Function(takes=("number",), gives="number", columns=columns, row=row, **rest)


def _operator(columns: Columns, row: Row, **rest: Any) -> Function:
    usual: dict[str, Any] = {"takes": ("number",), "gives": "number", "least": 2, "most": 2, "rounds": True}
    return Function(columns=columns, row=row, spelled=False, **(usual | rest))


def _comparison(columns: Columns, row: Row, kinds: tuple[Kind, ...] = ("number", "text", "time")) -> Function:
    return _operator(columns, row, takes=("same",), gives="truth", same=kinds, rounds=False)


_ANY: tuple[Kind, ...] = ("number", "text", "truth", "time")
_ORDERED: tuple[Kind, ...] = ("number", "time")

_SIGNS: Mapping[str, Function] = {
    "or": _operator(
        lambda *t: _some(t, lambda a, b: a | b), _or_row, takes=("truth",), gives="truth", most=9999, strict=False
    ),
    "and": _operator(
        lambda *t: _some(t, lambda a, b: a & b), _and_row, takes=("truth",), gives="truth", most=9999, strict=False
    ),
    "not": _operator(lambda t: ~t, lambda t: not t, takes=("truth",), gives="truth", least=1, most=1),
    "=": _comparison(lambda a, b: a == b, lambda a, b: a == b, _ANY),
    "<>": _comparison(lambda a, b: a != b, lambda a, b: a != b, _ANY),
    "<": _comparison(lambda a, b: a < b, lambda a, b: a < b),
    "<=": _comparison(lambda a, b: a <= b, lambda a, b: a <= b),
    ">": _comparison(lambda a, b: a > b, lambda a, b: a > b),
    ">=": _comparison(lambda a, b: a >= b, lambda a, b: a >= b),
    "is null": _operator(
        lambda v: v.is_null(), lambda v: v is None, takes=("same",), gives="truth", least=1, most=1, strict=False
    ),
    "is true": _operator(
        lambda t: t.fill_null(False),
        lambda t: t is True,
        takes=("truth",),
        gives="truth",
        least=1,
        most=1,
        strict=False,
    ),
    "is false": _operator(
        lambda t: (~t).fill_null(False),
        lambda t: t is False,
        takes=("truth",),
        gives="truth",
        least=1,
        most=1,
        strict=False,
    ),
    "in": _operator(
        lambda v, *m: _some([v == each for each in m], lambda a, b: a | b),
        _in_row,
        takes=("same",),
        gives="truth",
        most=9999,
        strict=False,
    ),
    "like": _operator(_like_columns, _like_row, takes=("text",), gives="truth", written=1),
    "ilike": _operator(
        lambda t, like: _like_columns(t.str.to_lowercase(), like.lower()),
        lambda t, like: _like_row(t.lower(), like.lower()),
        takes=("text",),
        gives="truth",
        written=1,
    ),
    "+": _operator(lambda a, b: a + b, lambda a, b: a + b),
    "-": _operator(lambda a, b=None: -a if b is None else a - b, lambda a, b=None: -a if b is None else a - b, least=1),
    "*": _operator(lambda a, b: a * b, lambda a, b: a * b),
    "/": _operator(lambda a, b: a / b, lambda a, b: a / b),
    "%": _operator(_remainder_columns, _remainder_row),
    "||": _operator(lambda a, b: _pl().concat_str(a, b), lambda a, b: a + b, takes=("text",), gives="text"),
    "case": _operator(_case_columns, _case_row, takes=("case",), gives="same", least=3, most=9999, strict=False),
}

FUNCTIONS: Mapping[str, Function] = {
    **_SIGNS,
    "abs": _numbers(lambda x: x.abs(), abs),
    "sign": _numbers(lambda x: x.sign(), lambda x: float((x > 0) - (x < 0))),
    "round": _numbers(
        lambda x, digits=0: x.round(int(digits), mode="half_away_from_zero"), _round_row, most=2, written=1
    ),
    "floor": _numbers(lambda x: x.floor(), lambda x: float(math.floor(x))),
    "ceil": _numbers(lambda x: x.ceil(), lambda x: float(math.ceil(x))),
    "ceiling": _numbers(lambda x: x.ceil(), lambda x: float(math.ceil(x))),
    "trunc": _numbers(lambda x: x.truncate(), lambda x: float(math.trunc(x))),
    "sqrt": _numbers(lambda x: x.sqrt(), math.sqrt, rounds=True),
    "exp": _numbers(lambda x: x.exp(), math.exp, rounds=True),
    "ln": _numbers(lambda x: x.log(), math.log, rounds=True),
    "log10": _numbers(lambda x: x.log(10.0), math.log10, rounds=True),
    "log2": _numbers(lambda x: x.log(2.0), math.log2, rounds=True),
    "power": _numbers(lambda a, b: a**b, _power_row, least=2, most=2, rounds=True),
    "pow": _numbers(lambda a, b: a**b, _power_row, least=2, most=2, rounds=True),
    "mod": _numbers(_remainder_columns, _remainder_row, least=2, most=2, rounds=True),
    "greatest": Function(
        takes=("same",),
        gives="same",
        same=_ORDERED,
        least=2,
        most=100,
        strict=False,
        columns=lambda *v: _pl().max_horizontal(*v),
        row=lambda *v: max((each for each in v if each is not None), default=None),
    ),
    "least": Function(
        takes=("same",),
        gives="same",
        same=_ORDERED,
        least=2,
        most=100,
        strict=False,
        columns=lambda *v: _pl().min_horizontal(*v),
        row=lambda *v: min((each for each in v if each is not None), default=None),
    ),
    "coalesce": Function(
        takes=("same",),
        gives="same",
        most=100,
        strict=False,
        columns=lambda *v: _pl().coalesce(*v),
        row=lambda *v: next((each for each in v if each is not None), None),
    ),
    "nullif": Function(
        takes=("same",),
        gives="same",
        least=2,
        most=2,
        strict=False,
        columns=lambda a, b: _pl().when((a == b).fill_null(False)).then(None).otherwise(a),
        row=lambda a, b: None if a is None or a == b else a,
    ),
    "lower": Function(takes=("text",), gives="text", columns=lambda t: t.str.to_lowercase(), row=lambda t: t.lower()),
    "upper": Function(takes=("text",), gives="text", columns=lambda t: t.str.to_uppercase(), row=lambda t: t.upper()),
    "trim": Function(
        takes=("text",), gives="text", columns=lambda t: t.str.strip_chars(" "), row=lambda t: t.strip(" ")
    ),
    "length": Function(
        takes=("text",),
        gives="number",
        columns=lambda t: t.str.len_chars().cast(_pl().Float64),
        row=lambda t: float(len(t)),
    ),
    "left": Function(
        takes=("text", "number"),
        gives="text",
        least=2,
        most=2,
        written=1,
        columns=lambda t, n: t.str.slice(0, int(n)),
        row=lambda t, n: t[: int(n)],
    ),
    "right": Function(
        takes=("text", "number"),
        gives="text",
        least=2,
        most=2,
        written=1,
        columns=lambda t, n: t.str.tail(int(n)),
        row=lambda t, n: t[-int(n) :] if n else "",
    ),
    "substr": Function(
        takes=("text", "number"),
        gives="text",
        least=2,
        most=3,
        written=1,
        columns=lambda t, begin, n=None: t.str.slice(max(int(begin) - 1, 0), None if n is None else int(n)),
        row=lambda t, begin, n=None: t[max(int(begin) - 1, 0) :][: None if n is None else int(n)],
    ),
    "replace": Function(
        takes=("text",),
        gives="text",
        least=3,
        most=3,
        written=1,
        columns=lambda t, old, new: t.str.replace_all(old, new, literal=True) if old else t,
        row=lambda t, old, new: t.replace(old, new) if old else t,
    ),
    "starts_with": Function(
        takes=("text",),
        gives="truth",
        least=2,
        most=2,
        columns=lambda t, part: t.str.starts_with(part),
        row=lambda t, part: t.startswith(part),
    ),
    "ends_with": Function(
        takes=("text",),
        gives="truth",
        least=2,
        most=2,
        columns=lambda t, part: t.str.ends_with(part),
        row=lambda t, part: t.endswith(part),
    ),
    "contains": Function(
        takes=("text",),
        gives="truth",
        least=2,
        most=2,
        columns=lambda t, part: t.str.contains(part, literal=True),
        row=lambda t, part: part in t,
    ),
    "number": Function(
        takes=("same",),
        gives="number",
        same=("number", "text", "truth"),
        columns=_number_columns,
        row=_number_row,
        rounds=True,
        spelled=False,
    ),
    "epoch": Function(
        takes=("time",),
        gives="number",
        columns=lambda t: t.dt.timestamp("us").cast(_pl().Float64) / 1e6,
        row=_epoch_row,
    ),
    **{
        name: Function(takes=("time",), gives="number", columns=_part(name)[0], row=_part(name)[1])
        for name in ("year", "quarter", "month", "day", "hour", "minute", "second", "isodow", "dayofyear", "week")
    },
}
"""Operators and functions by their names."""
