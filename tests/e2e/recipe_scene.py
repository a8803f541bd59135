"""A shop whose features are uploaded to a table of PostgreSQL over time, and scored there on a schedule."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tenfold.automation.batches import BatchPass, score_due
from tenfold.foundation.clock import ManualClock
from tenfold.project.open import Project, open_project

HOUR = timedelta(hours=1)
TRAINING = """
tenfold: 1
name: visits
problem: {target: bought, positive: "yes"}
data: {path: visits.csv, timezone: America/New_York, columns: {visit: {role: id}}}
training: {budget: {trials: 1}, learners: [linear], cores: 1}
"""
BATCH = """
deployment:
  batch:
    source: {url: "${env:FEATURES_DB}", table: TABLE_features, time: ready_at}
    sink: "${env:FEATURES_DB}"
    table: TABLE_predictions
    schedule: "0 * * * *"
    keep: [visit, ready_at]
"""


def visits(n: int, *, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    spent, age = rng.gamma(3.0, 20.0, n), rng.normal(40, 10, n)
    chance = 1 / (1 + np.exp(-0.05 * (spent - 60)))
    return pl.DataFrame(
        {
            "visit": np.arange(n),
            "spent": spent.round(3),
            "age": age.round(2),
            "shop": rng.choice(["east", "west"], n),
            "bought": np.where(rng.random(n) < chance, "yes", "no"),
        }
    )


def train(folder: Path) -> None:
    """Write a project and make its first version the champion."""
    (folder / "tenfold.yaml").write_text(TRAINING, encoding="utf-8")
    visits(400, seed=1).write_csv(folder / "visits.csv")
    project = open_project(folder)
    with project.store:
        project.run(workers="inline")
        # No release of a gateway is looked at here.
        project.promote("visits@1", reason="first", by="test")


@dataclass
class Shop:
    """A project with a batch, its database, and what was uploaded."""

    folder: Path
    address: str
    name: str
    clock: ManualClock
    sent: list[pl.DataFrame] = field(default_factory=list)

    def begin(self, **settings: str) -> None:
        """Write the batch into the file; a setting replaces the one that stands there."""
        batch = BATCH.replace("TABLE", self.name)
        for key, value in settings.items():
            lines = [line for line in batch.splitlines() if not line.startswith(f"    {key}:")]
            batch = "\n".join([*lines, f"    {key}: {value}", ""])
        (self.folder / "tenfold.yaml").write_text(TRAINING + batch, encoding="utf-8")
        self.ask(
            f"CREATE TABLE {self.name}_features (visit bigint, spent double precision, age double precision, shop text,"
            " ready_at timestamptz)"
        )

    def upload(self, moments: list[datetime]) -> None:
        """Add rows that came at some moments."""
        first = sum(frame.height for frame in self.sent)
        rows = visits(len(moments), seed=100 + first).drop("bought")
        rows = rows.with_columns(
            visit=pl.col("visit") + first, ready_at=pl.Series(moments, dtype=pl.Datetime("us", "UTC"))
        )
        self.sent.append(rows)
        import adbc_driver_postgresql.dbapi as driver

        with closing(driver.connect(self.address)) as connection, closing(connection.cursor()) as cursor:
            cursor.adbc_ingest(f"{self.name}_features", rows.to_arrow(), mode="append")
            connection.commit()

    def score(self) -> BatchPass:
        """Do what a pass does for the batch, at the moment that the clock shows."""
        with self.project().store as store:
            done = score_due(Project(spec=self.project().spec, store=store, clock=self.clock))
        assert done is not None
        return done

    def project(self) -> Project:
        return open_project(self.folder, clock=self.clock)

    def predictions(self) -> list[tuple[Any, ...]]:
        """Every row of the table: which visit, when it came, what was predicted, by which job and version."""
        return self.ask(
            f"SELECT visit, ready_at, prediction, proba_yes, job, model_ref FROM {self.name}_predictions ORDER BY visit"
        )

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        import adbc_driver_postgresql.dbapi as driver

        with closing(driver.connect(self.address)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            found = [tuple(row) for row in cursor.fetchall()] if statement.startswith("SELECT") else []
            connection.commit()
            return found

    def kill_while_scoring(self) -> bool:
        """Let a process of its own do a pass, and kill it when the first rows are there."""
        script = (
            "import sys; from datetime import datetime; from pathlib import Path;"
            "from tests.e2e.recipe_scene import Shop; from tenfold.foundation.clock import ManualClock;"
            "clock = ManualClock(at=datetime.fromisoformat(sys.argv[4]));"
            "Shop(folder=Path(sys.argv[1]), address=sys.argv[2], name=sys.argv[3], clock=clock).score()"
        )
        given = [str(self.folder), self.address, self.name, self.clock.at.isoformat()]
        process = subprocess.Popen([sys.executable, "-c", script, *given], cwd=Path(__file__).parents[2])
        try:
            end = time.monotonic() + 60.0
            while time.monotonic() < end and process.poll() is None:
                there = self.ask(f"SELECT to_regclass('{self.name}_predictions')")[0][0]
                if there and self.ask(f"SELECT count(*) FROM {self.name}_predictions")[0][0]:
                    process.kill()
                    break
                time.sleep(0.002)
        finally:
            process.kill()
            code = process.wait()
        return code == -signal.SIGKILL
