"""From the words of an expression to its tree, by recursive descent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.row_language.functions import AGGREGATES, FUNCTIONS
from tenfold.foundation.row_language.tree import Call, Column, MoreThanOneRow, Tree, Value
from tenfold.foundation.row_language.words import Word, not_an_expression, words_of

LONGEST = 10_000
_DEEPEST = 60
_LARGEST = 20_000
_RESERVED = frozenset(
    (
        "AND",
        "OR",
        "NOT",
        "IN",
        "IS",
        "LIKE",
        "ILIKE",
        "BETWEEN",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "SELECT",
        "FROM",
        "OVER",
    )
)
_COMPARED = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@lru_cache(maxsize=512)
def parse(text: str) -> Tree:
    """Return the tree of an expression.

    Raises
    ------
    DataError
        When the text is not one expression; the character and the nearest known function are named.
    """
    if len(text) > LONGEST:
        raise DataError(f"the expression has {len(text)} characters; at most {LONGEST} are read")
    reader = _Reader(text=text, words=words_of(text))
    tree = reader.expression()
    if reader.now.sort != "end":
        raise reader.fault(f"'{reader.now.text}' comes after its end")
    if _size(tree) > _LARGEST:
        raise DataError(f"'{text[:60]}…' is too large an expression; divide it into several rules")
    return tree


def _size(tree: Tree) -> int:
    # What `%`, BETWEEN and IN repeat is counted as often as it will be computed.
    return 1 + sum(_size(each) for each in tree.arguments) if isinstance(tree, Call) else 1


@dataclass(slots=True)
class _Reader:
    text: str
    words: list[Word]
    place: int = 0
    depth: int = 0

    @property
    def now(self) -> Word:
        return self.words[self.place]

    def fault(self, what: str, at: int | None = None) -> DataError:
        return not_an_expression(self.text, what, self.now.at if at is None else at)

    def sign(self, *signs: str) -> str:
        """Take one of these signs, where it stands here; else return nothing."""
        if self.now.sort == "sign" and self.now.text in signs:
            self.place += 1
            return self.words[self.place - 1].text
        return ""

    def keyword(self, *keywords: str) -> str:
        """Take one of these keywords, where it stands here; else return nothing."""
        if self.now.sort == "name" and self.now.text.upper() in keywords:
            self.place += 1
            return self.words[self.place - 1].text.upper()
        return ""

    def need(self, written: str) -> None:
        if not (self.sign(written) or self.keyword(written)):
            found = "it ends" if self.now.sort == "end" else f"'{self.now.text}' stands"
            raise self.fault(f"{found} where {written} is needed")

    def expression(self) -> Tree:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fault(f"it is nested more than {_DEEPEST} deep")
        tree = self._either()
        self.depth -= 1
        return tree

    def _either(self) -> Tree:
        at, parts = self.now.at, [self._both()]
        while self.keyword("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Call(name="or", arguments=tuple(parts), at=at)

    def _both(self) -> Tree:
        at, parts = self.now.at, [self._negated()]
        while self.keyword("AND"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else Call(name="and", arguments=tuple(parts), at=at)

    def _negated(self) -> Tree:
        at, times = self.now.at, 0
        while self.keyword("NOT"):
            times += 1
        tree = self._compared()
        return _not(tree, at) if times % 2 else tree

    def _compared(self) -> Tree:
        tree = self._sum()
        while True:
            at = self.now.at
            if sign := self.sign(*_COMPARED):
                tree = Call(name=_COMPARED[sign], arguments=(tree, self._sum()), at=at)
            elif self.keyword("IS"):
                tree = self._is(tree, at)
            elif self.now.sort == "name" and self.now.text.upper() in {"NOT", "IN", "BETWEEN", "LIKE", "ILIKE"}:
                denied = bool(self.keyword("NOT"))
                test = self._test(tree, at)
                tree = _not(test, at) if denied else test
            else:
                return tree

    def _is(self, tree: Tree, at: int) -> Tree:
        denied = bool(self.keyword("NOT"))
        asked = self.keyword("NULL", "TRUE", "FALSE")
        if not asked:
            raise self.fault("IS asks for NULL, TRUE or FALSE")
        test = Call(name=f"is {asked.lower()}", arguments=(tree,), at=at)
        return _not(test, at) if denied else test

    def _test(self, tree: Tree, at: int) -> Tree:
        if self.keyword("IN"):
            self.need("(")
            members = [self.expression()]
            while self.sign(","):
                members.append(self.expression())
            self.need(")")
            return Call(name="in", arguments=(tree, *members), at=at)
        if self.keyword("BETWEEN"):
            low = self._sum()
            self.need("AND")
            high = self._sum()
            ends = (Call(name=">=", arguments=(tree, low), at=at), Call(name="<=", arguments=(tree, high), at=at))
            return Call(name="and", arguments=ends, at=at)
        way = self.keyword("LIKE", "ILIKE")
        if not way:
            raise self.fault("NOT is followed by IN, BETWEEN, LIKE or ILIKE here")
        return Call(name=way.lower(), arguments=(tree, self._sum()), at=at)

    def _sum(self) -> Tree:
        tree, steps = self._product(), 0
        while True:
            at = self.now.at
            sign = self.sign("+", "-", "||")
            if not sign:
                return tree
            steps = self._one_more(steps)
            tree = Call(name=sign, arguments=(tree, self._product()), at=at)

    def _product(self) -> Tree:
        tree, steps = self._signed(), 0
        while True:
            at = self.now.at
            sign = self.sign("*", "/", "%")
            if not sign:
                return tree
            steps = self._one_more(steps)
            tree = Call(name=sign, arguments=(tree, self._signed()), at=at)

    def _one_more(self, steps: int) -> int:
        if steps >= _DEEPEST:
            raise self.fault(f"more than {_DEEPEST} signs stand in one chain")
        return steps + 1

    def _signed(self) -> Tree:
        at, minus = self.now.at, False
        while sign := self.sign("-", "+"):
            minus ^= sign == "-"
        tree = self._single()
        if not minus:
            return tree
        if isinstance(tree, Value) and isinstance(tree.value, float):
            return Value(value=-tree.value, kind="number", at=at)
        return Call(name="-", arguments=(tree,), at=at)

    def _single(self) -> Tree:
        word = self.now
        if self.sign("("):
            tree = self.expression()
            self.need(")")
            return tree
        if word.sort == "end":
            raise self.fault("a value is missing at its end")
        if word.sort == "sign":
            raise self.fault(f"a value is missing before '{word.text}'")
        self.place += 1
        if word.sort == "number":
            return Value(value=float(word.text), kind="number", at=word.at)
        if word.sort == "text":
            return Value(value=word.text, kind="text", at=word.at)
        if word.sort == "quoted":
            return Column(name=word.text, at=word.at)
        return self._named(word)

    def _named(self, word: Word) -> Tree:
        upper = word.text.upper()
        if upper in {"TRUE", "FALSE"}:
            return Value(value=upper == "TRUE", kind="truth", at=word.at)
        if upper == "NULL":
            return Value(value=None, kind="null", at=word.at)
        if upper == "CASE":
            return self._case(word.at)
        if upper == "CAST":
            return self._cast(word.at)
        if upper in {"DATE", "TIMESTAMP"} and self.now.sort == "text":
            self.place += 1
            return Value(value=self._moment(self.words[self.place - 1]), kind="time", at=word.at)
        if self.sign("("):
            return self._called(word)
        if upper in _RESERVED:
            quoted = "" if upper == "SELECT" else f'; a column of that name is written "{word.text}"'
            raise self.fault(f"{upper} has no place here{quoted}", word.at)
        return Column(name=word.text, at=word.at)

    def _moment(self, word: Word) -> datetime:
        moment = read_moment(word.text)
        if moment is None:
            raise self.fault(f"'{word.text}' is not a time such as '2026-03-01' or '2026-03-01 18:30'", word.at)
        return moment

    def _case(self, at: int) -> Tree:
        subject = None
        if not (self.now.sort == "name" and self.now.text.upper() == "WHEN"):
            subject = self.expression()
        parts: list[Tree] = []
        while self.keyword("WHEN"):
            when_at, asked = self.now.at, self.expression()
            parts.append(asked if subject is None else Call(name="=", arguments=(subject, asked), at=when_at))
            self.need("THEN")
            parts.append(self.expression())
        if not parts:
            raise self.fault("CASE is followed by WHEN")
        parts.append(self.expression() if self.keyword("ELSE") else Value(value=None, kind="null", at=at))
        self.need("END")
        return Call(name="case", arguments=tuple(parts), at=at)

    def _cast(self, at: int) -> Tree:
        self.need("(")
        tree = self.expression()
        self.need("AS")
        into = self.now
        self.place += 1
        if into.text.upper() not in {"DOUBLE", "FLOAT", "REAL"}:
            raise self.fault(f"CAST makes numbers (AS DOUBLE), not {into.text or 'nothing'}", into.at)
        self.keyword("PRECISION")
        self.need(")")
        return Call(name="number", arguments=(tree,), at=at)

    def _called(self, word: Word) -> Tree:
        name = word.text.lower()
        arguments: list[Tree] = []
        if not self.sign(")"):
            arguments.append(self.expression())
            while self.sign(","):
                arguments.append(self.expression())
            self.need(")")
        if self.now.sort == "name" and self.now.text.upper() == "OVER":
            raise self._looks_at_rows(f"{name}(…) OVER", word.at)
        known = FUNCTIONS.get(name)
        if known is None or not known.spelled:
            if name in AGGREGATES:
                raise self._looks_at_rows(f"{name}(…)", word.at)
            callable_names = [each for each, function in FUNCTIONS.items() if function.spelled]
            raise self.fault(f"there is no function '{word.text}'.{did_you_mean(name, callable_names)}", word.at)
        return Call(name=name, arguments=tuple(arguments), at=word.at)

    def _looks_at_rows(self, what: str, at: int) -> MoreThanOneRow:
        return MoreThanOneRow(f"'{self.text}' looks at more than one row: {what} (character {at})")


def _not(tree: Tree, at: int) -> Tree:
    return Call(name="not", arguments=(tree,), at=at)


def read_moment(text: str) -> datetime | None:
    """Return an ISO time in UTC without its zone; None when the text is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
