"""Two arms on live traffic: what is promised of every look together holds in small simulations of the same code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tenfold.measures.experiment.bounded import Sample, bounds, counted, log_evidence
from tenfold.measures.experiment.contrast import Design, difference, differences, one_arm
from tenfold.measures.experiment.expected import expected_values
from tenfold.measures.experiment.guardrails import MORE_ERRORS, Served, of_errors, of_latency
from tenfold.measures.experiment.judge_arms import Arms, judge_arms
from tenfold.measures.experiment.mixture import HORIZON, radius
from tenfold.measures.experiment.power import deviation_of_difference, effect_found, length
from tenfold.measures.experiment.question import AGAINST_CHAMPION, Question
from tenfold.measures.experiment.ratio import ERROR, Phase, p_value
from tenfold.measures.experiment.side import Side
from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Floats, Outcome
from tenfold.records.problem import Bound, Requirement, ValueMatrix

ACCURACY = metric_called("accuracy")
TAIL = 0.025


def deciding(right: Floats, share: float, *, scores: Floats | None = None) -> Side:
    """An arm that decides rightly where ``right`` is one."""
    n = len(right)
    return Side(
        outcome=Outcome(
            task="binary",
            truth=np.ones(n, dtype=np.int64),
            scores=np.full((n, 2), 0.5) if scores is None else scores,
            decision=right.astype(np.int64),
        ),
        share=np.full(n, share),
    )


def scoring(rng: np.random.Generator, n: int, share: float) -> Side:
    chance = 1.0 / (1.0 + np.exp(1.5 - 1.5 * rng.normal(size=n)))
    truth = (rng.random(n) < chance).astype(np.int64)
    outcome = Outcome(
        task="binary",
        truth=truth,
        scores=np.column_stack([1.0 - chance, chance]),
        decision=(chance > 0.3).astype(np.int64),
    )
    return Side(outcome=outcome, share=np.full(n, share))


def evidence_paths(
    rng: np.random.Generator,
    champion: float,
    candidate: float,
    *,
    share: float,
    units: int,
    runs: int,
    every: int = 100,
) -> tuple[float, float]:
    """Return how often the candidate, and the champion, was ever called better in runs looked at all along."""
    chances = np.array(
        [share * (1 - candidate), share * candidate, (1 - share) * (1 - champion), (1 - share) * champion]
    )
    counts = rng.multinomial(every, chances, size=(runs, units // every)).cumsum(axis=1)
    nobody, wrong, right = np.zeros(0), np.zeros(1), np.ones(1)
    kinds = [
        (deciding(a, share), deciding(b, 1.0 - share))
        for a, b in ((wrong, nobody), (right, nobody), (nobody, wrong), (nobody, right))
    ]
    design = Design(centre=champion, share=share)
    samples = [differences(ACCURACY, a, b, design) for a, b in kinds]
    whole = replace(
        samples[0],
        atoms=np.concatenate([each.atoms for each in samples]),
        weights=np.concatenate([each.weights for each in samples]),
    )
    won = []
    for sample in (whole, whole.turned()):
        crossed = np.zeros(runs, dtype=bool)
        for run in range(runs):
            for look in counts[run]:
                seen = replace(sample, counts=look.astype(np.float64))
                if log_evidence(seen, 0.0, horizon=HORIZON, tail=TAIL) >= -np.log(TAIL):
                    crossed[run] = True
                    break
        won.append(float(crossed.mean()))
    return won[0], won[1]


def test_of_two_equal_arms_looked_at_every_100_events_at_most_1_in_20_is_ever_called_better() -> None:
    up, down = evidence_paths(np.random.default_rng(1), 0.8, 0.8, share=0.5, units=5000, runs=200)
    # The bound is 0.05 for both together; 200 runs pass 0.08 by chance once in thirty.
    assert up + down <= 0.08


def test_three_points_are_found_at_the_promised_power_within_the_planned_units() -> None:
    planned = length(0.03, deviation_of_difference(np.sqrt(0.83 * 0.17), 0.4, 0.5))
    assert planned is not None
    assert 8000 < planned.units < 10_000
    up, down = evidence_paths(np.random.default_rng(2), 0.8, 0.83, share=0.5, units=planned.units, runs=200)
    assert up >= 0.8 - 2 * np.sqrt(0.8 * 0.2 / 200)
    assert down <= 0.025


def test_bounds_exclude_zero_exactly_when_the_evidence_against_it_is_enough() -> None:
    rng = np.random.default_rng(3)
    for candidate in (0.8, 0.83, 0.86, 0.9):
        to_candidate = rng.random(4000) < 0.5
        right = (rng.random(4000) < np.where(to_candidate, candidate, 0.8)).astype(float)
        sides = deciding(right[to_candidate], 0.5), deciding(right[~to_candidate], 0.5)
        design = Design(centre=0.8)
        low = difference(ACCURACY, *sides, design).estimate.low
        told = log_evidence(differences(ACCURACY, *sides, design), 0.0, horizon=HORIZON, tail=TAIL)
        assert low is not None
        assert (low > 0.0) == (told >= -np.log(TAIL))


def test_the_same_rows_in_any_order_have_the_same_bounds_to_the_last_bit() -> None:
    rng = np.random.default_rng(4)
    side, other = scoring(rng, 700, 0.5), scoring(rng, 650, 0.5)
    mixed = side.take(rng.permutation(700))
    for name in ("accuracy", "brier"):
        metric = metric_called(name)
        assert difference(metric, side, other, Design()) == difference(metric, mixed, other, Design())


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_bounds_of_bounded_values_are_nearly_those_of_the_normal_limit(share: float) -> None:
    rng = np.random.default_rng(5)
    n = 20_000
    to_candidate = rng.random(n) < share
    right = (rng.random(n) < np.where(to_candidate, 0.83, 0.8)).astype(float)
    sides = deciding(right[to_candidate], share), deciding(right[~to_candidate], 1.0 - share)
    found = difference(ACCURACY, *sides, Design(centre=0.8, share=share))
    assert found.guarantee == "exact"
    assert found.estimate.low is not None
    assert found.estimate.high is not None
    deviation = deviation_of_difference(np.sqrt(0.83 * 0.17), 0.4, share)
    limit = 2.0 * deviation * float(radius(np.array(float(n)), horizon=HORIZON, tail=TAIL)) / n
    assert found.estimate.high - found.estimate.low == pytest.approx(limit, rel=0.1)
    assert found.estimate.low < 0.03 < found.estimate.high


def test_rising_shares_do_not_bias_the_difference_though_days_differ() -> None:
    rng = np.random.default_rng(6)
    parts: list[tuple[Side, Side]] = []
    for share, base in ((0.05, 0.9), (0.5, 0.6)):
        to_candidate = rng.random(20_000) < share
        right = (rng.random(20_000) < base).astype(float)
        parts.append((deciding(right[to_candidate], share), deciding(right[~to_candidate], 1.0 - share)))

    def joined(place: int) -> Side:
        sides = [part[place] for part in parts]
        right = np.concatenate([side.outcome.decision for side in sides if side.outcome.decision is not None])
        return replace(deciding(right.astype(float), 0.5), share=np.concatenate([side.share for side in sides]))

    candidate, champion = joined(0), joined(1)
    found = difference(ACCURACY, candidate, champion, Design(centre=0.8, share=0.05)).estimate
    # Plain means differ by a lot: most of the candidate's rows are of the bad day.
    plain = ACCURACY.compute(candidate.outcome) - ACCURACY.compute(champion.outcome)
    assert plain < -0.05
    assert found.value == pytest.approx(0.0, abs=0.02)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.0 < found.high


def test_a_metric_of_orders_has_bounds_in_the_limit_and_none_before_there_are_enough_rows() -> None:
    rng = np.random.default_rng(7)
    metric = metric_called("roc_auc")
    few = difference(metric, scoring(rng, 90, 0.5), scoring(rng, 400, 0.5), Design())
    assert (few.guarantee, few.estimate.low) == ("none", None)
    assert "before there are 100" in few.estimate.reason
    many = difference(metric, scoring(rng, 900, 0.5), scoring(rng, 900, 0.5), Design())
    assert many.guarantee == "asymptotic"
    wrong = 0
    for _ in range(60):
        a, b = scoring(rng, 2000, 0.5), scoring(rng, 2000, 0.5)
        looks = [
            difference(metric, a.take(np.arange(k)), b.take(np.arange(k)), Design()) for k in (250, 500, 1000, 2000)
        ]
        wrong += any(
            look.estimate.low is not None
            and look.estimate.high is not None
            and not look.estimate.low <= 0.0 <= look.estimate.high
            for look in looks
        )
    assert wrong <= 6


def test_rows_of_one_unit_count_as_one() -> None:
    rng = np.random.default_rng(8)
    right = np.repeat((rng.random(300) < 0.8).astype(float), 10)
    alone = deciding(right, 0.5)
    together = replace(alone, outcome=replace(alone.outcome, group=np.repeat(np.arange(300), 10)))
    assert together.units == 300
    naive, honest = (difference(ACCURACY, side, side, Design()) for side in (alone, together))
    assert (naive.guarantee, honest.guarantee) == ("exact", "asymptotic")
    widths = [
        each.estimate.high - each.estimate.low
        for each in (naive, honest)
        if each.estimate.high is not None and each.estimate.low is not None
    ]
    assert widths[1] > 2.5 * widths[0]


def test_what_the_champion_expects_of_rows_narrows_bounds_and_keeps_them_exact() -> None:
    rng = np.random.default_rng(9)
    n = 6000
    chance = rng.beta(0.4, 0.4, n)
    truth = (rng.random(n) < chance).astype(np.int64)
    scores = np.column_stack([1.0 - chance, chance])
    decision = (chance > 0.5).astype(np.int64)
    outcome = Outcome(task="binary", truth=truth, scores=scores, decision=decision)
    known = expected_values(scores, decision, None)
    side = Side(outcome=outcome, share=np.full(n, 0.5))
    adjusted = replace(side, expected=known)
    arms = [np.arange(0, n, 2), np.arange(1, n, 2)]
    design = Design(centre=float((decision == truth).mean()))
    plain, better = (difference(ACCURACY, *(each.take(arm) for arm in arms), design) for each in (side, adjusted))
    assert better.guarantee == "exact"
    assert plain.estimate.low is not None
    assert plain.estimate.high is not None
    assert better.estimate.low is not None
    assert better.estimate.high is not None
    assert better.estimate.high - better.estimate.low < 0.95 * (plain.estimate.high - plain.estimate.low)


def test_a_covariate_takes_out_of_a_difference_what_it_explains() -> None:
    rng = np.random.default_rng(10)
    before = rng.normal(size=4000)
    truth = 3.0 * np.abs(before) + rng.normal(size=4000)
    outcome = Outcome(task="regression", truth=truth, scores=np.zeros((4000, 1)))
    side = Side(outcome=outcome, share=np.full(4000, 0.5))
    told = replace(side, covariate=np.abs(before))
    arms = [np.arange(0, 4000, 2), np.arange(1, 4000, 2)]
    metric = metric_called("mae")
    plain, adjusted = (
        difference(metric, *(each.take(arm) for arm in arms), Design()).estimate for each in (side, told)
    )
    assert plain.low is not None
    assert plain.high is not None
    assert adjusted.low is not None
    assert adjusted.high is not None
    assert adjusted.high - adjusted.low < 0.7 * (plain.high - plain.low)


def test_52_to_48_of_10000_stops_and_50_to_50_looked_at_all_along_hardly_ever_does() -> None:
    assert p_value((Phase(counts=(5200, 4800), shares=(0.5, 0.5)),)) <= ERROR
    assert p_value((Phase(counts=(5050, 4950), shares=(0.5, 0.5)),)) > 0.5
    rng = np.random.default_rng(11)
    stopped = 0
    for _ in range(150):
        counts = np.cumsum(rng.random(5000) < 0.5)[49::50]
        phases = (Phase(counts=(int(c), 50 * (k + 1) - int(c)), shares=(0.5, 0.5)) for k, c in enumerate(counts))
        stopped += any(p_value((phase,)) <= ERROR for phase in phases)
    assert stopped <= 5


def test_a_division_is_held_against_the_shares_of_each_phase() -> None:
    rising = (Phase(counts=(500, 9500), shares=(0.05, 0.95)), Phase(counts=(5000, 5000), shares=(0.5, 0.5)))
    assert p_value(rising) == 1.0
    assert p_value((Phase(counts=(5500, 14_500), shares=(0.5, 0.5)),)) < 1e-6


def test_more_failed_requests_stop_a_candidate_and_chance_does_not() -> None:
    worse = of_errors(Served(requests=2000, failed=100), Served(requests=2000, failed=4))
    assert worse.breached
    assert worse.low is not None
    assert worse.low > MORE_ERRORS
    assert not of_errors(Served(requests=2000, failed=12), Served(requests=2000, failed=4)).breached
    assert not of_errors(Served(requests=0), Served(requests=10)).breached


def test_answers_that_take_longer_than_is_asked_stop_a_candidate() -> None:
    asked = Requirement(
        id="quick", metric="latency_p99_ms", direction="<=", bound=Bound(offset=50.0), text="latency_p99_ms <= 50"
    )
    slow = of_latency(asked, Served(requests=2000, within={0.025: 1700, 0.05: 1850, 0.1: 2000}))
    assert slow.breached
    assert slow.value == pytest.approx(0.075)
    assert not of_latency(asked, Served(requests=2000, within={0.025: 1900, 0.05: 1985, 0.1: 2000})).breached


def _question(**given: object) -> Question:
    asked = Question(place="ab", task="binary", metric="accuracy", centres={"accuracy": 0.8})
    return replace(asked, **given)  # type: ignore[arg-type]  # fields of the record


def _arms(rng: np.random.Generator, candidate: float, champion: float, n: int = 4000) -> Arms:
    to_candidate = rng.random(n) < 0.5
    right = (rng.random(n) < np.where(to_candidate, candidate, champion)).astype(float)
    counts = (int(to_candidate.sum()), int(n - to_candidate.sum()))
    return Arms(
        candidate=deciding(right[to_candidate], 0.5),
        champion=deciding(right[~to_candidate], 0.5),
        units=(Phase(counts=counts, shares=(0.5, 0.5)),),
    )


@pytest.mark.parametrize(
    ("candidate", "word", "decision"),
    [(0.9, "pass", "promote"), (0.7, "fail", "rollback"), (0.8, "inconclusive", "continue")],
)
def test_a_test_is_decided_by_its_requirements(candidate: float, word: str, decision: str) -> None:
    reading = judge_arms(_arms(np.random.default_rng(12), candidate, 0.8), _question())
    assert (reading.comparisons[0].verdict, reading.decision) == (word, decision)
    assert reading.because == (AGAINST_CHAMPION,)
    assert (reading.comparisons[0].needed is not None) == (word == "inconclusive")
    assert reading.error_spent["promote"] == pytest.approx(0.025)


def test_a_canary_is_promoted_by_what_it_must_and_taken_back_when_surely_worse_than_the_champion() -> None:
    must = Requirement(
        id="enough",
        metric="accuracy",
        direction=">=",
        bound=Bound(offset=0.6),
        text="accuracy >= 0.6",
        where=("canary",),
    )
    question = _question(place="canary", requirements=(must,))
    good = judge_arms(_arms(np.random.default_rng(13), 0.8, 0.8), question)
    assert (good.decision, good.because) == ("promote", ("enough",))
    worse = judge_arms(_arms(np.random.default_rng(13), 0.7, 0.8), question)
    assert (worse.decision, worse.because) == ("rollback", (AGAINST_CHAMPION,))
    assert judge_arms(_arms(np.random.default_rng(13), 0.7, 0.8), replace(question, place="ab")).comparisons[
        0
    ].requirement == (AGAINST_CHAMPION)


def test_an_unsound_division_stops_everything_and_leaves_no_verdict() -> None:
    arms = replace(_arms(np.random.default_rng(14), 0.95, 0.7), units=(Phase(counts=(5200, 4800), shares=(0.5, 0.5)),))
    reading = judge_arms(arms, _question())
    assert (reading.decision, reading.because, reading.verdicts) == ("stopped", ("ratio of units",), ())
    assert {each.verdict for each in reading.comparisons} == {"pending"}


def test_outcomes_that_are_missing_more_in_one_arm_stop_the_reading() -> None:
    arms = replace(
        _arms(np.random.default_rng(15), 0.95, 0.7), outcomes=(Phase(counts=(1500, 2000), shares=(0.5, 0.5)),)
    )
    assert judge_arms(arms, _question()).because == ("ratio of outcomes",)


def test_a_slice_that_is_worse_off_stops_a_candidate_that_is_better_on_the_whole() -> None:
    rng = np.random.default_rng(16)
    n = 6000
    small = rng.random(n) < 0.25
    better = (rng.random(n) < np.where(small, 0.6, 0.95)).astype(float)
    as_before = (rng.random(n) < 0.8).astype(float)
    arms = Arms(
        candidate=deciding(better, 0.5),
        champion=deciding(as_before, 0.5),
        slices={"small": (small, rng.random(n) < 0.25)},
    )
    reading = judge_arms(arms, _question())
    assert reading.comparisons[0].verdict == "pass"
    assert (reading.decision, reading.because) == ("rollback", ("small",))


def test_a_requirement_with_slices_is_judged_on_each() -> None:
    rng = np.random.default_rng(17)
    asked = Requirement(
        id="fair",
        metric="accuracy",
        direction=">=",
        bound=Bound(reference="champion", offset=-0.02),
        text="accuracy >= champion - 0.02",
        slices=("a", "b", "lost"),
    )
    masks = {name: (rng.random(4000) < 0.5, rng.random(4000) < 0.5) for name in ("a", "b")}
    arms = Arms(
        candidate=deciding((rng.random(4000) < 0.95).astype(float), 0.5),
        champion=deciding((rng.random(4000) < 0.8).astype(float), 0.5),
        slices=masks,
    )
    found = {each.slice: each.verdict for each in judge_arms(arms, _question(requirements=(asked,))).comparisons}
    assert found == {"a": "pass", "b": "pass", "lost": "pending"}


def test_what_was_not_shown_after_all_that_was_planned_is_taken_back() -> None:
    arms = _arms(np.random.default_rng(18), 0.8, 0.8)
    reading = judge_arms(arms, _question(most=1500))
    assert reading.decision == "rollback"
    assert "nothing was shown" in reading.reason


def test_money_by_row_has_exact_bounds_where_amounts_are_known_and_those_of_the_limit_elsewhere() -> None:
    matrix = ValueMatrix(classes=("no", "yes"), amounts=((0.0, -1.0), (-5.0, 3.0)))
    rng = np.random.default_rng(19)
    side = scoring(rng, 800, 0.5)
    truth, decision = side.outcome.truth.astype(np.int64), side.outcome.decision
    assert decision is not None
    brought = np.array(matrix.amounts)[truth, decision]
    side = replace(side, outcome=replace(side.outcome, money=brought))
    metric = metric_called("value_per_row")
    known = one_arm(metric, side, Design(value=matrix))
    assert (known.guarantee, one_arm(metric, side, Design(value=matrix, by_row=True)).guarantee) == (
        "exact",
        "asymptotic",
    )
    assert known.estimate.low is not None
    assert -5.0 < known.estimate.low < brought.mean()


def test_many_different_values_are_rounded_against_the_claim() -> None:
    rng = np.random.default_rng(20)
    values = rng.beta(2.0, 5.0, 40_000)
    atoms, weights, counts = counted(values)
    sample = Sample(
        atoms=atoms, weights=weights, counts=counts, low=0.0, high=1.0, loss_below=1.0, loss_above=1.0, deviation=0.16
    )
    low, high = bounds(sample, horizon=HORIZON, tail=TAIL)
    assert low < values.mean() < high
    assert high - low < 0.02


def test_a_plan_knows_what_is_found_after_its_units_and_what_never_is() -> None:
    planned = length(0.02, 1.0)
    assert planned is not None
    assert planned.expected < planned.units
    assert effect_found(planned.units, 1.0) == pytest.approx(0.02, rel=0.02)
    assert length(0.0, 1.0) is None
    assert length(1e-9, 1.0) is None
    skewed = length(0.02, 1.0, skewness=-2.0)
    assert skewed is not None
    assert skewed.units > planned.units
