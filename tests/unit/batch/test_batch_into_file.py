from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.batch.into_file import FileOptions, WrittenToFile, score_into_file
from tenfold.bundle.format import write_bundle
from tenfold.bundle.history import History, Lag
from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.view import fit_view
from tenfold.foundation.clock import SystemClock
from tenfold.foundation.errors import DataError, InputError, StoreError
from tenfold.records.dataset import Field
from tenfold.records.evaluation import Conformal
from tenfold.records.features import Step
from tenfold.records.problem import MetricChoice, Problem

FIELDS = (
    Field(name="age", kind="numeric", missing_markers=("?",)),
    Field(name="colour", kind="categorical", missing_markers=("?",)),
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def score(fitted: Model | Path, location: str, output: Path | str, options: FileOptions | None = None) -> WrittenToFile:
    """Score with a model or a bundle; the rows are bare unless the options say otherwise."""
    options = options or FileOptions(bare=True)
    with tempfile.TemporaryDirectory() as folder:
        bundle = fitted if isinstance(fitted, Path) else Path(folder, "model.zip")
        if isinstance(fitted, Model):
            write_bundle(fitted, probe(fitted), bundle)
        return score_into_file(bundle, location, str(output), options, model_ref="members@1", clock=SystemClock())


def probe(fitted: Model) -> pl.DataFrame:
    """Three canonical rows with nothing in them."""
    types = {"numeric": pl.Float64(), "categorical": pl.String()}
    return pl.DataFrame(
        {field.name: pl.Series([None] * 3, dtype=types[field.kind]) for field in fitted.signature.fields}
    )


def model(*, task: str = "binary", history: History | None = None, reading: dict[str, str] | None = None) -> Model:
    lag = Field(name="age__lag1", kind="numeric")
    fields = FIELDS if history is None else (*FIELDS, lag)
    rows = pl.DataFrame({"age": [20.0, 40.0, None], "colour": ["red", "blue", None], "age__lag1": [1.0, 2.0, None]})
    numbers = tuple(field.name for field in fields if field.kind == "numeric")
    steps = (
        Step(kind="impute", columns=numbers, settings={"indicator": True}),
        Step(kind="onehot", columns=("colour",), settings={"levels": ("blue", "red")}),
    )
    view, matrix = fit_view(steps, rows, None, np.random.default_rng(0))
    width = matrix.values.shape[1]
    coef = np.linspace(-0.1, 0.1, width)[:, None]
    predictor = LinearPredictor(coef=coef, intercept=np.zeros(1), link="logistic" if task == "binary" else "identity")
    problem = Problem(
        name="members",
        task=task,  # type: ignore[arg-type]  # one of the tasks
        target="stays",
        classes=("no", "yes") if task == "binary" else (),
        metric=MetricChoice(metric="roc_auc", reason=""),
    )
    member = Member(key="line", weight=1.0, view_name="dense", view=view, predictor=predictor)
    return Model.assembled(
        [member], problem=problem, signature=Signature(fields=fields), history=history, reading=reading
    )


def rows(count: int = 101) -> pl.DataFrame:
    rng = np.random.default_rng(2)
    return pl.DataFrame(
        {
            "key": [f"k{number}" for number in range(count)],
            "colour": pl.Series(rng.choice(["red", "blue", "never seen"], count)).set(
                pl.Series(rng.random(count) < 0.2), None
            ),
            "age": pl.Series(rng.integers(1, 90, count)).set(pl.Series(rng.random(count) < 0.2), None),
        }
    )


def read(path: Path) -> pl.DataFrame:
    readers = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}
    return readers[path.suffix](path)


