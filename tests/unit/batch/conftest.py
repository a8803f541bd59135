"""Databases of each kind for the tests of this room."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from table_scene import Database, rows

_NUMBERS = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("mysql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A table to be made, in a database of each kind; the name is a hard one to quote."""
    name = f'Scores "of" {next(_NUMBERS)}?'
    if request.param == "sqlite":
        return Database(address=f"sqlite:{tmp_path / 'scores.db'}", table=name)
    return Database(address=request.getfixturevalue(request.param), table=name)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """101 rows to score."""
    rows().write_parquet(tmp_path / "in.parquet")
    return tmp_path / "in.parquet"
