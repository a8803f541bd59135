from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tenfold.foundation.errors import InputError, SpecError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.spec.faults import SpecFaults
from tenfold.spec.load import load_spec, parse_spec, project_name
from tenfold.spec.schema import Spec

SMALLEST = "problem: {target: y}\ndata: {path: x.csv}\n"


def parse(text: str, environ: Mapping[str, str] | None = None, folder: str = "/project") -> Spec:
    return parse_spec(text.encode(), path="tenfold.yaml", folder=Path(folder), environ=environ or {})


def fault(text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SpecError) as raised:
        parse(text, environ)
    return str(raised.value)


def test_a_target_and_a_source_are_enough() -> None:
    spec = parse(SMALLEST, folder="/home/someone/My churn!")
    assert spec.name == "My-churn"
    assert spec.problem.target == "y"
    assert list(spec.data.sources) == ["data"]
    assert spec.locations["data"].secret.reveal() == "/home/someone/My churn!/x.csv"
    assert spec.training.budget.seconds == 300.0
    assert (spec.validation.test, spec.validation.validation, spec.training.seed) == (0.15, 0.15, 7)
    assert spec.store_folder == Path("/home/someone/My churn!/.tenfold")


def test_the_flights_example_is_understood_whole() -> None:
    spec = load_spec(Path(__file__).parents[3] / "src" / "tenfold" / "demo" / "flights.yaml", {})
    assert spec.name == "flight-delays"
    assert spec.problem.positive_label == "true"
    assert spec.problem.labels_after_seconds == 86_400.0
    assert spec.problem.value is not None
    assert (spec.problem.value.true_positive, spec.problem.value.false_positive) == (40.0, -8.0)
    assert [requirement.id for requirement in spec.requirements][:2] == ["ranks-well", "worth-it"]
    assert spec.requirements[2].slices == ("jfk", "evening")
    assert spec.requirements[2].level == "should"
    assert spec.data.sources["weather"].available_seconds == 3600.0
    assert spec.line_of("problem", "slices", "jfk") == 19


def test_every_setting_of_the_seven_stages_has_a_place() -> None:
    spec = parse(
        """
tenfold: 1
name: all
problem:
  target: y
  task: binary
  metric: log_loss
  positive: 1.0
  time: t
  risk: high
  users: [a, b]
  feasibility: warn
  requirements:
    - {id: r, that: "roc_auc >= champion - 1%", where: [test, retrain], confidence: 0.9, level: should}
data:
  sources:
    a: {path: a.csv, delimiter: tab, quote: false, header: true, encoding: latin-1, time: t, available: 90m}
    b: {path: b.db, table: b}
  query: SELECT 1
  timezone: Europe/Vienna
  contract: contracts/a.yaml
  duplicates: drop
  columns:
    c: {role: entity, available: later, impute: median, scale: robust, kind: numeric, allow: true}
    d: {role: sensitive, feature: true}
features: {dates: false, lags: {c: [1, 7d]}, select: off}
validation: {strategy: time, test: 0, validation: 0.2, folds: 4, gap: 12h}
training: {learners: [lightgbm, linear], budget: {trials: 20}, cores: 2, seed: 0}
tuning: {method: bayesian}
evaluation: {metrics: [f1]}
store: state
engine: local
"""
    )
    assert spec.problem.positive_label == "1"
    assert spec.data.sources["a"].delimiter == "\t"
    assert spec.features.lags["c"] == (1, "7d")
    assert spec.features.select == "off"
    assert spec.training.budget.trials == 20
    assert spec.training.budget.seconds is None
    assert spec.validation.gap_seconds == 43_200.0
    assert spec.store_folder == Path("/project/state")


