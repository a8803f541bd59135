"""The part of ``deployment`` that says what a gateway does with values that are not what a column should hold."""

from __future__ import annotations

from tenfold.records.release import FieldPolicy, Policy
from tenfold.spec.section import Section


class FieldPolicySection(Section):
    """What becomes of a value of a wrong type, of none, and of a category that training never saw.

    ``reject``: the request is refused. ``impute``: the value counts as missing, and the prediction log says so.
    ``pass``: it is read as far as it can be.
    """

    wrong_type: Policy = "reject"
    missing: Policy = "pass"
    unseen: Policy = "pass"

    def record(self) -> FieldPolicy:
        """Return it as a record."""
        return FieldPolicy(wrong_type=self.wrong_type, missing=self.missing, unseen=self.unseen)
