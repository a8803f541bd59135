"""Reading one source into a canonical table, and the same reading again for rows to predict."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from tenfold.connectors.arrow import scan_arrow
from tenfold.connectors.canonical import canonical, present, value_given
from tenfold.connectors.delimited import scan_delimited
from tenfold.connectors.dialect import find_dialect, hints_from, hints_of, names_recorded, sheet_hints
from tenfold.connectors.excel import read_sheet
from tenfold.connectors.infer import LEVELS_LISTED, FieldOverride, infer_column, infer_fields, is_readable
from tenfold.connectors.json_records import scan_json
from tenfold.connectors.land import Landed, land, source_fingerprint
from tenfold.connectors.request import SourceRequest
from tenfold.connectors.text_file import open_text
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.fingerprint import hash_file
from tenfold.foundation.personal import mask_personal
from tenfold.records.dataset import Field, Source

# Raised when the same bytes are read differently, so that cached tables are made anew.
READER = 2

_SAMPLE_ROWS = 200_000
_ROW_GROUP = 131_072
_WIDENINGS = 6
_ODD_VALUES = 1000
# Up to here a table is held in memory while its columns are read; beyond, it streams.
_IN_MEMORY_CELLS = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """A source as it was read: the canonical table, what its columns are, where it came from."""

    path: Path
    fields: tuple[Field, ...]
    source: Source
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staged:
    """Rows as the source writes them, not yet canonical."""

    rows: pl.LazyFrame
    dialect: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_source(
    request: SourceRequest,
    *,
    into: Path,
    overrides: Mapping[str, FieldOverride] | None = None,
    timezone: str | None = None,
) -> SourceTable:
    """Read a source into a canonical Parquet table at ``into``.

    Parameters
    ----------
    overrides : mapping of column name to FieldOverride
        What the user declared of the columns.
    timezone : str or None
        Zone of times written without an offset; None is UTC.

    Raises
    ------
    DataError
        When the source cannot be read, is empty, or does not hold what was declared.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    state = _state(request)
    known = source_fingerprint(request)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix="reading-") as folder:
        landed = land(request, Path(folder))
        staged = _stage(landed, request, Path(folder))
        try:
            fields, count = canonicalise(
                staged.rows, into, overrides=overrides or {}, timezone=timezone, shown=request.label
            )
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{request.label} cannot be read: {str(error).splitlines()[0]}") from error
    if _state(request) != state or (landed.snapshot is not None and known not in {None, landed.snapshot}):
        raise DataError(f"{request.label} was changed while it was read: let whoever writes it end, then try again")
    source = Source(
        name=request.name,
        location=request.label,
        format=landed.origin,
        rows=count,
        snapshot=landed.snapshot or known or hash_file(into),
        dialect={**landed.dialect, **staged.dialect},
    )
    return SourceTable(path=into, fields=fields, source=source, notes=(*landed.notes, *staged.notes))


def _state(request: SourceRequest) -> tuple[int, ...]:
    """Return what the file system says of a source's file: it changes when the bytes do."""
    path = Path(request.location)
    if request.scheme != "file" or not path.is_file():
        return ()
    found = path.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def canonicalise(
    rows: pl.LazyFrame,
    into: Path,
    *,
    overrides: Mapping[str, FieldOverride],
    timezone: str | None,
    shown: str,
    typed: bool = False,
) -> tuple[tuple[Field, ...], int]:
    """Infer what the columns are and write them in canonical form; return the fields and the number of rows.

    The inference looks at the first rows; then every value must fit. A column with values that do not is inferred again
    with these values in view, so that nothing becomes null in silence.

    Parameters
    ----------
    typed : bool
        Strings are words even where they look like numbers or times: the types were chosen by whoever wrote the query.
    """
    schema = rows.collect_schema()
    sample = rows.head(_SAMPLE_ROWS).collect(engine="streaming")
    if sample.is_empty():
        raise DataError(f"{shown} has no rows")
    in_memory = sample.height < _SAMPLE_ROWS or _cells(rows, len(schema)) <= _IN_MEMORY_CELLS
    if in_memory:
        rows = rows.collect().lazy()
    inferred = {
        found.name: (found, reason)
        for found, reason in infer_fields(sample, overrides=overrides, timezone=timezone, typed=typed)
    }
    read = _read(rows, [found for found, _ in inferred.values()], schema, in_memory=in_memory)
    for _ in range(_WIDENINGS):
        fields = [found for found, _ in inferred.values()]
        misfits = _misfits(rows, read, fields, schema)
        if not misfits:
            break
        comma = any(found.decimal_comma for found in fields)
        for name, odd in misfits.items():
            override = overrides.get(name)
            if override is not None and override.kind is not None:
                raise DataError(_does_not_fit(rows, inferred[name][0], schema[name], odd, shown))
            seen = pl.concat([sample[name].cast(pl.String), odd.cast(pl.String)]).alias(name)
            inferred[name] = infer_column(seen, override, timezone, comma=comma)
        changed = [inferred[name][0] for name in misfits]
        again = _read(rows, changed, schema, in_memory=in_memory)
        read = pl.concat([read.drop(misfits), again], how="horizontal").select(schema.names())
    else:
        raise DataError(f"{shown}: columns {', '.join(misfits)} hold values that fit no one kind; declare their kind")
    return _describe(read, inferred), _write(read, into)