def test_amounts_by_class_are_read_by_truth_and_decision() -> None:
    value = parse(
        "problem: {target: y, value: {b: {a: -1, b: 2}, a: {a: 1, b: 0.5}}}\ndata: {path: x.csv}"
    ).problem.value
    assert value is not None
    assert value.amounts == {"b": {"a": -1.0, "b": 2.0}, "a": {"a": 1.0, "b": 0.5}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "problem:\n  tagret: y\ndata: {path: x}",
            "tenfold.yaml:2: 'tagret' is not a key of problem. Did you mean 'target'?",
        ),
        (
            SMALLEST + "training:\n  budgit: 5m",
            "tenfold.yaml:4: 'budgit' is not a key of training. Did you mean 'budget'?",
        ),
        (SMALLEST + "trainin: {}", "tenfold.yaml:3: 'trainin' is not a section. Did you mean 'training'?"),
        (SMALLEST + "seed: 7", "'seed' is not a section; it belongs in training"),
        (SMALLEST + "deployment: {promote: yes}", "deployment.promote must be one of ask, auto, found 'yes'"),
        (SMALLEST + "deployment: {endpoint: a/b}", "deployment.endpoint must be a name of letters"),
        (SMALLEST + "deployment: {promot: ask}", "Did you mean 'promote'?"),
        (SMALLEST + "deployment: {strategy: rolling}", "one of all, shadow, canary, ab, found 'rolling'"),
        (SMALLEST + "deployment: {canary: {steps: [10%, 5%]}}", "must rise, so that who was in the canary stays in it"),
        (SMALLEST + "deployment: {canary: {steps: []}}", "must be 1 to 20 shares, found 0"),
        (SMALLEST + "deployment: {canary: {steps: [much]}}", "such as 10% or 0.1, found much"),
        (SMALLEST + "deployment: {canary: {requests: 3}}", "deployment.canary.requests must be from 30"),
        (SMALLEST + "deployment: {canary: {requests: 900, most: 1000}}", "less than the 3 steps need"),
        (SMALLEST + "deployment: {ab: {share: 100%}}", "must leave something to the champion"),
        (SMALLEST + "deployment: {shadow: {share: 0%}}", "above 0% and at most 100%"),
        (SMALLEST + "monitoring: {window: 7}", "monitoring.window needs a unit: write 7s"),
        (SMALLEST + "monitoring: {window: 0s}", "monitoring.window of 0s is too short"),
        (SMALLEST + "monitoring: {quiet: 0}", "monitoring.quiet is a number of windows, from 1 to 1,000,000, found 0"),
        (SMALLEST + "monitoring: {alerts: [nobody]}", "monitoring.alerts[1] must be a URL"),
        (SMALLEST + 'monitoring: {alerts: ["${env:NOWHERE}"]}', "the environment variable 'NOWHERE' is not set"),
        (SMALLEST + "retraining: {when: autom}", "Did you mean 'auto'?"),
        (SMALLEST + 'retraining: {when: "61 * * * *"}', "retraining.when must be auto, off or a schedule"),
        (SMALLEST + 'retraining: {when: "0 6 30 2 *"}', "tenfold.yaml:3: retraining.when must be auto"),
        (SMALLEST + 'retraining: {when: "0 6 30 2 *"}', "such a moment never comes"),
        (SMALLEST + 'retraining: {when: "0 4 * * 1"}', "days of the week are written by name"),
        (SMALLEST + "retraining: {budget_per_week: 0}", "`when: off` trains never"),
        (SMALLEST + "retraining: {budget: {}}", "retraining.budget is empty"),
        (
            "problem: {target: y}\ndata: {path: x, delimeter: ';'}",
            "'delimeter' is not a key of data. Did you mean 'delimiter'?",
        ),
        (
            "problem: {target: y}\ndata: {sources: {a: {pth: x}}}",
            "'pth' is not a key of data.sources.a. Did you mean 'path'?",
        ),
        ("problem: {target: y}\ndata: {path: x, columns: {c: {rol: id}}}", "data.columns.c. Did you mean 'role'?"),
        ("problem: {target: y, requirements: [{id: a, thta: x}]}\ndata: {path: x}", "Did you mean 'that'?"),
        (SMALLEST + "features: {intractions: 10}", "'intractions' is not a key of features"),
        (SMALLEST + "training: {readable: true}", "'readable' is not a key of training"),
        ("data: {path: x}", "the section 'problem' is missing"),
        ("problem: {target: y}", "the section 'data' is missing"),
        ("problem: {}\ndata: {path: x}", "problem needs the key 'target'"),
        ("problem: {target: y}\ndata: {}", "data needs a source"),
        ("problem: {target: y}\ndata: {sources: {}}", "data.sources is empty"),
        ("problem: {target: y}\ndata: x.csv", "data must be a mapping such as {path: x.csv}, found 'x.csv'"),
        ("problem: {target: y}\ndata: {sources: {a: x.csv}}", "data.sources.a must be a mapping such as {path: x.csv}"),
        ("- a", "the file must be a mapping of sections (problem:, data:, …), found a list"),
        ("hello", "found 'hello'"),
        ("tenfold: 2", "the format after 'tenfold:' must be 1, found the number 2"),
        ("tenfold: true", "must be 1, found true"),
        (
            SMALLEST.replace("target: y", "target: 5"),
            "problem.target must be text, found the number 5. Put it in quotes: '5'",
        ),
        (SMALLEST.replace("target: y", "target: true"), "Put it in quotes: 'true'"),
        (SMALLEST.replace("target: y", "target: ''"), "problem.target must not be empty"),
        ("problem:\n  target:\ndata: {path: x}", "tenfold.yaml:2: problem.target must be text, found nothing"),
        (
            SMALLEST.replace("y}", "y, task: binar}"),
            "must be one of binary, multiclass, regression, found 'binar'. Did you mean 'binary'?",
        ),
        (SMALLEST.replace("y}", "y, users: bob}"), "problem.users must be a list, found 'bob'"),
        (SMALLEST + "validation: {test: '0.3'}", "validation.test must be a number, found '0.3'"),
        (SMALLEST + "validation: {folds: 2.5}", "validation.folds must be a whole number, found the number 2.5"),
        (SMALLEST + "validation: {test: .nan}", "validation.test must be a finite number"),
        (SMALLEST + "validation: {test: true}", "validation.test must be a number, found true"),
        (SMALLEST + "training: {budget: 60}", "training.budget needs a unit: write 60s"),
        (SMALLEST + "training: {budget: soon}", "'soon' is not a duration"),
        (SMALLEST + "training: {budget: -5m}", "'-5m' is not a duration"),
        (SMALLEST + "training: {cores: many}", "training.cores must be auto or a whole number, found 'many'"),
        (SMALLEST + "training: {learners: [lightgmb]}", "training.learners[1] must be one of linear, lightgbm"),
        (SMALLEST + "training: {learners: lightgbm}", "training.learners must be auto or a list, found 'lightgbm'"),
        (SMALLEST + "features: {dates: yes}", "features.dates must be true or false, found 'yes'"),
        (SMALLEST + "features: {lags: {a: [0]}}", "features.lags.a[1] must be 1 or more rows back, found 0"),
        (SMALLEST + "features: {lags: {a: [soon]}}", "'soon' is not a duration"),
        (
            SMALLEST + "tuning: {method: gird}",
            "tuning.method must be one of auto, grid, random, bayesian, hyperband, asha",
        ),
        (SMALLEST + "engine: ray://head:10001", "engine must be local, found 'ray://…'"),
        (SMALLEST + "name: a b", "name must be a name of letters, digits"),
        (SMALLEST + "problem: {}", "the key 'problem' stands here a second time"),
        ("problem: {target: y}\ndata: {sources: {1a: {path: x}}}", "a name that SQL can use"),
    ],
)
def test_faults_name_the_place_what_was_found_and_the_nearest_key(text: str, words: str) -> None:
    assert words in fault(text)


