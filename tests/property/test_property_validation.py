"""Laws of every split: rows are covered once, groups stay whole, the future never trains, reruns agree."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.foundation.errors import DataError
from tenfold.stages.validation.apportion import deal, even_quota, quota
from tenfold.stages.validation.forward import split_by_time
from tenfold.stages.validation.protocols import NO_TIME, Rows, Shares, Split
from tenfold.stages.validation.shuffled import split_groups, split_random, split_stratified

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
