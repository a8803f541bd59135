"""One pass over production: rows from the log into windows, each window looked at, incidents opened and closed.

A pass that dies is taken up by the next one: rows and how far the log was read are kept together, so are a look and
what it did to incidents, and evidence that stands in the log already is not written twice.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from tenfold.bundle.model import Model
from tenfold.foundation.clock import Clock, SystemClock
from tenfold.foundation.context import StageContext
from tenfold.foundation.errors import StoreError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.foundation.serial import from_json, plain, to_json
from tenfold.measures.sequential import Detector
from tenfold.measures.states.column import TableState
from tenfold.project.document import Document
from tenfold.project.metric_order import main_metric
from tenfold.project.reference import Watched, watched_version
from tenfold.project.skew import MOST_ROWS, scores_apart
from tenfold.project.window_rows import OWN, Cut, answered, cut, ids_of, outcomes_changed, outcomes_known, rows_of
from tenfold.records.evidence import Evidence, Verdict
from tenfold.records.health import Health, Incident, IncidentChange, IntegrityFinding, Judged, Window
from tenfold.spec.schema import Spec
from tenfold.stages.monitoring.cut import Cutting
from tenfold.stages.monitoring.incidents import follow
from tenfold.stages.monitoring.integrity import Past
from tenfold.stages.monitoring.options import MonitoringOptions
from tenfold.stages.monitoring.rows import Answered
from tenfold.stages.monitoring.run import Seen, judged, run
from tenfold.store.monitoring import KeptWindow, Part
from tenfold.store.open import Store
from tenfold.store.predictions.reader import Position, read_predictions

MOST_SILENT = 8
"""So many windows of a silence are kept; after them it goes on, which the incident says."""
_SETTLED = frozenset({"pass", "fail", "inconclusive"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a window leaves for the next one of its version."""

    state: TableState | None = None
    detectors: Mapping[str, Detector] = field(default_factory=dict)

    def written(self) -> bytes:
        """Return the memory as bytes; equal memories have equal bytes."""
        return gzip.compress(to_json(self), compresslevel=6, mtime=0)

    @classmethod
    def read(cls, content: bytes) -> Memory:
        """Return the memory kept as bytes."""
        return from_json(cls, gzip.decompress(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchReport:
    """What one pass looked at and what it did to incidents; the document is ``tenfold.monitor/1``.

    ``metric``: the one that counts first, of those that were measured. ``waiting``: predictions whose windows have all
    not ended; ``due``: when the first of them ends.
    """

    endpoint: str
    metric: str = ""
    looks: tuple[KeptWindow, ...] = ()
    changes: tuple[IncidentChange, ...] = ()
    rows: int = 0
    damaged: int = 0
    waiting: int = 0
    due: datetime | None = None
    ok: bool = True

    def document(self) -> Document:
        """Return the pass as JSON-ready values."""
        return {
            "schema": "tenfold.monitor/1",
            "endpoint": self.endpoint,
            "metric": self.metric or None,
            "rows": self.rows,
            "damaged": self.damaged,
            "waiting": self.waiting,
            "due": None if self.due is None else self.due.isoformat(),
            "windows": [window_document(look) for look in self.looks],
            "changes": [plain(change) for change in self.changes],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """Windows and incidents as they stand; the document is ``tenfold.health/1``.

    ``metric``: the one that counts first, of those that were measured.
    """

    endpoint: str
    metric: str = ""
    looks: tuple[KeptWindow, ...] = ()
    incidents: tuple[Incident, ...] = ()
    ok: bool = True

    def document(self) -> Document:
        """Return windows and incidents as JSON-ready values."""
        return {
            "schema": "tenfold.health/1",
            "endpoint": self.endpoint,
            "metric": self.metric or None,
            "windows": [window_document(look) for look in self.looks],
            "incidents": [plain(incident) for incident in self.incidents],
        }


def window_document(look: KeptWindow) -> Document:
    """Return a look at a window as JSON-ready values."""
    return {**plain(look.health), "at": look.at.isoformat(), "recorded": look.recorded.isoformat()}


def options_for(spec: Spec) -> MonitoringOptions:
    """Return what the file asks of monitoring."""
    return MonitoringOptions(
        window_seconds=spec.monitoring.window_seconds,
        quiet=spec.monitoring.quiet,
        metrics=spec.evaluation.metrics,
    )


def show(spec: Spec, store: Store) -> HealthReport:
    """Return the windows and the incidents of the project's endpoint as they stand."""
    looks = store.watched.looks(spec.endpoint)
    return HealthReport(
        endpoint=spec.endpoint,
        metric=_metric(spec, looks),
        looks=looks,
        incidents=store.incidents.current(spec.endpoint),
    )


def _metric(spec: Spec, looks: Sequence[KeptWindow]) -> str:
    return main_metric(spec, {name for look in looks for name in look.health.metrics})


def watch(spec: Spec, store: Store, *, clock: Clock | None = None) -> WatchReport:
    """Look at every window of the project's endpoint that is due.

    Parameters
    ----------
    clock : Clock, optional
        The project's clock: windows whose end has come by it are due.

    Raises
    ------
    TenfoldError
        When the log or the store cannot be read, or a version is not registered.
    """
    now = (clock or SystemClock()).now()
    return _Pass(spec=spec, store=store, now=now, options=options_for(spec)).run()


@dataclass(slots=True, kw_only=True)
class _Pass:
    """One pass, with what it has looked up so far."""

    spec: Spec
    store: Store
    now: datetime
    options: MonitoringOptions
    versions: dict[tuple[str, float], Watched] = field(default_factory=dict)
    ends: dict[_Key, datetime] = field(default_factory=dict)
    models: dict[str, Model | None] = field(default_factory=dict)
    outcomes: pl.DataFrame | None = None
    evidence: dict[str, Mapping[str, tuple[Evidence, ...]]] = field(default_factory=dict)
    done: list[KeptWindow] = field(default_factory=list)
    changes: list[IncidentChange] = field(default_factory=list)

    def run(self) -> WatchReport:
        taken = self._take_in()
        reading = self.store.watched.reading(self.endpoint)
        newest = max((batch.number for batch in self.store.labels.batches()), default=0)
        windows = self._windows()
        kept = {_key(look.health.window): look for look in self.store.watched.looks(self.endpoint)}
        touched = self._touched(reading.labels, windows, kept)
        for key in sorted(windows, key=lambda each: (each[1], _first(windows[each]))):
            self._look(key, windows, kept, newest, late=key in touched)
        if newest > reading.labels and windows:
            # Only now have all windows taken these labels in: a pass that died before begins with them again.
            after = replace(reading, sequence=reading.sequence + 1, labels=newest)
            self.store.windows.keep_rows(after, ())
        return WatchReport(
            endpoint=self.endpoint,
            metric=_metric(self.spec, self.done),
            looks=tuple(self.done),
            changes=tuple(self.changes),
            rows=taken.rows,
            damaged=taken.damaged,
            waiting=taken.waiting,
            due=taken.due,
        )

    @property
    def endpoint(self) -> str:
        return self.spec.endpoint

    # From the log into windows.

    def _take_in(self) -> _Taken:
        """Keep the rows that were logged since the last pass, once one of their windows is due."""
        reading = self.store.watched.reading(self.endpoint)
        found = read_predictions(self.store.folder, self.endpoint, Position(segments=reading.position))
        if not found.rows.height:
            return _Taken(damaged=len(found.damaged))
        cutting = self._cutting()
        cuts: list[Cut] = []
        for (bundle, ref), rows in found.rows.group_by("bundle", "ref", maintain_order=True):
            version = self._version(str(bundle), str(ref), self.options.window_seconds)
            cuts += cut(rows, version.problem, _inputs(version, rows), cutting)
        due = min(each.end for each in cuts)
        if due > self.now:
            return _Taken(damaged=len(found.damaged), waiting=found.rows.height, due=due)
        parts = [each.kept(self.store, endpoint=self.endpoint) for each in cuts]
        after = replace(reading, sequence=reading.sequence + 1, position=dict(found.position.segments))
        self.store.windows.keep_rows(after, parts)
        return _Taken(rows=found.rows.height, damaged=len(found.damaged))

    def _cutting(self) -> Cutting:
        """Return how production is cut: as the file says now, around the windows that are kept."""
        spans = [(part.start, part.end) for part in self.store.watched.parts(self.endpoint)]
        looks = self.store.watched.looks(self.endpoint)
        spans += [(look.health.window.start, look.health.window.end) for look in looks]
        return Cutting.around(self.options.window_seconds, spans)

    def _windows(self) -> dict[_Key, list[Part]]:
        """Return the parts of every window that has ended; of a silence, the first windows too."""
        found: dict[_Key, list[Part]] = {}
        for part in self.store.watched.parts(self.endpoint):
            if part.end <= self.now:
                found.setdefault((part.bundle, part.start), []).append(part)
                self.ends[part.bundle, part.start] = part.end
        if not found:
            return found
        starts = {start: bundle for bundle, start in found}
        cutting = self._cutting()
        bundle, silent = starts[min(starts)], 0
        at, end = cutting.window(min(starts))
        while end <= self.now:
            bundle = starts.get(at, bundle)
            silent = 0 if at in starts else silent + 1
            if 0 < silent <= MOST_SILENT:
                found[bundle, at] = []
                self.ends[bundle, at] = end
            at, end = cutting.window(end)
        return found

    def _touched(self, seen: int, windows: Mapping[_Key, list[Part]], kept: Mapping[_Key, KeptWindow]) -> set[_Key]:
        """Return the windows of which outcomes are others than at their last look; the same once more is no news."""
        if not self.store.labels.batches(after=seen):
            return set()
        found: set[_Key] = set()
        changed: dict[int, pl.Series] = {}
        for key, parts in windows.items():
            if not parts:
                continue
            # A pass that died may have taken these outcomes into this window already.
            after = max(seen, kept[key].labels) if key in kept else seen
            if after not in changed:
                before = [batch for batch in self.store.labels.batches() if batch.number <= after]
                changed[after] = outcomes_changed(outcomes_known(before, self.store), self._outcomes())
            if changed[after].len() and ids_of(parts, self.store).is_in(changed[after].implode()).any():
                found.add(key)
        return found

    # One window.

    def _look(
        self,
        key: _Key,
        windows: Mapping[_Key, list[Part]],
        kept: dict[_Key, KeptWindow],
        newest: int,
        *,
        late: bool,
    ) -> None:
        """Look at a window when there is something new: itself, its rows, its outcomes, or that they are due."""
        parts, before = windows[key], kept.get(key)
        end = self.ends[key]
        # A window that was kept when the file said another length is judged as what it is.
        options = replace(self.options, window_seconds=(end - key[1]).total_seconds())
        version = self._version_of(key, windows, options.window_seconds)
        last = max((part.number for part in parts), default=0)
        due = end + timedelta(seconds=version.problem.labels_after_seconds) <= self.now
        if before is not None:
            news = last > before.parts or (due and before.health.window.status == "waiting")
            if not news and not (late and due and before.labels < newest):
                return
        rows = answered(rows_of(parts, self.store), version.problem, self._outcomes())
        window = Window(
            endpoint=self.endpoint,
            bundle=key[0],
            ref=version.version.ref,
            start=key[1],
            end=end,
            rows=rows.n,
            labelled=rows.n - rows.truth.null_count(),
            status="judged" if due else "waiting",
            revision=1 if before is None else before.health.window.revision + 1,
            judgements=(0 if before is None else before.health.window.judgements) + due,
        )
        ctx = StageContext(rng=np.random.default_rng(self.spec.training.seed), seed=self.spec.training.seed)
        if before is None:
            past, detectors = self._past(key, windows, kept)
            seen = run(
                version.reference,
                rows,
                window,
                version.problem,
                options,
                ctx,
                past=past,
                detectors=detectors,
                unknown=version.unknown,
            )
            seen = self._replayed(seen, version, rows)
            # A window out of order leaves the memory of the later ones alone.
            memory = None
            if detectors is not None:
                memory = self.store.blobs.put(Memory(state=seen.state, detectors=seen.detectors).written())
        else:
            again = replace(before.health, window=window, metrics={}, verdicts=(), harmful=False)
            seen = judged(Seen(health=again), rows, version.reference, version.problem, options, ctx)
            memory = before.memory
        seen = self._with_evidence(seen, version, parts, newest)
        changes = self._changes(seen.health, options)
        look = self.store.windows.keep_look(seen.health, parts=last, labels=newest, memory=memory, changes=changes)
        kept[key] = look
        self.done.append(look)
        self.changes += changes

    def _replayed(self, seen: Seen, version: Watched, rows: Answered) -> Seen:
        """Send a few logged requests through the lab's path again: what was answered must come out."""
        model = self._model(version)
        if model is None or not rows.n or not set(model.signature.names) <= set(rows.inputs.columns):
            return seen
        places = np.unique(np.linspace(0, rows.n - 1, min(rows.n, MOST_ROWS)).astype(np.int64))
        skew = scores_apart(model, rows.inputs[places].select(model.signature.names), rows.scores[places])
        if skew is None:
            return seen
        column = skew.columns[0] if skew.columns else None
        finding = IntegrityFinding(rule="skew", severity="critical", message=skew.message, column=column)
        return replace(seen, health=replace(seen.health, integrity=(finding, *seen.health.integrity)))

    def _model(self, version: Watched) -> Model | None:
        """Return a version's model; None where its bundle cannot be read here."""
        from tenfold.bundle.format import load_bundle

        bundle = version.version.bundle
        if bundle not in self.models:
            try:
                self.models[bundle] = load_bundle(self.store.blobs.path(version.version.blob))
            except StoreError:
                # What a window was worth can be judged without its model; `tenfold store doctor` names what is missing.
                self.models[bundle] = None
        return self.models[bundle]

    def _past(
        self, key: _Key, windows: Mapping[_Key, list[Part]], kept: Mapping[_Key, KeptWindow]
    ) -> tuple[Past, Mapping[str, Detector] | None]:
        """Return what windows of this length before left; no detectors where a later one was looked at already."""
        volumes: dict[datetime, int] = {}
        length = self.ends[key] - key[1]
        for at, parts in windows.items():
            start = at[1]
            if start < key[1] and self.ends[at] - start == length:
                volumes[start] = volumes.get(start, 0) + sum(part.rows for part in parts)
        own = sorted((look.health.window.start, look) for at, look in kept.items() if at[0] == key[0])
        earlier = [
            look
            for start, look in own
            if start < key[1] and look.memory is not None and look.health.window.end - start == length
        ]
        memory = Memory()
        if earlier and earlier[-1].memory is not None:
            memory = Memory.read(self.store.blobs.path(earlier[-1].memory).read_bytes())
        beside = sum(
            part.rows for at, parts in windows.items() if at[1] == key[1] and at[0] != key[0] for part in parts
        )
        past = Past(previous=memory.state, volumes=tuple(sorted(volumes.items())), beside=beside)
        return past, None if own and own[-1][0] > key[1] else memory.detectors

    def _with_evidence(self, seen: Seen, version: Watched, parts: Sequence[Part], newest: int) -> Seen:
        """Append what was judged to the evidence log, once for each window and revision."""
        settled = [verdict for verdict in seen.verdicts if verdict.verdict in _SETTLED]
        if not settled:
            return seen
        window = seen.health.window
        inputs = {
            "bundle": window.bundle,
            "endpoint": window.endpoint,
            "window": window.name,
            "revision": str(window.revision),
            "rows": fingerprint([part.blob for part in parts]),
            "labels": str(newest),
        }
        kept = self._evidence(window.bundle).get(fingerprint(inputs)) or self.store.evidence.append(
            settled, subject=window.bundle, run=version.version.run, inputs=inputs
        )
        named = {_asked(each.verdict): each.id for each in kept}
        verdicts = tuple(replace(each, evidence=named.get(_asked(each), "")) for each in seen.health.verdicts)
        return replace(seen, health=replace(seen.health, verdicts=verdicts))

    def _changes(self, health: Health, options: MonitoringOptions) -> tuple[IncidentChange, ...]:
        every = self.store.incidents.current()
        still = [each for each in every if each.closed is None and each.endpoint == self.endpoint]
        return follow(still, health, options, next_number=len(every) + 1)

    # What is looked up once.

    def _version(self, bundle: str, ref: str, seconds: float) -> Watched:
        """Return a version with its reference for windows so many seconds long."""
        if (bundle, seconds) not in self.versions:
            self.versions[bundle, seconds] = watched_version(bundle, ref, self.store, window_seconds=seconds)
        return self.versions[bundle, seconds]

    def _version_of(self, key: _Key, windows: Mapping[_Key, list[Part]], seconds: float) -> Watched:
        part = next(part for (bundle, _), parts in windows.items() if bundle == key[0] for part in parts)
        return self._version(part.bundle, part.ref, seconds)

    def _evidence(self, bundle: str) -> Mapping[str, tuple[Evidence, ...]]:
        """Return the evidence of a version by what it rests on, as it stood when the pass began."""
        if bundle not in self.evidence:
            found: dict[str, tuple[Evidence, ...]] = {}
            for each in self.store.evidence.of(subject=bundle):
                name = fingerprint(each.inputs)
                found[name] = (*found.get(name, ()), each)
            self.evidence[bundle] = found
        return self.evidence[bundle]

    def _outcomes(self) -> pl.DataFrame:
        if self.outcomes is None:
            self.outcomes = outcomes_known(self.store.labels.batches(), self.store)
        return self.outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What was taken in from the log, and what waits there for the end of its window."""

    rows: int = 0
    damaged: int = 0
    waiting: int = 0
    due: datetime | None = None


_Key = tuple[str, datetime]


def _key(window: Window) -> _Key:
    return window.bundle, window.start


def _first(parts: Sequence[Part]) -> int:
    """Return where the first rows of a window stand in the log, so that versions follow each other as they answered."""
    return min((part.number for part in parts), default=0)


def _asked(verdict: Verdict | Judged) -> tuple[str, str]:
    return verdict.requirement, verdict.slice


def _inputs(version: Watched, rows: pl.DataFrame) -> Sequence[str]:
    """Return the columns that a version reads; of one without a reference, all that were logged."""
    if version.reference is not None:
        return [shape.name for shape in version.reference.shapes]
    return [name for name in rows.columns if name not in OWN and not name.startswith(("proba_", "score"))]
