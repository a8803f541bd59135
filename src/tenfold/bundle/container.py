"""Reading a bundle's files from a folder or a zip that nobody vouches for, and writing them the same way every time."""

from __future__ import annotations

import io
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from tenfold.bundle.recognised import check_depth, check_file, danger_of
from tenfold.foundation.errors import StoreError
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.foundation.serial import canonical_json, from_json

MANIFEST = "manifest.json"
FORMAT = 1
MOST_BYTES = 1 << 30
"""A bundle of more bytes is not read."""
_MOST_FILES = 10_000
_MOST_MANIFEST_BYTES = 1 << 22
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED = 0x1
_ZIP_BEGINS = (b"PK\x03\x04", b"PK\x05\x06")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PEEKED_BYTES = 1 << 16
_MOST_RATIO = 1100
"""Deflate packs at most 1,032 times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One file of the manifest."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Every file of a bundle but the manifest, whose own hash is the bundle's name."""

    format: int
    files: Mapping[str, Listed]


def sealed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files with their manifest."""
    listed = {name: Listed(sha256=hash_bytes(content), bytes=len(content)) for name, content in sorted(files.items())}
    return {**files, MANIFEST: canonical_json(Manifest(format=FORMAT, files=listed))}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return files as a zip without times, owners or order of its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def read_manifest(place: Path) -> tuple[str, Manifest]:
    """Return the name of the bundle at ``place`` (the hash of its manifest) and its manifest."""
    with _opened(place) as source:
        return _manifest(source, place)


def read_files(place: Path, *, verify: bool = True) -> tuple[str, dict[str, bytes]]:
    """Return the name of the bundle at ``place`` and the files that its manifest lists.

    Parameters
    ----------
    place : Path
        A folder, or a zip.
    verify : bool
        Whether the bytes are held against their hashes. That the files are exactly those listed, of the sizes listed,
        is checked always.

    Raises
    ------
    StoreError
        When anything is not exactly as the manifest says; the message names the file.
    """
    with _opened(place) as source:
        name, manifest = _manifest(source, place)
        sizes = source.sizes()
        for extra in sorted(set(sizes) - set(manifest.files) - {MANIFEST}):
            raise StoreError(f"the bundle '{place}' holds the file '{extra}', which its manifest does not list")
        if sum(entry.bytes for entry in manifest.files.values()) > MOST_BYTES:
            raise StoreError(f"the bundle '{place}' would be larger than {MOST_BYTES >> 20} MiB")
        result = {}
        for path, entry in manifest.files.items():
            if path not in sizes:
                raise StoreError(f"the bundle '{place}' lacks the file '{path}', which its manifest lists")
            if sizes[path] != entry.bytes:
                raise StoreError(
                    f"'{path}' of the bundle '{place}' has {sizes[path]} bytes, its manifest says {entry.bytes}"
                )
            content = source.read(path, entry.bytes)
            if len(content) != entry.bytes or (verify and hash_bytes(content) != entry.sha256):
                raise StoreError(f"'{path}' of the bundle '{place}' was changed: its hash is not that of the manifest")
            _check_content(path, content, place)
            result[path] = content
        return name, result


def _check_content(path: str, content: bytes, place: Path) -> None:
    """Refuse a file whose bytes are not what its ending says, or that is nested too deep for those who read it."""
    try:
        check_file(path, content)
        if path.endswith(".json"):
            check_depth(path, content)
    except StoreError as error:
        raise StoreError(f"{error} (in the bundle '{place}')") from error


def _manifest(source: _Folder | _Zip, place: Path) -> tuple[str, Manifest]:
    sizes = source.sizes()
    if MANIFEST not in sizes:
        raise StoreError(f"'{place}' is not a bundle: it has no {MANIFEST}")
    if sizes[MANIFEST] > _MOST_MANIFEST_BYTES:
        raise StoreError(f"the {MANIFEST} of '{place}' is larger than {_MOST_MANIFEST_BYTES >> 20} MiB")
    content = source.read(MANIFEST, _MOST_MANIFEST_BYTES)
    _check_content(MANIFEST, content, place)
    try:
        manifest = from_json(Manifest, content)
    except ValueError as error:
        raise StoreError(f"the {MANIFEST} of '{place}' cannot be read") from error
    if manifest.format != FORMAT:
        raise StoreError(
            f"'{place}' is a bundle of format {manifest.format}; this version of Tenfold reads format {FORMAT}"
        )
    for path, entry in manifest.files.items():
        _check_path(path, place)
        if entry.bytes < 0 or path == MANIFEST:
            raise StoreError(f"the {MANIFEST} of '{place}' describes '{path}' wrongly")
    return hash_bytes(content), manifest


def _check_path(path: str, place: Path) -> None:
    parts = PurePosixPath(path).parts
    plain = path.isascii() and path.isprintable() and "\\" not in path and ":" not in path
    if not plain or not parts or path != "/".join(parts) or parts[0] == "/" or ".." in parts:
        raise StoreError(f"the bundle '{place}' names a file {path!r}, which is not a path inside of it")


class _Folder:
    """A folder's files by relative path."""

    def __init__(self, place: Path):
        self._place = place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def sizes(self) -> dict[str, int]:
        result: dict[str, int] = {}
        for folder, folders, names in os.walk(self._place, followlinks=False):
            for name in (*folders, *names):
                path = Path(folder) / name
                mode = path.lstat().st_mode
                relative = path.relative_to(self._place).as_posix()
                if stat.S_ISDIR(mode):
                    continue
                if not stat.S_ISREG(mode):
                    raise StoreError(f"'{relative}' of the bundle '{self._place}' is a link or a device, not a file")
                result[relative] = path.stat().st_size
                if len(result) > _MOST_FILES:
                    raise StoreError(f"'{self._place}' holds more than {_MOST_FILES} files: it is not a bundle")
        return result

    def read(self, path: str, most: int) -> bytes:
        # What was a file a moment ago and is a link or a pipe now is neither followed nor waited for.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            with open(os.open(self._place / path, flags), "rb") as stream:  # noqa: PTH123 - a descriptor
                return stream.read(most + 1)
        except OSError as error:
            raise StoreError(f"'{path}' of the bundle '{self._place}' cannot be read: {error.strerror}") from error


