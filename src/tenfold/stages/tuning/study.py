"""One search over one learner's settings: asked in the parent alone, told what came of it, all kept in a journal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tenfold.foundation.fingerprint import fingerprint
from tenfold.records.model import Candidate
from tenfold.stages.tuning import gaussian
from tenfold.stages.tuning.methods import ENOUGH_TO_LEARN, Chosen
from tenfold.stages.tuning.options import Value
from tenfold.stages.tuning.protocols import Attempt
from tenfold.stages.tuning.spaces import Space, coarse, grid_of

if TYPE_CHECKING:
    from tenfold.stages.tuning.journal import History

_PRUNED_SHARE = 50.0
_FEWEST_TO_COMPARE = 4
_HOPELESS = 1.1
_MOST_REPEATS = 20

NUMBER, REPEAT, IMPORTED = "number", "repeat", "imported"
"""What the journal says of a trial beside Optuna's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """Where and how one learner is searched.

    Attributes
    ----------
    own : bool
        Whether the space is ours; a grid then takes the few settings that matter.
    few : bool
        Whether trials are few enough for a Gaussian process.
    """

    learner: str
    space: Space
    method: Chosen
    seed: int
    own: bool = True
    few: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A trial that is under way; ``known`` when the journal has its end already."""

    trial: Any
    params: Mapping[str, object]
    known: bool = False


class Study:
    """Trials of one learner.

    What training scored counts as told from the beginning, so that the search starts around the best of it. Chance
    depends on the seed and the number of a trial alone, so that the journal is all that a search must know to go on.
    """

    def __init__(self, plan: StudyPlan, history: History, known: Sequence[Attempt]):
        import optuna

        self.learner = plan.learner
        self._plan = plan
        best = known[0].candidate.params if known else {}
        grid = plan.method == "grid"
        space = coarse(plan.space) if grid and plan.own else plan.space
        # Settings that are not searched stay as they are in the best candidate of the learner.
        self._fixed = {name: value for name, value in best.items() if name not in space}
        self.space = space
        self._space = {name: each.distribution() for name, each in space.items()}
        self._study = history.study(
            plan.learner, optuna.pruners.PercentilePruner(_PRUNED_SHARE, n_startup_trials=_FEWEST_TO_COMPARE)
        )
        self._points = self._shuffled(grid_of(space)) if grid else []
        self._tried = {_named(attempt.candidate.params) for attempt in known if not attempt.dropped}
        self._enqueued: list[Mapping[str, object]] = []
        before = self._study.get_trials(deepcopy=False)
        self._recorded = {int(trial.user_attrs[NUMBER]): trial for trial in before if NUMBER in trial.user_attrs}
        if not before:
            for attempt in known:
                params = {
                    name: each.nearest(attempt.candidate.params.get(name, each.usual)) for name, each in space.items()
                }
                self._add(params, attempt.candidate.loss, attempt.first_loss)

    @property
    def points(self) -> int | None:
        """How many points a grid has; None for other methods."""
        return len(self._points) if self._plan.method == "grid" else None

    @property
    def fixed(self) -> Mapping[str, object]:
        """Settings that are not searched."""
        return self._fixed

    @property
    def begun(self) -> bool:
        """Whether the journal had trials of this search when it was opened."""
        return bool(self._recorded)

    @property
    def repeats(self) -> int:
        """How often the sampler proposed what was tried already; nothing was fitted then."""
        return sum(REPEAT in trial.user_attrs for trial in self._study.get_trials(deepcopy=False))

    def ask(self, number: int) -> Asked | None:
        """Return a trial that is under way, with its settings; None when the space has nothing new."""
        import optuna

        recorded = self._recorded.get(number)
        if recorded is not None:
            params = {**self._fixed, **recorded.params}
            self._tried.add(_named(params))
            self._points = [point for point in self._points if point != recorded.params]
            if recorded.state.is_finished():
                return Asked(trial=recorded, params=params, known=True)
            return Asked(trial=optuna.trial.Trial(self._study, recorded._trial_id), params=params)  # noqa: SLF001 - optuna gives no other way back to a trial that runs
        for attempt in range(max(_MOST_REPEATS, len(self._points)) + 1):
            trial = self._next_trial(number, attempt)
            if trial is None:
                return None
            params = {**self._fixed, **trial.params}
            if _named(params) not in self._tried:
                self._tried.add(_named(params))
                trial.set_user_attr(NUMBER, number)
                return Asked(trial=trial, params=params)
            trial.set_user_attr(REPEAT, True)
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None

    def prunes(self, asked: Asked, loss: float) -> bool:
        """Whether a trial with this loss on the first fold is worse there than half of the others."""
        if asked.known:
            return bool(asked.trial.state.name == "PRUNED")
        self.report(asked, loss, 0)
        return bool(asked.trial.should_prune())

    def report(self, asked: Asked, loss: float, percent: int) -> None:
        """Take note of a loss after some percent of a whole fit."""
        if not asked.known and math.isfinite(loss) and percent not in _values(asked):
            asked.trial.report(loss, step=percent)

    def tell(self, asked: Asked, attempt: Attempt) -> None:
        """Take note of what came of a trial."""
        from optuna.trial import TrialState

        if asked.known:
            return
        tried = {name: attempt.candidate.params[name] for name in self._space}
        if dict(asked.trial.params) != tried:
            # An interrupted search goes on from what was tried then, whatever would be asked today.
            self._study.tell(asked.trial, state=TrialState.FAIL)
            if not attempt.dropped:
                self._add(tried, attempt.candidate.loss, attempt.first_loss)
            return
        for name, value in attempt.measured.items():
            asked.trial.set_user_attr(name, value)
        if not attempt.dropped:
            self._study.tell(asked.trial, attempt.candidate.loss)
            return
        asked.trial.set_user_attr("reason", attempt.dropped)
        if not _values(asked):
            self.report(asked, attempt.first_loss, 0)
        self._study.tell(asked.trial, state=TrialState.PRUNED if math.isfinite(attempt.first_loss) else TrialState.FAIL)

    def take_over(self, params: Mapping[str, object], loss: float, source: str) -> None:
        """Count an earlier search's trial as told."""
        self._add({name: params[name] for name in self._space}, loss, loss, {IMPORTED: source})

    def begin_with(self, params: Mapping[str, object]) -> None:
        """Make the next trial that is asked for one with these settings."""
        self._enqueued.append({name: params[name] for name in self._space})

    def _next_trial(self, number: int, attempt: int) -> Any:
        """Return a trial with the next settings; None when a grid is at its end."""
        import optuna

        method, point = self._plan.method, None
        seed = int(fingerprint(self._plan.seed, self.learner, number, attempt)[:7], 16)
        if self._enqueued:
            point = self._enqueued.pop(0)
        elif method == "grid":
            if not self._points:
                return None
            point = self._points.pop(0)
        elif method == "bayesian" and self._plan.few and gaussian.suits(self.space):
            point = self._by_process(np.random.default_rng(seed))
        if point is not None:
            self._study.enqueue_trial(dict(point))
        elif method == "bayesian":
            self._study.sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=ENOUGH_TO_LEARN, constant_liar=True
            )
        else:
            self._study.sampler = optuna.samplers.RandomSampler(seed=seed)
        return self._study.ask(self._space)

    def _by_process(self, rng: np.random.Generator) -> Mapping[str, object]:
        from optuna.trial import TrialState

        trials = self._study.get_trials(deepcopy=False)
        told = [(trial.params, trial.value) for trial in trials if trial.state == TrialState.COMPLETE]
        measured = [(params, value) for params, value in told if value is not None and math.isfinite(value)]
        if len(measured) < 2:
            return gaussian.draw(self.space, rng)
        pending = [trial.params for trial in trials if trial.state == TrialState.RUNNING and trial.params]
        return gaussian.propose(self.space, measured, pending, rng)

    def _shuffled(self, points: list[dict[str, Value]]) -> list[dict[str, Value]]:
        """Return the grid in an order in which any beginning is spread over the whole."""
        order = np.random.default_rng([self._plan.seed, *self._plan.learner.encode()]).permutation(len(points))
        return [points[place] for place in order]

    def _add(
        self, params: Mapping[str, object], loss: float, first: float, told: Mapping[str, object] | None = None
    ) -> None:
        import optuna

        self._study.add_trial(
            optuna.trial.create_trial(
                params=dict(params),
                distributions=self._space,
                value=loss,
                intermediate_values={0: first},
                user_attrs=dict(told or {}),
            )
        )