@pytest.mark.parametrize("source", ["csv", "parquet", "ndjson"])
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_every_format_gives_the_models_own_predictions_in_order(tmp_path: Path, source: str, ending: str) -> None:
    given = tmp_path / f"in.{source}"
    getattr(rows(), f"write_{source}")(given)
    output = tmp_path / f"out{ending}"
    done = score(model(), str(given), output, FileOptions(bare=True, chunk_rows=7, keep=("key",)))
    found = read(output)
    expected = model().predict(rows())
    assert done.rows == 101
    assert done.columns == ("key", "prediction", "proba_no", "proba_yes") == tuple(found.columns)
    assert found["key"].to_list() == rows()["key"].to_list()
    assert found["prediction"].to_list() == expected["prediction"].to_list()
    np.testing.assert_allclose(found[:, 2:].to_numpy(), expected[:, 1:].to_numpy(), rtol=0, atol=1e-12)
    assert [path.name for path in tmp_path.iterdir() if "unfinished" in path.name] == []


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_sets_and_intervals_are_written_in_every_format_when_asked(tmp_path: Path, ending: str) -> None:
    rows().write_csv(tmp_path / "in.csv")
    sets = replace(model(), conformal=Conformal(level=0.9, least=(0.45, 0.45)))
    numbers = replace(model(task="regression"), conformal=Conformal(level=0.9, below=(-2.0,), above=(3.0,)))
    output, asked = tmp_path / f"out{ending}", FileOptions(bare=True, chunk_rows=7, intervals=True)
    score(sets, str(tmp_path / "in.csv"), output, asked)
    assert set(read(output)["set"]) <= {'["no"]', '["yes"]', '["no", "yes"]'}
    assert score(numbers, str(tmp_path / "in.csv"), output, asked).columns == ("prediction", "low", "high")
    found = read(output)
    np.testing.assert_allclose(found["high"] - found["low"], 5.0)
    with pytest.raises(DataError, match="has no intervals"):
        score(model(), str(tmp_path / "in.csv"), tmp_path / "none.csv", asked)
    assert not (tmp_path / "none.csv").exists()


def test_the_size_of_the_chunks_changes_nothing(tmp_path: Path) -> None:
    rows().write_csv(tmp_path / "in.csv")
    written = []
    for size in (1, 10, 1000):
        score(model(), str(tmp_path / "in.csv"), tmp_path / "out.csv", FileOptions(bare=True, chunk_rows=size))
        written.append((tmp_path / "out.csv").read_bytes())
    assert len(set(written)) == 1


def test_a_bundles_path_is_loaded_and_a_regression_writes_numbers(tmp_path: Path) -> None:
    rows().write_parquet(tmp_path / "in.parquet")
    fitted = model(task="regression")
    write_bundle(fitted, fitted.signature.conform(rows()), tmp_path / "model.zip")
    done = score(tmp_path / "model.zip", str(tmp_path / "in.parquet"), tmp_path / "out.parquet")
    assert done.columns == ("prediction",)
    np.testing.assert_allclose(read(Path(done.output))["prediction"], fitted.predict(rows())["prediction"], atol=1e-12)
    with pytest.raises(StoreError, match="there is no bundle"):
        score(tmp_path / "other.zip", str(tmp_path / "in.parquet"), tmp_path / "out.parquet")


def test_text_without_a_header_is_read_by_place(tmp_path: Path) -> None:
    named = model(reading={"header": "no", "columns": "3", "delimiter": ",", "quote": '"', "target": "column_3"})
    fields = tuple(
        Field(name=f"column_{place}", kind=field.kind, missing_markers=("?",))
        for place, field in enumerate(FIELDS, start=1)
    )
    levels = {"levels": ("red",), "missing": "minus_one"}
    view_steps = (
        Step(kind="impute", columns=("column_1",)),
        Step(kind="codes", columns=("column_2",), settings=levels),
    )
    table = pl.DataFrame({"column_1": [1.0], "column_2": ["red"]})
    view, _ = fit_view(view_steps, table, None, np.random.default_rng(0))
    predictor = LinearPredictor(coef=np.array([[1.0], [10.0]]), intercept=np.zeros(1), link="identity")
    member = Member(key="line", weight=1.0, view_name="dense", view=view, predictor=predictor)
    problem = Problem(name="m", task="regression", target="column_3", metric=MetricChoice(metric="rmse", reason=""))
    fitted = Model.assembled([member], problem=problem, signature=Signature(fields=fields), reading=named.reading)
    (tmp_path / "in.csv").write_text("7, red\n8, ?\n")
    score(fitted, str(tmp_path / "in.csv"), tmp_path / "out.csv")
    assert read(tmp_path / "out.csv")["prediction"].to_list() == [7.0, -2.0]


