"""A table held against its contract, in one piece or chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.measures.contract.age import too_old
from tenfold.measures.contract.contract import SEVERITIES, ColumnContract, Contract, Severity, Volume
from tenfold.measures.contract.foreign import ForeignKeys
from tenfold.measures.contract.query import rows_breaking
from tenfold.measures.contract.rows import (
    RowRule,
    condition_rules,
    foreign_rules,
    unique_rules,
    unreadable,
    value_rules,
    with_own_keys,
)
from tenfold.measures.contract.seen import Seen
from tenfold.records.dataset import Finding, Kind

_EXAMPLES = 3


def check_contract(
    contract: Contract,
    table: pl.DataFrame,
    *,
    foreign: Mapping[str, ForeignKeys] | None = None,
    now: datetime | None = None,
) -> tuple[Finding, ...]:
    """Hold a canonical table against a contract; return what breaks it, the gravest first.

    Critical findings say that the table must not be used.

    Parameters
    ----------
    foreign : mapping of str to ForeignKeys, optional
        The keys of other tables, by the ids of the rules that look them up.
    now : datetime, optional
        The moment at which the newest row must be fresh; without it no age is judged.

    Raises
    ------
    DataError
        When a query of the contract fails, or the keys of a table are not at hand.
    """
    judge = judge_of(contract, table, foreign=foreign or {})
    for name in judge.columns:
        judge.see_values(name, table[name])
        judge.see_missing(name, table[name].null_count())
    judge.see(table)
    return judge.judged(now)


@dataclass(slots=True)
class _Broken:
    """How many rows break a rule about values, and how."""

    rows: int = 0
    below: float | None = None
    above: float | None = None
    under: int = 0
    over: int = 0
    examples: tuple[str, ...] = ()


@dataclass(slots=True)
class Judge:
    """Takes a table in chunk by chunk, and then says what breaks the contract.

    Values are given column by column, each distinct value once with its number of rows where that is known
    (`see_values`); what reads several columns is asked of the chunk (`see`).
    """

    contract: Contract
    columns: Mapping[str, ColumnContract]
    table: pl.DataFrame | Path
    said: list[Finding]
    values: Mapping[str, tuple[RowRule, ...]]
    repeats: Mapping[str, tuple[RowRule, Seen]]
    across: tuple[RowRule, ...]
    volumes: Mapping[Volume, dict[int, int]]
    newest: dict[str, datetime] = field(default_factory=dict)
    rows: int = 0
    _missing: dict[str, int] = field(default_factory=dict)
    _broken: dict[str, _Broken] = field(default_factory=dict)

    def see_values(self, name: str, values: pl.Series, rows: pl.Series | None = None) -> None:
        """Take in values of a column; ``rows`` says how often each occurs."""
        rules = [rule for rule in self.values.get(name, ()) if rule.rule != "missing"]
        if not rules or not len(values):
            return
        masks = values.rename(name).to_frame().select(rule.breaks.alias(str(place)) for place, rule in enumerate(rules))
        for rule, mask in zip(rules, masks.iter_columns(), strict=True):
            mask = mask.fill_null(False)  # noqa: PLW2901  # null keeps a rule
            if mask.any():
                self._note(rule, values.filter(mask), None if rows is None else rows.filter(mask))

    def _note(self, rule: RowRule, values: pl.Series, rows: pl.Series | None) -> None:
        noted = self._broken.setdefault(rule.id, _Broken())
        count = len(values) if rows is None else int(rows.sum())
        noted.rows += count
        if rule.rule == "range":
            contract = self.columns[str(rule.column)]
            low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]  # numbers
            if contract.low is not None and low < contract.low:
                noted.under += count
                noted.below = low if noted.below is None else min(low, noted.below)
            else:
                noted.over += count
                noted.above = high if noted.above is None else max(high, noted.above)
        else:
            some = values.unique().sort().head(_EXAMPLES).cast(pl.String).to_list()
            noted.examples = tuple(sorted({*noted.examples, *some})[:_EXAMPLES])

    def see_missing(self, name: str, rows: int) -> None:
        """Take in how many values of a column are missing."""
        self._missing[name] = self._missing.get(name, 0) + rows

    def see(self, chunk: pl.DataFrame) -> None:
        """Take in some rows, for the rules that read several columns or all rows."""
        self.rows += chunk.height
        for _, seen in self.repeats.values():
            seen.add(chunk)
        if self.across and chunk.height:
            expressions = [rule.breaks.fill_null(False).sum().alias(str(n)) for n, rule in enumerate(self.across)]
            for rule, count in zip(self.across, chunk.select(expressions).row(0), strict=True):
                self._broken.setdefault(rule.id, _Broken()).rows += int(count or 0)
        for freshness in self.contract.freshness:
            newest = chunk[freshness.column].max() if freshness.column in chunk.columns else None
            if isinstance(newest, datetime):
                aware = newest.replace(tzinfo=UTC) if newest.tzinfo is None else newest
                self.newest[freshness.column] = max(aware, self.newest.get(freshness.column, aware))
        for volume, counted in self.volumes.items():
            stretch = chunk[volume.column].dt.timestamp("us") // round(volume.every_seconds * 1e6)
            for place, rows in stretch.drop_nulls().value_counts(name="rows").iter_rows():
                counted[place] = counted.get(place, 0) + rows

    def judged(self, now: datetime | None = None) -> tuple[Finding, ...]:
        """Return what breaks the contract, the gravest first; ages are judged by ``now``, without it they are not."""
        findings = [*self._of_size(), *self.said]
        if self.rows:
            for column in self.columns.values():
                findings += self._of_column(column)
            findings += self._of_rows()
            findings += self._of_queries()
        findings += [*self._of_volume(), *(() if now is None else too_old(self.contract, self.newest, now))]
        return tuple(sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity)))

    def row_rules(self) -> list[RowRule]:
        """Return the rules that single rows keep or break, but for the queries."""
        own = [rule for rules in self.values.values() for rule in rules]
        return [*own, *(rule for rule, _ in self.repeats.values()), *self.across]

    def _count(self, name: str) -> int:
        return self._broken[name].rows if name in self._broken else 0

    def _too_many(self, at_most: float, rows: int) -> bool:
        return rows > at_most * self.rows

    def _of_size(self) -> list[Finding]:
        least, most = self.contract.rows, self.contract.most_rows
        if self.rows < least:
            text = f"the table has {self.rows:,} rows; the contract asks for {least:,} at least"
        elif most is not None and self.rows > most:
            text = f"the table has {self.rows:,} rows; the contract asks for {most:,} at most"
        else:
            return []
        return [Finding(rule="rows", severity="critical", message=text, rows=self.rows)]

    def _of_column(self, column: ColumnContract) -> list[Finding]:
        name, found = column.name, []

        def add(rule: str, rows: int, text: str) -> None:
            severity = column.severity_of(rule)
            found.append(Finding(rule=rule, severity=severity, message=text, column=name, rows=rows))

        missing = self._missing.get(name, 0)
        if missing / self.rows > column.missing:
            share = missing / self.rows
            text = f"'{name}' is missing in {share:.1%} of the rows; at most {column.missing:.1%} are allowed"
            add("missing", missing, text)
        for rule in dict.fromkeys(each.rule for each in self.values.get(name, ()) if each.rule != "missing"):
            noted = self._broken.get(f"{rule}:{name}", _Broken())
            if not self._too_many(column.at_most, noted.rows):
                continue
            if rule != "range":
                add(rule, noted.rows, _told(rule, column, noted))
                continue
            if noted.under:
                text = f"'{name}' is below {column.low:g} in {noted.under:,} rows (down to {noted.below:g})"
                add("range", noted.under, text)
            if noted.over:
                add(
                    "range",
                    noted.over,
                    f"'{name}' is above {column.high:g} in {noted.over:,} rows (up to {noted.above:g})",
                )
        return found

    def _of_rows(self) -> list[Finding]:
        found = []
        for rule, seen in self.repeats.values():
            rows = self._broken.setdefault(rule.id, _Broken(rows=seen.repeated())).rows
            if self._too_many(rule.at_most, rows):
                named = f"'{rule.column}' holds" if rule.column else f"the key ({', '.join(rule.reads)}) has"
                text = f"{named} {rows:,} values that stood in an earlier row; each must be unique"
                found.append(_of_rule(rule, rows, text))
        foreign = {key.id: key for key in self.contract.foreign}
        conditions = {rule.id: rule for rule in self.contract.rules}
        for rule in self.across:
            rows = self._count(rule.id)
            if not self._too_many(rule.at_most, rows):
                continue
            if rule.id in foreign:
                key = foreign[rule.id]
                where = "this table" if key.table == "self" else f"'{key.table}'"
                text = f"{rows:,} rows have a ({', '.join(key.columns)}) that is not in {where}"
            else:
                text = f"{rows:,} rows break the rule '{rule.id}': {conditions[rule.id].that}"
            found.append(_of_rule(rule, rows, text))
        return found

    def _of_queries(self) -> list[Finding]:
        found = []
        for rule in self.contract.rules:
            if rule.sql:
                rows = len(rows_breaking(rule, self.table))
                if self._too_many(rule.at_most, rows):
                    text = f"{rows:,} rows break the rule '{rule.id}': {rule.sql}"
                    found.append(Finding(rule=rule.id, severity=rule.severity, message=text, rows=rows))
        return found

    def _of_volume(self) -> list[Finding]:
        found = []
        for volume, counted in self.volumes.items():
            inner = range(min(counted, default=0) + 1, max(counted, default=0))
            few = [place for place in inner if volume.least is not None and counted.get(place, 0) < volume.least]
            many = [place for place in inner if volume.most is not None and counted.get(place, 0) > volume.most]
            for places, word, bound in ((few, "fewer", volume.least), (many, "more", volume.most)):
                if places:
                    first = datetime.fromtimestamp(places[0] * volume.every_seconds, UTC)
                    rows = counted.get(places[0], 0)
                    text = (
                        f"{len(places):,} stretches of {volume.every} hold {word} than {bound:,} rows by"
                        f" '{volume.column}', the first from {first:%Y-%m-%d %H:%M} ({rows:,} rows)"
                    )
                    found.append(Finding(rule="volume", severity=volume.severity, message=text, column=volume.column))
        return found


def _told(rule: str, column: ColumnContract, noted: _Broken) -> str:
    named = ", ".join(f"'{value}'" for value in noted.examples)
    name, rows = column.name, f"{noted.rows:,} rows, such as {named}"
    if rule == "values":
        return f"'{name}' holds values that are not allowed in {rows}"
    if rule == "pattern":
        return f"'{name}' does not match {column.pattern} in {rows}"
    if rule == "whole":
        return f"'{name}' is not a whole number in {rows}"
    ends = f"{column.shortest or 0} to {'any number of' if column.longest is None else column.longest}"
    return f"'{name}' does not have {ends} characters in {rows}"


def _of_rule(rule: RowRule, rows: int, text: str) -> Finding:
    return Finding(rule=rule.rule, severity=rule.severity, message=text, column=rule.column, rows=rows)


def judge_of(
    contract: Contract,
    table: pl.DataFrame | Path,
    *,
    foreign: Mapping[str, ForeignKeys],
) -> Judge:
    """Return a judge that has seen no rows yet; what the columns' names and types alone break is told already.

    Parameters
    ----------
    table : DataFrame, or path of a Parquet file
        The table whose chunks the judge will see.
    """
    lazy = pl.scan_parquet(table) if isinstance(table, Path) else table
    schema = lazy.collect_schema()
    said, present = _of_schema(contract, schema)
    rules = [*unique_rules(contract, present)]
    conditions, faults = condition_rules(contract, schema)
    said += [Finding(rule=rule, severity="critical", message=why) for rule, why in faults.items()]
    across = [*foreign_rules(contract, with_own_keys(contract, foreign, lazy)), *conditions]
    values = {column.name: value_rules(column) for column in present.values()}
    readable = []
    for rule in (*rules, *across, *(each for own in values.values() for each in own)):
        if why := unreadable(rule, schema):
            said.append(Finding(rule=rule.rule, severity="critical", message=why, column=rule.column))
        else:
            readable.append(rule)
    dates = [*(each.column for each in contract.freshness), *(each.column for each in contract.volume)]
    for name in dict.fromkeys(dates):
        if name not in schema or not schema[name].is_temporal():
            text = f"the contract dates rows by '{name}', which is no column of times"
            text += did_you_mean(name, list(schema)) if name not in schema else ""
            said.append(Finding(rule="column", severity="critical", message=text, column=name))
    return Judge(
        contract=contract,
        columns=present,
        table=table,
        said=said,
        values={name: tuple(rule for rule in own if rule in readable) for name, own in values.items()},
        repeats={rule.id: (rule, Seen(columns=rule.reads)) for rule in rules if rule in readable},
        across=tuple(rule for rule in across if rule in readable),
        volumes={
            volume: {} for volume in contract.volume if volume.column in schema and schema[volume.column].is_temporal()
        },
    )


def _of_schema(
    contract: Contract, schema: Mapping[str, pl.DataType]
) -> tuple[list[Finding], dict[str, ColumnContract]]:
    """Return what absent columns and other kinds break, and the columns that can be looked at."""
    said: list[Finding] = []
    present: dict[str, ColumnContract] = {}
    for column in contract.columns:
        name = column.name
        if name not in schema:
            if not column.optional:
                text = f"'{name}' is not in the table, but the contract asks for it.{did_you_mean(name, list(schema))}"
                said.append(Finding(rule="column", severity="critical", message=text, column=name))
        elif not _fits(column.kind, schema[name]):
            text = f"'{name}' holds {_words(schema[name])} where the contract says {column.kind}"
            said.append(Finding(rule="kind", severity="critical", message=text, column=name))
        else:
            present[name] = column
    return said, present


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


def failing_rows(
    contract: Contract,
    table: pl.DataFrame,
    *,
    foreign: Mapping[str, ForeignKeys] | None = None,
    severities: Sequence[Severity] = ("warning", "critical"),
) -> pl.DataFrame:
    """Return which rows break which rules: columns ``row`` (UInt32, from 0) and ``rule``, in this order.

    Only rules of these severities that count as broken (`Rule.at_most`) are looked at. A missing value breaks a rule
    only where none may be missing: of a share that is too large no row is the one too many.
    """
    judge = judge_of(contract, table, foreign=foreign or {})
    parts = []
    rules = [rule for rule in judge.row_rules() if rule.severity in severities]
    if rules and table.height:
        masks = table.select(rule.breaks.fill_null(False).alias(str(place)) for place, rule in enumerate(rules))
        together: dict[str, pl.Series] = {}
        for rule, mask in zip(rules, masks.iter_columns(), strict=True):
            together[rule.id] = mask | together[rule.id] if rule.id in together else mask
        allowed = {rule.id: rule.at_most for rule in rules}
        for name, mask in together.items():
            rows = mask.arg_true()
            if len(rows) > allowed[name] * table.height:
                parts.append(_broken_in(rows, name))
    for own in contract.rules:
        if own.sql and own.severity in severities:
            rows = rows_breaking(own, table)
            if len(rows) and int(rows[-1]) >= table.height:
                raise DataError(f"the rule '{own.id}' returns row {rows[-1]} of a table with {table.height:,} rows")
            if len(rows) > own.at_most * table.height:
                parts.append(_broken_in(rows, own.id))
    nothing = pl.DataFrame(schema={"row": pl.UInt32, "rule": pl.String})
    return pl.concat([nothing, *parts]).sort("row", "rule")


def _broken_in(rows: pl.Series, rule: str) -> pl.DataFrame:
    return pl.DataFrame({"row": rows.cast(pl.UInt32), "rule": pl.Series([rule] * len(rows), dtype=pl.String)})
