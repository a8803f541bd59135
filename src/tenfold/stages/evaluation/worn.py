"""Whether a sealed part can still be believed: how often it was looked at, and how far it flatters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tenfold.records.evaluation import Estimate

MOST_LOOKS = 20
"""From here on the best of so many looks at nothing is expected beyond a 95 % interval as often as not."""
_SURE = 1.96
_NORMAL = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Wear:
    """How a sealed part stands after a number of looks.

    Attributes
    ----------
    looks : int
        All of them.
    earlier : int
        Those before the look that gave the scores.
    reused : bool
        It was looked at before.
    worn : bool
        Its scores are no longer to be believed as they stand.
    message : str
        Names the part and the number of looks; empty at the first one.
    """

    looks: int
    earlier: int = 0
    reused: bool = False
    worn: bool = False
    message: str = ""


def wear_of(
    part: str, looks: int, sealed: Estimate | None, chosen: Estimate | None, *, greater_is_better: bool = True
) -> Wear:
    """Return how worn a sealed part is.

    Two things are looked at. The counter: with k looks, of which the best is kept, a score may be too good by up to the
    standard error times the square root of 2 ln k (the expected maximum of k normal variables; adaptive choice does no
    worse for so few bits: Dwork et al., 2015). And the gap: the sealed score lies above that of cross-validation by
    more than both intervals leave open, which rows that nobody chose by do not do.

    Parameters
    ----------
    part : str
        The hash of the sealed rows.
    sealed, chosen : Estimate or None
        The main metric on the sealed rows, and on out-of-fold predictions of the development rows.
    """
    if looks <= 1:
        return Wear(looks=looks)
    earlier = looks - 1
    times = "once" if earlier == 1 else f"{earlier} times"
    text = f"the sealed part {part[:12]} was looked at {times} before: this verdict is from look {looks}"
    error = _standard_error(sealed)
    worn = looks >= MOST_LOOKS
    if worn and error is not None:
        text += f"; the best of {looks} looks may be {error * math.sqrt(2 * math.log(looks)):.2g} too good by chance"
    other = _standard_error(chosen)
    if error is not None and other is not None and sealed is not None and chosen is not None:
        assert sealed.value is not None
        assert chosen.value is not None
        gap = (sealed.value - chosen.value) * (1 if greater_is_better else -1)
        if gap > _SURE * math.hypot(error, other):
            worn = True
            text += (
                f"; {sealed.metric} is {sealed.value:.4g} there and {chosen.value:.4g} in cross-validation, which only"
                " choosing by it explains"
            )
    if worn:
        text += ": it is worn out; seal fresh rows (`validation: {test: ...}`, or newer data) before believing it"
    return Wear(looks=looks, earlier=earlier, reused=True, worn=worn, message=text)


def _standard_error(estimate: Estimate | None) -> float | None:
    if estimate is None or estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    # Intervals are at 95 % unless they say otherwise; the wider half is the honest one.
    wide = max(estimate.high - estimate.value, estimate.value - estimate.low)
    return wide / _NORMAL if wide > 0 else None
