"""Hold tests of two arms to what they promise, at full size: false winners, power, division, and rank metrics.

    python benchmarks/experiment.py                      # all, about ten minutes of one core
    python benchmarks/experiment.py aa --runs 200        # false winners where nothing differs, a look every 100 events
    python benchmarks/experiment.py power division

Each figure stands beside the bound that the method proves. One JSON document on stdout.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from tenfold.measures.experiment.bounded import log_evidence
from tenfold.measures.experiment.contrast import Design, difference, differences
from tenfold.measures.experiment.power import deviation_of_difference, effect_found, length, skewness_of_difference
from tenfold.measures.experiment.ratio import ERROR, Phase, p_value
from tenfold.measures.experiment.side import Side
from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Floats, Outcome
from tenfold.records.problem import ValueMatrix

EVERY = 100
UNITS = 10_000
MATRIX = ValueMatrix(classes=("no", "yes"), amounts=((0.0, -1.0), (-5.0, 3.0)))
AMOUNTS = np.array(MATRIX.amounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where rows come from.

    Attributes
    ----------
    draw : callable
        From a generator, a number of rows and whether each is the candidate's, to their outcome.
    """

    metric: str
    draw: Callable[[np.random.Generator, int, Floats], Outcome]
    centre: float | None = None
    value: ValueMatrix | None = None


def right_so_often(champion: float, candidate: float) -> Callable[[np.random.Generator, int, Floats], Outcome]:
    """Return arms that decide rightly so often."""

    def draw(rng: np.random.Generator, n: int, to_candidate: Floats) -> Outcome:
        right = rng.random(n) < np.where(to_candidate, candidate, champion)
        return Outcome(
            task="binary",
            truth=np.ones(n, dtype=np.int64),
            scores=np.full((n, 2), 0.5),
            decision=right.astype(np.int64),
        )

    return draw


def scored(separation: float, spread: float = 1.0) -> Callable[[np.random.Generator, int, Floats], Outcome]:
    """Return two arms with the same calibrated scores of a rare class."""

    def draw(rng: np.random.Generator, n: int, _: Floats) -> Outcome:
        logit = -1.5 + separation * rng.normal(0.0, spread, n)
        chance = 1.0 / (1.0 + np.exp(-logit))
        truth = (rng.random(n) < chance).astype(np.int64)
        decision = (chance > 0.3).astype(np.int64)
        return Outcome(
            task="binary",
            truth=truth,
            scores=np.column_stack([1.0 - chance, chance]),
            decision=decision,
            money=AMOUNTS[truth, decision],
        )

    return draw


def residuals(rng: np.random.Generator, n: int, _: Floats) -> Outcome:
    """Numbers with heavy errors: Student's t with five degrees of freedom."""
    predicted = rng.normal(10.0, 3.0, n)
    return Outcome(task="regression", truth=predicted + rng.standard_t(5, n), scores=predicted[:, None])


WORLDS = (
    World(metric="value_per_row", draw=scored(1.5), value=MATRIX),
    World(metric="brier", draw=scored(1.5), centre=0.13),
    World(metric="log_loss", draw=scored(1.5)),
    World(metric="mae", draw=residuals),
    World(metric="rmse", draw=residuals),
    World(metric="f1", draw=scored(1.5)),
    World(metric="roc_auc", draw=scored(1.5)),
    World(metric="roc_auc", draw=scored(3.0)),
)


def sides(outcome: Outcome, to_candidate: Floats, share: float, upto: int) -> tuple[Side, Side]:
    """Return the arms as they stood after so many units."""
    a, b = np.flatnonzero(to_candidate[:upto]), np.flatnonzero(~to_candidate[:upto])
    return (
        Side(outcome=outcome.take(a), share=np.full(len(a), share)),
        Side(outcome=outcome.take(b), share=np.full(len(b), 1.0 - share)),
    )


