"""The data contract: what every later batch of a table must look like; a text that a person reads and edits."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.records.dataset import Column, Dataset, Finding, Kind, Role

Severity = Literal["info", "warning", "critical"]

FORMAT = 1
_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
_KINDS: tuple[Kind, ...] = ("numeric", "categorical", "boolean", "datetime", "text")
_MOST_VALUES = 50
# Room around what was seen: a later batch is never quite like the first one.
_RANGE_SLACK = 0.25
_MISSING_SLACK = 0.05
_FEWEST_FOR_NEVER_MISSING = 1000
_OPTIONAL_ROLES: frozenset[Role] = frozenset({"target", "id", "ignored"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnContract:
    """What one column must hold.

    Attributes
    ----------
    missing : float
        The largest share of missing values.
    low, high : float or None
        The range of a number; None is open.
    values : tuple of str
        The allowed values; empty allows any.
    unique : bool
        No value occurs twice.
    optional : bool
        A batch without the column keeps the contract: the target of rows to predict, an identifier.
    severity : str
        What breaking a rule of this column means. A column that is absent or of another kind is always critical.
    """

    name: str
    kind: Kind
    missing: float = 1.0
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    unique: bool = False
    optional: bool = False
    severity: Severity = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a table must look like: its columns, and the smallest number of rows."""

    columns: tuple[ColumnContract, ...] = field(default_factory=tuple)
    rows: int = 1


def infer_contract(dataset: Dataset) -> Contract:
    """Return the contract that a data set keeps, with room around what was seen."""
    return Contract(columns=tuple(_inferred(column, dataset.rows) for column in dataset.columns))


def _inferred(column: Column, rows: int) -> ColumnContract:
    share = column.missing / rows if rows else 1.0
    low, high = _range(column)
    return ColumnContract(
        name=column.name,
        kind=column.field.kind,
        # Outcomes come later than the rows they belong to.
        missing=1.0 if column.role == "target" else _missing_allowed(column.missing, share, rows),
        low=low,
        high=high,
        values=_values_allowed(column),
        unique=column.role == "id" and column.missing == 0 and column.distinct == rows,
        optional=column.role in _OPTIONAL_ROLES,
    )


def _missing_allowed(missing: int, share: float, rows: int) -> float:
    if missing == 0 and rows >= _FEWEST_FOR_NEVER_MISSING:
        return 0.0
    return min(1.0, math.ceil(round(100 * (share + _MISSING_SLACK), 6)) / 100)


def _range(column: Column) -> tuple[float | None, float | None]:
    if column.low is None or column.high is None or column.role in {"time", "id"}:
        return None, None
    slack = _RANGE_SLACK * (column.high - column.low)
    low, high = _rounded(column.low - slack, down=True), _rounded(column.high + slack, down=False)
    # What was never negative is rarely allowed to be.
    return (max(low, 0.0) if column.low >= 0 else low), high


def _rounded(value: float, *, down: bool) -> float:
    """Return a number of three digits on the far side of ``value``."""
    if value == 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    steps = math.floor(value / unit) if down else math.ceil(value / unit)
    return float(f"{steps * unit:.6g}")


def _values_allowed(column: Column) -> tuple[str, ...]:
    levels = column.field.levels
    return levels if column.field.kind == "categorical" and len(levels) <= _MOST_VALUES else ()


def check_contract(contract: Contract, table: pl.DataFrame) -> tuple[Finding, ...]:
    """Hold a canonical table against a contract; return what breaks it, the gravest first.

    Critical findings say that the table must not be used.
    """
    findings: list[Finding] = []
    if table.height < contract.rows:
        text = f"the table has {table.height:,} rows; the contract asks for {contract.rows:,} at least"
        findings.append(Finding(rule="rows", severity="critical", message=text, rows=table.height))
    expressions: dict[str, pl.Expr] = {}
    present: list[ColumnContract] = []
    for column in contract.columns:
        if column.name not in table.columns:
            if not column.optional:
                hint = did_you_mean(column.name, table.columns)
                text = f"'{column.name}' is not in the table, but the contract asks for it.{hint}"
                findings.append(Finding(rule="column", severity="critical", message=text, column=column.name))
            continue
        if not _fits(column.kind, table.schema[column.name]):
            text = f"'{column.name}' holds {_words(table.schema[column.name])} where the contract says {column.kind}"
            findings.append(Finding(rule="kind", severity="critical", message=text, column=column.name))
            continue
        present.append(column)
        expressions |= _counts(column)
    broken = table.select(**expressions).row(0, named=True) if expressions and table.height else {}
    for column in present:
        findings += _broken(column, broken, table)
    return tuple(sorted(findings, key=lambda finding: -_SEVERITIES.index(finding.severity)))


