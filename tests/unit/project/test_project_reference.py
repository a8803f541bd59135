"""What windows of an imported version are held against, whatever its task, and what is said where nothing is known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.unit.deployment.onnx_file import linear

from tenfold.automation.tick import retrain, tick
from tenfold.bundle.format import load_bundle
from tenfold.bundle.model import Model
from tenfold.foundation.clock import ManualClock
from tenfold.foundation.serial import to_json
from tenfold.project.adopt import Adoption
from tenfold.project.challenge import made
from tenfold.project.labels import label_rows
from tenfold.project.open import Project, open_project
from tenfold.project.reference import imported_reference_of, watched_version
from tenfold.project.reproduce import ROWS as ROWS_OF_AN_IMPORT
from tenfold.project.reproduce import kept_results
from tenfold.project.watch import watch
from tenfold.records.health import Health
from tenfold.stages.monitoring.reference import Reference
from tenfold.store.predictions.log import Answered, Origin, PredictionLog
from tenfold.store.rows import Version

FIRST = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ROWS, GONE = 500, 40
LEVELS = ("calm", "gale", "wind")
REQUIREMENTS = {"delay": "rmse <= baseline", "level": "log_loss <= baseline"}
FILE = """
name: storm
problem: {{target: {target}, labels: {{after: 1d}}, requirements: [{{id: useful, that: {that}, where: [test, live]}}]}}
data: {{path: t.csv}}
monitoring: {{window: 1d, quiet: 200}}
"""
FILES = {
    "delay": linear([[3.0], [1.0]], [20.0], last="Identity", inputs=["wind", "gust"]),
    "level": linear([[-3.0, 3.0, 0.0], [0.0, 0.0, 0.0]], [0.0, 0.0, 1.0], last="Softmax", inputs=["wind", "gust"]),
}


def table(rows: int, seed: int, *, shift: float = 0.0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    wind, gust = chance.normal(size=rows) + shift, chance.normal(size=rows)
    said = wind + 0.3 * chance.normal(size=rows)
    return pl.DataFrame(
        {
            "wind": wind,
            "gust": gust,
            "delay": 20 + 3 * wind + gust + chance.normal(size=rows),
            "level": np.where(said < -0.4, "calm", np.where(said > 0.4, "gale", "wind")),
        }
    )


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., tuple[Project, Version]]:
    def make(target: str, rows: pl.DataFrame | None = None) -> tuple[Project, Version]:
        known = table(ROWS, 1) if rows is None else rows
        known.select("wind", "gust", target).write_csv(tmp_path / "t.csv")
        (tmp_path / "model.onnx").write_bytes(FILES[target])
        text = FILE.format(target=target, that=REQUIREMENTS[target])
        (tmp_path / "tenfold.yaml").write_text(text, encoding="utf-8")
        project = open_project(tmp_path, clock=ManualClock(at=FIRST + 5 * DAY), environ={})
        classes = LEVELS if target == "level" else ()
        return project, project.adopt(Adoption(path=tmp_path / "model.onnx", classes=classes)).version

    return make


def reference_of(project: Project, version: Version, *, seconds: float = 86400.0) -> Reference:
    found = watched_version(version.bundle, version.ref, project.store, window_seconds=seconds)
    assert found.reference is not None
    assert not found.unknown
    return found.reference


def answer(project: Project, version: Version, model: Model, rows: pl.DataFrame, *, day: int) -> None:
    """Write a day's answers into the log, as the gateway does, and what came of them."""
    asked = model.conform(rows.select("wind", "gust"))
    scores = model.scores(asked)
    ids = [f"{day}-{place}" for place in range(rows.height)]
    at = FIRST + day * DAY + DAY / 2
    with closing(PredictionLog(project.store.folder, worker=day)) as log:
        log.append(
            Origin(
                endpoint="storm",
                ref=version.ref,
                bundle=version.bundle,
                kinds={field.name: field.kind for field in model.signature.fields},
                outputs=tuple(f"proba_{name}" for name in model.classes) or ("score",),
            ),
            Answered(
                at=at,
                recorded=at,
                replay=False,
                ids=ids,
                columns={name: asked[name].to_list() for name in asked.columns},
                scores=scores.tolist(),
                decisions=model.predictions(scores)["prediction"].to_list() if model.classes else None,
            ),
        )
    outcomes = pl.DataFrame({"id": ids, "outcome": rows[model.target].cast(pl.String)})
    label_rows(outcomes, project.store, source=f"day {day}")


def looked_at(project: Project, clock: ManualClock | None = None) -> list[Health]:
    return [look.health for look in watch(project.spec, project.store, clock=clock or project.clock).looks]


