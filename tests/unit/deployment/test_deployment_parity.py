"""Before first traffic the gateway's answers are held against what was stored; a difference stops the promotion."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.unit.deployment.deployment_scene import opened, registered

from tenfold.foundation.errors import CheckFailed
from tenfold.gateway.version import Version as Served
from tenfold.project import parity
from tenfold.project.parity import check_parity
from tenfold.records.dataset import Field


def test_a_version_whose_answers_are_the_stored_ones_may_take_traffic(tmp_path: Path) -> None:
    project = opened(tmp_path)
    version = project.store.registry.find(registered(project, 7))
    found = check_parity(version, "gate", project.store)
    assert (found.rows, found.deviation) == (2, 0.0)


def test_a_gateway_that_answers_otherwise_than_was_stored_stops_the_promotion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = opened(tmp_path)
    ref = registered(project, 7)

    def skewed(self: Served, instances: list[dict[str, object]]) -> object:
        scored = truly(self, instances)
        return scored._replace(scores=[[1 - row[1] * 1.01, row[1] * 1.01] for row in scored.scores])

    truly = Served.score
    monkeypatch.setattr(Served, "score", skewed)
    with pytest.raises(CheckFailed, match="other scores than were stored"):
        project.promote(ref)
    assert project.store.releases.history() == ()


def test_a_row_that_the_gateway_refuses_stops_the_promotion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = opened(tmp_path)
    version = project.store.registry.find(registered(project, 7))
    monkeypatch.setattr(parity, "_written", lambda field, value: value)
    monkeypatch.setattr(parity, "_as_sent", lambda fields, rows, stored: ([{"x": "a word"}] * 2, stored))
    with pytest.raises(CheckFailed, match="does not answer a row"):
        check_parity(version, "gate", project.store)


def test_times_are_sent_as_their_column_writes_them_and_an_hour_that_comes_twice_is_left_out() -> None:
    field = Field(name="at", kind="datetime", datetime_format="%d.%m.%Y %H:%M", timezone="Europe/Berlin")
    moments = [
        datetime(2026, 7, 1, 10, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    ]
    rows = pl.DataFrame({"at": moments}, schema={"at": pl.Datetime("us", "UTC")})
    sent, stored = parity._as_sent([field], rows, np.arange(3.0)[:, None])
    assert [each["at"] for each in sent] == ["01.07.2026 12:30", "25.10.2026 02:30"]
    assert stored.ravel().tolist() == [0.0, 1.0]
