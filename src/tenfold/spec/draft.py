"""The text of a new ``tenfold.yaml``: what was inferred, why, and the line that overrules it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tenfold.foundation.errors import InputError
from tenfold.records.dataset import Column
from tenfold.records.problem import MetricChoice, Task
from tenfold.spec.secret import escape
from tenfold.spec.sections_problem import label_of
from tenfold.spec.tree import resolve_scalar

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@-]*( [A-Za-z0-9_./+@-]+)*")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Text for YAML 1.2, but YAML 1.1 readers (editors among them) take these for booleans.
_OLD_BOOLEANS = frozenset({"yes", "no", "on", "off", "y", "n"})
_MOST_COLUMNS = 40
_WIDTH = 118

_REQUIREMENTS: dict[Task, tuple[str, str]] = {
    "binary": ("roc_auc >= baseline + 0.1", "ranks clearly better than the best constant guess, whose roc_auc is 0.5"),
    "multiclass": ("log_loss <= baseline - 10%", "a tenth less log loss than always giving the classes' shares"),
    "regression": ("rmse <= baseline - 10%", "a tenth less error than always answering the same number"),
}
_RULES: dict[Task, str] = {
    "binary": '"COLUMN >= 17"',
    "multiclass": "\"CASE WHEN COLUMN >= 17 THEN 'a' ELSE 'b' END\"",
    "regression": '"2 * COLUMN + 1"',
}
_FURTHER_METRICS: dict[Task, str] = {
    "binary": "precision, recall, f1",
    "multiclass": "accuracy, f1",
    "regression": "mae, r2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What ``init`` found out.

    Attributes
    ----------
    path, url, table : str or None
        The source as the file shall say it: a path relative to the file, or a URL without a password in plain text.
    positive : str or None
        The positive class of a binary task, as a label.
    time : str or None
        The column that says when the prediction is made, when one plausibly does.
    columns : tuple of Column
        All columns with inferred role and reason; the notable ones are listed as comments.
    contract : str or None
        Where the inferred contract was written, relative to the file.
    notes : tuple of str
        Sentences for the head of the file.
    """

    name: str
    target: str
    task: Task
    task_reason: str
    metric: MetricChoice
    path: str | None = None
    url: str | None = None
    allow: tuple[str, ...] = ()
    table: str | None = None
    positive: str | None = None
    positive_reason: str = ""
    time: str | None = None
    time_reason: str = ""
    columns: tuple[Column, ...] = ()
    contract: str | None = None
    notes: tuple[str, ...] = ()


def draft_spec(draft: Draft) -> str:
    """Return the text of a project file that ``load_spec`` reads back.

    Raises
    ------
    InputError
        When a name cannot be written in UTF-8.
    """
    lines = [
        *_comment("Written by `tenfold init`. Comments say what was inferred and why; a line that you change wins."),
        *(line for note in draft.notes for line in _comment(note)),
        "tenfold: 1",
        f"name: {scalar(draft.name)}",
        "",
        *_problem(draft),
        "",
        *_data(draft),
        "",
        *_stages(draft),
    ]
    return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """Return ``text`` as a YAML scalar that reads back as the same text, unquoted where that is safe.

    Raises
    ------
    InputError
        When the text holds halves of surrogate pairs, which UTF-8 cannot hold.
    """
    if _SURROGATE.search(text):
        raise InputError(f"the name {text!a} is not valid Unicode and cannot stand in a UTF-8 file; rename it")
    if _PLAIN.fullmatch(text) and resolve_scalar(text) == text and text.casefold() not in _OLD_BOOLEANS:
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable() and character != "\ufeff":
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _text(text: str) -> str:
    """Return a scalar in which nothing is substituted."""
    return scalar(escape(text))


def _label(label: str) -> str:
    """Return a class as it is best read: true and 1 without quotes."""
    plain = resolve_scalar(label)
    if isinstance(plain, bool | int | float) and label_of(plain) == label and len(label) < 20:
        return label
    return _text(label)


def _comment(text: str, indent: str = "") -> Iterator[str]:
    printable = "".join(character if character.isprintable() else " " for character in _SURROGATE.sub("�", text))
    for line in textwrap.wrap(printable, _WIDTH - len(indent) - 2, break_on_hyphens=False):
        yield f"{indent}# {line}"


