"""Versions: what each was judged to be, and what its names meant when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.store.rows import Version
from tenfold.web.standing import Standing, standing_of
from tenfold.web.state import State

_MOST_VERSIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One version; ``aliases`` are the names that mean it now."""

    version: Version
    aliases: tuple[str, ...]
    standing: Standing
    evidence: int
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """A model: its versions, newest first, and what happened to it, newest first."""

    name: str
    versions: tuple[Listed, ...]
    more: int
    events: tuple[Mapping[str, Any], ...]


def names_of(state: State) -> tuple[tuple[str, tuple[Version, ...]], ...]:
    """Return each model with its versions, newest first."""
    names = sorted({version.name for version in state.versions})
    return tuple((name, tuple(reversed([each for each in state.versions if each.name == name]))) for name in names)


def model_of(state: State, name: str) -> ModelPage:
    """Return one model.

    Raises
    ------
    InputError
        When no version of this name is registered.
    """
    found = dict(names_of(state)).get(name)
    if found is None:
        known = sorted({version.name for version in state.versions})
        raise InputError(f"no model '{name}' is registered.{did_you_mean(name, known)}")
    store = state.project.store
    aliases = store.aliases.current(name)
    events = state.project.model_history(name).document()["events"]
    moved = {event["recorded"] for event in events if event["event"] == "released"}
    # A release says which version it made champion, so the aliases that moved with it need no line of their own;
    # decisions stand on the page of history.
    told = [
        event
        for event in events
        if event["event"] in {"registered", "released"}
        or (event["event"] == "alias" and event["recorded"] not in moved)
    ]
    return ModelPage(
        name=name,
        versions=tuple(_listed(state, version, aliases) for version in found[:_MOST_VERSIONS]),
        more=max(0, len(found) - _MOST_VERSIONS),
        events=tuple(reversed(told)),
    )


def _listed(state: State, version: Version, aliases: Mapping[str, int]) -> Listed:
    evidence = state.project.store.evidence.of(subject=version.bundle)
    looks = [look for look in state.looks if look.health.window.bundle == version.bundle]
    requirements = state.project.spec.requirements if version.name == state.project.spec.name else ()
    return Listed(
        version=version,
        aliases=tuple(alias for alias, number in aliases.items() if number == version.number),
        standing=standing_of(requirements, evidence, looks),
        evidence=len(evidence),
        live=state.live is not None and state.live.bundle == version.bundle,
    )
