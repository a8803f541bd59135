"""Wrong input ends in one clear sentence, the right exit code, and no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.e2e.conftest import Command

pytestmark = pytest.mark.slow


def spec(folder: Path, text: str) -> None:
    (folder / "tenfold.yaml").write_text(text, encoding="utf-8")


def table(folder: Path, rows: int = 300, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "c": rng.integers(0, 9, rows)})
    frame = frame.with_columns(
        (pl.col("a") + pl.Series(rng.normal(size=rows)) > 0).replace_strict({True: "yes", False: "no"}).alias("target")
    )
    frame.write_csv(folder / "data.csv")
    return frame


GOOD = "tenfold: 1\nname: small\nproblem: {target: target}\ndata: {sources: {data: {path: data.csv}}}\n"


def test_a_typo_names_the_line_and_the_nearest_key(tmp_path: Path, tenfold: Command) -> None:
    table(tmp_path)
    spec(tmp_path, GOOD + "training:\n  budgit: 5m\n")

    done = tenfold("run", "--json", cwd=tmp_path)

    assert done.code == 2
    error = done.document()["error"]
    assert "tenfold.yaml:6" in error["message"]
    assert "budget" in error["message"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (GOOD.replace("data.csv", "absent.csv"), ["absent.csv"]),
        (GOOD.replace("target: target", "target: targte"), ["targte", "target"]),
        (GOOD + "validation: {test: 0.6, validation: 0.5}\n", ["validation"]),
        (GOOD + "validation: {strategy: time}\n", ["time"]),
        (
            GOOD.replace("{target: target}", "{target: target, requirements: [{id: x, that: roc_acu >= 0.7}]}"),
            ["roc_acu", "roc_auc"],
        ),
        (GOOD.replace("{target: target}", "{target: target, requirements: [{id: x, that: roc_auc >= 1.7}]}"), ["1.7"]),
        (GOOD.replace("{path: data.csv}", "{url: 'postgresql://u:secret@localhost/x', table: t}"), ["env"]),
        (GOOD.replace("data.csv", "'${env:TENFOLD_NO_SUCH_NAME}'"), ["TENFOLD_NO_SUCH_NAME"]),
        ("", ["tenfold.yaml"]),
        ("- 1\n- 2\n", ["tenfold.yaml"]),
    ],
)
def test_a_faulty_file_ends_with_exit_2_and_says_what(
    tmp_path: Path, tenfold: Command, text: str, names: list[str]
) -> None:
    table(tmp_path)
    spec(tmp_path, text)

    done = tenfold("run", "--json", cwd=tmp_path)

    assert done.code == 2, done.err
    message = done.document()["error"]["message"]
    assert "secret" not in done.out + done.err
    for name in names:
        assert name in message


def test_an_alias_bomb_is_refused_at_once(tmp_path: Path, tenfold: Command) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    spec(tmp_path, "\n".join(lines))

    done = tenfold("check", "--json", cwd=tmp_path, timeout=20)

    assert done.code == 2
    assert "alias" in done.document()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"", []),
        (b"a,b,target\n", []),
        (b"a,b,target\n" + b"1,2,x\n" * 50, ["target"]),
        (b"a,b,target\n" + b"1,2,\n" * 50, ["target"]),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 20, []),
    ],
    ids=["nothing", "no rows", "one class", "all-null target", "a picture"],
)
def test_unusable_data_ends_in_one_sentence(tmp_path: Path, tenfold: Command, content: bytes, names: list[str]) -> None:
    (tmp_path / "data.csv").write_bytes(content)
    spec(tmp_path, GOOD)

    done = tenfold("run", "--json", cwd=tmp_path)

    assert done.code == 2, done.out + done.err
    message = done.document()["error"]["message"]
    for name in names:
        assert name in message


def test_a_column_of_nothing_is_left_out_and_told(tmp_path: Path, tenfold: Command) -> None:
    table(tmp_path).with_columns(pl.lit(None).alias("void")).write_csv(tmp_path / "data.csv")
    spec(tmp_path, GOOD + "training: {budget: {trials: 1}}\n")

    done = tenfold("run", "--json", cwd=tmp_path)

    assert done.code in {0, 1}, done.err
    assert done.document()["model"]["ref"].endswith("@1")


def test_noise_is_not_feasible_and_ends_with_exit_1(tmp_path: Path, tenfold: Command) -> None:
    rng = np.random.default_rng(3)
    noise = {f"x{i}": rng.normal(size=3000) for i in range(8)}
    pl.DataFrame({**noise, "target": rng.choice(["no", "yes"], 3000)}).write_csv(tmp_path / "data.csv")
    spec(tmp_path, GOOD)

    done = tenfold("run", "--json", cwd=tmp_path)

    assert done.code == 1, done.err
    document = done.document()
    assert document["status"] == "failed"
    assert document["model"] is None
    assert "not feasible" in json.dumps(document)


def test_a_copied_target_is_named_as_leakage_and_ends_with_exit_1(tmp_path: Path, tenfold: Command) -> None:
    frame = table(tmp_path)
    frame.with_columns(pl.col("target").replace_strict({"yes": "refunded", "no": "open"}).alias("status")).write_csv(
        tmp_path / "data.csv"
    )
    spec(tmp_path, GOOD)

    done = tenfold("run", "--json", cwd=tmp_path)

    assert done.code == 1, done.err
    assert "status" in done.document()["stopped"]["reason"]
