"""What each rule does when it finds something: nothing, a warning, or the end of the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Action = Literal["off", "warn", "stop"]
Rule = Literal[
    "not_a_number",
    "divergence",
    "plateau",
    "turn",
    "overfit",
    "slow",
    "dead_units",
    "exploding_weights",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """What a person may set about rules; the defaults stop a fit where nothing is to be gained, and warn else.

    A fit that is repeated from its decisions makes the iterations on record: no rule has a say in it.

    Attributes
    ----------
    not_a_number ... exploding_weights : str
        ``off``, ``warn`` or ``stop``, by rule.
    patience : int or None
        Iterations without a gain that are a plateau; None takes what suits the learner and its rate.
    """

    not_a_number: Action = "stop"
    divergence: Action = "warn"
    plateau: Action = "stop"
    turn: Action = "stop"
    overfit: Action = "warn"
    slow: Action = "warn"
    dead_units: Action = "warn"
    exploding_weights: Action = "warn"
    patience: int | None = None

    def of(self, rule: Rule) -> Action:
        """Return what a rule does."""
        action: Action = getattr(self, rule)
        return action


REMEDIES: Mapping[Rule, str] = {
    "not_a_number": "`training: {learners: […]}` leaves the learner out; "
    "`tuning: {space: {lightgbm: {learning_rate: …}}}` keeps LightGBM's steps small",
    "divergence": "`training: {convergence: {divergence: stop}}` ends such fits at once; "
    "`tuning: {space: {lightgbm: {learning_rate: …}}}` keeps LightGBM's steps small",
    "plateau": "`training: {convergence: {patience: …}}` waits longer, `{plateau: warn}` goes on to the end",
    "turn": "`training: {convergence: {turn: warn}}` walks the whole path",
    "overfit": "`training: {convergence: {overfit: stop}}` ends such fits at once; "
    "`tuning: {space: {lightgbm: {num_leaves: …}}}` narrows the search to weaker trees",
    "slow": "`training: {budget: …}` gives it longer",
    "dead_units": "`training: {convergence: {dead_units: stop}}` ends such fits at once; "
    "`training: {learners: […]}` leaves the network out",
    "exploding_weights": "`training: {convergence: {exploding_weights: stop}}` ends such fits at once; "
    "`training: {learners: […]}` leaves the network out",
}
"""The line of ``tenfold.yaml`` that changes what a rule found."""
