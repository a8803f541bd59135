"""The bundle: a model as files that nothing can run from, named by what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tenfold.bundle.conformal import checked as checked_conformal
from tenfold.bundle.container import MANIFEST, read_files, read_manifest, sealed, zipped
from tenfold.bundle.history import History
from tenfold.bundle.model import Model, Part, Probe
from tenfold.bundle.plan.proof import prove
from tenfold.bundle.predictors.table import predictor_from_files
from tenfold.bundle.recalibration import checked as checked_recalibration
from tenfold.bundle.signature import Signature, canonical_type
from tenfold.bundle.signing import check_signature, trusts_over
from tenfold.bundle.view import FittedView
from tenfold.foundation.errors import StoreError, TenfoldError
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.foundation.serial import canonical_json, from_json
from tenfold.records.dataset import Field
from tenfold.records.evaluation import Conformal, Recalibration, Threshold
from tenfold.records.problem import Task, ValueMatrix

if TYPE_CHECKING:
    from collections.abc import Iterator

_FACTS = "model.json"
_PROBE = "probe.json"
# Files of their own, and only where there is such a step: bundles without one keep their bytes.
_RECALIBRATION = "recalibration.json"
_CONFORMAL = "intervals.json"
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class _PartFacts:
    key: str
    view: str
    weight: float
    predictor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _ModelFacts:
    name: str
    task: Task
    target: str
    classes: tuple[str, ...]
    fields: tuple[Field, ...]
    views: tuple[str, ...]
    parts: tuple[_PartFacts, ...]
    threshold: Threshold | None = None
    value: ValueMatrix | None = None
    history: History | None = None
    reading: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProbeFacts:
    columns: Mapping[str, tuple[float | bool | str | None, ...]]
    scores: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A bundle in memory: its name (the hash of its manifest) and its files."""

    name: str
    files: Mapping[str, bytes]

    def zipped(self) -> bytes:
        """Return the files as one zip."""
        return zipped(self.files)


def pack_bundle(model: Model, probe_rows: pl.DataFrame) -> Packed:
    """Return a model as a bundle. Nothing in it depends on time, machine, path or run.

    Parameters
    ----------
    probe_rows : DataFrame
        A few canonical rows, kept with the scores that the model gives them now: `verify_probe` compares.

    Raises
    ------
    StoreError
        When the plan by which the model would be served is not the model: see `tenfold.bundle.plan.proof.prove`.
    """
    prove(model, probe_rows)
    files: dict[str, bytes] = {}
    for name, view in model.views.items():
        files.update({f"views/{name}/{path}": content for path, content in view.files().items()})
    for number, part in enumerate(model.parts):
        files.update({f"{_folder(number)}{path}": content for path, content in part.predictor.files().items()})
    files[_FACTS] = canonical_json(
        _ModelFacts(
            name=model.name,
            task=model.task,
            target=model.target,
            classes=model.classes,
            fields=model.signature.fields,
            views=tuple(model.views),
            parts=tuple(
                _PartFacts(key=part.key, view=part.view, weight=part.weight, predictor=part.predictor.kind)
                for part in model.parts
            ),
            threshold=model.threshold,
            value=model.value,
            history=model.history,
            reading=model.reading,
        )
    )
    if model.recalibration is not None:
        files[_RECALIBRATION] = canonical_json(model.recalibration)
    if model.conformal is not None:
        files[_CONFORMAL] = canonical_json(model.conformal)
    files[_PROBE] = _written_probe(model, probe_rows.select(model.signature.names))
    whole = sealed(files)
    return Packed(name=hash_bytes(whole[MANIFEST]), files=whole)


def write_bundle(model: Model, probe_rows: pl.DataFrame, place: Path) -> str:
    """Write a model as a bundle and return the bundle's name.

    Parameters
    ----------
    place : Path
        A new or empty folder, or a file name that ends with ``.zip``.

    Raises
    ------
    StoreError
        When the folder holds something else.
    """
    packed = pack_bundle(model, probe_rows)
    if place.suffix == ".zip":
        place.write_bytes(packed.zipped())
        return packed.name
    if place.exists() and any(place.iterdir()):
        raise StoreError(f"'{place}' is not empty: a bundle is written to a folder of its own")
    for path, content in packed.files.items():
        file = place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return packed.name


def bundle_name(place: Path) -> str:
    """Return the name of the bundle at ``place``: the hash of its manifest."""
    return read_manifest(place)[0]


def load_bundle(place: Path, *, verify: bool = True, name: str | None = None) -> Model:
    """Load a bundle; nothing that it holds is run.

    Parameters
    ----------
    place : Path
        A folder, or a zip.
    verify : bool
        Whether each file is held against its hash in the manifest. Skip it only where the bytes were verified before;
        where a signature is asked for (`tenfold.bundle.signing`) it is never skipped.
    name : str or None
        The name that the bundle must have.

    Raises
    ------
    StoreError
        When a file was changed, added or removed, the bundle is another one or of an unknown format, or a file does not
        hold what it should; or no key that counts here signed it.
    """
    trusts = trusts_over(place)
    # A signature is worth what the hashes are worth that it stands for.
    found, files = read_files(place, verify=verify or bool(trusts))
    check_signature(place, found, trusts)
    if name is not None and found != name:
        raise StoreError(f"the bundle at '{place}' is {found[:12]}, not {name[:12]}")
    return _model(files)


