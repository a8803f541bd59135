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
class ChosenPair:
    """An interaction of two columns, with the share of folds that chose it.

    ``told`` is the share of what the single columns leave open that it tells, on all development rows.
    """

    name: str
    operation: str
    columns: tuple[str, ...]
    frequency: float
    told: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """How a column fared in the selection.

    ``frequency`` is the share of folds that chose it; ``strength`` its measure on all development rows, ``line`` what
    it must exceed there (both by the method: gain of trees, mutual information in nats, ...).
    """

    column: str
    frequency: float
    strength: float | None = None
    line: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureGroup:
    """Features that are made in one way, with what they are worth and what they cost.

    ``gain`` is how much greater the loss (``measure``, per row) of a quick model is without them, on rows that it did
    not train on, with its 95 % interval; ``row_us`` the processor time that making them takes for one row alone,
    ``batch_row_us`` for one row among many, both in microseconds. ``worth`` is ``pays``, ``costs`` or ``unclear``.
    """

    name: str
    columns: tuple[str, ...]
    features: int
    row_us: float
    batch_row_us: float
    measure: str = ""
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    rows: int = 0
    worth: Literal["pays", "costs", "unclear", "not measured"] = "not measured"
    setting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePlan:
    """The features stage's result.

    ``views`` holds one list of steps for each way in which learners want their numbers:

    - ``native``: missing stays missing, categories are codes (boosted trees);
    - ``filled``: imputed with indicators, categories are codes (forests);
    - ``dense``: imputed with indicators, scaled, categories one-hot (linear models).

    ``inputs`` are the columns that a prediction needs: the model's signature, in this order. ``lags`` are among them:
    columns derived from the history of an entity, lags named ``column__lag1`` and rolling windows ``column__mean_7d``;
    payload ``lags.parquet`` holds their values for each row of the table when there are any.

    ``fold_left_out`` are, for each fold of the validation plan, the columns that its training rows did not choose: they
    are missing throughout in that fold. ``selection``, ``pairs`` and ``groups`` tell how columns fared, which
    interactions were chosen, and what each group of features is worth.
    """

    inputs: tuple[str, ...]
    views: Mapping[View, tuple[Step, ...]]
    lags: tuple[Step, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    leaks: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    leak_details: tuple[FeatureLeak, ...] = ()
    fold_left_out: tuple[tuple[str, ...], ...] = ()
    selection: tuple[Selected, ...] = ()
    pairs: tuple[ChosenPair, ...] = ()
    groups: tuple[FeatureGroup, ...] = ()
