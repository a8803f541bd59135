"""An expression computed for the values of one row, without a table."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tenfold.foundation.row_language.functions import FUNCTIONS
from tenfold.foundation.row_language.resolve import value_of
from tenfold.foundation.row_language.tree import Column, Scalar, Tree, Value


def over_row(tree: Tree, row: Mapping[str, object]) -> Scalar:
    """Return the value of a resolved tree for one row."""
    if isinstance(tree, Value):
        return tree.value
    if isinstance(tree, Column):
        return value_of(row[tree.name])
    function = FUNCTIONS[tree.name]
    given = [over_row(each, row) for each in tree.arguments]
    if function.strict and any(each is None for each in given):
        return None
    try:
        value = function.row(*given)
    except (ZeroDivisionError, OverflowError, ValueError):
        # The logarithm of nothing, the root of less, a division by zero, a number too large.
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value
