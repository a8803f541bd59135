"""The learners there are, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.stages.training.boosting import Boosting
from tenfold.stages.training.forest import Forest
from tenfold.stages.training.linear import Linear
from tenfold.stages.training.protocols import Learner

REFERENCES = ("constant", "rule")
"""What every model must beat; on the leaderboard, not among the learners."""


def learner_called(name: str) -> Learner:
    """Return the learner of this name.

    Raises
    ------
    InputError
        When there is none.
    """
    if name not in LEARNERS:
        raise InputError(f"'{name}' is not a learner (known are: {', '.join(LEARNERS)}).{did_you_mean(name, LEARNERS)}")
    return LEARNERS[name]


LEARNERS: Mapping[str, Learner] = {
    "linear": Linear(),
    "lightgbm": Boosting(),
    "random_forest": Forest(kind="random"),
    "extra_trees": Forest(kind="extra"),
}
