"""Settings that contradict each other, or can never be met: found before anything is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

from tenfold.foundation.errors import DataError, InputError, did_you_mean
from tenfold.measures.names import METRIC_NAMES, find_metric_name, listed, metric_name
from tenfold.records.problem import Requirement, Task
from tenfold.spec.consistency_problem import check_promises
from tenfold.spec.consistency_sources import check_sources
from tenfold.spec.consistency_validation import check_forward, check_leaking
from tenfold.spec.faults import Fault
from tenfold.spec.requirement import format_number, parse_criterion
from tenfold.spec.schema import Spec
from tenfold.spec.section import Budget
from tenfold.spec.sections_batch import check_batch, fault_of_schedule
from tenfold.spec.sections_problem import BINARY_OUTCOMES, RequirementEntry
from tenfold.spec.sections_traffic import check_traffic
from tenfold.spec.sections_tuning import check_tuning

_SHORTEST_WINDOW_SECONDS = 1.0
_SINGLE_ROLES = ("entity", "group", "assign", "weight")


def find_contradictions(spec: Spec) -> Iterator[Fault]:
    """Yield what cannot be meant, each with its line."""
    for rule in _RULES:
        yield from rule(spec)


def known_task(spec: Spec) -> tuple[Task | None, str]:
    """Return the task as far as the file tells it, and which setting does."""
    problem = spec.problem
    if problem.task is not None:
        return problem.task, "problem.task"
    if problem.positive is not None:
        return "binary", "problem.positive"
    if problem.value is not None and problem.value.amounts is None:
        return "binary", "problem.value"
    return None, ""


def _check_task(spec: Spec) -> Iterator[Fault]:
    problem = spec.problem
    if problem.task in ("regression", "multiclass") and problem.positive is not None:
        yield Fault(
            message=f"a {problem.task} task has no positive class: remove problem.positive, or set task: binary",
            line=spec.line_of("problem", "positive"),
        )
    if problem.value is None:
        return
    line = spec.line_of("problem", "value")
    if problem.task == "regression":
        yield Fault(message="a regression makes no decisions to put money on: remove problem.value", line=line)
    elif problem.task == "multiclass" and problem.value.amounts is None:
        yield Fault(
            message="problem.value gives amounts for two classes, but the task is multiclass:"
            " write amounts by class, `value: {TRUTH: {DECISION: amount}}`",
            line=line,
        )
    elif problem.task == "binary" and problem.value.amounts is not None and len(problem.value.amounts) != 2:
        yield Fault(
            message=f"problem.value names {len(problem.value.amounts)} classes, but the task is binary", line=line
        )


def _check_metrics(spec: Spec) -> Iterator[Fault]:
    """Metrics exist, suit the task, and suit each other where no task is declared."""
    task, because = known_task(spec)
    tasks: set[Task] = {"binary", "multiclass", "regression"} if task is None else {task}
    first = ""
    for name, line in _metrics_used(spec):
        known = find_metric_name(name)
        if known is None:
            yield Fault(message=_unknown_metric(name), line=line)
            continue
        if task is not None:
            try:
                metric_name(name, task)
            except InputError as error:
                yield Fault(message=f"{error} ({because} says {task})", line=line)
            continue
        if not tasks & set(known.tasks):
            yield Fault(message=f"'{name}' and '{first}' are never defined for the same task; keep one", line=line)
            continue
        tasks &= set(known.tasks)
        first = first if known.operational or first else name
        if name == "value_per_row" and spec.problem.value is None:
            yield Fault(message="value_per_row needs money per decision: write problem.value", line=line)


def _unknown_metric(name: str) -> str:
    hint = did_you_mean(name, METRIC_NAMES) or f" Known are: {listed()}."
    return f"'{name}' is not a metric.{hint}"


def _metrics_used(spec: Spec) -> Iterator[tuple[str, int | None]]:
    if spec.problem.metric is not None:
        yield spec.problem.metric, spec.line_of("problem", "metric")
    for number, name in enumerate(spec.evaluation.metrics):
        yield name, spec.line_of("evaluation", "metrics", number)
    for _, requirement, line in _requirements(spec):
        yield requirement.metric, line


def _check_requirements(spec: Spec) -> Iterator[Fault]:
    ids = Counter(entry.id for entry in spec.problem.requirements)
    for number, entry in enumerate(spec.problem.requirements):
        line = spec.line_of("problem", "requirements", number, "id")
        if ids[entry.id] > 1 and [other.id for other in spec.problem.requirements].index(entry.id) < number:
            yield Fault(message=f"two requirements are called '{entry.id}'; each needs its own id", line=line)
        yield from _check_requirement(spec, number, entry)


def _check_requirement(spec: Spec, number: int, entry: RequirementEntry) -> Iterator[Fault]:
    at = ("problem", "requirements", number)
    if not 0.5 < entry.confidence < 1.0:
        yield Fault(
            message=f"the confidence of '{entry.id}' must lie between 0.5 and 1, found {entry.confidence}",
            line=spec.line_of(*at, "confidence"),
        )
    for place, name in enumerate(entry.slices):
        if name not in spec.problem.slices:
            known = spec.problem.slices
            listed = did_you_mean(name, known) or (f" Declared are: {', '.join(known)}." if known else "")
            yield Fault(
                message=f"'{entry.id}' names the slice '{name}', which problem.slices does not declare.{listed}",
                line=spec.line_of(*at, "slices", place),
            )
    for kind, names in (("slice", entry.slices), ("place", entry.where)):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            yield Fault(message=f"'{entry.id}' names the {kind} '{twice[0]}' twice", line=spec.line_of(*at))
    try:
        requirement = entry.record()
    except InputError as error:
        yield Fault(message=str(error), line=spec.line_of(*at, "that"))
        return
    if requirement.column is not None:
        yield Fault(
            message=f"{requirement.metric} is measured on the model, not on a column: remove '({requirement.column})'",
            line=spec.line_of(*at, "that"),
        )
    if not metric_name(requirement.metric).claims:
        yield Fault(
            message=f"'{entry.id}': {requirement.metric} is shown without an interval, so nothing can be judged by it;"
            " require log_loss or brier, which are smallest for true probabilities",
            line=spec.line_of(*at, "that"),
        )
    impossible = _impossible(spec, requirement)
    if impossible:
        yield Fault(message=f"'{entry.id}' ({entry.that}) can never hold: {impossible}", line=spec.line_of(*at, "that"))


def _impossible(spec: Spec, requirement: Requirement) -> str:
    low, high = metric_name(requirement.metric).reach
    value = spec.problem.value
    if requirement.metric == "value_per_row" and value is not None and not value.per_row:
        amounts: list[float] = (
            [float(getattr(value, name)) for name in BINARY_OUTCOMES]
            if value.amounts is None
            else [amount for row in value.amounts.values() for amount in row.values()]
        )
        low, high = min(amounts, default=low), max(amounts, default=high)
    bound = requirement.bound
    if bound.percent:
        return ""
    # The reference's own value lies in the same range, so an offset may ask for more than there is.
    if requirement.direction == ">=" and (low if bound.reference else 0.0) + bound.offset > high:
        return f"{requirement.metric} is at most {format_number(high)}"
    if requirement.direction == "<=" and (high if bound.reference else 0.0) + bound.offset < low:
        return f"{requirement.metric} is at least {format_number(low)}"
    return ""


def _check_columns_section(spec: Spec) -> Iterator[Fault]:
    problem, columns = spec.problem, spec.data.columns
    if problem.time == problem.target:
        yield Fault(message=f"'{problem.target}' is both target and time", line=spec.line_of("problem", "time"))
    for name, column in columns.items():
        line = spec.line_of("data", "columns", name)
        for part, chosen in (("target", problem.target), ("time", problem.time)):
            # A time that is no feature orders the rows all the same.
            if name == chosen and column.role is not None and (part, column.role) != ("time", "ignored"):
                message = f"'{name}' is the {part} of the problem and cannot have the role {column.role} as well"
                yield Fault(message=message, line=line)
        if name == problem.target and column.available is not None:
            yield Fault(message=f"'{name}' is the target: it needs no `available`", line=line)
        if column.feature is not None and column.role != "sensitive":
            yield Fault(
                message=f"`feature` of '{name}' is read beside `role: sensitive` only;"
                " `role: ignored` leaves a column out",
                line=line,
            )
    roles = Counter(column.role for column in columns.values() if column.role in _SINGLE_ROLES)
    for role, count in roles.items():
        if count > 1:
            names = [name for name, column in columns.items() if column.role == role]
            yield Fault(
                message=f"only one column can have the role {role}, found {' and '.join(names)}",
                line=spec.line_of("data", "columns", names[1]),
            )


def _check_zones(spec: Spec) -> Iterator[Fault]:
    for zone, setting in _zones(spec):
        if not _is_zone(zone):
            yield Fault(
                message=f"'{zone}' is not a time zone: write one such as Europe/Vienna or UTC",
                line=spec.line_of(*setting),
            )


def _zones(spec: Spec) -> Iterator[tuple[str, tuple[str, ...]]]:
    if spec.data.timezone is not None:
        yield spec.data.timezone, ("data", "timezone")
    for name, column in spec.data.columns.items():
        if column.timezone is not None:
            yield column.timezone, ("data", "columns", name, "timezone")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True


def _check_features(spec: Spec) -> Iterator[Fault]:
    for name, steps in spec.features.lags.items():
        line = spec.line_of("features", "lags", name)
        if not steps:
            yield Fault(message=f"features.lags of '{name}' is empty: write [1, 2] or remove it", line=line)
        if len(set(steps)) < len(steps):
            yield Fault(message=f"features.lags of '{name}' names a lag twice", line=line)
        if spec.problem.time is None:
            yield Fault(message="lags need an order in time: name the column in problem.time", line=line)
    for name in spec.features.rolling:
        if spec.problem.time is None:
            line = spec.line_of("features", "rolling", name)
            yield Fault(message="rolling windows need an order in time: name the column in problem.time", line=line)
    for name, column in spec.data.columns.items():
        if column.impute == "forward" and spec.problem.time is None:
            line = spec.line_of("data", "columns", name, "impute")
            yield Fault(message="impute: forward needs an order in time: name the column in problem.time", line=line)


def _check_validation(spec: Spec) -> Iterator[Fault]:
    validation = spec.validation
    shares_fit = True
    for key, share in (("test", validation.test), ("validation", validation.validation)):
        if not 0.0 <= share < 1.0:
            shares_fit = False
            yield Fault(
                message=f"validation.{key} is a share of the rows, from 0 to less than 1, found {share}",
                line=spec.line_of("validation", key),
            )
    total = validation.test + validation.validation
    if shares_fit and total >= 1.0:
        yield Fault(
            message=f"validation.test + validation.validation is {format_number(round(total, 9))}: nothing is left"
            " to train on; together they must stay below 1",
            line=spec.line_of("validation", "test"),
        )
    if validation.strategy == "holdout" and validation.validation == 0.0:
        yield Fault(
            message="strategy: holdout needs validation rows: set validation.validation above 0, or strategy: kfold",
            line=spec.line_of("validation", "validation"),
        )
    if not 2 <= validation.folds <= 100:
        yield Fault(
            message=f"validation.folds must be 2 to 100, found {validation.folds}",
            line=spec.line_of("validation", "folds"),
        )
    if validation.strategy == "time" and spec.problem.time is None:
        yield Fault(
            message="strategy: time needs the column that orders the rows: name it in problem.time",
            line=spec.line_of("validation", "strategy"),
        )
    grouped = any(column.role == "group" for column in spec.data.columns.values())
    if validation.strategy == "group" and not grouped:
        yield Fault(
            message="strategy: group needs a column with `role: group` in data.columns",
            line=spec.line_of("validation", "strategy"),
        )
    if validation.strategy == "stratified" and known_task(spec)[0] == "regression":
        yield Fault(
            message="strategy: stratified keeps the shares of classes, and a regression has none; use kfold",
            line=spec.line_of("validation", "strategy"),
        )
    yield from check_forward(spec)
    yield from check_leaking(spec)


def _check_budget(spec: Spec, budget: Budget, section: str) -> Iterator[Fault]:
    line = spec.line_of(section, "budget")
    if budget.time is not None and budget.trials is not None:
        yield Fault(message=f"{section}.budget is a time or a number of trials, found both; keep one", line=line)
    elif budget.time is None and budget.trials is None:
        yield Fault(message=f"{section}.budget is empty: write 5m, or {{trials: 20}}", line=line)
    if budget.trials is not None and not 1 <= budget.trials <= 100_000:
        yield Fault(message=f"{section}.budget needs 1 to 100,000 trials, found {budget.trials}", line=line)
    if budget.time is not None and budget.seconds is not None and budget.seconds < 1.0:
        yield Fault(message=f"{section}.budget of {budget.time} is too short: at least 1s", line=line)


READABLE_LEARNERS = ("additive", "sparse_linear", "tree")


def _check_training(spec: Spec) -> Iterator[Fault]:
    training = spec.training
    yield from _check_budget(spec, training.budget, "training")
    if training.learners == ():
        yield Fault(
            message="training.learners is empty: write auto, or name some", line=spec.line_of("training", "learners")
        )
    if training.interpretable and training.learners != "auto":
        opaque = [name for name in training.learners if name not in READABLE_LEARNERS]
        if opaque:
            yield Fault(
                message=f"training.learners names '{opaque[0]}', which nobody can read, but training.interpretable is "
                f"true: choose among {', '.join(READABLE_LEARNERS)}",
                line=spec.line_of("training", "learners"),
            )
    if isinstance(training.cores, int) and not 1 <= training.cores <= 4096:
        yield Fault(
            message=f"training.cores must be 1 or more, found {training.cores}", line=spec.line_of("training", "cores")
        )
    if not 0 <= training.seed < 2**32:
        yield Fault(
            message=f"training.seed must be from 0 to 4294967295, found {training.seed}",
            line=spec.line_of("training", "seed"),
        )


def _check_monitoring(spec: Spec) -> Iterator[Fault]:
    monitoring = spec.monitoring
    if monitoring.window_seconds < _SHORTEST_WINDOW_SECONDS:
        yield Fault(
            message=f"monitoring.window of {monitoring.window} is too short: at least 1s",
            line=spec.line_of("monitoring", "window"),
        )
    if not 1 <= monitoring.quiet <= 1_000_000:
        yield Fault(
            message=f"monitoring.quiet is a number of windows, from 1 to 1,000,000, found {monitoring.quiet}",
            line=spec.line_of("monitoring", "quiet"),
        )


def _check_retraining(spec: Spec) -> Iterator[Fault]:
    retraining = spec.retraining
    if not 1 <= retraining.budget_per_week <= 10_000:
        yield Fault(
            message=f"retraining.budget_per_week is a number of trainings, from 1 to 10,000, found"
            f" {retraining.budget_per_week}; `when: off` trains never",
            line=spec.line_of("retraining", "budget_per_week"),
        )
    if retraining.budget is not None:
        yield from _check_budget(spec, retraining.budget, "retraining")
    if retraining.schedule is not None:
        fault = fault_of_schedule(retraining.schedule)
        if fault:
            yield Fault(
                message=f"retraining.when must be auto, off or a schedule such as '0 4 * * mon' ({fault}),"
                f" found '{retraining.schedule}'.{did_you_mean(retraining.schedule, ('auto', 'off'))}",
                line=spec.line_of("retraining", "when"),
            )


def _check_expressions(spec: Spec) -> Iterator[Fault]:
    for setting, text in expressions(spec):
        # Polars takes 0.1 s to import, and many files hold no expression.
        from tenfold.foundation.expression import columns_of

        line = spec.line_of(*setting)
        try:
            columns = columns_of(text)
        except DataError as error:
            yield Fault(message=f"{'.'.join(setting)}: {error}", line=line)
            continue
        if not columns:
            yield Fault(message=f"{'.'.join(setting)}: '{text}' reads no column", line=line)
        elif setting[1] in ("baseline", "value") and spec.problem.target in columns:
            yield Fault(message=f"{'.'.join(setting)} reads the target '{spec.problem.target}' itself", line=line)


def _check_store(spec: Spec) -> Iterator[Fault]:
    if "://" in spec.store:
        yield Fault(
            message="store must be the path of a folder; this version keeps its records on this machine",
            line=spec.line_of("store"),
        )


def expressions(spec: Spec) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the SQL expressions of a file with the path of their settings."""
    if spec.problem.baseline is not None:
        yield ("problem", "baseline"), spec.problem.baseline
    for name, text in spec.problem.slices.items():
        yield ("problem", "slices", name), text
    for name, text in {} if spec.problem.value is None else spec.problem.value.per_row.items():
        yield ("problem", "value", name), text


def _requirements(spec: Spec) -> Iterator[tuple[RequirementEntry, Requirement, int | None]]:
    """Yield the requirements that can be understood, with the lines of what they ask."""
    for number, entry in enumerate(spec.problem.requirements):
        try:
            parse_criterion(entry.that)
        except InputError:
            continue
        yield entry, entry.record(), spec.line_of("problem", "requirements", number, "that")


_RULES: tuple[Callable[[Spec], Iterator[Fault]], ...] = (
    _check_task,
    _check_metrics,
    _check_requirements,
    check_promises,
    check_sources,
    _check_zones,
    _check_columns_section,
    _check_features,
    _check_validation,
    _check_training,
    check_tuning,
    _check_monitoring,
    _check_retraining,
    check_traffic,
    check_batch,
    _check_expressions,
    _check_store,
)
