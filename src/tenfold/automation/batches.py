"""A batch on a schedule: at each moment the rows that came since the one before, each of them once.

The rows of a moment and the version that scores them are settled and written down before the first is scored. Whoever
goes on after a pass that died works on the same rows with the same version, so that its job goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from tenfold.automation.batch_rows import BatchRows, new_rows
from tenfold.automation.schedule import latest_slot, slots
from tenfold.batch.into_table import CHUNK_ROWS, TableOptions
from tenfold.foundation.errors import StoreError, TenfoldError
from tenfold.foundation.serial import plain
from tenfold.project.batch_input import batch_file, batch_sink, need_readable, write_batch_rows
from tenfold.project.dated_input import moment_of
from tenfold.project.document import Document
from tenfold.project.joined_input import joined_input
from tenfold.project.open import Project
from tenfold.project.score import bundle_path, predict, predict_into_table
from tenfold.records.batch import BatchSlot
from tenfold.spec.sections_batch import BatchSection, batch_time, batch_timezone

_MOST_MOMENTS = 500
"""Of one pass: after a pause of months the windows of production are still looked at in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPass:
    """What one pass did of a batch.

    Attributes
    ----------
    slots : tuple of BatchSlot
        The moments that were finished, skipped or begun with.
    waiting : int
        Moments that have come and were not finished.
    problem : str
        Why the pass stopped; the next one goes on there. Empty when nothing is wrong.
    """

    slots: tuple[BatchSlot, ...] = ()
    waiting: int = 0
    problem: str = ""

    def document(self) -> Document:
        """Return the pass as JSON-ready values."""
        return {"slots": [plain(slot) for slot in self.slots], "waiting": self.waiting, "problem": self.problem}


