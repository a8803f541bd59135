"""The training stage: climb a ladder of candidates, from the constant to a portfolio, as far as the budget goes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.serial import to_json
from tenfold.records.dataset import Dataset
from tenfold.records.features import FeaturePlan
from tenfold.records.model import Candidates, Member
from tenfold.records.problem import Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.training.bench import set_up
from tenfold.stages.training.finish import rebuild_members
from tenfold.stages.training.in_fold import proofs_payload
from tenfold.stages.training.ladder import Ladder
from tenfold.stages.training.leaderboard import leaderboard
from tenfold.stages.training.learners import REFERENCES
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.trainer import CONVERGENCE_FILE, open_trainer
from tenfold.stages.training.unread import together_unread


def run(  # noqa: PLR0917 - a stage takes one result of each stage before it
    problem: Received[Problem],
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    features: Received[FeaturePlan],
    options: TrainingOptions,
    ctx: StageContext,
) -> StageResult[Candidates]:
    """Race candidates on the folds; each rung leaves something valid behind, should the next not be reached."""
    with open_trainer((problem, dataset, validation, features), {}, ctx) as trainer:
        trainer.watch_by(options.convergence)
        if options.interpretable:
            trainer.alone()
        ladder = Ladder(trainer, options, ctx)
        ladder.climb_first()
        while rung := ladder.next_rung():
            ladder.climb(rung)
        weights = trainer.blend().weights
        return StageResult(
            record=Candidates(
                metric=problem.record.metric.metric,
                candidates=leaderboard(trainer.bench, trainer.pool.values(), ladder.deadline),
                members=tuple(Member(key=key, weight=weight) for key, weight in weights.items()),
                note="; ".join(part for part in (ladder.note, trainer.price_of_reading()) if part),
                complete=ladder.finished,
                facts=ladder.facts(),
                findings=trainer.findings(),
            ),
            files=together_unread(
                [
                    {CONVERGENCE_FILE: to_json(options.convergence)},
                    # References are made again at any time.
                    *(one.files() for one in trainer.pool.values() if one.key not in REFERENCES),
                    proofs_payload(map(trainer.bench.row_numbers, range(trainer.bench.folds))),
                ]
            ),
        )


def rebuild(  # noqa: PLR0917 - likewise
    problem: Received[Problem],
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    features: Received[FeaturePlan],
    candidates: Candidates,
    members: tuple[Member, ...],
    ctx: StageContext,
) -> dict[str, bytes]:
    """Make the members' files again from the decisions on record: equal bytes, without a clock."""
    with TemporaryDirectory(prefix="tenfold-rebuild-") as scratch:
        bench = set_up((problem, dataset, validation, features), Path(scratch), ctx.seed)
        found = {candidate.key: candidate for candidate in candidates.candidates}
        return rebuild_members(bench, found, members, ctx)
