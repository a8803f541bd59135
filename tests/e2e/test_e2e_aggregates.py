"""Aggregates over related tables through the command: trained, and computed again for rows that come later."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tenfold.foundation.context import Received
from tenfold.project.joined_input import joined_input
from tenfold.project.reproduce import kept_results
from tenfold.project.score import load
from tenfold.store.open import open_store
from tests.e2e.conftest import Finished

pytestmark = pytest.mark.slow

FILE = """\
tenfold: 1
name: arrears
problem:
  target: bad
  positive: "yes"
  time: applied
data:
  sources:
    loans: {path: loans.csv}
    payments: {path: bank.db, table: payments, time: day, available_at: told}
    lines: {path: lines.csv}
  join:
    base: loans
    at: applied
    sources:
      payments:
        on: {customer: client}
        sources:
          lines: {on: payment, aggregate: {columns: {price: sum}}}
        aggregate:
          columns: {amount: [mean, std, last], status: [mode, share of late], lines_price_sum_all: mean}
          rows: [count, since_last]
          windows: [30d, all]
          gap: 1d
training: {budget: {trials: 2}, learners: [linear], seed: 7}
"""
MADE = (
    "payments_count_30d", "payments_count_all", "payments_since_last_30d", "payments_since_last_all",
    "payments_amount_mean_30d", "payments_amount_mean_all", "payments_amount_std_30d", "payments_amount_std_all",
    "payments_amount_last_30d", "payments_amount_last_all", "payments_status_mode_30d", "payments_status_mode_all",
    "payments_status_share_late_30d", "payments_status_share_late_all", "payments_lines_price_sum_all_mean_30d",
    "payments_lines_price_sum_all_mean_all",
)  # fmt: skip
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loans of customers whose payments came late: the share of late ones before the loan tells whether it goes bad."""
    folder = tmp_path_factory.mktemp("bank")
    rng = np.random.default_rng(11)
    customers = [f"C{number:03d}" for number in range(60)]
    careless = dict(zip(customers, rng.uniform(0.05, 0.9, len(customers)), strict=True))
    payments, lines = [], []
    for number in range(3000):
        client = str(rng.choice(customers))
        day = START + timedelta(hours=float(rng.uniform(0, 24 * 300)))
        told = day + timedelta(hours=float(rng.uniform(0, 72)))
        status = "late" if rng.random() < careless[client] else "paid"
        payments.append(
            (client, number, day.isoformat(), told.isoformat(), round(float(rng.normal(80, 25)), 2), status)
        )
        lines += [(number, round(float(rng.uniform(1, 40)), 2)) for _ in range(rng.integers(0, 4))]
    with closing(sqlite3.connect(folder / "bank.db")) as connection:
        connection.execute(
            "CREATE TABLE payments (client TEXT, payment INTEGER, day TEXT, told TEXT, amount REAL, status TEXT)"
        )
        connection.executemany("INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?)", payments)
        connection.commit()
    pl.DataFrame(lines, schema=["payment", "price"], orient="row").write_csv(folder / "lines.csv")
    rows = []
    for number in range(700):
        customer = str(rng.choice([*customers, "C999"]))
        applied = START + timedelta(hours=24 * 40 + number * 8)
        income = round(float(rng.normal(3000, 400)), 2)
        bad = bool(rng.random() < careless.get(customer, 0.5) ** 1.5)
        rows.append((number, customer, applied.strftime("%d.%m.%Y %H:%M"), f"{income}".replace(".", ","), bad))
    loans = pl.DataFrame(rows, schema=["id", "customer", "applied", "income", "bad"], orient="row")
    loans = loans.with_columns(pl.when("bad").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("bad"))
    loans.write_csv(folder / "loans.csv", separator=";")
    (folder / "tenfold.yaml").write_text(FILE, encoding="utf-8")
    return folder


