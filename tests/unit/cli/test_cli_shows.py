from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console
from tests.unit.cli.conftest import Answer

from tenfold.cli.label import show_label
from tenfold.cli.tick import show_tick

Tenfold = Callable[..., Any]

RUN: dict[str, Any] = {
    "schema": "tenfold.run/1",
    "run": "r1",
    "status": "failed",
    "task": "binary",
    "model": {"name": "flights", "version": 3, "ref": "flights@3", "path": "/p/b.zip"},
    "stopped": None,
    "metrics": {"test": {"roc_auc": {"value": 0.71234, "low": 0.7012, "high": 0.7233, "n": 12034}}},
    "requirements": [
        {
            "id": "ranks",
            "that": "roc_auc >= 0.65",
            "verdict": "pass",
            "level": "must",
            "slice": "",
            "value": 0.7123,
            "low": 0.7,
            "high": None,
            "bound": 0.65,
            "n": 12034,
            "needed": None,
            "reason": "well above",
        },
        {
            "id": "worth",
            "that": "value_per_row >= baseline + 10%",
            "verdict": "inconclusive",
            "level": "should",
            "slice": "jfk",
            "value": 1.5,
            "low": 1.1,
            "high": 1.9,
            "bound": 1.2,
            "n": 500,
            "needed": 48000,
            "reason": "the interval holds the bound",
        },
        {
            "id": "fast",
            "that": "latency_p99_ms <= 20",
            "verdict": "pending",
            "level": "must",
            "slice": "",
            "value": None,
            "low": None,
            "high": None,
            "bound": 20.0,
            "n": 0,
            "needed": None,
            "reason": "not measured",
        },
    ],
    "leaderboard": [
        {
            "learner": f"lightgbm {n}",
            "score": 0.7,
            "low": 0.6,
            "high": 0.8,
            "seconds": 3.0,
            "weight": 0.5 if n in (0, 6) else 0.0,
            "row_cpu_us": 2.0,
        }
        for n in range(7)
    ],
    "ways": {
        "best": {"value": 0.5775, "low": None, "high": None},
        "corrected": {"value": 0.5184, "low": 0.445, "high": 0.587},
        "nested": {"value": 0.4653, "low": 0.414, "high": 0.517},
        "sealed": {"value": 0.5242, "low": 0.4, "high": 0.645},
    },
    "search": {
        "method": "random",
        "reason": "about 20 trials are affordable",
        "trials": 20,
        "selection": {"metric": "roc_auc", "candidates": 28},
        "rejected": [
            {"number": n, "learner": "lightgbm", "reason": f"size_mb 2{n} is over 20 (small)"} for n in range(5)
        ],
    },
    "split": {
        "strategy": "time",
        "scheme": "rolling",
        "folds": 5,
        "gap_seconds": 172_800.0,
        "window_seconds": 7_776_000.0,
        "reason": "older rows train",
        "findings": ["95 rows just before the test part are left out"],
    },
    "calibration": {"mended": True, "method": "logistic", "reason": "the log loss falls"},
    "intervals": {
        "level": 0.9,
        "coverage": {"value": 0.91, "low": 0.885, "high": 0.931},
        "judged_on": "test",
        "width": 5.6,
    },
    "report": "/p/report.html",
    "seconds": 58.3,
}


def shown(tenfold: Tenfold, project: Any, content: dict[str, Any], *command: str) -> str:
    project.answer = Answer(content)
    text: str = tenfold(*command).out
    return text


def test_a_run_ends_with_verdicts_intervals_the_board_where_things_are_and_what_to_type(
    tenfold: Tenfold, project: Any
) -> None:
    text = shown(tenfold, project, RUN, "run")
    for words in (
        "flights@3  failed",
        "/p/report.html",
        "/p/b.zip",
        "58 s",
        "0.7123 [0.7, …]",
        "12,034",
        "worth (jfk) (should)",
        "value_per_row >= baseline + 10% (1.2)",
        "1.5 [1.1, 1.9]",
        "the interval holds the bound; about 48,000 rows would settle it",
        "fast: not measured",
        "0.7123 [0.701, 0.724]",
        "roc_auc: best 0.5775; corrected 0.5184 [0.445, 0.587]; nested 0.4653",
        "sealed 0.5242 [0.4, 0.645] (of 28 tried)",
        "time, rolling, 5 folds, gap 2 days, window 90 days: older rows train",
        "95 rows just before the test part are left out",
        "random, 20 trials: about 20 trials are affordable",
        "trial 0 (lightgbm): size_mb 20 is over 20 (small)",
        "and 2 more",
        "mended (logistic): the log loss falls",
        "90 %: hold the truth of 0.91 [0.885, 0.931] of the test rows",
        "50 %",
        "1 more",
        "tenfold predict flights@3 NEW.csv --output scored.csv",
    ):
        assert words in text
    assert "well above" not in text


