"""The sealed rows of a project by name, and how often they were looked at."""

from __future__ import annotations

from typing import Any

import polars as pl

from tenfold.foundation.context import Received
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.measures.metrics import metric_called
from tenfold.records.dataset import Dataset
from tenfold.records.evaluation import Evaluation
from tenfold.records.problem import Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.evaluation.worn import Wear, wear_of
from tenfold.store.open import Store


def sealed_part(problem: Problem, data: Received[Dataset], validation: Received[ValidationPlan]) -> str:
    """Return the hash of the sealed rows: their places, their outcomes, their times.

    Other folds, other features, another requirement leave them the same rows, and what was seen of them stays seen.
    """
    names = [problem.target, *([problem.time] if problem.time else [])]
    part = pl.read_parquet(validation.files["split.parquet"], columns=["part"])["part"]
    table = pl.read_parquet(data.files["table.parquet"], columns=names).with_row_index("\0place")
    return hash_bytes(table.filter(part == "test").write_csv().encode())


def looks_at(part: str, split: str, store: Store) -> int:
    """Return how often a sealed part was looked at; looks were once counted by the hash of the whole split."""
    return len(store.lockbox.looks(part)) + (len(store.lockbox.looks(split)) if split != part else 0)


def wear(part: str, looks: int, problem: Problem, evaluation: Evaluation) -> Wear:
    """Return how worn a sealed part is by the look that gave this evaluation."""
    name = problem.metric.metric
    if evaluation.judged_on != "test":
        return Wear(looks=looks)
    chosen: Any = next(
        (found for place, found in evaluation.metrics.items() if place not in {"test", "operational"}), {}
    )
    return wear_of(
        part,
        looks,
        evaluation.metrics.get("test", {}).get(name),
        chosen.get(name),
        greater_is_better=metric_called(name).greater_is_better,
    )
