"""What the file asks of columns becomes steps that fit, leave nothing missing where nothing may be, and serve alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from features_scene import plan, step

from tenfold.bundle.history import lag_of
from tenfold.bundle.inputs import history_of, signature_of
from tenfold.bundle.rolling import rolling_of
from tenfold.bundle.view import FittedView, fit_view
from tenfold.foundation.errors import InputError
from tenfold.records.dataset import Column, Dataset, Field
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.features.options import FeatureOptions, RollingOptions, TextOptions

ROWS = 300
START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("refund late parcel", "thank you", "parcel never came", "great", "late again", "broken screen")


def table(seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)

    def holes(values: np.ndarray, share: float = 0.2) -> pl.Series:
        return pl.Series([None if rng.random() < share else value for value in values.tolist()])

    return pl.DataFrame(
        {
            "at": pl.Series([START + timedelta(hours=9 * row) for row in range(ROWS)], dtype=pl.Datetime("us", "UTC")),
            "who": [f"w{number}" for number in rng.integers(0, 8, ROWS)],
            "x": holes(rng.normal(size=ROWS)),
            "z": holes(rng.lognormal(size=ROWS)),
            "u": holes(rng.normal(size=ROWS)),
            "v": rng.normal(size=ROWS),
            "size": holes(rng.choice(["small", "medium", "large"], ROWS)),
            "town": [f"t{number}" for number in rng.integers(0, 60, ROWS)],
            "shop": holes(rng.choice(["a", "b", "c"], ROWS)),
            "note": holes(rng.choice(WORDS, ROWS), 0.1),
            "y": rng.choice(["no", "yes"], ROWS),
        }
    )


COLUMNS = {
    "who": {"role": "entity"},
    "note": {"kind": "text"},
    "x": {"impute": "neighbours", "scale": "quantile"},
    "z": {"impute": "by shop", "scale": "power"},
    "u": {"impute": "forward", "scale": "log"},
    "v": {"scale": "auto"},
}
ASKED = FeatureOptions(
    rolling={"v": RollingOptions(windows=("7d", 3), functions=("mean", "count", "std"), gap="1d")},
    encode={"size": ("small", "medium", "large"), "town": "frequency", "shop": "hash"},
    bins={"z": 4},
    splines={"v": 4},
    pca=2,
    text=TextOptions(method="tfidf", components=3),
    measure=True,
)


def test_all_that_can_be_asked_fits_in_every_view_and_a_row_alone_gives_the_same(tmp_path: Path) -> None:
    rows = table()
    found, files = plan(tmp_path, rows, options=ASKED, columns=COLUMNS, time="at", positive="yes")
    past = pl.read_parquet(files["lags.parquet"])
    whole = rows.hstack(past)
    target = (rows["y"] == "yes").to_numpy().astype(np.float64)[:, None]
    for view, steps in found.views.items():
        fitted, _ = fit_view(steps, whole[:200], target[:200], np.random.default_rng(0))
        fitted = FittedView.from_files(fitted.files())
        made = fitted.apply(whole[200:]).values
        if view != "native":
            assert not np.isnan(made).any(), view
        alone = np.concatenate([fitted.apply_row(row) for row in whole[200:].iter_rows(named=True)])
        np.testing.assert_allclose(alone, made, rtol=1e-9, atol=1e-9, equal_nan=True)
        assert set(fitted.inputs) <= set(found.inputs)
    assert all(each.reason for steps in found.views.values() for each in steps)


def test_each_group_of_features_has_a_gain_and_a_cost(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    colour = rng.choice(["red", "blue"], 1_000)
    x = rng.normal(size=1_000)
    at = [START + timedelta(hours=int(hour)) for hour in rng.integers(0, 9_000, 1_000)]
    y = x + (colour == "red") * 2.0 + 0.3 * rng.normal(size=1_000)
    rows = pl.DataFrame({"x": x, "colour": colour, "at": at, "y": y}, schema_overrides={"at": pl.Datetime("us", "UTC")})
    found, _ = plan(tmp_path, rows, options=FeatureOptions(measure=True))
    worth = {group.name: group for group in found.groups}
    assert set(worth) == {"numbers", "categories", "dates"}
    assert worth["numbers"].worth == worth["categories"].worth == "pays"
    assert worth["dates"].worth != "pays"
    assert worth["dates"].setting == "features: {dates: false}"
    assert all(
        group.row_us > 0 and group.batch_row_us > 0 and group.low <= group.gain <= group.high for group in found.groups
    )  # type: ignore[operator]  # measured


def test_what_a_model_looks_back_at_is_in_its_signature_and_comes_from_a_history(tmp_path: Path) -> None:
    rows = table()
    found, files = plan(tmp_path, rows, options=ASKED, columns=COLUMNS, time="at", positive="yes")
    assert [each.kind for each in found.lags] == ["rolling"] * 7
    assert {"v__mean_7d_after_1d", "v__count_3_after_1d", "u__last_all"} <= set(found.inputs)
    described = tuple(
        Column(
            field=Field(name=name, kind="numeric" if rows[name].dtype == pl.Float64 else "categorical"),
            role="feature",
            reason="",
        )
        if name != "at"
        else Column(field=Field(name=name, kind="datetime"), role="time", reason="")
        for name in rows.columns
    )
    data = Dataset(rows=ROWS, columns=described, sources=(), snapshot="")
    problem = Problem(
        name="m", target="y", task="binary", classes=("no", "yes"), metric=MetricChoice(metric="x", reason="")
    )
    signature, history = signature_of(found, data, problem), history_of(found, data, problem)
    assert history is not None
    own = rows.drop("y")
    filled = history.filled(own[250:], own, signature)
    past = pl.read_parquet(files["lags.parquet"])
    for name in past.columns:
        assert filled[name].equals(past[name][250:], null_equal=True)


def test_holidays_travel_in_the_plan(tmp_path: Path) -> None:
    found, _ = plan(tmp_path, table(), options=FeatureOptions(holidays="DE-BY"), columns=COLUMNS, time="at")
    days = step(found, "native", "at", "holidays").settings["days"]
    assert {"2026-12-25", "2026-01-06", "2030-05-01"} <= set(days)  # type: ignore[call-overload]  # a tuple
    with pytest.raises(InputError, match="no calendar of public holidays for 'XX'"):
        plan(tmp_path, table(), options=FeatureOptions(holidays="XX"), columns=COLUMNS, time="at")


@pytest.mark.parametrize(
    ("options", "columns", "said"),
    [
        (FeatureOptions(encode={"x": "hash"}), {}, "only categories are encoded"),
        (FeatureOptions(bins={"shop": 3}), {}, "it takes numbers"),
        (FeatureOptions(rolling={"nothing": RollingOptions()}), {}, "which is not a column"),
        (FeatureOptions(rolling={"shop": RollingOptions()}), {}, "only `count` can be computed"),
        (FeatureOptions(), {"x": {"impute": "by nothing"}}, "which is not a categorical feature"),
        (FeatureOptions(), {"x": {"impute": "guess"}}, "cannot be filled by 'guess'"),
    ],
)
def test_what_cannot_be_made_is_refused_with_its_reason(
    tmp_path: Path, options: FeatureOptions, columns: dict[str, dict[str, object]], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        plan(
            tmp_path,
            table(),
            options=options,
            columns={"who": {"role": "entity"}, "note": {"kind": "text"}, **columns},
            time="at",
        )


def test_a_window_of_the_outcome_waits_until_the_outcome_is_known(tmp_path: Path) -> None:
    options = FeatureOptions(rolling={"y": RollingOptions(windows=(0,), functions=("mean",))})
    found, _ = plan(
        tmp_path, table(), options=options, columns=COLUMNS, time="at", labels_after_seconds=86_400.0, positive="yes"
    )
    outcome = rolling_of(next(each for each in found.lags if each.columns == ("y",)))
    assert (outcome.delay_seconds, outcome.positive, outcome.name) == (86_400.0, "yes", "y__mean_all")
    assert [lag_of(each) for each in found.lags if each.kind == "lag"] == []
