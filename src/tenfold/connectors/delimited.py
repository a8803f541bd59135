"""Rows of a delimited text as strings, every one of the same width."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from tenfold.connectors.dialect import Dialect
from tenfold.connectors.text_file import PlainText, cut
from tenfold.foundation.errors import DataError

# Up to here a text is parsed into memory at once; beyond, it streams.
IN_MEMORY_BYTES = 512 << 20


def scan_delimited(
    text: PlainText, dialect: Dialect, *, shown: str, workdir: Path, streamed: bool = False
) -> pl.LazyFrame:
    """Return the rows of a text as strings, in order; empty fields are null, empty lines are no rows.

    Where notes, totals or comments stand about the table, a copy without them is made in ``workdir``. ``streamed``: the
    text is not held in memory however small it is, for few of its rows are wanted.

    Raises
    ------
    DataError
        When a row has too many or too few fields; the line is named.
    """
    above = dialect.preamble_lines + int(dialect.header)
    if dialect.cut:
        text, above = _cut(text, dialect, workdir), 0
    rows = _scan(text, dialect, above, shown, streamed=streamed)
    if dialect.trailing and rows.select(pl.col(dialect.names[-1]).is_null().all()).collect(engine="streaming").item():
        return rows.drop(dialect.names[-1])
    return rows


def _cut(text: PlainText, dialect: Dialect, workdir: Path) -> PlainText:
    width = len(dialect.names)

    def no_row(line: str) -> bool:
        return line.startswith(dialect.comment) and line.count(dialect.delimiter) != width - 1

    return cut(
        text,
        workdir,
        lines_above=dialect.rows_at if dialect.rows_at is not None else dialect.preamble_lines,
        bytes_below=dialect.bytes_below,
        left_out=no_row if dialect.comment else lambda _: False,
    )


def _scan(text: PlainText, dialect: Dialect, above: int, shown: str, *, streamed: bool) -> pl.LazyFrame:
    rows = pl.scan_csv(
        text.path,
        has_header=False,
        skip_rows=above,
        separator=dialect.delimiter,
        quote_char='"' if dialect.quote else None,
        schema=dict.fromkeys(dialect.names, pl.String),
        infer_schema=False,
        raise_if_empty=False,
        glob=False,
    )
    try:
        if not streamed and text.path.stat().st_size <= IN_MEMORY_BYTES:
            rows = rows.collect().lazy()
        last_missing, all_missing = _missing(rows, dialect)
    except pl.exceptions.PolarsError as error:
        raise DataError(_ragged(text.path, dialect, above, shown) or _unparsed(error, shown)) from error
    if last_missing > 0 and len(dialect.names) > 1 and (message := _ragged(text.path, dialect, above, shown)):
        raise DataError(message)
    if all_missing and len(dialect.names) > 1:
        return _without_empty_lines(rows, text, dialect, all_missing)
    return rows


def _missing(rows: pl.LazyFrame, dialect: Dialect) -> tuple[int, int]:
    """Return in how many rows the last field is missing, and in how many every field."""
    counts = rows.select(
        last=pl.col(dialect.names[-1]).is_null().sum(), every=pl.all_horizontal(pl.all().is_null()).sum()
    ).collect(engine="streaming")
    return int(counts["last"][0]), int(counts["every"][0])


def _ragged(path: Path, dialect: Dialect, above: int, shown: str) -> str:
    """Return the sentence that names the first row of another width; empty when all have the same.

    polars fills short rows in silence, so a stricter parser looks where the last field is missing.
    """
    import pyarrow
    from pyarrow import csv

    cut_above = dialect.rows_at or 0 if dialect.cut else 0
    try:
        reader = csv.open_csv(
            path,
            read_options=csv.ReadOptions(
                column_names=list(dialect.names), skip_rows=above, block_size=32 << 20, use_threads=False
            ),
            parse_options=csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char='"' if dialect.quote else False,
                newlines_in_values=dialect.quote,
            ),
            convert_options=csv.ConvertOptions(
                include_columns=[dialect.names[0]], column_types={dialect.names[0]: pyarrow.string()}
            ),
        )
        for _ in reader:
            pass
    except pyarrow.ArrowInvalid as error:
        match = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", str(error))
        if match is None:
            return f"{shown} cannot be cut into columns ({str(error).splitlines()[0]})"
        row, expected, got = (int(number) for number in match.groups())
        row += cut_above
        fields = "1 field" if got == 1 else f"{got} fields"
        return f"{shown} has {fields} in line {row} where {expected} are expected; mend that line or name the delimiter"
    return ""


def _unparsed(error: pl.exceptions.PolarsError, shown: str) -> str:
    if "utf-8" in str(error):
        return f"{shown} is not UTF-8 text throughout; name its encoding"
    if "quote" in str(error) or "malformed" in str(error) or "could not parse" in str(error):
        return f"{shown} has quotes that do not enclose whole fields; set `quote: none` if quotes are plain characters"
    return f"{shown} cannot be parsed ({str(error).splitlines()[0]})"


def _without_empty_lines(rows: pl.LazyFrame, text: PlainText, dialect: Dialect, all_missing: int) -> pl.LazyFrame:
    """Leave out the rows that are empty lines; a row of delimiters alone is a row, with everything missing."""
    if not text.blank_lines:
        return rows
    bare = rf"^[ \t]*{re.escape(dialect.delimiter)}"
    lines = pl.scan_csv(
        text.path,
        has_header=False,
        separator="\x1f",
        quote_char=None,
        schema={"line": pl.String},
        infer_schema=False,
        glob=False,
    )
    delimiters_only = (
        lines.select(pl.col("line").str.contains(rf"^[{re.escape(dialect.delimiter)} \t\r\"]+$").sum())
        .collect(engine="streaming")
        .item()
    )
    empty = pl.all_horizontal(pl.all().is_null())
    if not delimiters_only:
        return rows.filter(~empty)
    # Both kinds occur: the lines themselves tell which is which, as long as no field runs over a line end.
    kinds = (
        lines.with_row_index("at")
        .filter(pl.col("line").is_null() | pl.col("line").str.contains(rf"^[{re.escape(dialect.delimiter)} \t\r\"]+$"))
        .select(pl.col("line").fill_null("").str.contains(bare).alias("is_row"))
        .collect()["is_row"]
    )
    if len(kinds) != all_missing:
        return rows
    numbered = rows.with_row_index("__row")
    emptied = numbered.filter(pl.all_horizontal(pl.exclude("__row").is_null())).select("__row").collect()["__row"]
    return numbered.filter(~pl.col("__row").is_in(emptied.filter(~kinds).implode())).drop("__row")