@pytest.mark.parametrize(
    ("target", "said"), [("delay", ["prediction"]), ("level", ["prediction:class", "prediction:confidence"])]
)
def test_windows_of_every_task_are_held_against_the_projects_rows(
    imported: Callable[..., tuple[Project, Version]], target: str, said: list[str]
) -> None:
    project, version = imported(target)
    reference = reference_of(project, version)
    assert [shape.name for shape in reference.shapes] == ["wind", "gust"]
    assert [shape.name for shape in reference.said] == said
    counted = {name: column.n for name, column in reference.state.columns.items()}
    # Every row is either of the development part or sealed, and what the model says is counted of the sealed alone.
    assert counted["wind"] == counted["gust"] == reference.state.rows
    assert {reference.state.rows + counted[name] for name in said} == {ROWS}
    assert counted[said[0]] < reference.state.rows
    model = load_bundle(project.store.blobs.path(version.blob))
    answer(project, version, model, table(300, 7), day=0)
    answer(project, version, model, table(300, 8, shift=1.5), day=1)
    usual, drifted = looked_at(project)[:2]
    assert (usual.integrity, usual.drift, usual.notes) == ((), (), ())
    assert {"wind", said[0]} <= {finding.column for finding in drifted.drift}
    assert "gust" not in {finding.column for finding in drifted.drift}
    # The baseline of the live requirement is learned from the reference's outcomes.
    assert [(each.requirement, each.verdict) for each in usual.verdicts] == [("useful", "pass")]


def test_rows_without_an_outcome_are_no_part_of_the_reference(
    imported: Callable[..., tuple[Project, Version]],
) -> None:
    first = pl.int_range(pl.len()) < GONE
    rows = table(ROWS, 1).with_columns(
        pl.when(~first).then("delay"), pl.when(first).then(99.0).otherwise("wind").alias("wind")
    )
    project, version = imported("delay", rows)
    reference = reference_of(project, version)
    counted = reference.state.columns
    assert counted["wind"].n + counted["prediction"].n == ROWS - GONE
    assert reference.outcomes is not None
    assert reference.outcomes.mean == pytest.approx(20.0, abs=0.7)


def test_a_reference_is_counted_to_the_same_bytes_from_what_the_import_kept(
    imported: Callable[..., tuple[Project, Version]], tmp_path: Path
) -> None:
    project, version = imported("delay")
    counted = {seconds: reference_of(project, version, seconds=seconds) for seconds in (3600.0, 86400.0)}
    # The project's table is another one by now.
    table(900, 9, shift=4.0).select("wind", "gust", "delay").write_csv(tmp_path / "t.csv")
    store = open_project(tmp_path, environ={}).store
    model = load_bundle(store.blobs.path(version.blob))
    kept = kept_results(version.run, store, stages=ROWS_OF_AN_IMPORT)
    for seconds, before in counted.items():
        after = imported_reference_of(model, version, kept, window_seconds=seconds)
        assert to_json(after) == to_json(before)
        assert store.watched.reference(version.bundle, seconds) == to_json(before)


def test_a_version_of_whose_rows_nothing_is_kept_is_judged_by_its_worth_and_its_windows_say_why(
    imported: Callable[..., tuple[Project, Version]], tmp_path: Path
) -> None:
    project, version = imported("delay")
    content = project.store.blobs.path(version.blob).read_bytes()
    folder = tmp_path / "later"
    folder.mkdir()
    for name in ("t.csv", "tenfold.yaml"):
        (folder / name).write_bytes((tmp_path / name).read_bytes())
    other = open_project(folder, clock=ManualClock(at=FIRST + 5 * DAY), environ={})
    run = other.run(until="problem", workers="inline").run
    old = other.store.registry.register(
        "storm", bundle=version.bundle, blob=other.store.blobs.put(content), run=run, facts={"imported": {}}
    )
    answer(other, old, load_bundle(other.store.blobs.path(old.blob)), table(300, 8, shift=1.5), day=0)
    look = looked_at(other)[0]
    (note,) = look.notes
    assert note == (
        f"there is no reference of this version (nothing is kept of the rows of run {run}): neither integrity nor drift"
        " is judged"
    )
    assert (look.integrity, look.drift, look.evidence) == ((), (), None)
    assert look.metrics["rmse"].value == pytest.approx(1.0, abs=0.2)


def test_a_damaged_bundle_of_one_version_stops_no_pass_and_is_counted_once_it_is_back(
    imported: Callable[..., tuple[Project, Version]],
) -> None:
    project, version = imported("delay")
    path = project.store.blobs.path(version.blob)
    content, model = path.read_bytes(), load_bundle(path)
    path.chmod(0o644)
    path.write_bytes(content[:-200])
    for day in (0, 1):
        answer(project, version, model, table(300, 7 + day, shift=1.5 * day), day=day)
    clock = ManualClock(at=FIRST + 2 * DAY)
    for look in looked_at(project, clock):
        assert "there is no reference of this version (its bundle cannot be read" in look.notes[0]
        assert not look.integrity
    path.write_bytes(content)
    answer(project, version, model, table(300, 9, shift=1.5), day=2)
    clock.at += 3 * DAY
    # The outcomes of the days before have come due meanwhile, and a silence follows.
    third = next(look for look in looked_at(project, clock) if look.window.start == FIRST + 2 * DAY)
    assert third.notes == ()
    assert {"wind", "prediction"} <= {finding.column for finding in third.drift}


def test_an_imported_champion_is_followed_and_renewed_from_its_own_rows(
    imported: Callable[..., tuple[Project, Version]],
) -> None:
    project, version = imported("level")
    champion = made(version.ref, project.store)
    assert champion.sealed.height + champion.development.height == ROWS
    assert champion.problem.classes == LEVELS
    project.promote(version.ref, reason="from elsewhere", by="desk")
    answer(project, version, champion.model, table(300, 7), day=0)
    done = tick(project, workers="inline")
    assert [decision.action for decision in done.renewed.decisions] == ["none"]
    would = retrain(project, dry=True).dry
    assert would is not None
