"""What is deployed says what its model says for every task, in its own interpreter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from exports_scene import model, subject

from tenfold.exports.container import ContainerExport
from tenfold.exports.hard_rows import hard_rows
from tenfold.exports.mlflow import MLflowExport
from tenfold.exports.protocols import Export
from tenfold.exports.write import write_export

# An image packs every wheel, which takes its time.
EXPORTS = [MLflowExport(), *([ContainerExport()] if os.environ.get("TENFOLD_FAULTS") == "full" else [])]


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.kind)
def test_numbers_and_many_classes_are_the_models_own(export: Export, classes: int, tmp_path: Path) -> None:
    asked = subject(model(["boosted"], classes), tmp_path)
    written = write_export(export, asked, tmp_path / "out", hard=hard_rows(asked.model, count=100))
    assert written.proof.rows == 100
    assert written.proof.greatest_difference <= 1e-9
