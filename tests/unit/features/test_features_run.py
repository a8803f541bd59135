from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from features_scene import plan, step

from tenfold.bundle.view import encoding_target, fit_view
from tenfold.foundation.errors import DataError, InputError
from tenfold.foundation.serial import from_json, to_json
from tenfold.records.features import FeaturePlan
from tenfold.records.problem import Feasibility
from tenfold.stages.features.options import FeatureOptions

ROWS = 400
START = datetime(2026, 1, 1, tzinfo=UTC)


def table(**columns: object) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    base = {
        "x": rng.normal(size=ROWS),
        "colour": rng.choice(["red", "green", "blue"], ROWS),
        "town": [f"t{number}" for number in rng.integers(0, 80, ROWS)],
        "flag": rng.random(ROWS) < 0.5,
        "y": np.where(rng.random(ROWS) < 0.4, "yes", "no"),
    }
    return pl.DataFrame({**base, **columns})


def test_every_kind_of_column_finds_its_steps_in_every_view(tmp_path: Path) -> None:
    at = pl.Series([START + timedelta(hours=7 * row) for row in range(ROWS)], dtype=pl.Datetime("us", "UTC"))
    rows = table(
        at=at, note=["a text", "another"] * (ROWS // 2), x=[None, 1.5] + [float(row) for row in range(ROWS - 2)]
    )
    found, files = plan(tmp_path, rows, columns={"note": {"kind": "text"}})
    assert found.inputs == ("x", "colour", "town", "flag", "at", "note")
    assert not files
    kinds = {view: [each.kind for each in steps] for view, steps in found.views.items()}
    assert kinds["native"] == ["passthrough", "boolean", "codes", "target_encoding", "dates", "text_size"]
    assert kinds["filled"][:4] == ["impute", "impute", "codes", "target_encoding"]
    assert {"scale", "onehot"} <= set(kinds["dense"])
    assert step(found, "filled", "x").settings["indicator"] is True
    assert step(found, "filled", "flag").settings["indicator"] is False
    assert all(each.reason for steps in found.views.values() for each in steps)
    assert found.findings == (
        "of the text 'note' only the length is used: what it says is not read (`features: {text: tfidf}` reads it)",
    )
    assert from_json(FeaturePlan, to_json(found)).inputs == found.inputs


def test_the_planned_views_can_be_fitted_and_leave_nothing_missing_where_they_must_not(tmp_path: Path) -> None:
    at = pl.Series(
        [None, *(START + timedelta(hours=7 * row) for row in range(ROWS - 1))], dtype=pl.Datetime("us", "UTC")
    )
    rows = table(at=at, x=[None, *np.arange(ROWS - 1.0)], town=[None, *(f"t{row % 90}" for row in range(ROWS - 1))])
    found, _ = plan(tmp_path, rows)
    target = encoding_target((rows["y"] == "yes").to_numpy(), "binary", 2)
    nothing = pl.DataFrame(schema=rows.schema).clear(1)
    for name, steps in found.views.items():
        view, matrix = fit_view(steps, rows, target, np.random.default_rng(0))
        assert set(view.inputs) == set(found.inputs)
        assert np.isnan(matrix.values).any() == (name == "native")
        assert np.isnan(view.apply(nothing).values).any() == (name == "native")
    assert np.abs(matrix.values).max() < 50


def test_what_cannot_be_a_feature_is_left_out_with_its_reason(tmp_path: Path) -> None:
    rows = table(
        number=np.arange(ROWS, dtype=float), plane=["p"] * ROWS, later=np.arange(ROWS, dtype=float),
        weight=[1.0] * ROWS,
        gender=["f", "m"] * (ROWS // 2), constant=["same"] * ROWS, name=[f"name {row}" for row in range(ROWS)],
        twin=table()["x"], empty=pl.Series([None] * ROWS, dtype=pl.Float64),
    )  # fmt: skip
    columns = {
        "number": {"role": "id"}, "plane": {"role": "entity"}, "later": {"available": "later"},
        "weight": {"role": "weight"}, "gender": {"role": "sensitive"},
    }  # fmt: skip
    found, _ = plan(tmp_path, rows, columns=columns)
    reasons = dict(found.left_out)
    assert found.inputs == ("x", "colour", "town", "flag")
    assert reasons["y"] == "it is what is predicted"
    assert reasons["number"] == "it only names the row (said so)"
    assert "known only after" in reasons["later"]
    assert "sensitive" in reasons["gender"]
    assert reasons["constant"] == "all development rows hold the same value"
    assert "value of its own (320 in 320 rows)" in reasons["name"]
    assert reasons["twin"] == "it is the same as 'x' in every row"
    assert reasons["empty"] == "no development row has a value"
    assert set(found.inputs) | set(reasons) == set(rows.columns)


def test_with_selection_off_only_roles_leave_columns_out(tmp_path: Path) -> None:
    rows = table(constant=["same"] * ROWS, twin=table()["x"])
    found, _ = plan(tmp_path, rows, options=FeatureOptions(select="off"))
    assert {"constant", "twin"} <= set(found.inputs)


def test_only_development_rows_are_looked_at(tmp_path: Path) -> None:
    sealed = ["same"] * 320 + [f"v{row}" for row in range(80)]
    found, _ = plan(tmp_path, table(sealed=sealed, colour=["red", "green"] * 160 + ["violet"] * 80))
    assert dict(found.left_out)["sealed"] == "all development rows hold the same value"
    assert step(found, "native", "colour").settings["levels"] == ("green", "red")


def test_many_levels_are_encoded_by_the_target_and_few_stand_for_themselves(tmp_path: Path) -> None:
    rows = table(forty=[f"{row % 40:02d}" for row in range(ROWS)], more=[f"{row % 80:02d}" for row in range(ROWS)])
    found, _ = plan(tmp_path, rows)
    assert [each.kind for each in found.views["native"] if each.columns == ("forty",)] == ["codes"]
    assert [each.kind for each in found.views["native"] if each.columns == ("more",)] == ["target_encoding"]
    assert step(found, "dense", "forty").kind == "onehot"


def test_many_levels_of_enough_rows_are_codes_as_well_where_trees_split_on_sets(tmp_path: Path) -> None:
    found, _ = plan(tmp_path, table(town=[f"{row % 60:02d}" for row in range(ROWS)]))
    kinds = {view: [each.kind for each in steps if "town" in each.columns] for view, steps in found.views.items()}
    assert kinds["native"] == ["target_encoding", "codes"]
    assert "codes" not in kinds["filled"]
    assert "onehot" not in kinds["dense"]


def test_the_users_ways_to_fill_and_scale_are_taken(tmp_path: Path) -> None:
    rows = table(x=[None, *np.arange(ROWS - 1.0)], z=[None, *np.arange(ROWS - 1.0) ** 2])
    columns = {
        "x": {"impute": "mean", "scale": "robust"},
        "z": {"impute": "none", "scale": "none"},
        "colour": {"impute": "mode"},
    }
    found, _ = plan(tmp_path, rows, columns=columns)
    assert step(found, "native", "x").settings["strategy"] == "mean"
    assert step(found, "native", "z").kind == "passthrough"
    assert step(found, "dense", "x", "scale").settings["method"] == "robust"
    assert not any("z" in each.columns for each in found.views["dense"] if each.kind == "scale")
    assert step(found, "filled", "colour").settings["impute"] == "mode"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": {"impute": "medain"}}, r"column 'x' \(numeric\) cannot be filled by 'medain'.*Did you mean 'median'"),
        ({"colour": {"impute": "mean"}}, r"column 'colour' \(categorical\) cannot be filled by 'mean'"),
        ({"x": {"scale": "max"}}, "cannot be scaled by 'max'"),
        ({"colour": {"scale": "robust"}}, "only numbers are scaled"),
    ],
)
def test_a_way_that_does_not_fit_the_column_is_refused(
    tmp_path: Path, columns: dict[str, dict[str, object]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan(tmp_path, table(), columns=columns)


def test_without_any_feature_the_stage_says_why(tmp_path: Path) -> None:
    rows = table().select("y", pl.lit("a").alias("same"))
    with pytest.raises(DataError, match=r"no column is left to predict 'y' from .*'same': all development rows"):
        plan(tmp_path, rows)


def moments(hours: float) -> pl.Series:
    return pl.Series([START + timedelta(hours=hours * row) for row in range(ROWS)], dtype=pl.Datetime("us", "UTC"))


def parts(tmp_path: Path, at: pl.Series, **more: object) -> tuple[str, ...]:
    found, _ = plan(tmp_path, table(at=at), **more)  # type: ignore[arg-type]  # the scene's own
    return tuple(step(found, "native", "at").settings["parts"])  # type: ignore[arg-type]  # names


def test_parts_that_never_change_are_dropped(tmp_path: Path) -> None:
    assert parts(tmp_path, moments(1)) == ("hour", "weekday", "elapsed")
    assert parts(tmp_path, moments(24)) == ("weekday", "month", "year_sin", "year_cos", "elapsed")
    assert parts(tmp_path, moments(24 * 7)) == ("month", "year_sin", "year_cos", "elapsed")


def test_the_hour_of_a_daily_time_is_constant_by_its_own_clock(tmp_path: Path) -> None:
    # Midnight in Berlin lies at 23 and at 22 hours by UTC.
    days = pl.date_range(START.date(), (START + timedelta(days=ROWS - 1)).date(), eager=True)
    at = days.cast(pl.Datetime("us")).dt.replace_time_zone("Europe/Berlin").dt.convert_time_zone("UTC")
    assert "hour" not in parts(tmp_path, at, columns={"at": {"timezone": "Europe/Berlin"}})
    assert "hour" not in parts(tmp_path, at, options=FeatureOptions(timezone="Europe/Berlin"))
    assert "hour" in parts(tmp_path, at)


def test_split_by_time_leaves_out_what_later_rows_cannot_share(tmp_path: Path) -> None:
    by_time = {"split_by_time": True, "time": "at", "columns": {"at": {"role": "time"}}}
    assert parts(tmp_path, moments(6), **by_time) == ("hour", "weekday")
    assert parts(tmp_path, moments(48), **by_time) == ("weekday", "month", "year_sin", "year_cos")


def test_dates_may_be_switched_off(tmp_path: Path) -> None:
    found, _ = plan(tmp_path, table(at=moments(1)), options=FeatureOptions(dates=False))
    assert "at" not in found.inputs
    assert "dates: false" in dict(found.left_out)["at"]


def test_a_time_that_never_changes_is_left_out(tmp_path: Path) -> None:
    rows = table(at=moments(1).set(pl.Series([True] * 320 + [False] * 80), START))
    found, _ = plan(tmp_path, rows, options=FeatureOptions(select="off"))
    assert dict(found.left_out)["at"] == "no part of the time tells the rows apart"


def lagged(tmp_path: Path, **more: object) -> tuple[FeaturePlan, pl.DataFrame]:
    rng = np.random.default_rng(4)
    rows = table(
        at=moments(1),
        plane=rng.choice(["p", "q"], ROWS),
        delay=rng.normal(size=ROWS).round(2),
        gate=rng.choice(["A", "B"], ROWS),
    )
    columns = {"at": {"role": "time"}, "plane": {"role": "entity"}, "delay": {"available": "later"}}
    options = FeatureOptions(lags={"delay": (1, "3h"), "y": (1,), "gate": (2,)})
    found, files = plan(tmp_path, rows, columns=columns, options=options, time="at", **more)  # type: ignore[arg-type]  # the scene's own
    content = files["lags.parquet"]
    assert isinstance(content, bytes)
    return found, pl.read_parquet(io.BytesIO(content))


def test_lags_become_inputs_with_a_value_for_every_row(tmp_path: Path) -> None:
    found, lags = lagged(tmp_path)
    assert found.inputs[-4:] == ("delay__lag1", "delay__lag3h", "y__lag1", "gate__lag2")
    assert "delay" not in found.inputs
    assert "plane" not in found.inputs
    assert lags.columns == ["delay__lag1", "delay__lag3h", "y__lag1", "gate__lag2"]
    assert lags.height == ROWS
    assert step(found, "native", "y__lag1").settings["levels"] == ("no", "yes")
    assert [each.kind for each in found.lags] == ["lag"] * 4
    assert "the same 'plane'" in found.lags[0].reason
    assert sum("take it as known as soon as a later row comes" in each for each in found.findings) == 2


def test_lags_of_what_is_known_later_wait_until_it_is(tmp_path: Path) -> None:
    found, lags = lagged(tmp_path, labels_after_seconds=5 * 3600.0)
    delays = {each.columns[0]: each.settings["delay_seconds"] for each in found.lags}
    assert delays == {"delay": 18_000.0, "y": 18_000.0, "gate": 0.0}
    assert lags["delay__lag1"][:5].null_count() == 5
    assert not found.findings


@pytest.mark.parametrize(
    ("options", "facts", "message"),
    [
        (FeatureOptions(lags={"x": (1,)}), {}, "name the column that says when"),
        (FeatureOptions(lags={"z": (1,)}), {"time": "at"}, "'z', which is not a column"),
        (FeatureOptions(lags={"x": (0,)}), {"time": "at"}, "goes back 0 rows"),
        (FeatureOptions(lags={"x": ("soon",)}), {"time": "at"}, "'soon' is not a duration"),
        (FeatureOptions(allow=("tow",)), {}, "'tow' is vouched for but is not a column. Did you mean 'town'"),
    ],
)
def test_options_that_cannot_be_met_are_refused(
    tmp_path: Path, options: FeatureOptions, facts: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan(tmp_path, table(at=moments(1)), columns={"at": {"role": "time"}}, options=options, **facts)


def test_a_column_that_tells_the_target_alone_is_left_out_unless_vouched_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    told = np.where(table()["y"] == "yes", rng.integers(100, 200, ROWS), rng.integers(0, 100, ROWS)).astype(float)
    rows = table(told=told)
    found, _ = plan(tmp_path, rows)
    (leak,) = found.leak_details
    assert (leak.column, leak.kind, leak.severity) == ("told", "near-perfect", "block")
    assert leak.strength is not None
    assert leak.strength > 0.999
    assert "told" not in found.inputs
    assert dict(found.left_out)["told"] == leak.reason == found.leaks[0]
    vouched, _ = plan(tmp_path, rows, options=FeatureOptions(allow=("told",)))
    assert "told" in vouched.inputs
    assert not vouched.leaks


def test_where_the_user_only_wants_warnings_a_leak_is_told_and_used(tmp_path: Path) -> None:
    rows = table(told=table()["y"])
    warned = Feasibility(status="skipped", reason="", enforce=False)
    found, _ = plan(tmp_path, rows, feasibility=warned)
    assert "told" in found.inputs
    assert found.leak_details[0].severity == "warn"


@pytest.mark.parametrize("name", ["y_date", "is_y", "outcome", "actualResult"])
def test_a_name_like_the_targets_or_a_results_is_told(tmp_path: Path, name: str) -> None:
    target = "churned"
    name = name.replace("y", target)
    rows = table(**{name: np.random.default_rng(3).normal(size=ROWS)}).rename({"y": target})
    found, _ = plan(tmp_path, rows, target=target)
    assert [(leak.column, leak.kind, leak.severity) for leak in found.leak_details] == [(name, "name", "warn")]
    assert name in found.inputs


def test_names_that_only_share_a_letter_or_a_common_word_are_not_told(tmp_path: Path) -> None:
    rows = table().rename({"y": "column_15", "x": "column_1", "town": "column_2"})
    found, _ = plan(tmp_path, rows, target="column_15")
    assert not found.leaks


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_honest_data_with_strong_columns_are_not_blocked(tmp_path: Path, name: str) -> None:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    rows = pl.DataFrame(dict(zip(bunch.feature_names, bunch.data.T, strict=True)))
    target = bunch.target if name == "diabetes" else [str(bunch.target_names[code]) for code in bunch.target]
    task = {"diabetes": "regression", "breast_cancer": "binary"}.get(name, "multiclass")
    shuffled = rows.with_columns(truth=pl.Series(target)).sample(fraction=1.0, shuffle=True, seed=0)
    found, _ = plan(tmp_path, shuffled, target="truth", task=task)
    assert not found.leaks
    assert len(found.inputs) == len(bunch.feature_names)


def test_a_number_that_the_target_was_computed_from_is_a_leak(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    amount = rng.normal(100, 20, ROWS * 5)
    rows = pl.DataFrame({"noise": rng.normal(size=ROWS * 5), "net": amount, "gross": amount * 1.19})
    found, _ = plan(tmp_path, rows, target="gross")
    assert [leak.column for leak in found.leak_details] == ["net"]
    related = rows.with_columns(net=pl.col("net") + rng.normal(0, 4, ROWS * 5))
    found, _ = plan(tmp_path, related, target="gross")
    assert not found.leaks


def test_the_same_inputs_give_the_same_plan_and_the_same_bytes(tmp_path: Path) -> None:
    first, second = lagged(tmp_path), lagged(tmp_path)
    assert to_json(first[0]) == to_json(second[0])
    assert first[1].equals(second[1])


def test_many_levels_read_one_by_one_are_read_as_in_a_table(tmp_path: Path) -> None:
    rows = table(town=[f"{row % 60:02d}" for row in range(ROWS)])
    found, _ = plan(tmp_path, rows)
    target = encoding_target((rows["y"] == "yes").to_numpy(), "binary", 2)
    view, _ = fit_view(found.views["native"], rows, target, np.random.default_rng(0))
    alone = np.concatenate([view.apply_row(row) for row in rows.head(70).iter_rows(named=True)])
    np.testing.assert_array_equal(alone, view.apply(rows.head(70)).values)
    assert view.names.count("town") == 1
    assert "town__mean" in view.names
