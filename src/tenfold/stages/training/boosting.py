"""LightGBM: gradient-boosted trees, stopped early on held-out rows or by the deadline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.lightgbm_library import TreeLibrary
from tenfold.bundle.predictors.link import Link, linked
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.foundation.serial import canonical_json, from_json
from tenfold.records.features import View
from tenfold.stages.training.convergence.look import Look
from tenfold.stages.training.convergence.start import Kind, constant_loss, refuse_no_number
from tenfold.stages.training.convergence.watch import Watch, rules_for_boosting
from tenfold.stages.training.objectives import Aim, objective_of, relative
from tenfold.stages.training.progress import USUAL_RATE, patience
from tenfold.stages.training.protocols import LEVELS, Fit, FitFailed, Fitted, Merge, Rows

if TYPE_CHECKING:
    import lightgbm

MOST_TREES = 4_000
"""Trees of one model beyond which a slow learning rate is not worth its latency; a round has one for each class."""

MOST_LEAVES = 200_000
"""Leaves of one model, about twenty megabytes of text: trees of many leaves are fewer."""

_END = "\nend of trees"

_USUAL_LEAVES = 31

# Column-wise histograms are summed in the order of the rows whatever the number of threads, so equal decisions give
# equal bytes. Deterministic mode alone leaves the choice of histogram to a timing at start-up.
_FIXED: Mapping[str, object] = {
    "deterministic": True,
    "force_col_wise": True,
    "bagging_freq": 1,
    "max_cat_to_onehot": 8,
    "cat_smooth": 5.0,
    "verbosity": -1,
}
_OBJECTIVES: Mapping[Aim, tuple[str, str]] = {
    "binary": ("binary", "binary_logloss"),
    "multiclass": ("multiclass", "multi_logloss"),
    "squared": ("regression", "rmse"),
    "absolute": ("regression_l1", "l1"),
    "quantile": ("quantile", "quantile"),
    "poisson": ("poisson", "poisson"),
}


def merge_boosters(folds: Sequence[Mapping[str, bytes]]) -> Predictor:
    """Return one booster whose raw score is the mean of the folds' raw scores."""
    texts = [files["lightgbm.txt"].decode() for files in folds]
    link = from_json(dict[str, str | int], folds[0]["lightgbm.json"])["link"]
    return LightGBMPredictor.average(texts, link=cast("Link", link))


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting:
    """Boosted trees on native categories, with missing values as such."""

    view: View = "native"
    merge: Merge | None = merge_boosters

    def fit(self, fit: Fit) -> Fitted:
        """Boost until the held-out loss has stopped falling, the deadline passes, or ``iterations`` are reached.

        One round is always made.
        """
        import lightgbm

        if fit.held is None and fit.iterations is None:
            raise ValueError("boosting needs held-out rows or a number of iterations")
        fit = relative(fit)
        params = _parameters(fit)
        start = _start(fit)
        before = 0 if start is None else start.current_iteration()
        watch = _Watch(_watch(fit, params), rate=learning_rate(fit.params), bars=fit.bars)
        train = _dataset(fit.train, fit.categorical, params)
        held = (
            []
            if fit.held is None or fit.iterations is not None
            else [_dataset(fit.held, fit.categorical, params, train)]
        )
        try:
            booster = lightgbm.train(
                params,
                train,
                num_boost_round=_rounds(fit) - before,
                valid_sets=held,
                init_model=start,
                callbacks=[watch],
                keep_training_booster=True,
            )
        except lightgbm.basic.LightGBMError as error:
            raise FitFailed(f"LightGBM could not fit: {error}") from error
        watch.watch.close(ceiling=fit.most is None and not watch.gave_up)
        refuse_no_number(watch.watch, "LightGBM")
        kept = watch.best if held else watch.done
        if start is not None and watch.done.rounds == 0:
            kept = _Stage(before, before)
        text = booster.model_to_string(num_iteration=kept.trees)
        return Fitted(
            predictor=_FreshBooster(text, fit.train.values.shape[1], fit.outputs, _link(params)),
            iterations=kept.rounds,
            curve=tuple(watch.curve),
            gave_up=watch.gave_up,
            made=max(0, watch.done.rounds - before),
            learning=watch.watch.curve,
            findings=watch.watch.findings,
        )


_LOSSES: Mapping[object, Kind] = {"binary_logloss": "log_loss", "multi_logloss": "log_loss", "rmse": "rmse"}


def _watch(fit: Fit, params: Mapping[str, object]) -> Watch:
    """Return who watches the rounds; the loss at the start is known for the usual losses alone."""
    kind = _LOSSES.get(params["metric"])
    judged = fit.held is not None and fit.iterations is None
    start = constant_loss(fit, kind) if judged and kind is not None else None
    return Watch(
        deadline=fit.deadline,
        rules=rules_for_boosting(fit.convergence, patience=patience(learning_rate(fit.params)), start=start),
        loss=str(params["metric"]),
    )


