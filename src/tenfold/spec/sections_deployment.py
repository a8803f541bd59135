"""The section ``deployment``: under which name the model is served, and who says which version."""

from __future__ import annotations

from typing import Literal

from tenfold.spec.section import ProjectName, Section


class DeploymentSection(Section):
    """Where versions go live.

    ``endpoint`` None is the model's own name; ``Spec.endpoint`` tells it. ``promote`` ``auto`` lets a run make the
    first version that passes its requirements the champion; ``ask`` leaves it to a person.
    """

    endpoint: ProjectName | None = None
    promote: Literal["ask", "auto"] = "ask"
