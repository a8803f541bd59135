"""How a delimited text is written: delimiter, quoting, header. Found on the first mebibyte, kept with the source."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenfold.connectors.layout import LayoutHints, lay_out
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError

# In this order when several cut the text equally well: a decimal comma cuts as evenly as a semicolon does.
DELIMITERS = ("\t", ";", "|", ",")
NAMES = {"\t": "tab", ";": ";", "|": "|", ",": ","}

_SNIFFED_LINES = 300
_HEADER_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a delimited text is written.

    Attributes
    ----------
    names : tuple of str
        The columns as the header gives them, or ``column_1`` ... where there is none.
    preamble_lines : int
        Lines to skip before the header or the first row, where nothing but empty lines stands there.
    header_rows : int
        Rows that name the columns; 0 where ``header`` is False.
    rows_at : int or None
        Lines before the first row of the table, where more than a header and empty lines stands there; the text is then
        cut there.
    bytes_below : int
        Bytes of text after the last row of the table: totals, remarks.
    comment : str
        The sign that lines begin with that are no rows.
    trailing : bool
        The last of ``names`` is the nothing after a delimiter that ends every row.
    told : tuple of str
        What was done beside finding delimiter and header, each with the line of the file that overrules it.
    """

    delimiter: str
    quote: bool
    header: bool
    names: tuple[str, ...]
    preamble_lines: int = 0
    reason: str = ""
    header_rows: int = 1
    rows_at: int | None = None
    bytes_below: int = 0
    comment: str = ""
    trailing: bool = False
    told: tuple[str, ...] = ()
    named: tuple[str, ...] | None = None

    @property
    def cut(self) -> bool:
        """Whether the table is a part of the text only."""
        return self.rows_at is not None or bool(self.bytes_below) or bool(self.comment)

    def recorded(self) -> dict[str, str]:
        """Return the dialect as it is kept with the source."""
        further = {} if self.header_rows <= 1 else {"header_rows": str(self.header_rows)}
        if self.named is not None:
            further["names"] = json.dumps(self.named, ensure_ascii=False)
        return {
            "delimiter": NAMES.get(self.delimiter, self.delimiter),
            "quote": '"' if self.quote else "none",
            "header": "yes" if self.header else "no",
            "columns": str(len(self.names) - self.trailing),
            **further,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectHints:
    """What the user said about the dialect; None is found.

    ``skip`` are lines above the table, ``footer`` rows below it, ``comment`` the sign of lines that are no rows, empty
    for none. ``expected`` is how many rows named the columns of the text that a model learned from.
    """

    delimiter: str | None = None
    quote: bool | None = None
    header: bool | None = None
    header_rows: int | None = None
    names: tuple[str, ...] | None = None
    skip: int | None = None
    footer: int | None = None
    comment: str | None = None
    expected: int = 0


def hints_of(request: SourceRequest) -> DialectHints:
    """Return what a source's declaration says about its dialect."""
    return DialectHints(
        delimiter=request.delimiter,
        quote=request.quote,
        header=request.header,
        header_rows=request.header_rows,
        names=request.names,
        skip=request.skip,
        footer=request.footer,
        comment=request.comment,
    )


def sheet_hints(request: SourceRequest) -> LayoutHints:
    """Return what a source's declaration says about where the table lies on a sheet; sheets have headings mostly."""
    return LayoutHints(
        header=True if request.header is None and request.header_rows is None else request.header,
        header_rows=request.header_rows,
        names=request.names,
        footer=request.footer,
        above=request.skip,
    )


def hints_from(recorded: Mapping[str, str] | None) -> DialectHints:
    """Return the hints that a recorded dialect gives, all but the header: prediction input may differ there.

    No row at the end is taken for a total: every row that is given is predicted.
    """
    if not recorded or "delimiter" not in recorded:
        return DialectHints(footer=0)
    by_name = {name: delimiter for delimiter, name in NAMES.items()}
    return DialectHints(
        delimiter=by_name.get(recorded["delimiter"], recorded["delimiter"]),
        quote=recorded.get("quote") != "none",
        footer=0,
        expected=int(recorded.get("header_rows", "0")),
    )


def names_recorded(recorded: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of columns that have none in the text: those the user gave, else their numbers."""
    if "names" in recorded:
        return tuple(json.loads(recorded["names"]))
    return tuple(f"column_{number}" for number in range(1, int(recorded.get("columns", "0")) + 1))


def find_dialect(
    head: str, *, shown: str, whole: bool, hints: DialectHints, known: Sequence[str] = (), tail: str = ""
) -> Dialect:
    """Find how a text is written.

    Parameters
    ----------
    head : str
        The beginning of the text, whole lines.
    whole : bool
        The head is all of it.
    known : sequence of str
        Names that the columns have if the first row is a header; empty when nothing is known.
    tail : str
        The end of a text of which the head is not all, whole lines.

    Raises
    ------
    DataError
        When there is no row, or as many names were declared as there are no columns.
    """
    if hints.skip is None:
        skipped, text = _without_preamble(head)
    else:
        skipped, text = hints.skip, head[_lines(head, hints.skip) :]
    if not text.strip():
        raise DataError(f"{shown} holds no row")
    by_name = {name: delimiter for delimiter, name in NAMES.items()}
    hint = by_name.get(hints.delimiter, hints.delimiter) if hints.delimiter else None
    if skipped and (match := re.match(r"^sep=(.)\r?\n", head, re.IGNORECASE)):
        hint = hint or match[1]
    comment, text = _comments(text, hint, hints.comment)
    delimiter = hint or _find_delimiter(text)
    quote = hints.quote if hints.quote is not None else _quoting_holds(text, delimiter)
    rows = _numbered_rows(text, delimiter, quote=quote, limit=None if whole else _HEADER_ROWS)
    if not whole and len(rows) > 1 and len(rows) < _HEADER_ROWS:
        rows = rows[:-1]  # the last one may be cut inside a quoted field
    first = [row for _, row in rows[:_HEADER_ROWS]]
    end = rows if whole else _numbered_rows(tail, delimiter, quote=quote)
    found = lay_out(
        first,
        LayoutHints(
            header=hints.header,
            header_rows=hints.header_rows,
            names=hints.names,
            footer=hints.footer,
            above=None if hints.skip is None else 0,
            wanted=tuple(known),
            expected=hints.expected,
        ),
        last=[row for _, row in end],
        whole=whole,
    )
    _as_many(found.names, found.trailing, hints, first, shown)
    above = found.notes_above
    plain = not above and found.header_rows <= 1 and not comment
    start = rows[min(above + found.header_rows, len(rows) - 1)][0] if above or found.header_rows else 0
    below = 0
    if found.rows_below and found.rows_below < len(end):
        from_line = end[-found.rows_below][0]
        text_of_end = text if whole else tail
        below = len(text_of_end[_lines(text_of_end, from_line) :].encode())
    told = (f"lines that begin with '{comment}' are no rows: `comment: none` reads them",) if comment else ()
    return Dialect(
        delimiter=delimiter,
        quote=quote,
        header=found.header_rows > 0,
        names=found.names,
        preamble_lines=skipped,
        reason=found.reason,
        header_rows=found.header_rows,
        rows_at=None if plain and not below else skipped + start,
        bytes_below=below,
        comment=comment,
        trailing=found.trailing,
        told=(*told, *found.told),
        named=hints.names,
    )


def _as_many(
    names: Sequence[str],
    trailing: bool,
    hints: DialectHints,
    rows: Sequence[Sequence[str]],
    shown: str,
) -> None:
    if hints.names is None:
        return
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    if len(names) != width:
        raise DataError(f"`names` names {len(hints.names)} columns, but the rows of {shown} have {width - trailing}")


def _lines(text: str, count: int) -> int:
    """Return where the line after the first ``count`` begins."""
    at = 0
    for _ in range(count):
        found = text.find("\n", at)
        if found < 0:
            return len(text)
        at = found + 1
    return at


def _comments(text: str, delimiter: str | None, declared: str | None) -> tuple[str, str]:
    """Return the sign of lines that are no rows, and the text with these lines empty.

    Found is ``#`` before words above the table, or between its rows where such a line does not have its columns.
    """
    sign = "#" if declared is None else declared
    if not sign or f"\n{sign}" not in f"\n{text}":
        return "", text
    lines = text.splitlines(keepends=True)
    marked = [place for place, line in enumerate(lines) if line.startswith(sign)]
    plain = [line for place, line in enumerate(lines) if not line.startswith(sign) and line.strip()]
    if len(plain) < 2:
        return "", text
    cut_at = delimiter or _find_delimiter("".join(plain))
    width = Counter(line.count(cut_at) for line in plain).most_common(1)[0][0]
    if declared is None:
        marked = [place for place in marked if lines[place].count(cut_at) != width or not width]
        if not marked or (not width and marked[0] != 0):
            return "", text
        # A line of as many columns right above the rows names them, as '#id,value' does.
    for place in marked:
        lines[place] = "\n"
    return sign, "".join(lines)


def _without_preamble(head: str) -> tuple[int, str]:
    """Return the number of lines to skip, and the text after them: leading empty lines, Excel's ``sep=;``."""
    skipped = 0
    while match := re.match(r"^(?:[ \t]*|sep=.)\r?\n", head, re.IGNORECASE):
        skipped += 1
        head = head[match.end() :]
    return skipped, head


def _find_delimiter(text: str) -> str:
    best, best_share = ",", 0.0
    for delimiter in DELIMITERS:
        counts = Counter(len(row) for row in _rows(text, delimiter, quote=True, limit=_SNIFFED_LINES))
        # Stray quotes swallow rows, so look without quoting as well.
        bare = Counter(len(row) for row in _rows(text, delimiter, quote=False, limit=_SNIFFED_LINES))
        share = max(_even_share(counts), _even_share(bare))
        if share > best_share + 1e-9:
            best, best_share = delimiter, share
    return best


def _even_share(counts: Counter[int]) -> float:
    width, rows = counts.most_common(1)[0]
    return rows / counts.total() if width > 1 else 0.0


def _quoting_holds(text: str, delimiter: str) -> bool:
    """Whether quotes enclose fields; False where they are stray characters that would swallow rows."""
    if '"' not in text:
        return True
    quoted = _rows(text, delimiter, quote=True)
    bare = _rows(text, delimiter, quote=False)
    bare_even = len({len(row) for row in bare}) == 1
    if not bare_even:
        return True
    if len({len(row) for row in quoted}) != 1:
        return False
    # Both cut evenly. Fields that run over a line end, or quotes inside fields, betray stray quotes.
    if any("\n" in cell for row in quoted for cell in row):
        return False
    return all(_enclosed(cell) for row in bare for cell in row if '"' in cell)


def _enclosed(cell: str) -> bool:
    cell = cell.strip()
    return len(cell) >= 2 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', "")


def _rows(text: str, delimiter: str, *, quote: bool, limit: int | None = None) -> list[list[str]]:
    return [row for _, row in _numbered_rows(text, delimiter, quote=quote, limit=limit)]


def _numbered_rows(text: str, delimiter: str, *, quote: bool, limit: int | None = None) -> list[tuple[int, list[str]]]:
    """Return the rows that are not empty, each with the number of lines before it."""
    csv.field_size_limit(1 << 25)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    )
    rows: list[tuple[int, list[str]]] = []
    before = 0
    for row in reader:
        if row:
            rows.append((before, row))
        before = reader.line_num
        if limit is not None and len(rows) >= limit:
            break
    return rows or [(0, [""])]
