from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.foundation.errors import InputError
from tenfold.records.dataset import Column, Field
from tenfold.records.problem import MetricChoice
from tenfold.spec.draft import Draft, draft_spec, scalar
from tenfold.spec.load import parse_spec
from tenfold.spec.schema import Spec
from tenfold.spec.tree import read_tree

METRIC = MetricChoice(metric="roc_auc", reason="no costs are given", rejected=(("accuracy", "27 % are positive"),))
AWKWARD = [
    "yes",
    "no",
    "on",
    "null",
    "Null",
    "~",
    "true",
    "12",
    "1e3",
    "0x1F",
    ".inf",
    "# not a comment",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "*a",
    "&a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a`",
    "[a]",
    "{a}",
    "a, b",
    "'",
    '"',
    "\\",
    "a'b\"c\\",
    " leading",
    "trailing ",
    "tab\there",
    "new\nline",
    "\u2028",
    "\x85",
    "\ufeff",
    "ünïcode",
    "日本語",
    "😀",
    "a\u200bb",
    "${env:HOME}",
    "$${env:HOME}",
    "-",
    "---",
    "...",
    "=",
    "<<",
    "C:\\data\\x.csv",
    "a%20b",
]


def read(text: str) -> Spec:
    return parse_spec(text.encode(), path="tenfold.yaml", folder=Path("/p"), environ={})


def draft(**changes: object) -> Draft:
    settings: dict[str, object] = {
        "name": "customers",
        "target": "churned",
        "task": "binary",
        "task_reason": "two values",
        "metric": METRIC,
        "path": "customers.csv",
    }
    return Draft(**(settings | changes))  # type: ignore[arg-type]  # any of the fields


def column(name: str, reason: str = "every value is its own") -> Column:
    return Column(field=Field(name=name, kind="categorical"), role="id", reason=reason)


@pytest.mark.parametrize(
    ("task", "that"),
    [
        ("binary", "roc_auc >= baseline + 0.1"),
        ("multiclass", "log_loss <= baseline - 10%"),
        ("regression", "rmse <= baseline - 10%"),
    ],
)
def test_the_default_requirements_suit_the_task(task: str, that: str) -> None:
    spec = read(draft_spec(draft(task=task)))
    assert [(entry.that, entry.level) for entry in spec.problem.requirements] == [
        (that, "must"),
        ("latency_p99_ms <= 50", "should"),
    ]


def test_what_was_inferred_stands_with_its_reason_beside_the_line_that_overrules_it() -> None:
    text = draft_spec(
        draft(
            positive="yes",
            positive_reason="the rarer class",
            time="seen_at",
            time_reason="the one column of times",
            columns=(column("customer_id"),),
            contract="contracts/customers.yaml",
            notes=("a header was found",),
        )
    )
    for words in (
        "# a header was found",
        "two values",
        "task: binary",
        "the rarer class",
        'positive: "yes"',
        "the one column of times",
        "time: seen_at",
        "not accuracy: 27 % are positive",
        "# metric: roc_auc",
        "customer_id: {role: id, kind: categorical}   # every value is its own",
        "contract: contracts/customers.yaml",
        "budget: 5m",
        "seed: 7",
    ):
        assert words in text
    spec = read(text)
    assert spec.problem.positive_label == "yes"
    assert spec.problem.time == "seen_at"
    assert spec.training.budget.time == "5m"


def test_the_columns_that_are_offered_as_comments_can_be_uncommented() -> None:
    text = draft_spec(draft(columns=tuple(column(name, "why:\n# so") for name in AWKWARD if name.strip())))
    before, offered = text.split("  # columns:\n")
    lines = offered.split("\n")
    cut = next(number for number, line in enumerate(lines) if not line.startswith("  #   "))
    uncommented = ["    " + line[len("  #   ") :] for line in lines[:cut] if "more; `tenfold" not in line]
    spec = read(before + "  columns:\n" + "\n".join([*uncommented, *lines[cut:]]))
    shown = [name for name in AWKWARD if name.strip()][:40]
    assert list(spec.data.columns) == shown


def test_a_database_is_written_without_its_secret_being_touched() -> None:
    text = draft_spec(draft(path=None, url="postgresql://me:${env:PW}@h/db", table="customers"))
    spec = parse_spec(text.encode(), path="f", folder=Path("/p"), environ={"PW": "x"})
    assert spec.data.sources["data"].url == "postgresql://me:${env:PW}@h/db"


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names_read_back_as_themselves(name: str) -> None:
    assert read_tree(f"a: {scalar(name)}".encode(), path="f").plain() == {"a": name}
    spec = read(draft_spec(draft(target="t" + name, positive=name or None, path="d/" + name, time="w" + name)))
    assert spec.problem.target == "t" + name
    assert spec.locations["data"].secret.reveal() == "/p/d/" + name


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InputError, match="not valid Unicode"):
        draft_spec(draft(target="a\udc80"))


@pytest.mark.parametrize("label", ["true", "1", "-3", "1.5", "1.0", "01", "yes", "null", "1e3", "1" * 30])
def test_a_positive_class_reads_back_as_the_same_label(label: str) -> None:
    assert read(draft_spec(draft(positive=label))).problem.positive_label == label


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40).filter(str.strip)


@given(
    target=names, path=names, time=st.none() | names, reason=st.text(max_size=80), listed=st.lists(names, max_size=5)
)
def test_any_names_and_reasons_give_a_file_that_loads_again(
    target: str, path: str, time: str | None, reason: str, listed: list[str]
) -> None:
    file = "d/" + path.replace("://", "_")
    if time == target:
        time = None
    text = draft_spec(
        draft(
            target=target,
            path=file,
            time=time,
            task_reason=reason,
            positive_reason=reason,
            positive="a",
            notes=(reason,),
            columns=tuple(column(name, reason) for name in listed),
        )
    )
    spec = read(text)
    assert spec.problem.target == target
    assert spec.problem.time == time
    assert spec.locations["data"].secret.reveal() == str(Path("/p") / file)
