"""How a project begins: look at a table, and write the file that says what was found."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from tenfold.connectors.ingest import Ingested, IngestOptions, ingest
from tenfold.connectors.moments import words_of
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.context import Received, StageContext
from tenfold.foundation.errors import DataError, InputError, did_you_mean
from tenfold.project.first_look import (
    Moment,
    find_codes,
    find_moment,
    find_twins,
    look_for_leaks,
    overrides_of,
    query_of,
)
from tenfold.project.sampled import sample_of
from tenfold.project.table_reports import InitReport, ProfileReport
from tenfold.records.dataset import Dataset
from tenfold.records.problem import MetricChoice, Problem
from tenfold.reports.data_report import DataFacts, render_data_report
from tenfold.reports.pairs import shifts
from tenfold.spec.draft import Draft, draft_spec
from tenfold.spec.load import parse_spec
from tenfold.stages.data.options import ColumnOptions, DataOptions
from tenfold.stages.data.profile import Sampled
from tenfold.stages.data.target import MISSING_TARGET
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
        seen = _look(data, table, target, Path(work))
        name = _project_name(data, table)
        ingested, drawn = _in_memory(seen.ingested)
        problem = _understand(ingested, seen.target, name)
        leaks = look_for_leaks(ingested, seen.target, but=seen.made, ctx=_context())
        blocking = tuple(leak for leak in leaks if leak.severity == "block")
        columns = {leak.column: ColumnOptions(available="later") for leak in blocking}
        columns |= {made: ColumnOptions(role="ignored") for made in seen.made}
        options = DataOptions(columns=columns)
        dataset = _describe(ingested, problem, drawn, options)
        if dataset.dropped:
            dataset = replace(dataset, contract=_contract_of_all(ingested, dataset, drawn, options))
    time, time_reason = _prediction_time(dataset, seen.moment)
    contract = folder / "contracts" / f"{name}.yaml"
    without = dataset.dropped.get(MISSING_TARGET, 0)
    noted = [f"'{problem.target}' is missing in {without:,} rows, which are left out"] if without else []
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
        time=time,
        time_reason=time_reason,
        query=seen.query,
        made=seen.made,
        codes=seen.codes,
        leaks=leaks,
        columns=dataset.columns,
        contract=None if dataset.contract is None else str(contract.relative_to(folder)),
        notes=(*seen.ingested.notes, *seen.told, *noted, *(finding.message for finding in dataset.findings)),
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
        rows=dataset.rows if dataset.whole is None else dataset.whole.rows,
        notes=(*seen.ingested.notes, *seen.told, *noted, *_decided(draft)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A table as it was first looked at: read as the new file will read it."""

    ingested: Ingested
    target: str
    query: str | None = None
    moment: Moment | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    @property
    def made(self) -> tuple[str, ...]:
        """The columns that the query adds."""
        return () if self.moment is None else (self.moment.name,)


def _look(data: str, table: str | None, target: str | None, work: Path) -> _Seen:
    """Read a table, and again where its columns make a time together or hold codes."""
    source = IngestOptions(sources=(_request(data, table),))
    first = ingest(source, workdir=work / "first")
    named = _target(target, first)
    codes = find_codes(first.fields, first.table, but=(named,))
    twins = find_twins(first, named)
    moment = None if _has_time(first, named) else find_moment(first, named)
    told = tuple(f"'{label}' is taken for '{meant}': see `data.query`" for label, meant in twins.items())
    if moment is not None:
        try:
            query = query_of(moment, named, twins)
            again = replace(source, query=query, overrides=overrides_of(codes))
            ingested = ingest(again, workdir=work / "again")
        except DataError as error:
            told = (*told, f"{moment.reason}, but not in every row ({error}): no time is made of them")
        else:
            return _Seen(ingested=ingested, target=named, query=query, moment=moment, codes=codes, told=told)
    query = query_of(None, named, twins)
    if query is None and not codes:
        return _Seen(ingested=first, target=named, told=told)
    ingested = ingest(replace(source, query=query, overrides=overrides_of(codes)), workdir=work / "coded")
    return _Seen(ingested=ingested, target=named, query=query, codes=codes, told=told)


def _has_time(ingested: Ingested, target: str) -> bool:
    """Whether a column holds times that are more than days: then no other columns are put together."""
    times = [field.name for field in ingested.fields if field.kind == "datetime" and field.name != target]
    if not times:
        return False
    finer = pl.scan_parquet(ingested.table).select((pl.col(times).dt.truncate("1d") != pl.col(times)).any())
    return any(finer.collect(engine="streaming").row(0))


