"""The rules that single rows keep or break, each as one expression: for counting and for setting rows aside alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.expression import columns_of, condition
from tenfold.measures.contract.contract import ColumnContract, Contract, Severity
from tenfold.measures.contract.foreign import ForeignKeys, key_words, keys_of

SELF = "self"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowRule:
    """One rule about rows.

    Attributes
    ----------
    id : str
        By which the quarantine calls it: ``range:age``, ``key:shop,day``, or the user's own name.
    rule, column : str, str or None
        As a finding tells them.
    breaks : polars.Expr
        Whether a row breaks the rule; null means that it does not.
    reads : tuple of str
        The columns that it reads.
    alone : bool
        It looks at one value of one column, so that equal values need to be looked at only once.
    """

    id: str
    rule: str
    column: str | None
    severity: Severity
    at_most: float
    breaks: pl.Expr
    reads: tuple[str, ...]
    alone: bool = False


def value_rules(column: ColumnContract) -> tuple[RowRule, ...]:
    """Return the rules about single values of a column. Two of one name are the two ends of a range."""
    value = pl.col(column.name)
    rules: list[tuple[str, pl.Expr]] = []
    if column.missing == 0.0:
        rules.append(("missing", value.is_null()))
    if column.low is not None:
        rules.append(("range", value < column.low))
    if column.high is not None:
        rules.append(("range", value > column.high))
    if column.whole:
        rules.append(("whole", value != value.floor()))
    if column.values:
        rules.append(("values", ~_allowed(column, value)))
    if column.pattern is not None:
        rules.append(("pattern", ~value.str.contains(f"^(?:{column.pattern})$")))
    if column.shortest is not None or column.longest is not None:
        length = value.str.len_chars()
        rules.append(("length", (length < (column.shortest or 0)) | _longer(length, column.longest)))
    return tuple(
        RowRule(
            id=f"{rule}:{column.name}",
            rule=rule,
            column=column.name,
            severity=column.severity_of(rule),
            at_most=column.at_most,
            breaks=breaks,
            reads=(column.name,),
            alone=True,
        )
        for rule, breaks in rules
    )


def _longer(length: pl.Expr, longest: int | None) -> pl.Expr:
    return pl.lit(False) if longest is None else length > longest  # a literal


def _allowed(column: ColumnContract, value: pl.Expr) -> pl.Expr:
    if column.kind == "numeric":
        return value.is_in([float(each) for each in column.values])
    return (value.cast(pl.String) if column.kind == "boolean" else value).is_in(list(column.values))


def unique_rules(contract: Contract, present: Mapping[str, ColumnContract]) -> tuple[RowRule, ...]:
    """Return the rules that no two rows agree in some columns: the first of them keeps the rule."""
    rules = [
        RowRule(
            id=f"unique:{column.name}",
            rule="unique",
            column=column.name,
            severity=column.severity_of("unique"),
            at_most=column.at_most,
            breaks=repeats((column.name,)),
            reads=(column.name,),
        )
        for column in present.values()
        if column.unique
    ]
    rules += [
        RowRule(
            id=key.id,
            rule=key.id,
            column=None,
            severity=key.severity,
            at_most=key.at_most,
            breaks=repeats(key.columns),
            reads=key.columns,
        )
        for key in contract.keys
    ]
    return tuple(rules)


def repeats(columns: tuple[str, ...]) -> pl.Expr:
    """Return whether a row agrees with an earlier one in all these columns, none of them missing."""
    known = pl.all_horizontal([pl.col(name).is_not_null() for name in columns])
    values = pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)
    return known & ~values.is_first_distinct()


def foreign_rules(contract: Contract, foreign: Mapping[str, ForeignKeys]) -> tuple[RowRule, ...]:
    """Return the rules that keys stand in another table.

    Raises
    ------
    DataError
        When the keys of a table are not at hand.
    """
    rules = []
    for key in contract.foreign:
        if key.id not in foreign:
            raise DataError(f"the contract looks {key.id} up in '{key.table}', whose keys were not read")
        own = key_words(key.columns)
        known = own.is_in(pl.Series(foreign[key.id].keys, dtype=pl.String).implode())
        rules.append(
            RowRule(
                id=key.id,
                rule=key.id,
                column=None,
                severity=key.severity,
                at_most=key.at_most,
                breaks=own.is_not_null() & ~known,
                reads=key.columns,
            )
        )
    return tuple(rules)


def with_own_keys(
    contract: Contract, foreign: Mapping[str, ForeignKeys], table: pl.DataFrame | pl.LazyFrame
) -> Mapping[str, ForeignKeys]:
    """Return the keys of other tables with those that the contract looks up in the table itself."""
    names = set(table.collect_schema())
    own = {
        key.id: keys_of(table, key.key)
        for key in contract.foreign
        if key.table == SELF and names.issuperset((*key.key, *key.columns))
    }
    return {**foreign, **own}


def condition_rules(
    contract: Contract, schema: Mapping[str, pl.DataType]
) -> tuple[tuple[RowRule, ...], Mapping[str, str]]:
    """Return the user's conditions over the columns of a row, and by its id why one cannot be asked of the table."""
    rules, faults = [], {}
    for rule in contract.rules:
        if not rule.that:
            continue
        reads = columns_of(rule.that)
        absent = next((name for name in reads if name not in schema), None)
        if absent is not None:
            near = did_you_mean(absent, list(schema))
            faults[rule.id] = f"the rule '{rule.id}' reads '{absent}', which is not in the table.{near}"
            continue
        try:
            holds = condition(rule.that, schema)
        except DataError as error:
            faults[rule.id] = f"the rule '{rule.id}' does not fit the table: {error}"
            continue
        rules.append(
            RowRule(
                id=rule.id,
                rule=rule.id,
                column=None,
                severity=rule.severity,
                at_most=rule.at_most,
                breaks=~holds,
                reads=reads,
            )
        )
    return tuple(rules), faults


def unreadable(rule: RowRule, schema: Mapping[str, pl.DataType]) -> str:
    """Return why a rule cannot be asked of a table; empty when it can."""
    for name in rule.reads:
        if name not in schema:
            return f"the rule '{rule.id}' reads '{name}', which is not in the table.{did_you_mean(name, list(schema))}"
    try:
        given = pl.DataFrame(schema=dict(schema)).select(rule.breaks.alias("breaks"))["breaks"].dtype
    except pl.exceptions.PolarsError as error:
        return f"the rule '{rule.id}' does not fit the table: {str(error).splitlines()[0]}"
    if given not in {pl.Boolean(), pl.Null()}:
        return f"the rule '{rule.id}' gives {given}; a condition (true or false for each row) is needed"
    return ""