def _counts(column: ColumnContract) -> dict[str, pl.Expr]:
    """Return, for each rule of a column, the expression that counts the rows that break it."""
    value, name = pl.col(column.name), column.name
    counts = {f"missing {name}": value.null_count()}
    if column.low is not None:
        counts[f"low {name}"] = (value < column.low).sum()
    if column.high is not None:
        counts[f"high {name}"] = (value > column.high).sum()
    if column.values:
        counts[f"values {name}"] = (~value.is_in(list(column.values))).sum()
    if column.unique:
        counts[f"unique {name}"] = value.count() - value.drop_nulls().n_unique()
    return counts


def _broken(column: ColumnContract, counted: Mapping[str, int], table: pl.DataFrame) -> list[Finding]:
    name = column.name
    findings = []

    def add(rule: str, rows: int, text: str) -> None:
        findings.append(Finding(rule=rule, severity=column.severity, message=text, column=name, rows=rows))

    missing = counted.get(f"missing {name}", 0)
    if table.height and missing / table.height > column.missing:
        share = missing / table.height
        add(
            "missing",
            missing,
            f"'{name}' is missing in {share:.1%} of the rows; at most {column.missing:.1%} are allowed",
        )
    if rows := counted.get(f"low {name}", 0):
        add("range", rows, f"'{name}' is below {column.low:g} in {rows:,} rows (down to {_extreme(table[name].min())})")
    if rows := counted.get(f"high {name}", 0):
        add("range", rows, f"'{name}' is above {column.high:g} in {rows:,} rows (up to {_extreme(table[name].max())})")
    if rows := counted.get(f"values {name}", 0):
        values = table[name].drop_nulls()
        new = values.filter(~values.is_in(list(column.values))).unique().sort().head(3).to_list()
        named = ", ".join(f"'{value}'" for value in new)
        add("values", rows, f"'{name}' holds values that are not allowed in {rows:,} rows, such as {named}")
    if rows := counted.get(f"unique {name}", 0):
        add("unique", rows, f"'{name}' holds {rows:,} values that stood in an earlier row; each must be unique")
    return findings