def _cells(rows: pl.LazyFrame, columns: int) -> int:
    return columns * int(rows.select(pl.len()).collect(engine="streaming").item())


def _read(rows: pl.LazyFrame, fields: Sequence[Field], schema: pl.Schema, *, in_memory: bool) -> pl.LazyFrame:
    read = rows.select(canonical(found, schema[found.name]) for found in fields)
    return read.collect().lazy() if in_memory else read


def _misfits(
    rows: pl.LazyFrame, read: pl.LazyFrame, fields: Sequence[Field], schema: pl.Schema
) -> dict[str, pl.Series]:
    """Return, for each column with values that its field cannot read, some of these values."""
    checked = [found for found in fields if found.kind in {"numeric", "boolean", "datetime"}]
    if not checked:
        return {}
    counts = rows.select(present(found, schema[found.name]).sum().alias(found.name) for found in checked)
    before = counts.collect(engine="streaming").row(0, named=True)
    after = read.select(pl.col(found.name).count() for found in checked).collect(engine="streaming").row(0, named=True)
    odd = {}
    for found in checked:
        if before[found.name] == after[found.name]:
            continue
        dtype = schema[found.name]
        unread = rows.filter(present(found, dtype) & canonical(found, dtype).is_null())
        values = unread.select(pl.col(found.name).unique(maintain_order=True))
        odd[found.name] = values.head(_ODD_VALUES).collect(engine="streaming")[found.name]
    return odd


def _describe(read: pl.LazyFrame, inferred: Mapping[str, tuple[Field, str]]) -> tuple[Field, ...]:
    """Complete the fields with what only all rows tell: the levels of categories, whether all numbers are whole."""
    words = [found.name for found, _ in inferred.values() if found.kind == "categorical"]
    # Whether there are too many levels to list shows in the first rows, mostly; collecting millions would fill memory.
    few = read.head(_SAMPLE_ROWS).select(pl.col(words).n_unique() <= LEVELS_LISTED).collect(engine="streaming")
    expressions = []
    for found, _ in inferred.values():
        value = pl.col(found.name)
        if found.kind == "categorical" and few[found.name][0]:
            expressions.append(value.drop_nulls().unique().implode().alias(found.name))
        elif found.kind == "numeric":
            expressions.append(((value == value.floor()).all() & (value.count() > 0)).alias(found.name))
    seen = read.select(expressions).collect(engine="streaming") if expressions else pl.DataFrame()
    described = []
    for found, reason in inferred.values():
        known = replace(found, reason=reason)
        if found.kind == "categorical":
            levels = sorted(seen[found.name][0].to_list()) if found.name in seen.columns else None
            known = replace(known, reason=_counted(reason, levels))
            if levels is not None and len(levels) <= LEVELS_LISTED:
                known = replace(known, levels=tuple(levels))
        elif found.kind == "numeric":
            known = replace(known, integer=bool(seen[found.name][0]))
        described.append(known)
    return tuple(described)


def _counted(reason: str, levels: Sequence[str] | None) -> str:
    """Return the reason of a category with the number of its levels; None are too many to be counted."""
    first, separator, rest = reason.partition(";")
    if levels is None:
        return f"{first} (more than {LEVELS_LISTED:,} distinct){separator}{rest}"
    return f"{first} ({len(levels):,} distinct){separator}{rest}" if levels else reason


def _does_not_fit(rows: pl.LazyFrame, found: Field, dtype: pl.DataType, odd: pl.Series, shown: str) -> str:
    unread = present(found, dtype) & canonical(found, dtype).is_null()
    row = rows.with_row_index("__row").filter(unread).select("__row").head(1).collect().item() + 1
    return (
        f"{shown}: column '{found.name}' is declared {found.kind}, but row {row} holds '{mask_personal(str(odd[0]))}'; "
        f"name that value under `missing`, or declare another kind"
    )