def test_no_rows_give_an_empty_file_with_its_columns(tmp_path: Path) -> None:
    rows().clear().write_parquet(tmp_path / "in.parquet")
    done = score(model(), str(tmp_path / "in.parquet"), tmp_path / "out.csv", FileOptions(bare=True, keep=("key",)))
    assert done.rows == 0
    assert (tmp_path / "out.csv").read_text() == "key,prediction,proba_no,proba_yes\n"


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("out.xlsx", FileOptions(bare=True), r"end its name with \.csv, \.parquet, \.jsonl"),
        ("nowhere/out.csv", FileOptions(bare=True), "does not exist: make it first"),
        ("out.csv", FileOptions(bare=True, keep=("kay",)), r"'kay' to keep is not in the input.*Did you mean 'key'"),
        ("out.csv", FileOptions(bare=True, history="x.csv"), "takes no history"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, output: str, options: FileOptions, message: str) -> None:
    rows().write_csv(tmp_path / "in.csv")
    with pytest.raises(InputError, match=message):
        score(model(), str(tmp_path / "in.csv"), tmp_path / output, options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_bad_value_in_a_late_chunk_leaves_the_old_output_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("precious")
    given = rows().with_columns(pl.col("age").cast(pl.String)).to_dicts()
    given[90]["age"] = "old"
    pl.DataFrame(given).write_csv(tmp_path / "in.csv")
    with pytest.raises(DataError, match="'age' is numeric, but row 91 holds 'old'"):
        score(model(), str(tmp_path / "in.csv"), tmp_path / "out.csv", FileOptions(bare=True, chunk_rows=10))
    assert (tmp_path / "out.csv").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv"}


KILLED = (
    "import os, signal, sys; from pathlib import Path\n"
    "from tenfold.batch.into_file import FileOptions, score_into_file\n"
    "from tenfold.bundle.model import Model\n"
    "from tenfold.foundation.clock import SystemClock\n"
    "kept, chunks = Model.predict, []\n"
    "def predict(self, rows, **more):\n"
    "    chunks.append(rows)\n"
    "    if len(chunks) == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)\n"
    "    return kept(self, rows, **more)\n"
    "Model.predict = predict\n"
    "folder = Path(sys.argv[1])\n"
    "score_into_file(folder / 'model.zip', str(folder / 'in.csv'), str(folder / 'out.csv'),\n"
    "    FileOptions(bare=True, chunk_rows=9), model_ref='m@1', clock=SystemClock())\n"
)


def test_a_killed_run_leaves_the_old_output_and_is_gone_on_with(tmp_path: Path) -> None:
    rows().write_csv(tmp_path / "in.csv")
    (tmp_path / "out.csv").write_text("precious")
    fitted = model()
    write_bundle(fitted, probe(fitted), tmp_path / "model.zip")
    for chunk in (3, 4):
        # The process kills itself in the middle of the third chunk that it scores, then of the fourth.
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(chunk)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert (tmp_path / "out.csv").read_text() == "precious"
    rest = score(fitted, str(tmp_path / "in.csv"), tmp_path / "out.csv", FileOptions(bare=True, chunk_rows=9))
    assert (rest.before, rest.added, rest.rows) == (45, 56, 101)
    np.testing.assert_array_equal(
        read(tmp_path / "out.csv")["proba_yes"], fitted.predict(rows())["proba_yes"].to_numpy()
    )
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv", "model.zip"}


@pytest.mark.parametrize("markers", [(), ("?",)])
def test_an_infinite_number_in_parquet_is_refused_as_in_text(tmp_path: Path, markers: tuple[str, ...]) -> None:
    fields = (replace(FIELDS[0], missing_markers=markers), FIELDS[1])
    fitted = replace(model(), signature=Signature(fields=fields))
    table = rows(9).with_columns(age=pl.Series([1.0, float("nan"), None, float("-inf"), 5.0, 6.0, 7.0, 8.0, 9.0]))
    table.write_parquet(tmp_path / "in.parquet")
    with pytest.raises(DataError, match="'age' is numeric, but row 4 holds '-inf'"):
        score(fitted, str(tmp_path / "in.parquet"), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    marked = replace(model(), signature=Signature(fields=(replace(fields[0], missing_markers=("-inf",)), fields[1])))
    score(marked, str(tmp_path / "in.parquet"), tmp_path / "out.csv")
    assert read(tmp_path / "out.csv").height == 9


def test_who_reads_the_old_output_reads_it_to_its_end(tmp_path: Path) -> None:
    rows().write_csv(tmp_path / "in.csv")
    (tmp_path / "out.csv").write_text("precious")
    with (tmp_path / "out.csv").open() as reader:
        score(model(), str(tmp_path / "in.csv"), tmp_path / "out.csv")
        assert reader.read() == "precious"


def past() -> History:
    return History(
        lags=(Lag(column="age", back=1, time="at", entity="who"),),
        fields=(
            Field(name="at", kind="datetime"),
            Field(name="who", kind="categorical"),
            Field(name="age", kind="numeric", missing_markers=("?",)),
        ),
    )


def test_lags_come_from_the_input_or_from_a_history(tmp_path: Path) -> None:
    fitted = model(history=past())
    asked = rows(4).with_columns(
        who=pl.Series(["a", "b", "a", "c"]),
        at=pl.Series([START + timedelta(days=5)] * 4, dtype=pl.Datetime("us", "UTC")),
    )
    earlier = pl.DataFrame(
        {"who": ["a", "a", "b"], "at": ["2026-01-02", "2026-01-03", "2026-01-09"], "age": ["7", "8", "9"]}
    )
    asked.write_parquet(tmp_path / "in.parquet")
    earlier.write_csv(tmp_path / "past.csv")
    score(
        fitted, str(tmp_path / "in.parquet"), tmp_path / "out.csv",
        FileOptions(bare=True, history=str(tmp_path / "past.csv"), chunk_rows=2, keep=("who",)),
    )  # fmt: skip
    sent = asked.with_columns(age__lag1=pl.Series([8.0, None, 8.0, None]))
    expected = fitted.predict(sent)["proba_yes"].to_numpy()
    np.testing.assert_allclose(read(tmp_path / "out.csv")["proba_yes"], expected, atol=1e-12)
    sent.write_parquet(tmp_path / "sent.parquet")
    score(fitted, str(tmp_path / "sent.parquet"), tmp_path / "again.csv")
    np.testing.assert_allclose(read(tmp_path / "again.csv")["proba_yes"], expected, atol=1e-12)


def test_without_lags_or_history_the_refusal_says_what_to_send(tmp_path: Path) -> None:
    rows().write_csv(tmp_path / "in.csv")
    with pytest.raises(DataError, match=r"'age__lag1'.*give a history with the columns at, who, age"):
        score(model(history=past()), str(tmp_path / "in.csv"), tmp_path / "out.csv")


def test_scoring_imports_no_training_library(tmp_path: Path) -> None:
    rows().write_csv(tmp_path / "in.csv")
    fitted = model()
    write_bundle(fitted, fitted.signature.conform(rows(5)), tmp_path / "model.zip")
    script = (
        "import sys; from pathlib import Path\n"
        "from tenfold.batch.into_file import FileOptions, score_into_file\n"
        "from tenfold.foundation.clock import SystemClock\n"
        "folder = Path(sys.argv[1])\n"
        "score_into_file(folder / 'model.zip', str(folder / 'in.csv'), str(folder / 'out.csv'),\n"
        "    FileOptions(workers=2), model_ref='m@1', clock=SystemClock())\n"
        "heavy = {'lightgbm', 'sklearn', 'pandas', 'scipy', 'optuna', 'duckdb', 'sqlalchemy'}\n"
        "print(sorted(set(sys.modules) & heavy))\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    printed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True, text=True, env=environment
    ).stdout
    assert printed.strip() == "[]"
