"""An earlier search, for one that goes on from its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tenfold.engine.stage import External, Stage
from tenfold.foundation.errors import InputError
from tenfold.foundation.serial import from_json
from tenfold.records.tuning import Tuning
from tenfold.store.open import Store

if TYPE_CHECKING:
    from tenfold.stages.tuning.earlier import EarlierSearch

EARLIER = "earlier"
_LOSSES_DEPEND_ON = ("problem", "data", "validation", "features")


def earlier_externals(stages: Sequence[Stage], store: Store) -> dict[str, External]:
    """Return the search that the tuning stage goes on from, under its name; nothing where the file names none.

    Raises
    ------
    InputError
        When there is no such run, or it did not come to a search.
    """
    for stage in stages:
        if EARLIER in stage.needs:
            return {EARLIER: _external(store, str(getattr(stage.options, "start_from", "")))}
    return {}


def _external(store: Store, run: str) -> External:
    parts = {part.stage: part.fingerprint for part in store.history.stages(store.history.find(run).id)}
    if "tuning" not in parts or store.results.find(parts["tuning"]) is None:
        raise InputError(
            f"tuning.start_from names run {run}, of whose search nothing is kept: choose one that came to a model"
            " (`tenfold runs list`)"
        )
    return External(fingerprint=parts["tuning"], load=lambda: _load(store, run, parts))


def _load(store: Store, run: str, parts: Mapping[str, str]) -> EarlierSearch:
    from tenfold.stages.tuning.earlier import EarlierSearch

    found = store.results.find(parts["tuning"])
    assert found is not None
    record = from_json(Tuning, store.blobs.path(found.record).read_bytes())
    measured_on = {name: parts[name] for name in _LOSSES_DEPEND_ON if name in parts}
    return EarlierSearch(run=run, trials=record.trials, measured_on=measured_on)
