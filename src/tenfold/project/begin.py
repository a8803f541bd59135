"""How a project begins: look at a table, and write the file that says what was found."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from tenfold.connectors.ingest import Ingested, IngestOptions, ingest
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.context import Received, StageContext
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.project.table_reports import InitReport, ProfileReport
from tenfold.records.dataset import Column, Dataset
from tenfold.records.problem import MetricChoice, Problem
from tenfold.reports.data_report import DataFacts, render_data_report
from tenfold.reports.pairs import shifts
from tenfold.spec.draft import Draft, draft_spec
from tenfold.spec.load import parse_spec
from tenfold.stages.data.options import DataOptions
from tenfold.stages.problem.options import ProblemOptions

FILE_NAME = "tenfold.yaml"
_SEED = 7
_TIME_WORDS = re.compile(r"date|time|timestamp|created|scheduled|when|month|day|_at$", re.IGNORECASE)
_NOT_PREDICTION_TIME = re.compile(r"birth|dob|expir|valid|end|arriv|clos|resol", re.IGNORECASE)
_FEWEST_MOMENTS = 20


def init_project(
    data: str, target: str | None, *, folder: Path | None = None, table: str | None = None, force: bool = False
) -> InitReport:
    """Look at a table and write ``tenfold.yaml`` and the inferred contract into ``folder``.

    Raises
    ------
    InputError
        When the file exists already, the target is not named or not a column, or the data cannot be read.
    """
    folder = folder or Path()
    path = folder / FILE_NAME
    if path.exists() and not force:
        raise InputError(f"{path} exists already; edit it, or write it anew with --force")
    with tempfile.TemporaryDirectory(prefix="tenfold-init-") as work:
        ingested = ingest(IngestOptions(sources=(_request(data, table),)), workdir=Path(work))
        name = _project_name(data, table)
        problem = _understand(ingested, _target(target, ingested), name)
        dataset = _describe(ingested, problem)
    time = _prediction_time(dataset)
    contract = folder / "contracts" / f"{name}.yaml"
    draft = Draft(
        name=name,
        target=problem.target,
        task=problem.task,
        task_reason=problem.reasons.get("task", ""),
        metric=problem.metric,
        path=None if "://" in data else _relative(data, folder),
        url=data if "://" in data else None,
        allow=_hosts(data),
        table=table,
        positive=problem.positive,
        positive_reason=problem.reasons.get("positive", ""),
        time=None if time is None else time.name,
        time_reason="" if time is None else "it is the one column of times and every row has one",
        columns=dataset.columns,
        contract=None if dataset.contract is None else str(contract.relative_to(folder)),
        notes=(*ingested.notes, *(finding.message for finding in dataset.findings)),
    )
    text = draft_spec(draft)
    parse_spec(text.encode(), path=str(path), folder=folder, environ=os.environ)
    if dataset.contract is not None:
        contract.parent.mkdir(parents=True, exist_ok=True)
        contract.write_text(dataset.contract, encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    return InitReport(
        path=path,
        contract=None if dataset.contract is None else contract,
        target=problem.target,
        task=problem.task,
        metric=problem.metric.metric,
        reasons=(*problem.reasons.values(), problem.metric.reason),
        columns=len(dataset.columns),
        rows=dataset.rows,
    )


def profile_data(
    data: str, *, table: str | None = None, page: Path | None = None, against: str | None = None
) -> ProfileReport:
    """Look at a table: types, missing values, duplicates, oddities, and how far it lies from an earlier one.

    Parameters
    ----------
    page : Path, optional
        Where an HTML page about the table is written.
    against : str, optional
        An earlier snapshot: a file, or a database with the same ``table``.

    Raises
    ------
    DataError
        When the data cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="tenfold-profile-") as work:
        ingested = ingest(IngestOptions(sources=(_request(data, table),)), workdir=Path(work) / "now")
        dataset = _describe(ingested, _no_problem(data))
        now = pl.read_parquet(ingested.table)
        before = None
        if against is not None:
            request = IngestOptions(sources=(_request(against, table),))
            before = pl.read_parquet(ingest(request, workdir=Path(work) / "before").table)
        if page is not None:
            facts = DataFacts(
                title=_project_name(data, table),
                dataset=dataset,
                table=now,
                earlier=before,
                earlier_name=against or "",
                notes=ingested.notes,
            )
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(render_data_report(facts), encoding="utf-8")
    moved = () if before is None else shifts(before, now)
    return ProfileReport(dataset=dataset, notes=ingested.notes, page=page, against=against, moved=moved)


def _request(data: str, table: str | None) -> SourceRequest:
    return SourceRequest(name="data", location=data, table=table)


def _target(target: str | None, ingested: Ingested) -> str:
    names = [field.name for field in ingested.fields]
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    if target is None:
        raise InputError(f"name the column to predict with --target; the data have: {listed}")
    if target not in names:
        raise InputError(f"target '{target}' is not a column (there are: {listed}).{did_you_mean(target, names)}")
    return target


def _understand(ingested: Ingested, target: str, name: str) -> Problem:
    from tenfold.stages.problem.run import run

    options = ProblemOptions(name=name, target=target, feasibility="off")
    return run(ingested.table, ingested.fields, options, _context()).record


def _describe(ingested: Ingested, problem: Problem) -> Dataset:
    from tenfold.stages.data.run import run

    received = Received(record=problem)
    return run(received, ingested.table, ingested.fields, ingested.sources, DataOptions(), _context()).record


def _no_problem(data: str) -> Problem:
    """Return the problem of a table that is only looked at: none."""
    metric = MetricChoice(metric="", reason="nothing is predicted")
    return Problem(name=_project_name(data, None), task="regression", target="", metric=metric)


def _context() -> StageContext:
    import numpy as np

    return StageContext(rng=np.random.default_rng(_SEED), seed=_SEED)


def _prediction_time(dataset: Dataset) -> Column | None:
    """Return the column that says when the prediction is made, when there is just one candidate."""
    times = [column for column in dataset.columns if column.field.kind == "datetime" and column.role != "target"]
    if len(times) != 1:
        return None
    (column,) = times
    fits = _TIME_WORDS.search(column.name) and not _NOT_PREDICTION_TIME.search(column.name)
    return column if fits and not column.missing and column.distinct >= _FEWEST_MOMENTS else None


def _project_name(data: str, table: str | None) -> str:
    stem = table or Path(data.split("?", maxsplit=1)[0]).name.split(".")[0]
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")
    return slug[:100] or "model"


def _hosts(data: str) -> tuple[str, ...]:
    """Return the host of a web address: who names it lets it be asked."""
    host = urlsplit(data).hostname if data.startswith(("http://", "https://")) else None
    return () if host is None else (host,)


def _relative(data: str, folder: Path) -> str:
    """Return a path as the file says it: relative to the file where that is short."""
    path = Path(data)
    if path.is_absolute():
        return data
    return Path(os.path.relpath(path, folder)).as_posix()
