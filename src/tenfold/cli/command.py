"""What a command line comes to: work to do, and the reply that is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    # rich costs 0.1 s to import, and `--json` needs none of it.
    from rich.console import Console

Document: TypeAlias = Mapping[str, Any]
Show: TypeAlias = "Callable[[Document, Console], None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a command has to say: a document for programs, and how people see it.

    ``ok`` False means that a requirement or a check failed. ``then`` is what a command that stays does after its reply
    was printed; it returns the exit code, and the document is one line. ``exit`` is the exit code of a document that
    says of several things what came of each, where ``ok`` alone would not tell.
    """

    document: Document
    show: Show
    ok: bool = True
    then: Callable[[], int] | None = None
    exit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A parsed command: parsing does nothing yet, so that all work happens with stdout kept for the reply."""

    work: Callable[[], Reply]
    as_json: bool = False
