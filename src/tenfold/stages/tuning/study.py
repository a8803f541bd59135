"""One search over one learner's settings: Optuna is asked in the parent alone, and told what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tenfold.records.model import Candidate
from tenfold.stages.tuning.methods import SAMPLERS
from tenfold.stages.tuning.protocols import Attempt
from tenfold.stages.tuning.spaces import Space

_PRUNED_SHARE = 50.0
_FEWEST_TO_COMPARE = 4
_HOPELESS = 1.1


class Study:
    """Trials of one learner.

    What training scored counts as told from the beginning, so that the search starts around the best of it.
    """

    def __init__(self, learner: str, space: Space, method: str, seed: int, known: Sequence[Attempt]):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.learner = learner
        # Settings that are not searched stay as they are in the best candidate of the learner.
        self._fixed = {
            name: value for name, value in (known[0].candidate.params if known else {}).items() if name not in space
        }
        self._space = {name: each.distribution() for name, each in space.items()}
        self._study = optuna.create_study(
            sampler=SAMPLERS[method](seed),
            pruner=optuna.pruners.PercentilePruner(_PRUNED_SHARE, n_startup_trials=_FEWEST_TO_COMPARE),
        )
        for attempt in known:
            params = {
                name: each.nearest(attempt.candidate.params.get(name, each.usual)) for name, each in space.items()
            }
            self._add(params, attempt)

    def ask(self) -> tuple[Any, Mapping[str, object]]:
        """Return a trial that is under way, and its settings."""
        trial = self._study.ask(self._space)
        return trial, {**self._fixed, **trial.params}

    def prunes(self, trial: Any, loss: float) -> bool:
        """Whether a trial with this loss on the first fold is worse there than half of the others."""
        trial.report(loss, step=0)
        return bool(trial.should_prune())

    def tell(self, trial: Any, attempt: Attempt) -> None:
        """Take note of what came of a trial."""
        from optuna.trial import TrialState

        tried = {name: attempt.candidate.params[name] for name in self._space}
        if dict(trial.params) != tried:
            # An interrupted search goes on from what was tried then, whatever would be asked today.
            self._study.tell(trial, state=TrialState.FAIL)
            if not attempt.dropped:
                self._add(tried, attempt)
        elif not attempt.dropped:
            self._study.tell(trial, attempt.candidate.loss)
        else:
            self._study.tell(trial, state=TrialState.PRUNED if attempt.first_loss < math.inf else TrialState.FAIL)

    def _add(self, params: Mapping[str, object], attempt: Attempt) -> None:
        import optuna

        self._study.add_trial(
            optuna.trial.create_trial(
                params=dict(params),
                distributions=self._space,
                value=attempt.candidate.loss,
                intermediate_values={0: attempt.first_loss},
            )
        )


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