def score_due(project: Project) -> BatchPass | None:
    """Score what the schedule of a project's batch asks for by now; None when the file has no batch.

    Each moment is answered in its order, also those that passed while nothing ran. A moment that cannot be answered is
    told of and tried again by the next pass; those after it wait.
    """
    batch = project.spec.deployment.batch
    if batch is None:
        return None
    schedule = _Schedule(project=project, batch=batch)
    done: list[BatchSlot] = []
    waiting = 0
    try:
        done.extend(schedule.begin())
        due = schedule.due()
        waiting = len(due)
        for moment in due[:_MOST_MOMENTS]:
            done.append(schedule.answer(moment, newest=due[-1]))
            waiting -= 1
    except TenfoldError as error:
        return BatchPass(slots=tuple(done), waiting=waiting, problem=str(error))
    return BatchPass(slots=tuple(done), waiting=waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schedule:
    """A project's batch: where it is, and what comes next."""

    project: Project
    batch: BatchSection

    @property
    def name(self) -> str:
        return self.project.spec.endpoint

    @property
    def rows(self) -> BatchRows:
        return BatchRows(store=self.project.store.folder, schedule=self.name)

    def begin(self) -> Iterator[BatchSlot]:
        """Settle where the first rows begin, once."""
        if self._newest() is not None:
            return
        now, zone = self._reached(), batch_timezone(self.project.spec)
        if self.batch.since is not None:
            first = moment_of(self.batch.since, zone, name="deployment.batch.since")
            reason = f"deployment.batch.since is {self.batch.since}"
        else:
            first = latest_slot(self.batch.schedule, timezone=zone, now=now) or now
            reason = "the first pass; set deployment.batch.since to score rows that came before"
        begun = BatchSlot(
            schedule=self.name, slot=first, since=first, state="begun", at=self.project.clock.now(), reason=reason
        )
        yield self.project.store.batches.keep(begun)

    def due(self) -> tuple[datetime, ...]:
        """Return the moments that have come and have no end yet, oldest first."""
        zone, now = batch_timezone(self.project.spec), self._reached()
        taken = self._taken()
        begun = () if taken is None else (taken.slot,)
        # What was begun is finished, whatever the file's schedule says since.
        after = self._ended() if taken is None else taken.slot
        return (*begun, *slots(self.batch.schedule, timezone=zone, after=after, until=now))

    def _reached(self) -> datetime:
        """Return up to when moments are answered: each a while after it came, where the file says so."""
        return self.project.clock.now() - timedelta(seconds=self.batch.wait_seconds)

    def answer(self, moment: datetime, *, newest: datetime) -> BatchSlot:
        """Score the rows of a moment, or write down why not."""
        taken = self._taken()
        if taken is not None:
            return self._finish(taken)
        since, now = self._ended(), self.project.clock.now()
        if self.batch.missed == "skip" and moment < newest:
            reason = "it passed while nothing ran, and deployment.batch.missed is skip"
            skipped = BatchSlot(schedule=self.name, slot=moment, since=since, state="skipped", at=now, reason=reason)
            return self.project.store.batches.keep(skipped)
        return self._finish(self._take(moment, since))

    def _take(self, moment: datetime, since: datetime) -> BatchSlot:
        """Settle which rows a moment has, and by which version they are scored."""
        version = self.project.store.registry.find(f"{self.project.spec.name}@champion")
        slot = BatchSlot(
            schedule=self.name,
            slot=moment,
            since=since,
            state="taken",
            at=self.project.clock.now(),
            job=f"{self.name}/{moment:%Y-%m-%dT%H:%M:%SZ}",
            model=f"{version.name}@{version.number}",
        )
        count, late = self._write_rows(slot)
        return self.project.store.batches.keep(replace(slot, rows=count, late=late))

    def _write_rows(self, slot: BatchSlot) -> tuple[int, int]:
        """Keep the rows of a moment as they are now; return how many there are, and how many of them came late."""
        spec, time = self.project.spec, str(batch_time(self.project.spec))
        bundle = bundle_path(slot.model, spec.folder)
        earliest = max(slot.since - timedelta(seconds=self.batch.late_seconds), self._floor())
        with TemporaryDirectory(prefix="tenfold-batch-") as folder:
            read = Path(folder, "read.parquet")
            if not write_batch_rows(spec, bundle, since=earliest, until=slot.slot, into=read):
                return 0, 0
            known = self.rows.taken(after=earliest, before=slot.slot)
            rows = new_rows(pl.read_parquet(read), known, time=time, since=slot.since, key=self.batch.key)
            if rows.is_empty():
                return 0, 0
            own = Path(folder, "rows.parquet")
            rows.write_parquet(own)
            if self.batch.join:
                with joined_input(slot.model, str(own), folder=spec.folder, table=None) as joined:
                    need_readable(spec, bundle, joined)
                    self.rows.keep(slot.slot, own, scored=joined)
            else:
                need_readable(spec, bundle, own)
                self.rows.keep(slot.slot, own)
        return rows.height, rows.filter(pl.col(time) < slot.since).height

    def _finish(self, taken: BatchSlot) -> BatchSlot:
        """Score the rows that were taken, from where a pass before this one stopped."""
        added = self._score(taken) if taken.rows else 0
        now = self.project.clock.now()
        done = self.project.store.batches.keep(replace(taken, state="done", added=added, at=now))
        self.rows.forget(until=taken.slot - timedelta(seconds=self.batch.late_seconds))
        return done

    def _score(self, taken: BatchSlot) -> int:
        rows = self.rows.scored(taken.slot)
        if rows is None:
            # Taken anew; should they be others by now, the job refuses to go on with them.
            self._write_rows(taken)
            rows = self.rows.scored(taken.slot)
        if rows is None:
            raise StoreError(
                f"the rows of {taken.slot:%Y-%m-%d %H:%M} UTC of the batch '{self.name}' are gone, from the store and"
                " from the source: bring them back, and the next pass goes on"
            )
        folder, clock = self.project.spec.folder, self.project.clock
        keep = tuple(dict.fromkeys((*self.batch.key, *self.batch.keep)))
        if self.batch.table is None:
            output = batch_file(self.project.spec, self.batch, taken.slot)
            chunk_rows = self.batch.chunk_rows
            write = partial(predict, taken.model, str(rows), output, folder=folder, keep=keep, job=taken.job)
            return write(chunk_rows=chunk_rows, clock=clock).rows_added
        options = TableOptions(
            table=self.batch.table, keep=keep, job=taken.job, chunk_rows=self.batch.chunk_rows or CHUNK_ROWS
        )
        sink = batch_sink(self.project.spec, self.batch)
        return predict_into_table(taken.model, str(rows), sink, options, folder=folder, clock=clock).written.added

    def _newest(self) -> BatchSlot | None:
        newest = self.project.store.batches.of(self.name, last=1)
        return newest[0] if newest else None

    def _ended(self) -> datetime:
        """Return until when every row has been answered for."""
        newest = self._newest()
        assert newest is not None, "a schedule begins before it is asked"
        return newest.since if newest.state == "taken" else newest.slot

    def _taken(self) -> BatchSlot | None:
        """Return the moment whose rows were taken and not all scored."""
        newest = self._newest()
        return newest if newest is not None and newest.state == "taken" else None

    def _floor(self) -> datetime:
        """Return before when no row is looked for: where rows begin, or were skipped."""
        return self.project.store.batches.of(self.name, states=("begun", "skipped"), last=1)[0].slot
