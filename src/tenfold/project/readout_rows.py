"""The rows of a trial, from the prediction log into arms: who answered what, and what came of it.

An outcome belongs to the prediction whose id it names, so to the arm that made it, whenever it arrives: rows are taken
as they were answered, and no row's place hangs on the moment of its outcome. Outcomes that are not due yet wait, as
those that come early are not like the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.model import Model
from tenfold.foundation.errors import DataError, InputError
from tenfold.foundation.expression import holds
from tenfold.foundation.fingerprint import fingerprint
from tenfold.measures.experiment.expected import expected_values
from tenfold.measures.experiment.ratio import Phase
from tenfold.measures.experiment.side import Side
from tenfold.measures.money import amounts_of
from tenfold.measures.outcome import Outcome
from tenfold.measures.threshold import decide
from tenfold.project.readout_trial import GRACE, Trial
from tenfold.project.window_rows import OWN
from tenfold.records.problem import Problem
from tenfold.stages.monitoring.rows import Answered, known_rows
from tenfold.store.endpoints import shadow_of
from tenfold.store.open import Store
from tenfold.store.predictions.reader import Position
from tenfold.store.predictions.remembered import read_remembered

ARM, PHASE, UNIT, SHARE, OUTCOME = "\0arm", "\0phase", "\0unit", "\0share", "\0outcome"
_COVARIATE, _PLACE = "\0covariate", "\0place"
CANDIDATE, CHAMPION = 0, 1
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """A trial's rows.

    Attributes
    ----------
    table : DataFrame
        One row for each prediction id, sorted by it: what the log holds, the arm, the phase, the unit, the outcome.
    repeated : bool
        Units may have several rows: rows were divided by another id than their own.
    crossed : int
        Units that both arms answered: their share fell or rose between two rows.
    """

    table: pl.DataFrame
    due: pl.DataFrame
    labelled: pl.DataFrame
    repeated: bool
    crossed: int
    early: int

    def of(self, arm: int) -> tuple[int, int, int, int]:
        """Return rows, units, rows whose outcome is due, and those whose outcome is known."""
        own = self.table.filter(pl.col(ARM) == arm)
        known = [part.filter(pl.col(ARM) == arm).height for part in (self.due, self.labelled)]
        return own.height, own[UNIT].n_unique(), known[0], known[1]

    def phases(self, shares: Sequence[float], part: pl.DataFrame) -> tuple[Phase, ...]:
        """Return how units were divided in each phase, each where it came first."""
        if not part.height:
            return ()
        first = part.sort("recorded", "id").unique(UNIT, keep="first", maintain_order=True)
        counted = first.group_by(PHASE, ARM).len()
        counts = {(int(phase), int(arm)): int(n) for phase, arm, n in counted.iter_rows()}
        return tuple(
            Phase(
                counts=(counts.get((phase, CANDIDATE), 0), counts.get((phase, CHAMPION), 0)),
                shares=(share, 1.0 - share),
            )
            for phase, share in enumerate(shares)
            if 0.0 < share < 1.0 and ((phase, CANDIDATE) in counts or (phase, CHAMPION) in counts)
        )

    def fingerprints(self) -> Mapping[str, str]:
        """Return what the read-out rests on, in a few letters."""
        rows = self.table.select(pl.concat_str("id", "ref", separator="\0").sort())
        known = self.labelled.select(pl.concat_str("id", OUTCOME, separator="\0").sort())
        return {"rows": fingerprint(rows.to_series().to_list()), "outcomes": fingerprint(known.to_series().to_list())}


def rows_of_trial(
    trial: Trial, outcomes: pl.DataFrame, problem: Problem, store: Store, now: datetime, *, keep: bool = True
) -> Rows:
    """Read a trial's rows and their outcomes; a row that was answered twice counts as it was answered first.

    ``keep``: whether what is read of the log may be remembered for the next look.
    """
    shadow = trial.traffic.strategy == "shadow"
    table = _logged(trial, trial.endpoint, store, shadow=False, keep=keep)
    if shadow:
        table = pl.concat(
            [table, _logged(trial, shadow_of(trial.endpoint), store, shadow=True, keep=keep)], how="diagonal_relaxed"
        )
    if not table.height:
        nothing = pl.DataFrame(
            schema={"id": pl.String, ARM: pl.Int64, UNIT: pl.String, "ref": pl.String, OUTCOME: pl.String}
        )
        return Rows(table=nothing, due=nothing, labelled=nothing, repeated=False, crossed=0, early=0)
    repeated = "assigned" in table.columns
    unit = pl.col("assigned") if repeated else pl.col("id")
    table = table.with_columns(
        unit.alias(UNIT),
        (pl.col("ref") != trial.candidate).cast(pl.Int64).alias(ARM),
    )
    table = _in_phases(table, trial, shadow=shadow).unique(
        ["id", ARM] if shadow else "id", keep="first", maintain_order=True
    )
    if shadow:
        both = table.group_by("id").len().filter(pl.col("len") == 2)["id"]
        table = table.filter(pl.col("id").is_in(both.implode()))
    table = table.join(outcomes.rename({"outcome": OUTCOME}), on="id", how="left").sort("id", ARM)
    late = pl.col("at") + timedelta(seconds=problem.labels_after_seconds) <= now
    due = table.filter(late)
    arms = table.group_by(UNIT).agg(pl.col(ARM).n_unique())
    return Rows(
        table=table,
        due=due,
        labelled=due.filter(pl.col(OUTCOME).is_not_null()),
        repeated=repeated,
        crossed=0 if shadow else arms.filter(pl.col(ARM) > 1).height,
        early=table.filter(~late & pl.col(OUTCOME).is_not_null()).height,
    )


def _logged(trial: Trial, name: str, store: Store, *, shadow: bool, keep: bool) -> pl.DataFrame:
    # The log of a shadow begins with the trial.
    position = None if shadow else Position(segments=trial.traffic.position)
    rows = read_remembered(store.folder, name, position, keep=keep).rows
    wanted = (
        [trial.candidate]
        if shadow
        else [trial.champion, *([] if trial.traffic.strategy == "shadow" else [trial.candidate])]
    )
    rows = rows.filter(pl.col("ref").is_in(wanted), pl.col("at") >= trial.traffic.since)
    return rows if trial.until is None else rows.filter(pl.col("at") < trial.until)


def _in_phases(table: pl.DataFrame, trial: Trial, *, shadow: bool) -> pl.DataFrame:
    """Return rows with the candidate's share of their time, without those of which it is not known.

    Until the candidate has answered once, nobody knows whether it is there; that first answer opens the count, and is
    not counted itself.
    """
    starts = [period.start for period in trial.periods]
    phase = np.searchsorted(
        np.array([start.timestamp() for start in starts[1:]]),
        table["at"].dt.timestamp("us").to_numpy() / 1e6,
        side="right",
    )
    shares = np.array([period.share for period in trial.periods])
    table = table.with_columns(pl.Series(PHASE, phase, dtype=pl.Int64), pl.Series(SHARE, shares[phase]))
    for place, start in enumerate(starts[1:], start=1):
        table = table.filter((pl.col(PHASE) != place) | pl.col("replay") | (pl.col("at") >= start + GRACE))
    if shadow:
        return table
    table = table.filter(pl.col(SHARE).is_between(0.0, 1.0, closed="none")).sort("recorded", maintain_order=True)
    answered = (table[ARM] == CANDIDATE).arg_true()
    return table.slice(int(answered[0]) + 1) if len(answered) else table.clear()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """Both arms' rows with known outcomes, the masks of slices, and what cannot be said."""

    candidate: Side
    champion: Side
    slices: Mapping[str, tuple[Mask, Mask]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adjustment:
    """What is taken off each row's value: what the champion's model expects, or what goes with a column; or nothing."""

    model: Model | None = None
    column: str = ""


def compare(rows: Rows, problem: Problem, adjustment: Adjustment) -> Compared:
    """Return the labelled rows of both arms, as requirements are judged on them."""
    table = rows.labelled
    notes: list[str] = []
    inputs = _inputs(table, problem)
    expected, covariate = _known_before(inputs, problem, adjustment, notes)
    sides: list[Side] = []
    places: list[npt.NDArray[np.int64]] = []
    for arm in (CANDIDATE, CHAMPION):
        own = np.flatnonzero((table[ARM] == arm).to_numpy())
        side, place = _side(table, inputs, problem, own, notes, repeated=rows.repeated, arm=arm)
        if expected or covariate is not None:
            side = Side(
                outcome=side.outcome,
                share=side.share,
                expected={name: values[place] for name, values in expected.items()},
                covariate=None if covariate is None else covariate[place],
            )
        sides.append(side)
        places.append(place)
    slices: dict[str, tuple[Mask, Mask]] = {}
    for name, condition in problem.slices.items():
        try:
            inside = holds(condition, inputs).to_numpy()
        except DataError as error:
            notes.append(f"the slice '{name}' cannot be cut from what was logged: {error}")
            continue
        slices[name] = inside[places[CANDIDATE]], inside[places[CHAMPION]]
    return Compared(
        candidate=sides[CANDIDATE], champion=sides[CHAMPION], slices=slices, notes=tuple(dict.fromkeys(notes))
    )


def _inputs(table: pl.DataFrame, problem: Problem) -> pl.DataFrame:
    own = {*OWN, *_outputs(problem), ARM, PHASE, UNIT, SHARE, OUTCOME}
    bare = {name: name.removeprefix("input_") for name in table.columns if name not in own}
    return table.select(pl.col(name).alias(other if other in own else name) for name, other in bare.items())


def _outputs(problem: Problem) -> list[str]:
    return [f"proba_{name}" for name in problem.classes] or ["score"]


def _side(
    table: pl.DataFrame,
    inputs: pl.DataFrame,
    problem: Problem,
    own: npt.NDArray[np.int64],
    notes: list[str],
    *,
    repeated: bool,
    arm: int,
) -> tuple[Side, npt.NDArray[np.int64]]:
    """Return one arm's rows, and where they stand in the table."""
    part = table[own]
    missing = [name for name in _outputs(problem) if name not in part.columns]
    if missing and part.height:
        raise InputError(f"the versions answer in different terms: there is no '{missing[0]}' in the log of both")
    empty = Outcome(task=problem.task, truth=np.zeros(0), scores=np.zeros((0, max(len(problem.classes), 1))))
    nothing = Side(outcome=empty, share=np.zeros(0)), np.zeros(0, dtype=np.int64)
    if not part.height:
        return nothing
    codes = {name: code for code, name in enumerate(problem.classes)}
    decision = None
    if problem.task != "regression":
        decision = part["decision"].replace_strict(codes, default=-1, return_dtype=pl.Int64).to_numpy()
    known = known_rows(
        problem,
        Answered(
            inputs=inputs[own].with_columns(pl.Series(_PLACE, own)),
            scores=part.select(_outputs(problem)).to_numpy().astype(np.float64),
            decision=decision,
            truth=part[OUTCOME],
        ),
    )
    if known is None:
        return nothing
    if known.odd:
        notes.append(f"{known.odd:,} outcomes are none of the classes {', '.join(problem.classes)}: they are left out")
    place = known.inputs[_PLACE].to_numpy()
    share = table[SHARE].to_numpy()[place]
    outcome = known.outcome
    if repeated:
        outcome = Outcome(
            task=outcome.task,
            truth=outcome.truth,
            scores=outcome.scores,
            decision=outcome.decision,
            money=outcome.money,
            group=table[UNIT].to_numpy()[place],
        )
    return Side(outcome=outcome, share=share if arm == CANDIDATE else 1.0 - share), place


def _known_before(
    inputs: pl.DataFrame, problem: Problem, adjustment: Adjustment, notes: list[str]
) -> tuple[Mapping[str, npt.NDArray[np.float64]], npt.NDArray[np.float64] | None]:
    """Return what is known of every row beforehand: expected values by metric, and a covariate."""
    if adjustment.column:
        if adjustment.column not in inputs.columns or not inputs.schema[adjustment.column].is_numeric():
            raise InputError(f"there is no column of numbers '{adjustment.column}' in the log to adjust by")
        values = inputs[adjustment.column].cast(pl.Float64)
        return {}, values.fill_null(values.mean() or 0.0).fill_nan(0.0).to_numpy()
    model = adjustment.model
    if model is None or not inputs.height:
        return {}, None
    absent = [name for name in model.signature.names if name not in inputs.columns]
    if problem.task == "regression" or absent:
        why = "it gives no probabilities" if not absent else f"'{absent[0]}' is not logged"
        notes.append(f"nothing is adjusted by the champion's expectation: {why}")
        return {}, None
    scores = model.scores(inputs.select(model.signature.names))
    amounts = None if problem.value is None or problem.value_by_row else amounts_of(problem.value)
    return expected_values(scores, decide(scores, model.threshold, model.value), amounts), None
