"""What a run would do again, and why, before anything is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tenfold.engine.stage import External, Stage, causes_of, in_order, stage_fingerprint
from tenfold.store.open import Store
from tenfold.store.rows import KeptResult


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """One stage of a plan.

    ``reasons`` says why it would run, empty when its result is kept; ``seconds`` is what it took the last time, None
    when it never ran.
    """

    name: str
    fingerprint: str
    cached: bool
    reasons: tuple[str, ...] = ()
    seconds: float | None = None


def plan(
    stages: Sequence[Stage],
    externals: Mapping[str, External],
    *,
    store: Store,
    seed: int = 7,
    until: str | None = None,
) -> tuple[PlannedStage, ...]:
    """Return, in order, what each stage would do in a run; nothing is read but the catalog, nothing is written."""
    fingerprints = {name: external.fingerprint for name, external in externals.items()}
    planned: dict[str, PlannedStage] = {}
    for stage in in_order(stages, externals, until):
        causes = causes_of(stage, fingerprints, seed)
        name = fingerprints[stage.name] = stage_fingerprint(stage, causes)
        rerun = [need for need in stage.needs if need in planned and not planned[need].cached]
        kept = store.results.find(name)
        last = kept or store.results.latest(stage.name)
        cached = kept is not None and not rerun
        planned[stage.name] = PlannedStage(
            name=stage.name,
            fingerprint=name,
            cached=cached,
            reasons=() if cached else tuple(_reasons(causes, last, rerun)),
            seconds=None if last is None else last.seconds,
        )
    return tuple(planned.values())


def _reasons(causes: Mapping[str, object], last: KeptResult | None, rerun: Sequence[str]) -> Iterator[str]:
    if last is None:
        yield "it never ran here"
        return
    inputs, inputs_before = _mapping(causes["inputs"]), _mapping(last.causes.get("inputs"))
    if causes["code"] != last.causes.get("code"):
        yield "its code or a numeric library changed"
    yield from (f"option {change}" for change in _changes(causes["options"], last.causes.get("options")))
    if causes["seed"] != last.causes.get("seed"):
        yield f"the seed changed from {last.causes.get('seed')} to {causes['seed']}"
    for name in inputs:
        if name in rerun:
            yield f"'{name}' runs again"
        elif inputs[name] != inputs_before.get(name):
            yield f"'{name}' changed"
    if causes == last.causes and not rerun:
        yield "its kept result is damaged: a file of it is missing or cut short"


def _changes(now: object, before: object) -> Iterator[str]:
    """Yield each option that differs, with both values where they are short."""
    if now == before:
        return
    options, options_before = _mapping(now), _mapping(before)
    if not options and not options_before:
        yield f"changed from {_short(before)} to {_short(now)}"
    for name in sorted({*options, *options_before}):
        if options.get(name) != options_before.get(name):
            yield f"'{name}' changed from {_short(options_before.get(name))} to {_short(options.get(name))}"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
