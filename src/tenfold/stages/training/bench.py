"""The development rows, laid out once as numbers on disk: worker processes map them instead of receiving them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Matrix
from tenfold.bundle.transforms.table import transform_called
from tenfold.bundle.view import FittedView, encoding_target, fit_view
from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import Received, StageContext
from tenfold.foundation.errors import DataError
from tenfold.foundation.expression import columns_of
from tenfold.foundation.stopwatch import Stopwatch
from tenfold.measures.money import amounts_by_row
from tenfold.records.dataset import Dataset
from tenfold.records.features import FeaturePlan, Step, View
from tenfold.records.problem import Problem, Task
from tenfold.records.validation import FORWARD, ValidationPlan
from tenfold.stages.training.in_fold import prove, state
from tenfold.stages.training.judging import Yardstick, yardstick
from tenfold.stages.training.outliers import clipped, read_outliers
from tenfold.stages.training.protocols import Rows

FEWEST_TO_STOP = 5
"""Fewer held-out rows than this would choose the number of rounds that happens to suit them."""

ALL_ROWS = -1
"""The number of the 'fold' that trains on every development row."""

_VIEW_FILES = ("view.json", "view.safetensors")

Inputs = tuple[Received[Problem], Received[Dataset], Received[ValidationPlan], Received[FeaturePlan]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where candidates are fitted: facts about the rows, and the folder that holds their numbers.

    Attributes
    ----------
    rows : int
        Rows of the table; out-of-fold predictions have as many.
    development : int
        Rows that may train or choose.
    folds : int
        Folds of the plan; where they move forward in time, fold 0 is the newest.
    merges : bool
        Whether the folds' models together have seen every development row (k-fold), so that they may be averaged.
    aligned : bool
        Whether every column means the same in each fold; else no model of a fold may stand behind another's view.
    left_out : tuple of tuple of str
        For each fold, columns that its training rows did not choose; they are missing throughout there.
    growth : float
        Development rows for each row that trained in a fold.
    repeats : bool
        Whether rows are held out more than once: their predictions are averaged.
    single : bool
        Whether folds hold out so few rows that these can neither stop a fit nor end a race.
    """

    folder: Path
    problem: Problem
    views: dict[View, tuple[Step, ...]]
    table: Path
    lags: Path | None
    weight: str | None
    rows: int
    development: int
    folds: int
    merges: bool
    growth: float
    seed: int
    aligned: bool = True
    left_out: tuple[tuple[str, ...], ...] = ()
    repeats: bool = False
    single: bool = False

    @property
    def task(self) -> Task:
        """The problem's task."""
        return self.problem.task

    @property
    def outputs(self) -> int:
        """Number of classes, or 1 for a regression."""
        return 1 if self.task == "regression" else len(self.problem.classes)

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """Return an array of the folder, mapped into memory."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]  # numpy's load is untyped

    def truth(self) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
        """Return the truth of every row of the table: class codes, or numbers; meaningless outside development."""
        return self.array("truth")  # type: ignore[return-value]  # written so by set_up

    def weights(self) -> npt.NDArray[np.float64] | None:
        """Return the importance of every row, or None when all weigh the same."""
        return None if self.weight is None else self.array("weight")  # type: ignore[return-value]  # likewise

    def row_numbers(self, fold: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the rows of the table that train and that are held out in a fold."""
        return self.array(f"train-{fold}"), self.array(f"held-{fold}")  # type: ignore[return-value]  # likewise

    def train(self, view: View, fold: int) -> tuple[Rows, tuple[int, ...]]:
        """Return the training rows of a fold, and which of their columns hold categories."""
        numbers, _ = self.row_numbers(fold)
        categorical = tuple(int(column) for column in self.array(f"{view}-categorical"))
        return self._rows(f"{view}-{fold}-train", numbers), categorical

    def told(self, view: View) -> tuple[int, ...]:
        """Return the columns of codes of a view whose levels are many, and of which other columns tell."""
        return tuple(int(column) for column in self.array(f"{view}-told"))

    def held(self, view: View, fold: int) -> Rows:
        """Return the held-out rows of a fold."""
        _, numbers = self.row_numbers(fold)
        return self._rows(f"{view}-{fold}-held", numbers)

    def _rows(self, name: str, numbers: npt.NDArray[np.int64]) -> Rows:
        weights = self.weights()
        return Rows(
            values=self.array(name),  # type: ignore[arg-type]  # written as float64 by lay_out
            truth=self.truth()[numbers],
            weight=None if weights is None else weights[numbers],
        )

    def held_rows(self, folds: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return the rows that are held out in these folds, one fold after the other; a row may come again."""
        return np.concatenate([self.row_numbers(fold)[1] for fold in folds])

    def yardstick(self, folds: Sequence[int]) -> Yardstick:
        """Return what predictions for the held-out rows of these folds are held against."""
        rows, weights = self.held_rows(folds), self.weights()
        places = None
        if self.repeats:
            rows, places = np.unique(rows, return_inverse=True)
        amounts = self.array("amounts")[rows] if self.problem.value_by_row else None
        return yardstick(
            self.problem,
            self.truth()[rows],
            None if weights is None else weights[rows],
            amounts,  # type: ignore[arg-type]  # written as float64 by set_up
            places,
        )

    def fitted_view(self, view: View) -> FittedView:
        """Return the transforms of a view as they were fitted on all development rows."""
        files = {name: (self.folder / f"{view}-{name}").read_bytes() for name in _VIEW_FILES}
        return FittedView.from_files(files)

    def ready(self, view: View, fold: int) -> bool:
        """Whether the numbers of a view in a fold are laid out."""
        return (self.folder / f"{view}-{fold}-train.npy").exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One view of one fold, to be laid out by a worker."""

    bench: Bench
    view: View
    fold: int


def set_up(inputs: Inputs, folder: Path, seed: int) -> Bench:
    """Read the split and the truth, and write what every fit needs into ``folder``; what is there already stays."""
    problem, dataset, validation, features = (inputs[0].record, inputs[1].record, inputs[2].record, inputs[3].record)
    table = inputs[1].files["table.parquet"]
    split = pl.read_parquet(inputs[2].files["split.parquet"])
    part, block = split["part"].to_numpy().astype(np.str_), split["block"].to_numpy()
    folds = validation.folds(part, block)
    left_out = features.fold_left_out
    outliers = read_outliers(inputs[2].files)
    if validation.scheme in FORWARD:
        # The newest rows are the best guide: where not all folds are used, they come first.
        folds, left_out, outliers = folds[::-1], left_out[::-1], outliers.turned(len(folds))
    development = validation.final(part, block)
    if not folds or not all(len(fold.train) and len(fold.validation) for fold in folds):
        raise DataError("the validation plan leaves a fold without rows; use fewer folds or a larger validation part")
    weights = dataset.with_role("weight")
    weight = weights[0].name if weights else None
    if not (folder / "truth.npy").exists():
        _write_rows(folder, table, problem, weight, split)
        outliers.keep(folder)
        for number, fold in enumerate(folds):
            np.save(folder / f"train-{number}.npy", outliers.without(fold.train, number))
            np.save(folder / f"held-{number}.npy", fold.validation)
        np.save(folder / f"train-{ALL_ROWS}.npy", outliers.without(development, ALL_ROWS))
        np.save(folder / f"held-{ALL_ROWS}.npy", development[:0])
    aligned = all(transform_called(step.kind).aligned for steps in features.views.values() for step in steps)
    return Bench(
        folder=folder,
        problem=problem,
        views=dict(features.views),
        table=table,
        lags=inputs[3].files.get("lags.parquet"),
        weight=weight,
        rows=split.height,
        development=len(development),
        folds=len(folds),
        merges=validation.scheme in {"kfold", "repeated"} and aligned,
        growth=len(development) / len(folds[0].train),
        seed=seed,
        aligned=aligned,
        left_out=left_out,
        repeats=validation.scheme == "repeated",
        single=max(len(fold.validation) for fold in folds) < FEWEST_TO_STOP,
    )


def lay_out_views(
    bench: Bench, needed: Iterable[tuple[View, int]], ctx: StageContext, deadline: Deadline | None = None
) -> float:
    """Lay out views of folds that are not there yet, in parallel, and return the longest time that one took.

    Past the deadline the unfinished stay missing: ``Bench.ready`` tells.
    """
    layouts = [
        Layout(bench=bench, view=view, fold=fold) for view, fold in dict.fromkeys(needed) if not bench.ready(view, fold)
    ]
    return max((seconds for _, seconds in ctx.map(lay_out, layouts, deadline=deadline)), default=0.0)


def lay_out(layout: Layout) -> float:
    """Fit a view on the rows that train in a fold, write the numbers of its rows, and return the seconds it took.

    Runs in a worker.
    """
    watch = Stopwatch()
    bench, name = layout.bench, f"{layout.view}-{layout.fold}"
    numbers, held = bench.row_numbers(layout.fold)
    table = read_columns(bench, [layout.view])
    if layout.fold != ALL_ROWS and bench.left_out:
        table = _without(table, bench.left_out[layout.fold])
    # Chance depends on the fold and the view alone, whoever lays it out and when.
    rng = np.random.default_rng([bench.seed, layout.fold + 1, *layout.view.encode()])
    truth = encoding_target(np.asarray(bench.truth()[numbers]), bench.task, bench.outputs)
    training = clipped(table[numbers], numbers, bench.folder, layout.fold)
    fitted, matrix = fit_view(bench.views[layout.view], training, truth, rng)
    np.save(bench.folder / f"{layout.view}-categorical.npy", np.array(matrix.categorical, dtype=np.int64))
    np.save(bench.folder / f"{layout.view}-told.npy", np.array(_told(bench.views[layout.view], matrix), dtype=np.int64))
    before = state(fitted) if layout.fold != ALL_ROWS else ""
    values = fitted.apply(table[held]).values
    if layout.fold != ALL_ROWS:
        prove(layout.view, layout.fold, fitted, table, train=numbers, held=held, values=values, before=before)
    np.save(bench.folder / f"{name}-held.npy", values)
    if layout.fold == ALL_ROWS:
        for file, content in fitted.files().items():
            (bench.folder / f"{layout.view}-{file}").write_bytes(content)
    unfinished = bench.folder / f"{name}-train.unfinished.npy"
    np.save(unfinished, matrix.values)
    unfinished.rename(bench.folder / f"{name}-train.npy")
    return watch.wall_seconds()


def read_columns(bench: Bench, views: Sequence[View]) -> pl.DataFrame:
    """Return the columns of the table, lags included, that the views read."""
    steps = [step for view in views for step in bench.views[view]]
    wanted = dict.fromkeys(column for step in steps for column in step.columns)
    inside = set(pl.read_parquet_schema(bench.table))
    table = pl.read_parquet(bench.table, columns=[column for column in wanted if column in inside])
    if bench.lags is None:
        return table
    beside = set(pl.read_parquet_schema(bench.lags))
    lags = pl.read_parquet(bench.lags, columns=[column for column in wanted if column in beside])
    return pl.concat([table, lags], how="horizontal")


def _without(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return a table in which these columns are missing throughout."""
    inside = [name for name in columns if name in table.columns]
    return table.with_columns(pl.lit(None, dtype=table.schema[name]).alias(name) for name in inside)


def _told(steps: Sequence[Step], matrix: Matrix) -> list[int]:
    """Return the columns of codes of what is encoded by its target too."""
    coded = {step.columns[0] for step in steps if step.kind == "codes"}
    twice = coded & {step.columns[0] for step in steps if step.kind == "target_encoding"}
    return [place for place in matrix.categorical if matrix.names[place] in twice]


def _write_rows(folder: Path, table: Path, problem: Problem, weight: str | None, split: pl.DataFrame) -> None:
    money = {name for row in problem.value_by_row for text in row if text for name in columns_of(text)}
    columns = [problem.target, *sorted(money | ({weight} if weight is not None else set()))]
    frame = pl.read_parquet(table, columns=columns)
    if frame.height != split.height:
        raise DataError(
            f"the split divides {split.height} rows, but the table has {frame.height}: plan the split again"
        )
    if weight is not None:
        np.save(folder / "weight.npy", frame[weight].cast(pl.Float64).fill_null(0.0).to_numpy())
    amounts = amounts_by_row(problem, frame)
    if amounts is not None:
        np.save(folder / "amounts.npy", amounts)
    target = frame[problem.target]
    if problem.task == "regression":
        np.save(folder / "truth.npy", target.cast(pl.Float64).fill_null(0.0).to_numpy())
        return
    codes = {name: code for code, name in enumerate(problem.classes)}
    coded = target.replace_strict(codes, default=-1, return_dtype=pl.Int64).to_numpy()
    strange = coded[split["part"].is_in(["train", "validation"]).to_numpy()] < 0
    if strange.any():
        raise DataError(f"{int(strange.sum())} development rows have a '{problem.target}' that is none of the classes")
    np.save(folder / "truth.npy", coded)
