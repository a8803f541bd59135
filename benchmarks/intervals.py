"""How often conformal intervals hold the truth of new rows, made as a run makes them.

    python benchmarks/intervals.py [--repeats 20] [--rows 500 2000] [--level 0.9] [--seed 1]

Fits boosted trees on five folds, makes intervals of the out-of-fold predictions, and counts how often they hold the
truth of 20,000 new rows that the mean of the five models predicts: on all rows, and on those with the largest and the
smallest predictions. The last process shifts after training: there the check on new rows must tell.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from tenfold.bundle.conformal import interval_of
from tenfold.measures.outcome import Floats, Outcome
from tenfold.stages.evaluation.conformal import check_intervals, fit_intervals
from tenfold.stages.training.learners import learner_called
from tenfold.stages.training.protocols import Fit, Rows

FOLDS, NEW = 5, 20_000
Noise = Callable[[Floats, np.random.Generator], Floats]

PROCESSES: dict[str, Noise] = {
    "normal": lambda x, rng: rng.normal(size=len(x)),
    "spread grows": lambda x, rng: np.exp(0.6 * x[:, 0]) * rng.normal(size=len(x)),
    "skewed": lambda x, rng: rng.gamma(1.5, size=len(x)) - 1.5,
    "heavy tails (t, 3)": lambda x, rng: rng.standard_t(3, size=len(x)),
}


def draw(n: int, noise: Noise, rng: np.random.Generator, *, shift: float = 0.0) -> Rows:
    """Return rows of a smooth signal with this noise; ``shift`` moves the target."""
    values = rng.normal(size=(n, 6))
    signal = 2.0 * values[:, 0] + np.sin(2.0 * values[:, 1]) + values[:, 2] * values[:, 3]
    return Rows(values=values, truth=signal + noise(values, rng) + shift)


def served(rows: Rows, new: Rows, rng: np.random.Generator) -> tuple[Outcome, Floats]:
    """Return the out-of-fold predictions, and what the mean of the fold models says of new rows."""
    fold = rng.integers(0, FOLDS, size=len(rows.truth))
    oof, said = np.empty((len(rows.truth), 1)), np.zeros((len(new.truth), 1))
    for number in range(FOLDS):
        held = fold == number
        parts = [Rows(values=rows.values[inside], truth=rows.truth[inside]) for inside in (~held, held)]
        fit = Fit(train=parts[0], held=parts[1], categorical=(), task="regression", outputs=1, params={}, seed=number)
        predictor = learner_called("lightgbm").fit(fit).predictor
        oof[held] = predictor.predict(rows.values[held])
        said += predictor.predict(new.values) / FOLDS
    return Outcome(task="regression", truth=rows.truth, scores=oof), said


def main() -> None:
    """Read the arguments and print one line per process and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--level", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    print(f"{'process':20} {'rows':>6}  held   lowest tenth  highest tenth  told after a shift")
    for name, noise in PROCESSES.items():
        for n in arguments.rows:
            held, low_end, high_end, told = [], [], [], 0
            for _ in range(arguments.repeats):
                new = draw(NEW, noise, rng)
                oof, said = served(draw(n, noise, rng), new, rng)
                step, why = fit_intervals(oof, arguments.level)
                if step is None:
                    raise SystemExit(why)
                low, high = interval_of(said, step)
                inside = (low <= new.truth) & (new.truth <= high)
                edges = np.quantile(said[:, 0], [0.1, 0.9])
                held.append(inside.mean())
                low_end.append(inside[said[:, 0] < edges[0]].mean())
                high_end.append(inside[said[:, 0] > edges[1]].mean())
                moved = Outcome(task="regression", truth=new.truth[:1000] + 1.5, scores=said[:1000])
                told += bool(check_intervals(step, moved, "test", rng).reason)
            print(
                f"{name:20} {n:6d}  {100 * np.mean(held):.1f}%  {100 * np.mean(low_end):10.1f}%"
                f"  {100 * np.mean(high_end):11.1f}%  {told:8d} of {arguments.repeats}",
                flush=True,
            )


if __name__ == "__main__":
    main()
