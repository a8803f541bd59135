"""A run is built again from its decisions to the same bundle, by whatever split and method it came to be."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tenfold

CASES = {
    "repeated, random": ("binary", "{strategy: repeated, folds: 3, repeats: 2}", "[lightgbm, linear]", "random", ""),
    "rolling, a grid": ("number", "{strategy: time, window: rolling, folds: 3}", "[lightgbm, linear]", "grid", ""),
    "nested, bayesian": ("binary", "{strategy: nested, folds: 3, outer: 2}", "[lightgbm]", "bayesian", ""),
    "conformal, hyperband": ("number", "{folds: 3}", "[lightgbm]", "hyperband", "evaluation: {intervals: 0.9}"),
    "holdout, asha": ("binary", "{strategy: holdout}", "[random_forest]", "asha", ""),
}


def project(folder: Path, case: str) -> Path:
    """Write a table and a file, of few rows and few trials."""
    kind, validation, learners, method, more = CASES[case]
    rng = np.random.default_rng(3)
    rows = 200
    columns = {name: rng.normal(size=rows).round(3) for name in "abc"}
    signal = columns["a"] - 0.5 * columns["b"] ** 2 + rng.normal(size=rows) * 0.4
    table = pl.DataFrame(columns).with_columns(
        y=pl.Series(signal.round(3) if kind == "number" else np.where(signal > 0, "yes", "no")),
        day=pl.Series([date(2024, 1, 1) + timedelta(days=row) for row in range(rows)]),
    )
    table.write_csv(folder / "table.csv")
    timed = ", time: day" if "time" in validation else ""
    (folder / "tenfold.yaml").write_text(
        f"problem: {{target: y, feasibility: off{timed}}}\n"
        f"data: {{path: table.csv{'' if timed else ', columns: {day: {role: id}}'}}}\n"
        "features: {select: off}\n"
        f"validation: {validation}\n"
        f"training: {{learners: {learners}, budget: {{trials: 8}}, cores: 2}}\n"
        f"tuning: {{method: {method}}}\n{more}\n"
    )
    return folder


@pytest.mark.parametrize("case", CASES)
def test_a_run_in_this_process_is_rebuilt_by_others_to_the_same_bundle(tmp_path: Path, case: str) -> None:
    opened = tenfold.open(project(tmp_path, case))
    document = opened.run(workers="inline").document()
    found = opened.reproduce(document["run"])
    assert found.found == found.expected, found.differing
    assert document["search"]["method"] == CASES[case][3]
    assert document["search"]["trials"] > 0
    assert (document["intervals"] is not None) == case.startswith("conformal")
    assert ("nested" in document["ways"]) == case.startswith("nested")
