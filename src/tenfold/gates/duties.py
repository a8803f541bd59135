"""What a risk tier obliges to: rules that a project file can be held to today."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tenfold.records.problem import Duty, Problem, SignOff

LASTS = timedelta(days=366)
"""So long a sign-off holds that names no end: a year, with its leap day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitments:
    """What the file promises beside the problem itself.

    Attributes
    ----------
    promote, renew : str
        Who says which version goes live, first and after a retraining: ``ask`` or ``auto``.
    sensitive : mapping from column to expressions
        Sensitive columns, each with the names of the slices that look at it.
    sealed : float
        The share of rows that is kept for one last judgement.
    contract : bool
        Whether a person holds the data to a written contract.
    alerts : int
        How many places are told of an incident.
    feasibility : str
        ``check``, ``warn`` or ``off``.
    today : date or None
        The day on which sign-offs have to hold; None where nobody knows it.
    """

    promote: str
    renew: str
    sensitive: Mapping[str, Sequence[str]]
    sealed: float
    contract: bool
    alerts: int
    feasibility: str
    today: date | None = None


def duties_of(problem: Problem, promised: Commitments) -> tuple[Duty, ...]:
    """Return the duties of the problem's risk tier, each with what is missing; none below ``high``."""
    if problem.risk != "high":
        return ()
    return tuple(
        Duty(id=name, what=what, missing=missing(problem, promised)) for name, what, missing in _DUTIES_OF_HIGH_RISK
    )


def stop_if_duties_open(duties: Sequence[Duty]) -> str | None:
    """Return why nothing goes on: duties of the risk tier that are left out; None when all are done."""
    left = [f"{duty.id} ({_placed(duty)}{duty.missing})" for duty in duties if duty.missing]
    if not left:
        return None
    return f"`risk: high` obliges to {len(left)} more: {'; '.join(left)}"


def _placed(duty: Duty) -> str:
    return "" if duty.line is None else f"line {duty.line}: "


def _stated(problem: Problem, _: Commitments) -> str:
    open_fields = [name for name in ("objective", "owner", "users", "decision") if not getattr(problem, name)]
    return f"write problem.{', problem.'.join(open_fields)}" if open_fields else ""


def _held(problem: Problem, promised: Commitments) -> list[SignOff]:
    """Return the sign-offs that are in force."""
    today = promised.today
    if today is None:
        return list(problem.signoff)
    return [sign for sign in problem.signoff if date.fromisoformat(sign.on) <= today <= _until(sign)]


def _until(sign: SignOff) -> date:
    return date.fromisoformat(sign.until) if sign.until else date.fromisoformat(sign.on) + LASTS


def _in_force(problem: Problem, promised: Commitments) -> str:
    held = _held(problem, promised)
    for sign in problem.signoff:
        if sign in held:
            continue
        assert promised.today is not None  # else all of them are in force
        if date.fromisoformat(sign.on) > promised.today:
            return f"{sign.who} signs on {sign.on}, which is to come: write the day on which it was signed"
        return f"{sign.who}'s word of {sign.on} ended on {_until(sign)}: let them sign again, or say `until: DATE`"
    return ""


def _signed(problem: Problem, _: Commitments) -> str:
    roles = {sign.role.casefold() for sign in problem.signoff}
    if "owner" in roles:
        return ""
    return "write the owner's word: problem.signoff: [{who: NAME, role: owner, on: DATE}]"


def _independent(problem: Problem, _: Commitments) -> str:
    people = {sign.who.casefold() for sign in problem.signoff}
    return "" if len(people) >= 2 else "a second person signs in problem.signoff, in a role of their own"


def _measured(problem: Problem, _: Commitments) -> str:
    musts = [each for each in problem.requirements if each.level == "must"]
    return "" if musts else "write a requirement of level must"


def _fair(problem: Problem, promised: Commitments) -> str:
    judged = {name for each in problem.requirements if each.level == "must" for name in each.slices}
    if not promised.sensitive:
        return "name the sensitive columns: data.columns: {COLUMN: {role: sensitive}}"
    for column, slices in promised.sensitive.items():
        if not judged & set(slices):
            return f"judge a must on slices of '{column}': problem.slices, and slices: […] of a requirement"
    return ""


def _fair_live(problem: Problem, promised: Commitments) -> str:
    live = {
        name
        for each in problem.requirements
        if each.level == "must" and (not each.where or "live" in each.where)
        for name in each.slices
    }
    for column, slices in promised.sensitive.items():
        if not live & set(slices):
            return f"let a must on slices of '{column}' hold live, too: where: […, live]"
    return "" if promised.sensitive else "name the sensitive columns first"


def _overseen(problem: Problem, _: Commitments) -> str:
    if problem.oversight:
        return ""
    return "say who looks at decisions and can overrule them: problem.oversight"


def _approved(_: Problem, promised: Commitments) -> str:
    settings = {"deployment.promote": promised.promote, "retraining.promote": promised.renew}
    automatic = [name for name, word in settings.items() if word != "ask"]
    return f"set {' and '.join(automatic)} to ask" if automatic else ""


def _sealed(_: Problem, promised: Commitments) -> str:
    return "" if promised.sealed > 0 else "keep rows for one last judgement: validation.test above 0"


def _contracted(_: Problem, promised: Commitments) -> str:
    return "" if promised.contract else "hold the data to a written contract: data.contract"


def _watched(_: Problem, promised: Commitments) -> str:
    return "" if promised.alerts else "say who is told of an incident: monitoring.alerts"


def _feasible(_: Problem, promised: Commitments) -> str:
    return "" if promised.feasibility == "check" else "set problem.feasibility to check"


_DUTIES_OF_HIGH_RISK: tuple[tuple[str, str, Callable[[Problem, Commitments], str]], ...] = (
    ("purpose", "objective, owner, users and decision are written down", _stated),
    ("owner-sign-off", "the owner agreed to the problem as it is written", _signed),
    ("second-sign-off", "so did a second person", _independent),
    ("sign-off-in-force", "no sign-off has run out", _in_force),
    ("requirements", "something must hold", _measured),
    ("fairness-slices", "every sensitive column is judged by group", _fair),
    ("fairness-live", "so it is in production, window by window", _fair_live),
    ("human-review", "a person can overrule a decision", _overseen),
    ("approval", "a person says which version goes live", _approved),
    ("sealed-rows", "the last judgement rests on rows that nobody saw", _sealed),
    ("data-contract", "later data are held to a written contract", _contracted),
    ("alerts", "somebody is told when production goes wrong", _watched),
    ("feasibility", "a problem that cannot be solved is stopped", _feasible),
)
