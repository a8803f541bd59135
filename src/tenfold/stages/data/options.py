"""What the file's ``data`` section says of the columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tenfold.measures.contract.foreign import ForeignKeys
from tenfold.records.dataset import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnOptions:
    """One column, where the user overrules what is found.

    Attributes
    ----------
    available : str or None
        ``later``: known only with the outcome, so usable in lags alone.
    feature : bool or None
        True lets a sensitive column be a feature.
    """

    role: Role | None = None
    available: Literal["now", "later"] | None = None
    impute: str | None = None
    scale: str | None = None
    feature: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """How the table is prepared.

    Attributes
    ----------
    duplicates : str
        ``report`` counts repeated rows and keeps them in one fold, ``drop`` keeps the first of them.
    contract : str or None
        The text of the contract that the data must keep; None infers one.
    foreign : mapping of str to ForeignKeys
        The keys of other tables that the contract looks up, by the ids of its rules.
    quarantine : str
        What becomes of rows that break the contract: ``keep`` lists them, ``drop`` also takes them out of the table.
    quarantine_at_most : float
        The share of rows that may be taken out.
    """

    columns: Mapping[str, ColumnOptions] = field(default_factory=dict)
    duplicates: Literal["report", "drop"] = "report"
    contract: str | None = None
    foreign: Mapping[str, ForeignKeys] = field(default_factory=dict)
    quarantine: Literal["keep", "drop"] = "keep"
    quarantine_at_most: float = 0.1
