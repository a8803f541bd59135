"""New rows of a join's base, with the project's sources put beside them as when the model was trained."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from tenfold.connectors.ingest import IngestOptions, join_rows, joined_as
from tenfold.connectors.read import read_for_model
from tenfold.connectors.timed import PointInTimeJoin
from tenfold.foundation.errors import DataError, InputError
from tenfold.project.reproduce import kept_results
from tenfold.project.tables import ingest_options
from tenfold.records.dataset import Dataset, Source
from tenfold.records.problem import Problem
from tenfold.spec.load import load_spec
from tenfold.store.open import open_store


@contextmanager
def joined_input(model: str, data: str, *, folder: Path, table: str | None, shown: str = "") -> Iterator[Path]:
    """Yield a file with the rows of ``data``, in their order, and beside them what the project's join brings.

    The sources are read as they are now. What was known before a row's moment is the same then as when the model was
    trained, as long as the sources keep their past.

    Parameters
    ----------
    model : str
        A version of the registry: what its run kept says how the base was read.
    data : str
        New rows of the join's base; ``table`` where that is a database.

    Raises
    ------
    InputError
        When the file has no join, or another one than the version was trained with.
    DataError
        When the rows lack a key or their moment, or a source cannot be read.
    """
    if Path(model).exists():
        raise InputError("`--join` needs a version such as name@1: a bundle alone does not say how its base was read")
    spec = load_spec(folder, os.environ)
    options = ingest_options(spec)
    if options.join is None:
        raise InputError(f"{spec.path} declares no `data.join`: there is nothing to put beside the rows")
    with open_store(spec.store_folder) as store:
        version = store.registry.find(model)
        kept = kept_results(version.run, store, stages=("problem", "data"))
        problem: Problem = kept["problem"].record
        base = _base(kept["data"].record, options, options.join, f"{version.name}@{version.number}")
    with TemporaryDirectory(prefix="tenfold-join-") as place:
        rows = _rows(data, base, options.join, target=problem.target, table=table, shown=shown)
        own = [field.name for field in base.fields if field.name in rows.columns]
        written = Path(place, "rows.parquet")
        rows.select(own).write_parquet(written)
        joined = pl.scan_parquet(join_rows(options, written, base.fields, workdir=Path(place)))
        more = rows.drop(own)
        twice = [name for name in joined.collect_schema().names() if name in more.columns]
        if twice:
            raise DataError(f"{shown or data} has a column '{twice[0]}', which the join computes; leave it out there")
        into = Path(place, "input.parquet")
        pl.concat([joined, more.lazy()], how="horizontal").sink_parquet(into, maintain_order=True)
        yield into


def _base(dataset: Dataset, options: IngestOptions, join: PointInTimeJoin, ref: str) -> Source:
    """Return how the base was read when the version was trained."""
    base = next((source for source in dataset.sources if source.joined), None)
    if base is None:
        raise InputError(f"{ref} was trained without `data.join`: give rows with all columns that it reads")
    if base.name != join.base or base.joined != joined_as(options):
        raise InputError(
            f"the sources and the join in tenfold.yaml are not those that {ref} was trained with: its columns would"
            " mean something else; bring that file back, or train again"
        )
    return base


def _rows(
    data: str, base: Source, join: PointInTimeJoin, *, target: str, table: str | None, shown: str
) -> pl.DataFrame:
    """Return new rows of the base: keys and moments as they were read in training, all else as it stands."""
    needed = {key for joined in join.sources.values() for key in joined.on} | ({join.at} if join.at else set())
    fields = [field for field in base.fields if field.name in needed]
    frames = read_for_model(
        data,
        fields,
        dialect={**base.dialect, "target": target} if base.dialect else None,
        table=table,
        shown=shown,
        needed="that the join needs",
    )
    read = list(frames)
    if not read:
        raise DataError(f"{shown or data} has no rows")
    whole = [field.name for field in fields if field.integer]
    return pl.concat(read).with_columns(pl.col(whole).cast(pl.Int64))
