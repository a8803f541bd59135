"""Manifests of endpoints: one small file for each, which whoever serves watches and loads.

Neither SQL nor a table library is needed to read or write one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from tenfold.foundation.errors import InputError, StoreError
from tenfold.foundation.serial import canonical_json, from_json, plain
from tenfold.records.release import Endpoint, FieldPolicy, Route, Strategy, Trip
from tenfold.store.files.disk import BeforeWrite, Disk, explained, nothing
from tenfold.store.files.lock import locked

FORMAT = 1
FOLDER = "endpoints"
TRIPPED = ".tripped"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LARGEST_BYTES = 1_000_000
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    format: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A manifest as it is written: an endpoint whose name is called ``endpoint``."""

    endpoint: str
    revision: int
    strategy: Strategy
    at: datetime
    replay: bool
    routes: tuple[Route, ...]
    salt: str = ""
    assign: str | None = None
    fields: Mapping[str, FieldPolicy] = field(default_factory=dict)


def manifest_path(store: Path, name: str) -> Path:
    """Return where the manifest of an endpoint lies.

    Raises
    ------
    InputError
        When the name is no name of an endpoint.
    """
    if _NAME.fullmatch(name) is None:
        raise InputError(f"'{name}' cannot name an endpoint: use letters, digits, '.', '_' and '-', at most 100")
    return store / FOLDER / f"{name}.json"


@contextmanager
def publishing(store: Path) -> Iterator[None]:
    """Hold the right to publish, so that what is read from the catalog meanwhile is what gets published last."""
    disk = Disk(store)
    with explained(store):
        disk.make_folder(store / FOLDER)
        with locked(store / FOLDER / ".lock", wait_seconds=_WAIT_SECONDS):
            yield


def publish(store: Path, endpoint: Endpoint, *, before_write: BeforeWrite = nothing) -> Path:
    """Put the manifest in place: whoever reads sees the old one or the new one, whole; durable when this returns."""
    place = manifest_path(store, endpoint.name)
    disk = Disk(store, before_write)
    with explained(store):
        disk.make_folder(place.parent)
        disk.write(place, written(endpoint))
    return place


def written(endpoint: Endpoint) -> bytes:
    """Return the manifest as it is written."""
    facts = _Written(
        endpoint=endpoint.name,
        revision=endpoint.revision,
        strategy=endpoint.strategy,
        at=endpoint.at,
        replay=endpoint.replay,
        routes=endpoint.routes,
        salt=endpoint.salt,
        assign=endpoint.assign,
        fields=endpoint.fields,
    )
    return canonical_json({"format": FORMAT, **plain(facts)})


def read(store: Path, name: str) -> Endpoint | None:
    """Return what an endpoint serves; None when nothing was published under this name.

    Raises
    ------
    StoreError
        When the manifest was damaged, or is of a format that this version does not know.
    """
    place = manifest_path(store, name)
    try:
        with place.open("rb") as stream:
            content = stream.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the manifest '{place}' cannot be read: {error.strerror}") from error
    try:
        found = from_json(_Format, content).format
        if found != FORMAT:
            raise StoreError(f"the manifest '{place}' has format {found}, this Tenfold reads {FORMAT}; upgrade it")
        facts = from_json(_Written, content)
    except ValidationError as error:
        raise StoreError(
            f"the manifest '{place}' is damaged; `tenfold model promote` of the champion writes it anew"
        ) from error
    if facts.endpoint != name:
        raise StoreError(f"the manifest '{place}' is of the endpoint '{facts.endpoint}': it was moved by hand")
    return Endpoint(
        name=name,
        revision=facts.revision,
        routes=facts.routes,
        at=facts.at,
        strategy=facts.strategy,
        replay=facts.replay,
        salt=facts.salt,
        assign=facts.assign,
        fields=facts.fields,
    )


def shadow_of(name: str) -> str:
    """Return the name under which the log keeps what an endpoint's shadow said; no endpoint can be called so."""
    return f"{name}~shadow"


def trip_path(store: Path, name: str) -> Path:
    """Return where a gateway notes that it has stopped a candidate of an endpoint."""
    return manifest_path(store, name).with_suffix(TRIPPED)


def report_trip(store: Path, trip: Trip, *, before_write: BeforeWrite = nothing) -> None:
    """Note that a candidate was stopped, for the other workers and for the next pass; of one trial the first stays."""
    if read_trip(store, trip.endpoint, trip.salt) is not None:
        return
    with explained(store):
        Disk(store, before_write).write(trip_path(store, trip.endpoint), canonical_json(plain(trip)))


def read_trip(store: Path, name: str, salt: str) -> Trip | None:
    """Return why the candidate of a trial was stopped; None when it was not, or what was noted is damaged."""
    try:
        found = from_json(Trip, trip_path(store, name).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return found if found.salt == salt else None


def names(store: Path) -> tuple[str, ...]:
    """Return the names of the endpoints that have a manifest, sorted."""
    return tuple(sorted(place.stem for place in (store / FOLDER).glob("*.json") if _NAME.fullmatch(place.stem)))
