from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

import tenfold.store.migrations
from tenfold.foundation.clock import ManualClock
from tenfold.foundation.errors import StoreError
from tenfold.store.catalog import connection as catalog_connection
from tenfold.store.catalog import schema
from tenfold.store.open import open_store
from tenfold.store.rows import ReleaseOrder

_THEN = datetime(2013, 3, 3, tzinfo=UTC)


def test_a_store_from_before_releases_is_brought_up_to_date_and_still_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "store"
    with monkeypatch.context() as old:
        old.setattr(catalog_connection, "_migrate", _first_schema)
        old.setattr(schema, "HEAD", "0001")
        with open_store(folder) as store:
            store.registry.register("late", bundle="x", blob=store.blobs.put(b"bundle"), run="r1")
    _write_as_the_first_schema_did(folder)
    with open_store(folder) as store:
        store.audit.append("looked", "door")
        assert [change.replay for change in store.aliases.history("late")] == [False]
        assert store.verify().ok, store.verify().problems
        order = ReleaseOrder(
            endpoint="late", after=0, action="promote", name="late", number=1, previous=None, reason="", by="ann"
        )
        store.releases.append(order)
        assert store.verify().ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE releases SET threshold = 0.9",
        "UPDATE releases SET replay = 1",
        "UPDATE aliases SET replay = 1",
        "DELETE FROM releases",
    ],
)
def test_a_changed_release_is_found(tmp_path: Path, statement: str) -> None:
    folder = tmp_path / "store"
    with open_store(folder, clock=ManualClock(at=_THEN)) as store:
        facts = {"threshold": 0.5}
        store.registry.register("late", bundle="x", blob=store.blobs.put(b"bundle"), run="r1", facts=facts)
        order = ReleaseOrder(
            endpoint="late", after=0, action="promote", name="late", number=1, previous=None, reason="", by="ann"
        )
        store.releases.append(order)
        assert store.verify().ok
    table = statement.split()[1] if statement.startswith("UPDATE") else statement.split()[2]
    with closing(sqlite3.connect(folder / "catalog.db")) as outside:
        for event in ("update", "delete"):
            outside.execute(f"DROP TRIGGER {table}_no_{event}")
        outside.execute(statement)
        outside.commit()
    with open_store(folder) as store:
        report = store.verify()
        assert not report.ok
        assert any(problem.startswith(table) for problem in report.problems)


def test_ninety_days_of_releases_answer_for_any_moment_what_was_live(tmp_path: Path) -> None:
    """The project's clock moves through a quarter; each answer is held against a list kept beside it."""
    import random

    chance = random.Random(7)
    clock = ManualClock(at=_THEN)
    said: list[tuple[datetime, int]] = []
    with open_store(tmp_path / "store", clock=clock) as store:
        for number in range(1, 31):
            blob = store.blobs.put(b"bundle")
            facts = {"threshold": number / 100}
            store.registry.register("late", bundle=f"b{number}", blob=blob, run="r", facts=facts)
        for revision in range(90):
            clock.at = _THEN + timedelta(days=revision, seconds=chance.randrange(86_400))
            number = chance.randrange(1, 31)
            order = ReleaseOrder(
                endpoint="late",
                after=revision,
                action="promote" if chance.random() < 0.7 else "rollback",
                name="late",
                number=number,
                previous=None,
                reason=f"day {revision}",
                by="ann",
                replay=True,
            )
            store.releases.append(order)
            said.append((clock.at, number))
        for _ in range(500):
            asked = _THEN + timedelta(days=chance.uniform(-5, 95))
            found = store.releases.live("late", at=asked)
            expected = [number for at, number in said if at <= asked]
            if not expected:
                assert found is None
                continue
            assert found is not None
            assert (found.number, found.threshold, found.replay) == (expected[-1], expected[-1] / 100, True)
            assert found.at <= asked < found.recorded


def test_a_manual_clock_that_runs_backwards_overrules_what_was_said_before(tmp_path: Path) -> None:
    clock = ManualClock(at=_THEN + timedelta(days=10))
    with open_store(tmp_path / "store", clock=clock) as store:
        for bundle in ("x", "y"):
            store.registry.register("late", bundle=bundle, blob=store.blobs.put(b"bundle"), run="r")
        order = ReleaseOrder(
            endpoint="late", after=0, action="promote", name="late", number=1, previous=None, reason="", by="ann"
        )
        store.releases.append(order)
        clock.at = _THEN
        store.releases.append(
            ReleaseOrder(
                endpoint="late", after=1, action="promote", name="late", number=2, previous=1, reason="", by="ann"
            )
        )
        found = store.releases.live("late", at=_THEN + timedelta(days=11))
        assert found is not None
        assert found.number == 2


def test_the_right_to_release_is_that_of_the_revision(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        store.registry.register("late", bundle="x", blob=store.blobs.put(b"bundle"), run="r")
        order = ReleaseOrder(
            endpoint="late", after=3, action="promote", name="late", number=1, previous=None, reason="", by="ann"
        )
        with pytest.raises(StoreError, match="released meanwhile"):
            store.releases.append(order)


def _first_schema(connection: object) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(tenfold.store.migrations.__path__[0])))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


def _write_as_the_first_schema_did(folder: Path) -> None:
    """Add a move of an alias as it was written before there was a column ``replay``."""
    import json

    from tenfold.foundation.fingerprint import fingerprint
    from tenfold.foundation.serial import canonical_json
    from tenfold.store.catalog.audit import link_hash

    at = schema.text_of(_THEN)
    row = {
        "number": 1,
        "name": "late",
        "alias": "champion",
        "version": 1,
        "reason": "first",
        "by": "ann",
        "at": at,
        "recorded": at,
    }
    with closing(sqlite3.connect(folder / "catalog.db")) as outside:
        outside.row_factory = sqlite3.Row
        columns = ", ".join(row)
        outside.execute(f"INSERT INTO aliases ({columns}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        end = outside.execute('SELECT "index", hash FROM audit ORDER BY "index" DESC LIMIT 1').fetchone()
        link = {
            "index": end["index"] + 1,
            "action": "alias moved",
            "subject": "late@champion",
            "actor": "local",
            "details": canonical_json({"content": fingerprint(row)}).decode(),
            "previous": end["hash"],
            "at": at,
            "recorded": at,
        }
        assert json.loads(str(link["details"]))
        link["hash"] = link_hash(link)
        names = ", ".join(f'"{name}"' for name in link)
        outside.execute(f"INSERT INTO audit ({names}) VALUES ({', '.join('?' * len(link))})", tuple(link.values()))
        outside.commit()
