"""What changed in a source that kept its name: told at the next run, so that no table is exchanged in silence."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tenfold.foundation.context import Received
from tenfold.foundation.serial import from_json
from tenfold.records.dataset import Column, Dataset, Source
from tenfold.store.open import Store

_NAMED = 4


def data_changes(data: Received[Dataset] | None, run: str, store: Store) -> tuple[str, ...]:
    """Return what is different in each source since the run before, where its name and place are the same."""
    if data is None:
        return ()
    for earlier in store.history.recent():
        if earlier.id == run:
            continue
        part = next((each for each in store.history.stages(earlier.id) if each.stage == "data"), None)
        found = None if part is None else store.results.find(part.fingerprint)
        if found is None:
            continue
        if part is not None and part.fingerprint == data.fingerprint:
            return ()
        before = from_json(Dataset, store.blobs.path(found.record).read_bytes())
        return tuple(changes_between(before, data.record, earlier.id))
    return ()


def changes_between(before: Dataset, after: Dataset, run: str) -> Iterator[str]:
    """Yield one sentence for each source whose bytes differ between two data sets under the same name and place."""
    known = {(source.name, source.location): source for source in before.sources}
    for source in after.sources:
        old = known.get((source.name, source.location))
        if old is None or old.snapshot == source.snapshot:
            continue
        yield f"'{source.location}' changed since run {run}: {_what(old, source, before, after)}"


def _what(old: Source, new: Source, before: Dataset, after: Dataset) -> str:
    said = []
    if old.rows != new.rows:
        said.append(f"{old.rows:,} rows became {new.rows:,}")
    names, now = {each.name for each in before.columns}, {each.name for each in after.columns}
    if now - names:
        said.append(f"new columns {_listed(sorted(now - names))}")
    if names - now:
        said.append(f"columns gone {_listed(sorted(names - now))}")
    moved = [
        each.name for each in after.columns if each.name in names and _values_differ(before.column(each.name), each)
    ]
    if moved:
        said.append(f"values of {_listed(moved)}")
    return "; ".join(said) or "other bytes, or another order, of the same values"


def _values_differ(before: Column, after: Column) -> bool:
    if (before.missing, before.distinct, before.top) != (after.missing, after.distinct, after.top):
        return True
    pairs = [(before.low, after.low), (before.high, after.high), (before.mean, after.mean)]
    pairs.append((before.deviation, after.deviation))
    return any(
        (one is None) != (other is None)
        or (one is not None and other is not None and not math.isclose(one, other, rel_tol=1e-12))
        for one, other in pairs
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(f"'{name}'" for name in names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
