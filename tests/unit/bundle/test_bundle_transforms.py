from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from bundle_scene import COLOURS, DATES, table, truth

from tenfold.bundle.transforms.protocols import Fitted, State
from tenfold.bundle.transforms.table import TRANSFORMS, transform_called
from tenfold.foundation.errors import InputError
from tenfold.foundation.serial import canonical_json, from_json
from tenfold.records.features import Step

STEPS = (
    Step(kind="passthrough", columns=("age", "income")),
    Step(kind="impute", columns=("age", "income"), settings={"strategy": "median", "indicator": True}),
    Step(kind="impute", columns=("age",), settings={"strategy": "mean"}),
    Step(kind="impute", columns=("age", "member"), settings={"strategy": "mode", "indicator": False}),
    Step(kind="impute", columns=("age",), settings={"strategy": "constant", "value": -1.0}),
    *(
        Step(kind="scale", columns=("age", "income"), settings={"method": way})
        for way in ("standard", "minmax", "robust")
    ),
    Step(kind="boolean", columns=("member",)),
    Step(kind="codes", columns=("colour",), settings={"levels": COLOURS}),
    Step(kind="codes", columns=("colour",), settings={"levels": COLOURS, "missing": "minus_one"}),
    Step(kind="codes", columns=("colour",), settings={"levels": COLOURS, "impute": "mode"}),
    Step(kind="onehot", columns=("colour",), settings={"levels": COLOURS, "min_count": 2}),
    Step(kind="onehot", columns=("colour",), settings={"levels": COLOURS, "impute": "mode"}),
    Step(kind="target_encoding", columns=("town",)),
    Step(kind="target_encoding", columns=("town",), settings={"impute": "mode"}),
    DATES,
    Step(kind="text_size", columns=("note",)),
)
NAMED = pytest.mark.parametrize(
    "step", STEPS, ids=lambda step: f"{step.kind}-{'-'.join(map(str, step.settings.values()))[:40]}"
)


def fitted(step: Step, rows: pl.DataFrame) -> Fitted:
    return TRANSFORMS[step.kind].fit(step, rows, truth(rows)[:, None].astype(float), np.random.default_rng(0))


def odd_rows() -> pl.DataFrame:
    """Rows such as production sends: missing everywhere, unseen, exotic, without end."""
    rows = table(60, seed=9, missing=0.5)
    none = rows.clear(1)
    strange = pl.DataFrame(
        {
            "age": [math.inf, -math.inf, math.nan, 1e308],
            "income": [-0.0, 5e-324, -1e308, 3.0],
            "colour": ["RED", "ré\u0301d 🟥", "red\u200b", "x" * 10_000],
            "town": ["", "Tówn 1", "To\u0301wn 1", "\u0000"],
            "member": [True, False, None, True],
            "joined": rows["joined"][:4],
            "note": [" ", "a\u00a0b", "\u3000", "a\nb\tc"],
        },
        schema=rows.schema,
    )
    return pl.concat([rows, none, strange])


@NAMED
def test_one_row_alone_gives_what_it_gives_in_a_table(step: Step) -> None:
    transform = fitted(step, table())
    rows = odd_rows()
    together = transform.apply(rows)
    assert together.shape == (rows.height, len(transform.names))
    alone = np.array([transform.apply_row(row) for row in rows.iter_rows(named=True)])
    np.testing.assert_allclose(alone, together, rtol=1e-12, atol=1e-12, equal_nan=True)


@NAMED
def test_a_transform_comes_back_from_its_state_as_it_was(step: Step) -> None:
    transform = fitted(step, table())
    state = transform.state()
    facts = from_json(dict, canonical_json(state.facts))
    plain_step = Step(kind=step.kind, columns=step.columns, settings=from_json(dict, canonical_json(step.settings)))
    again = TRANSFORMS[step.kind].restore(plain_step, State(facts=facts, arrays=state.arrays))
    np.testing.assert_array_equal(again.apply(odd_rows()), transform.apply(odd_rows()))
    assert again.names == transform.names


@NAMED
def test_the_names_of_what_is_made_do_not_depend_on_the_rows(step: Step) -> None:
    assert fitted(step, table(50, seed=4, missing=0.0)).names == fitted(step, table(200, seed=5, missing=0.6)).names


@NAMED
def test_a_transform_survives_training_rows_in_which_everything_is_missing(step: Step) -> None:
    rows = table(20, missing=1.1)
    transform = fitted(step, rows)
    assert transform.apply(odd_rows()).shape[0] == odd_rows().height


@NAMED
def test_an_empty_table_gives_no_rows(step: Step) -> None:
    transform = fitted(step, table())
    assert transform.apply(table().clear()).shape == (0, len(transform.names))


def test_numbers_pass_and_the_median_stands_in_where_training_never_missed_one() -> None:
    rows = pl.DataFrame({"full": [1.0, 2.0, 9.0], "holed": [1.0, None, 9.0]})
    transform = fitted_plain(Step(kind="passthrough", columns=("full", "holed")), rows)
    found = transform.apply(pl.DataFrame({"full": [None, 5.0], "holed": [None, 5.0]}))
    np.testing.assert_array_equal(found, [[2.0, math.nan], [5.0, 5.0]])


def fitted_plain(step: Step, rows: pl.DataFrame) -> Fitted:
    return transform_called(step.kind).fit(step, rows, None, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("strategy", "expected"), [("median", 2.0), ("mean", 10 / 3), ("mode", 1.0), ("constant", -5.0)]
)
def test_missing_numbers_are_filled_as_asked_and_told(strategy: str, expected: float) -> None:
    rows = pl.DataFrame({"a": [1.0, 2.0, 7.0, None, math.inf]})
    step = Step(kind="impute", columns=("a",), settings={"strategy": strategy, "indicator": True, "value": -5})
    transform = fitted_plain(step, rows)
    assert transform.names == ("a", "a__missing")
    np.testing.assert_allclose(transform.apply(rows)[3:], [[expected, 1.0], [expected, 1.0]])


