"""The predictors there are, by the name that a bundle gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.predictors.mlp import MlpPredictor
from tenfold.bundle.predictors.neighbours import NeighboursPredictor
from tenfold.bundle.predictors.oblivious import ObliviousPredictor
from tenfold.bundle.predictors.onnx import OnnxPredictor
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.foundation.errors import StoreError, did_you_mean


def predictor_from_files(kind: str, files: Mapping[str, bytes]) -> Predictor:
    """Build the predictor called ``kind`` from its files.

    Raises
    ------
    StoreError
        When there is no predictor of this name.
    """
    if kind not in PREDICTORS:
        raise StoreError(f"'{kind}' is not a predictor of this version of Tenfold.{did_you_mean(kind, PREDICTORS)}")
    return PREDICTORS[kind](files)


PREDICTORS: Mapping[str, Callable[[Mapping[str, bytes]], Predictor]] = {
    "constant": ConstantPredictor.from_files,
    "linear": LinearPredictor.from_files,
    "lightgbm": LightGBMPredictor.from_files,
    "forest": ForestPredictor.from_files,
    "mlp": MlpPredictor.from_files,
    "neighbours": NeighboursPredictor.from_files,
    "oblivious": ObliviousPredictor.from_files,
    "onnx": OnnxPredictor.from_files,
}
