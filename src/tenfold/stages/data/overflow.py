"""Columns of whole numbers that wrapped around, codes that lost their leading zeros, numbers at the end of a type."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Column, Finding

Floats = npt.NDArray[np.float64]

_WIDTHS = (8, 16, 32)
_FEWEST = 3
_ROWS = 100
_LARGEST_SINGLE = 3.4e38
_ABSURD = 1e9
_CODE = re.compile(
    r"(zip|postal|post|plz|postcode|fips|ean|gtin|isbn|sku|code|account|konto|iata|article|cap)", re.IGNORECASE
)
_SHORTEST_CODE = 4
_FULL, _LOST = 0.6, 0.02


def find_overflow(table: pl.DataFrame, columns: Sequence[Column]) -> list[Finding]:
    """Return the columns of numbers that their type could not hold, or that were no numbers before."""
    found = []
    for column in columns:
        values = table[column.name]
        if column.field.kind != "numeric" or column.role == "ignored" or not values.dtype.is_numeric():
            continue
        numbers = values.drop_nulls().cast(pl.Float64).to_numpy()
        if len(numbers) < _ROWS:
            continue
        for rule, look in _LOOKS:
            told = look(numbers, column)
            if told is not None:
                message, rows = told
                found.append(Finding(rule=rule, severity="warning", message=message, column=column.name, rows=rows))
                break
    return found


def _beyond(numbers: Floats, column: Column) -> tuple[str, int] | None:
    """Tell of numbers at the end of single precision, or a thousand million times beyond the others."""
    sizes = np.abs(numbers)
    usual = float(np.quantile(sizes, 0.99))
    bound = min(_LARGEST_SINGLE, max(_ABSURD * usual, 1e15)) if usual < _LARGEST_SINGLE / 10 else np.inf
    rows = int((sizes >= bound).sum())
    if not rows or rows > 0.01 * len(numbers):
        return None
    message = (
        f"'{column.name}' holds {sizes.max():.4g} in {rows:,} rows, where 99 % of the numbers lie below {usual:.4g}: a"
        f" number overflowed on its way? To leave them out: a `range` for '{column.name}' in the contract"
    )
    return message, rows


def _wrapped(numbers: Floats, column: Column) -> tuple[str, int] | None:
    """Tell of whole numbers of which those above half a range of bits turned negative."""
    if not column.field.integer or numbers.min() >= 0 or numbers.max() <= 0:
        return None
    for bits in _WIDTHS:
        half = 2.0 ** (bits - 1)
        if numbers.min() < -half or numbers.max() >= half:
            continue
        negative, positive = numbers[numbers < 0], numbers[numbers >= 0]
        # Where numbers go over the upper end, many lie just below it; and none lie just below zero.
        under = float(positive.max())
        near = negative.max() < -half / 2 and under >= 0.8 * half
        if near and _FEWEST <= len(negative) < len(positive) and (negative + 2 * half).min() - under <= 0.5 * half:
            message = (
                f"'{column.name}' is between {negative.min():,.0f} and {negative.max():,.0f} in {len(negative):,} rows"
                f" and else between 0 and {under:,.0f}: numbers of {bits} bits that wrapped around? The true ones are"
                f" {2 * half:,.0f} larger; mend the source, or name them under `data: {{columns: {{{column.name}:"
                " {missing: [...]}}}`"
            )
            return message, len(negative)
    return None


def _below_zero(numbers: Floats, column: Column) -> tuple[str, int] | None:
    """Tell of whole numbers without a sign of which those below zero came out just under a whole range of bits."""
    if not column.field.integer or numbers.min() < 0:
        return None
    for bits in _WIDTHS:
        size = 2.0**bits
        if not size / 2 < numbers.max() < size:
            continue
        top = numbers[numbers >= 0.75 * size]
        rest = numbers[numbers < 0.75 * size]
        if min(len(rest), len(top)) < _FEWEST or rest.max() >= size / 4:
            continue
        if size - top.min() <= max(4.0 * float(rest.max()), 16.0):
            message = (
                f"'{column.name}' is between {top.min():,.0f} and {top.max():,.0f} in {len(top):,} rows and else at"
                f" most {rest.max():,.0f}: numbers of {bits} bits without a sign, below zero? The true ones are"
                f" {size:,.0f} smaller; mend the source, or name them under `data: {{columns: {{{column.name}:"
                " {missing: [...]}}}`"
            )
            return message, len(top)
    return None


def _lost_zeros(numbers: Floats, column: Column) -> tuple[str, int] | None:
    """Tell of codes of one length, read as numbers by whoever wrote the file, of which some are shorter now."""
    if not column.field.integer or column.field.padded or not _CODE.search(column.name) or numbers.min() < 0:
        return None
    lengths = np.floor(np.log10(np.maximum(numbers, 1))).astype(np.int64) + 1
    longest = int(lengths.max())
    full, one_less = float((lengths == longest).mean()), float((lengths == longest - 1).mean())
    if longest < _SHORTEST_CODE or full < _FULL or one_less < _LOST or full + one_less < 1 - _LOST:
        return None
    message = (
        f"'{column.name}' has {longest} digits in {full:.0%} of the rows and {longest - 1} in {one_less:.0%}: codes"
        f" that lost their leading zeros? Take them from the source as text, and write `data: {{columns:"
        f" {{{column.name}: {{kind: categorical}}}}}}`"
    )
    return message, int((lengths < longest).sum())


_LOOKS: tuple[tuple[str, Callable[[Floats, Column], tuple[str, int] | None]], ...] = (
    ("overflow", _beyond),
    ("wrapped", _wrapped),
    ("wrapped", _below_zero),
    ("lost-zeros", _lost_zeros),
)
