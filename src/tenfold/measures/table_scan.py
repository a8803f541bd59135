"""One pass over a table, in memory or larger than it: profile, column states and contract together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.measures.contract.check import Judge, judge_of
from tenfold.measures.contract.contract import Contract
from tenfold.measures.contract.foreign import ForeignKeys
from tenfold.measures.states.column import Kind, Shape, TableState
from tenfold.measures.states.profile import ColumnProfile
from tenfold.measures.states.tally import Tally, tally_of
from tenfold.records.dataset import Finding

CHUNK_ROWS = 131_072
SAMPLE_ROWS = 131_072
"""Of a table that does not lie in memory so many rows, drawn evenly, stand for what cannot be counted on the way."""
_PILOT_STRETCHES = 8
_MOST_THREADS = 4
_SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableScan:
    """What one pass over a table found.

    Attributes
    ----------
    profiles : mapping of str to ColumnProfile
    shapes, state : tuple of Shape, TableState
        The columns counted so that two tables counted by the same shapes can be compared and added.
    findings : tuple of Finding
        What breaks the contract, the gravest first.
    newest : mapping of str to datetime
        Of the columns whose age the contract limits, the newest moment.
    sample : DataFrame
        Rows drawn evenly, in their order; all rows of a small table.
    """

    rows: int
    profiles: Mapping[str, ColumnProfile]
    shapes: tuple[Shape, ...]
    state: TableState
    findings: tuple[Finding, ...]
    sample: pl.DataFrame = field(repr=False)
    newest: Mapping[str, datetime] = field(default_factory=dict)

    def with_columns_of(self, other: TableScan) -> TableScan:
        """Return this scan with the columns of another one, of the same rows, in place of its own."""
        shapes = {shape.name: shape for shape in (*self.shapes, *other.shapes)}
        return replace(
            self,
            profiles={**self.profiles, **other.profiles},
            shapes=tuple(shapes.values()),
            state=TableState(rows=self.rows, columns={**self.state.columns, **other.state.columns}),
        )


def scan_table(
    table: pl.DataFrame,
    *,
    kinds: Mapping[str, Kind] | None = None,
    shapes: Sequence[Shape] = (),
    contract: Contract | None = None,
    foreign: Mapping[str, ForeignKeys] | None = None,
    now: datetime | None = None,
) -> TableScan:
    """Scan a table that lies in memory; all that is said of it is exact.

    Parameters
    ----------
    kinds : mapping of str to str, optional
        What columns hold where their type leaves it open: strings are categories, unless they are text.
    shapes : sequence of Shape
        How columns are counted, to compare them with an earlier table; the others are counted by shapes of their own.
    contract : Contract, optional
        What the table must hold.
    foreign : mapping of str to ForeignKeys, optional
        The keys of other tables, by the ids of the rules that look them up.
    now : datetime, optional
        The moment at which the newest row must be fresh; without it no age is judged.
    """
    rng = np.random.default_rng(_SEED)
    rows = table.height
    drawn = np.sort(rng.choice(rows, SAMPLE_ROWS, replace=False)) if rows > SAMPLE_ROWS else None
    sample = table if drawn is None else table[drawn]
    chunks = (table[start : start + CHUNK_ROWS] for start in range(0, max(rows, 1), CHUNK_ROWS))
    judge = None if contract is None else judge_of(contract, table, foreign=foreign or {})
    passing = _Pass.over(table.schema, sample, kinds or {}, shapes, judge)
    passing.see(chunks)
    return passing.finish(sample, whole=table, now=now)


def scan_parquet(
    path: Path,
    *,
    kinds: Mapping[str, Kind] | None = None,
    shapes: Sequence[Shape] = (),
    contract: Contract | None = None,
    foreign: Mapping[str, ForeignKeys] | None = None,
    now: datetime | None = None,
) -> TableScan:
    """Scan a Parquet file chunk by chunk, so that memory does not grow with the rows.

    Counts, ends, means and all that the contract asks are exact. Of columns with more than 16,384 distinct numbers
    (100,000 words), ``distinct`` comes from a sketch, quartiles and histogram from `SAMPLE_ROWS` rows, and the bins of
    their states from a first look at stretches of the file.

    Parameters
    ----------
    See `scan_table`.

    Raises
    ------
    polars.exceptions.PolarsError
        When the file is not Parquet.
    """
    lazy = pl.scan_parquet(path)
    schema = lazy.collect_schema()
    rows = int(lazy.select(pl.len()).collect().item())
    if rows <= CHUNK_ROWS:
        return scan_table(lazy.collect(), kinds=kinds, shapes=shapes, contract=contract, foreign=foreign, now=now)
    stretch = SAMPLE_ROWS // _PILOT_STRETCHES
    starts = np.linspace(0, rows - stretch, _PILOT_STRETCHES).astype(np.int64)
    pilot = pl.concat([lazy.slice(int(start), stretch).collect() for start in starts])
    judge = None if contract is None else judge_of(contract, path, foreign=foreign or {})
    passing = _Pass.over(schema, pilot, kinds or {}, shapes, judge)
    del pilot
    drawn = np.sort(np.random.default_rng(_SEED).choice(rows, min(rows, SAMPLE_ROWS), replace=False))
    sampled: list[pl.DataFrame] = []

    def chunks() -> Iterator[pl.DataFrame]:
        for start, chunk in _chunks(lazy, rows):
            first, last = np.searchsorted(drawn, (start, start + chunk.height))
            sampled.append(chunk[drawn[first:last] - start])
            yield chunk

    passing.see(chunks())
    return passing.finish(pl.concat(sampled), whole=None, now=now)


def _chunks(lazy: pl.LazyFrame, rows: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the rows in stretches, each read while the one before it is worked on."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        starts = range(0, rows, CHUNK_ROWS)
        reading = reader.submit(lazy.slice(0, CHUNK_ROWS).collect)
        for start in starts:
            chunk = reading.result()
            if start + CHUNK_ROWS < rows:
                reading = reader.submit(lazy.slice(start + CHUNK_ROWS, CHUNK_ROWS).collect)
            yield start, chunk


@dataclass(slots=True)
class _Pass:
    """The tallies of all columns, and the judge, as the chunks come by."""

    tallies: Mapping[str, Tally]
    judge: Judge | None
    rows: int = 0

    @classmethod
    def over(
        cls,
        schema: Mapping[str, pl.DataType],
        pilot: pl.DataFrame,
        kinds: Mapping[str, Kind],
        shapes: Sequence[Shape],
        judge: Judge | None,
    ) -> _Pass:
        given = {shape.name: shape for shape in shapes}
        tallies = {}
        for name, dtype in schema.items():
            kind = kinds.get(name, _kind(dtype))
            watch = None if judge is None or name not in judge.columns else partial(judge.see_values, name)
            tallies[name] = tally_of(name, kind, pilot[name], given.get(name), watch=watch)
        return cls(tallies=tallies, judge=judge)

    def see(self, chunks: Iterable[pl.DataFrame]) -> None:
        """Take in all chunks; columns are counted side by side."""
        with ThreadPoolExecutor(max_workers=min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
            for chunk in chunks:
                self.rows += chunk.height
                waiting = [pool.submit(tally.see, chunk[name]) for name, tally in self.tallies.items()]
                if self.judge is not None:
                    self.judge.see(chunk)
                for each in waiting:
                    each.result()

    def finish(self, sample: pl.DataFrame, *, whole: pl.DataFrame | None, now: datetime | None) -> TableScan:
        """Return what was found."""
        found = {
            name: tally.finish(None if whole is None else whole[name], sample[name])
            for name, tally in self.tallies.items()
        }
        findings: tuple[Finding, ...] = ()
        if self.judge is not None:
            for name in self.judge.columns:
                self.judge.see_missing(name, found[name].profile.missing)
            findings = self.judge.judged(now)
        return TableScan(
            rows=self.rows,
            profiles={name: each.profile for name, each in found.items()},
            shapes=tuple(each.shape for each in found.values()),
            state=TableState(rows=self.rows, columns={name: each.state for name, each in found.items()}),
            findings=findings,
            sample=sample,
            newest={} if self.judge is None else dict(self.judge.newest),
        )


def _kind(dtype: pl.DataType) -> Kind:
    if dtype.is_numeric():
        return "numeric"
    if dtype == pl.Boolean:
        return "boolean"
    return "datetime" if dtype.is_temporal() else "categorical"
