"""Models by name, and files scored with them."""

from __future__ import annotations

import os
from pathlib import Path

from tenfold.batch.score import CHUNK_ROWS, ScoreOptions, score
from tenfold.bundle.format import load_bundle
from tenfold.bundle.model import Model
from tenfold.foundation.clock import SystemClock
from tenfold.foundation.errors import InputError
from tenfold.project.table_reports import PredictReport
from tenfold.spec.load import load_spec
from tenfold.store.open import open_store

_DEFAULT_STORE = ".tenfold"


def load(model: str | Path, *, folder: Path | str = ".") -> Model:
    """Load a model: ``name@version``, ``name@alias``, or the path of a bundle.

    Parameters
    ----------
    folder : path
        The project's folder, where the registry lies.

    Raises
    ------
    InputError
        When there is no such model.
    StoreError
        When the bundle is damaged.
    """
    return load_bundle(bundle_path(str(model), Path(folder)))


def bundle_path(model: str, folder: Path) -> Path:
    """Return where the bundle of a model lies."""
    path = Path(model)
    if "@" not in model or path.exists():
        if path.exists():
            return path
        raise InputError(f"'{model}' is neither a bundle's path nor a version; write it as name@1 or name@champion")
    with open_store(_store_folder(folder)) as store:
        return store.blobs.path(store.registry.find(model).blob)


def predict(
    model: str,
    data: str,
    output: Path,
    *,
    folder: Path,
    keep: tuple[str, ...] = (),
    history: str | None = None,
    table: str | None = None,
    chunk_rows: int | None = None,
) -> PredictReport:
    """Score the rows of a file or a database table, in their order.

    Parameters
    ----------
    keep : tuple of str
        Columns of the input that are written beside the predictions.
    history : str, optional
        Earlier rows, for a model whose features look back.

    Raises
    ------
    InputError
        When the model, the input or the output are not what they must be.
    """
    clock = SystemClock()
    began = clock.monotonic()
    options = ScoreOptions(keep=keep, history=history, table=table, chunk_rows=chunk_rows or CHUNK_ROWS)
    scored = score(bundle_path(model, folder), data, output, options)
    return PredictReport(
        model=model,
        output=str(scored.output),
        rows=scored.rows,
        columns=scored.columns,
        seconds=clock.monotonic() - began,
    )


def _store_folder(folder: Path) -> Path:
    """Return the store that the project's file names; beside no file, the usual folder."""
    if (folder / "tenfold.yaml").exists():
        return load_spec(folder, os.environ).store_folder
    return folder / _DEFAULT_STORE
