"""Batches on a schedule: what became of each of its moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SlotState = Literal["begun", "taken", "done", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSlot:
    """One step of one moment of a schedule: rows are taken once, then scored.

    Attributes
    ----------
    schedule : str
        What is scored: the endpoint.
    slot : datetime
        The moment, in UTC.
    since : datetime
        Where its rows begin: the moment before. A row belongs to it when ``since <= time < slot``.
    state : {'begun', 'taken', 'done', 'skipped'}
        ``begun``: the schedule's rows begin at this moment. ``taken``: its rows and its model are settled. ``done``:
        all of them are in the table. ``skipped``: they are never scored, and why.
    model : str
        The version that scores the rows, as ``name@number``.
    rows, late : int
        Rows that were taken, and how many of them belong to a moment before: they came after it was scored.
    added : int
        Rows that the pass that finished it wrote.
    """

    schedule: str
    slot: datetime
    since: datetime
    state: SlotState
    at: datetime
    job: str = ""
    model: str = ""
    rows: int = 0
    late: int = 0
    added: int = 0
    reason: str = ""
