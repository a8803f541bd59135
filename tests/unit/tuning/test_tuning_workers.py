from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_tuning_search import Tried, starters
from tuning_calls import Fitting, fit

from tenfold.engine.executors import ProcessMap
from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import CallLost, StageContext
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.tuning.search import Search


@dataclass
class MappedTrainer:
    """Scores by a formula in worker processes."""

    workers: ProcessMap
    folder: Path
    known: list[Tried]
    victims: tuple[int, ...] = ()
    pids: set[int] = field(default_factory=set)
    batches: list[int] = field(default_factory=list)

    @property
    def complete(self):
        return sorted((each for each in self.known if not each.dropped), key=lambda each: each.candidate.loss)

    def fit_and_score(self, name, proposals, keep, *, folds, share, deadline, bars, shares, by_rows):
        self.batches.append(len(proposals))
        tasks = [
            Fitting(
                number=int(each.key.removeprefix("trial-")),
                learning_rate=float(each.params["learning_rate"]),
                folder=str(self.folder),
                victims=self.victims,
            )
            for each in proposals
        ]
        losses = {}
        for place, (pid, loss) in self.workers(fit, tasks):
            self.pids.add(pid)
            losses[place] = loss
        made = [
            Tried(candidate=replace(each, loss=losses[place], score=1.0), first_loss=losses[place])
            for place, each in enumerate(proposals)
        ]
        self.known += made
        return made

    def prepare(self, deadline):
        return 0.0


def searched(workers: ProcessMap, folder: Path, victims: tuple[int, ...] = (), trials: int = 64) -> tuple:
    trainer = MappedTrainer(workers, folder, starters(), victims)
    ctx = StageContext(rng=np.random.default_rng(1), map=workers, deadline=Deadline.after(300.0))
    made = Search(trainer, TuningOptions(method="random"), ctx, facts={"folds": 1}, rows=25 * trials)
    while made.goes_on():
        made.make_batch()
    made.close()
    return trainer, made


@pytest.mark.slow
def test_thirty_two_workers_start_at_once_without_an_error_or_a_trial_made_twice(tmp_path):
    with ProcessMap(32) as workers:
        trainer, made = searched(workers, tmp_path)
    assert trainer.batches[0] == 32
    # A worker that ends early takes a second trial of its batch only after all 32 have started.
    assert len(trainer.pids) == 32
    assert [trial.state for trial in made.trials] == ["complete"] * 64
    assert len({tuple(sorted(trial.params.items())) for trial in made.trials}) == 64


@pytest.mark.slow
def test_three_of_eight_workers_killed_leave_a_whole_study_whose_counts_add_up(tmp_path):
    with ProcessMap(8) as workers:
        trainer, made = searched(workers, tmp_path, victims=(1, 4, 6), trials=24)
        calm_folder = tmp_path / "calm"
        calm_folder.mkdir()
        _, calm = searched(workers, calm_folder, trials=24)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["1", "4", "6"]
    assert len(trainer.pids) >= 8
    assert [trial.number for trial in made.trials] == list(range(24))
    assert [trial.state for trial in made.trials] == ["complete"] * 24
    assert [(trial.params, trial.loss) for trial in made.trials] == [(t.params, t.loss) for t in calm.trials]


def kill_always(task: Fitting) -> None:
    fit(replace_victims(task))


def replace_victims(task: Fitting) -> Fitting:
    mark = Path(task.folder) / f"{task.number}"
    mark.unlink(missing_ok=True)
    return task


@pytest.mark.slow
def test_a_call_that_kills_its_worker_each_time_is_named_by_its_place(tmp_path):
    tasks = [Fitting(number=number, learning_rate=0.1, folder=str(tmp_path), victims=(2,)) for number in range(4)]
    with ProcessMap(2) as workers, pytest.raises(CallLost) as caught:
        list(workers(kill_always, tasks))
    assert caught.value.index == 2