def command(*arguments: str, cwd: Path) -> Finished:
    done = subprocess.run(
        [sys.executable, "-m", "tenfold.cli.main", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "140", "OMP_NUM_THREADS": "1"},
    )
    return Finished(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture(scope="module")
def trained(bank: Path) -> Path:
    done = command("run", "--json", "--workers", "inline", cwd=bank)
    assert done.code == 0, done.out + done.err
    return bank


def kept_of(folder: Path) -> Mapping[str, Received[Any]]:
    """Return what the run left behind."""
    with open_store(folder / ".tenfold") as store:
        return kept_results(store.registry.find("arrears@1").run, store)


def table_of(folder: Path) -> pl.DataFrame:
    """Return the table that the model was trained on."""
    return pl.read_parquet(kept_of(folder)["data"].files["table.parquet"])


def test_new_rows_get_the_values_that_training_gave_them(trained: Path) -> None:

    table = table_of(trained)
    assert set(MADE) <= set(table.columns)
    # The same loans as if they were new: without the outcome, in another order, written another way, with one more.
    loans = pl.read_csv(trained / "loans.csv", separator=";", infer_schema=False)
    again = loans.drop("bad").reverse().select("applied", "customer", "income", "id")
    again.with_columns(desk=pl.lit("7")).write_csv(trained / "new.csv", separator=";")
    with joined_input("arrears@1", str(trained / "new.csv"), folder=trained, table=None) as rows:
        found = pl.read_parquet(rows)
    assert found["desk"].unique().to_list() == ["7"]
    for name in MADE:
        one, other = found[name].reverse(), table[name]
        assert one.null_count() < one.len()
        assert one.is_null().equals(other.is_null())
        if one.dtype.is_numeric():
            assert ((one - other).abs().max() or 0.0) <= 1e-9, name
        else:
            assert one.equals(other, check_names=False), name


def test_predictions_over_the_declared_sources_are_those_over_the_whole_columns(trained: Path) -> None:
    loans = pl.read_csv(trained / "loans.csv", separator=";", infer_schema=False).drop("bad").tail(50)
    loans.write_csv(trained / "tail.csv", separator=";")
    table_of(trained).tail(50).drop("bad").write_parquet(trained / "whole.parquet")
    done = command("predict", "arrears@1", "tail.csv", "-o", "a.parquet", "--join", "--key", "id", cwd=trained)
    assert done.code == 0, done.err
    done = command("predict", "arrears@1", "whole.parquet", "-o", "b.parquet", cwd=trained)
    assert done.code == 0, done.err
    one, other = pl.read_parquet(trained / "a.parquet"), pl.read_parquet(trained / "b.parquet")
    assert one["id"].to_list() == loans["id"].to_list()
    assert (one["proba_yes"] - other["proba_yes"]).abs().max() <= 1e-9  # type: ignore[operator]
    for _ in range(2):
        done = command(
            "predict", "arrears@1", "tail.csv", "-o", "sqlite:scores.db", "--table", "scores", "--join", "--json",
            cwd=trained,
        )  # fmt: skip
        assert done.code == 0, done.err
    assert done.document()["rows_added"] == 0
    with closing(sqlite3.connect(trained / "scores.db")) as connection:
        scores = [row[0] for row in connection.execute("SELECT proba_yes FROM scores ORDER BY row_number")]
    assert np.allclose(scores, one["proba_yes"].to_numpy(), rtol=0, atol=1e-12)


def test_honest_aggregates_are_no_leaks_and_are_used(trained: Path) -> None:
    kept = kept_of(trained)
    assert [leak.column for leak in kept["problem"].record.feasibility.leaks if leak.column in MADE] == []
    found = [each for each in kept["data"].record.findings if each.column in MADE]
    assert [each.message for each in found if each.severity == "critical" or "leak" in each.rule] == []
    assert [leak.column for leak in kept["features"].record.leak_details if leak.column in MADE] == []
    model = load("arrears@1", folder=trained)
    assert set(MADE) & set(model.signature.names) >= {"payments_status_share_late_all", "payments_count_30d"}


def test_another_join_than_the_trained_one_is_refused(trained: Path) -> None:
    file = trained / "tenfold.yaml"
    try:
        file.write_text(FILE.replace("gap: 1d", "gap: 2d"), encoding="utf-8")
        done = command("predict", "arrears@1", "loans.csv", "-o", "x.csv", "--join", cwd=trained)
    finally:
        file.write_text(FILE, encoding="utf-8")
    assert done.code == 2
    assert "are not those that arrears@1 was trained with" in " ".join(done.err.split())
    done = command("predict", "arrears@1", "loans.csv", "-o", "x.csv", cwd=trained)
    assert done.code == 2
    assert "--join" in done.err
