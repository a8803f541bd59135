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
from tenfold.foundation.errors import DataError, InputError, StoreError
from tenfold.foundation.serial import from_json, to_json
from tenfold.measures.states.column import Kind
from tenfold.project.reproduce import ROWS, kept_results
from tenfold.records.problem import Problem
from tenfold.stages.evaluation.rows import read_parts
from tenfold.stages.monitoring.baseline import outcomes_of
from tenfold.stages.monitoring.reference import Reference, Sample, build_reference, said_of
from tenfold.store.open import Store
from tenfold.store.rows import Version

_DEVELOPMENT = ("train", "validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A version as the monitors know it.

    Attributes
    ----------
    reference : Reference or None
        None: only its worth is judged.
    unknown : str
        Why there is no reference, in the words that its windows say.
    """

    version: Version
    problem: Problem
    reference: Reference | None
    unknown: str = ""


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
    try:
        kept = kept_results(version.run, store, stages=ROWS)
    except InputError:
        unknown = f"nothing is kept of the rows of run {version.run}"
        return Watched(version=version, problem=_newest_problem(version, store), reference=None, unknown=unknown)
    problem: Problem = kept["problem"].record
    content = store.watched.reference(bundle, window_seconds)
    if content is not None:
        return Watched(version=version, problem=problem, reference=from_json(Reference, content))
    try:
        reference = _counted(version, kept, store, window_seconds=window_seconds)
    except _Uncountable as error:
        return Watched(version=version, problem=problem, reference=None, unknown=str(error))
    store.windows.keep_reference(bundle, window_seconds, to_json(reference))
    return Watched(version=version, problem=problem, reference=reference)


class _Uncountable(InputError):
    """What stands in the way of one version's reference; the pass over all others goes on."""


def _counted(version: Version, kept: Mapping[str, Received[Any]], store: Store, *, window_seconds: float) -> Reference:
    if "evaluation" in kept:
        return reference_of(version, kept, window_seconds=window_seconds)
    # What was trained elsewhere left no predictions: its bundle makes them.
    try:
        model = load_bundle(store.blobs.path(version.blob), name=version.bundle)
    except StoreError as error:
        raise _Uncountable(f"its bundle cannot be read ({error})") from error
    try:
        return imported_reference_of(model, version, kept, window_seconds=window_seconds)
    except DataError as error:
        raise _Uncountable(f"it does not read the rows of run {version.run} ({error})") from error


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

    These are the rows that a version made here is held against, so that two versions of one project are held against
    the same. The outcomes of the sealed rows are not looked at.

    Raises
    ------
    DataError
        When the model cannot read the rows, or none are sealed.
    """
    problem: Problem = kept["problem"].record
    parts = read_parts(problem, kept["data"], kept["validation"], kept["features"])
    development, sealed = parts.development.table, parts.sealed
    if sealed is None:
        raise DataError("no rows are sealed, so nothing says what it predicts")
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


def _newest_problem(version: Version, store: Store) -> Problem:
    found = store.results.latest("problem")
    if found is None:
        raise InputError(f"nothing is kept that says what '{version.ref}' is to achieve: `tenfold run` writes it down")
    return from_json(Problem, store.blobs.path(found.record).read_bytes())