def test_a_misspelt_key_is_one_fault_and_not_a_missing_one_as_well() -> None:
    assert "\n" not in fault("problem:\n  tagret: y\ndata: {path: x}")


def test_all_unknown_keys_are_told_at_once_in_the_order_of_the_file() -> None:
    with pytest.raises(SpecFaults) as raised:
        parse(SMALLEST + "zzz: 1\ntraining: {budgit: 5m}\nmonitorin: {}\n")
    assert [fault.line for fault in raised.value.faults] == [3, 4, 5]
    assert raised.value.line == 3
    assert str(raised.value).count("tenfold.yaml:") == 3


def test_a_flood_of_faults_is_cut() -> None:
    message = fault(SMALLEST + "".join(f"zzz{number}: 1\n" for number in range(30)))
    assert message.count("\n") == 8
    assert message.endswith("22 more faults are not shown")


def test_a_missing_file_is_told_with_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tenfold init DATA --target COLUMN"):
        load_spec(tmp_path, {})
    (tmp_path / "tenfold.yaml").mkdir()
    with pytest.raises(InputError, match="is not a file"):
        load_spec(tmp_path, {})


def test_a_project_may_be_named_by_its_folder_or_its_file(tmp_path: Path) -> None:
    (tmp_path / "tenfold.yaml").write_text(SMALLEST)
    (tmp_path / "other.yaml").write_text(SMALLEST.replace("x.csv", "../elsewhere/x.csv"))
    assert load_spec(tmp_path, {}).folder == tmp_path
    other = load_spec(tmp_path / "other.yaml", {})
    assert other.path == str(tmp_path / "other.yaml")
    assert other.locations["data"].secret.reveal() == str(tmp_path / "../elsewhere/x.csv")


