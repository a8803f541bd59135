"""What is told of requests: lines of JSON, traces, metrics that Prometheus takes."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from datetime import UTC, datetime

from tenfold.foundation.clock import ManualClock
from tenfold.gateway.metrics import Counts, exposition, of_this_process
from tenfold.gateway.visits import Visit, lines, to_all

CLOCK = ManualClock(at=datetime(2026, 3, 1, tzinfo=UTC), seconds=50.0)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
VISIT = Visit(
    request="r-1",
    endpoint="members",
    version="members@1",
    status=200,
    rows=2,
    arrived=50.0,
    began=50.25,
    ended=50.5,
    trace=TRACE,
)


def test_a_request_is_one_line_of_json_without_anything_that_was_asked():
    stream = io.StringIO()
    visited = to_all([lines(3, CLOCK, stream)])
    assert visited is not None
    visited(VISIT)
    told = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert (told["request_id"], told["version"], told["status"], told["rows"]) == ("r-1", "members@1", 200, 2)
    assert (told["queue_ms"], told["ms"], told["worker"]) == (250.0, 500.0, 3)


def test_nobody_is_told_where_nobody_asked():
    assert to_all([]) is None


def test_the_gateway_loads_no_telemetry_unless_asked():
    found = subprocess.run(
        [sys.executable, "-c", "import sys, tenfold.gateway.worker; print(sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "tenfold.gateway.visits" in found
    assert "opentelemetry" not in found
    assert "tenfold.gateway.telemetry" not in found


def test_a_trace_holds_the_request_and_its_scoring_below_the_callers_span():
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from tenfold.gateway.telemetry import traces

    exporter = InMemorySpanExporter()
    visited, end = traces(0, CLOCK, exporter)
    visited(VISIT)
    end()
    score, whole = sorted(exporter.get_finished_spans(), key=lambda span: span.name, reverse=True)
    assert (whole.name, score.name) == ("predict members", "score")
    assert format(whole.context.trace_id, "032x") == TRACE.split("-")[1]
    assert format(whole.parent.span_id, "016x") == TRACE.split("-")[2]
    assert score.parent.span_id == whole.context.span_id
    assert whole.attributes["tenfold.version"] == "members@1"
    assert whole.end_time - whole.start_time == 500_000_000
    assert score.start_time - whole.start_time == 250_000_000


def test_every_metric_has_words_and_a_type_and_counters_end_in_total():
    counts = Counts(samples=of_this_process())
    counts.add("tenfold_requests_total", endpoint='a"b\nc', status="200")
    counts.observe("a", 0.003)
    counts.waited("a", 20.0)
    text = exposition(counts.all())
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert set(kinds) == set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))
    assert set(kinds.values()) == {"counter", "gauge", "histogram"}
    for name, kind in kinds.items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert kind != "histogram" or name.endswith("_seconds"), name
    assert 'tenfold_queue_seconds_bucket{endpoint="a",le="10"} 0' in text
    assert 'tenfold_queue_seconds_bucket{endpoint="a",le="+Inf"} 1' in text
    assert 'endpoint="a\\"b\\nc"' in text
