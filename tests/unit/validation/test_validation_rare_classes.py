"""A class that a fold lacks is told with the fold; where nothing could be said, the split is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tenfold.foundation.errors import DataError
from tenfold.stages.validation.rare_classes import (
    class_counts,
    find_rare_classes,
    folds_of_parts,
    refuse_if_unmeasurable,
)
from tenfold.testing.faults_values import check_rare_class, drop_class

CLASSES = ("no", "perhaps", "yes")


def spread(rows: int = 500) -> tuple[np.ndarray, np.ndarray]:
    labels = np.tile([0, 0, 0, 1, 2], rows // 5)
    return labels, (np.arange(rows) // 5 % 5).astype(np.int16)


def test_a_class_dropped_from_one_fold_is_named_with_the_fold() -> None:
    labels, block = spread()
    lost = drop_class(labels, block, code=1, fold=3)
    (told,) = find_rare_classes(labels, CLASSES, folds_of_parts(lost, "kfold"))
    assert "'perhaps' in fold 4 of 5 (0 rows)" in told
    assert "'yes'" not in told
    assert not find_rare_classes(labels, CLASSES, folds_of_parts(block, "kfold"))


def test_a_month_without_positives_is_told_and_the_first_that_trains_without_them() -> None:
    labels = np.zeros(600, dtype=np.int64)
    labels[(np.arange(600) % 4 == 0) & (np.arange(600) >= 100)] = 1
    block = (np.arange(600) // 100).astype(np.int16)
    labels[block == 3] = 0
    learned, measured = find_rare_classes(labels, ("no", "yes"), folds_of_parts(block, "expanding"))
    assert "'yes' in fold 1 of 5" in learned
    assert "'yes' in fold 3 of 5 (0 rows)" in measured


def test_counts_are_of_each_part() -> None:
    labels, block = spread()
    folds = folds_of_parts(block, "kfold")
    counts = class_counts(labels, CLASSES, [fold.validation for fold in folds])
    assert counts == {"no": (60,) * 5, "perhaps": (20,) * 5, "yes": (20,) * 5}


def test_two_classes_that_no_fold_holds_together_are_refused_with_the_rare_one() -> None:
    labels = (np.arange(300) >= 280).astype(np.int64)
    block = (np.arange(300) // 50).astype(np.int16)
    with pytest.raises(DataError, match=r"'yes' has 20 rows in all"):
        refuse_if_unmeasurable(labels, ("no", "yes"), folds_of_parts(block, "expanding"))


@pytest.mark.parametrize("seed", range(20))
def test_a_lost_class_is_found_and_a_clean_split_left_alone(seed: int) -> None:
    held = check_rare_class(seed)
    assert held.found, held
    assert not held.alarm, held
