"""A model as a program: numbered values, each made of a row or of values before it. What exports are generated from.

The program says what the plan calculates, in operations that other languages have: a row's numbers, the places of its
words among known ones, sums, borders, trees. Missing is NaN. Each export writes the operations that it has words for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tenfold.bundle.predictors.link import Link
from tenfold.records.dataset import Field

Kind = Literal["trees", "oblivious", "linear", "network", "constant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operation.

    Attributes
    ----------
    op : str
        Its name; `tenfold.exports.translate` says what each calculates.
    columns : tuple of int
        Which of the row's columns it reads.
    reads : tuple of int
        Which values made before it reads.
    facts : mapping
        Its numbers, as JSON holds them: None where a number is missing.
    made : int
        How many values it makes; they get the next numbers.
    step : str
        Of which step it is a part, for a refusal.
    """

    op: str
    columns: tuple[int, ...] = ()
    reads: tuple[int, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    made: int = 1
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation:
    """A predictor over some values.

    Attributes
    ----------
    kind : str
        ``trees``: arrays of nodes, see `tenfold.exports.forest`; ``oblivious``; ``linear``: ``coef`` by column and
        ``intercept``; ``network``: ``layers`` of ``weight`` and ``bias``; ``constant``: ``values``.
    reads : tuple of int
        The values that are its columns.
    link : str
        From raw scores to predictions; ``complement`` makes the first of two probabilities of the second.
    weight : float
        Its share of the ensemble.
    """

    key: str
    kind: Kind
    reads: tuple[int, ...]
    facts: Mapping[str, Any]
    link: Link | Literal["complement"]
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A model: the columns of a row, operations, predictors over the values, and what is done with their mean.

    ``recalibration`` and ``decision`` (``threshold``, or ``amounts`` by class and outcome, or neither) are as JSON
    holds them.
    """

    fields: tuple[Field, ...]
    nodes: tuple[Node, ...]
    parts: tuple[Calculation, ...]
    task: str
    classes: tuple[str, ...]
    recalibration: Mapping[str, Any] | None
    decision: Mapping[str, Any]

    @property
    def outputs(self) -> int:
        """Columns of the scores."""
        return len(self.classes) or 1

    @property
    def values(self) -> int:
        """How many values the nodes make."""
        return sum(node.made for node in self.nodes)
