"""A small project's whole life with its store, to be killed and starved in the middle.

Run as a program, it forks itself for each trial, so that the trials do not pay for imports. It prints one JSON document
for each trial.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tenfold.engine.run import RunOutcome, Surroundings, run_graph
from tenfold.engine.session import open_run
from tenfold.engine.stage import External, Stage
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.events import Event
from tenfold.records.evidence import Verdict
from tenfold.store.files.disk import BeforeWrite, nothing
from tenfold.store.open import Store, open_store
from tenfold.testing.faults import CountWrites, KillAtWrite
from tenfold.testing.kill import fork_and_kill, kill_moments

VERDICT = Verdict(requirement="q", verdict="pass", place="test", level="must", metric="roc_auc", direction=">=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    rows: int


def read(*, source: int, options: None, ctx: StageContext) -> StageResult[Size]:
    return StageResult(record=Size(rows=source), files={"table": bytes(range(200)) * source})


def fit(*, read: Received[Size], options: None, ctx: StageContext) -> StageResult[Size]:
    for rung in ("one", "two"):
        if ctx.checkpoint.load(rung) is None:
            ctx.checkpoint.save(rung, {"model": rung.encode()})
    return StageResult(record=read.record, files={"model": b"".join(ctx.checkpoint.load("two").values())})


def judge(*, fit: Received[Size], options: None, ctx: StageContext) -> StageResult[Size]:
    return StageResult(record=Size(rows=fit.record.rows + 1), files={"bundle.zip": fit.files["model"]})


STAGES = (
    Stage(name="read", needs=("source",), run=read, record=Size),
    Stage(name="fit", needs=("read",), run=fit, record=Size),
    Stage(name="judge", needs=("fit",), run=judge, record=Size),
)


@dataclass(slots=True)
class Acknowledged:
    """What the store said was done, written where a kill cannot take it back."""

    path: Path

    def note(self, fact: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(fact + "\n")

    def emit(self, event: Event) -> None:
        if event.facts.get("state") == "finished" and event.stage:
            self.note(f"stage {event.stage}")

    def facts(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []


def live(folder: Path, before_write: BeforeWrite = nothing, said: Acknowledged | None = None) -> RunOutcome:
    """Run the project, keep evidence, register and promote the model."""
    said = said or Acknowledged(Path(os.devnull))
    with open_store(folder, before_write=before_write) as store, open_run(store, spec="name: late", seed=7) as run:
        outcome = run_graph(
            STAGES, {"source": External.of("s", 30)}, store=store, run=run.id, around=Surroundings(events=said)
        )
        keep(store, run.id, outcome, said.note)
        run.finish("passed", document=json.dumps({"run": run.id}).encode())
        said.note(f"run {run.id}")
    return outcome


def keep(store: Store, run: str, outcome: RunOutcome, note: Callable[[str], None]) -> None:
    result = outcome.results["judge"]
    store.evidence.append((VERDICT,), subject="bundle", run=run, inputs={})
    note(f"evidence {run}")
    blob = store.blobs.put(result.files["bundle.zip"])
    version = store.registry.register("late", bundle=f"of {run}", blob=blob, run=run)
    note(f"version {version.ref}")
    store.aliases.point("late", "champion", version.number, reason="newest", by="scene")
    note(f"champion {version.number}")


def aftermath(folder: Path, said: Acknowledged) -> dict[str, object]:
    """Look at a store after a fault, run the project again, and look once more."""
    acknowledged = said.facts()
    with open_store(folder) as store:
        before = store.doctor(every_blob=True)
        lost = [fact for fact in acknowledged if not is_kept(store, fact)]
        open_runs = [run.id for run in store.history.recent() if run.status == "running"]
    outcome = live(folder)
    with open_store(folder) as store:
        after, verified = store.doctor(every_blob=True), store.verify()
        statuses = [run.status for run in store.history.recent()]
    cached = {report.name for report in outcome.stages if report.cached}
    return {
        "acknowledged": acknowledged,
        "damage_before": [check.message for check in before.checks if check.status == "damage"],
        "damage_after": [check.message for check in after.checks if check.status == "damage"],
        "problems": list(verified.problems),
        "lost": lost,
        "open_runs": open_runs,
        "statuses": statuses,
        "not_cached": [fact for fact in acknowledged if fact.startswith("stage ") and fact[6:] not in cached],
        "leftovers": [path.name for path in (folder / "tmp").iterdir()],
    }


def is_kept(store: Store, fact: str) -> bool:
    kind, _, name = fact.partition(" ")
    found: Mapping[str, Callable[[], bool]] = {
        "stage": lambda: (
            (kept := store.results.latest(name)) is not None and store.results.find(kept.fingerprint) == kept
        ),
        "run": lambda: store.history.find(name).status == "passed",
        "evidence": lambda: len(store.evidence.of(run=name)) == 1,
        "version": lambda: store.blobs.has(store.registry.find(name).blob),
        "champion": lambda: str(store.aliases.current("late")["champion"]) == name,
    }
    return found[kind]()


def tell(document: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    # A fork would take along, and print again, what has not left yet.
    sys.stdout.flush()


def trial(place: Path, before_write: BeforeWrite, after_seconds: float | None) -> dict[str, object]:
    folder, said = place / ".tenfold", Acknowledged(place / "said")
    place.mkdir(parents=True)
    status = fork_and_kill(lambda: live(folder, before_write, said), after_seconds=after_seconds)
    return {"status": status, **aftermath(folder, said)}


def kill_at_acts(place: Path, first: int, step: int) -> None:
    """Kill the project's first run just before each act of writing, from ``first`` on in steps."""
    count = CountWrites()
    live(place / "count", count)
    for n in range(first, len(count.acts) + 1, step):
        tell({"n": n, "act": count.acts[n - 1]} | trial(place / str(n), KillAtWrite(n), None))


def kill_at_moments(place: Path, seed: int, count: int) -> None:
    """Kill the project's run at random moments."""
    live(place / "warm")
    for number, seconds in enumerate(kill_moments(count, seed=seed, longest_seconds=0.25)):
        tell({"seconds": seconds} | trial(place / str(number), nothing, seconds))


def register_together(place: Path, processes: int, registrations: int) -> None:
    """Register versions from many processes that all begin with an empty folder."""
    folder = place / ".tenfold"

    def register(process: int) -> None:
        with open_store(folder) as store:
            blob = store.blobs.put(b"bundle")
            for turn in range(registrations):
                store.registry.register("late", bundle=f"{process}-{turn}", blob=blob, run="r1")

    children = []
    for process in range(processes):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                register(process)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    with open_store(folder) as store:
        numbers = [version.number for version in store.registry.versions("late")]
        tell({"statuses": statuses, "numbers": numbers, "ok": store.doctor().ok and store.verify().ok})


if __name__ == "__main__":
    scene, where, *numbers = sys.argv[1:]
    scenes = {"acts": kill_at_acts, "moments": kill_at_moments, "register": register_together}
    scenes[scene](Path(where), *(int(number) for number in numbers))
