"""What production tells about a model that may need renewal: windows, labelled rows, what is live since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from tenfold.foundation.clock import Clock
from tenfold.project.challenge import Made, Newest
from tenfold.project.deploy import objection, promote
from tenfold.project.releasing import publish_current, running_trial
from tenfold.project.window_rows import outcomes_known, rows_of
from tenfold.records.health import Health
from tenfold.stages.retraining.window import Seen
from tenfold.store.rows import Release

if TYPE_CHECKING:
    from tenfold.project.open import Project

WORDS = "newest labelled rows"
VOLUME = "volume"
BY = "tenfold tick"
INPUT = "input:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """The endpoint of a project, as renewal sees it."""

    project: Project
    clock: Clock

    def windows(self, champion: str, metric: str) -> Sequence[Seen]:
        """Return the judged windows in which the bundle ``champion`` answered, oldest first."""
        looks = self.project.store.watched.looks(self.project.spec.endpoint)
        return tuple(seen(look.health, metric) for look in looks if look.health.window.bundle == champion)

    def newest(self, model: Made, since: datetime) -> Newest | None:
        """Return the rows answered at ``since`` or later, by event time, whose outcome is known.

        None when nothing was logged at all. A row that was answered twice counts once, as it was answered last.
        """
        store, target = self.project.store, model.problem.target
        parts = [part for part in store.watched.parts(self.project.spec.endpoint) if part.end > since]
        if not parts:
            return None
        rows = rows_of(parts, store).filter(pl.col("moment") >= since).unique("id", keep="last", maintain_order=True)
        inputs = [name for name in rows.columns if name.startswith(INPUT)]
        table = rows.select("id", "moment", *(pl.col(name).alias(name.removeprefix(INPUT)) for name in inputs))
        if model.problem.time is not None and model.problem.time not in table.columns:
            table = table.rename({"moment": model.problem.time})
        outcomes = outcomes_known(store.labels.batches(), store).rename({"outcome": target})
        known = table.drop(target, strict=False).join(outcomes, on="id", how="inner", maintain_order="left")
        known = known.filter(_usable(pl.col(target), model))
        return Newest(table=known.drop("id"), ids=known["id"], words=WORDS)

    def live_since(self) -> tuple[str, datetime] | None:
        """Return the version that is live and from when on; None when none is."""
        endpoint = self.project.spec.endpoint
        mine = [each for each in self._releases() if each.endpoint == endpoint and each.action != "traffic"]
        return (mine[-1].ref, mine[-1].at) if mine else None

    def tried_since(self, ref: str) -> datetime | None:
        """Return when a trial of the version began last; None when it was never tried."""
        begun = [
            trial.since
            for each in self._releases()
            if (trial := running_trial(each)) is not None and f"{each.name}@{trial.number}" == ref
        ]
        return max(begun, default=None)

    def _releases(self) -> Sequence[Release]:
        return self.project.store.releases.history(self.project.spec.name)

    def objection(self, ref: str) -> str | None:
        """Return why the version may not go live by itself; None when it may."""
        return objection(self.project, ref)

    def promote(self, ref: str, *, reason: str, evidence: Sequence[str]) -> bool:
        """Let the version go live, or be tried first, as the file says; return whether it is live.

        The evidence stands in the reason's decision.
        """
        named = f" (evidence {', '.join(evidence)})" if evidence else ""
        report = promote(self.project, ref, reason=f"{reason}{named}", by=BY, clock=self.clock)
        return report.release.ref == ref

    def publish(self) -> None:
        """Put the manifest right where a process died between the catalog and the manifest."""
        publish_current(self.project.store, self.project.spec.endpoint)


def seen(health: Health, metric: str) -> Seen:
    """Return a window as the rule of retraining looks at it."""
    window = health.window
    quality = health.metrics.get(metric)
    return Seen(
        key=window.name,
        start=window.start,
        end=window.end,
        rows=window.rows,
        labelled=window.labelled if window.status == "judged" else 0,
        broken=tuple(each.message for each in health.integrity if each.severity == "critical" and each.rule != VOLUME),
        silence=next((each.message for each in health.integrity if each.rule == VOLUME), ""),
        drifted=tuple(sorted(((each.column, each.distance) for each in health.drift), key=lambda each: -each[1])),
        failed=tuple(
            f"{each.requirement}: {each.reason}"
            for each in health.verdicts
            if each.verdict == "fail" and each.level == "must"
        ),
        harmful=health.harmful,
        quality=None if quality is None else quality.value,
        champion=window.ref,
    )


def _usable(target: pl.Expr, model: Made) -> pl.Expr:
    """Return which outcomes can be compared: numbers, or classes that the model knows."""
    if model.problem.task == "regression":
        return target.cast(pl.Float64, strict=False).is_finite().fill_null(value=False)
    return target.cast(pl.String).is_in(list(model.problem.classes))
