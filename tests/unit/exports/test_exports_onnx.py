from __future__ import annotations

from pathlib import Path

import pytest
from exports_scene import model, subject

from tenfold.bundle.predictors.onnx_wire import check_onnx
from tenfold.exports.hard_rows import hard_rows
from tenfold.exports.onnx.export import OnnxExport
from tenfold.exports.protocols import Refused
from tenfold.exports.write import write_export


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("names", ["boosted", "network", "oblivious", "constant", "boosted+forest+linear"])
def test_a_graph_says_what_its_model_says(names: str, classes: int, tmp_path: Path) -> None:
    given = subject(model(names.split("+"), classes), tmp_path)
    written = write_export(OnnxExport(), given, tmp_path / "out", hard=hard_rows(given.model, count=400))
    assert written.proof.greatest_difference <= 1e-9
    check_onnx((tmp_path / "out" / "model.onnx").read_bytes())


def test_a_step_that_onnx_has_no_words_for_is_refused_by_name(tmp_path: Path) -> None:
    given = subject(model(["worded"], 2), tmp_path)
    with pytest.raises(Refused, match=r"ONNX has no operation for the step text_size\(note\)"):
        write_export(OnnxExport(), given, tmp_path / "out")
