"""How often intervals cover the truth, and how often a model is called better than its equal.

    python benchmarks/coverage.py [--simulations 1000] [--rows 200 1000 5000] [--seed 1] [--all] [--paired] [--brief]

Draws samples from processes whose true metric is known, estimates each metric with its 95 % interval, and prints for
each cell: coverage, misses on either side (truth below, truth above), mean width, and the share of intervals that
Tenfold itself calls approximate. A cell holds between 93 and 97 %. ``--all`` adds the metrics without that promise,
``--paired`` the comparison of two equally good models, two-sided at 95 %, which calls one of them, named beforehand,
better in 2.5 % when it is right, and may in at most 4 %. ``--brief`` tries each metric on one process of each kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tenfold.measures.interval import estimate
from tenfold.measures.metrics import METRICS, metric_called
from tenfold.measures.names import FAMILIES
from tenfold.measures.outcome import Floats, Outcome
from tenfold.measures.paired import difference

Draw = Callable[[int, np.random.Generator], Outcome]
PROMISED = ("roc_auc", "log_loss", "accuracy", "recall", "rmse", "mae", "value_per_row")
EVERY = tuple(name for name in (*METRICS, *FAMILIES) if metric_called(name).known.claims)
LOWEST, HIGHEST = 0.93, 0.97
MOST_CALLED_BETTER = 0.04
BIG = 500_000
REBOOKING = np.array([[0.0, -8.0], [0.0, 40.0]])
SCREENING = np.array([[0.0, -5.0], [-50.0, 20.0]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A way in which outcomes come about."""

    name: str
    draw: Draw


def classes(
    *, separation: float, positive: float, confidence: float = 1.0, spread: float = 1.0, amounts: Floats = REBOOKING
) -> Process:
    """Two normal classes ``separation`` apart, a model that knows the posterior, sharpened by ``confidence``.

    ``spread`` is the standard deviation of the positive class: not 1, and the model's posterior is only roughly right.
    """
    (tn, fp), (fn, tp) = amounts
    cut = max((tn - fp) / (tn - fp + tp - fn), positive)

    def draw(n: int, rng: np.random.Generator) -> Outcome:
        truth = (rng.random(n) < positive).astype(np.int64)
        x = rng.normal(size=n) * np.where(truth == 1, spread, 1.0) + separation * truth
        place = confidence * (separation * x - separation**2 / 2 + np.log(positive / (1 - positive)))
        probability = 1 / (1 + np.exp(-place))
        decision = (probability >= cut).astype(np.int64)
        scores = np.column_stack([1 - probability, probability])
        money = amounts[truth, decision]
        return Outcome(task="binary", truth=truth, scores=scores, decision=decision, money=money)

    shape = "" if spread == 1.0 else f", spread {spread:g}"
    sharp = "" if confidence == 1.0 else f", overconfident x{confidence:g}"
    shares = f"{100 * (1 - positive):.0f}/{100 * positive:.0f}"
    other = "" if amounts is REBOOKING else ", loss on misses"
    return Process(name=f"separation {separation:g}, {shares}{shape}{sharp}{other}", draw=draw)


def numbers(name: str, error: Callable[[int, np.random.Generator], Floats]) -> Process:
    """A predicted number whose error is drawn by ``error``."""

    def draw(n: int, rng: np.random.Generator) -> Outcome:
        predicted = 3 + rng.normal(size=n)
        return Outcome(task="regression", truth=predicted + error(n, rng), scores=predicted[:, None])

    return Process(name=name, draw=draw)


