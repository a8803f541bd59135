"""What the gateway counts, as Prometheus reads it."""

from __future__ import annotations

import bisect
import os
import resource
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

BUCKETS = (
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
"""Upper bounds of the histograms, in seconds."""

Kind = Literal["counter", "gauge", "level", "histogram"]
"""Of workers, counters, levels and histograms are added; of gauges the greatest counts. A level is shown as a gauge."""

_HELP: Mapping[str, tuple[Kind, str]] = {
    "tenfold_requests_total": ("counter", "Prediction requests by endpoint and status."),
    "tenfold_rows_total": ("counter", "Predictions given, by endpoint."),
    "tenfold_request_seconds": ("histogram", "Time from the whole body to the answer, of answered requests."),
    "tenfold_queue_seconds": ("histogram", "Time from the request's head to the begin of its scoring."),
    "tenfold_requests_shed_total": ("counter", "Requests that were not begun, by reason."),
    "tenfold_requests_under_way": ("level", "Requests being read, scored or answered, this one included."),
    "tenfold_requests_waiting": ("level", "Requests that wait for their scoring."),
    "tenfold_model_failures_total": ("counter", "Requests on which a version failed or gave no finite number."),
    "tenfold_model_swaps_total": ("counter", "Versions taken into service after the first."),
    "tenfold_model_load_failures_total": ("counter", "Published versions that could not be taken into service."),
    "tenfold_shadow_rows_total": ("counter", "Rows for a shadow, by what came of them: asked, failed or left out."),
    "tenfold_breaker_trips_total": ("counter", "Times the version before was taken back into service."),
    "tenfold_log_records_total": ("counter", "Records written to the prediction log, one for each answered request."),
    "tenfold_log_rows_total": ("counter", "Predictions written to the prediction log."),
    "tenfold_log_lost_rows_total": ("counter", "Predictions that were answered and are not in the log, by reason."),
    "tenfold_log_bytes_total": ("counter", "Bytes written to the prediction log."),
    "tenfold_log_flushes_total": ("counter", "Flushes of the prediction log; each takes along all that was written."),
    "tenfold_log_failures_total": ("counter", "Writes and flushes of the prediction log that failed."),
    "tenfold_log_lag_seconds": ("gauge", "Age of the oldest prediction that is not flushed to the disk."),
    "tenfold_model_info": ("gauge", "1 for the version that answers."),
    "tenfold_workers": ("level", "Processes that answer."),
    "process_cpu_seconds_total": ("counter", "Processor time of all workers."),
    "process_resident_memory_bytes": ("level", "Resident memory of all workers."),
}

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]

_REQUESTS = "tenfold_request_seconds"
_QUEUE = "tenfold_queue_seconds"
_PAGE_BYTES = resource.getpagesize()


