"""One request, from what it asks for to its answer: checked, scored, logged."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import StoreError
from tenfold.foundation.personal import hide_id
from tenfold.gateway.body import Asked
from tenfold.gateway.endpoint import Live, ServedEndpoint
from tenfold.gateway.explaining import Reasons, noted, reasons_of
from tenfold.gateway.ids import make_ids
from tenfold.gateway.metrics import Counts
from tenfold.gateway.refused import Refused
from tenfold.gateway.shadow import Question, Shadows
from tenfold.gateway.traffic import Arm, Traffic
from tenfold.gateway.version import NotFinite, Scored, Version
from tenfold.store.predictions.log import Answered, PredictionLog

T = TypeVar("T")
_SMALL = 16
"""Rows of a request up to which the time for one of them can be compared."""
_POLICY = frozenset({"missing_value", "unseen_value"})
_FAILED = frozenset({"model_failed", "no_finite_prediction"})
"""Refusals that a model is to blame for, not the caller."""


class Reply(NamedTuple):
    """An answer that may be sent, once a codec has written it: it is in the log, under the number ``record``.

    ``version`` gave all of ``scored``, unless ``versions`` names one for each row: then it is the champion. ``ids`` are
    as the caller may send them with outcomes; ``reasons`` are there where they were asked for.
    """

    version: Version
    scored: Scored
    ids: Sequence[str]
    record: int
    versions: Sequence[str] | None = None
    reasons: Sequence[Reasons] | None = None

    @property
    def rows(self) -> int:
        """How many rows were predicted."""
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predicting:
    """Answers requests; ``said`` hears of what went wrong inside."""

    log: PredictionLog
    clock: Clock
    counts: Counts
    said: Callable[[str], None]
    shadows: Shadows = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shadows", Shadows(log=self.log, counts=self.counts, said=self.said))

    def answer(self, endpoint: ServedEndpoint, asked: Asked, at: datetime | None, *, explained: bool = False) -> Reply:
        """Return the predictions that a request asks for, after they were written to the log.

        Parameters
        ----------
        at : datetime or None
            The project's time, where a replay sets it.
        explained : bool
            Whether reasons are asked for; they are logged with the predictions.

        Raises
        ------
        Refused
            When there is no answer; it says why.
        """
        live = endpoint.live
        if live is None:
            raise Refused(
                "not_live",
                f"the endpoint '{endpoint.name}' has no version that can answer",
                field="endpoint",
                fix="ask its operator: /readyz says why",
            )
        if live.traffic is not None:
            return self._divided(endpoint, live, live.traffic, asked, at, explained=explained)
        version, scored = self._scored(endpoint, live, asked.instances)
        reasons = reasons_of(version, scored) if explained else None
        now = self.clock.now()
        ids = make_ids(len(asked.instances), now) if asked.ids is None else asked.ids
        answered = Answered(
            at=at or now,
            recorded=now,
            replay=at is not None,
            # Whoever sends outcomes by these ids finds them: they are hidden there alike.
            ids=ids if asked.ids is None else [hide_id(each) for each in ids],
            columns=scored.columns,
            scores=scored.scores,
            decisions=scored.decisions,
            reasons=noted(reasons),
            imputed=scored.imputed,
            short=scored.short,
        )
        return Reply(version=version, scored=scored, ids=ids, record=self._logged(version, answered), reasons=reasons)

    def _logged(self, version: Version, answered: Answered) -> int:
        try:
            return self.log.append(version.origin, answered)
        except StoreError as error:
            self.said(str(error))
            raise log_unavailable() from error

    def _scored(
        self, endpoint: ServedEndpoint, live: Live, instances: Sequence[dict[str, Any]]
    ) -> tuple[Version, Scored]:
        try:
            scored = live.version.score(instances)
        except Refused as refused:
            return self._as_before(endpoint, live, instances, refused)
        except Exception as error:  # noqa: BLE001 - the transport: whatever a model raises becomes an answer or a refusal
            return self._without(endpoint, live, instances, error)
        live.breaker.succeeded(self.clock.monotonic())
        return live.version, scored

    # Where several versions share the requests.

    def _divided(
        self,
        endpoint: ServedEndpoint,
        live: Live,
        traffic: Traffic,
        asked: Asked,
        at: datetime | None,
        *,
        explained: bool,
    ) -> Reply:
        """Answer each row by the version that its id belongs to: all rows are scored before any is logged."""
        now = self.clock.now()
        given = asked.ids is not None
        ids = asked.ids if asked.ids is not None else make_ids(len(asked.instances), now)
        units = traffic.units(asked.instances, ids, given=given)
        parts: list[_Part] = []
        for arm, places in _by_arm(traffic, units):
            try:
                version, scored = self._by(endpoint, live, traffic, arm, _taken(asked.instances, places))
            except Refused as refused:
                raise (refused if places is None else _refused_whole(traffic, asked.instances, refused)) from refused
            reasons = reasons_of(version, scored) if explained else None
            parts.append(_Part(version=version, scored=scored, places=places, reasons=reasons))
        logged = [hide_id(each) for each in ids] if given else ids
        assigned = None
        if units != ids:
            hidden = {unit: hide_id(unit) for unit in set(units)}
            assigned = [hidden[unit] for unit in units]
        record = 0
        for part in parts:
            answered = Answered(
                at=at or now,
                recorded=now,
                replay=at is not None,
                ids=_taken(logged, part.places),
                columns=part.scored.columns,
                scores=part.scored.scores,
                decisions=part.scored.decisions,
                assigned=None if assigned is None else _taken(assigned, part.places),
                reasons=noted(part.reasons),
                imputed=part.scored.imputed,
                short=part.scored.short,
            )
            record = self._logged(part.version, answered)
        for shadow in traffic.shadows:
            places = traffic.shadowed(units, shadow)
            if places:
                question = Question(
                    endpoint=endpoint.name,
                    arm=shadow,
                    instances=_taken(asked.instances, places),
                    ids=_taken(logged, places),
                    assigned=None if assigned is None else _taken(assigned, places),
                    at=at or now,
                    recorded=now,
                    replay=at is not None,
                )
                self.shadows.ask(question)
        if len(parts) == 1:
            part = parts[0]
            return Reply(version=part.version, scored=part.scored, ids=ids, record=record, reasons=part.reasons)
        scored, versions = _joined(parts, len(ids))
        by_place = {
            place: each for part in parts for place, each in zip(part.places or (), part.reasons or (), strict=False)
        }
        reasons = [by_place[place] for place in range(len(ids))] if explained else None
        return Reply(version=live.version, scored=scored, ids=ids, record=record, versions=versions, reasons=reasons)

    def _by(
        self, endpoint: ServedEndpoint, live: Live, traffic: Traffic, arm: Arm, instances: Sequence[dict[str, Any]]
    ) -> tuple[Version, Scored]:
        """Score rows by their arm; what a candidate cannot answer is answered by the champion."""
        began = self.clock.monotonic()
        if arm is traffic.champion:
            try:
                version, scored = self._scored(endpoint, live, arm.read(instances))
            except Refused as refused:
                if refused.code in _FAILED:
                    arm.tally.failed()
                raise
            if version is not arm.version:
                arm.tally.failed()
                return version, scored
        else:
            try:
                version, scored = arm.version, arm.version.score(arm.read(instances))
            except Exception as error:  # noqa: BLE001 - the transport: whatever a candidate does, its caller is answered
                if not isinstance(error, Refused):
                    arm.tally.failed()
                answered = self._scored(endpoint, live, traffic.champion.read(instances))
                if isinstance(error, Refused):
                    # What the champion answers was no fault of the caller's.
                    arm.tally.failed()
                self._failed(endpoint, arm, error)
                return answered
            arm.breaker.succeeded(self.clock.monotonic())
        small = len(instances) <= _SMALL
        row_seconds = (self.clock.monotonic() - began) / len(instances)
        arm.tally.answered(row_seconds if small else None)
        if small:
            compare = arm.pace.took(row_seconds)
            slow = arm.pace.slower(traffic.champion.pace) if compare and arm is not traffic.champion else ""
            if slow and endpoint.stop(arm, f"it is too slow: {slow}"):
                self.said(f"{endpoint.name}: {endpoint.problem}")
        return version, scored

    def _failed(self, endpoint: ServedEndpoint, arm: Arm, error: Exception) -> None:
        """Count a failure of a candidate on rows that the champion answered."""
        self.counts.add("tenfold_model_failures_total", endpoint=endpoint.name, version=arm.version.ref)
        if not isinstance(error, NotFinite | Refused):
            self.said(f"{endpoint.name}: {arm.version.ref} failed\n{''.join(traceback.format_exception(error))}")
        if arm.breaker.failed(self.clock.monotonic()):
            how = "refused what the champion answers" if isinstance(error, Refused) else "failed"
            reason = f"it {how} too often, at last with {type(error).__name__}: {error}"
            if endpoint.stop(arm, reason):
                self.said(f"{endpoint.name}: {endpoint.problem}")

    def close(self) -> None:
        """Finish what runs beside the answers."""
        self.shadows.close()

    # Where the version fails.

    def _as_before(
        self, endpoint: ServedEndpoint, live: Live, instances: Sequence[dict[str, Any]], refused: Refused
    ) -> tuple[Version, Scored]:
        """Answer rows that a new version refuses and the one before it takes: the callers did not change, it did."""
        # What the endpoint's policies refuse is no fault of the version's.
        if live.previous is None or refused.code in _POLICY or not live.breaker.watches(self.clock.monotonic()):
            raise refused
        try:
            scored = live.previous.version.score(instances)
        except Exception:  # noqa: BLE001 - the transport: what neither takes is refused as it was
            raise refused from None
        self._count_failure(endpoint, live, f"refuses what callers send ({refused.message})")
        return live.previous.version, scored

    def _without(
        self, endpoint: ServedEndpoint, live: Live, instances: Sequence[dict[str, Any]], error: Exception
    ) -> tuple[Version, Scored]:
        """Answer a request on which the version failed: by the one before it, where that can."""
        self.counts.add("tenfold_model_failures_total", endpoint=endpoint.name, version=live.version.ref)
        if not isinstance(error, NotFinite):
            self.said(f"{endpoint.name}: {live.version.ref} failed\n{''.join(traceback.format_exception(error))}")
        if live.previous is not None:
            try:
                scored = live.previous.version.score(instances)
            except Refused:
                # Another signature: whose fault it is cannot be told by comparing.
                self._count_failure(endpoint, live)
            except Exception as same:  # noqa: BLE001 - as above
                # What no version can answer is not the new one's fault.
                error = same
            else:
                self._count_failure(endpoint, live)
                return live.previous.version, scored
        raise _unanswered(error) from error

    def _count_failure(self, endpoint: ServedEndpoint, live: Live, how: str = "failed too often") -> None:
        if not live.breaker.failed(self.clock.monotonic()) or live.previous is None:
            return
        problem = f"{live.version.ref} (revision {live.revision}) {how}; {live.previous.version.ref} answers again"
        if endpoint.revert(live, problem):
            self.said(f"{endpoint.name}: {problem}")


class _Part(NamedTuple):
    """The rows of a request that one version answered; ``places`` None: all of them."""

    version: Version
    scored: Scored
    places: Sequence[int] | None
    reasons: Sequence[Reasons] | None = None


def _by_arm(traffic: Traffic, units: Sequence[str]) -> Sequence[tuple[Arm, list[int] | None]]:
    """Return each arm that answers some of the rows, with their places; None for an arm that answers all."""
    first = units[0]
    if not traffic.candidates or units.count(first) == len(units):
        return [(traffic.choose(first), None)]
    found: dict[int, tuple[Arm, list[int]]] = {}
    chosen = {unit: traffic.choose(unit) for unit in set(units)}
    for place, unit in enumerate(units):
        arm = chosen[unit]
        found.setdefault(id(arm), (arm, []))[1].append(place)
    parts = list(found.values())
    return parts if len(parts) > 1 else [(parts[0][0], None)]


def _refused_whole(traffic: Traffic, instances: Sequence[dict[str, Any]], refused: Refused) -> Refused:
    """Return the refusal of some rows as one of the whole request, in which rows have other places."""
    try:
        traffic.champion.version.score(traffic.champion.read(instances))
    except Refused as whole:
        return whole
    except Exception as error:  # noqa: BLE001 - the transport: whatever a model raises becomes a refusal
        return _unanswered(error)
    return refused


def _taken(values: Sequence[T], places: Sequence[int] | None) -> Sequence[T]:
    return values if places is None else [values[place] for place in places]


def _joined(parts: Sequence[_Part], rows: int) -> tuple[Scored, list[str]]:
    """Return the parts of a request as one, in the order of its rows, with the version of each row."""
    scores: list[Sequence[float]] = [()] * rows
    decisions = [""] * rows
    versions = [""] * rows
    decided = all(part.scored.decisions is not None for part in parts)
    columns: dict[str, list[Any]] = {name: [None] * rows for part in parts for name in part.scored.columns}
    for part in parts:
        assert part.places is not None  # several arms: none answers all
        for number, place in enumerate(part.places):
            scores[place] = part.scored.scores[number]
            versions[place] = part.version.ref
            if part.scored.decisions is not None:
                decisions[place] = part.scored.decisions[number]
        for name, values in part.scored.columns.items():
            for number, place in enumerate(part.places):
                columns[name][place] = values[number]
    return Scored(columns=columns, scores=scores, decisions=decisions if decided else None), versions


def log_unavailable() -> Refused:
    """Return the refusal of a request whose predictions could not be kept."""
    return Refused(
        "log_unavailable",
        "the predictions could not be written to the log, so they are not given",
        field="endpoint",
        fix="try again later; /metrics counts these failures",
    )


def _unanswered(error: Exception) -> Refused:
    if isinstance(error, NotFinite):
        return Refused(
            "no_finite_prediction",
            f"the model has no finite prediction for instance {error.instance}",
            field="instances",
            fix="look for numbers of a wrong unit or size in it",
            instance=error.instance,
        )
    return Refused(
        "model_failed", "the model failed", field="endpoint", fix="tell its operator: the server's log says how"
    )
