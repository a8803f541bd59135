"""A canary is judged and ended by the passes alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tenfold.gateway.version import Version
from tenfold.project.open import open_project
from tests.e2e.canary_scene import BETTER, WORSE, Production

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Production.built(tmp_path_factory.mktemp("canary") / "built", requests=120, most=1500)


def test_worse_canary_is_rolled_back_by_the_id_of_what_it_fails(built: Path, tmp_path: Path):
    production = Production.begun(built, tmp_path / "lived", seed=1, a_day=600)
    with production.project.store as store:
        tried = production.register(WORSE)
        production.project.promote(tried, accept=["ranks"], reason="to be tried", by="test")
        for _ in range(12):
            look = production.live_through().traffic
            if look is None or look.action in {"rollback", "promote"}:
                break
        look, newest = production.looks[-1], store.releases.history()[-1]
        assert (look.action, look.verdicts["ranks"]) == ("rollback", "fail")
        assert look.judged <= 1500
        assert (newest.ref, newest.traffic, newest.by) == ("visits@2", None, "tenfold tick")
        assert "ranks fail" in newest.reason
        kept = {each.id: each.verdict for each in store.evidence.of(requirement="ranks")}
        assert newest.evidence
        assert {(kept[name].place, kept[name].verdict) for name in newest.evidence} == {("canary", "fail")}
        assert store.verify().ok


def test_better_canary_rises_by_its_steps_and_is_promoted(built: Path, tmp_path: Path):
    production = Production.begun(built, tmp_path / "lived", seed=1, a_day=900)
    with production.project.store as store:
        tried = production.register(BETTER)
        production.project.promote(tried, accept=["ranks"], reason="to be tried", by="test")
        for _ in range(12):
            if production.champion() == tried:
                break
            production.live_through()
        assert production.champion() == tried
        shares = [each.traffic.share for each in store.releases.history() if each.traffic is not None]
        assert shares == [0.1, 0.3, 0.5]
        newest = store.releases.history()[-1]
        assert (newest.action, newest.threshold, newest.by) == ("promote", 0.5, "tenfold tick")


def test_canary_slower_than_the_requirement_allows_is_rolled_back_by_its_id(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    production = Production.begun(built, tmp_path / "lived", seed=1, a_day=300)
    file = tmp_path / "lived" / "tenfold.yaml"
    asked = 'requirements:\n    - {id: quick, that: "latency_p99_ms <= 50", where: [canary]}'
    file.write_text(file.read_text().replace("requirements:", asked))
    production.project = open_project(file.parent, clock=production.clock)
    whole = Version.score
    with production.project.store as store:
        tried = production.register(BETTER)

        def score(self: Version, instances: Any) -> Any:
            # Four times as slow: less than what a gateway stops by itself.
            production.clock.seconds += 0.08 if self.ref == tried else 0.02
            return whole(self, instances)

        monkeypatch.setattr(Version, "score", score)
        production.project.promote(tried, accept=["ranks"], reason="to be tried", by="test")
        for _ in range(6):
            look = production.live_through().traffic
            if look is None or look.action in {"rollback", "promote"}:
                break
        look, newest = production.looks[-1], store.releases.history()[-1]
        assert (look.action, look.verdicts["quick"]) == ("rollback", "fail")
        assert (newest.ref, newest.traffic, newest.by) == ("visits@2", None, "tenfold tick")
        assert "latency quick" in newest.reason
        assert {each.verdict.verdict for each in store.evidence.of(requirement="quick")} == {"fail"}
