"""A sheet of an Excel workbook: its values, never its formulas."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

from tenfold.connectors.layout import LayoutHints, lay_out
from tenfold.connectors.text_file import EXPANSION_MATTERS_BYTES, LARGEST_EXPANSION
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.optional import require

_LOOKED_AT = 1000
_END = 60


def sheets_of(path: Path, *, shown: str) -> list[str]:
    """Return the names of a workbook's sheets.

    Raises
    ------
    DataError
        When the file is no workbook.
    """
    return list(_open(path, shown).sheet_names)


def read_sheet(
    path: Path, *, shown: str, sheet: str | None, hints: LayoutHints
) -> tuple[pl.LazyFrame, dict[str, str], tuple[str, ...]]:
    """Return the rows of a sheet as text, with what was found and what a person should know.

    The first row of the table names the columns; notes above and totals below it are no rows. Of a formula the value
    that Excel stored is read; a cell with an error (``#DIV/0!``) is missing. Rows without any value are no rows.

    Parameters
    ----------
    sheet : str or None
        None is the only sheet that holds anything.

    Raises
    ------
    DataError
        When the file is no workbook, the sheet does not exist or is empty, or several sheets could be meant.
    """
    book = _open(path, shown)
    errors = require("fastexcel", extra="excel", purpose="Reading Excel")
    names = list(book.sheet_names)
    if sheet is not None and sheet not in names:
        raise DataError(f"{shown} has no sheet '{sheet}' ({', '.join(names)}).{did_you_mean(sheet, names)}")
    try:
        filled = {
            name: loaded
            for name in ([sheet] if sheet is not None else names)
            if (loaded := book.load_sheet(name, header_row=None, dtypes="string")).width and loaded.total_height > 1
        }
        if not filled:
            raise DataError(f"{shown} has no rows")
        if len(filled) > 1:
            raise DataError(f"{shown} has several sheets ({', '.join(filled)}): name one with `table`")
        ((name, loaded),) = filled.items()
        frame = loaded.to_polars()
    except errors.FastExcelError as error:
        raise DataError(f"{shown} cannot be read: {str(error).splitlines()[0]}") from error
    frame, notes = _laid_out(frame, hints, shown)
    return frame.lazy(), {"sheet": name, "columns": str(frame.width)}, notes


def _open(path: Path, shown: str):  # type: ignore[no-untyped-def]  # the library is optional, and so are its types
    fastexcel = require("fastexcel", extra="excel", purpose="Reading Excel")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > EXPANSION_MATTERS_BYTES and unpacked > LARGEST_EXPANSION * path.stat().st_size:
            raise DataError(f"{shown} grows more than {LARGEST_EXPANSION}-fold when unpacked; it is not a workbook")
    try:
        return fastexcel.read_excel(path)
    except fastexcel.FastExcelError as error:
        raise DataError(f"{shown} is not an Excel workbook, or damaged or locked by a password") from error


def _laid_out(frame: pl.DataFrame, hints: LayoutHints, shown: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the table of a sheet, and what was left out about it."""
    filled = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    # A column that holds a title alone is none of the table.
    full = filled.filter(pl.sum_horizontal(pl.all().is_not_null()) > 1)
    filled = filled.select(name for name in filled.columns if full.is_empty() or full[name].null_count() < full.height)
    if filled.is_empty():
        raise DataError(f"{shown} has no rows")
    rows = _cells(filled.head(_LOOKED_AT))
    whole = filled.height <= _LOOKED_AT
    found = lay_out(rows, hints, last=rows if whole else _cells(filled.tail(_END)), whole=whole)
    if hints.names is not None and len(hints.names) != filled.width:
        raise DataError(f"`names` names {len(hints.names)} columns, but the rows of {shown} have {filled.width}")
    above = found.notes_above + found.header_rows
    table = filled.slice(above, filled.height - above - found.rows_below)
    if table.is_empty():
        raise DataError(f"{shown} has no rows")
    return table.rename(dict(zip(table.columns, found.names, strict=True))), tuple(
        f"{shown}: {told}" for told in found.told
    )


def _cells(frame: pl.DataFrame) -> list[list[str]]:
    return [[cell or "" for cell in row] for row in frame.rows()]
