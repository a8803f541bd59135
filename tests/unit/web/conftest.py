"""A project whose every text is an attack, and a way to ask its pages without a network."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tenfold.foundation.clock import ManualClock
from tenfold.project.open import Project, open_project
from tenfold.records.evidence import Verdict
from tenfold.records.health import Health, Incident, IncidentChange, IntegrityFinding, Judged, Measured, Window
from tenfold.records.retrain import Decision, Gain, RetrainRequest
from tenfold.store.rows import ReleaseOrder, RunStage
from tenfold.web.app import app_of

ATTACK = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"
AT = datetime(2026, 6, 1, tzinfo=UTC)
YAML = """
tenfold: 1
name: visits
problem:
  target: bought
  requirements:
    - {id: ranks-well, that: "roc_auc >= 0.70"}
    - {id: fast, that: "latency_p99_ms <= 100"}
data: {path: visits.csv}
"""

Ask = Callable[..., httpx.Response]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Project]:
    """A project that has not run."""
    (tmp_path / "tenfold.yaml").write_text(YAML)
    project = open_project(tmp_path, clock=ManualClock(at=AT))
    with project.store:
        yield project


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with a run, two versions, of which one is live, windows, incidents and a decision; only read."""
    folder = tmp_path_factory.mktemp("lived")
    (folder / "tenfold.yaml").write_text(YAML)
    project = open_project(folder, clock=ManualClock(at=AT))
    with project.store:
        _live(project)
        yield project


@pytest.fixture
def own(lived: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy of that project, to be changed."""
    folder = tmp_path / "own"
    shutil.copytree(lived.spec.folder, folder)
    project = open_project(folder, clock=ManualClock(at=AT))
    with project.store:
        yield project


def _live(project: Project) -> None:
    store = project.store
    run = store.runs.begin(spec=YAML, seed=7)
    store.runs.record_stage(run.id, RunStage(stage=ATTACK, fingerprint="f" * 64, cached=False, seconds=1.25))
    blob = store.blobs.put(b"a bundle")
    bundles = ["a" * 64, "b" * 64]
    for bundle in bundles:
        store.registry.register("visits", bundle=bundle, blob=blob, run=run.id, facts={"threshold": 0.25})
    document = f"""{{"schema": "tenfold.run/1", "run": "r1", "status": "failed", "seconds": 3.5, "looks": 1,
      "model": {{"ref": "visits@1"}}, "report": "/elsewhere/../visits@1.html",
      "metrics": {{"test": {{"roc_auc":
        {{"value": 0.8123456789, "low": 0.79, "high": 0.83, "n": 1234, "method": "m"}}}}}},
      "requirements": [{{"id": "ranks-well", "place": "test", "slice": "", "level": "must", "that": {_json(ATTACK)},
        "verdict": "fail", "value": 0.8123456789, "low": 0.79, "high": null, "bound": 0.9, "n": 1234, "needed": null,
        "reason": {_json(ATTACK)}}}],
      "leaderboard": [{{"learner": {_json(ATTACK)}, "key": {_json(ATTACK)}, "score": 0.81, "low": 0.8, "high": 0.82,
        "seconds": 1.0, "weight": 1.0, "row_cpu_us": 12.5}}]}}"""
    store.runs.finish(run.id, status="failed", document=document.encode(), reason=ATTACK)
    verdict = Verdict(
        requirement="ranks-well",
        verdict="pass",
        place="test",
        level="must",
        metric="roc_auc",
        direction=">=",
        text=ATTACK,
        value=0.8123456789,
        low=0.79,
        high=0.83,
        bound=0.7,
        n=1234,
        reason=ATTACK,
    )
    other = Verdict(
        requirement=ATTACK, verdict="fail", place="test", level="must", metric=ATTACK, direction="<=", slice=ATTACK
    )
    store.evidence.append([verdict, other], subject=bundles[0], run=run.id, inputs={"bundle": bundles[0]})
    order = ReleaseOrder(
        endpoint="visits",
        after=0,
        action="promote",
        name="visits",
        number=1,
        previous=None,
        reason=ATTACK,
        by=ATTACK,
        accepted=(ATTACK,),
        at=AT,
    )
    store.releases.append(order)
    for day in range(3):
        store.windows.keep_look(
            _health(bundles[0], AT + day * timedelta(days=1), 0.81 - 0.1 * day),
            parts=1,
            labels=1,
            memory=None,
            changes=_changes(day),
        )
    request = RetrainRequest(endpoint="visits", reason="requirement", at=AT, window="w", details=ATTACK)
    gain = Gain(metric=ATTACK, rows=ATTACK, n=10, value=0.0125, low=-0.5, high=None)
    store.decisions.keep(
        Decision(
            key="k",
            endpoint="visits",
            action="refuse",
            reason=ATTACK,
            at=AT,
            request=request,
            champion="visits@1",
            challenger=ATTACK,
            newest=gain,
            window=ATTACK,
        )
    )


def _health(bundle: str, start: datetime, value: float) -> Health:
    judged = Judged(
        requirement="ranks-well",
        verdict="pass" if value > 0.7 else "fail",
        level="must",
        metric="roc_auc",
        text=ATTACK,
        value=value,
        low=value - 0.02,
        high=value + 0.02,
        bound=0.7,
        n=400,
        reason=ATTACK,
    )
    return Health(
        window=Window(
            endpoint="visits",
            bundle=bundle,
            ref="visits@1",
            start=start,
            end=start + timedelta(days=1),
            rows=4000,
            labelled=400,
            status="judged",
        ),
        integrity=(IntegrityFinding(rule=ATTACK, severity="warning", message=ATTACK, column=ATTACK),),
        metrics={
            "accuracy": Measured(metric="accuracy", value=0.9, low=0.88, high=0.92, n=400),
            "roc_auc": Measured(metric="roc_auc", value=value, low=value - 0.02, high=value + 0.02, n=400),
        },
        verdicts=(judged,),
        notes=(ATTACK,),
    )


def _changes(day: int) -> tuple[IncidentChange, ...]:
    if day != 1:
        return ()
    incident = Incident(
        id="i1",
        endpoint="visits",
        kind="data",
        cause=ATTACK,
        opened=AT,
        last=AT,
        title=ATTACK,
        severity="critical",
        details={ATTACK: ATTACK},
    )
    closed = Incident(
        id="i2",
        endpoint="visits",
        kind="drift",
        cause="inputs",
        opened=AT,
        last=AT,
        closed=AT,
        title=ATTACK,
        severity="warning",
    )
    return IncidentChange(change="opened", incident=incident), IncidentChange(change="closed", incident=closed)


def _json(text: str) -> str:
    return json.dumps(text)


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Ask a project's pages for an address."""
    applications: dict[Path, FastAPI] = {}

    def asked(
        project: Project, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        async def exchange() -> httpx.Response:
            application = applications.setdefault(project.store.folder, app_of(project))
            transport = httpx.ASGITransport(application, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8470") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(exchange())

    return asked
