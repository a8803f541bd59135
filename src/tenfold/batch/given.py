"""The input of a job: which bytes it holds, so that a job can tell whether they are still the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tenfold.connectors.formats import DATABASE_FILES, format_of
from tenfold.connectors.land import land, source_fingerprint
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError, InputError
from tenfold.foundation.fingerprint import hash_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An input whose content is known by its hash.

    Attributes
    ----------
    location : str
        A file: the input itself, or the rows of a database as they were when the job began to read.
    shown : str
        How messages and records name the input; never holds a secret.
    hash : str
        SHA-256 of the file's bytes.
    state : tuple of int
        What the file system says of the file: it changes when the bytes do. Empty for a folder of files, of which it
        says nothing.
    """

    location: str
    shown: str
    hash: str
    state: tuple[int, ...]

    def check_unchanged(self) -> None:
        """Raise DataError when the file was written to since its hash was taken."""
        path = Path(self.location)
        if not self.state:
            return
        if not path.exists() or _state(path) != self.state:
            raise DataError(
                f"{self.shown} was changed while it was read: let whoever writes it end, then run the command again"
            )


@contextmanager
def given_input(location: str, *, table: str | None, query: str | None, shown: str) -> Iterator[Given]:
    """Yield the input of a job; the rows of a database are read once, into a file that goes when the block ends.

    Raises
    ------
    InputError
        When it is a database, and nothing says what to read of it.
    """
    request = SourceRequest(name="input", location=location, shown=shown, table=table, query=query)
    with TemporaryDirectory(prefix="tenfold-input-") as folder:
        file = Path(location)
        # The state is taken first: a change while the hash is computed is then seen as well.
        state = _state(file) if file.is_file() else ()
        content = source_fingerprint(request)
        if content is None:
            if table is None and query is None and _is_database(request):
                raise InputError(f"{request.label} is a database: say with --input-table which table is to be read")
            file = land(request, Path(folder)).path
            content, state = hash_file(file), _state(file)
        yield Given(location=str(file), shown=request.label, hash=content, state=state)


def _is_database(request: SourceRequest) -> bool:
    if request.scheme == "file":
        return format_of(request) in DATABASE_FILES
    return request.scheme in {"postgresql", "mysql"}


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns)
