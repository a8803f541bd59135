"""A model that is served, watched and labelled: windows, late outcomes, incidents."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.format import load_bundle
from tenfold.bundle.model import Model
from tenfold.foundation.clock import ManualClock
from tenfold.foundation.errors import DataError
from tenfold.measures.metrics import METRICS
from tenfold.measures.outcome import Outcome
from tenfold.project.labels import label_file, label_rows
from tenfold.project.open import open_project
from tenfold.project.watch import WatchReport, show, watch
from tenfold.records.evidence import Evidence
from tenfold.spec.load import load_spec
from tenfold.spec.schema import Spec
from tenfold.store.open import Store, open_store
from tenfold.store.predictions.log import Answered, Origin, PredictionLog
from tests.e2e.conftest import Command

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LIVE = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
YAML = """
tenfold: 1
name: visits
problem:
  target: bought
  positive: "yes"
  time: at
  labels: {after: 1d}
  requirements:
    - {id: auc, that: "roc_auc >= 0.70"}
    - {id: better, that: "log_loss <= baseline", where: [live]}
    - {id: shop, that: "roc_auc >= 0.60", slices: [east], level: should, where: [live]}
    - {id: fast, that: "latency_p99_ms <= 100"}
  slices: {east: "shop = 'east'"}
data: {path: visits.csv}
training: {budget: {trials: 2}, learners: [linear]}
monitoring: {window: 1d, quiet: 200}
"""


def visits(start: datetime, days: int, each: int, *, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = days * each
    spent, age = rng.gamma(3.0, 20.0, n), rng.normal(40, 10, n)
    shop = rng.choice(["east", "west", "north"], n)
    chance = 1 / (1 + np.exp(-(0.05 * (spent - 60) + (shop == "east") * 0.8)))
    at = [start + DAY * (i // each) + timedelta(seconds=(i % each) * 86000 // each) for i in range(n)]
    return pl.DataFrame(
        {
            "at": at,
            "spent": spent.round(3),
            "age": age.round(2),
            "shop": shop,
            "member": rng.random(n) < 0.4,
            "bought": np.where(rng.random(n) < chance, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("visits")
    (folder / "tenfold.yaml").write_text(YAML)
    visits(FIRST, 100, 40, seed=1).write_csv(folder / "visits.csv")
    with open_project(folder).store as store:
        open_project(folder).run(workers="inline")
        assert store.registry.find("visits@1").number == 1
    return folder


def judged_live(store: Store) -> list[Evidence]:
    return [each for each in store.evidence.of() if "window" in each.inputs]


@dataclass
class World:
    """A project on a clock that is moved by hand, with a log that is written as the gateway writes it."""

    spec: Spec
    store: Store
    clock: ManualClock
    model: Model
    log: PredictionLog
    sent: dict[str, str] = field(default_factory=dict)

    def serve(
        self, rows: pl.DataFrame, *, prefix: str = "p", change: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    ) -> None:
        version = self.store.registry.find("visits@1")
        given = rows if change is None else change(rows)
        table = self.model.conform(given.drop("bought"))
        scores = self.model.scores(table)
        origin = Origin(
            endpoint="visits",
            ref=version.ref,
            bundle=version.bundle,
            kinds={each.name: each.kind for each in self.model.signature.fields},
            outputs=tuple(f"proba_{name}" for name in self.model.classes),
        )
        ids = [f"{prefix}{len(self.sent) + place}" for place in range(rows.height)]
        self.sent |= dict(zip(ids, rows["bought"].to_list(), strict=True))
        columns: Mapping[str, list[object]] = {
            name: (
                table[name].dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
                if table[name].dtype.is_temporal()
                else table[name]
            ).to_list()
            for name in table.columns
        }
        self.log.append(
            origin,
            Answered(
                at=rows["at"][0],
                recorded=datetime(2026, 11, 1, tzinfo=UTC),
                replay=True,
                ids=ids,
                columns=columns,
                scores=scores.tolist(),
                decisions=self.model.predictions(scores)["prediction"].to_list(),
            ),
        )

    def serve_days(
        self,
        first: int,
        days: int,
        *,
        each: int = 120,
        change: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
        seed: int = 5,
    ) -> None:
        for day in range(first, first + days):
            self.serve(visits(LIVE + day * DAY, 1, each, seed=seed * 1000 + day), change=change)

    def watch(self, day: float) -> WatchReport:
        self.clock.at = LIVE + day * DAY
        return watch(self.spec, self.store, clock=self.clock)

    def label(self, ids: list[str], values: list[str | None] | None = None) -> None:
        outcomes = [self.sent[each] for each in ids] if values is None else values
        frame = pl.DataFrame({"id": ids, "outcome": outcomes}, schema={"id": pl.String, "outcome": pl.String})
        label_rows(frame, self.store, source="test")


@pytest.fixture
def world(trained: Path, tmp_path: Path) -> Iterator[World]:
    folder = tmp_path / "project"
    shutil.copytree(trained, folder)
    clock = ManualClock(at=LIVE)
    spec = load_spec(folder, {})
    with open_store(spec.store_folder, clock=clock) as store:
        log = PredictionLog(store.folder)
        version = store.registry.find("visits@1")
        model = load_bundle(store.blobs.path(version.blob))
        yield World(spec=spec, store=store, clock=clock, model=model, log=log)
        log.close()


def test_a_window_is_looked_at_when_it_has_ended_and_judged_when_outcomes_are_due(world: World):
    world.serve_days(0, 2)
    assert world.watch(0.5).looks == ()
    (first,) = world.watch(1.2).looks
    assert (first.health.window.rows, first.health.window.status) == (120, "waiting")
    assert first.health.evidence is not None
    world.label(list(world.sent))
    looks = world.watch(2.1).looks
    judged = next(look for look in looks if look.health.window.start == LIVE)
    assert (judged.health.window.status, judged.health.window.labelled) == ("judged", 120)
    words = {(each.requirement, each.slice): each for each in judged.health.verdicts}
    assert words["fast", ""].verdict == "pending"
    assert words["auc", ""].evidence
    assert words["shop", "east"].n < 120
    assert world.watch(2.1).looks == ()
    assert world.store.verify().problems == ()


def test_a_window_whose_outcomes_are_all_known_asks_for_no_more_rows(world: World):
    world.serve_days(0, 1)
    world.label(list(world.sent)[:-1])
    (some, *_) = world.watch(3).looks
    assert any("rows would settle it" in each.reason for each in some.health.verdicts)
    world.label(list(world.sent)[-1:])
    (every,) = world.watch(3).looks
    doubtful = [each for each in every.health.verdicts if each.verdict == "inconclusive"]
    assert doubtful
    assert not any("would settle" in each.reason for each in every.health.verdicts)


def test_evidence_is_appended_once_for_each_window_and_revision(world: World):
    world.serve_days(0, 1)
    world.label(list(world.sent))
    world.watch(3)
    evidence = judged_live(world.store)
    assert sorted({(each.inputs["window"], each.inputs["revision"]) for each in evidence}) == [
        ("2026-06-01T00:00", "1")
    ]
    world.watch(3)
    assert judged_live(world.store) == evidence
    # Once more after new outcomes; the second look is judged at a smaller error.
    world.label(list(world.sent)[:3], ["no", "no", "yes"])
    world.watch(3)
    again = judged_live(world.store)[len(evidence) :]
    assert {each.inputs["revision"] for each in again} == {"2"}
    assert again[0].verdict.confidence > evidence[0].verdict.confidence


def test_the_same_outcomes_once_more_cost_no_look(world: World):
    world.serve_days(0, 2)
    ids = list(world.sent)
    world.label(ids)
    world.watch(4)
    before = show(world.spec, world.store).looks
    frame = pl.DataFrame({"id": ids, "outcome": [world.sent[each] for each in ids]})
    again = label_rows(frame, world.store, source="test")
    assert (again.batch, again.again, again.corrected) == (None, 240, 0)
    assert world.watch(4).looks == ()
    # One outcome of the second day is another: the first day is not judged again.
    other = "no" if world.sent[ids[-1]] == "yes" else "yes"
    world.label(ids, [*(world.sent[each] for each in ids[:-1]), other])
    assert [look.health.window.start for look in world.watch(4).looks] == [LIVE + DAY]
    after = {look.health.window.start: look.health.window.judgements for look in show(world.spec, world.store).looks}
    assert (after[LIVE], after[LIVE + DAY]) == (1, 2)
    assert len(before) == len(after)


@pytest.mark.parametrize("seed", [1, 2])
def test_late_shuffled_doubled_and_corrected_outcomes_come_to_what_is_computed_from_scratch(world: World, seed: int):
    rng = np.random.default_rng(seed)
    days = 5
    world.serve_days(0, days, each=80, seed=seed)
    ids = list(world.sent)
    due = {each: int(rng.integers(1, 31)) + place // 80 for place, each in enumerate(ids)}
    wrong = {each for each in ids if rng.random() < 0.03}
    step = 5
    for day in range(step, days + 34 + step, step):
        now = [each for each in ids if day - step < due[each] <= day]
        values: list[str | None] = [
            ("no" if world.sent[each] == "yes" else "yes") if each in wrong else world.sent[each] for each in now
        ]
        again = [each for each in ids if due[each] <= day - step and rng.random() < 0.01]
        later = [each for each in ids if day - 2 * step < due[each] <= day - step and each in wrong]
        batch = list(zip(now, values, strict=True)) + [(each, world.sent[each]) for each in later]
        batch += [(each, world.sent[each]) for each in again if each not in wrong]
        rng.shuffle(batch)
        if batch:
            world.label([str(each) for each, _ in batch], [None if value is None else str(value) for _, value in batch])
        world.watch(day)
    version = world.store.registry.find("visits@1")
    looks = world.store.watched.looks("visits")
    assert len(looks) >= days
    table = pl.concat([visits(LIVE + day * DAY, 1, 80, seed=seed * 1000 + day) for day in range(days)])
    scores = world.model.scores(world.model.conform(table.drop("bought")))
    checked = 0
    for look in looks:
        window = look.health.window
        if not window.rows:
            continue
        inside = ((table["at"] >= window.start) & (table["at"] < window.end)).to_numpy()
        truth = (table["bought"] == "yes").cast(pl.Int64).to_numpy()[inside]
        decided = (scores[inside, 1] >= world.model.threshold.value).astype(np.int64) if world.model.threshold else None
        outcome = Outcome(task="binary", truth=truth, scores=scores[inside], decision=decided)
        assert window.bundle == version.bundle
        assert window.labelled == window.rows == inside.sum()
        for name, measured in look.health.metrics.items():
            assert measured.value == pytest.approx(METRICS[name].compute(outcome), abs=1e-12)
            checked += 1
    assert checked >= 2 * days


def test_an_empty_column_is_a_data_incident_in_its_first_window_and_closes_when_it_is_back(world: World):
    world.serve_days(0, 3)
    world.serve_days(3, 2, change=lambda rows: rows.with_columns(pl.lit(None, dtype=pl.Float64).alias("spent")))
    world.serve_days(5, 2)
    opened = world.watch(4).changes
    assert [(each.change, each.incident.kind, each.incident.cause) for each in opened] == [("opened", "data", "empty")]
    assert "'spent'" in opened[0].incident.title
    changes = world.watch(7).changes
    assert [(each.change, each.incident.cause) for each in changes] == [("updated", "empty"), ("closed", "empty")]
    (incident,) = world.store.incidents.current()
    assert (incident.windows, incident.closed) == (2, LIVE + 5 * DAY)


def test_a_model_that_has_become_wrong_is_a_performance_incident_and_harmful(world: World):
    world.serve_days(0, 2, each=400)
    for each in world.sent:
        world.sent[each] = "no" if world.sent[each] == "yes" else "yes"
    world.label(list(world.sent))
    report = world.watch(4)
    first = report.looks[0].health
    assert {each.requirement: each.verdict for each in first.verdicts}["auc"] == "fail"
    assert first.harmful
    assert {(each.incident.kind, each.incident.cause) for each in report.changes} >= {
        ("performance", "auc"),
        ("performance", "harm"),
    }


def test_rows_that_come_late_join_their_window_and_leave_drift_as_it_was(world: World):
    world.serve_days(0, 2)
    before = world.watch(2).looks[0]
    world.serve(visits(LIVE, 1, 10, seed=99), prefix="late")
    looks = world.watch(2.5).looks
    assert [(look.health.window.start, look.health.window.rows, look.health.window.revision) for look in looks] == [
        (LIVE, 130, 2)
    ]
    assert looks[0].health.evidence == before.health.evidence


def test_after_another_length_of_windows_kept_ones_stay_and_none_overlap_or_are_made_up(world: World):
    world.serve_days(0, 3)
    world.watch(3)
    before = {look.health.window.start: look for look in show(world.spec, world.store).looks}
    hours = world.spec.monitoring.model_copy(update={"window": "16h"})
    world.spec = world.spec.model_copy(update={"monitoring": hours})
    assert world.watch(3).looks == ()
    world.serve_days(3, 2)
    world.label(list(world.sent))
    world.serve(visits(LIVE + DAY, 1, 10, seed=99), prefix="late")
    looks = world.watch(7).looks
    windows = sorted((look.health.window.start, look.health.window.end) for look in show(world.spec, world.store).looks)
    assert all(end <= start for (_, end), (start, _) in pairwise(windows))
    assert sum(look.health.window.rows for look in show(world.spec, world.store).looks) == 610
    # The days that were kept are judged as days, with the rows that came late; rows since are cut at sixteen hours.
    days = [look.health.window for look in looks if look.health.window.start in before]
    assert [(each.start, each.end - each.start, each.rows) for each in days] == [
        (LIVE, DAY, 120), (LIVE + DAY, DAY, 130), (LIVE + 2 * DAY, DAY, 120),
    ]  # fmt: skip
    since = [window for window in windows if window[0] >= LIVE + 3 * DAY]
    assert {end - start for start, end in since[1:]} == {timedelta(hours=16)}
    assert since[0][0] == LIVE + 3 * DAY
    assert since[0][1] - since[0][0] <= timedelta(hours=16)
    empty = [look.health.window for look in show(world.spec, world.store).looks if not look.health.window.rows]
    assert all(window.start >= LIVE + 5 * DAY - timedelta(hours=16) for window in empty)
    assert world.watch(7).looks == ()


def test_a_longer_window_begins_where_what_was_kept_ends(world: World):
    world.serve_days(0, 4)
    world.watch(4)
    week = world.spec.monitoring.model_copy(update={"window": "7d"})
    world.spec = world.spec.model_copy(update={"monitoring": week})
    world.serve_days(4, 2)
    assert world.watch(8).looks[-1].health.window.rows == 240
    windows = [look.health.window for look in show(world.spec, world.store).looks]
    assert [(each.start, each.end) for each in windows][-2:] == [
        (LIVE + 3 * DAY, LIVE + 4 * DAY),
        (LIVE + 4 * DAY, LIVE + 7 * DAY),
    ]
    assert len(windows) == 5


def test_a_shift_is_found_and_named(world: World):
    world.serve_days(0, 6, each=400, change=lambda rows: rows.with_columns(pl.col("age") + 6))
    report = world.watch(6)
    named = [finding.column for look in report.looks for finding in look.health.drift]
    assert "age" in named
    assert [each.incident.kind for each in report.changes if each.change == "opened"] == ["drift"]


def test_a_pass_that_dies_between_evidence_and_look_writes_neither_twice(world: World, monkeypatch: pytest.MonkeyPatch):
    world.serve_days(0, 1)
    world.label(list(world.sent))

    class Killed(Exception):
        pass

    windows = type(world.store.windows)
    with monkeypatch.context() as broken:

        def killed(*_: object, **__: object) -> None:
            raise Killed

        broken.setattr(windows, "keep_look", killed)
        with pytest.raises(Killed):
            world.watch(3)
    assert show(world.spec, world.store).looks == ()
    world.watch(3)
    evidence = judged_live(world.store)
    assert len({(each.verdict.requirement, each.verdict.slice) for each in evidence}) == len(evidence) > 0
    assert len(show(world.spec, world.store).looks) >= 1
    assert sum(part.rows for part in world.store.watched.parts("visits")) == 120


def test_outcomes_of_a_file_are_read_as_the_target_is(world: World, tmp_path: Path):
    world.serve_days(0, 1, each=4)
    path = tmp_path / "outcomes.csv"
    path.write_text("bought,id\nyes,p0\n no ,p1\n,p2\nno,p0\n")
    report = label_file(str(path), world.store)
    assert (report.rows, report.ids, report.unknown, report.again) == (4, 3, 1, 0)
    world.watch(3)
    (look,) = [look for look in show(world.spec, world.store).looks if look.health.window.rows]
    assert look.health.window.labelled == 2


def test_what_is_no_outcome_is_refused(world: World, tmp_path: Path):
    path = tmp_path / "outcomes.csv"
    path.write_text("id,outcome\np0,perhaps\n")
    with pytest.raises(Exception, match="'perhaps'"):
        label_file(str(path), world.store)
    path.write_text("id,bougth\np0,yes\n")
    with pytest.raises(Exception, match="bougth"):
        label_file(str(path), world.store)


def test_it_is_told_which_outcomes_are_new_corrected_or_of_no_prediction(world: World, tmp_path: Path):
    world.serve_days(0, 1)
    (first, one), (second, other), *_ = world.sent.items()
    path = tmp_path / "outcomes.csv"
    pl.DataFrame({"id": [first, second, "nobody"], "bought": [one, other, one]}).write_csv(path)
    report = label_file(str(path), world.store, endpoint="visits")
    assert (report.again, report.corrected, report.strangers) == (0, 0, 1)
    pl.DataFrame({"id": [first, second], "bought": [one, "no" if other == "yes" else "yes"]}).write_csv(path)
    report = label_file(str(path), world.store, endpoint="visits")
    assert (report.again, report.corrected, report.strangers) == (2, 1, 0)
    world.watch(3)
    assert label_file(str(path), world.store, endpoint="visits").strangers == 0


def test_a_table_without_ids_is_told_how_to_name_them(world: World, tmp_path: Path):
    path = tmp_path / "outcomes.csv"
    pl.DataFrame({"visit": ["a"], "bought": ["yes"]}).write_csv(path)
    with pytest.raises(DataError, match=r"lacks the column 'id' with the ids that came .* \(--id names another one\)"):
        label_file(str(path), world.store)


def test_predictions_of_a_window_that_has_not_ended_wait_and_are_told(world: World):
    world.serve_days(0, 1)
    report = world.watch(0.5)
    assert (report.rows, len(report.looks)) == (0, 0)
    assert report.waiting == 120
    assert report.due is not None
    later = world.watch(1)
    assert (later.rows, later.waiting, later.due) == (120, 0, None)


def test_the_documents_are_json(world: World):
    world.serve_days(0, 1)
    assert json.loads(json.dumps(world.watch(3).document()))["windows"][0]["window"]["rows"] == 120
    assert json.loads(json.dumps(show(world.spec, world.store).document()))["schema"] == "tenfold.health/1"


def test_the_commands_take_in_outcomes_look_and_show(world: World, tenfold: Command):
    world.serve_days(0, 2, change=lambda rows: rows.with_columns(pl.lit(None, dtype=pl.Float64).alias("spent")))
    folder = Path(world.spec.folder)
    pl.DataFrame({"id": list(world.sent), "bought": list(world.sent.values())}).write_csv(folder / "outcomes.csv")
    taken = tenfold("label", "outcomes.csv", "--json", cwd=folder)
    assert (taken.code, taken.document()["rows"]) == (0, 240)
    looked = tenfold("monitor", "run", "--json", cwd=folder)
    assert looked.code == 0, looked.err
    assert [window["window"]["rows"] for window in looked.document()["windows"]][:3] == [120, 120, 0]
    assert looked.document()["alerts"] == {"delivered": 1, "failed": 0}, looked.err
    assert "data incident i1 opened" in looked.err
    assert tenfold("monitor", "run", "--json", cwd=folder).document()["windows"] == []
    shown = tenfold("monitor", "show", cwd=folder)
    assert "empty spent" in shown.out
    assert "i1" in shown.out
