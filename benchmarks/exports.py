"""Which models go where: bundles of every kind of learner on raw tables, exported and proven on 10,000 hard rows.

    python benchmarks/exports.py DATA [--kinds function,onnx,sql] [--only adult,abalone] [--rows 2000] [--keep FOLDER]

DATA is a folder with the tables named in `three_commands.py`, in their raw form. Of each table some rows are drawn,
``init`` and ``run`` train a version with the learners of each line, and ``tenfold export`` writes it in each kind. What
was trained lies in the folder that --keep names, and is taken from there the next time.

Printed for each version and kind: equal, with the greatest difference of a score and the seconds of CPU that writing
and proving took, or refused, with the reason. Ends in 1 when an export failed in another way than by being refused.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from three_commands import TABLES, divide

LEARNERS = {
    "lightgbm": "[lightgbm]",
    "xgboost": "[xgboost]",
    "forest": "[random_forest]",
    "linear": "[linear]",
    "ensemble": "[linear, lightgbm, random_forest]",
}
CHOSEN = ("adult", "california_housing", "segment", "kr_vs_kp")
COMMAND = (sys.executable, "-P", "-c", "from tenfold.cli.main import main; main()")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--kinds", default="function,onnx,sql")
    arguments.add_argument("--only", default=",".join(CHOSEN))
    arguments.add_argument("--learners", default=",".join(LEARNERS))
    arguments.add_argument("--rows", type=int, default=2000)
    arguments.add_argument("--trials", type=int, default=2)
    arguments.add_argument("--keep", type=Path)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        keep = (given.keep or Path(name)).absolute()
        print(f"{'table':20}{'learners':10}{'members':34}{'export':10}{'':9}{'off by':>9}{'CPU s':>8}")
        failed = 0
        for table in given.only.split(","):
            for learners in given.learners.split(","):
                project = trained(table, learners, given.data, keep, rows=given.rows, trials=given.trials)
                for kind in given.kinds.split(","):
                    failed += not told(table, learners, kind, project)
    return int(failed > 0)


def trained(table: str, learners: str, data: Path, keep: Path, *, rows: int, trials: int) -> Path:
    """Return the folder of a project with a first version, trained unless it is there."""
    project = keep / f"{table}-{learners}"
    if (project / "members.json").exists():
        return project
    project.mkdir(parents=True, exist_ok=True)
    raw = TABLES[table]
    _, aside = divide(raw, data, project, min(rows / _height(raw.file, data), 1.0), 1)
    tenfold(project, "init", aside, "--target", raw.target, "--force", "--json")
    file = project / "tenfold.yaml"
    text = file.read_text()
    asked = {"name": project.name, "  learners": LEARNERS[learners], "  budget": f"{{trials: {trials}}}"}
    for key, value in asked.items():
        head, _, rest = text.partition(f"\n{key}: ")
        text = f"{head}\n{key}: {value}\n{rest.partition(chr(10))[2]}"
    file.write_text(text)
    tenfold(project, "run", "--json")
    (project / "members.json").write_text(json.dumps(members(project)))
    return project


def members(project: Path) -> list[str]:
    """Return the kinds of predictors in a project's first version, by weight."""
    from tenfold.project.export import subject_of

    model = subject_of(f"{project.name}@1", project).model
    parts = sorted(model.parts, key=lambda part: -part.weight)
    return [f"{part.predictor.kind} {part.weight:.2f}" for part in parts]


def told(table: str, learners: str, kind: str, project: Path) -> bool:
    """Export a project's version in one kind and print what came of it; return whether it was written or refused."""
    with tempfile.TemporaryDirectory() as name:
        before = os.times()
        document = tenfold(project, "export", f"{project.name}@1", "--to", kind, "--output", name, "--json")
        after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    own = ", ".join(json.loads((project / "members.json").read_bytes()))
    line = f"{table:20}{learners:10}{own:34}{kind:10}"
    (export,) = document.get("exports") or [{"status": "failed", "reason": json.dumps(document)}]
    if export["status"] == "written":
        line += f"{'equal':9}{export['proof']['greatest_difference']:9.1e}{seconds:8.1f}"
    else:
        line += f"{export['status']:9}{'':9}{seconds:8.1f}  {export['reason']}"
    print(line, flush=True)
    return bool(export["status"] != "failed")


def tenfold(project: Path, *arguments: str) -> dict[str, object]:
    """Run a command in a project's folder and return its document."""
    done = subprocess.run([*COMMAND, *arguments], cwd=project, capture_output=True, text=True, check=False)
    try:
        document: dict[str, object] = json.loads(done.stdout)
    except json.JSONDecodeError:
        sys.exit(f"tenfold {' '.join(arguments)} in {project}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if arguments[0] != "export" and done.returncode not in {0, 1}:
        sys.exit(f"tenfold {' '.join(arguments)} in {project}: {done.stdout[-2000:]}")
    return document


def _height(file: str, data: Path) -> int:
    import gzip

    import polars as pl

    if file.endswith(".parquet"):
        return int(pl.scan_parquet(data / file).select(pl.len()).collect().item())
    return len(gzip.decompress((data / file).read_bytes()).splitlines())


if __name__ == "__main__":
    sys.exit(main())
