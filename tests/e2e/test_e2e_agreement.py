"""The lab, batches, HTTP, single rows and the Python API give the same numbers on hard rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tenfold as api
from tests.e2e.conftest import Command, Judged
from tests.unit.gateway.gateway_scene import ask, body_of, running

pytestmark = pytest.mark.slow


def hard_rows(tumours: pl.DataFrame, rows: int = 2000, seed: int = 11) -> pl.DataFrame:
    """Rows with nulls in every column, categories nobody has seen, and whole numbers where decimals stood."""
    rng = np.random.default_rng(seed)
    frame = tumours.drop("diagnosis").sample(rows, with_replacement=True, seed=seed)
    columns = []
    for name in frame.columns:
        column = pl.col(name)
        if frame[name].dtype == pl.Float64:
            column = pl.when(pl.Series(rng.random(rows) < 0.1)).then(column.round(0)).otherwise(column)
        else:
            column = pl.when(pl.Series(rng.random(rows) < 0.1)).then(pl.lit("never seen ✨")).otherwise(column)
        columns.append(pl.when(pl.Series(rng.random(rows) < 0.1)).then(None).otherwise(column).alias(name))
    return frame.select(columns)


def over_http(project: Path, endpoint: str, rows: pl.DataFrame, at_once: int) -> pl.DataFrame:
    """Ask the gateway for predictions; whole numbers are sent without a point."""
    instances = [
        {name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in row.items()}
        for row in rows.iter_rows(named=True)
    ]
    answers: list[dict[str, object]] = []
    with running(project / ".tenfold") as gateway:
        connection = gateway.connect()
        for begin in range(0, len(instances), at_once):
            status, reply = ask(connection, body_of(*instances[begin : begin + at_once]), endpoint=endpoint)
            assert status == 200, reply
            answers += json.loads(reply)["predictions"]
        connection.close()
    return pl.DataFrame(answers)


def test_lab_batch_http_rows_and_api_agree_to_1e_9(judged: Judged, tenfold: Command, tumours: pl.DataFrame) -> None:
    project, document = judged.folder, judged.document
    rows = hard_rows(tumours)
    rows.write_parquet(project / "hard.parquet")
    rows.write_csv(project / "hard.csv")

    ref = document["model"]["ref"]
    for name in ("hard.parquet", "hard.csv"):
        done = tenfold("predict", ref, name, "--output", f"{name}.out.parquet", "--chunk-rows", "300", cwd=project)
        assert done.code == 0, done.err
    model = api.load(ref, folder=project)
    whole = model.predict(rows)
    from_pandas = model.predict(rows.to_pandas())
    single = pl.concat([model.predict([row]) for row in rows.iter_rows(named=True)])

    promoted = tenfold("model", "promote", ref, "--json", cwd=project)
    assert promoted.code == 0, promoted.out
    endpoint = promoted.document()["endpoint"]
    served = {at_once: over_http(project, endpoint, rows, at_once) for at_once in (1, 400)}

    for name in ("proba_benign", "proba_malignant"):
        expected = whole[name].to_numpy()
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(from_pandas[name].to_numpy(), expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(single[name].to_numpy(), expected, rtol=0, atol=1e-9)
        for found in served.values():
            np.testing.assert_allclose(found[name].to_numpy(), expected, rtol=0, atol=1e-9)
        for file in ("hard.parquet", "hard.csv"):
            scored = pl.read_parquet(project / f"{file}.out.parquet")
            np.testing.assert_allclose(scored[name].to_numpy(), expected, rtol=0, atol=1e-9)
    for found in (single, *served.values()):
        assert (found["prediction"] == whole["prediction"]).all()
