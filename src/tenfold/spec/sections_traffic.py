"""The parts of ``deployment`` that say how a new version comes to its traffic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from tenfold.spec.faults import Fault
from tenfold.spec.section import Section

if TYPE_CHECKING:
    from tenfold.spec.schema import Spec

FEWEST_REQUESTS = 30
_MOST_REQUESTS = 100_000_000
_MOST_STEPS = 20
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s?%")


def parse_share(text: object) -> object:
    """Return ``10%`` as 0.1; a validation error says how to write a share."""
    share = text
    if isinstance(text, str):
        found = _PERCENT.fullmatch(text.strip())
        share = float(found[1]) / 100.0 if found is not None else None
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 < share <= 1.0:
        raise PydanticCustomError(
            "share",
            "must be a share above 0% and at most 100%, such as 10% or 0.1, found {found}",
            {"found": str(text)},
        )
    return float(share)


Share: TypeAlias = Annotated[float, BeforeValidator(parse_share)]
"""A share of the ids: ``10%`` or ``0.1``."""


class CanarySection(Section):
    """How a version proves itself on a share of the traffic.

    ``requests``: judged requests (their outcome is due and known) at least before the share rises to the next of the
    ``steps``. ``most``: after so many a canary that was not shown to be good enough is rolled back.
    """

    steps: tuple[Share, ...] = (0.05, 0.25, 0.5)
    requests: int = 500
    most: int = 10_000


class AbSection(Section):
    """How two versions are compared: ``share`` of the ids are the new one's.

    ``adjust``: what is taken off each row's value so that less is left to chance: ``champion``, what the champion's own
    probabilities lead to expect, or a column of numbers. It is fixed when the test begins.
    """

    share: Share = 0.5
    adjust: str = ""


class ShadowSection(Section):
    """How a version is asked beside: for ``share`` of the ids."""

    share: Share = 1.0


def check_traffic(spec: Spec) -> Iterator[Fault]:
    """Yield what of ``deployment`` cannot be done."""
    canary = spec.deployment.canary
    if not 1 <= len(canary.steps) <= _MOST_STEPS:
        yield Fault(
            message=f"deployment.canary.steps must be 1 to {_MOST_STEPS} shares, found {len(canary.steps)}",
            line=spec.line_of("deployment", "canary", "steps"),
        )
    if not FEWEST_REQUESTS <= canary.requests <= _MOST_REQUESTS:
        yield Fault(
            message=f"deployment.canary.requests must be from {FEWEST_REQUESTS} to {_MOST_REQUESTS:,}, found"
            f" {canary.requests}; fewer rows are never judged",
            line=spec.line_of("deployment", "canary", "requests"),
        )
    if any(later <= earlier for earlier, later in zip(canary.steps, canary.steps[1:], strict=False)):
        shown = ", ".join(f"{100 * step:g}%" for step in canary.steps)
        yield Fault(
            message=f"deployment.canary.steps must rise, so that who was in the canary stays in it; found {shown}",
            line=spec.line_of("deployment", "canary", "steps"),
        )
    if canary.most < canary.requests * len(canary.steps):
        yield Fault(
            message=f"deployment.canary.most ({canary.most}) is less than the {len(canary.steps)} steps need with"
            f" {canary.requests} requests each ({canary.requests * len(canary.steps)})",
            line=spec.line_of("deployment", "canary", "most"),
        )
    if spec.deployment.ab.share >= 1.0:
        yield Fault(
            message="deployment.ab.share must leave something to the champion: less than 100%",
            line=spec.line_of("deployment", "ab", "share"),
        )
