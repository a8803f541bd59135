"""One request, from what it asks for to its answer: checked, scored, logged."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import StoreError
from tenfold.foundation.personal import hide_id
from tenfold.gateway.body import Asked
from tenfold.gateway.endpoint import Live, ServedEndpoint
from tenfold.gateway.ids import make_ids
from tenfold.gateway.metrics import Counts
from tenfold.gateway.refused import Refused
from tenfold.gateway.version import NotFinite, Scored, Version
from tenfold.store.predictions.log import Answered, PredictionLog


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reply:
    """An answer that may be sent, once a codec has written it: it is in the log, under the number ``record``.

    ``version`` gave all of ``scored``; ``ids`` are as the caller may send them with outcomes.
    """

    version: Version
    scored: Scored
    ids: Sequence[str]
    record: int

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

    def answer(self, endpoint: ServedEndpoint, asked: Asked, at: datetime | None) -> Reply:
        """Return the predictions that a request asks for, after they were written to the log.

        Parameters
        ----------
        at : datetime or None
            The project's time, where a replay sets it.

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
        version, scored = self._scored(endpoint, live, asked)
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
        )
        try:
            record = self.log.append(version.origin, answered)
        except StoreError as error:
            self.said(str(error))
            raise log_unavailable() from error
        return Reply(version=version, scored=scored, ids=ids, record=record)

    def _scored(self, endpoint: ServedEndpoint, live: Live, asked: Asked) -> tuple[Version, Scored]:
        try:
            scored = live.version.score(asked.instances)
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001 - the transport: whatever a model raises becomes an answer or a refusal
            return self._without(endpoint, live, asked, error)
        live.breaker.succeeded(self.clock.monotonic())
        return live.version, scored

    def _without(self, endpoint: ServedEndpoint, live: Live, asked: Asked, error: Exception) -> tuple[Version, Scored]:
        """Answer a request on which the version failed: by the one before it, where that can."""
        self.counts.add("tenfold_model_failures_total", endpoint=endpoint.name, version=live.version.ref)
        if not isinstance(error, NotFinite):
            self.said(f"{endpoint.name}: {live.version.ref} failed\n{''.join(traceback.format_exception(error))}")
        if live.previous is not None:
            try:
                scored = live.previous.version.score(asked.instances)
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

    def _count_failure(self, endpoint: ServedEndpoint, live: Live) -> None:
        if not live.breaker.failed(self.clock.monotonic()) or live.previous is None:
            return
        problem = (
            f"{live.version.ref} (revision {live.revision}) failed too often; {live.previous.version.ref} answers again"
        )
        if endpoint.revert(live, problem):
            self.said(f"{endpoint.name}: {problem}")


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
