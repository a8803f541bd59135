"""Rows that train and rows that judge, and are the same or nearly the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tenfold.records.features import FeatureLeak
from tenfold.stages.features.linting.ground import LintGround, leak

_MUCH = 0.01
_SOME_IN_TIME = 0.02
"""Below this share of the judged rows a row that comes again on another day is chance, and told by the data stage."""


def copies_on_both_sides(ground: LintGround, copies: npt.NDArray[np.int64] | None) -> list[FeatureLeak]:
    """Return whether rows that judge the model repeat, or nearly repeat, rows that train it.

    Parameters
    ----------
    copies : ndarray of shape (n_rows,) or None
        The same number for rows that repeat each other, as the data stage found them.
    """
    judged = ground.judged
    if copies is None or not judged.any():
        return []
    straddling = int(np.isin(copies[judged], copies[~judged & (ground.part != "out")]).sum())
    if not straddling:
        return []
    share = straddling / int(judged.sum())
    if ground.split_by_time and share < _SOME_IN_TIME:
        return []
    reason = (
        f"{straddling:,} of the rows that judge the model ({share:.1%}) repeat rows that train it, exactly or nearly"
    )
    # In time a repeated row is a fact of its own day, which comes again in production as well.
    blocks = share >= _MUCH and not ground.split_by_time
    advice = "; write `data: {duplicates: drop}`"
    return [leak("", "duplicates", reason, blocks=blocks, strength=share, advice=advice)]
