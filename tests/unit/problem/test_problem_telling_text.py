"""Answers in texts and file names, and states that the outcome brings about."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tenfold.records.dataset import Field
from tenfold.records.problem import Leak
from tenfold.stages.problem.leakage import find_leaks
from tenfold.stages.problem.sample import Sample

ROWS = 1_500
WORDS = ["form", "paper", "call", "again", "week", "desk", "ready", "sent", "late", "agent", "line", "month"]


def leaks_of(
    column: pl.Series, truth: np.ndarray, *, kind: str = "text", classes: tuple[str, ...] = ("kept", "lost")
) -> list[Leak]:
    sample = Sample(
        task="binary" if len(classes) == 2 else "multiclass",
        target="y",
        table=pl.DataFrame([column]),
        features=(Field(name=column.name, kind=kind),),  # type: ignore[arg-type]  # a kind
        truth=truth,
        classes=classes,
    )
    return list(find_leaks(sample, (), seed=0))


def drawn(seed: int, classes: int = 2) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, rng.integers(0, classes, ROWS)


def texts(rng: np.random.Generator) -> list[str]:
    return [" ".join(rng.choice(WORDS, 9)) for _ in range(ROWS)]


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_a_label_in_free_text_is_found_and_where_it_tells_all_it_blocks(share: float) -> None:
    rng, truth = drawn(0)
    notes = [
        f"{text} [y={('kept', 'lost')[code]}]" if rng.random() < share else text
        for text, code in zip(texts(rng), truth, strict=True)
    ]
    (leak,) = leaks_of(pl.Series("note", notes), truth)
    assert (leak.column, leak.kind) == ("note", "text")
    assert leak.severity == ("block" if share == 1.0 else "warn")


def test_words_that_hang_together_with_the_target_are_no_leak() -> None:
    rng, truth = drawn(1)
    notes = [
        f"{text} {'refund' if rng.random() < 0.2 + 0.4 * code else 'thanks'}"
        for text, code in zip(texts(rng), truth, strict=True)
    ]
    assert not leaks_of(pl.Series("note", notes), truth)


@pytest.mark.parametrize("classes", [2, 4])
def test_a_class_in_the_file_name_is_found_whatever_stands_for_it(classes: int) -> None:
    rng, truth = drawn(2, classes)
    folders = ["s1", "s2", "s3", "s4"][:classes]
    names = [f"scans/{folders[code]}/img_{row:05d}.png" for row, code in zip(rng.permutation(ROWS), truth, strict=True)]
    labels = tuple(f"class {code}" for code in range(classes))
    (leak,) = leaks_of(pl.Series("file", names), truth, kind="categorical", classes=labels)
    # A string of its own in every row is an identifier, and no feature: told, not stopped.
    assert (leak.column, leak.kind, leak.severity) == ("file", "file-name", "warn")


def test_file_names_without_the_class_are_left_in_peace() -> None:
    rng, truth = drawn(3)
    names = [f"scans/a{row % 7}/img_{row:05d}.png" for row in rng.permutation(ROWS)]
    assert not leaks_of(pl.Series("file", names), truth, kind="categorical")


def test_a_state_that_the_outcome_brings_about_is_told() -> None:
    rng, truth = drawn(4)
    seen = np.where(rng.random(ROWS) < 0.03, 1 - truth, truth)
    words = np.where(seen == 1, rng.choice(["refunded", "claimed"], ROWS), rng.choice(["open", "new"], ROWS))
    (leak,) = leaks_of(pl.Series("status", words), truth, kind="categorical")
    assert (leak.kind, leak.severity) == ("post-outcome", "warn")
