"""One model over many rows: Tenfold's batch beside ``mlflow.pyfunc`` and beside the trees alone.

    python benchmarks/batch.py [--rows 1000000] [--rounds 3] [--mlflow PYTHON] [--into sqlite:PATH ...]
    python benchmarks/batch.py --memory 20000000 [--mlflow PYTHON]

The model is the one of ``benchmarks/serving.py``: a LightGBM classifier behind scikit-learn's imputing, scaling and
one-hot encoding, which MLflow serves as the pipeline it is, and Tenfold by the very same trees behind transforms of its
own. ``--mlflow`` names an interpreter that has MLflow, scikit-learn and LightGBM; the model is trained there.

Contestants take turns in rounds, each in a process of its own, from a Parquet file to a Parquet file; imports and the
loading of MLflow's model are not counted, hashing and loading are in Tenfold's figures. ``trees`` is LightGBM's library
on a matrix that stands ready in memory, ``model`` Tenfold's transforms and trees without reading and writing. Tenfold's
rows carry model, bundle, time, job, input hash and run, MLflow's the key and the prediction. ``--into`` adds other
outputs of Tenfold. Printed: wall and processor seconds and peak memory, the least of the rounds, ratios, and how many
decisions differ. Words that are null in Parquet are given to MLflow's pipeline as NaN, which alone its imputer knows.

``--memory`` only scores that many rows once, and says what memory that took. Only ratios within one run mean anything
on a machine that others use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import measured
import serving

CHUNK_ROWS = 50_000

PREPARE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as pq
import serving
folder, rows = Path(sys.argv[2]), int(sys.argv[3])
serving.prepare(folder)
rng, writer = np.random.default_rng(11), None
for start in range(0, rows, 500_000):
    size = min(500_000, rows - start)
    data = {name: rng.normal(100, 30, size).round(place % 3) for place, name in enumerate(serving.NUMBERS)}
    for name, levels in serving.WORDS.items():
        words = np.array([f"{name}-{level}" for level in range(levels)], dtype=object)
        data[name] = words[rng.integers(0, levels, size)]
    frame = pd.DataFrame(data)
    frame = frame.mask(rng.random(frame.shape) < 0.03)
    frame.insert(0, "id", np.arange(start, start + size))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    writer = writer or pq.ParquetWriter(folder / "rows.parquet", table.schema)
    writer.write_table(table)
writer.close()
"""

MLFLOW = """
import json, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
import mlflow.pyfunc, numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as pq
import measured
folder, chunk = Path(sys.argv[2]), int(sys.argv[3])
model = mlflow.pyfunc.load_model(str(folder / "mlflow"))
def work():
    writer = None
    for batch in pq.ParquetFile(folder / "rows.parquet").iter_batches(chunk):
        frame = batch.to_pandas()
        keys = frame.pop("id")
        words = frame.select_dtypes(object).columns
        frame[words] = frame[words].where(frame[words].notna(), float("nan"))
        late = np.asarray(model.predict(frame))[:, 1] >= 0.5
        out = pa.Table.from_pandas(pd.DataFrame({"id": keys, "prediction": late}), preserve_index=False)
        writer = writer or pq.ParquetWriter(folder / "mlflow.parquet", out.schema)
        writer.write_table(out)
    writer.close()
print(json.dumps(measured.timed(work)))
"""