def _extreme(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _fits(kind: Kind, dtype: pl.DataType) -> bool:
    if kind == "numeric":
        return dtype.is_numeric()
    if kind == "boolean":
        return dtype == pl.Boolean
    if kind == "datetime":
        return dtype.is_temporal()
    return dtype == pl.String


def _words(dtype: pl.DataType) -> str:
    if dtype.is_numeric():
        return "numbers"
    if dtype.is_temporal():
        return "times"
    return "true and false" if dtype == pl.Boolean else "words"


def contract_to_text(contract: Contract) -> str:
    """Return a contract as YAML, one line a column."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    document = CommentedMap()
    document["contract"] = FORMAT
    document["rows"] = contract.rows
    lines = CommentedMap()
    for column in contract.columns:
        line = CommentedMap(_line(column))
        line.fa.set_flow_style()
        lines[_written(column.name)] = line
    document["columns"] = lines
    yaml = YAML()
    yaml.width = 100_000
    sink = io.StringIO()
    yaml.dump(document, sink)
    return _PREFACE + sink.getvalue()


_PREFACE = """\
# What every later batch of this table must look like. Inferred from the data; yours to edit.
# missing: largest share of missing values    range: [lowest, highest], null is open    values: all that is allowed
# optional: may be absent    severity: info | warning | critical (critical stops); an absent column is always critical
"""


_PLAIN_WORD = re.compile(r"^[A-Za-z][\w./()&+-]*( [\w./()&+-]+)*$")
_YAML_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"})


def _line(column: ColumnContract) -> dict[str, object]:
    line: dict[str, object] = {"kind": column.kind, "missing": column.missing}
    if column.low is not None or column.high is not None:
        line["range"] = [_short(column.low), _short(column.high)]
    if column.values:
        line["values"] = [_written(value) for value in column.values]
    if column.unique:
        line["unique"] = True
    if column.optional:
        line["optional"] = True
    if column.severity != "warning":
        line["severity"] = column.severity
    return line


def _written(word: str) -> str:
    """Return a word as it is written: in quotes unless nothing in it has a meaning of its own to YAML."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    plain = _PLAIN_WORD.match(word) and word.casefold() not in _YAML_WORDS
    return word if plain else DoubleQuotedScalarString(word)


def _short(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() and abs(value) < 1e15 else value


def contract_from_text(text: str) -> Contract:
    """Read a contract from its YAML text.

    Raises
    ------
    DataError
        When the text is not a contract; the line and the nearest known word are given.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="rt").load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark is not None else ""
        raise DataError(f"the contract is not YAML{place}") from error
    if not isinstance(document, dict):
        raise DataError("the contract must hold `contract`, `rows` and `columns`")
    _known_keys(document, ("contract", "rows", "columns"), "the contract")
    if document.get("contract") != FORMAT:
        raise DataError(f"the contract has format {document.get('contract')!r}; this version reads format {FORMAT}")
    rows = document.get("rows", 1)
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
        raise DataError(f"the contract's `rows` is {rows!r}; write a whole number, the smallest allowed")
    columns = document.get("columns") or {}
    if not isinstance(columns, dict):
        raise DataError("the contract's `columns` must map each column to its rules")
    return Contract(columns=tuple(_read_line(str(name), line) for name, line in columns.items()), rows=rows)


def _read_line(name: str, line: object) -> ColumnContract:
    place = f"the contract of '{name}'"
    if not isinstance(line, dict):
        raise DataError(f"{place} must hold rules, such as {{kind: numeric, missing: 0.1}}")
    _known_keys(line, tuple(_RULES), place)
    if "kind" not in line:
        raise DataError(f"{place} lacks its kind ({', '.join(_KINDS)})")
    given: dict[str, object] = {}
    for rule, value in line.items():
        given |= _RULES[str(rule)](value, place)
    return ColumnContract(name=name, **given)  # type: ignore[arg-type]  # each rule's reader has checked its value


def _read_kind(value: object, place: str) -> dict[str, object]:
    return {"kind": _one_of(value, _KINDS, f"{place}: kind")}


def _read_severity(value: object, place: str) -> dict[str, object]:
    return {"severity": _one_of(value, _SEVERITIES, f"{place}: severity")}


def _read_missing(value: object, place: str) -> dict[str, object]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DataError(f"{place}: missing is {value!r}; write a share between 0 and 1")
    return {"missing": float(value)}


def _read_range(value: object, place: str) -> dict[str, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise DataError(f"{place}: range is {value!r}; write [lowest, highest], null for an open end")
    ends: list[float | None] = []
    for end in value:
        if end is not None and (isinstance(end, bool) or not isinstance(end, int | float)):
            raise DataError(f"{place}: {end!r} in the range is not a number")
        ends.append(None if end is None else float(end))
    low, high = ends
    if low is not None and high is not None and low > high:
        raise DataError(f"{place}: the range begins at {low:g}, above its end {high:g}")
    return {"low": low, "high": high}


def _read_values(value: object, place: str) -> dict[str, object]:
    if not isinstance(value, list):
        raise DataError(f"{place}: values is {value!r}; write a list")
    return {"values": tuple(_as_word(each) for each in value)}


def _as_word(value: object) -> str:
    # `values: [1, 2, true]` means the words that the table holds.
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read_flag(name: str) -> Callable[[object, str], dict[str, object]]:
    def read(value: object, place: str) -> dict[str, object]:
        if not isinstance(value, bool):
            raise DataError(f"{place}: {name} is {value!r}; write true or false")
        return {name: value}

    return read


_RULES: Mapping[str, Callable[[object, str], dict[str, object]]] = {
    "kind": _read_kind,
    "missing": _read_missing,
    "range": _read_range,
    "values": _read_values,
    "unique": _read_flag("unique"),
    "optional": _read_flag("optional"),
    "severity": _read_severity,
}


def _one_of(value: object, known: Sequence[str], place: str) -> str:
    if value not in known:
        raise DataError(f"{place} is {value!r} ({', '.join(known)}).{did_you_mean(str(value), known)}")
    return str(value)


def _known_keys(given: Mapping[object, object], known: Sequence[str], place: str) -> None:
    for key in given:
        if str(key) not in known:
            raise DataError(f"{place} has an unknown key '{key}' ({', '.join(known)}).{did_you_mean(str(key), known)}")
