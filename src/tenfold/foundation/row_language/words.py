"""An expression cut into words, each with the place where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tenfold.foundation.errors import DataError

Sort = Literal["name", "quoted", "number", "text", "sign", "end"]

_WORD = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<quoted>"(?:[^"]|"")+")
      | (?P<text>'(?:[^']|'')*')
      | (?P<comment>--|/\*)
      | (?P<sign><>|<=|>=|!=|==|\|\||[-+*/%()=<>,])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word; ``at`` counts characters from 1, ``text`` is without its quotes."""

    sort: Sort
    text: str
    at: int


def not_an_expression(text: str, what: str, at: int) -> DataError:
    """Return the error that says where an expression cannot be read."""
    return DataError(f"'{text}' is not an expression over columns: {what} (character {at})")


def words_of(text: str) -> list[Word]:
    """Cut an expression into words, the last of them its end.

    Raises
    ------
    DataError
        At a character that no word begins with.
    """
    words: list[Word] = []
    place = 0
    while place < len(text):
        found = _WORD.match(text, place)
        if found is None:
            raise not_an_expression(text, _stray(text[place]), place + 1)
        written = found.group()
        match found.lastgroup:
            case "comment":
                raise not_an_expression(text, "comments are not read", place + 1)
            case "number" | "name" | "sign" as sort:
                words.append(Word(sort=sort, text=written, at=place + 1))
            case "quoted":
                words.append(Word(sort="quoted", text=written[1:-1].replace('""', '"'), at=place + 1))
            case "text":
                words.append(Word(sort="text", text=written[1:-1].replace("''", "'"), at=place + 1))
        place = found.end()
    words.append(Word(sort="end", text="", at=len(text) + 1))
    return words


def _stray(character: str) -> str:
    if character in "'\"":
        return f"the quote {character} is not closed"
    if character == "`":
        return 'a name with special characters stands in double quotes ("dep hour")'
    if character == ";":
        return "one expression is read, no statements"
    return f"'{character}' has no meaning here"
