"""A contract from its text; what is wrong with the text is said in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import polars as pl

from tenfold.foundation.errors import DataError, InputError, did_you_mean
from tenfold.foundation.expression import columns_of
from tenfold.foundation.row_language.tree import MoreThanOneRow
from tenfold.foundation.units import parse_seconds
from tenfold.measures.contract.contract import (
    COLUMN_RULES,
    KINDS,
    SEVERITIES,
    ColumnContract,
    Contract,
    ForeignKey,
    Freshness,
    Key,
    Rule,
    Volume,
)
from tenfold.measures.contract.text import FORMAT

_SECTIONS = ("contract", "rows", "columns", "keys", "foreign", "freshness", "volume", "rules")
_RULE_ID = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")
Given = dict[str, object]


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
    _known_keys(document, _SECTIONS, "the contract")
    if document.get("contract") != FORMAT:
        raise DataError(f"the contract has format {document.get('contract')!r}; this version reads format {FORMAT}")
    least, most = _read_rows(document.get("rows", 1), "the contract's `rows`")
    columns = document.get("columns") or {}
    if not isinstance(columns, dict):
        raise DataError("the contract's `columns` must map each column to its rules")
    contract = Contract(
        columns=tuple(_read_line(str(name), line) for name, line in columns.items()),
        rows=1 if least is None else least,
        most_rows=most,
        keys=tuple(_read_key(*entry) for entry in _entries(document, "keys")),
        foreign=tuple(_read_foreign(*entry) for entry in _entries(document, "foreign")),
        freshness=tuple(_read_freshness(*entry) for entry in _entries(document, "freshness")),
        volume=tuple(_read_volume(*entry) for entry in _entries(document, "volume")),
        rules=tuple(_read_rule(*entry) for entry in _entries(document, "rules")),
    )
    names = [each.id for each in contract.keys]
    names += [*(each.id for each in contract.foreign), *(each.id for each in contract.rules)]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"the contract has two rules called '{name}'; each needs a name of its own")
    return contract


def _entries(document: Mapping[str, object], section: str) -> list[tuple[Given, str]]:
    entries = document.get(section) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"the contract's `{section}` must be a list, each entry a mapping such as {_EXAMPLES[section]}")
    return [
        ({str(key): value for key, value in entry.items()}, f"the contract's `{section}`, entry {number}")
        for number, entry in enumerate(entries, start=1)
    ]


_EXAMPLES: Mapping[str, str] = {
    "keys": "{columns: [shop, day]}",
    "foreign": "{columns: [shop], in: shops.csv, key: [id]}",
    "freshness": "{column: day, within: 2d}",
    "volume": "{column: day, every: 1d, rows: [100, 2000]}",
    "rules": '{id: ends-after-start, that: "finish >= start"}',
}


def _read_rows(value: object, place: str) -> tuple[int | None, int | None]:
    written = value if isinstance(value, list) and len(value) == 2 else [value, None]
    ends: list[int | None] = []
    for end in written:
        if end is None or (isinstance(end, int) and not isinstance(end, bool) and end >= 0):
            ends.append(end)
        else:
            raise DataError(f"{place} is {value!r}; write a whole number, the smallest allowed, or [smallest, largest]")
    least, most = ends
    if least is not None and most is not None and least > most:
        raise DataError(f"{place} begins at {least}, above its end {most}")
    return least, most


def _read_key(given: Given, place: str) -> Key:
    _known_keys(given, ("columns", "severity", "at_most"), place)
    return Key(columns=_names(given, "columns", place), **_weight(given, place))  # type: ignore[arg-type]  # checked


def _read_foreign(given: Given, place: str) -> ForeignKey:
    _known_keys(given, ("columns", "in", "key", "severity", "at_most"), place)
    columns = _names(given, "columns", place)
    key = _names(given, "key", place) if "key" in given else columns
    if len(key) != len(columns):
        raise DataError(f"{place} looks up {len(columns)} columns in {len(key)}; name as many")
    return ForeignKey(columns=columns, table=_text(given, "in", place), key=key, **_weight(given, place))  # type: ignore[arg-type]  # checked


def _read_freshness(given: Given, place: str) -> Freshness:
    _known_keys(given, ("column", "within", "severity"), place)
    within = _duration(given, "within", place)
    return Freshness(column=_text(given, "column", place), within=within, **_weight(given, place))  # type: ignore[arg-type]  # checked


def _read_volume(given: Given, place: str) -> Volume:
    _known_keys(given, ("column", "every", "rows", "severity"), place)
    least, most = _read_rows(given.get("rows"), f"{place}: rows")
    if least is None and most is None:
        raise DataError(f"{place} lacks its rows, such as {_EXAMPLES['volume']}")
    column, every = _text(given, "column", place), _duration(given, "every", place)
    return Volume(column=column, every=every, least=least, most=most, **_weight(given, place))  # type: ignore[arg-type]  # checked


def _read_rule(given: Given, place: str) -> Rule:
    _known_keys(given, ("id", "that", "sql", "severity", "at_most"), place)
    name = _text(given, "id", place)
    if not _RULE_ID.match(name):
        raise DataError(f"{place}: id is '{name}'; write letters, digits, '_', '-' and '.'")
    if ("that" in given) == ("sql" in given):
        raise DataError(f"{place} needs either `that`, a condition, or `sql`, a SELECT")
    if "that" in given:
        that = _text(given, "that", place)
        try:
            columns_of(that)
        except MoreThanOneRow as error:
            raise DataError(f"{place}: {error}; such a rule is written as `sql`") from error
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
        return Rule(id=name, that=that, **_weight(given, place))  # type: ignore[arg-type]  # checked
    return Rule(id=name, sql=_text(given, "sql", place), **_weight(given, place))  # type: ignore[arg-type]  # checked


def _weight(given: Given, place: str) -> Given:
    read: Given = {}
    if "severity" in given:
        read["severity"] = _one_of(given["severity"], SEVERITIES, f"{place}: severity")
    if "at_most" in given:
        read |= _read_at_most(given["at_most"], place)
    return read


def _text(given: Given, key: str, place: str) -> str:
    value = given.get(key)
    if isinstance(value, bool | None) or not isinstance(value, str | int | float) or not str(value).strip():
        raise DataError(f"{place} lacks `{key}`")
    return str(value)


def _names(given: Given, key: str, place: str) -> tuple[str, ...]:
    value = given.get(key)
    if not isinstance(value, list) or not value:
        raise DataError(f"{place} lacks `{key}`, a list of columns")
    return tuple(str(name) for name in value)


def _duration(given: Given, key: str, place: str) -> str:
    text = _text(given, key, place)
    try:
        seconds = parse_seconds(text)
    except InputError as error:
        raise DataError(f"{place}: {key}: {error}") from error
    if seconds <= 0:
        raise DataError(f"{place}: {key} is {text}; it must be longer than nothing")
    return text


def _read_line(name: str, line: object) -> ColumnContract:
    place = f"the contract of '{name}'"
    if not isinstance(line, dict):
        raise DataError(f"{place} must hold rules, such as {{kind: numeric, missing: 0.1}}")
    _known_keys(line, tuple(_RULES), place)
    if "kind" not in line:
        raise DataError(f"{place} lacks its kind ({', '.join(KINDS)})")
    given: Given = {}
    for rule, value in line.items():
        given |= _RULES[str(rule)](value, place)
    for rules, kinds in _OF_KINDS:
        wrong = [rule for rule in rules if rule in line and given["kind"] not in kinds]
        if wrong:
            raise DataError(
                f"{place} asks for `{wrong[0]}` of a {given['kind']} column; it is for {' and '.join(kinds)}"
            )
    if given["kind"] == "numeric":
        _check_numbers(given.get("values", ()), place)
    return ColumnContract(name=name, **given)  # type: ignore[arg-type]  # each rule's reader has checked its value


def _check_numbers(values: object, place: str) -> None:
    for value in cast("tuple[str, ...]", values):
        try:
            float(value)
        except ValueError as error:
            raise DataError(f"{place}: '{value}' among the values is not a number") from error


def _read_kind(value: object, place: str) -> Given:
    return {"kind": _one_of(value, KINDS, f"{place}: kind")}


def _read_severity(value: object, place: str) -> Given:
    if not isinstance(value, dict):
        return {"severity": _one_of(value, SEVERITIES, f"{place}: severity")}
    _known_keys(value, ("default", *COLUMN_RULES), f"{place}: severity")
    read = {str(rule): _one_of(each, SEVERITIES, f"{place}: severity of {rule}") for rule, each in value.items()}
    default = read.pop("default", "warning")
    return {"severity": default, "severities": read}


def _read_at_most(value: object, place: str) -> Given:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise DataError(f"{place}: at_most is {value!r}; write the share of rows that may break the rule, below 1")
    return {"at_most": float(value)}


def _read_pattern(value: object, place: str) -> Given:
    text = str(value)
    try:
        pl.select(pl.lit("").str.contains(f"^(?:{text})$"))
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{place}: pattern '{text}' is not a regular expression (look-around and back-references are none)"
        ) from error
    return {"pattern": text}


def _read_length(value: object, place: str) -> Given:
    if not isinstance(value, list) or len(value) != 2:
        raise DataError(f"{place}: length is {value!r}; write [shortest, longest], null for an open end")
    shortest, longest = _read_rows(value, f"{place}: length")
    return {"shortest": shortest, "longest": longest}


def _read_missing(value: object, place: str) -> Given:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DataError(f"{place}: missing is {value!r}; write a share between 0 and 1")
    return {"missing": float(value)}


def _read_range(value: object, place: str) -> Given:
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


def _read_values(value: object, place: str) -> Given:
    if not isinstance(value, list):
        raise DataError(f"{place}: values is {value!r}; write a list")
    return {"values": tuple(_as_word(each) for each in value)}


def _as_word(value: object) -> str:
    # `values: [1, 2, true]` means the words that the table holds.
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read_flag(name: str) -> Callable[[object, str], Given]:
    def read(value: object, place: str) -> Given:
        if not isinstance(value, bool):
            raise DataError(f"{place}: {name} is {value!r}; write true or false")
        return {name: value}

    return read


_RULES: Mapping[str, Callable[[object, str], Given]] = {
    "kind": _read_kind,
    "missing": _read_missing,
    "range": _read_range,
    "whole": _read_flag("whole"),
    "values": _read_values,
    "pattern": _read_pattern,
    "length": _read_length,
    "unique": _read_flag("unique"),
    "optional": _read_flag("optional"),
    "at_most": _read_at_most,
    "severity": _read_severity,
}
_OF_KINDS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("range", "whole"), ("numeric",)),
    (("pattern", "length"), ("categorical", "text")),
    (("values",), ("categorical", "text", "boolean", "numeric")),
)


def _one_of(value: object, known: Sequence[str], place: str) -> str:
    if value not in known:
        raise DataError(f"{place} is {value!r} ({', '.join(known)}).{did_you_mean(str(value), known)}")
    return str(value)


def _known_keys(given: Mapping[Any, object], known: Sequence[str], place: str) -> None:
    for key in given:
        if str(key) not in known:
            raise DataError(f"{place} has an unknown key '{key}' ({', '.join(known)}).{did_you_mean(str(key), known)}")
