"""Interactions and selection: what is there is found, what is noise stays out, and no fold looks at another's rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from features_scene import plan

from tenfold.bundle.view import encoding_target, fit_view
from tenfold.records.features import FeaturePlan
from tenfold.stages.features.options import FeatureOptions, Method, SelectOptions

ROWS = 1_000
NOISE = tuple(f"noise{number}" for number in range(20))


def xor(seed: int, *, noise: int = 6, rows: int = ROWS) -> pl.DataFrame:
    """Two numbers whose signs together, never alone, tell the class."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, noise + 2))
    same = (values[:, 0] > 0) == (values[:, 1] > 0)
    flipped = same ^ (rng.random(rows) < 0.05)
    columns = {f"n{place}": values[:, place] for place in range(2, noise + 2)}
    return pl.DataFrame({"a": values[:, 0], "b": values[:, 1], **columns, "y": np.where(flipped, "yes", "no")})


def signal_and_noise(seed: int, rows: int = ROWS) -> pl.DataFrame:
    """Four numbers that the target follows, and twenty that it doesn't."""
    rng = np.random.default_rng(seed)
    signal, noise = rng.normal(size=(rows, 4)), rng.normal(size=(rows, 20))
    y = signal[:, 0] + 0.7 * signal[:, 1] ** 2 + np.sin(2 * signal[:, 2]) + 0.8 * signal[:, 3] + rng.normal(size=rows)
    columns = {f"signal{place}": signal[:, place] for place in range(4)}
    return pl.DataFrame({**columns, **{name: noise[:, place] for place, name in enumerate(NOISE)}, "y": y})


def chosen(folder: Path, table: pl.DataFrame, method: Method, most: int | None = None) -> FeaturePlan:
    return plan(folder, table, options=FeatureOptions(choose=SelectOptions(method=method, most=most)))[0]


@pytest.mark.parametrize("seed", range(5))
def test_interactions_find_an_xor_in_every_fold_and_add_at_most_what_was_allowed(tmp_path: Path, seed: int) -> None:
    found, _ = plan(tmp_path, xor(seed), options=FeatureOptions(interactions=3))
    best = found.pairs[0]
    assert (best.operation, best.columns, best.frequency) == ("product", ("a", "b"), 1.0)
    for steps in found.views.values():
        assert steps[0].kind == "interactions"
        assert steps[0].settings["most"] == 3


def test_a_linear_model_that_cannot_learn_an_xor_learns_it_from_the_product(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    table = xor(3, rows=2_000)
    found, _ = plan(tmp_path, table, options=FeatureOptions(interactions=3))
    plain, _ = plan(tmp_path, table)
    train, held = table[:1_500], table[1_500:]
    truth = (table["y"] == "yes").to_numpy().astype(np.int64)
    scores = []
    for each in (plain, found):
        target = encoding_target(truth[:1_500], "binary", 2)
        view, matrix = fit_view(each.views["dense"], train, target, np.random.default_rng(0))
        model = LogisticRegression().fit(matrix.values, truth[:1_500])
        scores.append(model.score(view.apply(held).values, truth[1_500:]))
    assert scores[0] < 0.6
    assert scores[1] > 0.8


def test_a_cross_of_categories_is_found_where_only_both_together_tell(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, ROWS), rng.integers(0, 4, ROWS)
    y = np.where((first + second) % 2 == (rng.random(ROWS) < 0.1), "yes", "no")
    table = pl.DataFrame({"p": [f"p{v}" for v in first], "q": [f"q{v}" for v in second], "y": y})
    found, _ = plan(tmp_path, table, options=FeatureOptions(interactions=2))
    assert [(pair.name, pair.frequency) for pair in found.pairs] == [("p×q", 1.0)]


def test_where_columns_only_add_up_no_interaction_is_built(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(ROWS, 6))
    table = pl.DataFrame({f"x{place}": values[:, place] for place in range(6)} | {"y": values.sum(axis=1)})
    found, _ = plan(tmp_path, table, options=FeatureOptions(interactions=10))
    assert found.pairs == ()
    assert any("no pair of columns" in each for each in found.findings)


def test_rows_of_a_fold_change_no_other_rows_choice_of_its_interactions(tmp_path: Path) -> None:
    # What a fold holds out is turned round; what its training rows choose stays.
    table = xor(2)
    found, _ = plan(tmp_path, table, options=FeatureOptions(interactions=3))
    (step,) = [each for each in found.views["native"] if each.kind == "interactions"]
    train = table[: ROWS // 2]
    truth = encoding_target((train["y"] == "yes").to_numpy(), "binary", 2)
    first, _ = fit_view([step], train, truth, np.random.default_rng(0))
    again, _ = fit_view([step], train.clone(), truth, np.random.default_rng(0))
    assert first.files() == again.files()


@pytest.mark.slow
def test_twenty_noise_columns_stay_below_the_noise_line_in_nearly_every_seed(tmp_path: Path) -> None:
    clean = 0
    for seed in range(20):
        fared = {each.column: each for each in chosen(tmp_path, signal_and_noise(seed), "noise").selection}
        below = all(fared[name].strength <= fared[name].line for name in NOISE)  # type: ignore[operator]  # both are numbers
        assert all(fared[f"signal{place}"].frequency == 1.0 for place in range(4))
        clean += below
    assert clean >= 18


@pytest.mark.parametrize("method", ["noise", "boruta", "mutual_information", "recursive", "l1"])
def test_selection_keeps_the_signal_and_says_how_often_each_column_was_chosen(tmp_path: Path, method: Method) -> None:
    found = chosen(tmp_path, signal_and_noise(0, rows=600), method)
    kept = set(found.inputs)
    # A quadratic and a sine have no straight line for an absolute penalty to find.
    assert {"signal0", "signal3"} <= kept
    assert len(kept & set(NOISE)) <= (10 if method in {"l1", "recursive", "mutual_information"} else 2)
    assert {each.column for each in found.selection} == {f"signal{place}" for place in range(4)} | set(NOISE)
    assert all(0 <= each.frequency <= 1 for each in found.selection)
    reasons = dict(found.left_out)
    assert all("no fold chose it" in reasons[name] for name in set(NOISE) - kept)


def test_selection_by_variance_and_correlation_leaves_out_the_nearly_constant_and_the_copy(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=ROWS)
    constant = np.where(np.arange(ROWS) % 300 == 0, 1.0, 0.0)
    table = pl.DataFrame({"x": x, "twin": np.exp(x), "flat": constant, "y": x + rng.normal(size=ROWS)})
    assert set(chosen(tmp_path, table, "variance").inputs) == {"x", "twin"}
    assert len(set(chosen(tmp_path, table, "correlation").inputs) & {"x", "twin"}) == 1


def test_at_most_so_many_columns_are_kept_in_a_fold(tmp_path: Path) -> None:
    found = chosen(tmp_path, signal_and_noise(1), "noise", most=2)
    assert sum(each.frequency for each in found.selection) <= 2


def test_a_column_that_a_fold_did_not_choose_is_left_out_there_alone(tmp_path: Path) -> None:
    found = chosen(tmp_path, signal_and_noise(1, rows=400), "mutual_information")
    unsure = [each for each in found.selection if 0 < each.frequency < 1]
    for each in unsure:
        assert sum(each.column not in out for out in found.fold_left_out) == round(each.frequency * 5)