@dataclass(slots=True)
class Counts:
    """What one worker has counted since it was started, by name and labels; several threads may count."""

    samples: Samples = field(default_factory=dict)
    _durations: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    # Of each endpoint the answered requests and their rows.
    _answered: dict[str, list[float]] = field(default_factory=dict)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, amount: float = 1.0, /, **labels: str) -> None:
        """Count something."""
        key = (name, tuple(labels.items()))
        with self._counting:
            self.samples[key] = self.samples.get(key, 0.0) + amount

    def answered(self, endpoint: str, rows: int, *, waited: float, took: float) -> None:
        """Count a request that was answered as `add`, `waited` and `observe` would, in one go."""
        with self._counting:
            counted = self._answered.get(endpoint)
            if counted is None:
                counted = self._answered[endpoint] = [0.0, 0.0]
            counted[0] += 1
            counted[1] += rows
            self._place(_QUEUE, endpoint, waited)
            self._place(_REQUESTS, endpoint, took)

    def observe(self, endpoint: str, seconds: float) -> None:
        """Count how long an answer took into its histogram."""
        self._note(_REQUESTS, endpoint, seconds)

    def waited(self, endpoint: str, seconds: float) -> None:
        """Count how long a request waited for its scoring into that histogram."""
        self._note(_QUEUE, endpoint, seconds)

    def all(self) -> Samples:
        """Return everything that was counted, as it stands."""
        with self._counting:
            found = dict(self.samples)
            noted = {key: list(values) for key, values in self._durations.items()}
            answered = {endpoint: tuple(counted) for endpoint, counted in self._answered.items()}
        for endpoint, (requests, rows) in answered.items():
            for key, amount in (
                (("tenfold_requests_total", (("endpoint", endpoint), ("status", "200"))), requests),
                (("tenfold_rows_total", (("endpoint", endpoint),)), rows),
            ):
                found[key] = found.get(key, 0.0) + amount
        for (name, endpoint), values in noted.items():
            labels = (("endpoint", endpoint),)
            for place, bound in enumerate((*BUCKETS, None)):
                if values[place]:
                    found[f"{name}_bucket", (*labels, ("le", _bound(bound)))] = values[place]
            found[f"{name}_sum", labels] = values[-1]
        return found

    def _note(self, name: str, endpoint: str, seconds: float) -> None:
        with self._counting:
            self._place(name, endpoint, seconds)

    def _place(self, name: str, endpoint: str, seconds: float) -> None:
        values = self._durations.get((name, endpoint))
        if values is None:
            # One place for each bucket, one for what is longer than all, one for the sum.
            values = self._durations[name, endpoint] = [0.0] * (len(BUCKETS) + 2)
        values[bisect.bisect_left(BUCKETS, seconds)] += 1
        values[-1] += seconds


def of_this_process() -> Samples:
    """Return the processor time and the memory of this process, under the names that Prometheus' own clients use."""
    times = os.times()
    found: Samples = {("tenfold_workers", ()): 1.0, ("process_cpu_seconds_total", ()): times.user + times.system}
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        found["process_resident_memory_bytes", ()] = float(pages * _PAGE_BYTES)
    except FileNotFoundError:
        # Where there is no /proc nobody tells the present size; the greatest so far would be another figure.
        pass
    return found


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
            gauge = _kind(key[0]) == "gauge"
            result[key] = max(result.get(key, 0.0), value) if gauge else result.get(key, 0.0) + value
    return result


def lasting(samples: Samples) -> Samples:
    """Return what goes on counting when its worker has ended: all but the gauges."""
    return {key: value for key, value in samples.items() if _kind(key[0]) in {"counter", "histogram"}}


def exposition(samples: Samples) -> str:
    """Return samples in Prometheus' text format, version 0.0.4."""
    lines: list[str] = []
    for name, (kind, words) in _HELP.items():
        lines += [f"# HELP {name} {words}", f"# TYPE {name} {'gauge' if kind == 'level' else kind}"]
        if kind == "histogram":
            lines += _histogram(name, samples)
        else:
            lines += [_line(name, labels, value) for (found, labels), value in sorted(samples.items()) if found == name]
    return "\n".join(lines) + "\n"


def _kind(name: str) -> Kind:
    found = _HELP.get(name)
    # Parts of a histogram have names of their own.
    return "histogram" if found is None else found[0]


def _bound(bound: float | None) -> str:
    return "+Inf" if bound is None else f"{bound:g}"


def _histogram(name: str, samples: Samples) -> list[str]:
    lines = []
    for (found, labels), total in sorted(samples.items()):
        if found != f"{name}_sum":
            continue
        count = 0.0
        for bound in (*BUCKETS, None):
            le = ("le", _bound(bound))
            count += samples.get((f"{name}_bucket", (*labels, le)), 0.0)
            lines.append(_line(f"{name}_bucket", (*labels, le), count))
        lines += [_line(f"{name}_sum", labels, total), _line(f"{name}_count", labels, count)]
    return lines


def _line(name: str, labels: Labels, value: float) -> str:
    inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    number = repr(int(value)) if value == int(value) else repr(value)
    return f"{name}{{{inner}}} {number}" if inner else f"{name} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