def verify_probe(model: Model) -> float:
    """Predict the bundle's probe rows, as a table and one by one, and return the greatest deviation.

    The plan by which the model is served is proved too, on these rows and harder ones made of them.

    Raises
    ------
    StoreError
        When a score deviates by more than 1e-9, relative to its size where that is above one: this machine's libraries
        compute another model.
    """
    if model.probe is None:
        raise StoreError(f"the model '{model.name}' has no probe rows to compare with")
    expected = model.probe.scores
    together = model.scores(model.probe.rows)
    alone = [model.scores_row(row)[0] for row in model.probe.rows.iter_rows(named=True)]
    worst = 0.0
    for scores in (together, np.array(alone).reshape(expected.shape)):
        if expected.size:
            worst = max(worst, float(np.max(np.abs(scores - expected) / np.maximum(1.0, np.abs(expected)))))
    if not worst <= _TOLERANCE:
        raise StoreError(
            f"the model '{model.name}' gives its probe rows other scores here than where it was built "
            f"(off by {worst:.2g}): check the versions of numpy, polars and lightgbm"
        )
    return max(worst, prove(model, model.probe.rows))


def _folder(number: int) -> str:
    return f"predictors/{number:02d}/"


def _model(files: Mapping[str, bytes]) -> Model:
    with _reading(_FACTS):
        facts = from_json(_ModelFacts, files[_FACTS])
    signature = Signature(fields=facts.fields)
    views = {}
    for name in facts.views:
        with _reading(f"views/{name}/"):
            views[name] = FittedView.from_files(_inside(files, f"views/{name}/"))
        for column in views[name].inputs:
            if column not in signature.names:
                raise StoreError(f"'views/{name}/' of the bundle reads '{column}', which is not in its signature")
    parts = []
    for number, part in enumerate(facts.parts):
        with _reading(_folder(number)):
            predictor = predictor_from_files(part.predictor, _inside(files, _folder(number)))
        if part.view not in views:
            raise StoreError(f"'{_FACTS}' of the bundle names a view '{part.view}' that it does not hold")
        parts.append(Part(key=part.key, view=part.view, weight=part.weight, predictor=predictor))
    recalibration, conformal = None, None
    if _RECALIBRATION in files:
        with _reading(_RECALIBRATION):
            step = from_json(Recalibration, files[_RECALIBRATION])
            recalibration = checked_recalibration(step, len(facts.classes))
    if _CONFORMAL in files:
        with _reading(_CONFORMAL):
            conformal = checked_conformal(from_json(Conformal, files[_CONFORMAL]), len(facts.classes))
    with _reading(_PROBE):
        probe = _read_probe(from_json(_ProbeFacts, files[_PROBE]), signature)
    return Model(
        name=facts.name,
        task=facts.task,
        target=facts.target,
        classes=facts.classes,
        signature=signature,
        views=views,
        parts=tuple(parts),
        threshold=facts.threshold,
        value=facts.value,
        history=facts.history,
        reading=facts.reading,
        recalibration=recalibration,
        conformal=conformal,
        probe=probe,
    )


def _inside(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    return {path.removeprefix(folder): content for path, content in files.items() if path.startswith(folder)}


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Name the file in whatever goes wrong while bytes that nobody vouches for are read."""
    try:
        yield
    except TenfoldError as error:
        raise StoreError(f"'{what}' of the bundle: {error}") from error
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        pl.exceptions.PolarsError,
    ) as error:
        raise StoreError(f"'{what}' of the bundle does not hold what it should ({type(error).__name__})") from error
    except MemoryError as error:
        raise StoreError(f"'{what}' of the bundle asks for more memory than there is") from error


def _written_probe(model: Model, rows: pl.DataFrame) -> bytes:
    columns = {
        name: tuple(value.isoformat() if isinstance(value, datetime) else value for value in rows[name].to_list())
        for name in rows.columns
    }
    scores = tuple(tuple(row) for row in model.scores(rows).tolist())
    return canonical_json(_ProbeFacts(columns=columns, scores=scores))


def _read_probe(facts: _ProbeFacts, signature: Signature) -> Probe:
    columns: list[pl.Series] = []
    for known in signature.fields:
        values: Sequence[object] = facts.columns[known.name]
        if known.kind == "datetime":
            values = [None if value is None else datetime.fromisoformat(str(value)) for value in values]
        columns.append(pl.Series(known.name, values, dtype=canonical_type(known.kind), strict=True))
    rows = pl.DataFrame(columns)
    return Probe(rows=rows, scores=np.array(facts.scores, dtype=np.float64).reshape(len(facts.scores), -1))