def test_the_same_settings_have_the_same_fingerprint_wherever_they_were_read() -> None:
    here, there = parse(SMALLEST + "name: m", folder="/a"), parse("# moved\n" + SMALLEST + "name: m", folder="/b")
    assert fingerprint(here) == fingerprint(there)
    assert fingerprint(here) != fingerprint(parse(SMALLEST + "name: n"))


@pytest.mark.parametrize(
    ("folder", "name"), [("Kunden 2026", "Kunden-2026"), ("ünïcode", "n-code"), ("/", "model"), ("...", "model")]
)
def test_a_folder_gives_a_name_that_can_be_registered(folder: str, name: str) -> None:
    assert project_name(Path("/") / folder if folder != "..." else Path("/___x/..")) == name


def test_the_sections_of_production_have_defaults() -> None:
    spec = parse(SMALLEST + "name: flights\n")
    assert (spec.endpoint, spec.deployment.promote) == ("flights", "ask")
    assert (spec.monitoring.window_seconds, spec.monitoring.quiet, spec.alert_locations) == (86400.0, 200, ())
    assert (spec.retraining.when, spec.retraining.schedule, spec.retraining.budget) == ("auto", None, None)


def test_the_sections_of_production_are_read() -> None:
    text = """
deployment: {endpoint: gate, promote: auto}
monitoring: {window: 7d, quiet: 50, alerts: ["${env:ALERTS_URL}"]}
retraining: {when: "0 4 * * mon", promote: auto, budget_per_week: 1, budget: 20s}
"""
    spec = parse(SMALLEST + text, environ={"ALERTS_URL": "json://host/secret"})
    assert (spec.endpoint, spec.deployment.promote) == ("gate", "auto")
    assert spec.monitoring.window_seconds == 7 * 86400.0
    assert [place.shown for place in spec.alert_locations] == ["${env:ALERTS_URL}"]
    assert [place.secret.reveal() for place in spec.alert_locations] == ["json://host/secret"]
    assert "secret" not in repr(spec)
    assert spec.retraining.schedule == "0 4 * * mon"
    assert spec.retraining.budget is not None
    assert spec.retraining.budget.seconds == 20.0
