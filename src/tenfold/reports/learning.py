"""Learning curves, drawn: how the loss of the models that matter fell, on rows held out and on rows learned from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tenfold.records.model import Candidate, LearningCurve
from tenfold.reports.figures import Figure
from tenfold.reports.svg import Frame, Point, axes, dot, drawing, line, path

_MOST = 9
_WIDTH, _HEIGHT = 320, 200


def draw_learning(candidates: Sequence[Candidate], served: Collection[str]) -> tuple[Figure, ...]:
    """Return the curves of the members, then of those in which a rule found something, then of the best others."""
    known = [each for each in candidates if each.curve is not None and len(each.curve.iterations) > 1]
    ordered = sorted(known, key=lambda each: (each.key not in served, not _alarmed(each)))
    drawn = (_figure(each, served=each.key in served) for each in ordered[:_MOST])
    return tuple(figure for figure in drawn if figure is not None)


def _alarmed(candidate: Candidate) -> bool:
    return any(each.action == "warn" for each in candidate.convergence)


def _figure(candidate: Candidate, *, served: bool) -> Figure | None:
    curve = candidate.curve
    assert curve is not None
    held, train = _known(curve, curve.held), _known(curve, curve.train)
    if len(held) < 2:
        return None
    low, high = _span([loss for _, loss in (*held, *train)])
    frame = Frame(
        low_x=0, high_x=max(curve.iterations), low_y=low, high_y=high, width=_WIDTH, height=_HEIGHT, left=68, bottom=40
    )
    kept = frame.x(curve.kept)
    at_kept = min(held, key=lambda point: abs(point[0] - curve.kept))
    marks = [
        *axes(frame, f"{curve.unit}s", curve.loss),
        line((kept, frame.top), (kept, frame.height - frame.bottom), "chance"),
        path([(frame.x(x), frame.y(y)) for x, y in train], "curve train") if len(train) > 1 else "",
        path([(frame.x(x), frame.y(y)) for x, y in held], "curve"),
        dot((frame.x(at_kept[0]), frame.y(at_kept[1])), 3.4, "point"),
    ]
    found = "; ".join(
        f"{each.rule} at {each.iteration}{' (stopped)' if each.action == 'stop' else ''}: {each.message}"
        for each in candidate.convergence
    )
    return Figure(
        title=f"{candidate.key}{' · serves' if served else ''}",
        caption=f"{curve.kept} of {curve.iterations[-1]} {curve.unit}s kept. {found}".strip(),
        svg=drawing(frame.width, frame.height, f"{curve.loss} of {candidate.key} by {curve.unit}", marks),
    )


def _known(curve: LearningCurve, losses: Sequence[float | None]) -> list[Point]:
    return [(float(at), loss) for at, loss in zip(curve.iterations, losses, strict=True) if loss is not None]


def _span(losses: Sequence[float]) -> Point:
    """Return what the upright axis shows; the first few losses of a fit may be far above all others."""
    low, high = min(losses), max(losses)
    room = 0.05 * (high - low) or abs(low) * 0.05 or 1.0
    return low - room, high + room
