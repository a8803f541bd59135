"""The tuning stage: search around the best learners with what budget is left, then make the final ensemble."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np

from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.serial import to_json
from tenfold.records.dataset import Dataset
from tenfold.records.features import FeaturePlan
from tenfold.records.model import Candidates
from tenfold.records.problem import Problem
from tenfold.records.tuning import Selection, Tuning
from tenfold.records.validation import ValidationPlan
from tenfold.stages.tuning.earlier import EarlierSearch
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.tuning.protocols import Assembled, Corrected, OpenTrainer
from tenfold.stages.tuning.search import JOURNAL, Search


def run(  # noqa: PLR0917 - a stage takes one result of each stage before it
    problem: Received[Problem],
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    features: Received[FeaturePlan],
    candidates: Received[Candidates],
    options: TuningOptions,
    ctx: StageContext,
    *,
    open_trainer: OpenTrainer,
    earlier: EarlierSearch | None = None,
) -> StageResult[Tuning]:
    """Try settings that training did not, as far as the budget goes, and finish the best small ensemble of everything.

    Parameters
    ----------
    open_trainer : callable
        How candidates are fitted, scored and finished: training's, which this stage does not know.
    earlier : EarlierSearch or None
        A search whose trials are taken over where they lie in this one's space.
    """
    with open_trainer((problem, dataset, validation, features), candidates.files, ctx) as trainer:
        if candidates.record.facts.get("interpretable"):
            trainer.alone()
        counts = validation.record.counts
        rows = counts.get("train", 0) + counts.get("validation", 0)
        before = trainer.complete
        measured_on = {
            "problem": problem.fingerprint,
            "data": dataset.fingerprint,
            "validation": validation.fingerprint,
            "features": features.fingerprint,
        }
        search = Search(
            trainer,
            options,
            ctx,
            facts=candidates.record.facts,
            rows=rows,
            earlier=earlier,
            measured_on=measured_on,
        )
        while search.goes_on():
            search.make_batch()
        journal = search.close()
        compared = len(trainer.complete)
        corrected = trainer.correct(search.correction_deadline()) if options.correct else None
        assembled = trainer.assemble(search.deadline)
        note = trainer.price_of_reading() or candidates.record.note
        everything = replace(_everything(candidates.record, assembled, note), findings=trainer.findings())
    return StageResult(
        record=Tuning(
            method=search.choice.method,
            reason=search.choice.reason,
            trials=tuple(search.trials),
            members=tuple((member.key, member.weight) for member in assembled.members),
            best_before=before[0].candidate.score if before else None,
            best_after=assembled.score,
            stopped=search.stopped,
            facts={"timed": search.timed},
            selection=None if corrected is None else _selection(problem.record, assembled, corrected, compared),
            earlier=search.earlier,
            repeats=search.repeats,
            space=search.space,
        ),
        files={
            **assembled.files,
            "candidates.json": to_json(everything),
            "oof.npy": _array(assembled),
            JOURNAL: journal,
        },
    )


def _selection(problem: Problem, assembled: Assembled, corrected: Corrected, compared: int) -> Selection:
    return Selection(
        metric=problem.metric.metric,
        naive=assembled.score,
        corrected=corrected.value,
        low=corrected.low,
        high=corrected.high,
        candidates=compared,
        resamples=corrected.resamples,
    )


def _everything(before: Candidates, assembled: Assembled, note: str) -> Candidates:
    return Candidates(
        metric=before.metric,
        candidates=assembled.candidates,
        members=assembled.members,
        note=note,
        complete=before.complete,
        facts=before.facts,
    )


def _array(assembled: Assembled) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, assembled.oof, allow_pickle=False)
    return buffer.getvalue()