def _values(asked: Asked) -> Mapping[int, float]:
    """Return the losses that were reported of a trial; optuna's own trial does not show them."""
    found: Mapping[int, float] = asked.trial.storage.get_trial(asked.trial._trial_id).intermediate_values  # noqa: SLF001 - likewise
    return found


def _named(params: Mapping[str, object]) -> str:
    return fingerprint({name: params[name] for name in sorted(params)})


def bars(attempts: Sequence[Attempt]) -> tuple[float, ...]:
    """Return, for each level of progress, a loss clearly worse than any finished boosted model's on the first fold.

    No stricter: models that start slowly, such as randomised trees, often end best.
    """
    curves = [attempt.curve for attempt in attempts if attempt.curve and not attempt.dropped]
    found: list[float] = []
    for level in range(max(map(len, curves), default=0)):
        reached = [curve[level] for curve in curves if len(curve) > level]
        if len(reached) < _FEWEST_TO_COMPARE:
            break
        found.append(_HOPELESS * max(reached))
    return tuple(found)


def as_proposal(learner: str, number: int, params: Mapping[str, object]) -> Candidate:
    """Return trial ``number`` as a candidate that waits to be scored."""
    return Candidate(
        key=f"trial-{number:03d}",
        learner=learner,
        params=params,
        view="",
        loss=float("inf"),
        score=float("nan"),
        origin="search",
    )
