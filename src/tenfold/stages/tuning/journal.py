"""Optuna's journal, held in memory and written out whole: the history of a search in Optuna's own form.

Only the parent reads and writes it, so it needs no lock and no flush for every setting; each finished batch is made
durable as one checkpoint. The bytes are what `optuna.storages.journal.JournalFileBackend` reads from a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend


class JournalLines(BaseJournalBackend):
    """The lines of a journal."""

    def __init__(self, content: bytes = b""):
        self._lines = content.splitlines()

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the lines from a number on."""
        return [json.loads(line) for line in self._lines[log_number_from:]]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Keep further lines."""
        self._lines += [json.dumps(line, separators=(",", ":")).encode() for line in logs]

    def content(self) -> bytes:
        """Return the journal as a file holds it."""
        return b"".join(line + b"\n" for line in self._lines)


class History:
    """One Optuna study for each learner, all in one journal."""

    def __init__(self, content: bytes | None = None):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._lines = JournalLines(content or b"")
        self._storage = JournalStorage(self._lines)

    def study(self, name: str, pruner: optuna.pruners.BasePruner) -> optuna.Study:
        """Return the study of this name, as far as it came."""
        return optuna.create_study(study_name=name, storage=self._storage, load_if_exists=True, pruner=pruner)

    def content(self) -> bytes:
        """Return the journal's bytes."""
        return self._lines.content()
