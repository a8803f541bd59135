"""What the prediction log keeps of inputs: everything but personal data, in whatever column a caller sends them.

A column in which training found personal data holds pseudonyms before it gets here. Here goes what nobody expected:
an e-mail address among the names of shops, a card's number where an amount belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from tenfold.foundation.personal import hide_number, hide_value, mask_personal

_MOST_CLEAN = 4096
_LONGEST_CLEAN = 64
LEAST_NUMBER = 1e10
"""From here on a number may be a person's or a card's."""

Values = Sequence[Any]
Hiding = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Masking:
    """Hides personal data in the columns of one served version.

    Attributes
    ----------
    kinds : mapping from column to kind
    codes : collection of str
        Columns whose values of digits alone are codes, although some fit check digits.
    """

    kinds: Mapping[str, str]
    codes: Collection[str] = ()
    _numbers: tuple[str, ...] = field(init=False, repr=False)
    _numbers_of: Callable[[Mapping[str, Values]], Sequence[Values]] = field(init=False, repr=False)
    _words: tuple[tuple[str, Hiding], ...] = field(init=False, repr=False)
    _clean: dict[str, set[str | None]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        words = [name for name, kind in self.kinds.items() if kind in {"categorical", "text"}]
        numbers = tuple(name for name, kind in self.kinds.items() if kind == "numeric")
        object.__setattr__(self, "_numbers", numbers)
        object.__setattr__(self, "_numbers_of", itemgetter(*numbers) if len(numbers) > 1 else self._few_numbers)
        object.__setattr__(self, "_words", tuple((name, self._hiding(name)) for name in words))
        # Categories come again and again: what was found clean once is not looked at a second time.
        object.__setattr__(self, "_clean", {name: {"", None} for name in words})

    def masked(self, columns: Mapping[str, Values], *, short: bool = False) -> Mapping[str, Values]:
        """Return columns as they are logged: the same ones where nothing personal is in them.

        Parameters
        ----------
        short : bool
            Whether no number is as long as `LEAST_NUMBER`, for all that the caller knows.
        """
        changed: dict[str, Values] = {}
        if not short:
            numbers = self._numbers_of(columns)
            if numbers and (_has_long_alone(numbers) if len(numbers[0]) == 1 else any(map(_has_long, numbers))):
                for name, values in zip(self._numbers, numbers, strict=True):
                    changed[name] = [None if each is None else hide_number(each) for each in values]
        for name, hide in self._words:
            clean = self._clean[name]
            values = columns[name]
            if not clean.issuperset(values):
                changed[name] = [each if each in clean else hide(each) for each in values]
        return {**columns, **changed} if changed else columns

    def _few_numbers(self, columns: Mapping[str, Values]) -> Sequence[Values]:
        return [columns[name] for name in self._numbers]

    def _hiding(self, name: str) -> Hiding:
        if self.kinds[name] == "text":
            hide: Hiding = mask_personal
        elif name in self.codes:
            hide = _hide_but_codes
        else:
            hide = hide_value

        def hidden(value: str) -> str:
            found = hide(value)
            clean = self._clean[name]
            if found is value and len(value) <= _LONGEST_CLEAN and len(clean) < _MOST_CLEAN:
                clean.add(value)
            return found

        return hidden


def _has_long_alone(columns: Sequence[Values]) -> bool:
    """Whether columns of one row hold such a number: in one loop, since a call for each costs more than its value."""
    for (value,) in columns:  # noqa: SIM110 - a generator costs as much again as all comparisons
        if value is not None and not -LEAST_NUMBER < value < LEAST_NUMBER:
            return True
    return False


def _has_long(values: Values) -> bool:
    """Whether some number is as long as those of persons and cards."""
    try:
        return bool(max(values) >= LEAST_NUMBER or min(values) <= -LEAST_NUMBER)
    except TypeError:
        known = [value for value in values if value is not None]
        return bool(known) and _has_long(known)


def _hide_but_codes(value: str) -> str:
    return hide_value(value, codes=True)
