"""What an endpoint serves: which versions, from which files, with which threshold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One version behind an endpoint.

    Attributes
    ----------
    ref : str
        The version, such as ``flights@3``.
    bundle : str
        The bundle's name: whoever loads it holds it against this.
    path : str
        The bundle's archive, relative to the store's folder.
    share : float
        The share of the requests that it answers.
    threshold : float or None
        From which probability on the positive class is decided; None where there is no threshold.
    """

    ref: str
    bundle: str
    path: str
    share: float = 1.0
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A served name.

    ``revision`` counts its releases from 1. ``at`` is on the project's clock; ``replay`` says that this clock was set,
    not read.
    """

    name: str
    revision: int
    routes: tuple[Route, ...]
    at: datetime
    strategy: Literal["all"] = "all"
    replay: bool = False
