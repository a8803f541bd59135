"""What a run tells while it works: a live board on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self, TextIO

from tenfold.foundation.clock import Clock, SystemClock
from tenfold.foundation.events import Event, Events
from tenfold.foundation.units import format_seconds

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_REFRESHES_PER_SECOND = 5
_QUIET_SECONDS = 10.0
_MARKS = {
    "waiting": ("·", "dim"),
    "started": ("●", "cyan"),
    "finished": ("✓", "green"),
    "cached": ("✓", "green"),
    "stopped": ("✗", "red"),
    "failed": ("✗", "red"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLine:
    """One stage on the board.

    ``seconds`` is the time it took, None while it runs; ``doing`` what is being tried; ``best`` the best so far.
    """

    name: str
    state: str = "waiting"
    began_seconds: float = 0.0
    seconds: float | None = None
    doing: str = ""
    tried: int = 0
    best: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything that is known of a run in progress; each event gives a new board."""

    began_seconds: float
    budget_seconds: float | None = None
    ends_at_seconds: float | None = None
    stages: Mapping[str, StageLine] = field(default_factory=dict)

    def after(self, event: Event, now_seconds: float) -> Board:
        """Return the board with one more fact on it."""
        board = self
        left = _number(event.facts.get("remaining_seconds"))
        if left is not None:
            board = replace(board, ends_at_seconds=now_seconds + left)
        if event.kind == "run":
            names = event.facts.get("stages")
            listed = names if isinstance(names, list | tuple) else ()
            waiting = {str(name): StageLine(name=str(name)) for name in listed}
            return replace(board, stages={**waiting, **board.stages})
        if not event.stage:
            return board
        line = board.stages.get(event.stage, StageLine(name=event.stage))
        return replace(board, stages={**board.stages, event.stage: _advance(line, event, now_seconds)})


def _advance(line: StageLine, event: Event, now_seconds: float) -> StageLine:
    if event.kind == "stage":
        state = str(event.facts.get("state", "started"))
        if state == "started":
            return replace(line, state=state, began_seconds=now_seconds, seconds=None)
        seconds = _number(event.facts.get("seconds"))
        return replace(line, state=state, seconds=seconds if seconds is not None else line.seconds, doing="")
    if event.kind == "candidate":
        tried = _number(event.facts.get("tried"))
        return replace(
            line,
            doing=_what(event),
            tried=int(tried) if tried is not None else line.tried + 1,
            best=_best(event) or line.best,
        )
    if event.kind == "progress":
        return replace(line, doing=_what(event), best=_best(event) or line.best)
    return line


def _what(event: Event) -> str:
    """Return what is being tried: the message, or the learner with its score."""
    done, total = _number(event.facts.get("done")), _number(event.facts.get("total"))
    share = f" ({done:.0f} of {total:.0f})" if done is not None and total is not None else ""
    if event.message:
        return event.message + share
    learner = str(event.facts.get("learner", ""))
    score = _number(event.facts.get("score"))
    return f"{learner} {score:.4g}{share}" if score is not None else learner + share


def _best(event: Event) -> str:
    best = _number(event.facts.get("best"))
    return "" if best is None else f"{event.facts.get('metric', '')} {best:.5g}".strip()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@contextlib.contextmanager
def progress(*, title: str, budget_seconds: float | None, clock: Clock | None = None) -> Iterator[Events]:
    """Yield whoever shows a run's events on stderr.

    Parameters
    ----------
    title : str
        Stands above the board.
    budget_seconds : float or None
        What the command may take, for the time left; None when nothing was said.
    """
    clock = clock or SystemClock()
    if sys.stderr is not None and sys.stderr.isatty():
        from rich.console import Console

        with LiveBoard(Console(stderr=True, highlight=False), title, budget_seconds, clock) as live:
            yield live
    else:
        yield PlainLines(sys.stderr, clock)


