"""A small neural network: layers of sums through rectified linear units, and a link at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.link import Link, linked
from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import canonical_json, from_json

_ROWS_AT_ONCE = 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    link: Link
    layers: int


class MlpPredictor:
    """``link(... max(0, max(0, x @ w0 + b0) @ w1 + b1) ... @ wn + bn)``.

    Attributes
    ----------
    weights : tuple of ndarray of shape (n_in, n_out)
    biases : tuple of ndarray of shape (n_out,)
    """

    kind: ClassVar[str] = "mlp"
    __slots__ = ("biases", "link", "weights")

    def __init__(self, weights: Sequence[Floats], biases: Sequence[Floats], *, link: Link):
        self.weights = tuple(weights)
        self.biases = tuple(biases)
        self.link: Link = link
        fits = len(self.weights) == len(self.biases) > 0 and all(
            weight.ndim == 2 and bias.shape == weight.shape[1:]
            for weight, bias in zip(self.weights, self.biases, strict=True)
        )
        if not fits or any(a.shape[1] != b.shape[0] for a, b in zip(self.weights, self.weights[1:], strict=False)):
            raise StoreError("the arrays do not describe the layers of a network")

    @property
    def columns(self) -> int:
        """How many columns a row has."""
        return int(self.weights[0].shape[0])

    def predict(self, values: Floats) -> Floats:
        if values.shape[1] != self.columns:
            raise ValueError(f"the model reads {self.columns} columns, not {values.shape[1]}")
        starts = range(0, max(len(values), 1), _ROWS_AT_ONCE)
        return np.concatenate([self._some(values[start : start + _ROWS_AT_ONCE]) for start in starts])

    def _some(self, values: Floats) -> Floats:
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            # einsum adds up in the same order for one row as for many; BLAS does not.
            values = np.einsum("ij,jk->ik", values, weight) + bias
            if layer < last:
                np.maximum(values, 0.0, out=values)
        return linked(values, self.link)

    def files(self) -> dict[str, bytes]:
        arrays = {f"weight-{layer}": weight for layer, weight in enumerate(self.weights)}
        arrays.update({f"bias-{layer}": bias for layer, bias in enumerate(self.biases)})
        return {
            "mlp.json": canonical_json(_Facts(link=self.link, layers=len(self.weights))),
            "mlp.safetensors": pack(arrays),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> MlpPredictor:
        """Build it again from its files."""
        facts = from_json(_Facts, files["mlp.json"])
        arrays = unpack(files["mlp.safetensors"], name="mlp.safetensors")
        if not 0 < facts.layers <= len(arrays) // 2:
            raise StoreError("'mlp.safetensors' does not hold the layers that 'mlp.json' lists")
        layers = range(facts.layers)
        return cls(
            [arrays[f"weight-{layer}"] for layer in layers],
            [arrays[f"bias-{layer}"] for layer in layers],
            link=facts.link,
        )
