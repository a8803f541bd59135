"""Which transforms feed the learners; they are fitted later, inside the folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

View = Literal["native", "filled", "dense"]
LeakKind = Literal[
    "near-perfect",
    "name",
    "encoded",
    "future",
    "moment",
    "order",
    "group",
    "duplicates",
    "prepared",
    "plugin",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transform: its kind in the transforms table, the columns it reads, its settings, and why it is there."""

    kind: str
    columns: tuple[str, ...]
    settings: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLeak:
    """A column that may know the answer, found while features were planned.

    ``severity`` ``block``: it is left out, and the run stops, unless the user vouches for it. ``warn``: it is told and
    used. ``strength`` is the AUC or R2 of the column alone, where that is what was found; else the share of rows, or
    the correlation, that the reason names. ``column`` is empty where the rows themselves leak.
    """

    column: str
    kind: LeakKind
    severity: Literal["block", "warn"]
    reason: str
    strength: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePlan:
    """The features stage's result.

    ``views`` holds one list of steps for each way in which learners want their numbers:

    - ``native``: missing stays missing, categories are codes (boosted trees);
    - ``filled``: imputed with indicators, categories are codes (forests);
    - ``dense``: imputed with indicators, scaled, categories one-hot (linear models).

    ``inputs`` are the columns that a prediction needs: the model's signature, in this order. ``lags`` are among them:
    columns derived from the history of an entity, named ``column__lag1``; payload ``lags.parquet`` holds their values
    for each row of the table when there are any.
    """

    inputs: tuple[str, ...]
    views: Mapping[View, tuple[Step, ...]]
    lags: tuple[Step, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    leaks: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    leak_details: tuple[FeatureLeak, ...] = ()
