"""How a delimited text is written: delimiter, quoting, header. Found on the first mebibyte, kept with the source."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tenfold.connectors.values import is_date, is_marker, is_number
from tenfold.foundation.errors import DataError

# In this order when several cut the text equally well: a decimal comma cuts as evenly as a semicolon does.
DELIMITERS = ("\t", ";", "|", ",")
NAMES = {"\t": "tab", ";": ";", "|": "|", ",": ","}

_SNIFFED_LINES = 300
_HEADER_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a delimited text is written.

    ``names`` are the columns as the header gives them, or ``column_1`` ... where there is none. ``preamble_lines``
    is the number of lines to skip before the header or the first row. ``second_header``: the first row under the header
    looks like another heading.
    """

    delimiter: str
    quote: bool
    header: bool
    names: tuple[str, ...]
    preamble_lines: int = 0
    reason: str = ""
    second_header: bool = False

    def recorded(self) -> dict[str, str]:
        """Return the dialect as it is kept with the source."""
        return {
            "delimiter": NAMES.get(self.delimiter, self.delimiter),
            "quote": '"' if self.quote else "none",
            "header": "yes" if self.header else "no",
            "columns": str(len(self.names)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectHints:
    """What the user said about the dialect; None is found."""

    delimiter: str | None = None
    quote: bool | None = None
    header: bool | None = None


def hints_from(recorded: Mapping[str, str] | None) -> DialectHints:
    """Return the hints that a recorded dialect gives, all but the header: prediction input may differ there."""
    if not recorded or "delimiter" not in recorded:
        return DialectHints()
    by_name = {name: delimiter for delimiter, name in NAMES.items()}
    return DialectHints(
        delimiter=by_name.get(recorded["delimiter"], recorded["delimiter"]), quote=recorded.get("quote") != "none"
    )


def find_dialect(head: str, *, shown: str, whole: bool, hints: DialectHints, known: Sequence[str] = ()) -> Dialect:
    """Find how a text is written.

    Parameters
    ----------
    head : str
        The beginning of the text, whole lines.
    whole : bool
        The head is all of it.
    known : sequence of str
        Names that the columns have if the first row is a header; empty when nothing is known.

    Raises
    ------
    DataError
        When there is no row, or the header names a column twice.
    """
    preamble, text = _without_preamble(head)
    if not text.strip():
        raise DataError(f"{shown} holds no row")
    by_name = {name: delimiter for delimiter, name in NAMES.items()}
    hint = by_name.get(hints.delimiter, hints.delimiter) if hints.delimiter else None
    if preamble and (match := re.match(r"^sep=(.)\r?\n", head, re.IGNORECASE)):
        hint = hint or match[1]
    delimiter = hint or _find_delimiter(text)
    quote = hints.quote if hints.quote is not None else _quoting_holds(text, delimiter)
    rows = _rows(text, delimiter, quote=quote, limit=_HEADER_ROWS)
    if not whole and len(rows) > 1 and len(rows) < _HEADER_ROWS:
        rows = rows[:-1]  # the last one may be cut inside a quoted field
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    if hints.header is not None:
        header, reason = hints.header, "the header was declared"
    else:
        header, reason = has_header(rows, known)
    names = _names(rows[0], shown) if header else tuple(f"column_{number}" for number in range(1, width + 1))
    return Dialect(
        delimiter=delimiter,
        quote=quote,
        header=header,
        names=names,
        preamble_lines=preamble,
        reason=reason,
        second_header=header and _has_second_header(rows),
    )


def _has_second_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether in most columns the row under the header is unlike all rows below it: survey tools write such rows."""
    if len(rows) < 12:
        return False
    votes = [_vote([cell.strip() for cell in rows[1]], rows[2:], place) for place in range(len(rows[1]))]
    filled = sum(1 for cell in rows[1] if cell.strip())
    return filled >= 3 and sum(vote > 0 for vote in votes) > 0.5 * filled


def has_header(rows: Sequence[Sequence[str]], known: Sequence[str] = ()) -> tuple[bool, str]:
    """Say whether the first of some rows names the columns, and why.

    Every column votes: a first cell that is a number above numbers, or that occurs again below, speaks against a
    header; a word above numbers, or above few values of which it is none, speaks for one.
    """
    first = [cell.strip() for cell in rows[0]]
    if known:
        found = len(set(first) & set(known))
        if found >= max(1, len(known) // 2):
            return True, f"the first row holds {found} of the known column names"
    if len(rows) == 1:
        values = any(is_number(cell) or is_date(cell) or is_marker(cell) for cell in first)
        return not values, "the only row holds values" if values else "the only row holds words"
    if _counts_up(first):
        return True, "the first row counts up, as headings by year do"
    votes = [_vote(first, rows[1:], place) for place in range(len(first))]
    against = sum(vote < 0 for vote in votes)
    favour = sum(vote > 0 for vote in votes)
    if against > favour:
        return False, f"in {against} of {len(first)} columns the first cell is a value like those below it"
    if favour == 0 and len(set(first)) < len(first):
        return False, "the first row repeats itself"
    if favour:
        return True, f"in {favour} of {len(first)} columns the first cell differs in kind from those below it"
    return True, "the first row could be a heading, and nothing speaks against it"


def _vote(first: Sequence[str], rows: Sequence[Sequence[str]], place: int) -> int:
    cell = first[place]
    below = [row[place].strip() for row in rows if place < len(row)]
    below = [value for value in below if value and not is_marker(value)]
    if not cell or not below:
        return 0
    for typed in (is_number, is_date):
        share = sum(map(typed, below)) / len(below)
        if share >= 0.8:
            return -1 if typed(cell) or is_marker(cell) else 1
    if is_number(cell) or is_marker(cell):
        return -1
    if cell in below:
        return -1
    # Few values, each seen often, and the first cell none of them: a heading.
    return 1 if len(set(below)) <= max(1, len(below) // 5) and len(below) >= 5 else 0


def _counts_up(first: Sequence[str]) -> bool:
    """Whether the row is words followed by whole numbers one apart: 'country', '2010', '2011', ..."""
    numbers = [cell for cell in first if cell.isdigit()]
    if len(numbers) < 3 or len(numbers) == len(first) or is_number(first[0]):
        return False
    values = [int(number) for number in numbers]
    return all(after - before == 1 for before, after in pairwise(values))


def _names(cells: Sequence[str], shown: str) -> tuple[str, ...]:
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = " ".join(cell.split()) or f"column_{number}"
        if name in names:
            raise DataError(
                f"the header of {shown} names '{name}' twice (columns {names.index(name) + 1} and {number}); rename one"
            )
        names.append(name)
    return tuple(names)


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
    csv.field_size_limit(1 << 25)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    )
    rows: list[list[str]] = []
    for row in reader:
        if row:
            rows.append(row)
        if limit is not None and len(rows) >= limit:
            break
    return rows or [[""]]
