"""What a person has: a folder, a table, and the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


@pytest.fixture
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


@pytest.fixture
def project(tmp_path: Path, tumours: pl.DataFrame, tenfold: Command) -> Path:
    """A folder with a table and the file that ``init`` wrote, set to a deterministic budget."""
    tumours.write_csv(tmp_path / "tumours.csv")
    started = tenfold("init", "tumours.csv", "--target", "diagnosis", cwd=tmp_path)
    assert started.code == 0, started.err
    change(tmp_path / "tenfold.yaml", budget="{trials: 4}")
    return tmp_path


def change(path: Path, *, budget: str) -> None:
    """Set the training budget in a project file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [number for number, line in enumerate(lines) if line.strip().startswith("budget:")]
    assert len(found) == 1, "init writes one budget line"
    indent = lines[found[0]][: len(lines[found[0]]) - len(lines[found[0]].lstrip())]
    lines[found[0]] = f"{indent}budget: {budget}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