def child(folder: Path, work: str) -> dict[str, float]:
    """Do one contestant's work in this process."""
    import numpy as np
    import polars as pl

    from tenfold.batch.into_file import FileOptions, score_into_file
    from tenfold.batch.into_table import TableOptions, score_into_table
    from tenfold.bundle.format import load_bundle
    from tenfold.foundation.clock import SystemClock

    bundle, rows = folder / "model.zip", folder / "rows.parquet"
    if work in {"trees", "model"}:
        model = load_bundle(bundle)
        part = model.parts[0]
        frames = list(pl.read_parquet(rows).drop("id").iter_slices(CHUNK_ROWS))
        if work == "model":
            return measured.timed(lambda: [model.predict(frame) for frame in frames])
        matrices = [np.ascontiguousarray(model.views[part.view].apply(model.conform(frame)).values) for frame in frames]
        part.predictor.predict(matrices[0][:100])
        return measured.timed(lambda: [part.predictor.predict(matrix) for matrix in matrices])
    output, workers = work.rsplit("#", 1)
    shared: dict[str, Any] = {"model_ref": "late@1", "clock": SystemClock()}
    if output.startswith(("sqlite:", "postgresql:", "mysql:")):
        options = TableOptions(table=f"scores_{time.time_ns()}", keep=("id",), workers=int(workers))
        return measured.timed(
            lambda: score_into_table(bundle, str(rows), output, options, shown="the database", **shared)
        )
    file = FileOptions(keep=("id",), workers=int(workers))
    return measured.timed(lambda: score_into_file(bundle, str(rows), output, file, **shared))


def prepared(folder: Path, python: str, rows: int) -> None:
    """Train the model where MLflow is, and make a bundle of it."""
    here = str(Path(__file__).parent)
    subprocess.run([python, "-c", PREPARE, here, str(folder), str(rows)], check=True)
    serving.publish(folder, json.loads((folder / "plan.json").read_text()), split=False)
    blob = max(
        (folder / ".tenfold" / "blobs").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0
    )
    (folder / "model.zip").write_bytes(blob.read_bytes())


def differing(folder: Path) -> int:
    """Return of how many rows MLflow and Tenfold decide otherwise."""
    import polars as pl

    ours, theirs = (pl.read_parquet(folder / name) for name in ("tenfold.parquet", "mlflow.parquet"))
    assert ours["id"].equals(theirs["id"])
    return int(((ours["prediction"] == "yes") != theirs["prediction"]).sum())


def main() -> int:
    """Let all take turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mlflow", default=sys.executable)
    parser.add_argument("--into", nargs="*", default=[])
    parser.add_argument("--memory", type=int)
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(Path(options.child[0]), options.child[1])))
        return 0
    with tempfile.TemporaryDirectory() as name, measured.load_told():
        folder = Path(name)
        prepared(folder, options.mlflow, options.memory or options.rows)
        ours = str(folder / "tenfold.parquet")
        outputs = [
            f"{ours}#1",
            f"{ours}#{min(len(os.sched_getaffinity(0)), 8)}",
            *(f"{each}#1" for each in options.into),
        ]
        if options.memory:
            took = measured.in_own_process(__file__, ["--child", name, outputs[1]])
            size = (folder / "rows.parquet").stat().st_size / 1e6
            print(f"{options.memory:,} rows, {size:.0f} MB as Parquet\n{measured.HEADING}\n{measured.line(took)}")
            return 0
        seen: dict[str, list[dict[str, float]]] = {}
        for _ in range(options.rounds):
            for work in ("trees", "model", *outputs):
                seen.setdefault(work, []).append(measured.in_own_process(__file__, ["--child", name, work]))
            command = [options.mlflow, "-c", MLFLOW, str(Path(__file__).parent), name, str(CHUNK_ROWS)]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            seen.setdefault("mlflow.pyfunc", []).append(json.loads(answer.stdout.splitlines()[-1]))
        print(f"{options.rows:,} rows\n{'':28} {measured.HEADING} {'x trees':>8} {'x mlflow':>9}")
        least = {work: min(took, key=lambda each: each["processor_s"]) for work, took in seen.items()}
        for work, took in least.items():
            trees, theirs = (least[each]["processor_s"] for each in ("trees", "mlflow.pyfunc"))
            ratios = f"{took['processor_s'] / trees:>8.2f} {theirs / took['processor_s']:>9.2f}"
            print(f"{work.replace(ours, 'tenfold.parquet')[-28:]:28} {measured.line(took)} {ratios}")
        print(f"decisions that differ from MLflow's: {differing(folder)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