def several(*, separation: float, shares: tuple[float, ...]) -> Process:
    """Several classes, each far from the others in a direction of its own, and a model that knows the posterior."""

    def draw(n: int, rng: np.random.Generator) -> Outcome:
        truth = rng.choice(len(shares), size=n, p=shares)
        x = rng.normal(size=(n, len(shares)))
        x[np.arange(n), truth] += separation
        place = separation * x + np.log(shares)
        scores = np.exp(place - place.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        decision = scores.argmax(axis=1)
        money = np.where(truth == decision, 5.0, -2.0)
        return Outcome(task="multiclass", truth=truth, scores=scores, decision=decision, money=money)

    return Process(name=f"{len(shares)} classes, separation {separation:g}", draw=draw)


def sizes(name: str, of: Callable[[Floats, np.random.Generator], Floats]) -> Process:
    """Numbers that are never negative, and a model that knows the rate of each row."""

    def draw(n: int, rng: np.random.Generator) -> Outcome:
        rate = np.exp(0.5 * rng.normal(size=n) + 0.7)
        return Outcome(task="regression", truth=of(rate, rng).astype(np.float64), scores=rate[:, None])

    return Process(name=name, draw=draw)


CLASSES = (
    *(classes(separation=s, positive=p) for s in (0.5, 1.0, 1.5, 2.0) for p in (0.5, 0.1)),
    classes(separation=1.5, positive=0.5, spread=1.6),
    classes(separation=1.5, positive=0.1, spread=1.6),
    classes(separation=1.0, positive=0.5, confidence=2.0),
    classes(separation=1.0, positive=0.1, confidence=2.0),
)
MONEY = (
    *CLASSES,
    classes(separation=1.5, positive=0.5, amounts=SCREENING),
    classes(separation=1.5, positive=0.1, amounts=SCREENING),
)
NUMBERS = (
    numbers("normal", lambda n, rng: rng.normal(size=n)),
    numbers("Laplace", lambda n, rng: rng.laplace(size=n)),
    numbers("t, 6 degrees", lambda n, rng: rng.standard_t(6, size=n)),
    numbers("t, 5 degrees", lambda n, rng: rng.standard_t(5, size=n)),
    numbers("skewed (gamma 4)", lambda n, rng: rng.gamma(4.0, size=n) / 2 - 2),
    numbers("normal, spread differs by row", lambda n, rng: rng.normal(size=n) * np.exp(0.4 * rng.normal(size=n))),
)


SEVERAL = (
    several(separation=1.0, shares=(0.5, 0.3, 0.15, 0.05)),
    several(separation=2.0, shares=(0.3, 0.25, 0.2, 0.15, 0.1)),
)
SIZES = (
    sizes("counts (Poisson)", lambda rate, rng: rng.poisson(rate)),
    sizes("sizes (gamma 4)", lambda rate, rng: rate * rng.gamma(4.0, size=len(rate)) / 4.0),
    sizes("sizes (lognormal 0.3)", lambda rate, rng: rate * np.exp(0.3 * rng.normal(size=len(rate)) - 0.045)),
)
BRIEF = (1, 2, 8)
"""Which processes of a long list are tried with ``--brief``: rare positives, an easy balance, a model that errs."""


def processes_for(metric: str) -> tuple[Process, ...]:
    """Return the processes on which a metric is tried."""
    known = metric_called(metric).known
    if metric in ("mape", "smape"):
        return SIZES[1:]
    if metric == "poisson_deviance":
        return SIZES
    if known.tasks == ("regression",):
        return NUMBERS
    if known.tasks == ("multiclass",):
        return SEVERAL
    return MONEY if metric == "value_per_row" else (*CLASSES, *SEVERAL)


def truth_of(metric: str, process: Process, rng: np.random.Generator) -> float:
    """Return the metric on very many rows."""
    return float(np.mean([metric_called(metric).compute(process.draw(BIG, rng)) for _ in range(6)]))


def coverage(metric: str, process: Process, n: int, simulations: int, rng: np.random.Generator) -> tuple[float, ...]:
    """Return coverage, misses below and above, mean width, share called approximate, number without an interval."""
    true = truth_of(metric, process, rng)
    below = above = approximate = without = 0
    width = 0.0
    for _ in range(simulations):
        found = estimate(metric_called(metric), process.draw(n, rng), rng=rng)
        if found.low is None or found.high is None:
            without += 1
            continue
        below += true < found.low
        above += true > found.high
        approximate += found.reason != ""
        width += found.high - found.low
    done = max(simulations - without, 1)
    return 1 - (below + above) / done, below / done, above / done, width / done, approximate / done, without


def chosen_processes(metric: str, *, brief: bool) -> tuple[Process, ...]:
    """Return the processes on which a metric is tried, or some of them."""
    found = processes_for(metric)
    if not brief or len(found) <= len(BRIEF):
        return found
    few = [found[place] for place in BRIEF if place < len(found)]
    return (*few, found[-1])


def print_coverage(
    metrics: tuple[str, ...], sizes: list[int], simulations: int, rng: np.random.Generator, *, brief: bool
) -> Iterator[bool]:
    """Print one line per cell; yield whether it holds."""
    print(f"{'metric':18} {'process':38} {'n':>6}  covered  below  above   width  approximate")
    for metric in metrics:
        for process in chosen_processes(metric, brief=brief):
            for n in sizes:
                covered, below, above, width, approximate, without = coverage(metric, process, n, simulations, rng)
                holds = LOWEST <= covered <= HIGHEST
                note = "" if holds else "  OUTSIDE"
                if without:
                    note += f"  ({without:.0f} undefined)"
                print(
                    f"{metric:18} {process.name:38} {n:6d}  {100 * covered:6.1f}%  {100 * below:4.1f}%"
                    f"  {100 * above:4.1f}%  {width:6.3f}  {100 * approximate:6.1f}%{note}",
                    flush=True,
                )
                yield holds


def twin(outcome: Outcome, rng: np.random.Generator, noise: float) -> Outcome:
    """Return what the same model says after noise of its own."""
    if outcome.task == "regression":
        factor = np.exp(noise * rng.normal(size=outcome.scores.shape))
        positive = outcome.truth.min() >= 0.0 and outcome.scores.min() > 0.0
        scores = outcome.scores * factor if positive else outcome.scores + np.log(factor)
        return Outcome(task="regression", truth=outcome.truth, scores=scores)
    place = np.log(outcome.scores[:, 1] / outcome.scores[:, 0]) + noise * rng.normal(size=outcome.n)
    probability = 1 / (1 + np.exp(-place))
    decision = (probability >= max(outcome.truth.mean(), 8 / 48)).astype(np.int64)
    money = REBOOKING[outcome.truth, decision]
    scores = np.column_stack([1 - probability, probability])
    return Outcome(task="binary", truth=outcome.truth, scores=scores, decision=decision, money=money)


def print_paired(
    metrics: tuple[str, ...], sizes: list[int], simulations: int, rng: np.random.Generator
) -> Iterator[bool]:
    """Print how often one of two equally good models, named beforehand, is called better, two-sided at 95 %."""
    print(f"\n{'metric':18} {'process':38} {'n':>6}  called better")
    for name in metrics:
        metric = metric_called(name)
        if "binary" not in metric.known.tasks and "regression" not in metric.known.tasks:
            continue
        regression = metric.known.tasks == ("regression",)
        of_sizes = name in ("mape", "smape", "poisson_deviance")
        for process in SIZES[:2] if of_sizes else (NUMBERS[0], NUMBERS[3]) if regression else CLASSES[2:4]:
            if name == "mape" and process is SIZES[0]:
                continue  # counts are 0 at times, where a relative error has no meaning
            for n in sizes:
                better = 0
                for _ in range(simulations):
                    drawn = process.draw(n, rng)
                    a, b = twin(drawn, rng, 0.4), twin(drawn, rng, 0.4)
                    found = difference(metric, a, b, rng=rng)
                    side = found.low if metric.greater_is_better else found.high
                    better += side is not None and (side > 0 if metric.greater_is_better else side < 0)
                holds = better <= MOST_CALLED_BETTER * simulations
                note = "" if holds else "  OUTSIDE"
                print(f"{name:18} {process.name:38} {n:6d}  {100 * better / simulations:6.1f}%{note}", flush=True)
                yield holds


def main() -> None:
    """Read the arguments and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="+", default=[200, 1000, 5000])
    parser.add_argument("--metrics", nargs="+", default=list(PROMISED))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="every metric that claims an interval")
    parser.add_argument("--brief", action="store_true", help="on one process of each kind")
    parser.add_argument("--paired", action="store_true", help="also the comparison of equals")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    metrics = EVERY if arguments.all else tuple(arguments.metrics)
    cells = list(print_coverage(metrics, arguments.rows, arguments.simulations, rng, brief=arguments.brief))
    print(f"{sum(cells)} of {len(cells)} cells hold between {100 * LOWEST:.0f} and {100 * HIGHEST:.0f} %")
    if arguments.paired:
        pairs = list(print_paired(metrics, arguments.rows, arguments.simulations, rng))
        print(f"{sum(pairs)} of {len(pairs)} comparisons of equals call one better in at most 4 %")


if __name__ == "__main__":
    main()
