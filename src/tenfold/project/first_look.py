"""What a practitioner looks at first: times in several columns, codes, columns that know the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tenfold.connectors.infer import FieldOverride
from tenfold.connectors.ingest import Ingested
from tenfold.connectors.moments import words_of
from tenfold.foundation.context import StageContext
from tenfold.records.dataset import Field
from tenfold.records.problem import Leak

_PARTS: Mapping[str, tuple[frozenset[str], float, float]] = {
    "year": (frozenset({"year", "yr", "yyyy", "jahr", "annee"}), 1900, 2100),
    "month": (frozenset({"month", "mon", "mo", "mm", "monat", "mois"}), 1, 12),
    "day": (frozenset({"day", "dayofmonth", "dom", "dd", "tag", "jour"}), 1, 31),
    "hour": (frozenset({"hour", "hr", "hh", "stunde", "heure"}), 0, 24),
    "minute": (frozenset({"minute", "min", "minutes"}), 0, 59),
}
_NOT_OF_THE_ROW = re.compile(r"birth|dob|expir|valid|built|founded|start|end|arriv|clos|resol", re.IGNORECASE)
_CLOCK = r"^([01]?\d|2[0-4]):[0-5]\d(:[0-5]\d)?$"
_CLOCK_NAMES = frozenset({"time", "hour", "clock", "uhrzeit", "zeit", "heure", "tod"})
_NUMBERED_AREAS = frozenset(
    {"zip", "zipcode", "postcode", "postal", "plz", "fips", "naics", "sic", "icd", "tract", "cip"}
)
_IDENTIFYING = re.compile(r"(^|[^a-z])(id|code)$|[a-z](ID|Id)$", re.IGNORECASE)
_FEWEST_REPEATED = 1.5
_MOST_CLASSES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time that several columns hold together, the SQL that makes it, and why."""

    name: str
    parts: tuple[str, ...]
    expression: str
    reason: str


def find_moment(ingested: Ingested, target: str) -> Moment | None:
    """Return how the columns of a table make the time of its rows; None where they do not.

    A year with a month and, where there are, day, hour and minute; or a day and a time of the day.
    """
    fields = {field.name: field for field in ingested.fields if field.name != target}
    parts = _calendar(fields, ingested.table) or _day_and_clock(fields, ingested.table)
    if parts is None:
        return None
    expression, columns = parts
    name = next(each for each in ("time", "moment", "happened_at", "row_time") if each not in fields and each != target)
    listed = ", ".join(f"'{column}'" for column in columns)
    return Moment(
        name=name,
        parts=columns,
        expression=expression,
        reason=f"the columns {listed} say it together",
    )


def _calendar(fields: Mapping[str, Field], table: Path) -> tuple[str, tuple[str, ...]] | None:
    """Return year, month and further parts that stand under names of one kind: ``obs_year``, ``obs_month``."""
    for year in (name for name in fields if words_of(name) & _PARTS["year"][0]):
        if _NOT_OF_THE_ROW.search(year):
            continue
        others = words_of(year) - _PARTS["year"][0] - {year.lower()}
        found = {"year": year}
        for part, (names, _, _) in list(_PARTS.items())[1:]:
            fitting = [
                name
                for name in fields
                if words_of(name) & names and words_of(name) - names - {name.lower()} == others and name != year
            ]
            if len(fitting) != 1:
                break
            found[part] = fitting[0]
        if len(found) >= 2 and all(_within(table, fields[name], *_PARTS[part][1:]) for part, name in found.items()):
            return _made(found, table), tuple(found.values())
    return None


def _made(found: Mapping[str, str], table: Path) -> str:
    quoted = {part: _quoted(name) for part, name in found.items()}
    year, month, day, hour, minute = (
        quoted.get(part, default)
        for part, default in (("year", ""), ("month", "1"), ("day", "1"), ("hour", "0"), ("minute", "0"))
    )
    if "hour" in found and _highest(table, found["hour"]) == 24:
        # Hours from 1 to 24 end the day at midnight of the next.
        return f"make_timestamp({year}, {month}, {day}, 0, {minute}, 0) + to_hours({hour})"
    return f"make_timestamp({year}, {month}, {day}, {hour}, {minute}, 0)"


def _highest(table: Path, name: str) -> object:
    return pl.scan_parquet(table).select(pl.col(name).max()).collect(engine="streaming").item()


def _within(table: Path, field: Field, low: float, high: float) -> bool:
    """Whether a column holds whole numbers between two bounds, in every row."""
    if field.kind != "numeric" or not field.integer:
        return False
    column = pl.col(field.name)
    least, most, missing = (
        pl.scan_parquet(table)
        .select(column.min().alias("least"), column.max().alias("most"), column.null_count().alias("missing"))
        .collect(engine="streaming")
        .row(0)
    )
    return least is not None and least >= low and most <= high and not missing