def _decided(draft: Draft) -> tuple[str, ...]:
    """Return what stands in the file without having been asked for."""
    said = []
    if draft.made:
        said.append(f"`data.query` makes '{draft.time}': {draft.time_reason}")
    said += [f"'{name}' is read as words: {reason}" for name, reason in draft.codes.items()]
    said += [
        f"{'left out' if leak.severity == 'block' else 'look at'}: {leak.reason.split(';')[0]}" for leak in draft.leaks
    ]
    return tuple(said)


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

    A table larger than memory is counted stretch by stretch; what compares rows or columns is found on a sample.

    Raises
    ------
    DataError
        When the data cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="tenfold-profile-") as work:
        ingested = ingest(IngestOptions(sources=(_request(data, table),)), workdir=Path(work) / "now")
        ingested, drawn = _in_memory(ingested)
        dataset = _describe(ingested, _no_problem(data), drawn)
        now = pl.read_parquet(ingested.table)
        before = None
        if against is not None:
            request = IngestOptions(sources=(_request(against, table),))
            earlier, _ = _in_memory(ingest(request, workdir=Path(work) / "before"))
            before = pl.read_parquet(earlier.table)
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


def _in_memory(read: Ingested) -> tuple[Ingested, Sampled | None]:
    """Return a table that fits into memory, and of which it is a sample, where it is one."""
    into = read.table.with_name("sample.parquet")
    sampled = sample_of(read.table, "auto", time=None, seed=_SEED, into=into)
    if sampled is None:
        return read, None
    return replace(read, table=sampled.path), Sampled(whole=sampled.whole, reason=sampled.reason)


def _describe(
    ingested: Ingested,
    problem: Problem,
    sampled: Sampled | None = None,
    options: DataOptions = DataOptions(),  # noqa: B008  # it is frozen
) -> Dataset:
    from tenfold.stages.data.run import run

    received, context = Received(record=problem), _context()
    told = run(received, ingested.table, ingested.fields, ingested.sources, options, context, sampled=sampled)
    return told.record


def _contract_of_all(ingested: Ingested, dataset: Dataset, drawn: Sampled | None, options: DataOptions) -> str:
    """Return the contract that every row keeps, those without a target too: a run holds them to it before it drops any.

    Survey tools leave whole pages empty where the target is.
    """
    from tenfold.measures.contract.infer import infer_contract
    from tenfold.measures.contract.text import contract_to_text

    every = _describe(ingested, _no_problem(""), drawn, options)
    columns = tuple(replace(column, role=dataset.column(column.name).role) for column in every.columns)
    return contract_to_text(infer_contract(replace(every, columns=columns)))


def _no_problem(data: str) -> Problem:
    """Return the problem of a table that is only looked at: none."""
    metric = MetricChoice(metric="", reason="nothing is predicted")
    return Problem(name=_project_name(data, None), task="regression", target="", metric=metric)


def _context() -> StageContext:
    import numpy as np

    return StageContext(rng=np.random.default_rng(_SEED), seed=_SEED)


def _prediction_time(dataset: Dataset, moment: Moment | None) -> tuple[str | None, str]:
    """Return the column that says when the prediction is made, when there is just one candidate, and why (not)."""
    if moment is not None:
        if dataset.column(moment.name).distinct >= _FEWEST_MOMENTS:
            return moment.name, moment.reason
        return None, f"'{moment.name}' takes fewer than {_FEWEST_MOMENTS} values"
    times = [column for column in dataset.columns if column.field.kind == "datetime" and column.role != "target"]
    if not times:
        years = [column.name for column in dataset.columns if column.field.integer and "year" in words_of(column.name)]
        return None, f"'{years[0]}' could be named, if rows of later years are to be predicted" if years else ""
    if len(times) > 1:
        listed = ", ".join(f"'{column.name}'" for column in times[:6])
        return None, f"{listed} hold times: which of them, only you know"
    (column,) = times
    if not _TIME_WORDS.search(column.name) or _NOT_PREDICTION_TIME.search(column.name):
        return None, f"'{column.name}' holds times, but its name does not say that they are those of the prediction"
    if column.missing:
        return None, f"'{column.name}' holds times, but {column.missing:,} rows have none"
    if column.distinct < _FEWEST_MOMENTS:
        return None, f"'{column.name}' holds {column.distinct} different times only"
    return column.name, "it is the one column of times and every row has one"


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
