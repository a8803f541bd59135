"""Before a version's first traffic: what the gateway answers must be what was stored when the version was judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from tenfold.bundle.canonical import Unreadable, canonical_value, zone_called
from tenfold.bundle.inputs import input_table
from tenfold.bundle.model import PREDICTION, PROBABILITY
from tenfold.foundation.errors import CheckFailed, InputError
from tenfold.project.reproduce import kept_results
from tenfold.project.skew import features_apart
from tenfold.records.dataset import Field
from tenfold.records.release import Endpoint, Route
from tenfold.store.open import Store
from tenfold.store.rows import Version

if TYPE_CHECKING:
    from tenfold.gateway.version import Version as Served

MOST_ROWS = 100
_ALONE = 5
_CLOSE = 1e-9

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How many rows were compared, and the greatest difference of a score (relative where scores exceed one)."""

    rows: int
    deviation: float


def check_parity(version: Version, endpoint: str, store: Store) -> Parity:
    """Send rows whose predictions are stored through the gateway's own data plane, and compare.

    The rows are the bundle's probe rows (development rows, with the scores that were computed when it was written) and
    up to a hundred of the sealed rows on which the version was judged. They go as JSON bodies, as a caller would write
    them, through the same decoding, signature and scoring as traffic does: some one by one, the others together.

    Raises
    ------
    CheckFailed
        When an answer is not what was stored, or the gateway refuses a row.
    StoreError
        When the bundle cannot be loaded, or computes other scores here than where it was built.
    """
    # Imported here: the command line starts without the gateway.
    from tenfold.gateway.loading import Loader

    archive = store.blobs.path(version.blob)
    route = Route(ref=version.ref, bundle=version.bundle, path=archive.relative_to(store.folder).as_posix())
    served = Loader(store.folder).load(Endpoint(name=endpoint, revision=0, routes=(route,), at=version.at))
    compared, deviation = 0, 0.0
    for name, rows, stored in _stored(version, served, store):
        skew = features_apart(served.model, rows)
        if skew is not None:
            raise CheckFailed(f"{version.ref} is not promoted: of {name}, {skew.message}; training and serving differ")
        sendable, expected = _as_sent(served.model.signature.fields, rows, stored)
        if not sendable:
            continue
        answered = _answers(served, sendable, version.ref)
        apart = np.abs(answered - expected) / np.maximum(1.0, np.abs(expected))
        worst = int(np.argmax(apart.max(axis=1)))
        compared, deviation = compared + len(sendable), max(deviation, float(apart.max()))
        if not apart.max() <= _CLOSE:
            raise CheckFailed(
                f"{version.ref} is not promoted: served, it gives {name} other scores than were stored (row {worst}: "
                f"{answered[worst].tolist()} where {expected[worst].tolist()} stands); training and serving differ"
            )
    return Parity(rows=compared, deviation=deviation)


def _stored(version: Version, served: Served, store: Store) -> Iterator[tuple[str, pl.DataFrame, Scores]]:
    """Yield rows in canonical form with the scores that are stored of them."""
    probe = served.model.probe
    if probe is not None:
        yield "its probe rows", probe.rows, probe.scores
    try:
        kept: Mapping[str, Any] = kept_results(version.run, store)
    except InputError:
        # A version that came from elsewhere has no run: its probe rows are all that is stored.
        return
    evaluation = kept["evaluation"]
    if evaluation.record.judged_on != "test" or evaluation.record.bundle != version.bundle:
        # Out-of-fold predictions are those of other models.
        return
    predictions = pl.read_parquet(evaluation.files["predictions.parquet"])
    chosen = np.unique(np.linspace(0, predictions.height - 1, min(predictions.height, MOST_ROWS)).astype(np.int64))
    table = input_table(kept["data"].files["table.parquet"], kept["features"].files.get("lags.parquet"))
    names = [f"{PROBABILITY}{name}" for name in served.model.classes] or [PREDICTION]
    rows = table[predictions["row"].to_numpy()[chosen]].select(served.model.signature.names)
    yield "sealed rows", rows, predictions[chosen].select(names).to_numpy().astype(np.float64)


def _as_sent(fields: Sequence[Field], rows: pl.DataFrame, stored: Scores) -> tuple[list[dict[str, Any]], Scores]:
    """Return rows as a caller writes them; one that cannot be written so that it is read back the same is left out.

    An hour that the clock shows twice, in a format without an offset, is read as the first of the two.
    """
    sendable, places = [], []
    for place, row in enumerate(rows.iter_rows(named=True)):
        written = {field.name: _written(field, row[field.name]) for field in fields}
        if all(_read(field, written[field.name]) == row[field.name] for field in fields):
            sendable.append(written)
            places.append(place)
    return sendable, stored[places]


def _written(field: Field, value: object) -> object:
    if not isinstance(value, datetime):
        return value
    if field.datetime_format is None:
        return value.isoformat()
    local = value.astimezone(zone_called(field.timezone))
    return local.strftime(field.datetime_format.replace("%.f", ".%f"))


def _read(field: Field, written: object) -> object:
    try:
        return canonical_value(field, written)
    except Unreadable:
        return written


def _answers(served: Served, instances: Sequence[dict[str, Any]], ref: str) -> Scores:
    from tenfold.gateway.body import read_body
    from tenfold.gateway.limits import Limits
    from tenfold.gateway.refused import Refused
    from tenfold.gateway.version import NotFinite

    bodies = [[each] for each in instances[:_ALONE]]
    if len(instances) > _ALONE:
        bodies.append(list(instances[_ALONE:]))
    answers: list[Any] = []
    try:
        for body in bodies:
            asked = read_body(orjson.dumps({"instances": body}), Limits())
            answers += orjson.loads(orjson.dumps(served.predictions(served.score(asked.instances))))
    except (Refused, NotFinite) as error:
        raise CheckFailed(
            f"{ref} is not promoted: the gateway does not answer a row that it was built or judged on ({error})"
        ) from error
    if not served.model.classes:
        return np.array(answers, dtype=np.float64)[:, None]
    names = [f"{PROBABILITY}{name}" for name in served.model.classes]
    return np.array([[answer[name] for name in names] for answer in answers], dtype=np.float64)
