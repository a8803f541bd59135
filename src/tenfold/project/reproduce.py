"""A run's model built again from its recorded decisions, and proved equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    return ReproduceReport(
        run=run,
        expected=evaluated.bundle,
        found=pack(model, divided.development.table).name,
        seconds=clock.monotonic() - began,
    )


def kept_results(run: str, store: Store) -> Mapping[str, Received[Any]]:
    """Return the results of all stages of a run that came to a model."""
    results: dict[str, Received[Any]] = {}
    for part in store.history.stages(run):
        found = store.results.find(part.fingerprint)
        if found is not None:
            results[part.stage] = Received(
                record=from_json(RECORDS[part.stage], store.blobs.path(found.record).read_bytes()),
                files={name: store.blobs.path(blob) for name, blob in found.files.items()},
                fingerprint=found.fingerprint,
            )
    missing = [name for name in RECORDS if name not in results]
    if missing:
        raise InputError(
            f"run {run} cannot be built again: nothing is kept of its {', '.join(missing)};"
            " choose a run that came to a model (`tenfold runs list`)"
        )
    return results
