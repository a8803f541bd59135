"""A contract as a text that a person reads and edits, and back."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence

from tenfold.measures.contract.contract import ColumnContract, Contract, Severity

FORMAT = 1


def contract_to_text(contract: Contract) -> str:
    """Return a contract as YAML, one line a column."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    document = CommentedMap()
    document["contract"] = FORMAT
    document["rows"] = contract.rows if contract.most_rows is None else _flow([contract.rows, contract.most_rows])
    lines = CommentedMap()
    for column in contract.columns:
        lines[_written(column.name)] = _flow(_line(column))
    document["columns"] = lines
    for name, entries in _sections(contract).items():
        if entries:
            document[name] = [_flow(entry) for entry in entries]
    yaml = YAML()
    yaml.width = 100_000
    sink = io.StringIO()
    yaml.dump(document, sink)
    return _PREFACE + sink.getvalue()


_PREFACE = """\
# What every later batch of this table must look like. Inferred from the data; yours to edit.
# missing: largest share of missing values    range: [lowest, highest], null is open    values: all that is allowed
# optional: may be absent    severity: info | warning | critical (critical stops); an absent column is always critical
# More that can be asked (keys, patterns, freshness, rules across columns, SQL): docs/02-data.md
"""


_PLAIN_WORD = re.compile(r"^[A-Za-z][\w./()&+-]*( [\w./()&+-]+)*$")
_YAML_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"})


def _line(column: ColumnContract) -> dict[str, object]:
    line: dict[str, object] = {"kind": column.kind, "missing": column.missing}
    if column.low is not None or column.high is not None:
        line["range"] = [_short(column.low), _short(column.high)]
    if column.whole:
        line["whole"] = True
    if column.values:
        line["values"] = [_written(value) for value in column.values]
    if column.pattern is not None:
        line["pattern"] = _written(column.pattern)
    if column.shortest is not None or column.longest is not None:
        line["length"] = [column.shortest, column.longest]
    if column.unique:
        line["unique"] = True
    if column.optional:
        line["optional"] = True
    if column.at_most:
        line["at_most"] = column.at_most
    if column.severities:
        line["severity"] = _flow({"default": column.severity, **column.severities})
    elif column.severity != "warning":
        line["severity"] = column.severity
    return line


def _sections(contract: Contract) -> Mapping[str, Sequence[Mapping[str, object]]]:
    """Return what stands behind the columns, entry by entry."""
    return {
        "keys": [{"columns": _words(key.columns), **_weight(key.severity, key.at_most)} for key in contract.keys],
        "foreign": [
            {
                "columns": _words(key.columns),
                "in": _written(key.table),
                "key": _words(key.key),
                **_weight(key.severity, key.at_most),
            }
            for key in contract.foreign
        ],
        "freshness": [
            {"column": _written(fresh.column), "within": fresh.within, **_weight(fresh.severity)}
            for fresh in contract.freshness
        ],
        "volume": [
            {
                "column": _written(volume.column),
                "every": volume.every,
                "rows": [volume.least, volume.most],
                **_weight(volume.severity),
            }
            for volume in contract.volume
        ],
        "rules": [
            {
                "id": _written(rule.id),
                **({"that": _written(rule.that)} if rule.that else {"sql": _written(rule.sql)}),
                **_weight(rule.severity, rule.at_most),
            }
            for rule in contract.rules
        ],
    }


def _weight(severity: Severity, at_most: float = 0.0) -> Mapping[str, object]:
    tolerated = {"at_most": at_most} if at_most else {}
    return tolerated if severity == "warning" else {"severity": severity, **tolerated}


def _words(names: Sequence[str]) -> list[str]:
    return [_written(name) for name in names]


def _flow(value: Mapping[str, object] | Sequence[object]) -> object:
    """Return a mapping or a list that is written on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    written = CommentedMap(value) if isinstance(value, Mapping) else CommentedSeq(value)
    written.fa.set_flow_style()
    return written


def _written(word: str) -> str:
    """Return a word as it is written: in quotes unless nothing in it has a meaning of its own to YAML."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    plain = _PLAIN_WORD.match(word) and word.casefold() not in _YAML_WORDS
    return word if plain else DoubleQuotedScalarString(word)


def _short(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() and abs(value) < 1e15 else value
