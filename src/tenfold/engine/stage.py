"""A stage as the engine sees it: a name, what it needs, a pure function, and the fingerprint of all that shapes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenfold.foundation.context import Received, StageResult
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.foundation.fingerprint import fingerprint
from tenfold.foundation.serial import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One node of the graph.

    Attributes
    ----------
    name : str
        Unique in the graph; later stages need it by this name.
    needs : tuple of str
        Names of stages and externals, each passed to ``run`` as an argument of that name.
    run : callable
        Called as ``run(**needed, options=options, ctx=context)``; returns a `StageResult`.
    record : type
        The type of the result's record, by which a kept one is read back.
    options : object
        A record or mapping that is part of the fingerprint.
    code : str
        The code fingerprint, see `tenfold.engine.code`.
    gate : callable, optional
        Asked with the stage's result, fresh or kept: the reason to stop here, or None.
    timed : bool
        Whether the result may depend on the time there is. A timed stage gets the run's deadline; any other gets none,
        so that the clock cannot shape what is kept under a fingerprint that knows nothing of clocks.
    """

    name: str
    needs: tuple[str, ...] = ()
    run: Callable[..., StageResult[Any]]
    record: type[Any]
    options: object = None
    code: str = ""
    gate: Callable[[Received[Any]], str | None] | None = None
    timed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """Something from outside the graph that stages need.

    ``load`` is called at most once in a run, and only when a stage that needs it is really run: a source that did not
    change is then not even read.
    """

    fingerprint: str
    load: Callable[[], object]

    @classmethod
    def of(cls, fingerprint: str, value: object) -> External:
        """Return an external whose value is at hand."""
        return cls(fingerprint=fingerprint, load=lambda: value)


def causes_of(stage: Stage, inputs: Mapping[str, str], seed: int) -> dict[str, object]:
    """Return what a stage's fingerprint is made of; ``inputs`` are the fingerprints of what it needs."""
    return {
        "code": stage.code,
        "options": plain(stage.options),
        "inputs": {name: inputs[name] for name in stage.needs},
        "seed": seed,
    }


def stage_fingerprint(stage: Stage, causes: Mapping[str, object]) -> str:
    """Return the name under which the stage's result is kept."""
    return fingerprint(stage.name, causes)


def stage_rng(stage: str, seed: int) -> np.random.Generator:
    """Return the stage's own source of chance: equal for equal (seed, name), unrelated for others."""
    name = int.from_bytes(hashlib.sha256(stage.encode()).digest()[:8], "big")
    return np.random.default_rng([seed, name])


def in_order(stages: Sequence[Stage], externals: Mapping[str, object], until: str | None = None) -> tuple[Stage, ...]:
    """Return the stages so that each comes after what it needs, otherwise as given; cut off after ``until``.

    Raises
    ------
    InputError
        When names repeat, a need or ``until`` is unknown, or stages need each other in a circle.
    """
    names = [stage.name for stage in stages]
    known = {*names, *externals}
    if len(known) < len(names) + len(externals):
        raise InputError(f"stages and externals must have different names, but these repeat: {', '.join(names)}")
    if until is not None and until not in names:
        raise InputError(f"there is no stage '{until}'; the stages are {', '.join(names)}.{did_you_mean(until, names)}")
    for stage in stages:
        for need in stage.needs:
            if need not in known:
                raise InputError(f"stage '{stage.name}' needs '{need}', which nothing gives{did_you_mean(need, known)}")
    ready, waiting, order = set(externals), list(stages), list[Stage]()
    while waiting:
        following = next((stage for stage in waiting if ready.issuperset(stage.needs)), None)
        if following is None:
            raise InputError(f"these stages need each other in a circle: {', '.join(stage.name for stage in waiting)}")
        waiting.remove(following)
        ready.add(following.name)
        order.append(following)
    if until is None:
        return tuple(order)
    return tuple(order[: [stage.name for stage in order].index(until) + 1])
