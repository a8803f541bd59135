"""What any store must do, whatever it rests on.

Derive a class named ``Test…`` from `StoreCase` in a pytest module, say in ``open`` how the store is opened, and every
fact below is checked against it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tenfold.foundation.clock import Clock, ManualClock
from tenfold.foundation.errors import InputError, StoreError, TenfoldError
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.records.evidence import Verdict
from tenfold.records.release import Traffic, TrafficLook
from tenfold.store.open import Store
from tenfold.store.rows import KeptResult, ReleaseOrder, RunStage

_THEN = datetime(2013, 3, 3, 12, 30, tzinfo=UTC)
_FIRST, _SECOND = "a" * 64, "b" * 64
_THREADS = 16
_REGISTRATIONS = 5


class StoreCase:
    """The facts; each opens its own store in an empty place."""

    def open(self, folder: Path, clock: Clock | None = None) -> Store:
        """Open the store that belongs to ``folder``: the same folder, the same store."""
        raise NotImplementedError

    def test_store_that_does_not_exist_reads_as_empty_and_is_not_made(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            assert store.history.recent() == ()
            assert store.registry.versions() == ()
            assert store.results.find(_FIRST) is None
            assert store.evidence.of() == ()
            assert store.lockbox.looks("split") == ()
            assert store.releases.history("late") == ()
            assert store.releases.live("late", at=_THEN) is None
            assert store.audit.head().index == 0
            assert store.doctor().ok
            assert store.verify().ok
        assert not (tmp_path / "store").exists()

    def test_blob_is_found_under_the_hash_of_its_bytes(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"content")
        with self.open(tmp_path / "store") as store:
            name = store.blobs.put(b"content")
            assert name == hash_bytes(b"content")
            assert store.blobs.put(source) == name
            assert store.blobs.has(name)
            assert store.blobs.path(name).read_bytes() == b"content"
            assert not store.blobs.has(_FIRST)
            with _refused(StoreError, _FIRST[:12]):
                store.blobs.path(_FIRST)
        assert source.read_bytes() == b"content"

    def test_file_put_from_the_scratch_folder_becomes_the_blob(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            source = store.scratch.new_folder() / "table"
            source.write_bytes(b"rows")
            name = store.blobs.put(source)
            assert not source.exists()
            assert store.blobs.path(name).read_bytes() == b"rows"

    def test_result_comes_back_as_it_was_kept(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            result = _keep(store, _FIRST, "fit")
        with self.open(tmp_path / "store") as store:
            assert store.results.find(_FIRST) == result
            assert store.results.find(_SECOND) is None
            assert store.results.latest("fit") == result
            assert store.results.latest("score") is None

    def test_result_kept_again_replaces_the_first(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            _keep(store, _FIRST, "fit")
            again = KeptResult(fingerprint=_FIRST, stage="fit", record=store.blobs.put(b"other"), seconds=2.0)
            store.results.save(again)
            assert store.results.find(_FIRST) == again

    def test_result_that_names_a_missing_blob_is_refused(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            with _refused(StoreError, _SECOND[:12]):
                store.results.save(KeptResult(fingerprint=_FIRST, stage="fit", record=_SECOND))
            assert store.results.find(_FIRST) is None

    def test_run_is_kept_from_its_opening_to_its_close(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store", ManualClock(at=_THEN)) as store:
            run = store.runs.begin(spec="target: late", seed=3)
            assert store.history.find(run.id).status == "running"
            part = RunStage(stage="fit", fingerprint=_FIRST, cached=False, seconds=1.25)
            cached = RunStage(stage="score", fingerprint=_SECOND, cached=True, seconds=0.5)
            store.runs.record_stage(run.id, part)
            store.runs.record_stage(run.id, cached)
            closed = store.runs.finish(run.id, status="passed", document=b"{}", reason="all held")
            assert store.history.find(run.id) == closed
            assert store.history.stages(run.id) == (part, cached)
            assert (closed.status, closed.reason, closed.at, closed.ended_at) == ("passed", "all held", _THEN, _THEN)
            assert closed.recorded > _THEN
            assert closed.spec is not None
            assert closed.document is not None
            assert store.blobs.path(closed.spec).read_text() == "target: late"
            assert store.blobs.path(closed.document).read_bytes() == b"{}"
            with _refused(InputError, run.id):
                store.history.find(run.id + "1")

    def test_closed_run_never_changes(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            run = store.runs.begin(spec="", seed=3)
            closed = store.runs.finish(run.id, status="failed", reason="a must failed")
            with _refused(StoreError):
                store.runs.finish(run.id, status="passed")
            assert store.history.find(run.id) == closed

    def test_second_run_at_the_same_time_is_refused(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store, self.open(tmp_path / "store") as other:
            run = store.runs.begin(spec="", seed=3)
            with _refused(StoreError, "process"):
                other.runs.begin(spec="", seed=3)
            store.runs.finish(run.id, status="passed")
            second = other.runs.begin(spec="", seed=3)
            other.runs.finish(second.id, status="passed")
            assert [known.id for known in store.history.recent()] == [second.id, run.id]

    def test_run_left_open_is_closed_as_crashed_by_the_next(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            left = store.runs.begin(spec="", seed=3)
        with self.open(tmp_path / "store") as store:
            store.runs.finish(store.runs.begin(spec="", seed=3).id, status="passed")
            crashed = store.history.find(left.id)
            assert crashed.status == "crashed"
            assert crashed.ended_at is not None
            assert "process" in crashed.reason

    def test_evidence_is_kept_with_both_times_and_found_by_what_it_is_about(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store", ManualClock(at=_THEN)) as store:
            ranks, small = (_verdict(name) for name in ("ranks", "small"))
            kept = store.evidence.append((ranks, small), subject="bundle", run="r1", inputs={"split": _FIRST})
            later = store.evidence.append((ranks,), subject="other", run="r2", inputs={})
            assert store.evidence.of() == (*kept, *later)
            assert store.evidence.of(run="r1", requirement="small") == kept[1:]
            assert store.evidence.of(subject="other") == later
            assert kept[0].verdict == ranks
            assert kept[0].inputs == {"split": _FIRST}
            assert kept[0].at == _THEN
            assert kept[0].recorded > _THEN
            assert len({piece.id for piece in (*kept, *later)}) == 3

    def test_versions_of_a_name_are_numbered_from_one(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            blob = store.blobs.put(b"bundle")
            refs = [
                store.registry.register(name, bundle=bundle, blob=blob, run="r1", facts={"score": 0.7}).ref
                for name, bundle in (("late", "x"), ("late", "y"), ("churn", "x"))
            ]
            assert refs == ["late@1", "late@2", "churn@1"]
            assert [version.ref for version in store.registry.versions()] == ["churn@1", "late@1", "late@2"]
            assert store.registry.find("late@2").bundle == "y"
            assert store.registry.find("late@2").facts == {"score": 0.7}

    def test_bundle_registered_again_keeps_its_number(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            blob = store.blobs.put(b"bundle")
            first = store.registry.register("late", bundle="x", blob=blob, run="r1")
            assert store.registry.register("late", bundle="x", blob=blob, run="r2") == first

    def test_version_without_its_bundle_is_refused(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            with _refused(StoreError, _FIRST[:12]):
                store.registry.register("late", bundle="x", blob=_FIRST, run="r1")
            assert store.registry.versions() == ()

    def test_unknown_version_is_refused_with_the_nearest_name(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            store.registry.register("late", bundle="x", blob=store.blobs.put(b"bundle"), run="r1")
            store.aliases.point("late", "champion", 1, reason="first", by="ann")
            for ref, word in (
                ("latte@1", "'late'"),
                ("late@2", "newest is 1"),
                ("late@champ", "'champion'"),
                ("late", "name@number"),
            ):
                with _refused(InputError, word):
                    store.registry.find(ref)
            with _refused(InputError, "cannot name"):
                store.registry.register("../late", bundle="x", blob=_FIRST, run="r1")

    def test_alias_means_what_it_was_last_pointed_at(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store", ManualClock(at=_THEN)) as store:
            blob = store.blobs.put(b"bundle")
            for bundle in ("x", "y"):
                store.registry.register("late", bundle=bundle, blob=blob, run="r1")
            store.aliases.point("late", "champion", 1, reason="first", by="ann")
            store.aliases.point("late", "challenger", 2, reason="newer", by="ann")
            assert store.registry.find("late@champion").number == 1
            store.aliases.point("late", "champion", 2, reason="better", by="bob")
            store.aliases.point("late", "challenger", None, reason="promoted", by="bob")
            assert store.aliases.current("late") == {"champion": 2}
            assert store.registry.find("late@champion").number == 2
            history = store.aliases.history("late")
            assert [(change.alias, change.number, change.by) for change in history] == [
                ("champion", 1, "ann"),
                ("challenger", 2, "ann"),
                ("champion", 2, "bob"),
                ("challenger", None, "bob"),
            ]
            assert {change.at for change in history} == {_THEN}
            with _refused(InputError, "late@3"):
                store.aliases.point("late", "champion", 3, reason="", by="ann")
            with _refused(InputError, "cannot be an alias"):
                store.aliases.point("late", "7", 1, reason="", by="ann")

    def test_release_moves_champion_and_previous_and_says_who_why_and_when(self, tmp_path: Path) -> None:
        clock = ManualClock(at=_THEN)
        with self.open(tmp_path / "store", clock) as store:
            blob = store.blobs.put(b"bundle")
            for bundle in ("x", "y"):
                store.registry.register("late", bundle=bundle, blob=blob, run="r1", facts={"threshold": 0.25})
            first = store.releases.append(_order(after=0, number=1, previous=None))
            clock.at = _THEN + timedelta(days=1)
            second = store.releases.append(
                replace(_order(after=1, number=2, previous=1), accepted=("fast",), evidence=("e1",), replay=True)
            )
            assert store.releases.history("late") == (first, second)
            assert store.aliases.current("late") == {"champion": 2, "previous": 1}
            assert [change.replay for change in store.aliases.history("late")] == [False, True, True]
            assert (first.ref, first.revision, first.bundle, first.threshold) == ("late@1", 1, "x", 0.25)
            assert (second.accepted, second.evidence, second.replay) == (("fast",), ("e1",), True)
            assert (second.at, second.by, second.reason) == (clock.at, "ann", "better")
            assert second.recorded > second.at
            assert store.releases.live("late", at=_THEN - timedelta(microseconds=1)) is None
            assert store.releases.live("late", at=_THEN) == first
            assert store.releases.live("late", at=clock.at) == second
            assert store.releases.live("late", at=clock.at, known=first.recorded) == first
            assert store.releases.live("other", at=clock.at) is None
            assert store.verify().ok

    def test_release_keeps_how_requests_are_divided_and_leaves_the_champion(self, tmp_path: Path) -> None:
        traffic = Traffic(
            strategy="canary",
            number=2,
            bundle="y",
            share=0.1,
            salt="s",
            since=_THEN,
            steps=(0.1, 0.5),
            position={"a": 7},
        )
        look = TrafficLook(
            endpoint=_order(after=0, number=1, previous=None).endpoint,
            revision=2,
            strategy="canary",
            champion="late@1",
            candidate="late@2",
            share=0.1,
            rows=5,
            judged=3,
            champion_rows=50,
            action="wait",
            reason="too few",
            at=_THEN,
            agreement=0.75,
        )
        with self.open(tmp_path / "store", ManualClock(at=_THEN)) as store:
            blob = store.blobs.put(b"bundle")
            for bundle in ("x", "y"):
                store.registry.register("late", bundle=bundle, blob=blob, run="r1")
            first = store.releases.append(_order(after=0, number=1, previous=None))
            tried = store.releases.append(
                replace(_order(after=1, number=1, previous=None), action="traffic", traffic=traffic)
            )
            assert (first.traffic, tried.traffic, tried.action) == (None, traffic, "traffic")
            assert store.releases.history("late") == (first, tried)
            assert store.aliases.current("late") == {"champion": 1}
            assert [change.alias for change in store.aliases.history("late")] == ["champion"]
            kept = store.traffic.keep(look)
            assert store.traffic.of(look.endpoint) == (kept,)
            assert store.traffic.of("other") == ()
            assert kept.look == look
            assert store.verify().ok

    def test_release_that_rests_on_an_older_state_is_refused_whole(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            store.registry.register("late", bundle="x", blob=store.blobs.put(b"bundle"), run="r1")
            store.releases.append(_order(after=0, number=1, previous=None))
            before = (store.aliases.history("late"), store.releases.history("late"), store.audit.head())
            with _refused(StoreError, "meanwhile"):
                store.releases.append(_order(after=0, number=1, previous=None))
            with _refused(InputError, "late@7"):
                store.releases.append(_order(after=1, number=7, previous=None))
            with _refused(InputError, "late@8"):
                store.releases.append(_order(after=1, number=1, previous=8))
            assert (store.aliases.history("late"), store.releases.history("late"), store.audit.head()) == before

    def test_looks_at_a_test_part_are_counted(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            counts = [store.lockbox.record_look(split, run="r1", reason="evaluation") for split in "xxy"]
            assert counts == [1, 2, 1]
            assert [look.reason for look in store.lockbox.looks("x")] == ["evaluation", "evaluation"]

    def test_audit_chain_holds_every_act_and_passes_an_older_head(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            store.audit.append("key turned", "door", {"by": "ann"})
            head = store.audit.head()
            store.lockbox.record_look("x", run="r1", reason="evaluation")
            entries = store.audit.entries()
            assert [entry.index for entry in entries] == [1, 2]
            assert entries[0].previous == "0" * 64
            assert entries[1].previous == entries[0].hash == head.hash
            assert (entries[0].action, entries[0].subject, entries[0].details) == ("key turned", "door", {"by": "ann"})
            assert store.verify(anchor=head).ok

    def test_checkpoints_come_back_in_order_until_the_stage_is_done(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            place = store.checkpoints.of(_FIRST)
            assert place.names() == ()
            assert place.load("rung 1") is None
            place.save("rung 1", {"model.txt": b"one"})
            place.save("rung/2", {"model.txt": b"two", "oof": b""})
            place.save("rung 1", {"model.txt": b"one again"})
        with self.open(tmp_path / "store") as store:
            place = store.checkpoints.of(_FIRST)
            assert place.names() == ("rung 1", "rung/2")
            assert place.load("rung 1") == {"model.txt": b"one again"}
            assert place.load("rung/2") == {"model.txt": b"two", "oof": b""}
            assert store.checkpoints.of(_SECOND).names() == ()
            _keep(store, _FIRST, "fit")
            assert place.names() == ()

    def test_writers_at_the_same_time_all_get_their_own_number(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            blob = store.blobs.put(b"bundle")
            together = threading.Barrier(_THREADS)

            def register(thread: int) -> list[int]:
                with self.open(tmp_path / "store") as mine:
                    together.wait()
                    return [
                        mine.registry.register("late", bundle=f"{thread}-{turn}", blob=blob, run="r1").number
                        for turn in range(_REGISTRATIONS)
                    ]

            with ThreadPoolExecutor(_THREADS) as pool:
                numbers = [number for given in pool.map(register, range(_THREADS)) for number in given]
            assert sorted(numbers) == list(range(1, _THREADS * _REGISTRATIONS + 1))
            assert store.verify().ok

    def test_used_store_is_healthy(self, tmp_path: Path) -> None:
        with self.open(tmp_path / "store") as store:
            run = store.runs.begin(spec="", seed=3)
            _keep(store, _FIRST, "fit")
            store.registry.register("late", bundle="x", blob=store.blobs.put(b"bundle"), run=run.id)
            store.runs.finish(run.id, status="passed", document=b"{}")
        with self.open(tmp_path / "store") as store:
            report = store.doctor(every_blob=True)
            assert report.ok, report.checks
            assert report.orphans == ()
            assert report.stale_runs == ()
            assert store.verify().ok


def _keep(store: Store, fingerprint: str, stage: str) -> KeptResult:
    result = KeptResult(
        fingerprint=fingerprint,
        stage=stage,
        record=store.blobs.put(b"{}"),
        files={"model.txt": store.blobs.put(b"model"), "oof.npy": store.blobs.put(b"")},
        causes={"code": "c", "options": {"rounds": 3}, "inputs": {"data": _SECOND}, "seed": 7},
        seconds=1.5,
        run="r1",
    )
    store.results.save(result)
    return result


def _order(*, after: int, number: int, previous: int | None) -> ReleaseOrder:
    return ReleaseOrder(
        endpoint="gate",
        after=after,
        action="promote",
        name="late",
        number=number,
        previous=previous,
        reason="better",
        by="ann",
    )


def _verdict(requirement: str) -> Verdict:
    return Verdict(
        requirement=requirement, verdict="pass", place="test", level="must", metric="roc_auc", direction=">=", value=0.7
    )


@contextmanager
def _refused(kind: type[TenfoldError], word: str = "") -> Iterator[None]:
    """Hold the block to raising ``kind`` with ``word`` in its message."""
    message = None
    try:
        yield
    except kind as error:
        message = str(error)
    assert message is not None, f"{kind.__name__} was expected, nothing was raised"
    assert word in message, f"the message lacks {word!r}: {message}"
