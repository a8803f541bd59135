"""A table that grows, scored on a schedule into files, one for each moment, and into a Delta table."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tenfold.automation import batches
from tenfold.automation.batches import BatchPass, score_due
from tenfold.foundation.clock import ManualClock
from tenfold.project.open import Project, open_project
from tests.e2e.recipe_scene import HOUR, TRAINING, train, visits

AUTUMN = datetime(2026, 11, 1, 3, tzinfo=UTC)
"""Six hours about the one that the clocks of New York show twice."""
BATCH = """
deployment:
  batch:
    source: {path: features.db, table: features, time: ready_at}
    sink: "SINK"
    schedule: "0 * * * *"
    keep: [visit, ready_at]
    chunk_rows: 5
"""


@dataclass
class Files:
    """A project whose batch reads an SQLite file."""

    folder: Path
    clock: ManualClock
    sent: list[datetime] = field(default_factory=list)

    def begin(self, sink: str) -> None:
        # Times without an offset would be read on New York's clock, which shows an hour twice.
        (self.folder / "tenfold.yaml").write_text(TRAINING + BATCH.replace("SINK", sink), encoding="utf-8")
        (self.folder / "scores").mkdir()
        with closing(sqlite3.connect(self.folder / "features.db")) as connection:
            connection.execute("CREATE TABLE features (visit INTEGER, spent REAL, age REAL, shop TEXT, ready_at TEXT)")

    def upload(self, moments: list[datetime]) -> None:
        rows = visits(len(moments), seed=len(self.sent)).drop("bought")
        rows = rows.with_columns(
            visit=pl.col("visit") + len(self.sent), ready_at=pl.Series([each.isoformat() for each in moments])
        )
        with closing(sqlite3.connect(self.folder / "features.db")) as connection:
            connection.executemany("INSERT INTO features VALUES (?, ?, ?, ?, ?)", rows.rows())
            connection.commit()
        self.sent += moments

    def score(self) -> BatchPass:
        project = open_project(self.folder, clock=self.clock)
        with project.store as store:
            done = score_due(Project(spec=project.spec, store=store, clock=self.clock))
        assert done is not None
        return done

    def files(self) -> list[Path]:
        return sorted(path for path in (self.folder / "scores").iterdir() if path.is_file())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    train(folder)
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path) -> Files:
    return Files(folder=shutil.copytree(trained, tmp_path / "visits"), clock=ManualClock(at=AUTUMN))


def read(path: Path) -> pl.DataFrame:
    if path.suffix == ".csv":
        return pl.read_csv(path)
    return pl.read_ndjson(path) if path.suffix == ".jsonl" else pl.read_parquet(path)


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_each_moment_has_one_file_through_the_hour_that_is_shown_twice(here: Files, ending: str) -> None:
    here.begin(f"scores/at-{{moment}}.{ending}")
    here.score()
    here.upload([AUTUMN + timedelta(minutes=20 * number) for number in range(18)])
    here.clock.at = AUTUMN + 2 * HOUR
    here.score()
    # Four moments passed while nothing ran.
    here.clock.at = AUTUMN + 6 * HOUR
    assert [slot.added for slot in here.score().slots] == [3, 3, 3, 3]
    assert [path.name for path in here.files()] == [
        f"at-20261101T{hour:02d}0000Z.{ending}" for hour in (4, 5, 6, 7, 8, 9)
    ]
    rows = pl.concat([read(path) for path in here.files()])
    assert rows["visit"].to_list() == list(range(18))
    assert rows["job"].n_unique() == 6
    assert here.score().slots == ()


@pytest.mark.parametrize("sink", ["scores/at-{moment}.parquet", "scores/at-{moment}.csv", "delta:scores/table"])
def test_a_pass_that_died_after_its_file_was_there_finds_it_finished(
    here: Files, sink: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.begin(sink)
    here.score()
    here.upload([AUTUMN + timedelta(minutes=number) for number in range(12)])
    here.clock.at = AUTUMN + HOUR
    score = batches.predict

    def dies(*given: object, **named: object) -> None:
        score(*given, **named)  # type: ignore[arg-type]  # passed on as they came
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(batches, "predict", dies)
        with pytest.raises(KeyboardInterrupt):
            here.score()
    before = [path.read_bytes() for path in here.files()]
    (slot,) = here.score().slots
    assert (slot.state, slot.rows, slot.added) == ("done", 12, 0)
    assert [path.read_bytes() for path in here.files()] == before
    if sink.startswith("delta:"):
        assert pl.read_delta(str(here.folder / "scores" / "table"))["visit"].sort().to_list() == list(range(12))


def test_a_file_that_is_somebody_elses_is_not_replaced(here: Files) -> None:
    here.begin("scores/at-{moment}.csv")
    here.score()
    here.upload([AUTUMN + timedelta(minutes=1)])
    (there,) = [here.folder / "scores" / "at-20261101T040000Z.csv"]
    there.write_text("a,b\n1,2\n", encoding="utf-8")
    here.clock.at = AUTUMN + HOUR
    assert "is there already and does not hold" in here.score().problem
    assert there.read_text(encoding="utf-8") == "a,b\n1,2\n"
    there.unlink()
    assert here.score().problem == ""
    assert read(there)["visit"].to_list() == [0]


def test_rows_wait_for_those_that_are_under_way_as_long_as_the_file_says(here: Files) -> None:
    here.begin("delta:scores/table")
    with (here.folder / "tenfold.yaml").open("a", encoding="utf-8") as stream:
        stream.write("    wait: 10m\n")
    here.score()
    here.clock.at = AUTUMN + HOUR
    assert [slot.slot for slot in here.score().slots] == [AUTUMN]
    here.upload([AUTUMN + timedelta(minutes=50)])
    here.clock.at = AUTUMN + HOUR + timedelta(minutes=10)
    assert [(slot.slot, slot.rows, slot.late) for slot in here.score().slots] == [(AUTUMN + HOUR, 1, 0)]
