"""Column states as they are kept: with the shapes by which another table can be counted and compared."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import from_json, to_json
from tenfold.measures.states.column import Shape, TableState

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedStates:
    """The state of a table, and the shapes that it was counted by."""

    shapes: tuple[Shape, ...]
    state: TableState
    format: int = FORMAT

    def to_json(self) -> bytes:
        """Return it as canonical JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, content: bytes) -> SavedStates:
        """Read it again.

        Raises
        ------
        StoreError
            When a newer version wrote it.
        """
        saved = from_json(cls, content)
        if saved.format != FORMAT:
            raise StoreError(f"the column states have format {saved.format}; this version reads format {FORMAT}")
        return saved
