from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tenfold.foundation.serial import to_json
from tenfold.records.evidence import Verdict
from tenfold.store.catalog.audit import link_hash, read_head
from tenfold.store.open import open_store
from tenfold.store.rows import AuditHead, KeptResult, RunStage

_ENTRIES = 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / ".tenfold"
    with open_store(folder) as store:
        run = store.runs.begin(spec="", seed=7)
        record = store.blobs.put(b"{}")
        store.results.save(KeptResult(fingerprint="a" * 64, stage="fit", record=record, run=run.id))
        store.runs.record_stage(run.id, RunStage(stage="fit", fingerprint="a" * 64, cached=False, seconds=1.0))
        blob = store.blobs.put(b"bundle")
        store.registry.register("late", bundle="x", blob=blob, run=run.id)
        store.aliases.point("late", "champion", 1, reason="first", by="ann")
        store.lockbox.record_look("split", run=run.id, reason="evaluation")
        verdict = Verdict(requirement="q", verdict="fail", place="test", level="must", metric="auc", direction=">=")
        store.evidence.append((verdict, verdict), subject="x", run=run.id, inputs={})
        store.runs.finish(run.id, status="failed", document=b"{}")
        store.audit.append("looked", "store")
        assert store.audit.head().index == _ENTRIES
        assert store.verify().ok
    return folder


def tamper(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "catalog.db")) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def rebuild(folder: Path) -> None:
    """Make the chain consistent again, as somebody would who may write to the database."""
    with closing(sqlite3.connect(folder / "catalog.db")) as connection:
        connection.row_factory = sqlite3.Row
        previous = "0" * 64
        for index, row in enumerate(connection.execute('SELECT * FROM audit ORDER BY "index"').fetchall(), start=1):
            link = {**dict(row), "index": index, "previous": previous}
            previous_index, previous = row["index"], link_hash(link)
            connection.execute(
                'UPDATE audit SET "index" = ?, previous = ?, hash = ? WHERE "index" = ?',
                (index, link["previous"], previous, previous_index),
            )
        connection.commit()


def test_changed_entry_is_named(folder: Path):
    for index in range(1, _ENTRIES + 1):
        tamper(folder, f"UPDATE audit SET actor = actor || 'x' WHERE \"index\" = {index}")
        with open_store(folder) as store:
            report = store.verify()
        assert report.first_bad == index
        assert f"audit entry {index} was changed" in report.problems[0]
        tamper(folder, f'UPDATE audit SET actor = substr(actor, 1, length(actor) - 1) WHERE "index" = {index}')


def test_deleted_entry_is_named(folder: Path):
    tamper(folder, 'DELETE FROM audit WHERE "index" = 3')
    with open_store(folder) as store:
        report = store.verify()
    assert (report.ok, report.first_bad) == (False, 3)


def test_swapped_entries_are_named(folder: Path):
    tamper(
        folder,
        'UPDATE audit SET "index" = 99 WHERE "index" = 4',
        'UPDATE audit SET "index" = 4 WHERE "index" = 5',
        'UPDATE audit SET "index" = 5 WHERE "index" = 99',
    )
    with open_store(folder) as store:
        report = store.verify()
    assert (report.ok, report.first_bad) == (False, 4)


def test_cut_tail_is_found_by_the_exported_head(folder: Path):
    tamper(folder, f'DELETE FROM audit WHERE "index" = {_ENTRIES}')
    with open_store(folder) as store:
        report = store.verify()
    assert (report.ok, report.first_bad) == (False, _ENTRIES)
    assert "are missing: the exported head knows of them" in report.problems[0]


def test_cut_tail_with_the_exported_head_removed_is_found_by_an_anchor_kept_elsewhere(folder: Path):
    anchor = read_head(folder / "audit.head")
    tamper(folder, f'DELETE FROM audit WHERE "index" = {_ENTRIES}')
    (folder / "audit.head").unlink()
    with open_store(folder) as store:
        assert store.verify().ok
        report = store.verify(anchor=anchor)
    assert (report.ok, report.first_bad) == (False, _ENTRIES)


def test_rebuilt_chain_is_found_by_the_exported_head(folder: Path):
    tamper(folder, "UPDATE audit SET actor = 'somebody else' WHERE \"index\" = 2")
    rebuild(folder)
    with open_store(folder) as store:
        report = store.verify()
    assert (report.ok, report.first_bad) == (False, _ENTRIES)
    assert "the chain was rebuilt" in report.problems[0]


