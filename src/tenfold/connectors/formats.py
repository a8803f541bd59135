"""Which format a file or folder is of: by what was declared, by the ending of its name, by its first bytes."""

from __future__ import annotations

from pathlib import Path

from tenfold.connectors.delta import is_delta
from tenfold.connectors.folders.media import kind_of_folder
from tenfold.connectors.request import SourceRequest
from tenfold.connectors.text_file import check_readable, open_bytes
from tenfold.foundation.errors import DataError, did_you_mean

FORMATS = ("csv", "parquet", "json", "arrow", "excel", "sqlite", "duckdb", "delta", "images", "audio", "postgresql")
FOLDERS = ("delta", "images", "audio")
DATABASE_FILES = ("sqlite", "duckdb")
ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".data": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".json": "json", ".jsonl": "json", ".ndjson": "json", ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite",
    ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow", ".ipc": "arrow", ".duckdb": "duckdb", ".ddb": "duckdb",
    ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel", ".ods": "excel",
}  # fmt: skip

_SYNONYMS = {
    "tsv": "csv", "jsonl": "json", "ndjson": "json", "postgres": "postgresql", "feather": "arrow", "ipc": "arrow",
    "xlsx": "excel",
}  # fmt: skip
# DuckDB writes its mark after a checksum of eight bytes.
_DUCKDB_MARK = slice(8, 12)


def format_of(request: SourceRequest) -> str:
    """Return the format of a source's file or folder.

    Raises
    ------
    DataError
        When the declared format is none, the file cannot be read, or a folder holds nothing of one kind.
    """
    path = Path(request.location)
    if request.format is not None:
        given = _SYNONYMS.get(request.format, request.format)
        if given not in FORMATS:
            raise DataError(
                f"'{request.format}' is not a format ({', '.join(FORMATS)}).{did_you_mean(request.format, FORMATS)}"
            )
        if given in FOLDERS and path.exists() and not path.is_dir():
            raise DataError(f"{request.label} is a file, and `format: {given}` is a folder")
        return given
    if path.is_dir():
        return "delta" if is_delta(path) else kind_of_folder(path, shown=request.label)
    return _format_of_file(path, request.label)


def _format_of_file(path: Path, shown: str) -> str:
    endings = [ending.lower() for ending in path.suffixes if ending.lower() not in {".gz", ".zst"}]
    # Both SQLite and DuckDB call their files .db.
    if endings and endings[-1] in ENDINGS and endings[-1] != ".db":
        return ENDINGS[endings[-1]]
    check_readable(path, shown)
    with open_bytes(path, shown) as stream:
        start = stream.read(64)
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"SQLite format 3"):
        return "sqlite"
    if start.startswith(b"ARROW1"):
        return "arrow"
    if start[_DUCKDB_MARK] == b"DUCK":
        return "duckdb"
    if endings and endings[-1] in ENDINGS:
        return ENDINGS[endings[-1]]
    if start.startswith(b"PK\x03\x04"):
        return "excel"
    return "json" if start.lstrip()[:1] in {b"{", b"["} else "csv"
