"""What a test asks: the requirements that hold where it runs, and the one that is asked where no other is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tenfold.measures.experiment.mixture import HORIZON
from tenfold.measures.names import metric_name
from tenfold.records.problem import Bound, Requirement, Task, ValueMatrix

AGAINST_CHAMPION = "against_champion"
"""The id of the comparison by the main metric that is made where no requirement compares with the champion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is fixed before the first row is read.

    Attributes
    ----------
    place : str
        ``canary`` or ``ab``: requirements that name places hold where this one is named.
    metric : str
        The main one.
    centres : mapping from metric to float
        What the champion was worth in the lab; ``deviations``: what its rows scattered by there.
    share : float
        The candidate's share when the test began.
    horizon : float
        Units after which bounds are narrowest.
    most : int
        Units of the candidate with known outcomes after which it is taken back where it was not shown to be good
        enough; 0: never.
    paired : bool
        The candidate is a shadow: it answered what the champion answered.
    """

    place: Literal["canary", "ab"]
    task: Task
    metric: str
    requirements: tuple[Requirement, ...] = ()
    value: ValueMatrix | None = None
    by_row: bool = False
    centres: Mapping[str, float] = field(default_factory=dict)
    deviations: Mapping[str, float] = field(default_factory=dict)
    share: float = 0.5
    horizon: float = HORIZON
    most: int = 0
    paired: bool = False

    @property
    def asked(self) -> tuple[Requirement, ...]:
        """The requirements that predictions and outcomes can answer here.

        Where none compares with the champion, one is added: the main metric is to be at least as good. In an A/B test
        it must be; a canary is only taken back when it is surely worse.
        """
        here = tuple(
            each
            for each in self.requirements
            if (not each.where or self.place in each.where) and not metric_name(each.metric).operational
        )
        if any(each.bound.reference == "champion" and each.level == "must" for each in here):
            return here
        known = metric_name(self.metric)
        direction: Literal[">=", "<="] = ">=" if known.greater_is_better else "<="
        added = Requirement(
            id=AGAINST_CHAMPION,
            metric=self.metric,
            direction=direction,
            bound=Bound(reference="champion"),
            text=f"{self.metric} {direction} champion",
            level="must" if self.place == "ab" else "should",
        )
        return (*here, added)

    @property
    def latency(self) -> tuple[Requirement, ...]:
        """The requirements of how long answers may take."""
        return tuple(
            each
            for each in self.requirements
            if (not each.where or self.place in each.where)
            and each.metric.startswith("latency_")
            and each.bound.reference is None
        )
