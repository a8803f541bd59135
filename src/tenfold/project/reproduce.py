"""A run's model built again from its recorded decisions, and proved equal."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tenfold.engine.code import environment, environment_changes
from tenfold.engine.executors import ProcessMap
from tenfold.engine.stage import stage_rng
from tenfold.foundation.clock import SystemClock
from tenfold.foundation.context import Received, StageContext
from tenfold.foundation.errors import InputError
from tenfold.foundation.events import Events, Silent
from tenfold.foundation.serial import from_json
from tenfold.lifecycle import RECORDS
from tenfold.project.run_reports import ReproduceReport
from tenfold.records.model import Candidates, Member
from tenfold.store.open import Store

ROWS = ("problem", "data", "validation", "features")
"""The stages that an import goes through: the project's rows, divided and planned; no model is trained in it."""


def reproduce(run: str, store: Store, events: Events | None = None) -> ReproduceReport:
    """Fit the members again as the run's record says, without a clock, and compare the bundle's hash.

    The table, the split and the feature plan are the run's own, from the store; their bytes are checked by name.

    Raises
    ------
    InputError
        When there is no such run, or it did not come to a model.
    """
    from tenfold.stages.evaluation.assemble import build_model, pack, read_members
    from tenfold.stages.evaluation.rows import divide
    from tenfold.stages.training.run import rebuild

    clock = SystemClock()
    began = clock.monotonic()
    seed = store.history.find(run).seed
    kept = kept_results(run, store)
    problem, data, validation, features = (kept[name] for name in ("problem", "data", "validation", "features"))
    candidates = from_json(Candidates, kept["tuning"].files["candidates.json"].read_bytes())
    members = tuple(Member(key=key, weight=weight) for key, weight in kept["tuning"].record.members)
    recorded = _environment_of(run, store)
    with ProcessMap() as workers:
        context = StageContext(rng=stage_rng("training", seed), seed=seed, map=workers, events=events or Silent())
        files = rebuild(problem, data, validation, features, candidates, members, context)
        divided = divide(problem.record, data, validation, features, kept["tuning"])
        rebuilt = read_members([member.key for member in members], files)
        evaluated = kept["evaluation"].record
        model = build_model(
            rebuilt,
            problem.record,
            data.record,
            features.record,
            evaluated.threshold,
            recalibration=evaluated.recalibration,
            conformal=evaluated.conformal,
        )
        found = pack(model, divided.development.table).name
        differing: tuple[str, ...] = ()
        if found != evaluated.bundle:
            # Once more: what differs from itself honours no seed; what does not, was built by something else.
            context = replace(context, rng=stage_rng("training", seed))
            again = rebuild(problem, data, validation, features, candidates, members, context)
            before = {name: path.read_bytes() for name, path in kept["tuning"].files.items()}
            differing = tuple(differing_members([member.key for member in members], before, files, again))
    return ReproduceReport(
        run=run,
        expected=evaluated.bundle,
        found=found,
        seconds=clock.monotonic() - began,
        differing=differing,
        environment=environment_changes(recorded, environment()),
    )


def differing_members(
    keys: Sequence[str], before: Mapping[str, bytes], after: Mapping[str, bytes], again: Mapping[str, bytes]
) -> Iterator[str]:
    """Yield what is to be said of each member whose files are not those that were kept."""
    for key in keys:
        kept, first, second = (
            {name: content for name, content in files.items() if name.startswith(f"{key}/")}
            for files in (before, after, again)
        )
        if first != second:
            yield f"'{key}' gives other bytes each time it is fitted: its learner does not honour the seed"
        elif first != kept:
            yield f"'{key}' is fitted to the same bytes each time, but not to those that were kept"


def _environment_of(run: str, store: Store) -> Mapping[str, str]:
    """Return what the run wrote down of its libraries; nothing where it was made before that was done."""
    document = store.history.find(run).document
    found = {} if document is None else json.loads(store.blobs.path(document).read_bytes())
    recorded: Mapping[str, str] = found.get("environment") or {}
    return recorded


def kept_results(run: str, store: Store, *, stages: Collection[str] = RECORDS) -> Mapping[str, Received[Any]]:
    """Return what is kept of a run's stages.

    Parameters
    ----------
    stages : collection of str
        Those that must be there; all, where a model is needed that was trained here.

    Raises
    ------
    InputError
        When nothing is kept of one of them.
    """
    results: dict[str, Received[Any]] = {}
    for part in store.history.stages(run):
        found = store.results.find(part.fingerprint)
        if found is not None:
            results[part.stage] = Received(
                record=from_json(RECORDS[part.stage], store.blobs.path(found.record).read_bytes()),
                files={name: store.blobs.path(blob) for name, blob in found.files.items()},
                fingerprint=found.fingerprint,
            )
    missing = [name for name in stages if name not in results]
    if missing:
        raise InputError(
            f"run {run} cannot be built again: nothing is kept of its {', '.join(missing)};"
            " choose a run that came to a model (`tenfold runs list`)"
        )
    return results
