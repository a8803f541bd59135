"""What gateways counted of the versions of a trial: requests, failures and times, in small files beside the log.

The gateway reaches no catalog, so each worker keeps a file of its own, ``served/<endpoint>/<trial>-<writer>.json``, and
writes it anew with all that it has counted; whoever judges the trial adds the files up. A worker that is killed takes
at most the counts of its last second with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import from_json, to_json
from tenfold.store.files.disk import BeforeWrite, Disk, explained, nothing

FOLDER = "served"
FORMAT = 1
BOUNDS_MS: tuple[float, ...] = (
    *(0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8),
    *(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0),
    *(10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 80.0),
    *(100.0, 150.0, 200.0, 250.0, 300.0, 400.0, 500.0, 600.0, 800.0),
    *(1000.0, 1500.0, 2000.0, 3000.0, 5000.0, 10_000.0),
)
"""Upper bounds of the histogram of times, in milliseconds: limits that people write are among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedArm:
    """What was counted of one version.

    Attributes
    ----------
    requests, failed : int
        Requests of which it was to answer rows, and those among them that it could not answer.
    times : tuple of int
        Answers by the time that a row took: one number for each of `BOUNDS_MS`, and one for what took longer.
    """

    ref: str
    requests: int = 0
    failed: int = 0
    times: tuple[int, ...] = (0,) * (len(BOUNDS_MS) + 1)

    def plus(self, other: ServedArm) -> ServedArm:
        """Return both together."""
        return ServedArm(
            ref=self.ref,
            requests=self.requests + other.requests,
            failed=self.failed + other.failed,
            times=tuple(a + b for a, b in zip(self.times, other.times, strict=True)),
        )

    def within(self) -> Mapping[float, int]:
        """Return how many rows took at most so many seconds, by bound; under infinity all of them."""
        found, below = {}, 0
        for bound, count in zip((*BOUNDS_MS, float("inf")), self.times, strict=True):
            below += count
            found[bound / 1000.0] = below
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFile:
    """The file of one writer: the arms of one trial, ``salt``, as far as this writer has counted."""

    salt: str
    arms: tuple[ServedArm, ...]
    format: int = FORMAT


def keep_served(
    store: Path, endpoint: str, writer: str, content: ServedFile, *, before_write: BeforeWrite = nothing
) -> None:
    """Put what a writer has counted in place of what it had counted before.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    disk = Disk(store, before_write)
    place = _place(store, endpoint) / f"{content.salt}-{writer}.json"
    with explained(store):
        disk.make_folder(place.parent)
        disk.write(place, to_json(content))


def read_served(store: Path, endpoint: str, salt: str) -> Mapping[str, ServedArm]:
    """Return what all writers together have counted of a trial, by version; empty where nobody counted.

    Raises
    ------
    StoreError
        When a file is damaged, or of another format.
    """
    return _added(
        arm for path in sorted(_place(store, endpoint).glob(f"{salt}-*.json")) for arm in _read(path, salt).arms
    )


def _added(arms: Iterable[ServedArm]) -> Mapping[str, ServedArm]:
    found: dict[str, ServedArm] = {}
    for arm in arms:
        found[arm.ref] = found[arm.ref].plus(arm) if arm.ref in found else arm
    return found


def _read(path: Path, salt: str) -> ServedFile:
    try:
        found = from_json(ServedFile, path.read_bytes())
    except ValidationError as error:
        raise StoreError(
            f"'{path}' is damaged; without it the trial is judged by what other workers counted"
        ) from error
    if found.format != FORMAT or found.salt != salt or any(len(arm.times) != len(BOUNDS_MS) + 1 for arm in found.arms):
        raise StoreError(f"'{path}' is not what this version of Tenfold counts requests in: upgrade it")
    return found


def _place(store: Path, endpoint: str) -> Path:
    return store / FOLDER / endpoint
