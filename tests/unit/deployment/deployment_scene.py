"""A project whose versions are names with thresholds: what is live is decided without a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tenfold.foundation.clock import Clock
from tenfold.project.open import Project, open_project
from tenfold.records.evidence import Verdict, VerdictName

FILE = """
name: late
problem:
  target: y
  requirements: {requirements}
data: {{path: t.csv, timezone: Europe/Vienna}}
deployment: {{endpoint: gate}}
"""
THREE = (
    "[{id: ranks, that: roc_auc >= 0.6}, {id: small, that: size_mb <= 5}, {id: nice, that: f1 >= 0.5, level: should}]"
)
_TEXTS = {"ranks": "roc_auc >= 0.6", "small": "size_mb <= 5", "nice": "f1 >= 0.5"}


def opened(folder: Path, *, requirements: str = "[]", clock: Clock | None = None) -> Project:
    """Open the project in ``folder``, which is written first."""
    folder.mkdir(exist_ok=True)
    (folder / "tenfold.yaml").write_text(FILE.format(requirements=requirements), encoding="utf-8")
    return open_project(folder, environ={}, clock=clock)


def registered(project: Project, number: int, verdicts: Mapping[str, VerdictName] | None = None) -> str:
    """Register a version and say how it was judged; return its reference."""
    bundle = f"{number:064x}"
    version = project.store.registry.register(
        "late",
        bundle=bundle,
        blob=project.store.blobs.put(f"bundle {number}".encode()),
        run="r1",
        facts={"threshold": number / 100},
    )
    found = tuple(_verdict(name, word) for name, word in (verdicts or {}).items())
    if found:
        project.store.evidence.append(found, subject=bundle, run="r1", inputs={})
    return version.ref


def _verdict(name: str, word: VerdictName) -> Verdict:
    return Verdict(
        requirement=name,
        verdict=word,
        place="test",
        level="must",
        metric="roc_auc",
        direction=">=",
        text=_TEXTS[name],
    )
