"""The section ``retraining``: when a challenger is trained, how hard, and who says whether it goes live."""

from __future__ import annotations

from typing import Literal

from tenfold.spec.section import Filled, Section, WrittenBudget


class RetrainingSection(Section):
    """How the model renews itself.

    ``when`` is ``auto`` (a failed live requirement, or harm), ``off``, or a schedule of five fields as cron has them,
    in UTC. ``budget`` None is that of ``training``.
    """

    when: Filled = "auto"
    promote: Literal["ask", "auto"] = "ask"
    budget_per_week: int = 3
    budget: WrittenBudget | None = None

    @property
    def schedule(self) -> str | None:
        """The five fields of the schedule; None when there is none."""
        return None if self.when in ("auto", "off") else self.when
