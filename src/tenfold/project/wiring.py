"""From what the user wrote to what each stage is asked for."""

from __future__ import annotations

from tenfold.foundation.units import parse_seconds
from tenfold.lifecycle import Options
from tenfold.project.contracts import contract_text, foreign_keys
from tenfold.spec.schema import ColumnSection, Spec
from tenfold.spec.sections_tuning import RangeSection
from tenfold.stages.data.options import ColumnOptions, DataOptions
from tenfold.stages.evaluation.options import EvaluationOptions
from tenfold.stages.features.options import FeatureOptions, RollingOptions, SelectOptions, TextOptions
from tenfold.stages.problem.options import Amounts, ProblemOptions
from tenfold.stages.training.convergence.actions import Convergence
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.tuning.options import SettingRange, TuningOptions
from tenfold.stages.validation.options import OutlierOptions, ValidationOptions

_NEVER_FEATURES = frozenset({"entity", "group", "assign", "weight", "id", "ignored"})


def options_of(spec: Spec, budget: str | None = None) -> Options:
    """Return each stage's options; ``budget`` is the command line's, in place of the file's."""
    seconds = spec.training.budget.seconds if budget is None else parse_seconds(budget)
    trials = spec.training.budget.trials if budget is None else None
    contract = contract_text(spec)
    return Options(
        problem=_problem(spec),
        data=DataOptions(
            columns={name: _column(section) for name, section in spec.data.columns.items()},
            duplicates=spec.data.duplicates,
            contract=contract,
            foreign=foreign_keys(spec, contract),
            quarantine=spec.data.quarantine.rows,
            quarantine_at_most=spec.data.quarantine.at_most,
        ),
        features=_features(spec),
        validation=ValidationOptions(
            strategy=spec.validation.strategy,
            test=spec.validation.test,
            validation=spec.validation.validation,
            folds=spec.validation.folds,
            repeats=spec.validation.repeats,
            gap_seconds=spec.validation.gap_seconds,
            embargo_seconds=spec.validation.embargo_seconds,
            window_seconds=spec.validation.window_seconds,
            outer=spec.validation.outer,
            allow=spec.validation.allow,
            # Only leave-one-out asks what there is: else another budget would be another split.
            budget_seconds=seconds if spec.validation.strategy == "loo" else None,
            budget_trials=trials if spec.validation.strategy == "loo" else None,
            outliers=_outliers(spec),
        ),
        training=TrainingOptions(
            learners=() if spec.training.learners == "auto" else spec.training.learners,
            budget_seconds=seconds,
            budget_trials=trials,
            interpretable=spec.training.interpretable,
            convergence=Convergence(**spec.training.convergence.model_dump()),
        ),
        tuning=_tuning(spec, seconds, trials),
        evaluation=EvaluationOptions(
            metrics=spec.evaluation.metrics,
            behaviour=tuple(entry.record() for entry in spec.problem.behaviour),
            robustness=spec.evaluation.robustness,
            weak_slices=spec.evaluation.weak_slices,
            calibrate=spec.evaluation.calibration == "auto",
            intervals=spec.evaluation.intervals,
        ),
    )


def _problem(spec: Spec) -> ProblemOptions:
    section = spec.problem
    value = section.value
    return ProblemOptions(
        name=spec.name,
        target=section.target,
        objective=section.objective,
        owner=section.owner,
        users=section.users,
        decision=section.decision,
        oversight=section.oversight,
        task=section.task,
        metric=section.metric,
        positive=section.positive_label,
        time=section.time,
        labels_after_seconds=section.labels_after_seconds,
        risk=section.risk,
        value=None
        if value is None
        else Amounts(
            true_positive=value.true_positive,
            false_positive=value.false_positive,
            false_negative=value.false_negative,
            true_negative=value.true_negative,
            by_class=value.amounts,
        ),
        rule=section.baseline,
        slices=section.slices,
        requirements=spec.requirements,
        kpis=tuple(entry.record() for entry in section.kpis),
        functions=tuple(entry.record() for entry in section.functions),
        signoff=tuple(entry.record() for entry in section.signoff),
        use=None if section.use is None else section.use.record(),
        feasibility=section.feasibility,
        excluded=tuple(name for name, column in spec.data.columns.items() if _left_out(column)),
        allowed=_allowed(spec),
    )


def _features(spec: Spec) -> FeatureOptions:
    section = spec.features
    every = TextOptions(method=section.text) if isinstance(section.text, str) else TextOptions()
    texts = {} if isinstance(section.text, str) else section.text
    return FeatureOptions(
        dates=section.dates,
        holidays=section.holidays,
        lags=section.lags,
        rolling={
            name: RollingOptions(windows=each.windows, functions=each.functions, gap=each.gap)
            for name, each in section.rolling.items()
        },
        interactions=section.interactions,
        encode=section.encode,
        bins=section.bins,
        splines=section.splines,
        pca=section.pca,
        text=every,
        texts={
            name: TextOptions(method=each.method, components=each.components, terms=each.terms)
            for name, each in texts.items()
        },
        select=section.select if isinstance(section.select, str) else "auto",
        choose=None
        if isinstance(section.select, str)
        else SelectOptions(method=section.select.method, most=section.select.most),
        measure=section.measure,
        allow=_allowed(spec),
        timezone=spec.data.timezone,
    )


def _tuning(spec: Spec, seconds: float | None, trials: int | None) -> TuningOptions:
    section = spec.tuning
    return TuningOptions(
        method=section.method,
        budget_seconds=seconds,
        budget_trials=trials,
        space={
            learner: {
                name: SettingRange(low=each.low, high=each.high, log=each.log, points=each.points)
                if isinstance(each, RangeSection)
                else each
                for name, each in settings.items()
            }
            for learner, settings in section.space.items()
        },
        fidelity=section.fidelity,
        start_from=section.start_from or "",
    )


def _column(section: ColumnSection) -> ColumnOptions:
    return ColumnOptions(
        role=section.role,
        available=section.available,
        impute=section.impute,
        scale=section.scale,
        feature=section.feature,
    )


def _outliers(spec: Spec) -> OutlierOptions | None:
    section = spec.data.outliers
    if section is None:
        return None
    return OutlierOptions(
        method=section.method,
        action=section.action,
        limit=section.limit,
        columns=section.columns,
        seed=spec.training.seed,
    )


def _left_out(column: ColumnSection) -> bool:
    if column.available == "later" or column.role in _NEVER_FEATURES or column.feature is False:
        return True
    return column.role == "sensitive" and not column.feature


def _allowed(spec: Spec) -> tuple[str, ...]:
    return tuple(name for name, column in spec.data.columns.items() if column.allow)
