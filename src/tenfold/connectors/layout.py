"""Where the table lies among the rows of a text or a sheet: notes above, headings, totals and notes below."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tenfold.connectors.values import MISSING_AMONG_OTHERS, is_date, is_marker, is_number, number_in

Row = Sequence[str]

_MOST_NOTES = 30
_MOST_FOOTERS = 10
_MOST_HEADINGS = 3
_FEWEST_ROWS = 12
_RARE = 0.05
_ANSWERS = frozenset({"response", "open-ended response", "value", "answer", "antwort"})
_TOTAL = re.compile(
    r"(grand |sub)?-?(total|totals|sum|summe|gesamt|gesamtsumme|insgesamt|overall)( \(.*\)| row)?:?", re.IGNORECASE
)
_SUM_AGREES = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the table lies among rows.

    Attributes
    ----------
    notes_above : int
        Rows before the headings, or before the first row where there are none.
    header_rows : int
        Rows that name the columns; 0 where there are none.
    names : tuple of str
        The columns: as the headings give them, ``column_1`` ... where there are none.
    rows_below : int
        Rows after the last row of the table: totals, sources, remarks.
    trailing : bool
        Every row ends with a delimiter, so that a column without a name and values stands at the end.
    reason : str
        Why there is a header or none.
    told : tuple of str
        What was done beside that, each with the line of the file that overrules it.
    """

    notes_above: int
    header_rows: int
    names: tuple[str, ...]
    rows_below: int = 0
    trailing: bool = False
    reason: str = ""
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutHints:
    """What the user said; None is found.

    ``above`` and ``footer`` count the rows that are no part of the table. ``wanted`` are the headings that a model
    expects, and ``expected`` how many rows of them.
    """

    header: bool | None = None
    header_rows: int | None = None
    names: tuple[str, ...] | None = None
    footer: int | None = None
    above: int | None = None
    wanted: tuple[str, ...] = ()
    expected: int = 0


def lay_out(rows: Sequence[Row], hints: LayoutHints, *, last: Sequence[Row], whole: bool) -> Layout:
    """Find where the table lies.

    Parameters
    ----------
    rows : sequence of rows
        The first rows, without empty ones; all cells as text.
    last : sequence of rows
        The last rows.
    whole : bool
        These are all rows, so that a total can be held against its sum.
    """
    width = _width(rows)
    above = _notes_above(rows, width) if hints.above is None else hints.above
    body = rows[above:]
    below, told_below = _rows_below(body, last, width, hints, whole=whole)
    trimmed = body[: len(body) - below] if whole and len(last) == len(rows) else body
    header_rows, reason = _header_rows(trimmed or body, hints)
    names, trailing, told = _names(trimmed or body, header_rows, width, hints)
    if above and hints.above is None:
        first = " | ".join(cell for cell in rows[0] if cell.strip())[:60]
        told = (f"{_rows(above)} above the table {_is(above)} left out ('{first}'): `skip: 0` keeps them", *told)
    return Layout(
        notes_above=above,
        header_rows=header_rows,
        names=names,
        rows_below=below,
        trailing=trailing,
        reason=reason,
        told=(*told, *told_below),
    )


def has_header(rows: Sequence[Row], known: Sequence[str] = ()) -> tuple[bool, str]:
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


def _width(rows: Sequence[Row]) -> int:
    counts = Counter(len(row) for row in rows)
    return max(counts, key=lambda width: (counts[width], width))


def _notes_above(rows: Sequence[Row], width: int) -> int:
    """Return how many of the first rows are no part of the table: they hold little, and rows below are full."""
    if width < 2:
        return 0
    above = 0
    while above < min(_MOST_NOTES, len(rows) - 2) and _is_note(rows[above], width):
        above += 1
    rest = rows[above:]
    if not above or len(_filled(rest[0])) < max(2, 0.6 * (width - 1)):
        return 0
    sparse = sum(_is_note(row, width) for row in rest[:-_MOST_FOOTERS])
    return above if sparse <= _RARE * len(rest) else 0


