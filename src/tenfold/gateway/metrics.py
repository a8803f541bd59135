"""What the gateway counts, as Prometheus reads it."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency histogram, in seconds."""

_HELP: Mapping[str, tuple[str, str]] = {
    "tenfold_requests_total": ("counter", "Prediction requests by endpoint and status."),
    "tenfold_rows_total": ("counter", "Predictions given, by endpoint."),
    "tenfold_request_seconds": ("histogram", "Time from the whole body to the answer."),
    "tenfold_model_failures_total": ("counter", "Requests on which a version failed or gave no finite number."),
    "tenfold_model_swaps_total": ("counter", "Versions taken into service after the first."),
    "tenfold_model_load_failures_total": ("counter", "Published versions that could not be taken into service."),
    "tenfold_breaker_trips_total": ("counter", "Times the version before was taken back into service."),
    "tenfold_log_bytes_total": ("counter", "Bytes written to the prediction log."),
    "tenfold_log_failures_total": ("counter", "Writes and flushes of the prediction log that failed."),
    "tenfold_log_lag_seconds": ("gauge", "Age of the oldest prediction that is not flushed to the disk."),
    "tenfold_model_info": ("gauge", "1 for the version that answers."),
}

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]


@dataclass(slots=True)
class Counts:
    """What one worker has counted since the gateway was started, by name and labels."""

    samples: Samples = field(default_factory=dict)

    def add(self, name: str, amount: float = 1.0, /, **labels: str) -> None:
        """Count something."""
        key = (name, tuple(labels.items()))
        self.samples[key] = self.samples.get(key, 0.0) + amount

    def observe(self, endpoint: str, seconds: float) -> None:
        """Count a request's duration into the histogram."""
        place = bisect.bisect_left(BUCKETS, seconds)
        bound = f"{BUCKETS[place]:g}" if place < len(BUCKETS) else "+Inf"
        self.add("tenfold_request_seconds_bucket", endpoint=endpoint, le=bound)
        self.add("tenfold_request_seconds_sum", seconds, endpoint=endpoint)


def written(samples: Samples) -> bytes:
    """Return samples as bytes, for other workers to read."""
    return orjson.dumps([[name, labels, value] for (name, labels), value in samples.items()])


def read(content: bytes) -> Samples:
    """Return samples from bytes."""
    entries: list[Any] = orjson.loads(content)
    return {(name, tuple((key, value) for key, value in labels)): amount for name, labels, amount in entries}


def added(parts: Iterable[Samples]) -> Samples:
    """Return the samples of several workers as those of one: sums, and of gauges the greatest."""
    result: Samples = {}
    for part in parts:
        for key, value in part.items():
            gauge = _HELP.get(key[0], ("counter", ""))[0] == "gauge"
            result[key] = max(result.get(key, 0.0), value) if gauge else result.get(key, 0.0) + value
    return result


def exposition(samples: Samples) -> str:
    """Return samples in Prometheus' text format, version 0.0.4."""
    lines: list[str] = []
    for name, (kind, words) in _HELP.items():
        lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
        if kind == "histogram":
            lines += _histogram(name, samples)
        else:
            lines += [_line(name, labels, value) for (found, labels), value in sorted(samples.items()) if found == name]
    return "\n".join(lines) + "\n"


def _histogram(name: str, samples: Samples) -> list[str]:
    lines = []
    for (found, labels), total in sorted(samples.items()):
        if found != f"{name}_sum":
            continue
        count = 0.0
        for bound in (*(f"{bound:g}" for bound in BUCKETS), "+Inf"):
            count += samples.get((f"{name}_bucket", (*labels, ("le", bound))), 0.0)
            lines.append(_line(f"{name}_bucket", (*labels, ("le", bound)), count))
        lines += [_line(f"{name}_sum", labels, total), _line(f"{name}_count", labels, count)]
    return lines


def _line(name: str, labels: Labels, value: float) -> str:
    inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    number = repr(int(value)) if value == int(value) else repr(value)
    return f"{name}{{{inner}}} {number}" if inner else f"{name} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
