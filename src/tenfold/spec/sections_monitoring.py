"""The section ``monitoring``: how production is cut into windows, and who is told."""

from __future__ import annotations

from tenfold.foundation.units import parse_seconds
from tenfold.spec.section import Duration, Section, Written


class MonitoringSection(Section):
    """How production is watched.

    ``quiet`` is the one setting for false alarms: at most one in this many windows, over all columns together.
    ``alerts`` are URLs as the file says them; what they stand for is in ``Spec.alert_locations``.
    """

    window: Duration = "1d"
    quiet: int = 200
    alerts: tuple[Written, ...] = ()

    @property
    def window_seconds(self) -> float:
        """The length of a window."""
        return parse_seconds(self.window)
