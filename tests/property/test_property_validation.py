"""Laws of every split: rows are covered once, groups stay whole, the future never trains, reruns agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.foundation.errors import DataError
from tenfold.nested import outer_folds
from tenfold.records.validation import Fold, ValidationPlan
from tenfold.stages.validation.apportion import deal, even_quota, quota
from tenfold.stages.validation.crossed import split_crossed
from tenfold.stages.validation.forward import split_by_time
from tenfold.stages.validation.protocols import NO_TIME, Rows, Shares, Split
from tenfold.stages.validation.rolling import with_window
from tenfold.stages.validation.shuffled import split_each, split_groups, split_random, split_stratified

SECOND = 1_000_000
quick = settings(max_examples=60, deadline=None)


@st.composite
def labelled_rows(draw: st.DrawFn, *, grouped: bool = False) -> Rows:
    count = draw(st.integers(20, 400))
    kinds = draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    labels = rng.choice(kinds, count, p=rng.dirichlet(np.full(kinds, 2.0)))
    labels[:kinds] = np.arange(kinds)
    labels[kinds : 2 * kinds] = np.arange(kinds)
    units = rng.integers(0, draw(st.integers(3, 80)), count) if grouped else None
    return Rows(count=count, labels=labels, classes=tuple("abcde"[:kinds]), units=units)


@st.composite
def timed_rows(draw: st.DrawFn) -> Rows:
    count = draw(st.integers(20, 400))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    times = rng.integers(0, draw(st.integers(3, 2_000)), count) * SECOND
    times[rng.random(count) < draw(st.sampled_from([0.0, 0.1]))] = NO_TIME
    return Rows(count=count, times=times)


shares = st.builds(
    Shares,
    test=st.sampled_from([0.0, 0.1, 0.15, 0.3]),
    validation=st.sampled_from([0.1, 0.15, 0.25]),
    blocks=st.sampled_from([0, 2, 3, 5]),
)


def plan_of(split: Split) -> ValidationPlan:
    return ValidationPlan(
        strategy="", scheme=split.scheme, blocks=split.blocks, reason="", counts={}, split="", repeats=split.repeats
    )


def folds_of(split: Split) -> tuple[Fold, ...]:
    return plan_of(split).folds(split.part, split.block)


def check_cover(rows: Rows, split: Split) -> None:
    development = np.isin(split.part, ["train", "validation"])
    assert np.isin(split.part, ["train", "validation", "test", "out"]).all()
    assert not (split.block[~development] >= 0).any()
    if split.scheme == "kfold":
        assert (split.block[development] >= 0).all()
        assert set(split.block[development]) == set(range(split.blocks))


@quick
@given(rows=labelled_rows(), wanted=shares, seed=st.integers(0, 99))
def test_stratified_parts_cover_all_rows_with_exact_proportions(rows: Rows, wanted: Shares, seed: int) -> None:
    split = split_stratified(rows, wanted, np.random.default_rng(seed))
    check_cover(rows, split)
    assert "out" not in split.part
    sealed = int((split.part == "test").sum())
    # Rare classes are kept for training, so very small tables may fall short of the share.
    assert abs(sealed - wanted.test * rows.count) <= 1 or rows.count < 60
    if split.scheme == "kfold":
        sizes = np.bincount(split.block[split.block >= 0])
        assert np.ptp(sizes) <= 1


@quick
@given(rows=labelled_rows(grouped=True), wanted=shares, seed=st.integers(0, 99))
def test_no_group_stands_on_both_sides(rows: Rows, wanted: Shares, seed: int) -> None:
    try:
        split = split_groups(rows, wanted, np.random.default_rng(seed))
    except DataError:
        return
    check_cover(rows, split)
    places = np.char.add(split.part, split.block.astype(str))
    assert rows.units is not None
    for unit in np.unique(rows.units):
        assert len(np.unique(places[rows.units == unit])) == 1


@quick
@given(rows=timed_rows(), wanted=shares, gap=st.sampled_from([0.0, 1.0, 10.0, 60.0]))
def test_no_training_row_is_newer_than_the_measured_rows_minus_the_gap(rows: Rows, wanted: Shares, gap: float) -> None:
    wanted = Shares(test=wanted.test, validation=wanted.validation, blocks=wanted.blocks, gap_seconds=gap)
    try:
        split = split_by_time(rows, wanted, np.random.default_rng(0))
    except DataError:
        return
    check_cover(rows, split)
    times = rows.times
    assert times is not None
    development = np.isin(split.part, ["train", "validation"])
    if wanted.test > 0:
        assert times[development].max() <= times[split.part == "test"].min() - gap * SECOND
        assert times[development].max() < times[split.part == "test"].min()
    assert split.blocks >= 2
    for number in range(split.blocks - 1):
        train = times[(split.block >= 0) & (split.block <= number)]
        measured = times[split.block == number + 1]
        assert len(train)
        assert len(measured)
        assert train.max() < measured.min()
        assert train.max() <= measured.min() - gap * SECOND
    assert (split.part[times == NO_TIME] == "out").all()


@quick
@given(rows=labelled_rows(grouped=True), wanted=shares, seed=st.integers(0, 99))
def test_a_rerun_gives_the_same_split(rows: Rows, wanted: Shares, seed: int) -> None:
    for splitter in (split_stratified, split_random):
        try:
            first = splitter(rows, wanted, np.random.default_rng(seed))
        except DataError:
            continue
        second = splitter(rows, wanted, np.random.default_rng(seed))
        assert (first.part == second.part).all()
        assert (first.block == second.block).all()


@quick
@given(
    counts=st.lists(st.integers(0, 500), min_size=1, max_size=8),
    share=st.floats(0.01, 0.99),
    blocks=st.integers(2, 10),
)
def test_quotas_are_exact_within_one_row(counts: list[int], share: float, blocks: int) -> None:
    rows = np.array(counts, dtype=np.int64)
    part = quota(rows, share)
    assert abs(part.sum() - share * rows.sum()) <= 0.5 + 1e-6
    assert (np.abs(part - share * rows) <= 1 + 1e-6).all()
    assert (part <= rows).all()
    even = even_quota(rows, blocks)
    assert (even.sum(axis=1) == rows).all()
    assert np.ptp(even, axis=1).max() <= 1
    assert np.ptp(even.sum(axis=0)) <= 1


@quick
@given(rows=labelled_rows(), blocks=st.integers(2, 5), seed=st.integers(0, 99))
def test_dealing_meets_the_quota_exactly_when_rows_are_single(rows: Rows, blocks: int, seed: int) -> None:
    assert rows.labels is not None
    wanted = even_quota(np.bincount(rows.labels), blocks)
    place = deal(rows.labels, None, wanted, np.random.default_rng(seed))
    for code in range(len(wanted)):
        assert (np.bincount(place[rows.labels == code], minlength=blocks) == wanted[code]).all()


@quick
@given(
    rows=timed_rows(),
    wanted=shares,
    gap=st.sampled_from([0.0, 1.0, 10.0]),
    window=st.sampled_from([0.0, 5.0, 50.0, 400.0]),
)
def test_rolling_windows_have_one_length_and_end_before_the_gap(
    rows: Rows, wanted: Shares, gap: float, window: float
) -> None:
    wanted = replace(wanted, gap_seconds=gap)
    try:
        split = with_window(
            rows, split_by_time(rows, wanted, np.random.default_rng(0)), window_seconds=window, gap_seconds=gap
        )
    except DataError:
        return
    times = rows.times
    assert times is not None
    assert split.scheme == "rolling"
    assert split.window_seconds is not None
    assert split.block.shape == (rows.count, split.blocks + 1)
    length = round(split.window_seconds * SECOND)
    assert window in {0.0, split.window_seconds}
    folds = folds_of(split)
    development = np.isin(split.part, ["train", "validation"])
    for fold in folds:
        start = times[fold.validation].min()
        assert len(fold.train)
        assert (times[fold.train] < start).all()
        assert (times[fold.train] <= start - gap * SECOND).all()
        # Constant length: the fold has every development row of its window, and no other.
        end = start if gap == 0 else start - round(gap * SECOND) + 1
        inside = development & (times < end) & (times >= end - length)
        assert set(np.flatnonzero(inside)) == set(fold.train)
    final = plan_of(split).final(split.part, split.block)
    assert set(final) == set(np.flatnonzero(development & (times > times[development].max() - length)))


@quick
@given(rows=timed_rows(), wanted=shares, gap=st.sampled_from([0.0, 1.0, 10.0]), groups=st.integers(10, 60))
def test_groups_by_time_share_no_group_and_train_on_older_rows_only(
    rows: Rows, wanted: Shares, gap: float, groups: int
) -> None:
    units = np.random.default_rng(rows.count).integers(0, groups, rows.count)
    rows = replace(rows, units=units)
    try:
        split = split_crossed(rows, replace(wanted, gap_seconds=gap), np.random.default_rng(1))
    except DataError:
        return
    times = rows.times
    assert times is not None
    test = np.flatnonzero(split.part == "test")
    final = plan_of(split).final(split.part, split.block)
    sides = [(fold.train, fold.validation) for fold in folds_of(split)] + ([(final, test)] if len(test) else [])
    assert len(sides) >= 1
    for train, measured in sides:
        assert len(train)
        assert len(measured)
        assert not set(units[train]) & set(units[measured])
        assert (times[train] <= times[measured].min() - gap * SECOND).all()
        assert (times[train] < times[measured].min()).all()
        assert not set(train) & set(measured)


@quick
@given(rows=labelled_rows(), wanted=shares, repeats=st.integers(2, 5), seed=st.integers(0, 99))
def test_repeated_folds_measure_every_development_row_equally_often(
    rows: Rows, wanted: Shares, repeats: int, seed: int
) -> None:
    wanted = replace(wanted, blocks=max(wanted.blocks, 2), repeats=repeats)
    split = split_stratified(rows, wanted, np.random.default_rng(seed))
    assert split.scheme == "repeated"
    folds = folds_of(split)
    assert len(folds) == split.blocks * repeats
    measured = np.bincount(np.concatenate([fold.validation for fold in folds]), minlength=rows.count)
    trained = np.bincount(np.concatenate([fold.train for fold in folds]), minlength=rows.count)
    development = split.part == "train"
    assert (measured[development] == repeats).all()
    assert (trained[development] == repeats * (split.blocks - 1)).all()
    assert not measured[~development].any()
    assert not trained[~development].any()
    dealt = {tuple(split.block[development, repeat]) for repeat in range(repeats)}
    assert len(dealt) > 1 or rows.count < 30


@quick
@given(rows=labelled_rows(grouped=True), wanted=shares, seed=st.integers(0, 99))
def test_leaving_one_out_measures_every_row_once_and_its_copies_with_it(rows: Rows, wanted: Shares, seed: int) -> None:
    rows = replace(rows, units=np.minimum(rows.units, 40))  # type: ignore[type-var]  # grouped rows have units
    try:
        split = split_each(rows, wanted, np.random.default_rng(seed))
    except DataError:
        return
    folds = folds_of(split)
    measured = np.concatenate([fold.validation for fold in folds])
    assert sorted(measured) == sorted(np.flatnonzero(split.part == "train"))
    assert rows.units is not None
    for fold in folds:
        assert len(np.unique(rows.units[fold.validation])) == 1
        assert not set(rows.units[fold.train]) & set(rows.units[fold.validation])


@quick
@given(rows=timed_rows(), wanted=shares, outer=st.integers(2, 4))
def test_outer_folds_in_time_measure_newer_rows_than_their_search_sees(rows: Rows, wanted: Shares, outer: int) -> None:
    gap = 7
    try:
        split = split_by_time(rows, replace(wanted, blocks=5, gap_seconds=gap), np.random.default_rng(0))
        outers = outer_folds(replace(plan_of(split), nested=outer), split.block)
    except DataError:
        return
    assert rows.times is not None
    for one in outers:
        seen = one.part == "train"
        assert not seen[one.measured].any()
        assert rows.times[seen].max() <= rows.times[one.measured].min() - gap * SECOND
        assert all(
            seen[fold.train].all() and seen[fold.validation].all() for fold in one.plan.folds(one.part, one.block)
        )


@quick
@given(rows=labelled_rows(), blocks=st.integers(3, 8), outer=st.integers(2, 6), seed=st.integers(0, 9))
def test_outer_folds_measure_every_development_row_once(rows: Rows, blocks: int, outer: int, seed: int) -> None:
    split = split_random(rows, Shares(test=0.15, validation=0.15, blocks=blocks), np.random.default_rng(seed))
    outers = outer_folds(replace(plan_of(split), nested=outer), split.block)
    measured = np.concatenate([one.measured for one in outers])
    assert sorted(measured) == sorted(np.flatnonzero(split.part == "train"))
    for one in outers:
        assert not (one.part[one.measured] == "train").any()
        assert len(one.plan.folds(one.part, one.block)) >= 2
