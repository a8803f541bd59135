"""What a person has: a folder, a table, and the commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


Command = Callable[..., Finished]


@dataclass(frozen=True)
class Judged:
    """A project that was run once, with what the run said and the seconds that it took."""

    folder: Path
    document: dict[str, Any]
    seconds: float


@pytest.fixture(scope="session")
def tenfold() -> Command:
    """Run a tenfold command as a process of its own, in a folder."""

    def run(*arguments: str | Path, cwd: Path, timeout: float = 300.0, env: dict[str, str] | None = None) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "tenfold.cli.main", *map(str, arguments)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "COLUMNS": "140", **(env or {})},
        )
        assert "Traceback (most recent call last)" not in done.stderr, done.stderr
        return Finished(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture(scope="session")
def tumours() -> pl.DataFrame:
    """569 tumours of the Wisconsin breast cancer study, as scikit-learn ships them, with a text target and gaps."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    table = pl.DataFrame({name.replace(" ", "_"): data.data[:, i] for i, name in enumerate(data.feature_names)})
    rng = np.random.default_rng(5)
    size = np.where(data.data[:, 0] > 15, "large", np.where(data.data[:, 0] > 12, "middle", "small"))
    return table.with_columns(
        pl.Series("size", size),
        pl.Series("diagnosis", np.where(data.target == 0, "malignant", "benign")),
        pl.when(pl.Series(rng.random(len(table)) < 0.05))
        .then(None)
        .otherwise(pl.col("mean_texture"))
        .alias("mean_texture"),
    )


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory, tumours: pl.DataFrame, tenfold: Command) -> Path:
    """A folder with a table and the file that ``init`` wrote, set to a deterministic budget; tests take a copy."""
    folder = tmp_path_factory.mktemp("begun") / "project"
    folder.mkdir()
    tumours.write_csv(folder / "tumours.csv")
    started = tenfold("init", "tumours.csv", "--target", "diagnosis", cwd=folder)
    assert started.code == 0, started.err
    change(folder / "tenfold.yaml", budget="{trials: 4}")
    return folder


@pytest.fixture(scope="session")
def ran(begun: Path, tmp_path_factory: pytest.TempPathFactory, tenfold: Command) -> Judged:
    """The same project, run once; tests take a copy."""
    folder = shutil.copytree(begun, tmp_path_factory.mktemp("ran") / "project")
    start = time.monotonic()
    done = tenfold("run", "--json", cwd=folder)
    seconds = time.monotonic() - start
    assert done.code == 0, done.err
    return Judged(folder=folder, document=done.document(), seconds=seconds)


@pytest.fixture
def project(begun: Path, tmp_path: Path) -> Path:
    """A project of one's own that was not run."""
    return shutil.copytree(begun, tmp_path / "project")


@pytest.fixture
def judged(ran: Judged, tmp_path: Path) -> Judged:
    """A project of one's own that was run."""
    folder = shutil.copytree(ran.folder, tmp_path / "judged")
    return Judged(folder=folder, document=ran.document, seconds=ran.seconds)


def change(path: Path, *, budget: str) -> None:
    """Set the training budget in a project file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [number for number, line in enumerate(lines) if line.strip().startswith("budget:")]
    assert len(found) == 1, "init writes one budget line"
    indent = lines[found[0]][: len(lines[found[0]]) - len(lines[found[0]].lstrip())]
    lines[found[0]] = f"{indent}budget: {budget}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
