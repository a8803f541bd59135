"""The reference of a version: its development rows and its predictions on the rows it was judged on, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tenfold.bundle.format import load_bundle
from tenfold.bundle.inputs import input_table, signature_of
from tenfold.bundle.model import Model
from tenfold.foundation.context import Received
from tenfold.foundation.errors import InputError, StoreError
from tenfold.foundation.serial import from_json, to_json
from tenfold.lifecycle import RECORDS
from tenfold.measures.states.column import Kind
from tenfold.project.reproduce import kept_results
from tenfold.records.problem import Problem
from tenfold.stages.evaluation.rows import read_parts
from tenfold.stages.monitoring.baseline import outcomes_of
from tenfold.stages.monitoring.reference import Reference, Sample, build_reference, said_of
from tenfold.store.open import Store
from tenfold.store.rows import Version

_DEVELOPMENT = ("train", "validation")
_ROWS = ("problem", "data", "validation", "features")
"""What an import leaves of its run: the project's rows, divided; no model was trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A version as the monitors know it; without a reference only its worth is judged."""

    version: Version
    problem: Problem
    reference: Reference | None


def watched_version(bundle: str, ref: str, store: Store, *, window_seconds: float) -> Watched:
    """Return what windows of a version are held against; it is counted once and kept under the bundle's hash.

    Raises
    ------
    InputError
        When the version is not registered, or nothing is kept that says what it is to achieve.
    """
    version = store.registry.find(ref)
    if version.bundle != bundle:
        raise InputError(f"the log says that '{ref}' is the bundle {bundle[:12]}, the registry {version.bundle[:12]}")
    kept = _results(version, store)
    if kept is None:
        return Watched(version=version, problem=_newest_problem(version, store), reference=None)
    problem = kept["problem"].record
    content = store.watched.reference(bundle, window_seconds)
    if content is None:
        try:
            reference = _counted(version, kept, store, window_seconds=window_seconds)
        except StoreError:
            # An import's predictions are made by its bundle; without it, what its windows were worth is judged alone.
            return Watched(version=version, problem=problem, reference=None)
        store.windows.keep_reference(bundle, window_seconds, to_json(reference))
    else:
        reference = from_json(Reference, content)
    return Watched(version=version, problem=problem, reference=reference)


def _counted(version: Version, kept: Mapping[str, Received[Any]], store: Store, *, window_seconds: float) -> Reference:
    if "evaluation" in kept:
        return reference_of(version, kept, window_seconds=window_seconds)
    model = load_bundle(store.blobs.path(version.blob), name=version.bundle)
    return imported_reference_of(model, version, kept, window_seconds=window_seconds)


def reference_of(version: Version, kept: Mapping[str, Received[Any]], *, window_seconds: float) -> Reference:
    """Count a version's reference from what its run left behind."""
    problem: Problem = kept["problem"].record
    table = input_table(kept["data"].files["table.parquet"], kept["features"].files.get("lags.parquet"))
    part = pl.read_parquet(kept["validation"].files["split.parquet"])["part"]
    development = table.filter(part.is_in(_DEVELOPMENT))
    signature = signature_of(kept["features"].record, kept["data"].record, problem)
    said, rows = _predicted(problem, kept)
    kinds: dict[str, Kind] = {field.name: field.kind for field in signature.fields}
    return build_reference(
        version.bundle,
        Sample(table=development.select(signature.names), moments=_moments(problem, development)),
        Sample(table=said, moments=_moments(problem, table[rows])),
        kinds=kinds,
        outcomes=outcomes_of(problem, development),
        window_seconds=window_seconds,
    )


def imported_reference_of(
    model: Model, version: Version, kept: Mapping[str, Received[Any]], *, window_seconds: float
) -> Reference:
    """Count the reference of a model from elsewhere: the development rows, and what it says of the sealed ones.

    Raises
    ------
    InputError
        When no rows are sealed.
    """
    problem: Problem = kept["problem"].record
    parts = read_parts(problem, kept["data"], kept["validation"], kept["features"])
    development, sealed = parts.development.table, parts.sealed
    if sealed is None:
        raise InputError(f"no rows are sealed in run {version.run}, so nothing says what '{version.ref}' predicts")
    signature = model.signature
    scores = model.scores(signature.conform(sealed.table))
    return build_reference(
        version.bundle,
        Sample(table=signature.conform(development), moments=_moments(problem, development)),
        Sample(table=said_of(problem.task, problem.classes, scores), moments=_moments(problem, sealed.table)),
        kinds={field.name: field.kind for field in signature.fields},
        outcomes=outcomes_of(problem, development),
        window_seconds=window_seconds,
    )


def _predicted(problem: Problem, kept: Mapping[str, Received[Any]]) -> tuple[pl.DataFrame, pl.Series]:
    """Return what the model said of the rows it was judged on, and which rows of the table they are."""
    predictions = pl.read_parquet(kept["evaluation"].files["predictions.parquet"])
    names = [f"proba_{name}" for name in problem.classes] or ["prediction"]
    scores = predictions.select(names).to_numpy().astype(np.float64)
    return said_of(problem.task, problem.classes, scores), predictions["row"]


def _moments(problem: Problem, table: pl.DataFrame) -> pl.Series | None:
    if problem.time is None or problem.time not in table.columns or not table.schema[problem.time].is_temporal():
        return None
    return table[problem.time]


def _results(version: Version, store: Store) -> Mapping[str, Received[Any]] | None:
    try:
        return kept_results(version.run, store, stages=_ROWS if "imported" in version.facts else RECORDS)
    except InputError:
        # Nothing is kept of the version's run: it is watched without a reference, and its windows say so.
        return None


def _newest_problem(version: Version, store: Store) -> Problem:
    found = store.results.latest("problem")
    if found is None:
        raise InputError(f"nothing is kept that says what '{version.ref}' is to achieve: `tenfold run` writes it down")
    return from_json(Problem, store.blobs.path(found.record).read_bytes())
