"""What a learner is: it fits until told to stop, and says how far it came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tenfold.bundle.predictors.protocols import Predictor
from tenfold.foundation.clock import Deadline
from tenfold.foundation.errors import TenfoldError
from tenfold.records.features import View
from tenfold.records.model import ConvergenceFinding, LearningCurve
from tenfold.records.problem import Task
from tenfold.stages.training.convergence.actions import Convergence

Values = npt.NDArray[np.float64]


LEVELS = (2.5, 5.0, 10.0, 20.0, 40.0)
"""Progress of a boosted model, rounds times learning rate: there, models of different rates can be compared."""


class FitFailed(TenfoldError):
    """A learner could not be fitted to these rows; the candidate is left out and the reason kept.

    Attributes
    ----------
    findings : tuple of ConvergenceFinding
        What rules found before.
    """

    def __init__(self, message: str, *, findings: tuple[ConvergenceFinding, ...] = ()):
        super().__init__(message)
        self.findings = findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows to learn from, or to measure on.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features)
        Numbers of one view; missing is NaN where the view keeps it.
    truth : ndarray of shape (n_rows,)
        int64 codes of the classes, or float64.
    weight : ndarray of shape (n_rows,) or None
        Importance of each row.
    """

    values: Values
    truth: npt.NDArray[np.int64] | Values
    weight: Values | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One fit to make.

    Attributes
    ----------
    train : Rows
        Rows to learn from.
    held : Rows or None
        Rows on which the number of iterations is chosen; None when ``iterations`` is given.
    categorical : tuple of int
        Columns of the values that hold category codes.
    told : tuple of int
        Those among them whose levels are too many for a column each, and of which other columns tell.
    outputs : int
        Number of classes, or 1 for a regression.
    iterations : int or None
        Exactly so many boosting rounds, trees or steps of the path; None lets the held-out rows decide.
    deadline : Deadline
        The fit returns what it has when this passes.
    bars : tuple of float
        Held-out losses at the levels of progress of ``LEVELS``; a fit that is worse at a level gives up. Empty: never.
    most : int or None
        At most so many iterations; the held-out rows may decide on fewer.
    start : mapping
        Files of a model to go on from, for learners that can; its iterations count.
    convergence : Convergence
        What the rules do that watch the fit.
    loss : str
        The loss that the search minimises, by the name of its metric; learners that can fit to it do.
    """

    train: Rows
    held: Rows | None
    categorical: tuple[int, ...]
    task: Task
    outputs: int
    params: Mapping[str, object]
    seed: int
    iterations: int | None = None
    deadline: Deadline = field(default_factory=Deadline)
    bars: tuple[float, ...] = ()
    most: int | None = None
    loss: str = ""
    start: Mapping[str, bytes] = field(default_factory=dict)
    convergence: Convergence = field(default_factory=Convergence)
    told: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a fit came to.

    Attributes
    ----------
    iterations : int
        How many boosting rounds, trees or steps of the path were kept.
    curve : tuple of float
        Held-out losses at the levels of progress that were reached (learners that boost).
    gave_up : bool
        Whether the fit stopped because it was worse than a bar.
    made : int
        How many iterations were made, those that were not kept included, those of the start left out.
    learning : LearningCurve or None
        Losses by iteration, where rows were held out.
    findings : tuple of ConvergenceFinding
        What rules found.
    """

    predictor: Predictor
    iterations: int
    curve: tuple[float, ...] = ()
    gave_up: bool = False
    made: int = 0
    learning: LearningCurve | None = None
    findings: tuple[ConvergenceFinding, ...] = ()


Merge = Callable[[Sequence[Mapping[str, bytes]]], Predictor]
"""From the files of several folds' models to one predictor that is their average."""


class Learner(Protocol):
    """A way to learn.

    ``view`` names the numbers it wants. ``merge`` averages models of several folds into one predictor behind the view
    of all development rows; a learner that has none is fitted again on all of them.
    """

    @property
    def view(self) -> View: ...

    @property
    def merge(self) -> Merge | None: ...

    def fit(self, fit: Fit) -> Fitted:
        """Fit, obeying the deadline.

        Raises
        ------
        FitFailed
            When these rows cannot be learned from.
        """
        ...