def _write(read: pl.LazyFrame, into: Path) -> int:
    read.sink_parquet(into, compression="lz4", row_group_size=_ROW_GROUP, maintain_order=True)
    return int(pl.scan_parquet(into).select(pl.len()).collect().item())


def _stage(landed: Landed, request: SourceRequest, workdir: Path) -> _Staged:
    """Make the rows of a file readable, whatever its format."""
    shown, path = request.label, landed.path
    if landed.format == "parquet":
        return _typed(_scan_parquet(path, shown))
    if landed.format == "arrow":
        return _typed(scan_arrow(path, shown=shown, workdir=workdir))
    if landed.format == "excel":
        rows, dialect, notes = read_sheet(path, shown=shown, sheet=request.table, hints=sheet_hints(request))
        return _Staged(rows=rows, dialect=dialect, notes=notes)
    if landed.format == "json":
        text = open_text(path, shown=shown, workdir=workdir, encoding=request.encoding, lines=False)
        rows, told = scan_json(text.path, shown=shown, workdir=workdir, flat=not request.nested)
        dialect = {"encoding": text.encoding, "compression": text.compression or "none"}
        return _Staged(rows=rows, dialect=dialect, notes=tuple(f"{shown}: {each}" for each in told))
    text = open_text(path, shown=shown, workdir=workdir, encoding=request.encoding)
    found = find_dialect(text.head, shown=shown, whole=text.whole, hints=hints_of(request), tail=text.tail)
    rows = scan_delimited(text, found, shown=shown, workdir=workdir)
    recorded = {**found.recorded(), "encoding": text.encoding, "compression": text.compression or "none"}
    note = f"{shown}: {'a header was found' if found.header else 'no header was found'} ({found.reason})"
    return _Staged(rows=rows, dialect=recorded, notes=(note, *(f"{shown}: {told}" for told in found.told)))


def _typed(rows: pl.LazyFrame) -> _Staged:
    """Leave out the columns of types that have no place in a table of values, and say so."""
    schema = rows.collect_schema()
    unread = {name: dtype for name, dtype in schema.items() if not is_readable(dtype)}
    notes = tuple(f"column '{name}' holds {dtype}, which is not read: it is left out" for name, dtype in unread.items())
    if len(unread) == len(schema):
        raise DataError("no column holds values that can be read")
    return _Staged(rows=rows.drop(unread), notes=notes)


def _scan_parquet(path: Path, shown: str) -> pl.LazyFrame:
    try:
        rows = pl.scan_parquet(path, glob=False)
        rows.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{shown} is not a Parquet file, or damaged ({str(error).splitlines()[0]})") from error
    return rows


def read_for_model(
    location: str,
    fields: Sequence[Field],
    *,
    dialect: Mapping[str, str] | None = None,
    table: str | None = None,
    query: str | None = None,
    shown: str = "",
    rows_at_once: int = 50_000,
    needed: str = "that the model needs",
    where: Callable[[pl.Schema], pl.Expr] | None = None,
) -> Generator[pl.DataFrame]:
    """Read rows to predict, by what was recorded of the columns instead of by inference.

    Parameters
    ----------
    location : str
        A file, or a database with ``table`` or ``query``.
    fields : sequence of Field
        The columns that the model needs.
    dialect : mapping or None
        The dialect recorded with the source of the training rows: lets a text without a header be read when it has
        as many columns. Its optional key ``target`` names the column that may be absent then.
    needed : str
        What is said of a column that is not there.
    where : callable or None
        Of the columns as the source writes them, makes the condition of the rows that are wanted: the others are left
        out while the file is scanned, and messages count the rows that are left.

    Yields
    ------
    polars.DataFrame
        The model's columns in canonical form and in the order of ``fields``, then all other columns as they stand
        in the input (as strings where the input is text); rows in the order of the input.

    Raises
    ------
    DataError
        When a column is missing or a value cannot be read; column, row and value are named.
    """
    request = SourceRequest(name="input", location=location, shown=shown, table=table, query=query)
    with tempfile.TemporaryDirectory(prefix="tenfold-input-") as folder:
        rows = _stage_for_model(request, fields, dialect, Path(folder), streamed=where is not None)
        schema = rows.collect_schema()
        _need_all(fields, schema.names(), request.label, needed)
        if where is not None:
            rows = rows.filter(where(schema))
        extra = [name for name in schema.names() if name not in {found.name for found in fields}]
        start = 0
        for frame in _chunks(rows, rows_at_once):
            yield _conform(frame, fields, extra, start, request.label)
            start += frame.height


