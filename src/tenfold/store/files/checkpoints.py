"""Half-finished work of stages, one archive for each checkpoint."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from tenfold.foundation.errors import StoreError
from tenfold.store.files.disk import Disk, explained


class FileCheckpoints:
    """`Checkpoints` in ``checkpoints/<fingerprint>/`` below the store's folder."""

    def __init__(self, disk: Disk):
        self._disk = disk
        self._folder = disk.folder / "checkpoints"

    def of(self, fingerprint: str) -> StageCheckpoints:
        return StageCheckpoints(self._disk, self._folder / fingerprint)

    def clear(self, fingerprint: str) -> None:
        folder = self._folder / fingerprint
        if not folder.is_dir():
            return
        with explained(self._disk.folder):
            # Renamed first: a folder half removed would look like a stage with fewer rungs.
            doomed = self._disk.temporary()
            self._disk.publish(folder, doomed)
            self._disk.before("remove", doomed)
            shutil.rmtree(doomed)

    def fingerprints(self) -> tuple[str, ...]:
        """Return the fingerprints that have half-finished work, sorted."""
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(path.name for path in self._folder.iterdir()))


class StageCheckpoints:
    """One stage's checkpoints: files ``0001-name.zip``, in the order in which they were first saved."""

    def __init__(self, disk: Disk, folder: Path):
        self._disk = disk
        self._folder = folder

    def save(self, name: str, files: Mapping[str, bytes]) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
            for file, payload in files.items():
                archive.writestr(zipfile.ZipInfo(file), payload)
        with explained(self._disk.folder):
            self._disk.make_folder(self._folder)
            target = self._find(name) or self._folder / f"{len(self._paths()) + 1:04d}-{quote(name, safe='')}.zip"
            self._disk.write(target, content.getvalue())

    def load(self, name: str) -> Mapping[str, bytes] | None:
        path = self._find(name)
        if path is None:
            return None
        try:
            with zipfile.ZipFile(path) as archive:
                return {file: archive.read(file) for file in archive.namelist()}
        except zipfile.BadZipFile as error:
            raise StoreError(f"the checkpoint {path} is damaged ({error}); remove the file and run again") from error

    def names(self) -> Sequence[str]:
        return tuple(_name_in(path) for path in self._paths())

    def _find(self, name: str) -> Path | None:
        return next((path for path in self._paths() if _name_in(path) == name), None)

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.zip"))


def _name_in(path: Path) -> str:
    return unquote(path.stem.partition("-")[2])