def _is_note(row: Row, width: int) -> bool:
    filled = len(_filled(row))
    if len(row) < width:
        return filled <= max(1, width // 3) and not (filled > 1 and len(row) == width - 1)
    return len(row) == width and filled <= 1 and width >= 3


def _rows_below(
    body: Sequence[Row], last: Sequence[Row], width: int, hints: LayoutHints, *, whole: bool
) -> tuple[int, tuple[str, ...]]:
    if hints.footer is not None:
        return hints.footer, ()
    if width < 2 or len(body) < 3:
        return 0, ()
    sparse = sum(_is_note(row, width) for row in body[:-_MOST_FOOTERS])
    below = 0
    if sparse <= 0.01 * len(body):
        while below < min(_MOST_FOOTERS, len(last) - 3) and _is_remark(last[-1 - below], body, width):
            below += 1
    # Where the end was cut inside a quoted field, no row of it looks like the others.
    if any(len(row) != width for row in last[len(last) - below - 3 : len(last) - below]):
        return 0, ()
    end = len(last) - below
    if whole and end > 4 and _is_total(last[:end]):
        below += 1
    if not below:
        return 0, ()
    shown = " | ".join(cell for cell in last[-below] if cell.strip())[:60]
    return below, (
        f"{_rows(below)} below the table {_is(below)} left out ('{shown}'): `footer: 0` reads them as rows of it",
    )


def _is_remark(row: Row, body: Sequence[Row], width: int) -> bool:
    """Whether a last row is prose: a row of the table of which little is known but its key must not be taken for it."""
    if not _is_note(row, width):
        return False
    if len(row) < width:
        return True
    place = next((place for place, cell in enumerate(row) if cell.strip()), None)
    if place is None:
        return True
    longest = max((len(other[place]) for other in body if len(other) == width and other != row), default=0)
    return " " in row[place].strip() and len(row[place]) > longest


def _is_total(body: Sequence[Row]) -> bool:
    """Whether the last row is named a total, and one of its numbers is the sum of those above it."""
    row = body[-1]
    named = _filled(row)
    if not named or not _TOTAL.fullmatch(named[0].strip()) or is_number(named[0]):
        return False
    for place, cell in enumerate(row):
        total = number_in(cell)
        if not total:
            continue
        above = [number_in(other[place]) for other in body[:-1] if place < len(other)]
        known = [value for value in above if value is not None]
        if len(known) >= 3 and abs(sum(known) - total) <= _SUM_AGREES * abs(total):
            return True
    return False


def _header_rows(body: Sequence[Row], hints: LayoutHints) -> tuple[int, str]:
    if hints.header_rows is not None:
        return hints.header_rows, "the header was declared"
    if hints.header is False:
        return 0, "the header was declared"
    if hints.header is True:
        header, reason = True, "the header was declared"
    else:
        header, reason = has_header(body, hints.wanted)
        if not header and hints.wanted and _best_by_names(body, hints) > 1:
            header, reason = True, "the first rows together hold the known column names"
    if not header:
        return 0, reason
    if hints.wanted:
        best = _best_by_names(body, hints)
        if best > 1:
            return best, reason
    return _headings(body, fewest=3 if hints.expected > 1 else _FEWEST_ROWS), reason


def _best_by_names(body: Sequence[Row], hints: LayoutHints) -> int:
    """Return how many rows together hold most of the names that are wanted; the fewest of several."""
    wanted = set(hints.wanted)
    most = min(_MOST_HEADINGS, len(body) - 1)
    found = {count: len(wanted & set(_combined(body[:count])[0])) for count in range(1, most + 1)}
    return max(found, key=lambda count: (found[count], -count)) if found else 1


def _headings(body: Sequence[Row], *, fewest: int) -> int:
    """Return how many rows are headings: a second is unlike the rows below it, and words where these are numbers."""
    count = 1
    while count < _MOST_HEADINGS and len(body) - count >= fewest and _is_heading(body, count):
        count += 1
    return count


def _is_heading(body: Sequence[Row], at: int) -> bool:
    row, below = [cell.strip() for cell in body[at]], body[at + 1 :]
    filled = [cell for cell in row if cell]
    if len(filled) < 2 or any(is_number(cell) or is_date(cell) or is_marker(cell) for cell in filled):
        return False
    votes = [_vote(row, below, place) for place in range(len(row))]
    favour = sum(vote > 0 for vote in votes)
    typed = sum(_above_typed(row, below, place) for place in range(len(row)))
    if any(cell.startswith('{"ImportId"') for cell in filled):
        return True
    generic = sum(cell.casefold() in _ANSWERS for cell in filled)
    split = any(not cell.strip() for cell in body[0])
    if favour <= 0.5 * len(filled):
        # Lists of answers repeat their heading in every row; they speak neither for nor against.
        repeated = sum(vote < 0 for vote in votes)
        if not (split and favour and favour + repeated > 0.5 * len(filled)):
            return False
    return typed >= 2 or (typed and split) or (split and generic >= 2)


def _above_typed(row: Row, below: Sequence[Row], place: int) -> bool:
    """Whether a word stands above numbers or dates."""
    if not row[place] or row[place].casefold() in MISSING_AMONG_OTHERS:
        return False
    values = [other[place].strip() for other in below if place < len(other)]
    values = [value for value in values if value and not is_marker(value)]
    return bool(values) and any(
        sum(map(typed, values)) >= 0.95 * len(values) and not typed(row[place]) for typed in (is_number, is_date)
    )


def _names(
    body: Sequence[Row], header_rows: int, width: int, hints: LayoutHints
) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    below = body[header_rows:]
    told: list[str] = []
    if header_rows:
        names, generic = _combined(body[:header_rows])
        if header_rows > 1:
            how = "put together into the names" if generic else "the first of them names the columns"
            told.append(
                f"{header_rows} rows of headings were found, {how}: `header_rows: 1` reads all but the first as rows"
            )
        names, trailing = _fitted(names, below, width)
        if len(names) == width - 1:
            # Tables written by R have no heading above the names of the rows.
            names.insert(0, "")
        if names[0].startswith("#"):
            names[0] = names[0].lstrip("# ") or names[0]
    else:
        names, trailing = [""] * width, _ends_empty(below, width)
        told.append(f"the columns have no names: column_1 to column_{width - trailing}; `names: [...]` names them")
    if trailing:
        told.append("every row ends with a delimiter: the empty column after it is left out")
    if hints.names is not None:
        given = hints.names
        return given if not trailing or len(given) == width else (*given, _unused(given)), trailing, ()
    completed, more = _completed(names, below, numbered=bool(header_rows), trailing=trailing)
    return completed, trailing, (*told, *more)


def _fitted(names: list[str], below: Sequence[Row], width: int) -> tuple[list[str], bool]:
    """Fit the headings to the rows: a delimiter that ends every line, of the headings or of the rows, is no column."""
    while len(names) > width and not names[-1]:
        names.pop()
    if len(names) == width - 1 and _ends_empty(below, width):
        return [*names, ""], True
    return names, bool(names) and not names[-1] and len(names) == width and _ends_empty(below, width)


def _ends_empty(rows: Sequence[Row], width: int) -> bool:
    full = [row for row in rows if len(row) == width]
    return len(full) >= 2 and width >= 2 and all(not row[-1].strip() for row in full)


def _completed(
    names: Sequence[str], below: Sequence[Row], *, numbered: bool, trailing: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give columns without a name one, and columns of the same name names of their own."""
    told: list[str] = []
    if numbered and names and not names[0] and _numbers_rows(below) and "index" not in names:
        names = ["index", *names[1:]]
        told.append(
            "the first column has no name and counts the rows: it is called 'index' (`names: [...]` renames it)"
        )
    unnamed = [place for place, name in enumerate(names[: len(names) - trailing], start=1) if not name]
    if numbered and unnamed:
        listed = ", ".join(f"column_{place}" for place in unnamed[:8]) + (" ..." if len(unnamed) > 8 else "")
        told.append(f"{len(unnamed)} columns have no name: {listed} (`names: [...]` names them)")
    given = [name or f"column_{place}" for place, name in enumerate(names, start=1)]
    taken = set(given)
    seen: set[str] = set()
    renamed: list[str] = []
    for place, name in enumerate(given):
        unique, number = name, 2
        while unique in seen or (unique != name and unique in taken):
            unique, number = f"{name}_{number}", number + 1
        if unique != name:
            renamed.append(f"'{name}' in column {place + 1} is called '{unique}'")
        seen.add(unique)
        given[place] = unique
    if renamed:
        more = f" and {len(renamed) - 5} more" if len(renamed) > 5 else ""
        told.append(f"names occur twice: {', '.join(renamed[:5])}{more} (`names: [...]` renames them)")
    return tuple(given), tuple(told)


def _numbers_rows(rows: Sequence[Row]) -> bool:
    cells = [row[0].strip() for row in rows if row]
    if len(cells) < 3 or not all(cell.isdigit() for cell in cells):
        return False
    return all(after - before == 1 for before, after in pairwise(map(int, cells)))


def _unused(names: Sequence[str]) -> str:
    number = len(names) + 1
    while f"column_{number}" in names:
        number += 1
    return f"column_{number}"


def _combined(rows: Sequence[Row]) -> tuple[list[str], bool]:
    """Return the names that rows of headings give together, and whether more than the first was needed.

    Where the first row names every column on its own, it does so alone: what stands below are units or questions. Else
    a heading holds for the columns without one to its right, and what stands under each is put behind it.
    """
    cleaned = [[" ".join(cell.split()) for cell in row] for row in rows]
    names = cleaned[0]
    needed = False
    for below in cleaned[1:]:
        width = max(len(names), len(below))
        names = names + [""] * (width - len(names))
        if all(names) and len(set(names)) == len(names):
            continue
        needed = True
        names = _under_groups(names, below + [""] * (width - len(below)))
    return names, needed


def _under_groups(groups: Sequence[str], items: Sequence[str]) -> list[str]:
    heads = [place for place, group in enumerate(groups) if group]
    ends = [*heads[1:], len(groups)]
    spans = {head: end - head for head, end in zip(heads, ends, strict=True)}
    # A group that holds for one column, with a word under it that stands under others as well, says nothing by it.
    alone = Counter(items[head] for head, span in spans.items() if span == 1)
    result: list[str] = []
    group, width = "", 1
    for place, item in enumerate(items):
        if groups[place]:
            group, width = groups[place], spans[place]
        generic = item.casefold() in _ANSWERS or (width == 1 and alone[item] > 1)
        if not item or (generic and group and width == 1):
            result.append(group if width == 1 or groups[place] else "")
        else:
            result.append(f"{group} / {item}" if group else item)
    return result


def _vote(first: Row, rows: Sequence[Row], place: int) -> int:
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


def _counts_up(first: Row) -> bool:
    """Whether the row is words followed by whole numbers one apart: 'country', '2010', '2011', ..."""
    numbers = [cell for cell in first if cell.isdigit()]
    if len(numbers) < 3 or len(numbers) == len(first) or is_number(first[0]):
        return False
    values = [int(number) for number in numbers]
    return all(after - before == 1 for before, after in pairwise(values))


def _filled(row: Row) -> list[str]:
    return [cell for cell in row if cell.strip()]


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
