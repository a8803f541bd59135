"""Asking a version beside the one that answers: afterwards, in a thread of its own, where nobody waits for it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tenfold.gateway.metrics import Counts
from tenfold.gateway.traffic import Arm
from tenfold.store.predictions.log import Answered, PredictionLog

MOST_WAITING = 256
"""Requests that may wait for a shadow; of a shadow that cannot keep up, the rest is left out and counted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """Rows that were answered, to be asked of a shadow: ``ids`` as the log has them."""

    endpoint: str
    arm: Arm
    instances: Sequence[dict[str, Any]]
    ids: Sequence[str]
    assigned: Sequence[str] | None
    at: datetime
    recorded: datetime
    replay: bool


@dataclass(slots=True, kw_only=True, eq=False)
class Shadows:
    """Asks shadows one question after the other. The thread is there from the first question on."""

    log: PredictionLog
    counts: Counts
    said: Callable[[str], None]
    _waiting: queue.Queue[Question | None] = field(default_factory=lambda: queue.Queue(MOST_WAITING))
    _thread: threading.Thread | None = None
    _told: dict[str, str] = field(default_factory=dict)

    def ask(self, question: Question) -> None:
        """Let a shadow be asked when its turn comes; at once, whatever becomes of it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(question)
        except queue.Full:
            self._count(question, "left_out")

    def drain(self) -> None:
        """Return when all that waits has been asked."""
        self._waiting.join()

    def close(self) -> None:
        """Ask no more; what waits is left out."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            while True:
                self._count_left_out(self._waiting.get_nowait())
        except queue.Empty:
            pass
        self._waiting.put(None)
        thread.join()

    def _count_left_out(self, question: Question | None) -> None:
        self._waiting.task_done()
        if question is not None:
            self._count(question, "left_out")

    def _work(self) -> None:
        while True:
            question = self._waiting.get()
            try:
                if question is None:
                    return
                self._put(question)
            finally:
                self._waiting.task_done()

    def _put(self, question: Question) -> None:
        version = question.arm.version
        try:
            scored = version.score(question.arm.read(question.instances))
            answered = Answered(
                at=question.at,
                recorded=question.recorded,
                replay=question.replay,
                ids=question.ids,
                columns=scored.columns,
                scores=scored.scores,
                decisions=scored.decisions,
                assigned=question.assigned,
            )
            self.log.append(version.origin, answered)
        except Exception as error:  # noqa: BLE001 - a run loop: whatever a shadow does, nobody who asked may notice
            self._count(question, "failed")
            told = f"{type(error).__name__}: {error}"
            if self._told.get(version.ref) != told:
                # Once for each kind: a shadow that fails does so on every request.
                self._told[version.ref] = told
                self.said(f"{question.endpoint}: as a shadow, {version.ref} failed: {told}")
        else:
            self._count(question, "asked")

    def _count(self, question: Question, outcome: str) -> None:
        labels: Mapping[str, str] = {"version": question.arm.version.ref, "outcome": outcome}
        self.counts.add("tenfold_shadow_rows_total", len(question.ids), endpoint=question.endpoint, **labels)
