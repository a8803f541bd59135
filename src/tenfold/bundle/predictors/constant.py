"""The same prediction for every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.matrix import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantPredictor:
    """``values`` for every row: the classes' shares, or the mean."""

    kind: ClassVar[str] = "constant"
    values: tuple[float, ...]

    def predict(self, values: Floats) -> Floats:
        return np.tile(np.asarray(self.values), (len(values), 1))

    def files(self) -> dict[str, bytes]:
        return {"constant.safetensors": pack({"values": np.asarray(self.values)})}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> ConstantPredictor:
        """Build it again from its files."""
        arrays = unpack(files["constant.safetensors"], name="constant.safetensors")
        return cls(values=tuple(arrays["values"].tolist()))
