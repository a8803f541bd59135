"""What monitoring is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringOptions:
    """The settings of the monitors.

    Attributes
    ----------
    window_seconds : float
        Length of a window.
    quiet : int
        At most one false alarm for drift in this many windows, over all columns together; and as many for failed live
        requirements.
    metrics : tuple of str
        Measured beside the main metric and those that requirements name.
    least_distance : float
        Columns that moved by less (total variation) are not named, however sure it is that they did.
    unseen : float
        Largest share of categories that the reference does not hold.
    volume : float
        A window with less than this share of the rows expected has lost part of its feed.
    calm : int
        So many windows without a finding close an incident; one is enough for broken data.
    """

    window_seconds: float = 86400.0
    quiet: int = 200
    metrics: tuple[str, ...] = ()
    least_distance: float = 0.02
    unseen: float = 0.05
    volume: float = 0.6
    calm: int = 3