def _chunks(rows: pl.LazyFrame, size: int) -> Iterator[pl.DataFrame]:
    for frame in rows.collect_batches(chunk_size=size, maintain_order=True):
        yield from frame.iter_slices(size)


def _stage_for_model(
    request: SourceRequest, fields: Sequence[Field], dialect: Mapping[str, str] | None, workdir: Path, *, streamed: bool
) -> pl.LazyFrame:
    landed = land(request, workdir)
    if landed.format != "csv":
        # No row at the end is taken for a total: every row that is given is predicted.
        return _stage(landed, replace(request, footer=0), workdir).rows
    shown = request.label
    recorded = dict(dialect or {})
    text = open_text(landed.path, shown=shown, workdir=workdir)
    names = [found.name for found in fields]
    hints = hints_from(recorded if _cut_alike(text.head, recorded) else None)
    found = find_dialect(text.head, shown=shown, whole=text.whole, hints=hints, known=names)
    if not found.header or not set(names) & set(found.names):
        placed = _names_by_place(len(found.names), names, recorded)
        if placed is not None:
            found = replace(found, header=found.header and "names" in recorded, names=placed)
    return scan_delimited(text, found, shown=shown, workdir=workdir, streamed=streamed)


def _cut_alike(head: str, recorded: Mapping[str, str]) -> bool:
    delimiter = recorded.get("delimiter", "")
    delimiter = "\t" if delimiter == "tab" else delimiter
    return bool(delimiter) and (delimiter in head.split("\n", 1)[0] or recorded.get("columns") == "1")


def _names_by_place(width: int, names: Sequence[str], recorded: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the names of columns that have none, by their place; None when their number tells nothing."""
    if recorded.get("header") != "no" and "names" not in recorded:
        return None
    trained = names_recorded(recorded)
    if width == len(trained):
        return trained
    without_target = tuple(name for name in trained if name != recorded.get("target"))
    if width == len(without_target):
        return without_target
    return tuple(names) if width == len(names) else None


def _need_all(fields: Sequence[Field], given: Sequence[str], shown: str, needed: str) -> None:
    missing = [found.name for found in fields if found.name not in given]
    if not missing:
        return
    named = ", ".join(f"'{name}'" for name in missing[:5]) + (
        f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    )
    word = "column" if len(missing) == 1 else "columns"
    free = [name for name in given if name not in {found.name for found in fields}]
    raise DataError(f"{shown} lacks the {word} {named} {needed}.{did_you_mean(missing[0], free)}")


def _conform(
    frame: pl.DataFrame, fields: Sequence[Field], extra: Sequence[str], start: int, shown: str
) -> pl.DataFrame:
    read = frame.select(*(read_again(found, frame.schema[found.name]) for found in fields), *extra)
    for found in fields:
        dtype = frame.schema[found.name]
        given = frame.select(value_given(found, dtype).alias("given"))["given"]
        if given.null_count():
            # Held against markers, an infinite number is neither one nor not: it is given, unless a marker says so.
            given = given.fill_null(~frame[found.name].cast(pl.String).is_in(list(found.missing_markers)))
        lost = given & read[found.name].is_null()
        if lost.any():
            at = int(lost.arg_max() or 0)
            value = mask_personal(str(frame[found.name][at]))
            raise DataError(f"{shown}: column '{found.name}' is {found.kind}, but row {start + at + 1} holds '{value}'")
    return read


def read_again(found: Field, dtype: pl.DataType) -> pl.Expr:
    """Return the expression that reads a column of rows to predict, leniently where nothing can be mistaken."""
    if found.kind == "numeric" and isinstance(dtype, pl.Boolean):
        return pl.lit(None, pl.Float64).alias(found.name)
    if found.kind == "categorical" and found.padded and dtype.is_numeric():
        return pl.lit(None, pl.String).alias(found.name)
    year_first = (found.datetime_format or "").startswith("%Y")
    if found.kind == "datetime" and isinstance(dtype, pl.String) and not year_first:
        own, iso = canonical(found, dtype), canonical(replace(found, datetime_format=None), dtype)
        return pl.coalesce(own, iso).alias(found.name)
    if found.kind == "boolean" and dtype.is_numeric():
        value = pl.col(found.name)
        return pl.when(value == 1).then(True).when(value == 0).then(False).alias(found.name)
    return canonical(found, dtype)
