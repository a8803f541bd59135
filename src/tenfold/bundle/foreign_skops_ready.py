"""Loads what scikit-learn loads only when it first predicts: a process that is closed afterwards can load no more.

Only ever imported by a child of `tenfold.bundle.confined`, before it gets the bytes.
"""

from __future__ import annotations

import importlib
import io


def _predict_once() -> None:
    """Fit and ask a pipeline of our own, and write and read it, on a table and on an array."""
    linear = importlib.import_module("sklearn.linear_model")
    pandas = importlib.import_module("pandas")
    skops_io = importlib.import_module("skops.io")
    table = pandas.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": ["x", "y", "x", "y"]})
    numbers, truth = table[["a"]], ["no", "no", "yes", "yes"]
    compose, preprocessing = (importlib.import_module(f"sklearn.{name}") for name in ("compose", "preprocessing"))
    pipeline = importlib.import_module("sklearn.pipeline").make_pipeline(
        compose.ColumnTransformer([("w", preprocessing.OneHotEncoder(), ["b"])]), linear.LogisticRegression()
    )
    skops_io.loads(skops_io.dumps(pipeline.fit(table, truth)), trusted=["numpy.dtype"]).predict_proba(table)
    for rows in (numbers, numbers.to_numpy()):
        linear.LogisticRegression().fit(rows, truth).predict_proba(rows)
    importlib.import_module("numpy").load(io.BytesIO(_an_array()), allow_pickle=False)


def _an_array() -> bytes:
    numpy = importlib.import_module("numpy")
    kept = io.BytesIO()
    numpy.save(kept, numpy.zeros(2), allow_pickle=False)
    return kept.getvalue()


_predict_once()
