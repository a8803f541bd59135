"""What is applied by numpy alone equals what scikit-learn would have given."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.transforms.table import transform_called
from tenfold.records.features import Step

CHANCE = np.random.default_rng(4)
SKEWED = CHANCE.lognormal(0, 1, 400)
PLAIN = CHANCE.normal(size=400)
TABLE = pl.DataFrame({"a": SKEWED, "b": PLAIN, "c": 0.5 * PLAIN + CHANCE.normal(size=400)})
HOLES = TABLE.with_columns(
    a=pl.Series(np.where(CHANCE.random(400) < 0.2, np.nan, SKEWED)),
    c=pl.when(pl.Series(CHANCE.random(400) < 0.2)).then(None).otherwise("c"),
)
TEXTS = [
    "the red apple",
    "a green pear and a red apple",
    "pear, pear!",
    "nothing of it",
    "the green of it",
    "apple",
] * 5


def made(step: Step, table: pl.DataFrame = TABLE) -> np.ndarray:
    return transform_called(step.kind).fit(step, table, None, np.random.default_rng(0)).apply(table)


@pytest.mark.parametrize(("ours", "theirs"), [("yeo_johnson", "yeo-johnson"), ("box_cox", "box-cox")])
def test_power_bends_as_scikit_learn_does(ours: str, theirs: str) -> None:
    from sklearn.preprocessing import PowerTransformer

    own = made(Step(kind="power", columns=("a",), settings={"method": ours}))
    expected = PowerTransformer(method=theirs).fit_transform(TABLE.select("a").to_numpy())
    # The exponent is found by search, so it agrees to the search's tolerance.
    np.testing.assert_allclose(own, expected, atol=1e-4)


def test_power_applies_the_same_exponent_to_1e_9() -> None:
    from scipy.stats import boxcox, yeojohnson

    fitted = transform_called("power").fit(
        Step(kind="power", columns=("a", "b"), settings={"method": "yeo_johnson"}), TABLE, None, CHANCE
    )
    for place, name in enumerate(("a", "b")):
        expected = yeojohnson(TABLE[name].to_numpy(), fitted.exponents[place])  # type: ignore[attr-defined]  # a power
        expected = (expected - expected.mean()) / expected.std()
        np.testing.assert_allclose(fitted.apply(TABLE)[:, place], expected, atol=1e-9)
    fitted = transform_called("power").fit(
        Step(kind="power", columns=("a",), settings={"method": "box_cox"}), TABLE, None, CHANCE
    )
    expected = boxcox(TABLE["a"].to_numpy(), fitted.exponents[0])  # type: ignore[attr-defined]  # a power
    np.testing.assert_allclose(fitted.apply(TABLE)[:, 0], (expected - expected.mean()) / expected.std(), atol=1e-9)


@pytest.mark.parametrize("shape", ["normal", "uniform"])
def test_quantiles_rank_as_scikit_learn_does(shape: str) -> None:
    from sklearn.preprocessing import QuantileTransformer

    own = made(Step(kind="quantile", columns=("a", "b"), settings={"shape": shape, "quantiles": 50}))
    theirs = QuantileTransformer(n_quantiles=50, output_distribution=shape, subsample=None)
    expected = theirs.fit_transform(TABLE.select("a", "b").to_numpy())
    inside = np.abs(expected) < 5
    np.testing.assert_allclose(own[inside], expected[inside], atol=1e-9)


def test_neighbours_fill_as_scikit_learn_does() -> None:
    from sklearn.impute import KNNImputer
    from sklearn.preprocessing import StandardScaler

    own = made(Step(kind="neighbours_impute", columns=("a", "b", "c"), settings={"targets": ("a", "c")}), HOLES)
    scaler = StandardScaler()
    scaled = scaler.fit_transform(HOLES.select(pl.all().fill_null(float("nan"))).to_numpy())
    expected = scaler.inverse_transform(KNNImputer(n_neighbors=5).fit_transform(scaled))
    np.testing.assert_allclose(own, expected[:, [0, 2]], atol=1e-9)


def test_chained_regressions_fill_as_scikit_learn_does() -> None:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next import possible
    from sklearn.impute import IterativeImputer
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    own = made(Step(kind="iterative_impute", columns=("a", "b", "c"), settings={"targets": ("a", "c")}), HOLES)
    scaler = StandardScaler()
    scaled = scaler.fit_transform(HOLES.select(pl.all().fill_null(float("nan"))).to_numpy())
    low, high = np.minimum(np.nanmin(scaled, axis=0), 0), np.maximum(np.nanmax(scaled, axis=0), 0)
    theirs = IterativeImputer(
        Ridge(alpha=1.0, solver="cholesky"), max_iter=5, tol=0, min_value=low, max_value=high,
        imputation_order="roman",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = scaler.inverse_transform(theirs.fit_transform(scaled))
    np.testing.assert_allclose(own, expected[:, [0, 2]], atol=1e-9)


def test_principal_components_are_those_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    own = made(Step(kind="pca", columns=("a", "b", "c"), settings={"components": 2}))
    expected = PCA(2).fit_transform(StandardScaler().fit_transform(TABLE.to_numpy()))
    np.testing.assert_allclose(np.abs(own), np.abs(expected), atol=1e-9)


def test_topics_are_those_of_scikit_learn() -> None:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    table = pl.DataFrame({"note": TEXTS})
    own = made(Step(kind="text_topics", columns=("note",), settings={"components": 3}), table)
    weighted = TfidfVectorizer(min_df=2).fit_transform(TEXTS)
    expected = TruncatedSVD(3, algorithm="arpack", random_state=0).fit_transform(weighted)
    np.testing.assert_allclose(np.abs(own), np.abs(expected), atol=1e-9)


def test_equal_counts_make_bins_as_scikit_learn_does() -> None:
    from sklearn.preprocessing import KBinsDiscretizer

    own = made(Step(kind="bins", columns=("a",), settings={"count": 10}))
    theirs = KBinsDiscretizer(10, encode="onehot-dense", strategy="quantile", quantile_method="linear", subsample=None)
    assert np.array_equal(own, theirs.fit_transform(TABLE.select("a").to_numpy()))
