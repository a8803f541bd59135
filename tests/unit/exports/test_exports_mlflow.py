from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deployed_scene import subject

from tenfold.bundle.history import History
from tenfold.exports.hard_rows import hard_rows
from tenfold.exports.mlflow import MLflowExport
from tenfold.exports.proof import as_table, differences, model_scores
from tenfold.exports.protocols import Refused
from tenfold.exports.write import write_export

# What a user of MLflow writes; Tenfold is not imported by it.
ASKS = """
import json, sys
import mlflow.pyfunc, pandas
assert not [name for name in sys.modules if name.startswith("tenfold")]
folder, rows, out = sys.argv[1:]
loaded = mlflow.pyfunc.load_model(folder)
table = pandas.read_parquet(rows)
table.index = table.index + 7
found = loaded.predict(table)
assert list(found.index) == list(table.index)
refused = ""
try:
    loaded.predict(table.drop(columns=table.columns[0]).head(1))
except Exception as error:
    refused = str(error)
import tenfold
document = {
    "columns": list(found.columns),
    "scores": found.iloc[:, 1:].values.tolist(),
    "decisions": list(found["prediction"]),
    "refused": refused,
    "outputs": [each.name for each in loaded.metadata.get_output_schema().inputs],
    "inputs": loaded.metadata.get_input_schema().input_names(),
    "from": tenfold.__file__,
}
open(out, "w").write(json.dumps(document))
"""


def test_mlflow_opens_the_folder_without_tenfold_installed_and_predicts_the_hard_rows_alike(tmp_path: Path) -> None:
    asked = subject(tmp_path)
    hard = hard_rows(asked.model, count=1000)
    written = write_export(MLflowExport(), asked, tmp_path / "model", hard=hard)
    assert written.proof.greatest_difference <= 1e-9
    as_table(asked.model, hard.rows).write_parquet(tmp_path / "rows.parquet")
    program = tmp_path / "asks.py"
    program.write_text(ASKS)
    seen = [path for path in sys.path if not (Path(path) / "tenfold").is_dir()]
    places = [program, written.folder, tmp_path / "rows.parquet", tmp_path / "found.json"]
    subprocess.run(
        # The interpreter's own site is left out, and with it a Tenfold that is installed to be worked on.
        [sys.executable, "-S", "-P", *map(str, places)],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(seen), "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    found = json.loads((tmp_path / "found.json").read_text())
    known = model_scores(asked.model, hard)
    assert differences(known, np.array(found["scores"])).max() <= 1e-9
    assert found["decisions"] == ["yes" if row[1] >= 0.4 else "no" for row in known]
    assert found["columns"] == found["outputs"] == ["prediction", "proba_no", "proba_yes"]
    assert found["inputs"] == list(asked.model.signature.names)
    assert asked.model.signature.names[0] in found["refused"]
    assert found["from"].startswith(str(written.folder))


def test_an_mlflow_folder_whose_bundle_was_changed_does_not_open(tmp_path: Path) -> None:
    asked = subject(tmp_path)
    written = write_export(MLflowExport(), asked, tmp_path / "model", hard=hard_rows(asked.model, count=50))
    place = written.folder / "data" / "bundle.zip"
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)
    with pytest.raises(Refused, match="fails by itself"):
        MLflowExport().answers(written.folder, asked, hard_rows(asked.model, count=5).rows)


def test_a_model_that_looks_back_is_refused_with_what_to_do(tmp_path: Path) -> None:
    asked = subject(tmp_path)
    looks_back = replace(asked, model=replace(asked.model, history=History(lags=(), fields=())))
    with pytest.raises(Refused, match="a call of pyfunc has no place for them; export it to container"):
        MLflowExport().files(looks_back)
