"""The run report is one safe, offline page that shows what was judged, decided and found."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tenfold.records.dataset import Column, Dataset, Field, Finding, Source
from tenfold.records.evaluation import CalibrationCheck, Estimate, Evaluation, IntervalCheck, Threshold
from tenfold.records.evidence import Verdict, VerdictName
from tenfold.records.features import FeaturePlan
from tenfold.records.model import Candidate, Candidates, Member
from tenfold.records.problem import (
    Bound,
    Ceiling,
    CurvePoint,
    Feasibility,
    Kpi,
    Leak,
    LearningCurve,
    MetricChoice,
    Problem,
    Requirement,
    SignOff,
)
from tenfold.records.tuning import Tuning
from tenfold.records.validation import ValidationPlan
from tenfold.reports.figures import draw_figures, interval_bar
from tenfold.reports.leaderboard import best_first
from tenfold.reports.outlook import draw_curve
from tenfold.reports.run_report import RunFacts, render_run_report
from tenfold.reports.svg import ticks
from tenfold.reports.words import between, number, percent, short

ATTACK = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"


def estimate(metric: str, value: float | None, *, reason: str = "") -> Estimate:
    if value is None:
        return Estimate(metric=metric, value=None, n=12, reason=reason)
    return Estimate(metric=metric, value=value, low=value - 0.02, high=value + 0.02, n=1500)


def verdict(word: VerdictName, **changes: object) -> Verdict:
    known = {"requirement": "ranks-well", "place": "test", "level": "must", "metric": "roc_auc", "direction": ">="}
    figures = {} if word == "pending" else {"value": 0.81, "low": 0.79, "high": 0.83, "bound": 0.7, "n": 1500}
    return Verdict(**{**known, **figures, "text": "roc_auc >= 0.7", "verdict": word, "reason": "said", **changes})


def plots(name: str = "x") -> dict[str, object]:
    return {
        "roc": {"false_positive_rate": [0.0, 0.2, 1.0], "true_positive_rate": [0.0, 0.7, 1.0]},
        "precision_recall": {"recall": [0.1, 0.5, 1.0], "precision": [0.9, 0.7, 0.3], "share": 0.3},
        "calibration": {"bins": [{"said": 0.2, "happened": 0.25, "low": 0.2, "high": 0.3, "n": 100}]},
        "scores": {"edges": [0.0, 0.5, 1.0], "negative": [80, 20], "positive": [10, 30]},
        "gain": {"rows": [0.0, 0.5, 1.0], "found": [0.0, 0.8, 1.0]},
        "money": {
            "threshold": [0.0, 0.5, 1.0],
            "per_row": [-1.0, 3.0, 0.0],
            "chosen": 0.5,
            "chosen_per_row": 3.0,
            "all": -1.0,
            "none": 0.0,
        },
        "confusion": {"classes": [name, "b"], "counts": [[80, 20], [10, 30]], "left_out": 0},
        "predicted": {"predicted": [1.0, 2.0], "truth": [1.5, 2.5]},
        "residuals": {"edges": [-1.0, 0.0, 1.0], "counts": [3, 4], "mean": 0.1},
        "residual_spread": {
            "bins": [{"said": said, "low": -1.0, "middle": 0.1, "high": 1.0, "n": 40} for said in (1.0, 2.0)]
        },
        "roc_classes": {
            "classes": [
                {"class": name, "area": 0.8, "false_positive_rate": [0.0, 1.0], "true_positive_rate": [0.0, 1.0]}
            ],
            "left_out": 2,
        },
        "precision_recall_classes": {
            "classes": [{"class": name, "recall": [0.1, 1.0], "precision": [0.9, 0.3], "share": 0.3}],
            "left_out": 0,
        },
        "importance": {"columns": [{"column": name, "added_loss": 0.2}, {"column": "z", "added_loss": -0.01}]},
    }


def facts(text: str = "plain") -> RunFacts:
    requirement = Requirement(id=text, metric="roc_auc", direction=">=", bound=Bound(offset=0.7), text=text)
    column = Field(name=text, kind="categorical")
    return RunFacts(
        run="r1",
        version=f"{text}@1",
        problem=Problem(
            name=text,
            task="binary",
            target=text,
            metric=MetricChoice(metric="roc_auc", reason=text, rejected=(("accuracy", text),)),
            objective=text,
            owner=text,
            users=(text,),
            decision=text,
            positive=text,
            classes=("b", text),
            rule=text,
            slices={text: text},
            requirements=(requirement,),
            reasons={"task": text, "positive": text},
            feasibility=Feasibility(
                status="inconclusive",
                reason=text,
                leaks=(Leak(column=text, kind="name", severity="warn", reason=text),),
            ),
        ),
        dataset=Dataset(
            rows=10_000,
            columns=(
                Column(field=column, role="feature", reason=text, missing=3, distinct=4, top=((text, 3),)),
                Column(field=Field(name="n", kind="numeric"), role="id", reason="", low=1.0, high=2.0, mean=1.5),
            ),
            sources=(Source(name=text, location=text, format="csv", rows=10_000, snapshot="s"),),
            snapshot="snap",
            dropped={text: 3},
            findings=(Finding(rule="r", severity="warning", message=text),),
        ),
        validation=ValidationPlan(
            strategy="stratified",
            scheme="kfold",
            blocks=5,
            reason=text,
            counts={"train": 8500, "test": 1500},
            split="hash",
            rejected=((text, text),),
            findings=(text,),
        ),
        features=FeaturePlan(inputs=(text,), views={}, left_out=((text, text),), leaks=(text,), findings=(text,)),
        candidates=Candidates(
            metric="roc_auc",
            candidates=(
                Candidate(key=text, learner=text, params={}, view="native", loss=0.1, score=0.8, low=0.78, high=0.82),
                Candidate(
                    key="constant", learner="constant", params={}, view="", loss=1.0, score=0.5, origin="reference"
                ),
            ),
            members=(Member(key=text, weight=1.0),),
            note=text,
        ),
        tuning=Tuning(method="bayesian", reason=text, members=((text, 1.0),), stopped=text),
        evaluation=Evaluation(
            judged_on="test",
            metrics={
                "test": {"accuracy": estimate("accuracy", 0.9), "roc_auc": estimate("roc_auc", 0.81)},
                "cross-validation": {"roc_auc": estimate("roc_auc", 0.82)},
                "operational": {"size_mb": Estimate(metric="size_mb", value=1.5, low=1.5, high=1.5, n=1)},
            },
            slices={text: {"roc_auc": estimate("roc_auc", None, reason="insufficient: 12 rows")}},
            baseline={"roc_auc": estimate("roc_auc", 0.5)},
            baseline_name="best constant",
            references={"roc_auc": "best constant"},
            threshold=Threshold(value=0.4, reason=text),
            bundle="bundlehash",
            calibration=CalibrationCheck(ece=0.021, slope=0.6, intercept=0.1, mended=True, method="beta", reason=text),
            intervals=IntervalCheck(level=0.9, coverage=estimate("accuracy", 0.9), width=1.4, judged_on="test"),
            plots=plots(text),
            findings=(text,),
        ),
        verdicts=(verdict("pass", requirement=text, text=text, slice=text, reason=text),),
    )


class Tags(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, page: str):
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "line", "rect", "circle", "path", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_nothing_from_the_data_becomes_markup() -> None:
    page = render_run_report(facts(ATTACK))
    seen = Tags(page)
    assert not {"script", "img", "iframe", "object", "link"} & set(seen.names)
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert "{{ 7*7 }}" in "".join(seen.words)
    assert "<script" not in page.casefold()
    assert "<img" not in page.casefold()


def test_backticks_in_reasons_become_code_and_stay_escaped() -> None:
    page = render_run_report(facts("set `<b>x</b>` please"))
    assert "<code>&lt;b&gt;x&lt;/b&gt;</code>" in page
    assert "<b>x</b>" not in page


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = render_run_report(facts())
    links = [value for name, value in Tags(page).attributes if name in ("src", "href", "action", "srcset")]
    beside = [value for value in links if value is not None and not value.startswith("#")]
    assert beside == ["./plain@1.data.html"]
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_every_tag_is_closed_and_every_link_has_its_section() -> None:
    page = render_run_report(facts())
    seen = Tags(page)
    assert seen.open == []
    anchors = {value for name, value in seen.attributes if name == "href" and value.startswith("#")}
    assert anchors == {f"#{value}" for name, value in seen.attributes if name == "id"}
    assert ("lang", "en") in seen.attributes


def test_light_and_dark_phone_and_paper_are_provided_for() -> None:
    page = render_run_report(facts())
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert "@media (max-width" in page
    assert "@media print" in page


def test_every_drawing_has_a_text_for_those_who_cannot_see_it() -> None:
    page = render_run_report(facts())
    drawings = re.findall(r"<svg[^>]*>", page)
    assert len(drawings) >= 10
    assert all('role="img"' in one and re.search(r'aria-label="[^"]+"', one) for one in drawings)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["pass", "pass"], "Passed"),
        (["pass", "fail"], "Failed"),
        (["pass", "inconclusive"], "Inconclusive"),
        (["pass", "pending"], "Passed so far"),
        ([], "Measured"),
    ],
)
def test_the_status_is_what_the_musts_come_to(words: list[VerdictName], status: str) -> None:
    page = render_run_report(replace(facts(), verdicts=tuple(verdict(word) for word in words)))
    assert f"<title>plain@1 – {status}</title>" in page


def test_verdicts_metrics_decisions_and_findings_are_shown() -> None:
    told = " ".join("".join(Tags(render_run_report(facts("flights"))).words).split())
    for shown in (
        "0.7900 to 0.8300",
        "≥ 0.7",
        "1,500",
        "best constant",
        "cross-validation",
        "insufficient: 12 rows",
        "problem: {metric: …}",
        "validation: {strategy:",
        "3 left out (flights)",
        "bundlehash",
        "a row brings 3, 3 more than the best constant decision",
        "mended, beta",
        "slope 0.6000 and intercept 0.1000 (true: 1 and 0)",
        "evaluation: {calibration: auto | off}",
        "on test rows they hold the truth of 90.0%",
    ):
        assert shown in told, shown


def test_an_inconclusive_verdict_says_how_many_rows_would_settle_it() -> None:
    page = render_run_report(replace(facts(), verdicts=(verdict("inconclusive", needed=41_000),)))
    assert "41,000 would settle it" in page


def test_a_run_without_plots_slices_or_requirements_still_gives_a_page() -> None:
    bare = facts()
    bare = replace(
        bare, verdicts=(), evaluation=replace(bare.evaluation, plots={}, slices={}, baseline={}, threshold=None)
    )
    page = render_run_report(bare)
    assert "No requirement is written" in page
    assert 'id="plots"' not in page


def test_equal_records_give_equal_pages() -> None:
    assert render_run_report(facts()) == render_run_report(facts())


def test_figures_are_drawn_for_what_is_on_record_only() -> None:
    assert [figure.title for figure in draw_figures({"roc": plots()["roc"]})] == ["ROC curve"]
    assert len(draw_figures(plots())) == 13
    (shown,) = draw_figures({"roc_classes": plots()["roc_classes"]})
    assert "2 classes that are told apart better are not shown" in shown.caption
    assert draw_figures({"importance": {"columns": [{"column": "z", "added_loss": 0.0}]}}) == ()
    assert draw_figures({"predicted": {"predicted": [2.0], "truth": [2.0]}}) == ()


def test_an_interval_bar_keeps_the_order_of_value_and_bound() -> None:
    bar = interval_bar(low=0.79, value=0.81, high=0.83, bound=0.7, kind="good")
    middle = float(re.findall(r'cx="([\d.]+)"', bar)[0])
    asked = float(re.findall(r'class="bound" x1="([\d.]+)"', bar)[0])
    assert asked < middle
    assert interval_bar(low=None, value=None, high=None, bound=0.7, kind="open") == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.93124, "0.9312"),
        (12.3456, "12.35"),
        (48120.4, "48,120"),
        (1.2e-5, "1.2e-05"),
        (3.0, "3"),
    ],
)
def test_numbers_are_short_and_exact_enough(value: float | None, text: str) -> None:
    assert number(value) == text


def test_words_around_numbers() -> None:
    assert short(0.6) == "0.6"
    assert between(None, None) == "–"
    assert percent(0.0001) == "< 0.1%"
    assert percent(1.0) == "100%"


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.2, 7.9), (0.0, 0.0031), (5.0, 5.0), (100_000.0, 500_001.0)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 8
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)


def test_the_leaderboard_is_in_the_order_of_the_score_that_it_shows() -> None:
    shown = facts()
    first = replace(shown.candidates.candidates[0], origin="search", note="")
    listed = tuple(
        replace(first, key=key, loss=loss, score=score, note=note)
        for key, loss, score, note in (
            ("a", 0.10, 0.71, ""),
            ("b", 0.12, 0.74, ""),
            ("c", 0.11, 0.99, "left the race after 1 folds: slow"),
        )
    )
    ordered = best_first(replace(shown.candidates, metric="roc_auc", candidates=listed))
    assert [each.key for each in ordered] == ["b", "a", "c"]
    ordered = best_first(replace(shown.candidates, metric="rmse", candidates=listed))
    assert [each.key for each in ordered] == ["a", "b", "c"]


def curve(**changes: object) -> LearningCurve:
    known = {
        "metric": "roc_auc",
        "level": 0.9,
        "level_from": "ranks-well",
        "says": "range",
        "reason": "between 570 and 11,000 training rows",
        "points": tuple(CurvePoint(rows=rows, value=0.7 + rows / 10_000, error=0.01) for rows in (100, 200, 400)),
        "rows": 1_000,
        "rows_low": 570,
        "rows_high": 11_000,
        "doubled": 0.8,
        "doubled_low": 0.78,
        "doubled_high": 0.82,
    }
    return LearningCurve(**{**known, **changes})


def test_what_the_data_can_do_is_shown_with_the_curve() -> None:
    shown = facts()
    ceiling = Ceiling(metric="error_rate", value=0.1, low=0.05, high=0.15, n=900, out_of_reach=("too-much",))
    found = Feasibility(
        status="feasible", reason="signal", metric="roc_auc", value=0.8, low=0.78, high=0.82, chance=0.5, n=900,
        ceiling=ceiling, curve=curve(),
    )  # fmt: skip
    page = render_run_report(replace(shown, problem=replace(shown.problem, feasibility=found)))
    for words in (
        "signal found",
        "0.1000 (0.05000 to 0.1500)",
        "too-much",
        "570 to 11,000",
        "Learning curve",
        "0.8000",
    ):
        assert words in page
    drawn = draw_curve(curve())
    assert drawn is not None
    assert drawn.svg.count("<circle") == 4
    assert draw_curve(curve(points=())) is None


def test_promises_stand_as_the_worst_of_what_they_rest_on() -> None:
    shown = facts()
    requirement = shown.verdicts[0].requirement
    kpis = (
        Kpi(id="calls", unit="calls", target=20, window_seconds=30 * 86_400.0, measured_by=(requirement,)),
        Kpi(id="unmeasured", unit="calls", target=20, window_seconds=86_400.0),
    )
    verdict = replace(shown.verdicts[0], verdict="fail")
    problem = replace(shown.problem, kpis=kpis, signoff=(SignOff(who="A. Rossi", role="owner", on="2026-03-31"),))
    page = render_run_report(
        replace(shown, problem=problem, verdicts=(verdict,), evidence={(requirement, verdict.slice): "e77"})
    )
    for words in ("up to 20 calls in 30 days", "unproved", "A. Rossi (owner) on 2026-03-31", "proves calls", "e77"):
        assert words in page.replace("up to 20.00", "up to 20")
