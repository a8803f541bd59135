"""The rows of a schedule's moments, as they were when they were taken: on the disk beside the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tenfold.store.files.disk import Disk, explained

_MOMENT = "%Y%m%dT%H%M%SZ"
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRows:
    """Files of the rows of each moment, kept as long as a row may come late.

    ``rows``: what the source held. ``input``: what is scored, where sources were put beside the rows.
    """

    store: Path
    schedule: str

    def keep(self, slot: datetime, rows: Path, *, scored: Path | None = None) -> None:
        """Keep the rows of a moment, durable when this returns; what was kept of it before is replaced."""
        disk = Disk(self.store)
        with explained(self.store):
            disk.make_folder(self._folder)
            if scored is not None:
                disk.publish(disk.copy(scored, mode=_PRIVATE), self._place(slot, "input"))
            disk.publish(disk.copy(rows, mode=_PRIVATE), self._place(slot, "rows"))

    def scored(self, slot: datetime) -> Path | None:
        """Return the file of what is scored at a moment; None when it is gone."""
        found = (self._place(slot, "input"), self._place(slot, "rows"))
        return next((path for path in found if path.exists()), None)

    def taken(self, *, after: datetime, before: datetime) -> tuple[pl.DataFrame, ...]:
        """Return the rows of the moments between two, both excluded."""
        if not self._folder.is_dir():
            return ()
        paths = sorted(self._folder.glob("*.rows.parquet"))
        return tuple(pl.read_parquet(path) for path in paths if after < _slot_of(path) < before)

    def forget(self, *, until: datetime) -> None:
        """Remove the rows of moments that no late row can belong to any more."""
        for path in self._folder.glob("*.parquet") if self._folder.is_dir() else ():
            if _slot_of(path) <= until:
                path.unlink(missing_ok=True)

    @property
    def _folder(self) -> Path:
        return self.store / "batch" / self.schedule

    def _place(self, slot: datetime, what: str) -> Path:
        return self._folder / f"{slot.astimezone(UTC):{_MOMENT}}.{what}.parquet"


def new_rows(
    found: pl.DataFrame, taken: Sequence[pl.DataFrame], *, time: str, since: datetime, key: Sequence[str]
) -> pl.DataFrame:
    """Return the rows of a moment, after those of earlier moments that were not there when these were scored.

    Parameters
    ----------
    found : DataFrame
        Rows of the source, some of them from before ``since``.
    taken : sequence of DataFrame
        Rows of earlier moments.
    key : sequence of str
        What tells rows of one time apart; empty for all columns.
    """
    late = found.filter(pl.col(time) < since)
    for rows in taken:
        known = [name for name in (*key, time) if name in rows.columns] if key else _comparable(late, rows)
        names = list(dict.fromkeys(known))
        # A column may have another type by now; what it says is compared.
        words = [_word(name, late.schema[name], rows.schema[name]) for name in names]
        seen = rows.select(_word(name, rows.schema[name], late.schema[name]) for name in names).unique()
        late = (
            late.with_row_index("__row")
            .join(seen.lazy().collect(), left_on=words, right_on=names, how="anti", nulls_equal=True)
            .sort("__row")
            .drop("__row")
        )
    return pl.concat([late, found.filter(pl.col(time) >= since)])


def _word(name: str, dtype: pl.DataType, other: pl.DataType) -> pl.Expr:
    """Return what a column says, alike for 5, 5.0 and '5' where one reading found numbers and the other did not."""
    word = pl.col(name).cast(pl.String)
    if dtype == other or not (dtype.is_numeric() or other.is_numeric()):
        return word
    return pl.coalesce(pl.col(name).cast(pl.Float64, strict=False).cast(pl.String), word)


def _comparable(late: pl.DataFrame, rows: pl.DataFrame) -> list[str]:
    return [name for name, dtype in late.schema.items() if name in rows.columns and not dtype.is_nested()]


def _slot_of(path: Path) -> datetime:
    return datetime.strptime(path.name.split(".", 1)[0], _MOMENT).replace(tzinfo=UTC)
