"""The files of a folder: found in one order on every machine, hashed, and with what their place says of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tenfold.foundation.errors import DataError
from tenfold.foundation.fingerprint import hash_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One file: its path below the folder with ``/`` between the parts, and where it lies."""

    path: str
    place: Path

    @property
    def label(self) -> str | None:
        """The name of the folder that the file lies in; None when it lies directly in the source."""
        return self.path.rpartition("/")[0].rpartition("/")[2] or None


def list_files(folder: Path, endings: Iterable[str]) -> list[Listed]:
    """Return the files with one of these endings, hidden ones and those of hidden folders aside, sorted by path.

    Links to folders are not followed, so that a folder cannot contain itself.

    Raises
    ------
    DataError
        When the folder may not be listed, or a name is not valid Unicode.
    """
    wanted = {ending.lower() for ending in endings}
    found: list[Listed] = []

    def refuse(error: OSError) -> None:
        raise DataError(f"the folder {error.filename} cannot be listed: {(error.strerror or 'unknown reason').lower()}")

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(place, name)
            if name.startswith(".") or file.suffix.lower() not in wanted or not file.is_file():
                continue
            path = file.relative_to(folder).as_posix()
            try:
                path.encode()
            except UnicodeEncodeError:
                raise DataError(f"the name {path!a} is not valid Unicode; rename the file") from None
            found.append(Listed(path=path, place=file))
    return sorted(found, key=lambda each: each.path)


def folder_hash(hashes: Iterable[tuple[str, str]]) -> str:
    """Return one hash for paths and the hashes of their bytes."""
    return hash_bytes("\n".join(f"{content} {path}" for path, content in hashes).encode())