def test_an_unknown_way_to_fill_or_scale_is_refused_with_the_nearest() -> None:
    rows = pl.DataFrame({"a": [1.0]})
    with pytest.raises(InputError, match="Did you mean 'median'"):
        fitted_plain(Step(kind="impute", columns=("a",), settings={"strategy": "medain"}), rows)
    with pytest.raises(InputError, match="Did you mean 'robust'"):
        fitted_plain(Step(kind="scale", columns=("a",), settings={"method": "robst"}), rows)
    with pytest.raises(InputError, match="Did you mean 'impute'"):
        transform_called("imput")


def test_scales_bring_numbers_to_their_range() -> None:
    rows = pl.DataFrame({"a": [0.0, 1.0, 2.0, 3.0, None]})
    ways = {"standard": (1.5, math.sqrt(1.25)), "minmax": (0.0, 3.0), "robust": (1.5, 1.5)}
    for method, (center, spread) in ways.items():
        transform = fitted_plain(Step(kind="scale", columns=("a",), settings={"method": method}), rows)
        np.testing.assert_allclose(transform.apply(rows)[:4, 0], (np.arange(4) - center) / spread)
        assert math.isnan(transform.apply(rows)[4, 0])


@pytest.mark.parametrize("method", ["standard", "minmax", "robust"])
@pytest.mark.parametrize("size", [1e-30, 1e30, 1e308])
def test_numbers_of_any_size_are_scaled_without_overflow(method: str, size: float) -> None:
    rows = pl.DataFrame({"a": [size * step for step in (-1.0, -0.5, 0.0, 0.5, 1.0)]})
    transform = fitted_plain(Step(kind="scale", columns=("a",), settings={"method": method}), rows)
    found = transform.apply(rows)[:, 0]
    assert np.isfinite(found).all()
    assert 0.9 < np.ptp(found) < 4.0


@pytest.mark.parametrize("method", ["standard", "minmax", "robust"])
def test_a_constant_column_is_scaled_to_zero_not_blown_up(method: str) -> None:
    rows = pl.DataFrame({"a": [0.1 + 0.2] * 7 + [0.3]})
    transform = fitted_plain(Step(kind="scale", columns=("a",), settings={"method": method}), rows)
    assert np.abs(transform.apply(rows)).max() < 1e-9


def test_codes_are_the_steps_numbering_and_only_what_training_saw() -> None:
    step = Step(kind="codes", columns=("colour",), settings={"levels": COLOURS})
    transform = fitted_plain(step, pl.DataFrame({"colour": ["red", "blue", None]}))
    found = transform.apply(pl.DataFrame({"colour": ["blue", "green", "red", "violet", None]}))[:, 0]
    np.testing.assert_array_equal(found, [0.0, math.nan, 2.0, math.nan, math.nan])
    assert transform.categorical


def test_codes_as_quantities_are_never_missing() -> None:
    step = Step(kind="codes", columns=("colour",), settings={"levels": COLOURS, "missing": "minus_one"})
    transform = fitted_plain(step, pl.DataFrame({"colour": ["red", "blue"]}))
    found = transform.apply(pl.DataFrame({"colour": ["green", None, "red"]}))[:, 0]
    np.testing.assert_array_equal(found, [-1.0, -1.0, 2.0])
    assert not transform.categorical


def test_one_hot_has_a_column_for_frequent_levels_one_for_the_rest_and_one_for_missing() -> None:
    step = Step(kind="onehot", columns=("colour",), settings={"levels": COLOURS, "min_count": 2})
    transform = fitted_plain(step, pl.DataFrame({"colour": ["red", "red", "blue", "blue", "green"]}))
    assert transform.names == ("colour=blue", "colour=green", "colour=red", "colour__other", "colour__missing")
    found = transform.apply(pl.DataFrame({"colour": ["blue", "green", "violet", None]}))
    np.testing.assert_array_equal(found, [[1, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]])


def test_a_missing_category_takes_the_most_frequent_level_when_asked() -> None:
    rows = pl.DataFrame({"colour": ["red", "red", "blue", "blue", None, "green"]})
    step = Step(kind="codes", columns=("colour",), settings={"levels": COLOURS, "impute": "mode"})
    # Blue and red are equally frequent: the first in order is taken.
    assert fitted_plain(step, rows).apply_row({"colour": None}) == [0.0]


def test_a_texts_length_is_counted_in_characters_and_words() -> None:
    step = Step(kind="text_size", columns=("note",))
    transform = fitted_plain(step, pl.DataFrame({"note": ["x"]}))
    assert transform.apply_row({"note": "two  wörds ✨"}) == [12.0, 3.0]


@pytest.mark.parametrize(
    "step",
    [
        Step(kind="spline", columns=("age",), settings={"knots": 3}),
        Step(kind="quantile", columns=("age",), settings={"shape": "uniform"}),
    ],
    ids=lambda step: step.kind,
)
def test_values_that_lie_next_to_nothing_apart_give_numbers(step: Step) -> None:
    learned = pl.DataFrame({"age": [None, 0.0, 2.2250738585e-313, 1e-320]}, schema={"age": pl.Float64})
    fitted = transform_called(step.kind).fit(step, learned, None, np.random.default_rng(0))
    asked = pl.DataFrame({"age": [0.0, 1e-313, 1.0, -1e308, 1e308]})
    assert np.isfinite(fitted.apply(asked)).all()
