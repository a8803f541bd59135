"""Faults planted in a table are found, and a clean table has none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tenfold.records.dataset import Column, Field, Finding, Kind
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.data.duplicates import find_copies
from tenfold.stages.data.findings import find_faults
from tenfold.stages.data.profile import profile_columns

COUNT = 2000


@pytest.fixture
def frame() -> pl.DataFrame:
    rng = np.random.default_rng(3)
    return pl.DataFrame(
        {
            "amount": rng.gamma(2.0, 50.0, COUNT),
            "channel": rng.choice(["web", "shop", "phone"], COUNT),
            "y": rng.choice(["a", "b"], COUNT),
        }
    )


def faults(frame: pl.DataFrame, *, conflicting: int = 0) -> list[Finding]:
    profiles = profile_columns(frame)
    columns = []
    for name, profile in profiles.items():
        kind: Kind = "numeric" if frame.schema[name] == pl.Float64 else "categorical"
        columns.append(
            Column(
                field=Field(name=name, kind=kind),
                role="target" if name == "y" else "feature",
                reason="",
                missing=profile.missing,
                distinct=profile.distinct,
                low=profile.low,
                high=profile.high,
                quartiles=profile.quartiles,
                top=profile.top,
            )
        )
    counts = dict(frame["y"].value_counts().iter_rows())
    problem = Problem(
        name="p", task="binary", target="y", metric=MetricChoice(metric="x", reason=""), class_counts=counts
    )
    return list(find_faults(frame, tuple(columns), problem, find_copies(frame), conflicting=conflicting))


def plant(frame: pl.DataFrame, column: str, value: object, rows: int) -> pl.DataFrame:
    return frame.with_columns(
        pl.when(pl.int_range(pl.len()) < rows).then(pl.lit(value)).otherwise(column).alias(column)
    )


def test_a_clean_table_has_no_faults(frame: pl.DataFrame) -> None:
    assert faults(frame) == []


@pytest.mark.parametrize(
    ("planted", "rule", "said"),
    [
        (("amount", None, 1200), "missing", "missing in 60% of the rows"),
        (("channel", "web", 1995), "near-constant", "'channel' is 'web'"),
        (("channel", "Web ", 40), "twins", "'Web ', 'web'"),
        (("amount", -999.0, 15), "stand-in", "-999 in 15 rows"),
        (("amount", 99999.0, 15), "stand-in", "99999 in 15 rows"),
        (("amount", 801.0, 150), "ceiling", "ends at 801 in 150 rows"),
        (("y", "c", 3), "rare-classes", "'c' (3)"),
    ],
)
def test_a_planted_fault_is_found(frame: pl.DataFrame, planted: tuple[str, object, int], rule: str, said: str) -> None:
    found = {finding.rule: finding for finding in faults(plant(frame, *planted))}
    assert said in found[rule].message
    assert found[rule].rows >= planted[2]


def test_conflicting_labels_and_copies_are_told(frame: pl.DataFrame) -> None:
    found = {finding.rule: finding for finding in faults(pl.concat([frame, frame[:100]]), conflicting=30)}
    assert found["duplicates"].severity == "warning"
    assert found["duplicates"].rows == 100
    assert found["conflicting-labels"].rows == 30
