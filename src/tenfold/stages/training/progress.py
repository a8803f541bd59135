"""How long boosting may go on without a gain: patience that suits the learning rate."""

from __future__ import annotations

import math

USUAL_RATE = 0.1
_PATIENCE = 50


def patience(rate: float) -> int:
    """Return after how many rounds without a gain boosting stops: slower learners get more to show their gains."""
    return max(20, min(150, round(_PATIENCE * math.sqrt(USUAL_RATE / rate))))
