"""Numbers, verdicts and tables as a person reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tenfold.foundation.rounding import digits_of, outwards

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

VERDICT_STYLES = {
    "pass": "green", "passed": "green", "ok": "green", "done": "green", "finished": "green",
    "fail": "red", "failed": "red", "damaged": "red", "damage": "red", "critical": "red", "crashed": "red",
    "inconclusive": "yellow", "warning": "yellow", "warned": "yellow", "running": "cyan",
    "stopped": "yellow", "note": "dim", "pending": "dim", "skipped": "dim", "info": "dim", "cached": "dim",
}  # fmt: skip


def number(value: object, digits: int = 4) -> str:
    """Return a number with so many significant digits, whole numbers with thousands; ``–`` for what is absent."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return f"{int(value):,}"
        # Prices and counts are read in full, not as powers of ten.
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.{digits}g}"
    return str(value)


def interval(row: Mapping[str, Any]) -> str:
    """Return ``0.712 [0.70, 0.72]``: a value with its interval, or what there is of it.

    Ends are rounded outwards, so that the interval as printed holds its point; what was measured exactly has none.
    """
    value, low, high = row.get("value"), row.get("low"), row.get("high")
    if low == high:
        return number(value)
    digits = digits_of(low, high)
    # One-sided judgements leave one end open.
    return f"{number(value)} [{_end(low, digits, down=True)}, {_end(high, digits, down=False)}]"


def _end(value: float | None, digits: int, *, down: bool) -> str:
    return "…" if value is None else number(outwards(float(value), digits, down=down), digits)


def minute(at: object) -> str:
    """Return a moment to the minute; documents hold ISO 8601 in UTC."""
    return str(at or "–")[:16].replace("T", " ")


def styled(word: object) -> Text:
    """Return a verdict or state in its colour."""
    from rich.text import Text

    return Text(str(word), style=VERDICT_STYLES.get(str(word), ""))


def rows(
    console: Console,
    columns: Sequence[str],
    cells: Iterable[Sequence[object]],
    *,
    right: Collection[str] = (),
    fold: Collection[str] = (),
) -> None:
    """Print a table without rules: a dim head, two blanks between columns.

    Parameters
    ----------
    right : names of columns that are aligned to the right.
    fold : names of columns that are folded where the terminal is too narrow; none named, the last one.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in columns:
        may_fold = name in (fold or columns[-1:])
        table.add_column(name, justify="right" if name in right else "left", no_wrap=not may_fold, overflow="fold")
    for line in cells:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in line))
    console.print(table)


def pairs(console: Console, entries: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one to a line; what is absent is left out."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in entries:
        if value not in (None, "", (), []):
            grid.add_row(name, value if isinstance(value, Text) else Text(number(value)))
    console.print(grid)


def heading(console: Console, text: str, *, verdict: str = "") -> None:
    """Print a line in bold, with a verdict in its colour after it."""
    from rich.text import Text

    console.print(Text.assemble((text, "bold"), "  " if verdict else "", styled(verdict) if verdict else ""))


def suggest(console: Console, commands: Iterable[str]) -> None:
    """Print what to type next."""
    from rich.text import Text

    listed = tuple(commands)
    if listed:
        console.print()
    for command in listed:
        console.print(Text.assemble(("next  ", "dim"), (command, "cyan")), soft_wrap=True)