def _problem(draft: Draft) -> Iterator[str]:
    that, meaning = _REQUIREMENTS[draft.task]
    yield "problem:"
    yield '  objective: ""          # what the model is for, in one sentence'
    yield '  owner: ""              # who answers for it'
    yield f"  target: {_text(draft.target)}"
    yield from _comment(f"The task: {draft.task_reason}. Others: binary, multiclass, regression.", "  ")
    yield f"  task: {draft.task}"
    if draft.positive is not None:
        reason = f": {draft.positive_reason}" if draft.positive_reason else ""
        yield from _comment(f"The class that the model looks for{reason}.", "  ")
        yield f"  positive: {_label(draft.positive)}"
    yield from _metric(draft.metric)
    yield from _time(draft)
    if draft.task != "regression":
        yield from _comment(
            "Money per decision makes the main metric value_per_row and sets the threshold by it, for example:", "  "
        )
        if draft.task == "binary":
            yield "  # value: {true_positive: 40, false_positive: -8, false_negative: 0, true_negative: 0}"
        else:
            yield "  # value: {TRUTH: {DECISION: amount, ...}, ...}"
    yield from _comment("The rule in use today, as SQL over the columns; the model is held against it:", "  ")
    yield f"  # baseline: {_RULES[draft.task]}"
    yield "  requirements:"
    yield from _comment(f"{meaning[0].upper()}{meaning[1:]}; tighten it to what the decision needs.", "    ")
    yield f"    - {{id: beats-baseline, that: {that}}}"
    yield "    - {id: fast, that: latency_p99_ms <= 50, level: should}"


def _metric(metric: MetricChoice) -> Iterator[str]:
    yield from _comment(f"The main metric is {metric.metric}: {metric.reason}. To overrule it, write it here:", "  ")
    for name, reason in metric.rejected:
        yield from _comment(f"  not {name}: {reason}", "  ")
    yield f"  # metric: {metric.metric}"


def _time(draft: Draft) -> Iterator[str]:
    if draft.time is None:
        yield from _comment(
            "No column says when a prediction is made, so rows are split at random. If one does, name it: the split is"
            " then in time.",
            "  ",
        )
        yield "  # time: COLUMN"
        return
    reason = f": {draft.time_reason}" if draft.time_reason else ""
    yield from _comment(
        f"When the prediction is made{reason}. Rows are split by it; remove it to split at random.", "  "
    )
    yield f"  time: {_text(draft.time)}"


def _data(draft: Draft) -> Iterator[str]:
    yield "data:"
    yield "  sources:"
    places = (("path", draft.path, _text), ("url", draft.url, scalar), ("table", draft.table, _text))
    written = ", ".join(f"{key}: {write(value)}" for key, value, write in places if value is not None)
    # In braces a comma or a bracket ends a text; quoted ones may hold both.
    yield f"    data: {{{written}}}"
    if draft.allow:
        yield f"  allow: [{', '.join(_text(host) for host in draft.allow)}]     # the hosts that may be asked over HTTP"
    if draft.contract is not None:
        yield f"  contract: {_text(draft.contract)}       # inferred; checked on every later batch"
    yield "  duplicates: report     # or drop; copies stay on one side of every split in any case"
    notable = tuple(column for column in draft.columns if _is_notable(column))
    if not notable:
        return
    yield from _comment("To overrule what was inferred of a column, uncomment `columns:` and its line.", "  ")
    yield from _comment(
        "Roles: feature, entity, group, assign, weight, id, sensitive, ignored. available: later is known with the"
        " outcome only.",
        "  ",
    )
    yield "  # columns:"
    yield from _columns(notable)


def _columns(notable: Sequence[Column]) -> Iterator[str]:
    for column in notable[:_MOST_COLUMNS]:
        settings = f"role: {column.role}, kind: {column.field.kind}"
        (reason,) = list(_comment(column.reason[:200], ""))[:1] or [""]
        yield f"  #   {_text(column.name)}: {{{settings}}}   {reason}".rstrip()
    if len(notable) > _MOST_COLUMNS:
        yield f"  #   ({len(notable) - _MOST_COLUMNS} more; `tenfold profile` lists them)"


def _is_notable(column: Column) -> bool:
    """Whether a person might want to overrule it: anything but a plain feature, number or words."""
    if column.role in ("target", "time"):
        return False
    return column.role != "feature" or column.field.kind in ("datetime", "text") or bool(column.notes)


def _stages(draft: Draft) -> Iterator[str]:
    yield "features:"
    yield "  dates: true            # parts of dates and times become features"
    yield "  select: auto           # or off"
    yield ""
    yield "validation:"
    yield "  strategy: auto         # chosen from the data; or holdout, kfold, stratified, group, time"
    yield "  test: 0.15             # sealed until the evaluation; 0 trains on every row, judged by cross-validation"
    yield "  validation: 0.15"
    yield ""
    yield "training:"
    yield "  learners: auto         # or a list"
    yield "  budget: 5m             # for everything `run` does; or {trials: 20}: the same model on every machine"
    yield "  seed: 7"
    yield ""
    yield "tuning:"
    yield "  method: auto           # or grid, random, bayesian, hyperband, asha"
    yield ""
    yield "evaluation:"
    yield f"  metrics: [{_FURTHER_METRICS[draft.task]}]      # measured beside the main metric and the requirements"
    yield ""
    yield "deployment:"
    yield "  promote: ask           # or auto: the first version that passes its requirements goes live"
