"""From wherever a source lies to one file on this machine, whose bytes are the ones that are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import polars as pl

from tenfold.connectors.database import read_database
from tenfold.connectors.databases.duckdb import read_duckdb
from tenfold.connectors.databases.mysql import read_mysql
from tenfold.connectors.delta import scan_delta
from tenfold.connectors.folders.media import media_hash, read_media
from tenfold.connectors.formats import DATABASE_FILES, format_of
from tenfold.connectors.function import call_function
from tenfold.connectors.remote.http import Fetched, fetch
from tenfold.connectors.remote.s3 import fetch_object
from tenfold.connectors.request import SourceRequest
from tenfold.connectors.streams.snapshot import read_stream
from tenfold.connectors.text_file import check_readable
from tenfold.foundation.errors import DataError
from tenfold.foundation.fingerprint import hash_file

_ROW_GROUP = 131_072
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A source as one file of this machine.

    Attributes
    ----------
    path : Path
        The file: the source itself where it is one, else a copy or an extract that goes with its folder.
    format : str
        How the file is parsed: ``csv``, ``json``, ``parquet``, ``arrow`` or ``excel``.
    origin : str
        What kind of source it was: what records show.
    snapshot : str or None
        The hash of the bytes that were taken over; None where only the table that comes of them can be hashed.
    """

    path: Path
    format: str
    origin: str
    snapshot: str | None = None
    dialect: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def land(request: SourceRequest, workdir: Path) -> Landed:
    """Make a source a file of this machine: a file is taken as it is, anything else is written into ``workdir``.

    Raises
    ------
    DataError
        When the source cannot be reached or does not hold what was declared.
    """
    return _SCHEMES[request.scheme](request, workdir)


def source_fingerprint(request: SourceRequest) -> str | None:
    """Return the hash of a file's bytes, or of a folder's files; None for what must be read to know.

    Raises
    ------
    DataError
        When the file or folder cannot be read.
    """
    if request.scheme != "file":
        return None
    format_ = format_of(request)
    if format_ in DATABASE_FILES or format_ == "delta":
        return None
    path = Path(request.location)
    if format_ in {"images", "audio"}:
        return media_hash(_folder(request), format_, shown=request.label)
    check_readable(path, request.label)
    return hash_file(path)


def _land_file(request: SourceRequest, workdir: Path) -> Landed:
    format_ = format_of(request)
    if format_ in _FILES:
        return _FILES[format_](request, workdir)
    path = Path(request.location)
    check_readable(path, request.label)
    return Landed(path=path, format=format_, origin=format_)


def _land_sqlite(request: SourceRequest, workdir: Path) -> Landed:
    rows = read_database(
        request.location,
        shown=request.label,
        table=request.table,
        query=request.query,
        into=workdir / "rows.parquet",
    )
    return Landed(path=rows, format="parquet", origin="sqlite")


def _land_duckdb(request: SourceRequest, workdir: Path) -> Landed:
    rows = read_duckdb(
        Path(request.location),
        shown=request.label,
        table=request.table,
        query=request.query,
        into=workdir / "rows.parquet",
    )
    return Landed(path=rows, format="parquet", origin="duckdb")


def _land_delta(request: SourceRequest, workdir: Path) -> Landed:
    rows, dialect = scan_delta(_folder(request), shown=request.label)
    return Landed(path=_written(rows, workdir, request), format="parquet", origin="delta", dialect=dialect)


def _land_images(request: SourceRequest, workdir: Path) -> Landed:
    return _land_media(request, workdir, "images")


def _land_audio(request: SourceRequest, workdir: Path) -> Landed:
    return _land_media(request, workdir, "audio")


def _land_media(request: SourceRequest, workdir: Path, kind: str) -> Landed:
    rows, snapshot, notes = read_media(_folder(request), kind, shown=request.label)
    path = _written(rows, workdir, request)
    return Landed(path=path, format="parquet", origin=kind, snapshot=snapshot, notes=notes)


def _land_postgresql(request: SourceRequest, workdir: Path) -> Landed:
    return replace(_land_sqlite(request, workdir), origin="postgresql")


def _land_mysql(request: SourceRequest, workdir: Path) -> Landed:
    rows = read_mysql(
        request.location,
        shown=request.label,
        table=request.table,
        query=request.query,
        into=workdir / "rows.parquet",
    )
    return Landed(path=rows, format="parquet", origin="mysql")


def _land_stream(request: SourceRequest, workdir: Path) -> Landed:
    rows, dialect = read_stream(request, workdir)
    return Landed(path=_written(rows, workdir, request), format="parquet", origin="redis", dialect=dialect)


def _land_function(request: SourceRequest, workdir: Path) -> Landed:
    rows = call_function(request.location, shown=request.label, into=workdir / "rows.parquet")
    return Landed(path=rows, format="parquet", origin="function")


def _land_http(request: SourceRequest, workdir: Path) -> Landed:
    into = workdir / _file_name(request.location)
    return _fetched(request, fetch(request.location, shown=request.label, allow=request.allow, into=into), workdir)


def _land_object(request: SourceRequest, workdir: Path) -> Landed:
    into = workdir / _file_name(request.location)
    fetched = fetch_object(request.location, shown=request.label, endpoint=request.endpoint, into=into)
    return _fetched(request, fetched, workdir)


def _fetched(request: SourceRequest, fetched: Fetched, workdir: Path) -> Landed:
    """Go on with the copy of a remote file; its hash is the one taken while it was written."""
    local = replace(request, location=str(fetched.path), shown=request.label)
    return replace(_land_file(local, workdir), snapshot=fetched.hash)


def _file_name(url: str) -> str:
    """Return the last part of a URL's path, whose endings tell the format, as the name of a file of its own."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    return f"fetched-{plain[-_LONGEST_NAME:]}"


def _folder(request: SourceRequest) -> Path:
    path = Path(request.location)
    if not path.is_dir():
        raise DataError(f"{request.label} is not a folder")
    return path


def _written(rows: pl.LazyFrame, workdir: Path, request: SourceRequest) -> Path:
    into = workdir / "rows.parquet"
    try:
        rows.sink_parquet(into, row_group_size=_ROW_GROUP, maintain_order=True)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{request.label} cannot be read: {str(error).splitlines()[0]}") from error
    return into


_FILES: Mapping[str, Callable[[SourceRequest, Path], Landed]] = {
    "sqlite": _land_sqlite,
    "duckdb": _land_duckdb,
    "delta": _land_delta,
    "images": _land_images,
    "audio": _land_audio,
}
_SCHEMES: Mapping[str, Callable[[SourceRequest, Path], Landed]] = {
    "file": _land_file,
    "postgresql": _land_postgresql,
    "mysql": _land_mysql,
    "http": _land_http,
    "s3": _land_object,
    "redis": _land_stream,
    "function": _land_function,
}
