"""How old a table is: judged whenever it is asked, from the newest moment that was seen when the rows were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from tenfold.foundation.units import format_seconds
from tenfold.measures.contract.contract import SEVERITIES, Contract
from tenfold.measures.contract.read import contract_from_text
from tenfold.records.dataset import Dataset, Finding

FRESHNESS = "freshness"


def too_old(contract: Contract, newest: Mapping[str, datetime], now: datetime) -> tuple[Finding, ...]:
    """Return which columns' newest moments are older than the contract allows."""
    found = []
    for freshness in contract.freshness:
        last = newest.get(freshness.column)
        if last is None:
            continue
        age = (now - last).total_seconds()
        if age > freshness.within_seconds:
            text = (
                f"the newest '{freshness.column}' is {last:%Y-%m-%d %H:%M}, {format_seconds(age)} old;"
                f" at most {freshness.within} is allowed"
            )
            found.append(Finding(rule=FRESHNESS, severity=freshness.severity, message=text, column=freshness.column))
    return tuple(found)


def with_age(dataset: Dataset, now: datetime | None) -> Dataset:
    """Return the record with what is to be said of its age at a moment; without one, as it is.

    A record is kept as long as its data do not change, and data that do not change grow old.
    """
    if now is None or dataset.contract is None or not dataset.newest:
        return dataset
    newest = {name: datetime.fromisoformat(moment) for name, moment in dataset.newest.items()}
    others = tuple(each for each in dataset.findings if each.rule != FRESHNESS)
    findings = (*others, *too_old(contract_from_text(dataset.contract), newest, now))
    order = sorted(findings, key=lambda each: -SEVERITIES.index(each.severity)) if findings != others else findings
    return replace(dataset, findings=tuple(order))
