"""Immutable bytes under the name of their hash, in a folder."""

from __future__ import annotations

import re
from pathlib import Path

from tenfold.foundation.errors import StoreError
from tenfold.foundation.fingerprint import hash_bytes, hash_file
from tenfold.store.files.disk import Disk, explained

_NAME = re.compile(r"[0-9a-f]{64}")
_READ_ONLY = 0o444


class FileBlobs:
    """`Blobs` in ``blobs/ab/cdef…`` below the store's folder."""

    def __init__(self, disk: Disk):
        self._disk = disk
        self._folder = disk.folder / "blobs"

    def put(self, content: bytes | Path) -> str:
        with explained(self._disk.folder):
            if isinstance(content, bytes):
                return self._put_bytes(content)
            return self._put_file(content)

    def path(self, name: str) -> Path:
        place = self.place(name)
        if not place.is_file():
            raise StoreError(
                f"the blob {name[:12]} is missing from {self._folder}: it was removed from outside; "
                "run `tenfold store doctor` to see what else is affected"
            )
        return place

    def has(self, name: str) -> bool:
        return self.place(name).is_file()

    def place(self, name: str) -> Path:
        """Return where the blob lies or would lie."""
        if _NAME.fullmatch(name) is None:
            raise StoreError(f"'{name}' is not the name of a blob: 64 hexadecimal digits are expected")
        return self._folder / name[:2] / name[2:]

    def size(self, name: str) -> int | None:
        """Return the blob's length in bytes; None when it is missing."""
        try:
            return self.place(name).stat().st_size
        except FileNotFoundError:
            return None

    def names(self) -> tuple[str, ...]:
        """Return the names of all blobs, sorted."""
        return tuple(sorted(path.parent.name + path.name for path in self._folder.glob("??/*")))

    def _put_bytes(self, content: bytes) -> str:
        name = hash_bytes(content)
        if not self._already(name, len(content)):
            self._disk.write(self._place_for(name), content, mode=_READ_ONLY)
        return name

    def _put_file(self, source: Path) -> str:
        own = self._disk.tmp in source.parents
        if own:
            self._disk.sync_file(source)
        # A foreign file is hashed after it was copied: what is kept is what was hashed, whatever happens to the source.
        temporary = source if own else self._disk.copy(source, mode=_READ_ONLY)
        name = hash_file(temporary)
        if self._already(name, temporary.stat().st_size):
            self._disk.before("remove", temporary)
            temporary.unlink()
        else:
            temporary.chmod(_READ_ONLY)
            self._disk.publish(temporary, self._place_for(name))
        return name

    def _already(self, name: str, size: int) -> bool:
        """Whether the blob is there in full; its name is flushed then: its first writer may have died before that."""
        if self.size(name) != size:
            return False
        self._disk.sync_folder(self.place(name).parent)
        return True

    def _place_for(self, name: str) -> Path:
        place = self.place(name)
        self._disk.make_folder(place.parent)
        return place