def test_rebuilt_chain_with_a_rewritten_head_is_found_by_an_anchor_kept_elsewhere(folder: Path):
    anchor = read_head(folder / "audit.head")
    tamper(folder, "UPDATE audit SET actor = 'somebody else' WHERE \"index\" = 2")
    rebuild(folder)
    with open_store(folder) as store:
        (folder / "audit.head").write_bytes(to_json(store.audit.head()))
        assert store.verify().ok
        assert not store.verify(anchor=anchor).ok


def test_head_of_another_chain_is_refused(folder: Path):
    with open_store(folder) as store:
        assert not store.verify(anchor=AuditHead(index=1, hash="f" * 64)).ok


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE versions SET bundle = 'y'", "versions: 'late@1' was changed"),
        ("DELETE FROM versions", "versions: 'late@1' was deleted"),
        ("UPDATE aliases SET version = 2", "aliases: 'late@champion' was changed"),
        (
            "UPDATE evidence SET verdict = replace(verdict, 'fail', 'pass') WHERE number = 1",
            "evidence: 'e1' was changed",
        ),
        ("DELETE FROM evidence WHERE number = 2", "evidence: 'e2' was deleted"),
        (
            "INSERT INTO looks SELECT number + 1, split, run, reason, at, recorded FROM looks",
            "looks: 'split' was added",
        ),
        ("UPDATE looks SET recorded = at || 'x'", "looks: 'split' was changed"),
        ("UPDATE runs SET status = 'passed'", "runs: 'r1' was changed"),
        ("UPDATE run_stages SET cached = 1", "run_stages: 'r1/fit' was changed"),
    ],
)
def test_tampered_history_is_named(folder: Path, statement: str, problem: str):
    tamper(folder, statement)
    with open_store(folder) as store:
        report = store.verify()
        assert report.first_bad is None
        assert problem in "\n".join(report.problems)
        assert not store.doctor().ok, "the doctor misses the guards"


def test_hundred_random_edits_of_the_chain_are_all_found(folder: Path):
    chance = random.Random(7)
    pristine = (folder / "catalog.db").read_bytes()
    for log in ("catalog.db-wal", "catalog.db-shm"):
        (folder / log).unlink()
    columns = ("action", "subject", "actor", "details", "at", "recorded", "previous", "hash")
    edits: tuple[Callable[[int], str], ...] = (
        lambda index: f"UPDATE audit SET {chance.choice(columns)} = 'x' WHERE \"index\" = {index}",
        lambda index: f'DELETE FROM audit WHERE "index" = {index}',
        lambda index: f'DELETE FROM audit WHERE "index" >= {index}',
        lambda index: (
            f"INSERT INTO audit SELECT {_ENTRIES + 1}, action, subject, actor, details, at, recorded, previous, hash "
            f'FROM audit WHERE "index" = {index}'
        ),
    )
    for _ in range(100):
        index = chance.randint(1, _ENTRIES)
        statement = chance.choice(edits)(index)
        (folder / "catalog.db").write_bytes(pristine)
        tamper(folder, statement)
        with open_store(folder) as store:
            report = store.verify()
        assert not report.ok, statement
        assert report.first_bad in (index, _ENTRIES + 1), statement
        for log in ("catalog.db-wal", "catalog.db-shm"):
            (folder / log).unlink(missing_ok=True)


def test_every_flipped_cut_or_lost_blob_is_found(folder: Path):
    with open_store(folder) as store:
        for name in store.blobs.names():
            path = store.blobs.path(name)
            content = path.read_bytes()
            path.chmod(0o644)
            for damage in (bytes([content[0] ^ 1]) + content[1:] if content else b"x", content[:-1], content + b"x"):
                if damage == content:
                    continue
                path.write_bytes(damage)
                assert any(name[:12] in problem for problem in store.verify().problems)
                assert not store.doctor(every_blob=True).ok
            path.unlink()
            assert not store.doctor().ok
            assert not store.verify().ok
            path.write_bytes(content)
        assert store.verify().ok
        assert store.doctor(every_blob=True).ok


def test_blob_that_nothing_refers_to_is_reported_and_is_no_damage(folder: Path):
    with open_store(folder) as store:
        name = store.blobs.put(b"orphan")
        report = store.doctor()
        assert report.orphans == (name,)
        assert report.orphan_bytes == 6
        assert report.ok
