"""Whether a split can be nested: outer folds are made of its blocks, and each leaves enough of them to search on."""

from __future__ import annotations

from tenfold.foundation.errors import DataError
from tenfold.records.validation import ValidationPlan

FEWEST_BLOCKS = 3
"""One that measures, and two to search on."""


def refuse_unless_nestable(plan: ValidationPlan) -> None:
    """Refuse a split of which no outer folds can be made, before anything is searched.

    Raises
    ------
    DataError
        When its blocks are too few, or cannot be taken out one by one.
    """
    if plan.scheme == "crossed":
        raise DataError(
            f"`validation: {{strategy: nested}}` cannot be had here: the groups of '{plan.groups}' go on through the"
            " whole time, so that each fold has groups and times of its own, and no further fold can be laid around"
            " them. Use `validation: {strategy: auto}`; the corrected score tells the luck of the search"
        )
    if plan.scheme not in {"kfold", "expanding"} or plan.blocks < FEWEST_BLOCKS:
        raise DataError(
            f"a nested estimate needs at least three blocks of rows, and the split has {plan.blocks} ({plan.scheme});"
            " raise `validation.folds`, lower `validation.gap`, or use `validation: {strategy: auto}`"
        )
