"""What a predictor is: numbers in, predictions out, and files that hold nothing that could run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tenfold.bundle.matrix import Floats


class Predictor(Protocol):
    """A fitted model over the matrix of a view."""

    @property
    def kind(self) -> str:
        """Its name in the table of predictors."""
        ...

    def predict(self, values: Floats) -> Floats:
        """Return predictions of shape (n_rows, outputs).

        One column for each class (binary: the positive class last), or one column for regression. The same row gives
        the same prediction alone and among others.
        """
        ...

    def files(self) -> Mapping[str, bytes]:
        """Return its state by file name."""
        ...