def _day_and_clock(fields: Mapping[str, Field], table: Path) -> tuple[str, tuple[str, ...]] | None:
    days = [name for name, field in fields.items() if field.kind == "datetime" and not _NOT_OF_THE_ROW.search(name)]
    clocks = [name for name, field in fields.items() if field.kind == "categorical" and words_of(name) & _CLOCK_NAMES]
    if len(days) != 1 or len(clocks) != 1:
        return None
    (day,), (clock,) = days, clocks
    rows = pl.scan_parquet(table).select(
        midnight=(pl.col(day).dt.truncate("1d") == pl.col(day)).all() & (pl.col(day).null_count() == 0),
        clock=pl.col(clock).str.contains(_CLOCK).all() & (pl.col(clock).null_count() == 0),
    )
    if not all(rows.collect(engine="streaming").row(0)):
        return None
    return f"CAST({_quoted(day)} AS DATE) + CAST({_quoted(clock)} AS TIME)", (day, clock)


def find_twins(ingested: Ingested, target: str) -> dict[str, str]:
    """Return spellings of a class that stand for another: ``>50K.`` for ``>50K``, ``YES`` for ``Yes``.

    They differ by capitals, blanks or a stop at the end; the most frequent spelling is the one that is meant.
    """
    known = next(field for field in ingested.fields if field.name == target)
    if known.kind != "categorical" or len(known.levels) > _MOST_CLASSES or not known.levels:
        return {}
    counts = (
        pl.scan_parquet(ingested.table)
        .group_by(target)
        .len("\0rows")
        .drop_nulls(target)
        .sort(["\0rows", target], descending=[True, False])
        .collect(engine="streaming")
    )
    meant: dict[str, str] = {}
    twins: dict[str, str] = {}
    for label in counts[target].to_list():
        plain = " ".join(label.casefold().split()).rstrip(" .")
        if plain and meant.setdefault(plain, label) != label:
            twins[label] = meant[plain]
    return twins


def query_of(moment: Moment | None, target: str, twins: Mapping[str, str]) -> str | None:
    """Return the query that makes a moment of columns and one spelling of each class; None where neither is needed."""
    if moment is None and not twins:
        return None
    column = _quoted(target)
    cases = " ".join(f"WHEN {_literal(label)} THEN {_literal(meant)}" for label, meant in twins.items())
    replaced = f" REPLACE (CASE {column} {cases} ELSE {column} END AS {column})" if twins else ""
    added = f", {moment.expression} AS {_quoted(moment.name)}" if moment is not None else ""
    return f"SELECT *{replaced}{added} FROM data"  # noqa: S608  # names and words are quoted


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def find_codes(fields: Sequence[Field], table: Path, *, but: Sequence[str]) -> dict[str, str]:
    """Return whole numbers that name something and count nothing, by their names, with the reason.

    An identifier that is another one in nearly every row names the rows, and is told apart later.
    """
    codes: dict[str, str] = {}
    numbers = [field for field in fields if field.kind == "numeric" and field.integer and field.name not in but]
    for field in numbers:
        words = words_of(field.name)
        if words & _NUMBERED_AREAS:
            codes[field.name] = "numbers under a name of areas or classifications: codes, not quantities"
        elif _IDENTIFYING.search(field.name):
            known, distinct = (
                pl.scan_parquet(table)
                .select(known=pl.col(field.name).count(), distinct=pl.col(field.name).n_unique())
                .collect(engine="streaming")
                .row(0)
            )
            if distinct > 2 and known >= _FEWEST_REPEATED * distinct:
                codes[field.name] = (
                    f"{distinct:,} numbers under a name of an identifier, repeated: codes, not quantities"
                )
    return codes


def overrides_of(codes: Mapping[str, str]) -> dict[str, FieldOverride]:
    """Return how columns of codes are read."""
    return {name: FieldOverride(kind="categorical") for name in codes}


def look_for_leaks(ingested: Ingested, target: str, *, but: Sequence[str], ctx: StageContext) -> tuple[Leak, ...]:
    """Return the columns that seem to know the target, by a quick look at some thousand rows."""
    from tenfold.stages.problem.leakage import find_leaks
    from tenfold.stages.problem.options import ProblemOptions
    from tenfold.stages.problem.sample import draw_sample
    from tenfold.stages.problem.target import read_target

    read = read_target(ingested.table, ingested.fields, ProblemOptions(target=target))
    features = tuple(field for field in ingested.fields if field.name != target and field.name not in but)
    sample = draw_sample(ingested.table, read, features, None, ctx.rng)
    return find_leaks(sample, (), seed=ctx.seed)
