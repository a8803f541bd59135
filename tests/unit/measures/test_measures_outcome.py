from __future__ import annotations

import numpy as np
import pytest
from measures_scene import binary

from tenfold.foundation.errors import InputError
from tenfold.measures.outcome import Outcome


def test_take_keeps_every_part_aligned():
    o = binary(100, weighted=True, groups=7)
    some = o.take(np.array([5, 3, 99]))
    assert some.n == 3
    for part in ("truth", "decision", "money", "weight", "group"):
        assert (getattr(some, part) == getattr(o, part)[[5, 3, 99]]).all()
    assert (some.scores == o.scores[[5, 3, 99]]).all()


def test_take_accepts_a_mask():
    o = binary(100)
    assert o.take(o.truth == 1).n == int(o.truth.sum())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": np.zeros((4, 2))}, "do not fit 3 true values"),
        ({"scores": np.zeros(3)}, "do not fit 3 true values"),
        ({"decision": np.zeros(2, dtype=np.int64)}, "decision of shape"),
        ({"scores": np.array([[0.5, np.nan]] * 3)}, "scores holds 3 values that are not finite"),
        ({"weight": np.array([1.0, -1.0, 1.0])}, "must not be negative"),
        ({"weight": np.zeros(3)}, "at least one must be positive"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, said):
    parts = {"task": "binary", "truth": np.array([0, 1, 1]), "scores": np.full((3, 2), 0.5)} | change
    with pytest.raises(InputError, match=said):
        Outcome(**parts)
