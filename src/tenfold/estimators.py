"""Tenfold with scikit-learn's face: ``Classifier`` and ``Regressor`` for those who live in notebooks.

They go through the same stages as a project, from the understanding of columns to the ensemble, on all the rows that
they are given: nothing is sealed, for whoever calls ``fit`` has divided the rows already.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_feature_names, _check_sample_weight, check_is_fitted, validate_data

from tenfold.bundle.model import Model
from tenfold.connectors.ingest import IngestOptions, ingest
from tenfold.connectors.request import SourceRequest
from tenfold.engine.executors import ProcessMap
from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import InlineMap, Received, StageContext, StageResult
from tenfold.foundation.errors import DataError, InputError
from tenfold.foundation.serial import from_json
from tenfold.foundation.stopwatch import Stopwatch
from tenfold.records.model import Candidates
from tenfold.records.problem import Task
from tenfold.stages.data import run as data
from tenfold.stages.data.options import ColumnOptions, DataOptions
from tenfold.stages.evaluation.assemble import build_model, pack, read_members
from tenfold.stages.features import run as features
from tenfold.stages.features.options import FeatureOptions
from tenfold.stages.problem import run as problem
from tenfold.stages.problem.options import ProblemOptions
from tenfold.stages.training import run as training
from tenfold.stages.training.learners import learner_called, preloaded
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.trainer import open_trainer
from tenfold.stages.tuning import run as tuning
from tenfold.stages.tuning.options import Method, TuningOptions
from tenfold.stages.validation import run as validation
from tenfold.stages.validation.options import ValidationOptions

_FEWEST_ROWS = 2
_TARGET, _WEIGHT = "target", "sample_weight"
_LEAST_FOR_PROCESSES = 20.0
"""With a shorter budget the time in which processes start is better spent on learning."""

_CLOSING_SHARE, _CLOSING_SECONDS = 0.03, 1.0
"""Kept free of the budget for reading the members and returning."""

_MOST_SLOWNESS = 4.0

Floats = npt.NDArray[np.float64]


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """What both have in common. Parameters are documented where they are public."""

    def __init__(
        self,
        *,
        budget_seconds: float | None = 60.0,
        budget_trials: int | None = None,
        metric: str | None = None,
        learners: Sequence[str] | str = "auto",
        interpretable: bool = False,
        tuning: Method = "auto",
        n_jobs: int | None = None,
        random_state: int | None = 7,
    ):
        self.budget_seconds = budget_seconds
        self.budget_trials = budget_trials
        self.metric = metric
        self.learners = learners
        self.interpretable = interpretable
        self.tuning = tuning
        self.n_jobs = n_jobs
        self.random_state = random_state

    def save(self, path: str | Path) -> Path:
        """Write the fitted model as a bundle, which ``tenfold.load`` and ``tenfold import`` read; return its path."""
        check_is_fitted(self)
        path = Path(path)
        path.write_bytes(self._bundle_)
        return path

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.non_deterministic = self.budget_trials is None
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _fit(self, rows: pl.DataFrame, truth: pl.Series, weight: Floats | None, watch: Stopwatch) -> Model:
        """Carry the rows through the stages, and return the model."""
        names = {name: _free(name, rows.columns) for name in (_TARGET, _WEIGHT)}
        table = rows.with_columns(truth.alias(names[_TARGET]))
        columns: dict[str, ColumnOptions] = {}
        if weight is not None:
            table = table.with_columns(pl.Series(names[_WEIGHT], weight))
            columns[names[_WEIGHT]] = ColumnOptions(role="weight")
        seed = (
            int(np.random.default_rng(self.random_state).integers(1 << 31))
            if self.random_state is None
            else int(self.random_state)
        )
        with tempfile.TemporaryDirectory(prefix="tenfold-fit-") as scratch, self._workers() as workers:
            ctx = StageContext(rng=np.random.default_rng(seed), seed=seed, map=workers, deadline=self._deadline(watch))
            try:
                return self._carry(table, names[_TARGET], columns, Path(scratch), ctx, watch=watch)
            except (DataError, InputError) as error:
                # What scikit-learn's callers catch.
                raise ValueError(str(error)) from error

    def _carry(
        self,
        table: pl.DataFrame,
        target: str,
        columns: Mapping[str, ColumnOptions],
        folder: Path,
        ctx: StageContext,
        *,
        watch: Stopwatch,
    ) -> Model:
        source = folder / "rows.parquet"
        table.write_parquet(source)
        taken = ingest(
            IngestOptions(sources=(SourceRequest(name="rows", location=str(source)),)), workdir=folder / "in"
        )
        classes = table[target].unique().sort().to_list() if table.schema[target] == pl.String else []
        task: Task = "regression" if not classes else "binary" if len(classes) == 2 else "multiclass"
        asked = ProblemOptions(
            target=target,
            task=task,
            metric=self.metric,
            feasibility="off",
            positive=classes[1] if task == "binary" else None,
        )
        stated = _received(problem.run(taken.table, taken.fields, asked, ctx), folder / "problem")
        prepared = DataOptions(columns=columns)
        known = _received(data.run(stated, taken.table, taken.fields, taken.sources, prepared, ctx), folder / "data")
        split = _received(validation.run(stated, known, ValidationOptions(test=0.0), ctx), folder / "validation")
        planned = _received(features.run(stated, known, split, FeatureOptions(), ctx), folder / "features")
        # What other work on the machine has cost until here, it will cost at the end as well.
        slowness = min(_MOST_SLOWNESS, max(1.0, watch.wall_seconds() / max(watch.cpu_seconds(), 1e-3)))
        ctx = replace(ctx, deadline=self._deadline(watch, slowness))
        for name in () if self.learners == "auto" else self.learners:
            learner_called(name)
        options = TrainingOptions(
            learners=() if self.learners == "auto" else tuple(self.learners),
            budget_trials=self.budget_trials,
            interpretable=self.interpretable,
        )
        inputs = (stated, known, split, planned)
        raced = _received(training.run(*inputs, options, ctx), folder / "training")
        searched = tuning.run(
            *inputs,
            raced,
            TuningOptions(method=self.tuning, budget_trials=self.budget_trials),
            ctx,
            open_trainer=open_trainer,
        )
        finished = _received(searched, folder / "tuning")
        everything = from_json(Candidates, finished.files["candidates.json"].read_bytes())
        weights = dict(searched.record.members)
        members = read_members(list(weights), finished.files)
        model = build_model(members, stated.record, known.record, planned.record, None)
        self._bundle_ = pack(model, pl.read_parquet(known.files["table.parquet"])).zipped()
        self.metric_ = stated.record.metric.metric
        self.metric_reason_ = stated.record.metric.reason
        self.validation_ = {"strategy": split.record.strategy, "reason": split.record.reason}
        self.leaderboard_ = [
            {
                "key": each.key,
                "learner": each.learner,
                "score": each.score,
                "loss": each.loss,
                "params": dict(each.params),
                "weight": weights.get(each.key, 0.0),
            }
            for each in everything.candidates
        ]
        self.note_ = everything.note
        return model

    def _deadline(self, watch: Stopwatch, slowness: float = 1.0) -> Deadline:
        """Return when members must be there: what comes after takes so many times its time on a free machine."""
        if self.budget_trials is not None:
            return Deadline()
        if self.budget_seconds is None or not self.budget_seconds > 0:
            raise ValueError(
                f"budget_seconds must be greater than 0, or budget_trials given; got {self.budget_seconds}"
            )
        closing = _CLOSING_SECONDS if self.budget_seconds > 10 * _CLOSING_SECONDS else 0.1
        closing = slowness * (self.budget_seconds * _CLOSING_SHARE + closing)
        return Deadline.after(max(0.1, self.budget_seconds - closing - watch.wall_seconds()))

    def _workers(self) -> AbstractContextManager[Any]:
        """Return where fits are made: this process, or several that begin to start now."""
        short = self.budget_seconds is not None and self.budget_seconds < _LEAST_FOR_PROCESSES
        if self.n_jobs == 1 or (self.n_jobs is None and self.budget_trials is None and short):
            return nullcontext(InlineMap())
        processes = ProcessMap(None if self.n_jobs is None or self.n_jobs < 0 else self.n_jobs, preload=preloaded())
        processes.start()
        return processes

    def _rows(self, X: Any, *, reset: bool) -> pl.DataFrame:
        """Return rows as a table, after the checks that scikit-learn asks for.

        A data frame keeps its columns: numbers, words, booleans and times. An array holds numbers; NaN is missing.
        """
        frame = _frame(X)
        if frame is None:
            checked = validate_data(
                self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", accept_sparse=False
            )
            return pl.DataFrame({f"x{place}": checked[:, place] for place in range(checked.shape[1])})
        _check_feature_names(self, X, reset=reset)
        if reset:
            self.n_features_in_ = frame.width
        elif frame.width != self.n_features_in_:
            raise ValueError(
                f"X has {frame.width} features, but {type(self).__name__} is expecting {self.n_features_in_} features "
                "as input"
            )
        return frame

    def _scores(self, X: Any) -> Floats:
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        model: Model = self.model_
        return model.scores(model.conform(rows))


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Classify: a race of learners and a search, for as long as the budget goes, and the best small ensemble.

    Parameters
    ----------
    budget_seconds : float or None
        Wall time of ``fit``. Ignored when ``budget_trials`` is given.
    budget_trials : int or None
        How many models are tried. No clock is looked at: the same rows give the same model.
    metric : str or None
        What the leaderboard shows and the search follows; None chooses, and ``metric_reason_`` says why.
    learners : 'auto' or sequence of str
        Which learners take part.
    interpretable : bool
        Race only models that a person can read, and serve one of them alone.
    tuning : str
        How settings are searched: ``auto``, ``random``, ``bayesian``.
    n_jobs : int or None
        Processes; None and -1 are as many as there are cores, 1 works in this process.
    random_state : int or None
        Seed of every chance; None draws one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    model_ : Model
        What serves; `save` writes it as a bundle.
    leaderboard_ : list of dict
        What was tried, best first: key, learner, score, loss, params, weight in the ensemble.
    metric_, metric_reason_ : str
    n_features_in_, feature_names_in_
        As scikit-learn has them; names when ``X`` was a data frame.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> from tenfold import Classifier
    >>> fitted = Classifier(budget_trials=2, n_jobs=1).fit(X, y)
    >>> fitted.predict(X[:1]).tolist()
    [0]
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit on all rows.

        Parameters
        ----------
        X : data frame of polars or pandas, or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,) or None

        Raises
        ------
        ValueError
            When the rows or labels cannot be learned from: infinite values, lengths that differ, a single class.
        """
        watch = Stopwatch()
        rows, y = _both(self, X, y, numeric=False)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"Classifier can't train when only one class is present: every label is {self.classes_[0]!r}"
            )
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, np.empty((len(y), 1)))
        if weight is not None and len(np.unique(codes[weight > 0])) < 2:
            raise ValueError("Classifier can't train when only one class has rows of a weight above 0")
        truth = pl.Series([f"c{code:06d}" for code in codes], dtype=pl.String)
        self.model_ = self._fit(rows, truth, weight, watch)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Return probabilities of shape (n_samples, n_classes), in the order of ``classes_``."""
        scores = self._scores(X)
        result = np.zeros((len(scores), len(self.classes_)))
        result[:, [int(name[1:]) for name in self.model_.classes]] = scores
        return result

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class of each row, of shape (n_samples,)."""
        probabilities = self.predict_proba(X)
        chosen: npt.NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return chosen


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Predict a number: a race of learners and a search, for as long as the budget goes, and the best small ensemble.

    Parameters and attributes are those of `Classifier`, without ``classes_``.

    Examples
    --------
    >>> import numpy as np
    >>> from tenfold import Regressor
    >>> X = np.linspace(0, 1, 60)[:, None]
    >>> fitted = Regressor(budget_trials=2, n_jobs=1).fit(X, 3 * X[:, 0])
    >>> fitted.predict(X[:2]).shape
    (2,)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit on all rows; see `Classifier.fit`."""
        watch = Stopwatch()
        rows, y = _both(self, X, y, numeric=True)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, np.empty((len(y), 1)))
        self.model_ = self._fit(rows, pl.Series(np.asarray(y, dtype=np.float64)), weight, watch)
        return self

    def predict(self, X: Any) -> Floats:
        """Return the predicted number of each row, of shape (n_samples,)."""
        return self._scores(X)[:, 0]


def _both(estimator: _Estimator, X: Any, y: Any, *, numeric: bool) -> tuple[pl.DataFrame, npt.NDArray[Any]]:
    """Return rows as a table and the target as an array, of the same length."""
    from sklearn.utils import check_consistent_length, column_or_1d
    from sklearn.utils.validation import assert_all_finite

    if y is None:
        raise ValueError(f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None")
    target = column_or_1d(y, warn=True)
    if numeric:
        target = np.asarray(target, dtype=np.float64)
    if target.dtype.kind == "f":
        assert_all_finite(target, input_name="y")
    rows = estimator._rows(X, reset=True)  # noqa: SLF001 - its own kind
    check_consistent_length(rows, target)
    if len(target) < _FEWEST_ROWS:
        raise ValueError(f"n_samples = {len(target)}: at least {_FEWEST_ROWS} rows are needed")
    return rows, target


def _frame(X: Any) -> pl.DataFrame | None:
    """Return a data frame of polars or pandas as one of polars; None for what is an array."""
    if isinstance(X, pl.DataFrame):
        return X
    if type(X).__module__.partition(".")[0] == "pandas" and hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
        return pl.DataFrame({name: pl.from_pandas(X.iloc[:, place]) for place, name in enumerate(names)})
    return None


def _free(name: str, taken: Sequence[str]) -> str:
    """Return a name like this one that no column has."""
    while name in taken:
        name += "_"
    return name


def _received(result: StageResult[Any], folder: Path) -> Received[Any]:
    """Write a stage's payload where the next stage finds it."""
    files = {}
    for name, content in result.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read_bytes() if isinstance(content, Path) else content)
        files[name] = path
    return Received(record=result.record, files=files)
