"""A model from elsewhere becomes a registered version, judged by the project's requirements on the project's rows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tenfold.connectors.ingest import IngestOptions, ingest
from tenfold.connectors.request import SourceRequest
from tenfold.engine.run import RunOutcome, Surroundings, run_graph
from tenfold.engine.session import open_run
from tenfold.foundation.errors import CheckFailed, InputError
from tenfold.foundation.events import Events, Silent
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.foundation.serial import from_json
from tenfold.lifecycle import lifecycle
from tenfold.measures.judge import overall
from tenfold.project.adopt_report import AdoptReport
from tenfold.project.champion import CHAMPION, champion_external
from tenfold.project.earlier import earlier_externals
from tenfold.project.signing import signing_of
from tenfold.project.tables import table_of
from tenfold.project.wiring import options_of
from tenfold.records.dataset import Dataset, Field
from tenfold.records.evaluation import Threshold
from tenfold.records.problem import Problem

if TYPE_CHECKING:
    import polars as pl

    from tenfold.bundle.foreign import Foreign, Inputs
    from tenfold.bundle.foreign_proof import ForeignProof
    from tenfold.bundle.model import Model
    from tenfold.bundle.signature import Signature
    from tenfold.project.open import Project
    from tenfold.stages.evaluation.adopted import Judged
    from tenfold.stages.evaluation.rows import Parts

_LAST_STAGE = "features"
_MOST_SIGNATURE_BYTES = 4_000_000
_NAMED = 5
_PROBE_ROWS = 2_000
_UNKNOWN_PAST = (
    "Tenfold cannot know which rows the model was trained on: were the sealed rows among them, its figures are too good"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What is to be imported, and what its file does not say.

    Attributes
    ----------
    path : Path
        A model in a format that `tenfold.bundle.foreign_read` knows, or a folder that MLflow wrote.
    signature : Path or None
        A JSON document with ``inputs``, as ``tenfold model show --json`` prints them, in the model's order.
    sample : str or None
        A table whose columns are the model's, in its order where it does not name them.
    classes : tuple of str
        The model's classes in its own order; needed for more than two.
    threshold : float or None
        From which probability the positive class is decided; else it is chosen on the development rows.
    """

    path: Path
    signature: Path | None = None
    sample: str | None = None
    classes: tuple[str, ...] = ()
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ground:
    """What the project knows of its rows: what a model from elsewhere has to fit."""

    problem: Problem
    dataset: Dataset
    parts: Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A signature as it is written."""

    inputs: tuple[Field, ...]


def adopt(project: Project, adoption: Adoption, *, events: Events | None = None) -> AdoptReport:
    """Register a model from elsewhere as a version, and judge it on the project's sealed rows.

    The project's rows are read, divided and planned as a run does, from what is kept where nothing changed.

    Raises
    ------
    InputError
        When the model does not fit the project; the message says why.
    CheckFailed
        When a gate stops the project's own data.
    """
    from tenfold.bundle.foreign_read import read_foreign

    foreign = read_foreign(adoption.path)
    stages = lifecycle(options_of(project.spec), project.clock)
    externals = {
        "table": table_of(project.spec, project.store),
        CHAMPION: champion_external(project.store, project.spec.name),
        **earlier_externals(stages, project.store),
    }
    with open_run(project.store, spec=project.text, seed=project.spec.training.seed) as run:
        outcome = run_graph(
            stages,
            externals,
            store=project.store,
            run=run.id,
            around=replace(Surroundings(), events=events or Silent(), seed=project.spec.training.seed),
            until=_LAST_STAGE,
        )
        if outcome.stopped is not None:
            raise CheckFailed(f"the project's own data stop at {outcome.stopped_at}: {outcome.stopped}")
        report = _judge_and_register(project, adoption, foreign, outcome, run.id)
        run.finish(report.status, document=json.dumps(report.document(), ensure_ascii=False).encode())
    return report


def _judge_and_register(
    project: Project, adoption: Adoption, foreign: Foreign, outcome: RunOutcome, run: str
) -> AdoptReport:
    from tenfold.stages.evaluation.assemble import pack
    from tenfold.stages.evaluation.rows import read_parts

    kept = outcome.results
    problem: Problem = kept["problem"].record
    parts = read_parts(problem, kept["data"], kept["validation"], kept["features"])
    ground = _Ground(problem=problem, dataset=kept["data"].record, parts=parts)
    order = _order(adoption.classes or _known_classes(foreign.classes, problem), problem)
    model = _model(project, adoption, foreign, ground, order)
    known = model.signature.conform(parts.development.table)
    proof = _proven(foreign, model, known, order, adoption.path)
    packed = pack(model, known)
    content = packed.zipped()
    split = kept["validation"].record.split
    looks = project.store.lockbox.record_look(split, run=run, reason="an imported model")
    judged = _judged(project, model, ground, len(content), packed.name)
    version = project.store.registry.register(
        project.spec.name,
        bundle=packed.name,
        blob=project.store.blobs.put(content),
        run=run,
        facts={
            **signing_of(project.spec)(project.store, packed.name),
            "threshold": None if model.threshold is None else model.threshold.value,
            "imported": {"kind": foreign.kind, "file": hash_bytes(foreign.original.content), "proof": asdict(proof)},
        },
    )
    inputs = {"bundle": packed.name, "snapshot": kept["data"].record.snapshot, "split": split}
    champion = _champion_of(project)
    if champion is not None and champion != packed.name:
        inputs["champion"] = champion
    project.store.evidence.append(judged.verdicts, subject=packed.name, run=run, inputs=inputs)
    return AdoptReport(
        run=run,
        status=overall(judged.verdicts),
        version=version,
        path=project.store.blobs.path(version.blob),
        kind=foreign.kind,
        task=model.task,
        inputs=model.signature.names,
        threshold=model.threshold,
        verdicts=judged.verdicts,
        metrics=judged.metrics,
        findings=(*foreign.findings, *_told_of(proof), _held_against(ground), _UNKNOWN_PAST),
        looks=looks,
        proof=proof,
    )


def _proven(foreign: Foreign, model: Model, known: pl.DataFrame, order: Sequence[int], path: Path) -> ForeignProof:
    """Hold the model against its original on hard rows made of the project's own."""
    import numpy as np

    from tenfold.bundle.foreign_proof import prove_foreign
    from tenfold.bundle.model import Probe
    from tenfold.exports.hard_rows import hard_rows
    from tenfold.exports.proof import model_scores

    few = known.gather_every(max(1, known.height // _PROBE_ROWS)).head(_PROBE_ROWS)
    hard = hard_rows(replace(model, probe=Probe(rows=few, scores=np.zeros((few.height, model.outputs)))))
    scores = model_scores(model, hard)
    return prove_foreign(
        foreign,
        fields=model.signature.fields,
        rows=hard.rows,
        why=hard.why,
        scores=scores,
        order=order,
        what=f"'{path}'",
    )


def _told_of(proof: ForeignProof) -> tuple[str, ...]:
    if not proof.refused:
        return ()
    every = proof.refused + proof.rows
    told = "such as too large numbers or unknown words; here they get a prediction"
    return (f"The original refuses to read {proof.refused} of {every} hard rows, {told}.",)


def _held_against(ground: _Ground) -> str:
    assert ground.parts.sealed is not None  # refused before
    development, sealed = len(ground.parts.development.numbers), len(ground.parts.sealed.numbers)
    return (
        f"Its windows in production are held against the project's {development:,} development rows, what it predicts"
        f" against its scores of the {sealed:,} sealed ones."
    )


def _known_classes(told: Sequence[str], problem: Problem) -> tuple[str, ...]:
    """Return the classes that the model itself names, where they are the project's."""
    return tuple(told) if sorted(told) == sorted(problem.classes) else ()


def _model(project: Project, adoption: Adoption, foreign: Foreign, ground: _Ground, order: Sequence[int]) -> Model:
    from tenfold.bundle.foreign import view_for
    from tenfold.bundle.model import Model, Part

    problem = ground.problem
    if ground.parts.sealed is None:
        raise InputError("no rows are sealed (`validation: {test: 0}`), so there is nothing to judge the model on")
    signature = _signature(project, adoption, foreign.inputs, ground)
    predictor = foreign.predictor(problem.task, order)
    part = Part(key=f"imported-{foreign.kind}", view="imported", weight=1.0, predictor=predictor)
    model = Model(
        name=problem.name,
        task=problem.task,
        target=problem.target,
        classes=problem.classes,
        signature=signature,
        views={"imported": view_for(foreign.inputs, signature)},
        parts=(part,),
        value=problem.value,
    )
    return replace(model, threshold=_threshold(adoption, model, ground))


def _threshold(adoption: Adoption, model: Model, ground: _Ground) -> Threshold | None:
    """Return the threshold of a binary task: never chosen on the sealed rows."""
    import numpy as np

    from tenfold.measures.money import amounts_by_row
    from tenfold.measures.threshold import choose_threshold

    problem = ground.problem
    if problem.task != "binary":
        if adoption.threshold is not None:
            raise InputError(f"a {problem.task} task has no threshold")
        return None
    if adoption.threshold is not None:
        if not 0.0 <= adoption.threshold <= 1.0:
            raise InputError(f"the threshold is a probability, found {adoption.threshold:g}")
        return Threshold(value=adoption.threshold, reason="given with the model")
    rows = ground.parts.development
    scores = model.scores(model.signature.conform(rows.table))
    chosen = choose_threshold(
        rows.truth.astype(np.int64),
        scores[:, 1],
        problem.value,
        problem.metric.metric,
        weight=rows.weight,
        by_row=amounts_by_row(problem, rows.table),
    )
    return replace(chosen, reason=f"{chosen.reason}; chosen on the development rows, which the model may have seen")


def _order(classes: Sequence[str], problem: Problem) -> tuple[int, ...]:
    """Return, for each class of the project, its place among the model's own."""
    if not classes:
        if problem.task == "multiclass":
            raise InputError(
                "the model does not say which class is which: name them in its own order, such as"
                f" --classes {','.join(problem.classes)}"
            )
        return tuple(range(len(problem.classes)))
    if sorted(classes) != sorted(problem.classes):
        raise InputError(f"the project's classes are {', '.join(problem.classes)}, and not {', '.join(classes)}")
    return tuple(classes.index(name) for name in problem.classes)


def _signature(project: Project, adoption: Adoption, inputs: Inputs, ground: _Ground) -> Signature:
    from tenfold.bundle.signature import Signature

    fields = _fields(project, adoption, ground)
    if inputs.names:
        chosen = _by_name(inputs.names, fields)
    elif adoption.signature is None and adoption.sample is None:
        raise InputError(
            f"the model reads {inputs.count} columns and names none: say which, in its order, with --signature or"
            " --sample"
        )
    elif len(fields) != inputs.count:
        raise InputError(f"the model reads {inputs.count} columns, and {len(fields)} are given")
    else:
        chosen = fields
    _check_known(chosen, ground)
    return Signature(
        fields=tuple(
            replace(field, kind="categorical", levels=inputs.levels[place])
            if place in inputs.levels
            else replace(field, kind="categorical" if place in inputs.words else field.kind)
            for place, field in enumerate(chosen)
        )
    )


def _fields(project: Project, adoption: Adoption, ground: _Ground) -> tuple[Field, ...]:
    """Return the columns to choose from: those of the signature, of the sample, or of the project's own table."""
    if adoption.signature is not None:
        return _written(adoption.signature)
    if adoption.sample is not None:
        with tempfile.TemporaryDirectory(prefix="tenfold-import-") as work:
            request = SourceRequest(name="sample", location=adoption.sample)
            options = IngestOptions(sources=(request,), timezone=project.spec.data.timezone)
            found: tuple[Field, ...] = ingest(options, workdir=Path(work)).fields
    else:
        found = tuple(column.field for column in ground.dataset.columns)
    return tuple(replace(field, reason="") for field in found if field.name != ground.problem.target)


def _written(path: Path) -> tuple[Field, ...]:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_SIGNATURE_BYTES + 1)
        return tuple(replace(field, reason="") for field in from_json(_Written, content).inputs)
    except OSError as error:
        raise InputError(f"the signature '{path}' cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise InputError(
            f"the signature '{path}' is not one ({place}: {first['msg']}): write"
            ' {"inputs": [{"name": "age", "kind": "numeric"}, …]}'
        ) from error


def _by_name(names: Sequence[str], fields: Sequence[Field]) -> tuple[Field, ...]:
    # LightGBM writes blanks in names as underlines.
    known = {field.name.replace(" ", "_"): field for field in fields} | {field.name: field for field in fields}
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError(f"the model reads {_listed(missing)}, which nobody has a column for")
    return tuple(known[name] for name in names)


def _check_known(chosen: Sequence[Field], ground: _Ground) -> None:
    """Refuse columns that the project's rows do not have, or that are known with the outcome only."""
    names = [field.name for field in chosen]
    missing = [name for name in names if name not in ground.parts.every.table.columns]
    if missing:
        raise InputError(f"the model reads {_listed(missing)}, which the project's rows do not have")
    if ground.problem.target in names:
        raise InputError(f"the model reads the target '{ground.problem.target}' itself")
    later = [column.name for column in ground.dataset.columns if column.available == "later" and column.name in names]
    if later:
        raise InputError(f"the model reads {_listed(later)}, known with the outcome only (`available: later`)")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:_NAMED]) + more


def _judged(project: Project, model: Model, ground: _Ground, size_bytes: int, bundle: str) -> Judged:
    from tenfold.stages.evaluation.adopted import judge_adopted
    from tenfold.stages.evaluation.champion import Champion

    assert ground.parts.sealed is not None  # refused before
    champion = champion_external(project.store, project.spec.name).load()
    other = champion if isinstance(champion, Champion) and champion.bundle != bundle else None
    return judge_adopted(
        model,
        ground.problem,
        ground.parts.development,
        ground.parts.sealed,
        options_of(project.spec).evaluation,
        size_bytes=size_bytes,
        seed=project.spec.training.seed,
        champion=other,
    )


def _champion_of(project: Project) -> str | None:
    found = project.store.aliases.current(project.spec.name).get(CHAMPION)
    return None if found is None else project.store.registry.find(f"{project.spec.name}@{found}").bundle
