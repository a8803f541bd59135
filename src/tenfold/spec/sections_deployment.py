"""The section ``deployment``: under which name the model is served, and who says which version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from tenfold.records.release import Strategy
from tenfold.spec.section import ProjectName, Section
from tenfold.spec.sections_batch import BatchSection
from tenfold.spec.sections_fields import FieldPolicySection
from tenfold.spec.sections_traffic import AbSection, CanarySection, ShadowSection


class DeploymentSection(Section):
    """Where versions go live.

    ``endpoint`` None is the model's own name; ``Spec.endpoint`` tells it. ``promote`` ``auto`` lets a run make the
    first version that passes its requirements the champion; ``ask`` leaves it to a person. ``strategy`` says how a
    promotion comes to its traffic where a champion is there already: ``all`` switches at once, the others begin a
    trial. ``fields``: what the gateway does with values that a column should not hold.
    ``batch``: rows that are scored on a schedule.
    """

    endpoint: ProjectName | None = None
    promote: Literal["ask", "auto"] = "ask"
    strategy: Strategy = "all"
    canary: CanarySection = CanarySection()
    ab: AbSection = AbSection()
    shadow: ShadowSection = ShadowSection()
    fields: Mapping[str, FieldPolicySection] = Field(default_factory=dict)
    batch: BatchSection | None = None
