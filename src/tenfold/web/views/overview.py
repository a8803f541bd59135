"""The first page: whether the model is healthy."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.project.metric_order import in_order
from tenfold.records.health import Incident
from tenfold.reports.words import between, count, with_unit
from tenfold.store.monitoring import KeptWindow
from tenfold.store.rows import KeptDecision, Release, Version
from tenfold.web.chart import Trend, trend_of
from tenfold.web.standing import Row, Standing, standing_of
from tenfold.web.state import State
from tenfold.web.words import Tone, minute

_FEW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer in a word and a sentence."""

    word: str
    tone: Tone
    sentence: str
    next: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure that matters most, large."""

    label: str
    value: str
    note: str = ""
    link: str = ""
    exact: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything that the first page prints."""

    answer: Answer
    tiles: tuple[Tile, ...]
    version: Version | None
    live: Release | None
    standing: Standing | None
    trend: Trend | None
    incidents: tuple[Incident, ...]
    more_incidents: int
    decisions: tuple[KeptDecision, ...]
    watched: KeptWindow | None


def overview_of(state: State) -> Overview:
    """Return what the first page says."""
    version = state.shown
    standing: Standing | None = None
    mine: tuple[KeptWindow, ...] = ()
    if version is not None:
        mine = tuple(look for look in state.looks if look.health.window.bundle == version.bundle)
        evidence = state.project.store.evidence.of(subject=version.bundle)
        standing = standing_of(state.project.spec.requirements, evidence, mine)
    problems = state.open_incidents
    return Overview(
        answer=_answer(state, version, standing),
        tiles=_tiles(state, version, mine),
        version=version,
        live=state.live,
        standing=standing,
        trend=trend_of(state.looks, state.spans(), state.project.spec),
        incidents=problems[:_FEW],
        more_incidents=max(0, len(problems) - _FEW),
        decisions=tuple(each for each in reversed(state.decisions) if each.decision.action != "none")[:_FEW],
        watched=state.looks[-1] if state.looks else None,
    )


def _answer(state: State, version: Version | None, standing: Standing | None) -> Answer:
    if version is None or standing is None:
        began = bool(state.project.store.history.recent())
        told = "No run has come to a version yet." if began else "This project has not run yet."
        return Answer(word="No model yet", tone="open", sentence=told, next=("tenfold run",))
    if state.live is None:
        return Answer(
            word="Nothing is live",
            tone="open",
            sentence=f"{version.ref} is registered and waits for somebody to promote it.",
            next=(f"tenfold model promote {version.ref}",),
        )
    problems = state.open_incidents
    told = _sentences(standing, problems)
    live = standing.at("live")
    failed = any(cell.verdict == "fail" and row.level == "must" for row, cell in live)
    if failed or any(each.severity == "critical" for each in problems):
        return Answer(word="Not healthy", tone="bad", sentence=told)
    if not any(cell.verdict in {"pass", "fail", "inconclusive"} for _, cell in live):
        if problems:
            return Answer(word="Look at it", tone="unsure", sentence=told)
        commands = ("tenfold label OUTCOMES.csv", "tenfold monitor run")
        first = () if state.looks else ("tenfold serve",)
        sentence = "It is live, and no window of production was judged yet: outcomes have to be known first."
        return Answer(word="Not known yet", tone="open", sentence=sentence, next=(*first, *commands))
    doubt = any(cell.verdict in {"inconclusive", "fail"} for _, cell in live) or bool(_failed(standing, "test"))
    if problems or doubt:
        return Answer(word="Look at it", tone="unsure", sentence=told)
    return Answer(word="Healthy", tone="good", sentence=told)


def _sentences(standing: Standing, problems: tuple[Incident, ...]) -> str:
    told = [each.title.rstrip(".") + "." for each in problems[:1] if each.severity == "critical"]
    judged = [(row, cell) for row, cell in standing.at("live") if cell.verdict != "pending"]
    failed = [row for row, cell in judged if cell.verdict == "fail"]
    doubtful = [row for row, cell in judged if cell.verdict == "inconclusive"]
    if failed:
        told.append(f"In production {_named(failed)} {'fails' if len(failed) == 1 else 'fail'}.")
    if doubtful:
        told.append(f"The newest rows of production do not settle {_named(doubtful)}.")
    if judged and not failed and not doubtful:
        told.append("Every requirement that can be judged in production passes.")
    sealed = _failed(standing, "test")
    if sealed:
        told.append(f"On the sealed test {_named(sealed)} did not pass.")
    if problems:
        told.append(f"{count(len(problems))} {'incident is' if len(problems) == 1 else 'incidents are'} open.")
    else:
        told.append("No incident is open.")
    return " ".join(told)


def _failed(standing: Standing, place: str) -> list[Row]:
    return [row for row, cell in standing.at(place) if cell.verdict == "fail" and row.level == "must"]


def _named(rows: list[Row]) -> str:
    names = list(dict.fromkeys(f"{row.requirement} ({row.slice})" if row.slice else row.requirement for row in rows))
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _tiles(state: State, version: Version | None, looks: tuple[KeptWindow, ...]) -> tuple[Tile, ...]:
    if version is None:
        return ()
    tiles = []
    live = state.live
    if live is not None:
        tiles.append(Tile(label="live", value=live.ref, note=f"since {minute(live.at)}", link=f"/models/{live.name}"))
    measured = [
        (name, look.health.metrics[name], look)
        for look in looks
        for name in in_order(state.project.spec, look.health.metrics)[:1]
        if look.health.metrics[name].value is not None
    ]
    if measured:
        name, newest, look = measured[-1]
        tiles.append(
            Tile(
                label=f"{name} · newest judged window",
                value=with_unit(name, newest.value),
                note=f"{between(newest.low, newest.high)}, {count(newest.n)} rows",
                link=f"/windows/{look.health.window.name}",
                exact=newest.value,
            )
        )
    if state.looks:
        window = state.looks[-1].health.window
        tiles.append(
            Tile(
                label="predictions · newest window",
                value=count(window.rows),
                note=f"from {minute(window.start)}",
                link=f"/windows/{window.name}",
                exact=window.rows,
            )
        )
    if live is not None:
        problems = state.open_incidents
        note = ", ".join(
            f"{count(found)} {kind}"
            for kind in ("critical", "warning", "info")
            if (found := sum(each.severity == kind for each in problems))
        )
        tiles.append(
            Tile(
                label="open incidents",
                value=count(len(problems)),
                note=note or "nothing to look at",
                link="/incidents",
                exact=len(problems),
            )
        )
    return tuple(tiles)
