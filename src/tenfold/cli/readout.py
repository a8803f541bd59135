"""A test of two versions as people read it: what it would take, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenfold.cli.command import Document
from tenfold.cli.table import heading, minute, number, pairs, rows, styled

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"promote": "pass", "rollback": "fail", "stopped": "stopped", "continue": "running"}


def show_readout(document: Document, console: Console) -> None:
    """Print a read-out: ``tenfold.readout/1``."""
    candidate, champion = document["candidate"], document["champion"]
    heading(
        console,
        f"{candidate['ref']} against {champion['ref']} on {document['endpoint']}, since {minute(document['since'])}",
        verdict=document["decision"],
    )
    console.print(document["reason"])
    console.print()
    rows(
        console,
        ("arm", "version", "share", "rows", "units", "outcomes due", "known"),
        (
            (
                arm["role"],
                arm["ref"],
                f"{100 * arm['share']:g} %",
                number(arm["rows"]),
                number(arm["units"]),
                number(arm["due"]),
                number(arm["labelled"]),
            )
            for arm in (champion, candidate)
        ),
        right=("share", "rows", "units", "outcomes due", "known"),
        fold=("version",),
    )
    if document.get("early"):
        console.print(f"{document['early']:,} outcomes came before they were due: they wait, and count then")
    if document.get("crossed"):
        console.print(
            f"{document['crossed']:,} units were answered by both arms, as the share changed between their rows"
        )
    _comparisons(document, console)
    _checks(document, console)
    for requirement, part in (document.get("narrower") or {}).items():
        more = 100 * (1 / (1 - part) ** 2 - 1)
        gained = f"{100 * part:.0f} % narrower, as with {more:.0f} % more units"
        told = gained if part >= 0.005 else "not narrower for it"
        console.print(f"adjusted by {document['adjusted']}: bounds of {requirement} are {told}")
    for note in document.get("notes") or ():
        console.print(f"note: {note}")
    console.print()
    pairs(console, _promises(document))


def _comparisons(document: Document, console: Console) -> None:
    compared = document.get("comparisons") or ()
    if not compared:
        return
    console.print()
    rows(
        console,
        ("requirement", "asks", "candidate", "champion", "difference", "promise", "verdict", "why"),
        (
            (
                _named(each),
                each["text"],
                number(each["value"]),
                number(each["champion"]),
                _between(each),
                each["guarantee"] if each["guarantee"] != "none" else "–",
                styled(each["verdict"]),
                each["reason"],
            )
            for each in compared
        ),
        right=("candidate", "champion"),
        fold=("why",),
    )


def _checks(document: Document, console: Console) -> None:
    checks = [
        (
            f"division of {each['of']}",
            "{:,} / {:,}".format(*each["counts"]),
            "{:,.0f} / {:,.0f}".format(*each["expected"]),
            f"p = {each['p']:.2g}",
            styled("ok" if each["holds"] else "fail"),
        )
        for each in document.get("ratios") or ()
    ]
    checks += [
        (
            f"{each['of']} {each['name']}" if each["of"] != each["name"] else each["of"],
            number(each["value"]),
            number(each["limit"]),
            each["reason"],
            styled("fail" if each["breached"] else "ok"),
        )
        for each in document.get("guardrails") or ()
    ]
    if checks:
        console.print()
        rows(console, ("check", "found", "expected, or limit", "detail", ""), checks, fold=("detail",))


def _promises(document: Document) -> tuple[tuple[str, object], ...]:
    spent = document.get("error_spent") or {}
    words = {
        "promote": "called good enough wrongly",
        "rollback": "taken back wrongly",
        "stopped": "stopped though divided soundly",
    }
    errors = "; ".join(f"{words[name]}: at most {100 * share:.3g} %" for name, share in spent.items() if name in words)
    return (
        ("method", document.get("method")),
        ("chance of error, over all looks", errors),
        ("adjusted by", document.get("adjusted")),
        ("evidence", ", ".join(document.get("evidence") or ())),
    )


def _named(comparison: Document) -> str:
    return (
        f"{comparison['requirement']} on {comparison['slice']}"
        if comparison["slice"]
        else str(comparison["requirement"])
    )


def _between(comparison: Document) -> str:
    if comparison["difference"] is None:
        return "–"
    if comparison["low"] is None or comparison["high"] is None:
        return f"{comparison['difference']:+.4g}"
    return f"{comparison['difference']:+.4g} [{comparison['low']:+.3g}, {comparison['high']:+.3g}]"


def show_plan(document: Document, console: Console) -> None:
    """Print what a test would take: ``tenfold.experiment-plan/1``."""
    answer = "enough traffic" if document["enough"] else "not enough traffic"
    if document["units_per_day"] is None:
        answer = "how much traffic there is is not known"
    tried = document.get("candidate")
    named = "" if not tried else f"{tried} as {'a canary' if document.get('strategy') == 'canary' else 'an A/B test'}, "
    heading(console, f"{named}a test by {document['metric']} on {document['endpoint']}: {answer}")
    console.print(document["reason"])
    console.print()
    pairs(
        console,
        (
            ("difference to be found", f"{document['effect']:.4g} ({document['effect_from']})"),
            ("found when it is there", f"{100 * document['power']:g} % of the time"),
            (
                "called without being there",
                f"at most {100 * (1 - document['confidence']):.3g} %, however often looked at",
            ),
            ("standard deviation of a row", f"{document['deviation']:.4g} ({document['deviation_from']})"),
            ("the new version's share", f"{100 * document['share']:g} %"),
            ("units of both versions", _of_most(document["units"], document["expected_units"])),
            ("units a day", f"{number(document['units_per_day'])} ({document['units_from']})"),
            ("days", _of_most(document["days"], document["expected_days"])),
        ),
    )
    _planned_steps(document, console)
    if document.get("objection"):
        console.print()
        console.print(f"{tried} would not be let in now: {document['objection']}")
    if document.get("found_after"):
        console.print()
        rows(
            console,
            ("after days", "difference found"),
            ((f"{days:g}", f"{effect:.3g}") for days, effect in document["found_after"]),
            right=("after days", "difference found"),
        )
    if document.get("instead"):
        console.print()
        console.print(document["instead"])


def _planned_steps(document: Document, console: Console) -> None:
    steps = document.get("steps") or ()
    if not steps:
        return
    console.print()
    rows(
        console,
        ("step", "share", "judged requests of its own", "after days"),
        (
            (place, f"{100 * each['share']:g} %", number(each["requests"]), _days(each["days"]))
            for place, each in enumerate(steps, start=1)
        ),
        right=("share", "judged requests of its own", "after days"),
    )
    if document.get("most"):
        console.print(
            f"decided after {document['most']:,} judged requests at most: {_days(document.get('most_after_days'))} days"
        )


def _days(days: float | None) -> str:
    return "not known" if days is None else f"{days:,.1f}"


def _of_most(most: float | None, expected: float | None) -> str:
    if most is None or expected is None:
        return "never"
    words = (f"{each:,.0f}" if each >= 100 or isinstance(each, int) else f"{each:.1f}" for each in (most, expected))
    return "{}, on average {} when the difference is there".format(*words)
