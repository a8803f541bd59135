from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.store.monitoring_scene import DAY, START, fill_monitoring, incident, window

from tenfold.foundation.errors import StoreError
from tenfold.records.health import Health, IncidentChange
from tenfold.store.monitoring import Part, Reading
from tenfold.store.open import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / ".tenfold") as opened:
        yield opened


def test_what_was_watched_is_read_back_and_verifies(store: Store):
    fill_monitoring(store)
    (look,) = store.watched.looks("late")
    assert look.health == Health(window=window())
    assert store.watched.reading("late").position == {"w-1-1.log": 40}
    assert [part.rows for part in store.watched.parts("late")] == [3]
    assert store.watched.reference("b" * 64, 86400.0) == b"{}"
    assert store.watched.reference("b" * 64, 3600.0) is None
    assert store.incidents.current() == (incident(),)
    assert [delivery.channel for delivery in store.deliveries.of()] == ["console"]
    assert store.verify().problems == ()
    assert store.doctor(every_blob=True).orphans == ()


def test_the_newest_look_at_a_window_counts(store: Store):
    fill_monitoring(store)
    again = Health(window=window(revision=2, rows=4))
    store.windows.keep_look(again, parts=2, labels=0, memory=None, changes=[])
    assert [look.health for look in store.watched.looks()] == [again]


def test_the_same_look_is_not_kept_twice_and_leaves_no_incident(store: Store):
    fill_monitoring(store)
    closed = IncidentChange(change="closed", incident=replace(incident(), closed=START + DAY))
    with pytest.raises(StoreError, match="breaks its rules"):
        store.windows.keep_look(Health(window=window()), parts=1, labels=0, memory=None, changes=[closed])
    assert store.incidents.current() == (incident(),)


def test_two_who_read_the_log_at_once_do_not_both_keep_its_rows(store: Store):
    fill_monitoring(store)
    part = replace(store.watched.parts("late")[0], number=0)
    assert isinstance(part, Part)
    with pytest.raises(StoreError, match="breaks its rules"):
        store.windows.keep_rows(Reading(endpoint="late", sequence=1, position={}), [part])
    assert len(store.watched.parts("late")) == 1


def test_batches_of_labels_are_read_from_a_number_on(store: Store):
    fill_monitoring(store)
    second = store.labels.append(store.labels.batches()[0].blob, rows=3, source="again.csv")
    assert store.labels.batches(after=1) == (second,)
