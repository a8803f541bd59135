"""A small model as a bundle, rows to score, and databases to score them into, for the tests of tables."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tests import mariadb

from tenfold.batch.into_table import TableOptions, WrittenToTable, score_into_table
from tenfold.batch.job import Insistence
from tenfold.bundle.format import write_bundle
from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.view import fit_view
from tenfold.connectors.sinks.table import quoted
from tenfold.foundation.clock import Clock
from tenfold.records.dataset import Field
from tenfold.records.features import Step
from tenfold.records.problem import MetricChoice, Problem

START = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = (
    Field(name="age", kind="numeric", missing_markers=("?",)),
    Field(name="colour", kind="categorical", missing_markers=("?",)),
)
_NUMBERS = itertools.count(1)


@dataclass
class TickingClock:
    """A clock that moves on by a second each time it is asked, and does something at one of these times."""

    asked: int = 0
    act_at: int = 0
    act: Callable[[], object] = field(default=lambda: None)

    def now(self) -> datetime:
        self.asked += 1
        if self.asked == self.act_at:
            self.act()
        return START + timedelta(seconds=self.asked)

    def monotonic(self) -> float:
        return float(self.asked)


def model(*, slope: float = 0.1, task: str = "binary", classes: tuple[str, ...] = ("no", "yes")) -> Model:
    rows = pl.DataFrame({"age": [20.0, 40.0, None], "colour": ["red", "blue", None]})
    steps = (
        Step(kind="impute", columns=("age",), settings={"indicator": True}),
        Step(kind="onehot", columns=("colour",), settings={"levels": ("blue", "red")}),
    )
    view, matrix = fit_view(steps, rows, None, np.random.default_rng(0))
    coef = np.linspace(-slope, slope, matrix.values.shape[1])[:, None]
    predictor = LinearPredictor(coef=coef, intercept=np.zeros(1), link="logistic" if task == "binary" else "identity")
    problem = Problem(
        name="members",
        task=task,  # type: ignore[arg-type]  # one of the tasks
        target="stays",
        classes=classes if task == "binary" else (),
        metric=MetricChoice(metric="roc_auc", reason=""),
    )
    member = Member(key="line", weight=1.0, view_name="dense", view=view, predictor=predictor)
    return Model.assembled([member], problem=problem, signature=Signature(fields=FIELDS))


def bundle(folder: Path, fitted: Model | None = None) -> Path:
    fitted = fitted or model()
    place = folder / f"model{next(_NUMBERS)}.zip"
    write_bundle(fitted, fitted.signature.conform(rows(5)), place)
    return place


def rows(count: int = 101, *, seed: int = 2) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "key": [f"k{number}" for number in range(count)],
            "number": pl.Series(range(count), dtype=pl.Int32),
            "day": [(START + timedelta(days=number)).date() for number in range(count)],
            "colour": pl.Series(rng.choice(["red", "blue", "never seen"], count)).set(
                pl.Series(rng.random(count) < 0.2), None
            ),
            "age": pl.Series(rng.integers(1, 90, count)).set(pl.Series(rng.random(count) < 0.2), None),
        }
    )


@dataclass(frozen=True)
class Database:
    """Where a test's table goes, and a way to look at it that is not the one under test."""

    address: str
    table: str

    @property
    def is_sqlite(self) -> bool:
        return self.address.startswith("sqlite:")

    @property
    def is_mysql(self) -> bool:
        return self.address.startswith("mysql:")

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        if self.is_sqlite:
            with closing(sqlite3.connect(self.address.removeprefix("sqlite:"))) as connection:
                answer = connection.execute(statement).fetchall()
                connection.commit()
                return answer
        if self.is_mysql:
            return mariadb.ask(self.address, statement)
        import adbc_driver_postgresql.dbapi as driver

        with closing(driver.connect(self.address)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            answer = cursor.fetchall()
            connection.commit()
            return [tuple(row) for row in answer]

    def do(self, statement: str) -> None:
        if self.is_sqlite or self.is_mysql:
            self.ask(statement)
            return
        import adbc_driver_postgresql.dbapi as driver

        with closing(driver.connect(self.address)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            connection.commit()

    def count(self) -> int:
        return int(self.ask(f"SELECT count(*) FROM {quoted(self.table)}")[0][0])

    def columns(self) -> list[str]:
        if self.is_sqlite:
            return [row[1] for row in self.ask(f"PRAGMA table_info({quoted(self.table)})")]
        if self.is_mysql:
            return [
                row[0]
                for row in self.ask(
                    f"SELECT column_name FROM information_schema.columns WHERE table_name = '{self.table}'"
                    " ORDER BY ordinal_position"
                )
            ]
        return [
            row[0]
            for row in self.ask(
                f"SELECT column_name::text FROM information_schema.columns WHERE table_name = '{self.table}'"
                " ORDER BY ordinal_position"
            )
        ]

    def checksum(self) -> str:
        """A hash of every row in order, without the moments of prediction and the runs that wrote them."""
        names = ", ".join(f'"{name}"' for name in self.columns() if name not in {"predicted_at", "run_id"})
        return hashlib.sha256(
            repr(self.ask(f"SELECT {names} FROM {quoted(self.table)} ORDER BY job, {quoted('row_number')}")).encode()
        ).hexdigest()

    def another(self) -> Database:
        return Database(address=self.address, table=f"{self.table}_{next(_NUMBERS)}")


def into(
    database: Database,
    bundle_: Path,
    location: Path,
    *,
    clock: Clock | None = None,
    take_over: bool = False,
    accept_change: bool = False,
    **more: Any,
) -> WrittenToTable:
    """Score into a table with small chunks."""
    options = TableOptions(
        table=database.table,
        chunk_rows=more.pop("chunk_rows", 10),
        insistence=Insistence(take_over=take_over, accept_change=accept_change),
        **more,
    )
    return score_into_table(
        bundle_,
        str(location),
        database.address,
        options,
        model_ref="members@1",
        shown="the scores",
        clock=clock or TickingClock(),
    )
