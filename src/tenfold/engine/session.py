"""A run from its opening to its close, whatever happens between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tenfold.foundation.errors import StoreError, TenfoldError
from tenfold.store.open import Store
from tenfold.store.rows import Run, RunStatus


@dataclass(slots=True)
class OpenRun:
    """A run in the making; ``closed`` is the run as it was closed."""

    store: Store
    id: str
    closed: Run | None = None

    def finish(self, status: RunStatus, *, document: bytes | None = None, reason: str = "") -> Run:
        """Close the run with its report, the JSON document that the command prints."""
        self.closed = self.store.runs.finish(self.id, status=status, document=document, reason=reason)
        return self.closed


@contextmanager
def open_run(store: Store, *, spec: str, seed: int) -> Iterator[OpenRun]:
    """Open a run; when the block raises before it was finished, close it with the reason.

    Parameters
    ----------
    spec : str
        The text of the project's file, kept with the run.
    seed : int
        The project's seed.

    Raises
    ------
    StoreError
        When another living process runs the project; its number is named.
    """
    run = OpenRun(store=store, id=store.runs.begin(spec=spec, seed=seed).id)
    try:
        yield run
    except BaseException as error:
        if run.closed is None:
            _close_after(error, run)
        raise
    if run.closed is None:
        run.finish("stopped", reason="it ended without a verdict")


def _close_after(error: BaseException, run: OpenRun) -> None:
    status: RunStatus = "failed"
    if isinstance(error, TenfoldError):
        reason = str(error)
    elif isinstance(error, KeyboardInterrupt):
        status, reason = "stopped", "it was interrupted from the keyboard"
    else:
        reason = f"{type(error).__name__}: {error}"
    try:
        run.finish(status, reason=reason)
    except StoreError as second:
        # The first error is what the user must see; that the run could not be closed is told beside it.
        error.add_note(f"the run could not be closed: {second}")