def _rounds(fit: Fit) -> int:
    """Return how many rounds there may be."""
    leaves = fit.params.get("num_leaves", _USUAL_LEAVES)
    assert isinstance(leaves, int)
    most = max(1, min(MOST_TREES, MOST_LEAVES // leaves) // (fit.outputs if fit.task == "multiclass" else 1))
    return fit.iterations or (most if fit.most is None else min(most, fit.most))


def _start(fit: Fit) -> lightgbm.Booster | None:
    """Return the booster to go on from; None to begin anew, also where it has as many rounds already."""
    import lightgbm

    if not fit.start:
        return None
    start = lightgbm.Booster(model_str=fit.start["lightgbm.txt"].decode())
    return start if start.current_iteration() < _rounds(fit) else None


class _FreshBooster:
    """A booster that was fitted in this process: it predicts at once, the bundle's predictor checks every tree first.

    Its files are those of the bundle's predictor, in LightGBM's own words: read and written again they are canonical.
    """

    kind = LightGBMPredictor.kind

    def __init__(self, text: str, columns: int, outputs: int, link: Link):
        self._text = text.partition(_END)[0] + _END + "\n"
        self._library = TreeLibrary(self._text, columns=columns, scores=outputs if link == "softmax" else 1)
        self._link: Link = link

    def predict(self, values: Floats) -> Floats:
        raw = self._library.raw_row(values) if len(values) == 1 else self._library.raw(values)
        return linked(raw, self._link)

    def files(self) -> dict[str, bytes]:
        return {
            "lightgbm.json": canonical_json({"link": self._link, "divisor": 1}),
            "lightgbm.txt": self._text.encode(),
        }


def learning_rate(params: Mapping[str, object]) -> float:
    """Return the learning rate that LightGBM would use."""
    rate = params.get("learning_rate", USUAL_RATE)
    assert isinstance(rate, int | float)
    return float(rate)


@dataclass(frozen=True, slots=True)
class _Stage:
    """How far boosting had come. A round in which no split is found is made and leaves no tree."""

    rounds: int = 0
    trees: int = 0


@dataclass(eq=False)
class _Watch:
    """After each round: remember the best, and stop when nothing is to be gained or no time is left.

    Without slots, and equal only to itself: LightGBM looks into a callback's ``__dict__`` and keeps it in a set.
    """

    watch: Watch
    rate: float
    bars: tuple[float, ...]
    best: _Stage = _Stage()
    done: _Stage = _Stage()
    curve: list[float] = field(default_factory=list)
    gave_up: bool = False
    order: int = 30
    before_iteration: bool = False

    def __call__(self, env: Any) -> None:
        self.done = _Stage(env.iteration + 1, env.model.current_iteration())
        held = env.evaluation_result_list[0][2] if env.evaluation_result_list else None
        train = None
        if held is not None and self.watch.wants_train(self.done.rounds):
            train = env.model.eval_train()[0][2]
        stops = self.watch.stops(Look(iteration=self.done.rounds, held=held, train=train))
        if held is not None:
            self._look()
        if stops or self.gave_up:
            self._stop()

    def _look(self) -> None:
        if self.watch.best == self.done.rounds:
            self.best = self.done
        level = len(self.curve)
        if level < len(LEVELS) and self.done.rounds * self.rate >= LEVELS[level]:
            self.curve.append(self.watch.least)
            self.gave_up = level < len(self.bars) and self.watch.least > self.bars[level]

    def _stop(self) -> None:
        import lightgbm

        raise lightgbm.callback.EarlyStopException(max(self.best.rounds - 1, 0), [])


def _parameters(fit: Fit) -> dict[str, object]:
    wanted = objective_of(fit)
    objective, metric = _OBJECTIVES[wanted.aim]
    chosen: dict[str, object] = {"objective": objective, "metric": metric, **_FIXED, **fit.params}
    if fit.task == "multiclass":
        chosen["num_class"] = fit.outputs
    if wanted.aim == "quantile":
        chosen["alpha"] = wanted.level
    # Fits run side by side in processes. Threads that wait for each other on a busy machine cost a hundred times more.
    return {**chosen, "seed": fit.seed, "num_threads": 1}


def _link(params: Mapping[str, object]) -> Link:
    """Return how raw scores become predictions under the objective."""
    links: Mapping[object, Link] = {"binary": "logistic", "multiclass": "softmax"}
    if params["objective"] in ("poisson", "gamma", "tweedie"):
        return "exp"
    return links.get(params["objective"], "identity")


def _dataset(
    rows: Rows,
    categorical: tuple[int, ...],
    params: Mapping[str, object],
    reference: lightgbm.Dataset | None = None,
) -> lightgbm.Dataset:
    import lightgbm

    return lightgbm.Dataset(
        rows.values,
        rows.truth,
        weight=rows.weight,
        reference=reference,
        categorical_feature=list(categorical) or "auto",
        params=dict(params),
    )