class PlainLines:
    """One line for each stage, and now and then one for the best model so far."""

    def __init__(self, stream: TextIO | None, clock: Clock):
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()
        self._board = Board(began_seconds=clock.monotonic())
        self._told_seconds = self._board.began_seconds

    def emit(self, event: Event) -> None:
        """Print what is worth a line."""
        now = self._clock.monotonic()
        with self._lock:
            self._board = self._board.after(event, now)
            text = self._line(event, now)
        if text and self._stream is not None:
            with contextlib.suppress(BrokenPipeError, ValueError):
                self._stream.write(text + "\n")
                self._stream.flush()

    def _line(self, event: Event, now_seconds: float) -> str:
        if event.kind in ("note", "warning"):
            before = "warning: " if event.kind == "warning" else ""
            return f"{before}{event.message}" if event.message else ""
        line = self._board.stages.get(event.stage)
        if line is None:
            return ""
        if event.kind == "stage":
            return _stage_line(line, event.message)
        if line.best and now_seconds - self._told_seconds >= _QUIET_SECONDS:
            self._told_seconds = now_seconds
            return f"{line.name}: {_tried(line)}best {line.best}"
        return ""


def _stage_line(line: StageLine, message: str) -> str:
    """Return what is said when a stage has ended; nothing when it begins."""
    if line.state in ("stopped", "failed"):
        return f"{line.name}: {line.state}: {message}" if message else f"{line.name}: {line.state}"
    if line.state == "cached":
        return f"{line.name}: cached"
    return f"{line.name}: {format_seconds(line.seconds)}" if line.seconds is not None else ""


class LiveBoard:
    """The board on a terminal, drawn anew a few times a second; what it shows last stays on the screen."""

    def __init__(self, console: Console, title: str, budget_seconds: float | None, clock: Clock):
        from rich.live import Live

        self._console = console
        self._title = title
        self._clock = clock
        self._lock = threading.Lock()
        self._board = Board(began_seconds=clock.monotonic(), budget_seconds=budget_seconds)
        self._live = Live(
            get_renderable=self.render,
            console=console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=True,
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def emit(self, event: Event) -> None:
        """Put one more fact on the board; notes and warnings are printed above it."""
        with self._lock:
            self._board = self._board.after(event, self._clock.monotonic())
        if event.kind == "warning" and event.message:
            self._live.console.print(f"[yellow]![/] {_escape(event.message)}")
        elif event.kind == "note" and event.message:
            self._live.console.print(f"[dim]{_escape(event.message)}[/]")

    def render(self) -> RenderableType:
        """Return the board as it stands now."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        board, now = self._board, self._clock.monotonic()
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(min_width=10)
        grid.add_column(justify="right", min_width=9)
        grid.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
        for line in board.stages.values():
            mark, style = _MARKS.get(line.state, _MARKS["started"])
            quiet = "dim" if line.state in ("waiting", "cached") else ""
            grid.add_row(Text(mark, style=style), Text(line.name, style=quiet), _took(line, now), _doing(line))
        return Group(_heading(self._title, board, now), grid)


def _heading(title: str, board: Board, now_seconds: float) -> RenderableType:
    from rich.text import Text

    heading = Text.assemble((title, "bold"), ("  " + format_seconds(now_seconds - board.began_seconds), "dim"))
    if board.ends_at_seconds is not None and any(line.state == "started" for line in board.stages.values()):
        heading.append(f"  {format_seconds(max(0.0, board.ends_at_seconds - now_seconds))} left", style="dim")
    return heading


def _took(line: StageLine, now_seconds: float) -> str:
    if line.state == "cached":
        return "cached"
    if line.state == "started":
        return format_seconds(now_seconds - line.began_seconds)
    return "" if line.seconds is None else format_seconds(line.seconds)


def _doing(line: StageLine) -> RenderableType:
    from rich.text import Text

    best = f"{_tried(line)}best {line.best}" if line.best else _tried(line).rstrip(", ")
    parts = [part for part in (best, line.doing) if part]
    return Text("  ".join(parts), style="" if line.state == "started" else "dim")


def _tried(line: StageLine) -> str:
    return f"{line.tried} tried, " if line.tried else ""


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