def test_a_stopped_run_says_where_and_why_and_suggests_nothing(tenfold: Tenfold, project: Any) -> None:
    stopped = {
        **RUN,
        "model": None,
        "metrics": {},
        "requirements": [],
        "leaderboard": [],
        "report": None,
        "stopped": {"stage": "problem", "reason": "not feasible: no signal"},
        "feasibility": {"status": "infeasible", "reason": "roc_auc 0.50 [0.48, 0.52]"},
    }
    text = shown(tenfold, project, stopped, "run")
    assert "problem: not feasible: no signal" in text
    assert "infeasible: roc_auc 0.50" in text
    assert "next" not in text


def test_markup_in_names_is_text(tenfold: Tenfold, project: Any) -> None:
    content = {
        "rows": 2,
        "columns": [{"field": {"name": "[red]a[/red]", "kind": "text"}, "missing": 1}],
        "notes": ["[b]"],
    }
    text = shown(tenfold, project, content, "profile", "x.csv")
    assert "[red]a[/red]" in text
    assert "[b]" in text
    assert "50 %" in text


def test_a_plan_says_why_each_stage_would_run(tenfold: Tenfold, project: Any) -> None:
    stages = [
        {"name": "data", "cached": True, "reasons": [], "seconds": 2.0},
        {"name": "training", "cached": False, "reasons": ["'data' changed", "the seed changed"], "seconds": None},
    ]
    lines = shown(tenfold, project, {"stages": stages}, "plan").splitlines()
    assert lines[1].split() == ["data", "cached", "2.0", "s"]
    assert lines[2].endswith("'data' changed; the seed changed")


