"""Files that are read when they are asked for: the models of a race together would fill the memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

Reader = Callable[[], bytes]


class Unread(Mapping[str, bytes]):
    """Files by name, each read anew whenever it is asked for.

    Parameters
    ----------
    readers : mapping of str to callable
        What gives the content, by name.
    """

    def __init__(self, readers: Mapping[str, Reader]):
        self.readers = dict(readers)

    def __getitem__(self, name: str) -> bytes:
        return self.readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self.readers)

    def __len__(self) -> int:
        return len(self.readers)


class PutAway:
    """A folder of files that goes with the last who may read them.

    Parameters
    ----------
    files : mapping of str to bytes
        By name.
    """

    def __init__(self, files: Mapping[str, bytes]):
        self._folder = Path(tempfile.mkdtemp(prefix="tenfold-model-"))
        self._places = {name: self._folder / str(place) for place, name in enumerate(files)}
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        for name, content in files.items():
            self._places[name].write_bytes(content)

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        return self._places[name].read_bytes()

    def unread(self) -> Unread:
        """Return the files, which hold on to the folder."""
        return Unread({name: partial(self.read, name) for name in self._places})


def put_away(files: Mapping[str, bytes]) -> Unread:
    """Write files to a folder of their own, which is removed when nobody has them any more."""
    return PutAway(files).unread()


def reader_of(file: bytes | Path) -> Reader:
    """Return what reads a payload file."""
    return file.read_bytes if isinstance(file, Path) else lambda: file


def together_unread(parts: Iterable[Mapping[str, bytes]]) -> Unread:
    """Return several groups of files as one."""
    return Unread({name: partial(part.__getitem__, name) for part in parts for name in part})
