"""The text of a new ``tenfold.yaml``: what was inferred, why, and the line that overrules it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tenfold.foundation.errors import InputError
from tenfold.records.dataset import Column
from tenfold.records.problem import Leak, MetricChoice, Task
from tenfold.spec.secret import escape
from tenfold.spec.sections_problem import label_of
from tenfold.spec.tree import resolve_scalar

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@-]*( [A-Za-z0-9_./+@-]+)*")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Text for YAML 1.2, but YAML 1.1 readers (editors among them) take these for booleans.
_OLD_BOOLEANS = frozenset({"yes", "no", "on", "off", "y", "n"})
# What needs no line: markers that nobody would take for a value.
_USUAL = re.compile(r"; '(NA|N/A|n/a|NaN|nan|null|NULL|\?)' means missing$")
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
        The column that says when the prediction is made, when one plausibly does; ``time_reason`` says why or why not.
    query : str or None
        The query that makes a time of several columns.
    made : tuple of str
        The columns that the query adds: they order the rows, and rows to predict need not have them.
    codes : mapping of column name to str
        Numbers that are read as words, and why.
    leaks : tuple of Leak
        Columns that seem to know the answer: those that block are left out, the others are told.
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
    query: str | None = None
    made: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    leaks: tuple[Leak, ...] = ()
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
    yield "  # users: [WHO]         # who uses the answers, and"
    yield '  # decision: ""         # what they decide by them'
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
    yield from _comment("Groups that are looked at on their own, the figures of the business, and who agreed:", "  ")
    yield '  # slices: {NAME: "COLUMN >= 17"}'
    yield "  # kpis: [{id: NAME, what: WORDS, unit: UNIT, direction: up, baseline: 0, target: 1, window: 30d}]"
    yield "  # signoff: [{who: NAME, role: ROLE, on: 2026-01-31}]"


def _metric(metric: MetricChoice) -> Iterator[str]:
    yield from _comment(f"The main metric is {metric.metric}: {metric.reason}. To overrule it, write it here:", "  ")
    for name, reason in metric.rejected:
        yield from _comment(f"  not {name}: {reason}", "  ")
    yield f"  # metric: {metric.metric}"


def _time(draft: Draft) -> Iterator[str]:
    if draft.time is None:
        why = f"No column surely says when a prediction is made ({draft.time_reason})" if draft.time_reason else ""
        why = why or "No column says when a prediction is made"
        yield from _comment(
            f"{why}, so rows are split at random. If one does, name it: the split is then in time.", "  "
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
    yield from _query(draft)
    yield "  duplicates: report     # or drop; copies stay on one side of every split in any case"
    yield from _columns_section(draft)


def _query(draft: Draft) -> Iterator[str]:
    if draft.query is None:
        return
    yield from _comment(
        f"Every row of the source, {' and '.join(_made_by_query(draft))}; change it where it is wrong.", "  "
    )
    yield "  query: |"
    yield f"    {draft.query}"


def _made_by_query(draft: Draft) -> Iterator[str]:
    if draft.made:
        yield "with the time that its columns make together"
    if not draft.made or "REPLACE" in (draft.query or ""):
        yield "with one spelling of each class"


def _columns_section(draft: Draft) -> Iterator[str]:
    """Write what was decided of columns as lines that hold, and what else was inferred as lines to uncomment."""
    decided: dict[str, tuple[str, str]] = dict.fromkeys(
        draft.made, ("role: ignored", "orders the rows alone; without this line rows to predict need it too")
    )
    decided |= {name: ("kind: categorical", reason) for name, reason in draft.codes.items()}
    for leak in draft.leaks:
        if leak.severity == "block":
            decided[leak.column] = (
                "available: later",
                f"left out: {leak.reason.split(';')[0]}; `allow: true` keeps it",
            )
    doubtful = {leak.column: leak.reason for leak in draft.leaks if leak.severity != "block"}
    notable = tuple(
        column
        for column in draft.columns
        if _is_notable(column) and column.name not in decided and column.name not in doubtful
    )
    if not (decided or doubtful or notable):
        return
    if notable or doubtful:
        yield from _comment("To overrule what was inferred of a column, uncomment its line below `columns:`.", "  ")
        yield from _comment(
            "Roles: feature, entity, group, assign, weight, id, sensitive, ignored. available: later is known with the"
            " outcome only.",
            "  ",
        )
    yield "  columns:" if decided else "  # columns:"
    for name, (setting, reason) in decided.items():
        yield f"    {_text(name)}: {{{setting}}}   {_one_line(reason)}"
    for name, reason in doubtful.items():
        yield f"  #   {_text(name)}: {{available: later}}   {_one_line(reason)}"
    yield from _columns(notable, time=draft.time)


def _one_line(text: str) -> str:
    (line,) = list(_comment(text[:200], ""))[:1] or [""]
    return line


def _columns(notable: Sequence[Column], *, time: str | None) -> Iterator[str]:
    for column in notable[:_MOST_COLUMNS]:
        # What `problem` names has its role from there, and may have no other.
        asked = column.role in {"target", "time"} or column.name == time
        written = [*(() if asked else (f"role: {column.role}",)), f"kind: {column.field.kind}"]
        if column.field.missing_markers:
            written.append(f"missing: [{', '.join(_text(marker) for marker in column.field.missing_markers)}]")
        if column.field.datetime_format:
            written.append(f"datetime_format: {_text(column.field.datetime_format)}")
        reason = _one_line(column.field.reason if asked else column.reason)
        yield f"  #   {_text(column.name)}: {{{', '.join(written)}}}   {reason}".rstrip()
    if len(notable) > _MOST_COLUMNS:
        yield f"  #   ({len(notable) - _MOST_COLUMNS} more; `tenfold profile` lists them)"


def _is_notable(column: Column) -> bool:
    """Whether a person might want to overrule it: anything but a plain feature, number or words."""
    read = column.field
    if column.role == "time":
        return bool(read.datetime_format)
    if column.role == "target":
        return bool(read.unit or read.brackets or read.thousands or read.decimal_comma)
    converted = read.unit or read.brackets or read.thousands or read.decimal_comma
    converted = converted or ";" in _USUAL.sub("", read.reason)
    return bool(column.role != "feature" or read.kind in ("datetime", "text") or column.notes or converted)


def _stages(draft: Draft) -> Iterator[str]:
    yield "features:"
    yield "  dates: true            # parts of dates and times become features"
    yield "  select: auto           # or off"
    yield ""
    yield "validation:"
    yield "  strategy: auto         # by the data; or holdout, kfold, repeated, stratified, group, time, loo, nested"
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
