"""The model in use today, when there is one to compare with."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.bundle.model import Model
from tenfold.foundation.errors import DataError
from tenfold.measures.outcome import Outcome
from tenfold.records.problem import Problem
from tenfold.stages.evaluation.outcomes import outcome_of
from tenfold.stages.evaluation.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Champion:
    """A registered model under its reference, such as ``flights@3``.

    ``bundle`` is its bundle's name, ``size_bytes`` the length of its archive; both are empty where they are not known.
    """

    name: str
    model: Model
    bundle: str = ""
    size_bytes: int | None = None

    def outcome(self, problem: Problem, rows: Rows) -> tuple[Outcome | None, str]:
        """Return what it says of these rows and an empty string, or None and the reason why it cannot be compared."""
        if (self.model.task, self.model.classes) != (problem.task, problem.classes):
            return None, f"the champion '{self.name}' answers another question: {self.model.task} {self.model.classes}"
        try:
            table = self.model.signature.conform(rows.table)
        except DataError as error:
            return None, f"the champion '{self.name}' cannot read these rows: {error}"
        return outcome_of(problem, rows, self.model.scores(table), self.model.threshold), ""
