from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from decisions_scene import decision
from tests.unit.store.monitoring_scene import fill_monitoring

import tenfold.store.migrations
from tenfold.foundation.errors import StoreError
from tenfold.records.batch import BatchSlot
from tenfold.records.evidence import Verdict
from tenfold.records.release import TrafficLook
from tenfold.store.catalog import schema
from tenfold.store.open import Store, open_store
from tenfold.store.rows import KeptResult, ReleaseOrder, RunStage

_PRINT = "a" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".tenfold"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with open_store(folder) as opened:
        yield opened


def write(folder: Path, *statements: str) -> None:
    """Change the catalog from outside."""
    with closing(sqlite3.connect(folder / "catalog.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_newest_migration_is_the_one_the_store_expects():
    config = Config()
    config.set_main_option("script_location", str(Path(tenfold.store.migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_migrations_make_the_tables_that_the_code_uses(store: Store, folder: Path):
    store.audit.append("opened", "store")
    engine = sa.create_engine(f"sqlite:///{folder}/catalog.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    engine.dispose()


def test_opening_a_store_that_is_up_to_date_does_not_import_the_migration_tool(store: Store, folder: Path):
    store.audit.append("opened", "store")
    script = (
        "import sys; from pathlib import Path; from tenfold.store.open import open_store\n"
        f"with open_store(Path({str(folder)!r})) as store:\n"
        "    store.audit.append('again', 'store')\n"
        "    print(len(store.audit.entries()), [name for name in sys.modules if name.startswith('alembic')])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "2 []"


def test_asking_for_the_store_imports_no_sql_toolkit():
    script = "import sys; import tenfold.store.open; print('sqlalchemy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_catalog_keeps_a_write_ahead_log_and_flushes_every_commit(store: Store, folder: Path):
    store.audit.append("opened", "store")
    with store.upkeep.catalog.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


def test_reading_changes_no_file_of_the_store(store: Store, folder: Path):
    store.results.save(KeptResult(fingerprint=_PRINT, stage="fit", record=store.blobs.put(b"{}")))
    store.close()

    def contents() -> dict[str, str]:
        # The index beside the log holds who reads at the moment; it is no content.
        files = (path for path in folder.rglob("*") if path.is_file() and path.name != "catalog.db-shm")
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = contents()
    with open_store(folder) as reader:
        assert reader.results.find(_PRINT) is not None
        assert reader.doctor(every_blob=True).ok
        assert reader.verify().ok
        assert reader.history.recent() == ()
    assert contents() == before


def test_reader_does_not_wait_for_a_writer(store: Store, folder: Path):
    store.audit.append("first", "store")
    with open_store(folder) as other, store.upkeep.catalog.writing() as connection:
        connection.exec_driver_sql("INSERT INTO blobs VALUES ('x', 1)")
        assert len(other.audit.entries()) == 1


def test_transaction_that_raises_leaves_nothing(store: Store):
    store.audit.append("first", "store")
    with pytest.raises(StoreError, match="put it before"):
        store.registry.register("late", bundle="x", blob=_PRINT, run="r1")
    assert store.registry.versions() == ()
    assert len(store.audit.entries()) == 1


@pytest.mark.parametrize("table", schema.HISTORIES)
@pytest.mark.parametrize("act", ["UPDATE {} SET rowid = rowid", "DELETE FROM {}"])
def test_histories_refuse_to_be_changed(store: Store, table: str, act: str):
    fill(store)
    with (
        pytest.raises(StoreError, match=f"{table} is append-only"),
        store.upkeep.catalog.writing() as connection,
    ):
        connection.exec_driver_sql(act.format(table))


def test_store_of_a_newer_tenfold_is_not_touched(store: Store, folder: Path):
    store.audit.append("opened", "store")
    store.close()
    write(folder, "UPDATE alembic_version SET version_num = '9999'")
    with open_store(folder) as newer:
        with pytest.raises(StoreError, match="newer Tenfold"):
            newer.audit.entries()
        with pytest.raises(StoreError, match="newer Tenfold"):
            newer.audit.append("again", "store")


def test_catalog_that_is_no_database_is_one_clear_error_and_damage_for_the_doctor(folder: Path):
    folder.mkdir()
    (folder / "catalog.db").write_bytes(b"not a database at all" * 100)
    with open_store(folder) as store:
        with pytest.raises(StoreError, match="cannot read the store's catalog"):
            store.history.recent()
        with pytest.raises(StoreError, match="cannot write to the store"):
            store.audit.append("opened", "store")
        assert not store.doctor().ok
        assert not store.verify().ok


def test_catalog_whose_making_was_cut_off_reads_as_empty_and_is_made_by_the_next_write(folder: Path):
    folder.mkdir()
    (folder / "catalog.db").write_bytes(b"")
    with open_store(folder) as store:
        assert store.history.recent() == ()
        store.audit.append("opened", "store")
        assert len(store.audit.entries()) == 1


def test_database_appears_whole(folder: Path):
    catalog = folder / "catalog.db"
    seen: list[int] = []

    def look(act: str, path: Path) -> None:
        if catalog.exists():
            with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)) as connection:
                seen.append(connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0])

    with open_store(folder, before_write=look) as store:
        store.audit.append("opened", "store")
    assert set(seen) == {len(schema.metadata.tables) + 1}


def test_store_where_a_file_stands_is_one_clear_error(tmp_path: Path):
    (tmp_path / "place").write_text("a file")
    with open_store(tmp_path / "place") as store, pytest.raises(StoreError, match="cannot write to the store"):
        store.blobs.put(b"content")


def test_result_with_a_missing_or_short_file_counts_as_not_kept(store: Store):
    result = KeptResult(
        fingerprint=_PRINT, stage="fit", record=store.blobs.put(b"{}"), files={"model": store.blobs.put(b"model")}
    )
    store.results.save(result)
    assert store.results.find(_PRINT) == result
    model = store.blobs.path(result.files["model"])
    model.chmod(0o644)
    model.write_bytes(b"mod")
    assert store.results.find(_PRINT) is None
    model.unlink()
    assert store.results.find(_PRINT) is None


def test_run_of_a_dead_process_is_shown_as_crashed_before_anybody_writes(store: Store, folder: Path):
    run = store.runs.begin(spec="", seed=7)
    store.close()
    host = run.process.rpartition(":")[2]
    write(folder, f"UPDATE runs SET process = '999999999:start:{host}'")
    with open_store(folder) as reader:
        seen = reader.history.find(run.id)
        assert (seen.status, seen.ended_at) == ("crashed", None)
        assert "process (999999999) ended without a word" in seen.reason
        report = reader.doctor()
        assert report.stale_runs == (run.id,)
        assert report.ok


def test_copy_of_the_database_file_alone_holds_what_a_closed_store_held(store: Store, folder: Path, tmp_path: Path):
    store.audit.append("opened", "store")
    store.close()
    (tmp_path / "copy.db").write_bytes((folder / "catalog.db").read_bytes())
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        assert connection.execute("SELECT action FROM audit").fetchall() == [("opened",)]


def traffic_look() -> TrafficLook:
    return TrafficLook(
        endpoint="late",
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
        at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def fill(store: Store) -> None:
    run = store.runs.begin(spec="", seed=7)
    store.runs.record_stage(run.id, RunStage(stage="fit", fingerprint=_PRINT, cached=False, seconds=1.0))
    blob = store.blobs.put(b"bundle")
    store.registry.register("late", bundle="x", blob=blob, run=run.id)
    store.aliases.point("late", "champion", 1, reason="first", by="ann")
    order = ReleaseOrder(
        endpoint="late", after=0, action="promote", name="late", number=1, previous=None, reason="first", by="ann"
    )
    store.releases.append(order)
    store.lockbox.record_look("split", run=run.id, reason="evaluation")
    verdict = Verdict(requirement="q", verdict="pass", place="test", level="must", metric="roc_auc", direction=">=")
    store.evidence.append((verdict,), subject="x", run=run.id, inputs={})
    store.runs.finish(run.id, status="passed", document=b"{}")
    fill_monitoring(store)
    store.decisions.keep(decision())
    store.traffic.keep(traffic_look())
    slot = datetime(2026, 3, 1, 6, tzinfo=UTC)
    store.batches.keep(BatchSlot(schedule="late", slot=slot, since=slot - timedelta(hours=1), state="begun", at=slot))
