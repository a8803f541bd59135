"""What ``tenfold init`` shows of a folder or a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenfold.cli.command import Document
from tenfold.cli.table import heading, number, rows, suggest

if TYPE_CHECKING:
    from rich.console import Console


def show_discovery(document: Document, console: Console) -> None:
    """Print the tables, what finds rows of what, and how the file could put them together."""
    tables = document.get("tables") or []
    count = "1 table" if len(tables) == 1 else f"{len(tables)} tables"
    heading(console, f"{document.get('location')} holds {count}")
    rows(
        console,
        ("table", "rows", "columns", "key", "times"),
        (
            (
                table["name"],
                _rows(table),
                number(len(table["columns"])),
                _keys(table),
                ", ".join(table["times"]),
            )
            for table in tables
            if not table["problem"]
        ),
        right=("rows", "columns"),
    )
    for table in tables:
        if table["problem"]:
            console.print(f"not read: {table['problem']}", style="dim", markup=False)
    joins = document.get("joins") or []
    if joins:
        console.print()
        rows(
            console,
            ("columns", "find rows of", "by", "found", "as known at"),
            (
                (
                    f"{join['table']}: {', '.join(join['columns'])}",
                    join["other"],
                    ", ".join(join["other_columns"]),
                    f"{100 * join['share']:.1f} %",
                    join["time"] or "",
                )
                for join in joins
            ),
            right=("found",),
        )
    many = document.get("many") or []
    if many:
        console.print()
        rows(
            console,
            ("a row of", "by", "has rows of", "by", "each", "found", "happened at"),
            (
                (
                    each["table"],
                    ", ".join(each["columns"]),
                    each["other"],
                    ", ".join(each["other_columns"]),
                    f"{each['each']:.1f}",
                    f"{100 * each['share']:.1f} %",
                    each["time"] or "",
                )
                for each in many
            ),
            right=("each", "found"),
        )
    limits = document.get("limits") or {}
    if limits:
        console.print(
            f"looked at {number(limits['columns'])} columns of {number(limits['tables'])} tables, of a database at the"
            f" first {number(limits['rows_of_a_database_table'])} rows of each; keys are one column, or two of the"
            f" {limits['columns_in_pairs']} with the most values",
            style="dim",
            markup=False,
        )
    if document.get("data"):
        console.print("\nOne table of them, for tenfold.yaml:\n")
        console.print(document["data"], markup=False, highlight=False, soft_wrap=True)
    read = [table for table in tables if not table["problem"]]
    if read:
        largest = max(read, key=lambda table: int(table["rows"]))
        named = f" --table {largest['table']}" if largest["table"] else ""
        suggest(console, (f"tenfold init {largest['location']}{named} --target COLUMN",))


def _rows(table: Document) -> str:
    return number(table["rows"]) if table["whole"] else f"{number(table['rows'])} or more"


def _keys(table: Document) -> str:
    if not table["keys"]:
        return "none"
    key = table["keys"][0]
    repeated = f" ({number(key['repeated'])} rows repeat one)" if key["repeated"] else ""
    return ", ".join(key["columns"]) + repeated
