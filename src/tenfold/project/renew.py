"""One pass of renewal: finish what was begun, settle who waits, decide whether to train, train, compare, promote.

Each step is written down before the next begins, under a key that names it, so that a pass which dies is taken up by
the next one where it stopped, and a pass that has nothing new to look at does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import CheckFailed, InputError
from tenfold.foundation.events import Event, Events, Silent
from tenfold.foundation.serial import plain
from tenfold.lifecycle import lifecycle
from tenfold.project.carry import Journey, carry
from tenfold.project.challenge import (
    SEALED_ROWS,
    Contest,
    Made,
    Newest,
    contest,
    made,
    sealed_rows,
    training_rows,
    unseen_since,
)
from tenfold.project.document import Document
from tenfold.project.signing import signing_of
from tenfold.project.tables import table_of
from tenfold.project.wiring import options_of
from tenfold.records.evidence import Verdict
from tenfold.records.retrain import Decision, Gain, RetrainRequest
from tenfold.spec.schema import Spec
from tenfold.stages.retraining.compare import comparable
from tenfold.stages.retraining.decide import Refusal, Situation, decide
from tenfold.stages.retraining.options import RetrainingOptions
from tenfold.stages.retraining.window import Seen
from tenfold.store.open import Store

MOST_ATTEMPTS = 3
"""A training that died so often is refused."""


class Watched(Protocol):
    """What production tells of a model."""

    def windows(self, champion: str, metric: str) -> Sequence[Seen]:
        """Return the judged windows in which the bundle ``champion`` answered, oldest first."""
        ...

    def newest(self, model: Made, since: datetime) -> Newest | None:
        """Return the logged rows at ``since`` or later whose outcome is known; None when nothing was logged."""
        ...


class Promoter(Protocol):
    """How a version goes live."""

    def live_since(self) -> tuple[str, datetime] | None:
        """Return the version that is live and from when on; None when none is."""
        ...

    def objection(self, ref: str) -> str | None:
        """Return why the version may not go live by itself; None when it may."""
        ...

    def tried_since(self, ref: str) -> datetime | None:
        """Return when a trial of the version began last; None when it was never tried."""
        ...

    def promote(self, ref: str, *, reason: str, evidence: Sequence[str]) -> bool:
        """Let the version go live, or be tried first; return whether it is live."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewReport:
    """What one pass decided, oldest first; the document is ``tenfold.retrain/1``.

    ``dry`` is what would be done next, where only that was asked for; ``first`` what would be finished before it, each
    in a sentence.
    """

    endpoint: str
    decisions: tuple[Decision, ...] = ()
    dry: RetrainRequest | Refusal | None = None
    first: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()
    ok: bool = True

    def document(self) -> Document:
        """Return the decisions as JSON-ready values."""
        document: Document = {
            "schema": "tenfold.retrain/1",
            "endpoint": self.endpoint,
            "decisions": [plain(decision) for decision in self.decisions],
            "promoted": list(self.promoted),
        }
        if self.dry is not None:
            document["would"] = {
                "train": isinstance(self.dry, RetrainRequest),
                "first": list(self.first),
                **plain(self.dry),
            }
        return document


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Held:
    """A challenger held against the champion; without ``found`` there was nothing new since the ``last`` decision."""

    challenger: str
    champion: str
    last: Decision | None
    look: int
    found: Contest | None = None
    made: tuple[Made, Made] | None = None

    @property
    def comparable(self) -> bool:
        """Whether the two could be compared."""
        return self.found is not None and comparable(self.found.newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """Everything that one pass stands on.

    Attributes
    ----------
    slot : datetime or None
        The newest moment of the schedule that has come.
    text : str
        The project's file, kept with the run.
    """

    spec: Spec
    text: str
    store: Store
    clock: Clock
    watched: Watched
    promoter: Promoter
    slot: datetime | None = None
    workers: str = "processes"
    events: Events = field(default_factory=Silent)

    def run(self, *, asked: bool = False) -> RenewReport:
        """Do one pass.

        Parameters
        ----------
        asked : bool
            A person wants a challenger, whatever the monitors say.
        """
        if "champion" not in self.store.aliases.current(self.spec.name):
            return RenewReport(endpoint=self.spec.endpoint)
        made_now: list[Decision] = []
        promoted = self._carry_out(self._decisions())
        made_now += self._finish_trainings()
        made_now += self._look_again()
        made_now += self._answer(asked=asked)
        promoted += self._carry_out(made_now)
        return RenewReport(endpoint=self.spec.endpoint, decisions=tuple(made_now), promoted=tuple(promoted))

    def would(self, *, asked: bool = False) -> RenewReport:
        """Say what a pass would begin now, and do nothing."""
        self.need_champion()
        found = decide(self._situation(asked=asked), self._options)
        return RenewReport(endpoint=self.spec.endpoint, dry=found, first=tuple(self._would_finish()))

    def _would_finish(self) -> Iterator[str]:
        """Yield what a pass would finish before it begins anything."""
        for decision in self._to_promote(self._decisions()):
            yield f"{decision.challenger} would go live: {decision.reason}"
        for decision, died in self._unfinished():
            begun = f"the training that began at {decision.at:%Y-%m-%d %H:%M} ({decision.reason})"
            if died >= MOST_ATTEMPTS:
                yield f"{begun} would be refused: it died {died} times"
            else:
                yield f"{begun} would be taken up"
        waiting = self._undecided()
        if waiting is not None and waiting.challenger is not None:
            held = self._hold(waiting.challenger)
            if held.comparable:
                yield f"{waiting.challenger}, which waits for rows, would be looked at again"

    def need_champion(self) -> None:
        """Raise InputError when there is nothing to renew."""
        if "champion" not in self.store.aliases.current(self.spec.name):
            raise InputError(f"'{self.spec.name}' has no champion to renew: tenfold run, then tenfold model promote")

    # What was decided before is finished first.

    def _carry_out(self, decisions: Sequence[Decision]) -> list[str]:
        """Promote what was decided to be promoted and did not go live yet: the last decision of its kind counts."""
        done = []
        for decision in self._to_promote(decisions):
            assert decision.challenger is not None  # only a challenger is promoted
            ref = decision.challenger
            if self.promoter.promote(ref, reason=decision.reason, evidence=decision.evidence):
                self._tell(f"{ref} is live", step="live")
                done.append(ref)
            else:
                self._tell(f"{ref} is tried beside the champion", step="tried")
        return done

    def _to_promote(self, decisions: Sequence[Decision]) -> list[Decision]:
        chosen = [decision for decision in decisions if decision.action == "promote"][-1:]
        live = self.promoter.live_since()
        # Whatever went live after the decision overrules it: a person was there, or it was carried out.
        return [
            each
            for each in chosen
            if (live is None or (live[0] != each.challenger and live[1] <= each.at)) and not self._tried(each)
        ]

    def _tried(self, decision: Decision) -> bool:
        """Return whether a trial of the challenger began since it was decided: what comes of it counts from then on."""
        begun = None if decision.challenger is None else self.promoter.tried_since(decision.challenger)
        return begun is not None and begun >= decision.at

    def _unfinished(self) -> Iterator[tuple[Decision, int]]:
        """Yield requests whose training did not come to an end, and how often it died."""
        kept = self.store.decisions.of(self.spec.endpoint)
        answered = {each.decision.key.rpartition("/")[0] for each in kept}
        for each in kept:
            if each.decision.action != "train" or each.decision.key in answered:
                continue
            died = sum(
                run.recorded >= each.recorded and run.document is None and run.status in ("crashed", "failed")
                for run in self.store.history.recent()
            )
            yield each.decision, died

    def _finish_trainings(self) -> list[Decision]:
        """Train for requests whose training did not come to an end, unless it dies again and again."""
        done = []
        for decision, died in self._unfinished():
            if died >= MOST_ATTEMPTS:
                done.append(self._closed(decision, f"no challenger came of it: the training died {died} times"))
            else:
                done.append(self._train(decision))
        return done

    def _look_again(self) -> list[Decision]:
        """Compare once more a challenger that waits for rows, when there are rows that it was not compared on."""
        waiting = self._undecided()
        if waiting is None or waiting.challenger is None:
            return []
        held = self._hold(waiting.challenger)
        return [self._settled(waiting, held)] if held.comparable else []

    def _answer(self, *, asked: bool) -> list[Decision]:
        """Decide once for each newest window and each moment of the schedule; train where there is a reason."""
        situation = self._situation(asked=asked)
        key = self._open_key(situation)
        if key is None:
            return []
        found = decide(situation, self._options)
        champion = self.store.registry.find(f"{self.spec.name}@champion").ref
        decision = Decision(
            key=key,
            endpoint=self.spec.endpoint,
            action="train" if isinstance(found, RetrainRequest) else "wait" if found.waits_for else "none",
            reason=found.details if isinstance(found, RetrainRequest) else found.reason,
            at=situation.now,
            request=found if isinstance(found, RetrainRequest) else None,
            champion=champion,
            window=situation.question,
            waits_for="" if isinstance(found, RetrainRequest) else found.waits_for,
        )
        kept = self.store.decisions.keep(decision).decision
        if kept.action == "train":
            return [kept, self._train(kept)]
        self._tell(f"nothing is trained: {kept.reason}", step=kept.action)
        return [kept]

    def _open_key(self, situation: Situation) -> str | None:
        """Return the name of the question that nobody answered yet."""
        endpoint = self.spec.endpoint
        if situation.asked:
            return f"{endpoint}/asked/{situation.now.isoformat()}"
        if situation.slot is not None:
            return f"{endpoint}/slot/{situation.slot.isoformat()}"
        if situation.question in {"", *(decision.window for decision in self._decisions())}:
            return None
        return f"{endpoint}/window/{situation.question}"

    # Training and comparing.

    def _train(self, decision: Decision) -> Decision:
        """Train a challenger for a request, and hold it against the champion."""
        request = decision.request
        assert request is not None  # a decision to train has one
        assert decision.champion is not None  # likewise
        champion = made(decision.champion, self.store)
        self._tell(f"training a challenger: {request.details}", step="train")
        try:
            rows = training_rows(
                table_of(self.spec, self.store), request, champion, self.store, seed=self.spec.training.seed
            )
            budget = self.spec.retraining.budget or self.spec.training.budget
            asked_options = options_of(self.spec.model_copy(update={"training": self._with(budget)}))
            if rows.span.rows:
                share = min(self.spec.validation.test, SEALED_ROWS / rows.span.rows)
                asked_options = replace(asked_options, validation=replace(asked_options.validation, test=share))
            cores = self.spec.training.cores
            journey = Journey(
                name=self.spec.name,
                spec_text=self.text,
                stages=lifecycle(asked_options, self.clock),
                table=rows.external,
                seed=self.spec.training.seed,
                cores=None if cores == "auto" else cores,
                budget_seconds=budget.seconds,
                inline=self.workers == "inline",
                now=self.clock.now(),
                sign=signing_of(self.spec),
            )
            report = carry(journey, self.store, self.events)
        except (InputError, CheckFailed) as error:
            return self._closed(decision, f"no challenger came of it: {error}")
        if report.version is None:
            return self._closed(decision, f"no challenger came of it: {report.outcome.stopped or report.status}")
        trained = replace(decision, challenger=report.version.ref, run=report.run, span=rows.span)
        if report.version.ref == decision.champion:
            return self._closed(trained, "the training came to the champion itself")
        held = self._hold(report.version.ref)
        return self._settled(trained, held) if held.last is None or held.comparable else self._repeated(trained, held)

    def _hold(self, ref: str) -> _Held:
        """Hold a challenger against the champion of now, where there is something new to hold them against.

        The looks at one challenger are counted for one champion, whichever requests came to it.
        """
        champion_ref = self.store.registry.find(f"{self.spec.name}@champion").ref
        past = [each for each in self._decisions() if (each.challenger, each.champion) == (ref, champion_ref)]
        looks = [each for each in past if each.newest is not None and comparable(each.newest)]
        last = past[-1] if past else None
        look = len(looks) + 1
        nothing = _Held(challenger=ref, champion=champion_ref, last=last, look=look)
        if looks and (look > self._options.looks or not self._judged_since(looks[-1].at)):
            return nothing
        challenger, champion = made(ref, self.store), made(champion_ref, self.store)
        newest = self._newest(challenger, champion)
        if looks and not self._unseen(newest, looks[-1], challenger.problem.target):
            return nothing
        found = contest(
            challenger,
            champion,
            newest,
            self._options,
            objection=self.promoter.objection(ref),
            look=look,
            seed=self.spec.training.seed,
        )
        return replace(nothing, found=found, made=(challenger, champion))

    def _judged_since(self, moment: datetime) -> bool:
        """Return whether outcomes of a window came due after ``moment``, and arrived."""
        delay = timedelta(seconds=self.spec.problem.labels_after_seconds)
        return any(window.labelled and window.end + delay > moment for window in self._windows())

    def _unseen(self, newest: Newest, last: Decision, target: str) -> bool:
        """Return whether a labelled row is there that the last look did not have."""
        if not newest.table.height or last.newest is None or not last.newest.payload:
            return newest.table.height > 0
        compared = pl.read_parquet(self.store.blobs.path(last.newest.payload), columns=["id"])["id"]
        labelled = newest.ids.filter(newest.table[target].is_not_null())
        return bool(set(labelled) - set(compared))

    def _repeated(self, before: Decision, held: _Held) -> Decision:
        """Write down that a training came to a challenger of which nothing new can be said: its last decision stays."""
        assert held.last is not None  # it was spoken of before
        decision = replace(
            before,
            key=self._next_key(before),
            action=held.last.action,
            reason=f"the training came to it again, and nothing new can be compared: {held.last.reason}",
            at=self.clock.now(),
            champion=held.champion,
            waits_for=held.last.waits_for,
        )
        kept = self.store.decisions.keep(decision).decision
        self._tell(told(kept), step=kept.action)
        return kept

    def _settled(self, before: Decision, held: _Held) -> Decision:
        """Write down what follows from a contest."""
        assert held.found is not None  # there was something to compare, or to say that there was not
        assert held.made is not None  # likewise
        found, (challenger, champion) = held.found, held.made
        payloads = {name: self.store.blobs.put(content) for name, content in found.payloads.items()}
        decision = replace(
            before,
            key=self._next_key(before),
            action=found.settled.action,
            reason=found.settled.reason,
            at=self.clock.now(),
            champion=champion.version.ref,
            newest=_kept_at(found.newest, payloads.get("newest", "")),
            lockbox=None if found.lockbox is None else _kept_at(found.lockbox, payloads.get("lockbox", "")),
            evidence=self._evidence(found, challenger, champion, payloads),
            look=held.look if held.comparable else 0,
            waits_for=found.settled.waits_for,
        )
        kept = self.store.decisions.keep(decision).decision
        self._tell(told(kept), step=kept.action)
        return kept

    def _newest(self, challenger: Made, champion: Made) -> Newest:
        logged = self.watched.newest(challenger, unseen_since(challenger, champion))
        return sealed_rows(challenger, champion) if logged is None else logged

    def _evidence(
        self, found: Contest, challenger: Made, champion: Made, payloads: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Keep the verdicts; what an interrupted pass kept already is not kept twice."""
        subject, run = challenger.version.bundle, challenger.version.run
        inputs = {"bundle": subject, "champion": champion.version.bundle, **payloads}
        known = {
            _identity(evidence.verdict): evidence.id
            for evidence in self.store.evidence.of(subject=subject, run=run)
            if dict(evidence.inputs) == inputs
        }
        fresh = [verdict for verdict in found.verdicts if _identity(verdict) not in known]
        if fresh:
            for evidence in self.store.evidence.append(fresh, subject=subject, run=run, inputs=inputs):
                known[_identity(evidence.verdict)] = evidence.id
        return tuple(known[_identity(verdict)] for verdict in found.verdicts)

    def _closed(self, decision: Decision, reason: str) -> Decision:
        """Refuse what came to no challenger."""
        closed = replace(
            decision,
            key=self._next_key(decision),
            action="refuse",
            reason=reason,
            at=self.clock.now(),
            look=1,
        )
        kept = self.store.decisions.keep(closed).decision
        self._tell(told(kept), step=kept.action)
        return kept

    # What is known.

    def _situation(self, *, asked: bool) -> Situation:
        now = self.clock.now()
        decisions = self._decisions()
        waiting = self._undecided()
        return Situation(
            endpoint=self.spec.endpoint,
            now=now,
            metric=self._metric(),
            windows=self._windows(),
            trained=[decision.at for decision in decisions if decision.action == "train"],
            answered={name for each in decisions if each.action == "train" for name in each.window.split("+")},
            slot=self._open_slot(decisions),
            asked=asked,
            undecided="" if waiting is None else str(waiting.challenger),
        )

    def _windows(self) -> Sequence[Seen]:
        champion = self.store.registry.find(f"{self.spec.name}@champion")
        return self.watched.windows(champion.bundle, self._metric())

    def _open_slot(self, decisions: Sequence[Decision]) -> datetime | None:
        """Return the moment of the schedule that came after the last thing decided; what was missed is not made up."""
        if self.slot is None or self.slot <= self._since() or any(decision.at >= self.slot for decision in decisions):
            return None
        return self.slot

    def _undecided(self) -> Decision | None:
        """Return the newest decision about the newest challenger, when it waits for rows.

        A challenger that went live since does not wait any more: whoever promoted it has settled it.
        """
        contested = [each for each in self._decisions() if each.challenger not in (None, each.champion)]
        if not contested or contested[-1].action != "wait" or contested[-1].waits_for != "rows":
            return None
        waiting = contested[-1]
        live = {each.ref for each in self.store.releases.history(self.spec.name) if each.at >= waiting.at}
        live.add(self.store.registry.find(f"{self.spec.name}@champion").ref)
        return None if waiting.challenger in live else waiting

    def _since(self) -> datetime:
        live = self.promoter.live_since()
        return self.store.registry.find(f"{self.spec.name}@champion").at if live is None else live[1]

    def _metric(self) -> str:
        from tenfold.project.reproduce import kept_results

        version = self.store.registry.find(f"{self.spec.name}@champion")
        return str(kept_results(version.run, self.store, stages=("problem",))["problem"].record.metric.metric)

    def _decisions(self) -> list[Decision]:
        return [kept.decision for kept in self.store.decisions.of(self.spec.endpoint)]

    @staticmethod
    def _request_key(decision: Decision) -> str:
        """Return the key of the decision to train: what follows adds a number."""
        return decision.key if decision.action == "train" else decision.key.rpartition("/")[0]

    def _next_key(self, decision: Decision) -> str:
        """Return the key of what is decided next about a request."""
        request = self._request_key(decision)
        answers = sum(each.key.rpartition("/")[0] == request for each in self._decisions())
        return f"{request}/{answers + 1}"

    @property
    def _options(self) -> RetrainingOptions:
        section = self.spec.retraining
        return RetrainingOptions(when=section.when, promote=section.promote, budget_per_week=section.budget_per_week)

    def _with(self, budget: object) -> object:
        return self.spec.training.model_copy(update={"budget": budget})

    def _tell(self, message: str, **facts: object) -> None:
        self.events.emit(Event(kind="note", stage="retraining", message=message, facts=facts))


def told(decision: Decision) -> str:
    """Return a decision about a challenger as a sentence."""
    verb = {"promote": "is promoted", "refuse": "is refused", "wait": "waits"}.get(decision.action, decision.action)
    span = "" if decision.span is None else f" (from {decision.span.name}, {decision.span.rows:,} rows)"
    return f"{decision.challenger or 'the challenger'}{span} {verb}: {decision.reason}"


def _kept_at(gain: Gain, payload: str) -> Gain:
    return replace(gain, payload=payload)


def _identity(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.requirement, verdict.slice, verdict.place
