"""A sheet of an Excel workbook: its values, never its formulas."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

from tenfold.connectors.text_file import EXPANSION_MATTERS_BYTES, LARGEST_EXPANSION
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.optional import require

_UNNAMED = "__UNNAMED__"


def sheets_of(path: Path, *, shown: str) -> list[str]:
    """Return the names of a workbook's sheets.

    Raises
    ------
    DataError
        When the file is no workbook.
    """
    return list(_open(path, shown).sheet_names)


def read_sheet(path: Path, *, shown: str, sheet: str | None) -> tuple[pl.LazyFrame, dict[str, str], tuple[str, ...]]:
    """Return the rows of a sheet as text, with what was found and what a person should know.

    The first row that is not empty names the columns. Of a formula the value that Excel stored is read; a cell with an
    error (``#DIV/0!``) is missing. Rows without any value are no rows.

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
            if (loaded := book.load_sheet(name, dtypes="string")).width and loaded.total_height
        }
        if not filled:
            raise DataError(f"{shown} has no rows")
        if len(filled) > 1:
            raise DataError(f"{shown} has several sheets ({', '.join(filled)}): name one with `table`")
        ((name, loaded),) = filled.items()
        frame = loaded.to_polars()
    except errors.FastExcelError as error:
        raise DataError(f"{shown} cannot be read: {str(error).splitlines()[0]}") from error
    frame, notes = _named(frame, shown)
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    if frame.is_empty():
        raise DataError(f"{shown} has no rows")
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


def _named(frame: pl.DataFrame, shown: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Give columns without a heading a number, and leave out those that are empty all along."""
    unnamed = [name for name in frame.columns if name.startswith(_UNNAMED)]
    empty = [name for name in unnamed if frame[name].null_count() == frame.height]
    frame = frame.drop(empty)
    places = {name: f"column_{at}" for at, name in enumerate(frame.columns, start=1) if name.startswith(_UNNAMED)}
    stripped = {name: " ".join(name.split()) for name in frame.columns if name not in places}
    names = list({**places, **stripped}.values())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{shown} names '{twice}' twice; rename one of the columns")
    note = f"{shown}: {len(places)} columns have no heading; the first row that is not empty is taken for the headings"
    return frame.rename({**places, **stripped}), (note,) if places else ()
