"""Decisions about renewing models are kept once for each key, for ever."""

from __future__ import annotations

from pathlib import Path

from decisions_scene import AT, decision, gain

from tenfold.store.open import open_store


def test_a_decision_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        blob = store.blobs.put(b"rows")
        kept = store.decisions.keep(decision(newest=gain(blob), look=1))
    with open_store(tmp_path / "store") as store:
        assert store.decisions.of("late") == (kept,)
        assert kept.decision.at == AT
        assert kept.decision.newest == gain(blob)
        assert store.verify().ok
        assert blob not in store.doctor().orphans


def test_a_key_has_one_decision_however_often_it_is_made(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        first = store.decisions.keep(decision())
        again = store.decisions.keep(decision(challenger="late@2"))
        assert again == first
        assert len(store.decisions.of()) == 1
        assert store.decisions.of("another") == ()