class _Zip:
    """A zip's files by name; names, kinds and sizes are looked at before anything is unpacked."""

    def __init__(self, place: Path):
        self._place = place
        with place.open("rb") as stream:
            # A zip is read from its end: what stands before it could be anything.
            if not stream.read(4).startswith(_ZIP_BEGINS):
                raise StoreError(f"'{place}' is not a zip file{_instead(place)}")
        try:
            self._archive = zipfile.ZipFile(place)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise StoreError(f"'{place}' is not a zip file{_instead(place)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def sizes(self) -> dict[str, int]:
        entries = self._archive.infolist()
        if len(entries) > _MOST_FILES:
            raise StoreError(f"'{self._place}' holds more than {_MOST_FILES} files: it is not a bundle")
        result: dict[str, int] = {}
        for entry in entries:
            _check_path(entry.filename, self._place)
            mode = entry.external_attr >> 16
            if entry.flag_bits & _ENCRYPTED or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
                raise StoreError(f"'{entry.filename}' of the bundle '{self._place}' is a link, a folder or encrypted")
            if entry.compress_type not in _METHODS:
                raise StoreError(f"'{entry.filename}' of the bundle '{self._place}' is not packed by deflate")
            if entry.file_size > _MOST_RATIO * max(entry.compress_size, 1):
                raise StoreError(
                    f"'{entry.filename}' of the bundle '{self._place}' says it would be {entry.file_size} bytes, made"
                    f" of {entry.compress_size}: that is a bomb"
                )
            if entry.filename in result:
                raise StoreError(f"the bundle '{self._place}' holds '{entry.filename}' twice")
            result[entry.filename] = entry.file_size
        return result

    def read(self, path: str, most: int) -> bytes:
        try:
            with self._archive.open(path) as stream:
                return stream.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError) as error:
            raise StoreError(f"'{path}' of the bundle '{self._place}' cannot be unpacked: {error}") from error


def _instead(place: Path) -> str:
    with place.open("rb") as stream:
        danger = danger_of(stream.read(_PEEKED_BYTES))
    return "" if danger is None else f": it is {danger}"


def _opened(place: Path) -> _Folder | _Zip:
    if place.is_dir():
        return _Folder(place)
    if place.is_file():
        return _Zip(place)
    raise StoreError(f"there is no bundle at '{place}'")
