"""A weighted sum of the columns, through a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.link import Link, linked
from tenfold.foundation.serial import canonical_json, from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearPredictor:
    """``link(values @ coef + intercept)``.

    Attributes
    ----------
    coef : ndarray of shape (n_columns, n_scores)
        One score for regression and binary tasks, one for each class else.
    intercept : ndarray of shape (n_scores,)
    link : str
        ``identity``, ``exp``, ``logistic`` or ``softmax``.
    """

    kind: ClassVar[str] = "linear"
    coef: Floats
    intercept: Floats
    link: Link

    def predict(self, values: Floats) -> Floats:
        # einsum adds the columns up in the same order for one row as for many; BLAS does not.
        return linked(np.einsum("ij,jk->ik", values, self.coef) + self.intercept, self.link)

    def files(self) -> dict[str, bytes]:
        return {
            "linear.json": canonical_json(_Facts(link=self.link)),
            "linear.safetensors": pack({"coef": self.coef, "intercept": self.intercept}),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> LinearPredictor:
        """Build it again from its files."""
        arrays = unpack(files["linear.safetensors"], name="linear.safetensors")
        facts = from_json(_Facts, files["linear.json"])
        return cls(coef=arrays["coef"], intercept=arrays["intercept"], link=facts.link)
