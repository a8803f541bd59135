"""What has changed since the model was made, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.stages.retraining.window import Seen

_NAMED = 3


def diagnose(windows: Sequence[Seen], metric: str) -> tuple[str, ...]:
    """Return what changed, the gravest first: broken input, quality, inputs that moved, or that nothing was seen to.

    Parameters
    ----------
    windows : sequence of Seen
        Since the champion was promoted, oldest first.
    metric : str
        The main metric's name.
    """
    if not windows:
        return ("no window has been judged yet",)
    newest = windows[-1]
    found = [f"the input is broken: {reason}" for reason in newest.broken[:_NAMED]]
    found += [newest.silence] if newest.silence else []
    found += [f"a live requirement failed: {text}" for text in newest.failed]
    if newest.harmful:
        found.append("the model does worse than using none")
    measured = [window.quality for window in windows if window.quality is not None]
    if len(measured) > 1:
        found.append(f"{metric} went from {measured[0]:.4g} in its first window to {measured[-1]:.4g} in the last")
    if newest.drifted:
        named = ", ".join(f"{column} ({distance:.2g})" for column, distance in newest.drifted[:_NAMED])
        more = len(newest.drifted) - _NAMED
        found.append(f"inputs moved: {named}" + (f" and {more} more" if more > 0 else ""))
    elif newest.failed or newest.harmful:
        found.append(
            "no input moved: what the inputs mean has changed, or the requirement asks for more than they tell"
        )
    return tuple(found) or ("nothing was seen to change",)