@pytest.mark.parametrize(
    ("content", "command", "words"),
    [
        ({"runs": []}, ("runs", "list"), ["no runs yet"]),
        (
            {
                "runs": [
                    {
                        "run": "r1",
                        "status": "crashed",
                        "at": "2026-11-23T05:57:53+00:00",
                        "model": "m@1",
                        "reason": "killed",
                        "stages": [{"name": "a", "cached": True}, {"name": "b", "cached": False}],
                    }
                ]
            },
            ("runs", "list"),
            ["r1", "2026-11-23 05:57", "crashed", "2, 1 cached", "m@1", "killed"],
        ),
        ({"run": "r1", "document": RUN}, ("runs", "show", "r1"), ["flights@3  failed"]),
        ({"run": "r1", "status": "crashed", "document": None, "stages": []}, ("runs", "show", "r1"), ["r1  crashed"]),
        (
            {
                "before": "r1",
                "after": "r2",
                "spec": "--- r1\n+++ r2\n-a: [1]\n+a: [2]\n",
                "stages": [],
                "metrics": [{"name": "test roc_auc", "before": 0.7, "after": 0.75}],
                "requirements": [{"name": "x", "before": "fail", "after": None}],
            },
            ("runs", "diff", "r1", "r2"),
            ["+a: [2]", "test roc_auc", "0.75", "fail", "–"],
        ),
        ({"before": "r1", "after": "r2"}, ("runs", "diff", "r1", "r2"), ["r1 and r2 do not differ"]),
        ({"equal": True, "expected": "abc", "found": "abc"}, ("runs", "reproduce", "r1"), ["the same bundle  passed"]),
        (
            {"equal": False, "expected": "abc", "found": "abd"},
            ("runs", "reproduce", "r1"),
            ["another bundle  failed", "abd"],
        ),
        ({"models": []}, ("model", "list"), ["no models yet"]),
        (
            {
                "models": [
                    {
                        "ref": "m@1",
                        "aliases": ["champion"],
                        "at": "2026-11-23T05:57",
                        "run": "r1",
                        "bundle": "abcdef123456789",
                    }
                ]
            },
            ("model", "list"),
            ["m@1", "champion", "abcdef123456"],
        ),
        (
            {
                "ref": "m@1",
                "task": "binary",
                "threshold": 0.31,
                "inputs": [{"name": "age", "kind": "numeric"}],
                "evidence": [
                    {"verdict": {"requirement": "ranks", "verdict": "pass", "place": "test", "value": 0.7, "n": 9}}
                ],
            },
            ("model", "show", "m@1"),
            ["m@1", "0.31", "age", "ranks", "pass"],
        ),
        (
            {
                "events": [
                    {"event": "registered", "ref": "m@1", "run": "r1", "at": "2026-11-23T05:57"},
                    {"event": "alias", "name": "m", "alias": "champion", "number": 1, "by": "ann", "reason": "better"},
                    {"event": "alias", "name": "m", "alias": "champion", "number": None},
                ]
            },
            ("model", "history", "m"),
            ["m@1 registered by run r1", "champion is m@1", "ann", "better", "champion is nothing"],
        ),
        (
            {
                "ok": False,
                "folder": "/p/.tenfold",
                "checks": [{"name": "blobs", "status": "damage", "message": "one is gone"}],
            },
            ("store", "doctor"),
            ["/p/.tenfold  damaged", "one is gone"],
        ),
        (
            {"ok": True, "folder": "/p", "entries": 12, "head": {"index": 12, "hash": "abc"}, "problems": []},
            ("store", "verify"),
            ["/p  ok", "12", "abc"],
        ),
        (
            {
                "path": "tenfold.yaml",
                "rows": 1000,
                "columns": 9,
                "task": "binary",
                "reasons": ["two values"],
                "target": "y",
            },
            ("init", "x.csv"),
            ["wrote tenfold.yaml", "1,000 rows, 9 columns", "two values", "tenfold run --budget 60s"],
        ),
        (
            {
                "ok": False,
                "stopped": "leakage",
                "metric": {"name": "roc_auc", "reason": "why"},
                "feasibility": {"status": "leaking", "reason": "x tells"},
                "warnings": [{"severity": "critical", "source": "data", "message": "bad", "override": "data.x"}],
            },
            ("check",),
            ["check  failed", "leakage", "roc_auc: why", "leaking: x tells", "bad", "data.x"],
        ),
        (
            {"output": "o.csv", "model": "m@1", "rows": 50, "columns": ["prediction", "proba_a"], "seconds": 1.0},
            ("predict", "m@1", "x.csv", "--output", "o.csv"),
            ["wrote o.csv", "50", "prediction, proba_a", "1.0 s"],
        ),
    ],
)
def test_documents_are_shown_with_what_matters(
    tenfold: Tenfold, project: Any, content: dict[str, Any], command: tuple[str, ...], words: list[str]
) -> None:
    text = shown(tenfold, project, content, *command)
    for word in words:
        assert word in text


def test_taken_in_outcomes_say_how_many_ids_are_known_predictions() -> None:
    taken = {"source": "o.csv", "batch": 1, "rows": 2, "ids": 2, "again": 0, "corrected": 0, "strangers": 2}
    assert "took in 2 outcomes" in printed(show_label, taken)
    assert "known predictions  0 of 2 ids" in printed(show_label, taken)
    again = {**taken, "batch": None, "again": 2, "strangers": 0}
    assert "nothing new: all outcomes were known" in printed(show_label, again)


def printed(show: Callable[[dict[str, Any], Console], None], document: dict[str, Any]) -> str:
    stream = io.StringIO()
    show(document, Console(file=stream, width=200))
    return stream.getvalue()


def test_a_pass_that_renews_nothing_says_so_in_a_sentence() -> None:
    document = {"decisions": [{"action": "none", "champion": "cancer@2", "reason": "no reason to train"}]}
    assert printed(show_tick, document).startswith("nothing to renew: cancer@2 stays")


def test_passes_without_a_pause_are_refused(tenfold: Tenfold) -> None:
    refused = tenfold("up", "--every", "0s")
    assert refused.code != 0
    assert "--every is at least 1s" in refused.err