def first_right(
    rng: np.random.Generator, champion: float, candidate: float, *, share: float, units: int, every: int, centre: float
) -> tuple[str, int]:
    """Return the same for arms that decide rightly so often, by the evidence itself.

    A bound lies beyond zero exactly when the evidence against zero has reached one over the tail: a look costs a
    fiftieth this way.
    """
    metric, design = metric_called("accuracy"), Design(centre=centre, share=share)
    to_candidate = rng.random(units) < share
    right = right_so_often(champion, candidate)(rng, units, to_candidate).decision
    assert right is not None
    nobody, kinds = np.zeros(0, dtype=np.int64), []
    for arm in (True, False):
        for decided in (0, 1):
            outcome = Outcome(
                task="binary",
                truth=np.ones(1, dtype=np.int64),
                scores=np.full((1, 2), 0.5),
                decision=np.array([decided]),
            )
            one, none = (
                Side(outcome=outcome.take(rows), share=np.full(len(rows), part))
                for rows, part in (
                    (np.zeros(1, dtype=np.int64), share if arm else 1.0 - share),
                    (nobody, 1.0 - share if arm else share),
                )
            )
            kinds.append(differences(metric, *((one, none) if arm else (none, one)), design))
    atoms = np.concatenate([kind.atoms for kind in kinds])
    whole = replace(kinds[0], atoms=atoms, weights=np.full(4, kinds[0].weights[0]), counts=np.zeros(4))
    kind = np.where(to_candidate, right, 2 + right)
    counts = np.cumsum(kind[:, None] == np.arange(4), axis=0)
    needed = -np.log(design.tail)
    for upto in [*range(every, units, every), units]:
        seen = replace(whole, counts=counts[upto - 1].astype(np.float64))
        for sample, who in ((seen, "candidate"), (seen.turned(), "champion")):
            if log_evidence(sample, 0.0, horizon=design.horizon, tail=design.tail) >= needed:
                return who, upto
    return "", units


def first_winner(world: World, rng: np.random.Generator, *, share: float, units: int, every: int) -> tuple[str, int]:
    """Return who was called better first, and after how many units; empty when nobody was."""
    metric = metric_called(world.metric)
    to_candidate = rng.random(units) < share
    outcome = world.draw(rng, units, to_candidate)
    design = Design(centre=world.centre, value=world.value, share=share)
    for upto in [*range(every, units, every), units]:
        found = difference(metric, *sides(outcome, to_candidate, share, upto), design).estimate
        if found.low is not None and found.high is not None and (found.low > 0.0 or found.high < 0.0):
            better = found.low > 0.0 if metric.greater_is_better else found.high < 0.0
            return ("candidate" if better else "champion"), upto
    return "", units


