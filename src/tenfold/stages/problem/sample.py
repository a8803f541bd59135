"""A seeded sample of the rows, small enough for a quick look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Field
from tenfold.records.problem import Task
from tenfold.stages.problem.target import Target

ROWS = 8_000
Truth: TypeAlias = npt.NDArray[np.int64] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows to look at.

    Attributes
    ----------
    table : polars.DataFrame
        Every column of the sampled rows, oldest first when there is a time.
    features : tuple of Field
        The columns that would be features.
    truth : ndarray of shape (n,)
        Class codes (int64) or the target (float64).
    """

    task: Task
    target: str
    table: pl.DataFrame
    features: tuple[Field, ...]
    truth: Truth
    classes: tuple[str, ...] = ()
    time: str | None = None


def draw_sample(
    table: Path,
    target: Target,
    features: Sequence[Field],
    time: str | None,
    rng: np.random.Generator,
    *,
    most: int = ROWS,
    balanced: bool = True,
) -> Sample:
    """Return at most ``most`` rows that have a target.

    Where ``balanced``, the classes of a binary task get up to half of the sample each: ranking does not depend on their
    share, and rare rows are what a comparison is short of.
    """
    present = target.values.is_not_null()
    if target.task == "regression":
        present &= target.values.is_finite().fill_null(False)
    known = np.flatnonzero(present.to_numpy())
    if target.task == "binary" and balanced:
        positive = (target.values == target.classes[1]).fill_null(False).to_numpy()
        chosen = np.concatenate(
            [_some(known[positive[known]], most // 2, rng), _some(known[~positive[known]], most // 2, rng)]
        )
        chosen = rng.permutation(chosen)
    else:
        chosen = rng.permutation(known)[:most]
    chosen = np.sort(chosen)
    wanted = pl.DataFrame({"row": chosen.astype(np.uint32)})
    rows = (
        pl.scan_parquet(table)
        .with_row_index("\0row")
        .join(wanted.lazy(), left_on="\0row", right_on="row", how="semi", maintain_order="left")
        .drop("\0row")
        .collect()
    )
    order = rows[time].arg_sort(nulls_last=False) if time is not None else pl.arange(0, rows.height, eager=True)
    values = target.values.gather(chosen).gather(order)
    if target.task == "regression":
        truth: Truth = values.to_numpy().astype(np.float64)
    else:
        codes = {name: code for code, name in enumerate(target.classes)}
        truth = values.replace_strict(codes, return_dtype=pl.Int64).to_numpy()
    return Sample(
        task=target.task,
        target=target.values.name,
        table=rows[order],
        features=tuple(features),
        truth=truth,
        classes=target.classes,
        time=time,
    )


def _some(rows: npt.NDArray[np.int64], most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return rng.permutation(rows)[:most]
