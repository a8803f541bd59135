"""Personal data in text: recognised by form and check digits, and masked before anything is told or kept.

A value of a table that is personal is replaced by a *pseudonym*: its kind and a hash, the same for the same value, so
that what counts, joins and groups values goes on working without them. It hides a value from who reads; who can guess
the value can check the guess, as for any hash without a secret key.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

MAYBE = r"@|\d(?:\D{0,3}\d){5}"
"""What every text with personal data has in it; the regular expressions of Python and of polars read it alike."""

_MAYBE = re.compile(MAYBE)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_SALT = b"tenfold-personal"
_LEAST_NUMBER = 1e10
_LARGEST_WHOLE = 2.0**53
_DIGITS_KEPT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalKind:
    """One kind of personal data: what it looks like, and how a look-alike is told apart."""

    pattern: re.Pattern[str]
    valid: Callable[[str], bool]


def find_personal(text: str) -> dict[str, int]:
    """Return how often each kind of personal data stands in a text.

    Examples
    --------
    >>> find_personal("write to ann@example.org or pay with 4111 1111 1111 1111")
    {'e-mail address': 1, 'card number': 1}
    """
    counts: dict[str, int] = {}

    def count(kind: str, _: str) -> str:
        counts[kind] = counts.get(kind, 0) + 1
        return " "

    _replaced(text, count)
    return counts


def find_hidden(text: str) -> dict[str, int]:
    """Return how often each kind of personal data was replaced in a text: what `find_personal` no longer finds.

    Examples
    --------
    >>> find_hidden("[e-mail address] paid with [card number]")
    {'e-mail address': 1, 'card number': 1}
    """
    counts: dict[str, int] = {}
    for kind in _HIDDEN.findall(text) if "[" in text else ():
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def mask_personal(text: str) -> str:
    """Return a text with personal data replaced by their kind in brackets.

    Examples
    --------
    >>> mask_personal("ann@example.org is back")
    '[e-mail address] is back'
    """
    return _replaced(text, lambda kind, _: f"[{kind}]")


def hide_value(text: str, *, codes: bool = False) -> str:
    """Return a value of a table as it may be kept: its pseudonym where it holds personal data, else itself.

    Parameters
    ----------
    codes : bool
        Values of digits alone are codes of the column's own, which fit check digits by chance: they stay.

    Examples
    --------
    >>> hide_value("ann@example.org")
    '[e-mail address khcfppjnepef]'
    >>> hide_value(hide_value("ann@example.org")) == hide_value("ann@example.org")
    True
    >>> hide_value("web")
    'web'
    """
    if _MAYBE.search(text) is None or (codes and _ONLY_DIGITS.fullmatch(text)):
        return text
    kinds = find_personal(text)
    return pseudonym(next(iter(kinds)), text) if kinds else text


def hide_id(text: str) -> str:
    """Return the id of a prediction as it is kept; UUIDs, which most are, hold nothing.

    Examples
    --------
    >>> hide_id("01890a5d-ac96-774b-bcce-b302099a8057")
    '01890a5d-ac96-774b-bcce-b302099a8057'
    """
    return text if _UUID.fullmatch(text) else hide_value(text)


def pseudonym(kind: str, text: str) -> str:
    """Return what stands for a value: its kind, and twelve letters that are the same for the same value."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6, person=_SALT).hexdigest()
    # Letters alone: no digits that could look like personal data themselves.
    return f"[{kind} {digest.translate(_LETTERS)}]"


def hide_number(value: float) -> float:
    """Return a number as it may be logged: one with the check digits of a card or an id keeps four digits.

    Examples
    --------
    >>> hide_number(4111111111111111.0), hide_number(41.5), hide_number(12345678901.0)
    (4111000000000000.0, 41.5, 12345678901.0)
    """
    if not (_LEAST_NUMBER <= abs(value) <= _LARGEST_WHOLE) or value != math.floor(value):
        return value
    digits = str(abs(int(value)))
    if not find_personal(digits):
        return value
    return math.copysign(float(digits[:_DIGITS_KEPT] + "0" * (len(digits) - _DIGITS_KEPT)), value)


def _replaced(text: str, by: Callable[[str, str], str]) -> str:
    if _MAYBE.search(text) is None:
        return text
    for name, kind in KINDS:

        def replace(found: re.Match[str], name: str = name, kind: PersonalKind = kind) -> str:
            return by(name, found.group()) if kind.valid(found.group()) else found.group()

        text = kind.pattern.sub(replace, text)
    return text


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _luhn(text: str) -> bool:
    """Whether a card number's last digit fits (ISO/IEC 7812-1), and it begins as those of issuers do."""
    digits = _digits(text)
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456" or len(set(digits)) < 2:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _iban(text: str) -> bool:
    """Whether an IBAN's check digits fit (ISO 13616: the rearranged number leaves 1 modulo 97)."""
    plain = text.replace(" ", "").upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def _phone(text: str) -> bool:
    """Whether it has as many digits as telephone numbers have (E.164), and is written as they are."""
    digits = _digits(text)
    return 9 <= len(digits) <= 15 and len(set(digits)) > 2


def _social_security(text: str) -> bool:
    area, group, serial = text.split("-")
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def _dni(text: str) -> bool:
    """Whether the letter of a Spanish identity number is that of its remainder modulo 23."""
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(text[:8]) % 23] == text[-1].upper()


def _pesel(text: str) -> bool:
    """Whether a Polish PESEL holds a date and its check digit fits."""
    if not (1 <= int(text[2:4]) % 20 <= 12 and 1 <= int(text[4:6]) <= 31):
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    total = sum(weight * int(digit) for weight, digit in zip(weights, text, strict=False))
    return (10 - total % 10) % 10 == int(text[-1])


def _insee(text: str) -> bool:
    """Whether the key of a French social security number is 97 minus the number modulo 97."""
    digits = _digits(text)
    return len(digits) == 15 and 97 - int(digits[:13]) % 97 == int(digits[13:])


_ONLY_DIGITS = re.compile(r"[\d ]+")


def _any(_: str) -> bool:
    return True


def _kind(pattern: str, valid: Callable[[str], bool] = _any) -> PersonalKind:
    return PersonalKind(pattern=re.compile(pattern), valid=valid)


KINDS: tuple[tuple[str, PersonalKind], ...] = (
    (
        "e-mail address",
        _kind(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b"),
    ),
    ("IBAN", _kind(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban)),
    ("national id", _kind(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", _social_security)),
    ("national id", _kind(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b")),
    ("national id", _kind(r"\b\d{8}[A-HJ-NP-TV-Z]\b", _dni)),
    ("national id", _kind(r"(?<!\d)\d{11}(?!\d)", _pesel)),
    ("national id", _kind(r"(?<!\d)[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\d)", _insee)),
    ("card number", _kind(r"(?<![\d.,])\d(?:[ -]?\d){12,18}(?![\d.,]?\d)", _luhn)),
    (
        "telephone number",
        _kind(
            r"(?<![\w.+-])(?<!\d )(?:\+\d{1,3}[ .-]?(?:\(\d{1,5}\)[ .-]?)?\d{1,5}(?:[ .-]?\d{2,5}){1,4}"
            r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5})(?![\w-])",
            _phone,
        ),
    ),
)
"""What is recognised, in this order: what is found first is no longer looked at."""
_HIDDEN = re.compile(rf"\[({'|'.join(sorted({name for name, _ in KINDS}))})(?: [a-p]{{12}})?\]")