def aa(runs: int, seed: int) -> Iterator[dict[str, object]]:
    """Two arms that are the same, looked at every 100 events: winners are false."""
    for right, centre in ((0.8, 0.8), (0.97, 0.8)):
        for share in (0.5, 0.1):
            rng = np.random.default_rng([seed, int(1000 * right), int(100 * share)])
            winners = [
                first_right(rng, right, right, share=share, units=UNITS, every=EVERY, centre=centre)[0]
                for _ in range(runs)
            ]
            yield _line("accuracy", "exact", share, runs, EVERY, winners)
    for place, world in enumerate(WORLDS):
        for share in (0.5, 0.1):
            # Whole samples are looked at here, which costs more: fewer looks, and fewer runs where it costs most.
            own = max(runs // (20 if world.metric == "brier" else 2), 1)
            rng = np.random.default_rng([seed, place, int(100 * share)])
            winners = [first_winner(world, rng, share=share, units=UNITS, every=5 * EVERY)[0] for _ in range(own)]
            probe = difference(
                metric_called(world.metric),
                *_probe(world, rng, share),
                Design(centre=world.centre, value=world.value, share=share),
            )
            yield _line(world.metric, probe.guarantee, share, own, 5 * EVERY, winners)


def _line(  # noqa: PLR0917 - a line of the table
    metric: str, guarantee: str, share: float, runs: int, every: int, winners: list[str]
) -> dict[str, object]:
    return {
        "test": "aa",
        "metric": metric,
        "guarantee": guarantee,
        "share": share,
        "runs": runs,
        "look_every": every,
        "units": UNITS,
        "candidate_won": winners.count("candidate"),
        "champion_won": winners.count("champion"),
        "false_winners_per_1000": 1000.0 * sum(map(bool, winners)) / runs,
        "bound_per_1000": 50.0 if guarantee == "exact" else "50 in the limit",
    }


def _probe(world: World, rng: np.random.Generator, share: float) -> tuple[Side, Side]:
    to_candidate = rng.random(2000) < share
    return sides(world.draw(rng, 2000, to_candidate), to_candidate, share, 2000)


def power(runs: int, seed: int) -> Iterator[dict[str, object]]:
    """A true difference, found within the units that the plan says."""
    for champion, candidate, share in ((0.8, 0.83, 0.5), (0.8, 0.83, 0.2), (0.6, 0.7, 0.5)):
        effect = candidate - champion
        deviation = deviation_of_difference(
            np.sqrt(candidate * (1.0 - candidate)), np.sqrt(champion * (1.0 - champion)), share
        )
        planned = length(effect, deviation, skewness=skewness_of_difference(champion, share))
        assert planned is not None
        rng = np.random.default_rng([seed, int(1000 * effect), int(100 * share)])
        found = [
            first_right(rng, champion, candidate, share=share, units=planned.units, every=EVERY, centre=champion)
            for _ in range(runs)
        ]
        yield {
            "test": "power",
            "champion": champion,
            "candidate": candidate,
            "share": share,
            "runs": runs,
            "units": planned.units,
            "promised": planned.power,
            "found": sum(who == "candidate" for who, _ in found) / runs,
            "wrong_way": sum(who == "champion" for who, _ in found),
            "expected_units": planned.expected,
            "mean_units": float(np.mean([units for _, units in found])),
            "effect_found_after_them": effect_found(planned.units, deviation),
        }


def division(runs: int, seed: int) -> Iterator[dict[str, object]]:
    """Units divided as asked, looked at every ten; and 52 to 48."""
    for asked, true in ((0.5, 0.5), (0.1, 0.1), (0.5, 0.52), (0.5, 0.53)):
        rng = np.random.default_rng([seed, int(1000 * true)])
        stopped = 0
        for _ in range(runs):
            counts = np.cumsum(rng.random(UNITS) < true)[9::10]
            stopped += any(
                p_value((Phase(counts=(int(c), 10 * (k + 1) - int(c)), shares=(asked, 1.0 - asked)),)) <= ERROR
                for k, c in enumerate(counts)
                # Only where the shares are off at all can the evidence speak.
                if abs(c / (10 * (k + 1)) - asked) > 0.002
            )
        yield {
            "test": "division",
            "asked": asked,
            "true": true,
            "runs": runs,
            "units": UNITS,
            "looks": UNITS // 10,
            "stopped_per_1000": 1000.0 * stopped / runs,
            "bound_per_1000": 1000.0 * ERROR if asked == true else None,
        }
    p = p_value((Phase(counts=(5200, 4800), shares=(0.5, 0.5)),))
    yield {"test": "division", "counts": [5200, 4800], "p": p, "stopped": p <= ERROR}


TESTS: dict[str, Callable[[int, int], Iterator[dict[str, object]]]] = {"aa": aa, "power": power, "division": division}


def main() -> None:
    """Run the tests that were named, and print what they came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", default=[], choices=[*TESTS, []])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    found = []
    for name in asked.tests or TESTS:
        for line in TESTS[name](asked.runs, asked.seed):
            print(json.dumps(line), flush=True)
            found.append(line)


if __name__ == "__main__":
    main()
