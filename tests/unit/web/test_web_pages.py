"""The pages are safe, can only be looked at, answer to this machine's names, and say what stands in the store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.routing import Route
from tests.unit.web.conftest import AT, ATTACK, Ask

from tenfold.project.open import Project
from tenfold.records.retrain import Decision, Gain, RetrainRequest
from tenfold.web.app import app_of
from tenfold.web.chart import trend_of
from tenfold.web.guard import host_of
from tenfold.web.state import state_of

PAGES = (
    "/",
    "/runs",
    "/runs/r1",
    "/models",
    "/models/visits",
    "/windows",
    "/windows/2026-06-02T00:00",
    "/incidents",
    "/trial",
    "/history",
    "/history?at=2026-06-02",
)
VOID = {"meta", "link", "img", "input", "br"}


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, content: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes what it did not open"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.found if name == tag)


@pytest.mark.parametrize("path", PAGES)
def test_what_comes_from_data_is_text_and_nothing_else(lived: Project, ask: Ask, path: str):
    reply = ask(lived, path)
    assert reply.status_code == 200, reply.text
    tags = Tags(reply.text)
    assert tags.open == []
    assert {"script", "iframe", "object", "embed", "style"}.isdisjoint({tag for tag, _ in tags.found})
    assert [each["src"] for each in tags.of("img")] == ["/icon.svg"]
    names = {name for _, attributes in tags.found for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert "&amp;49" not in reply.text


def test_an_attack_is_shown_as_it_was_written(lived: Project, ask: Ask):
    for path in ("/", "/runs/r1", "/models/visits", "/windows/2026-06-02T00:00", "/incidents", "/history"):
        assert ATTACK in "".join(Tags(ask(lived, path).text).text), path


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_landmarks_headings_and_captions(lived: Project, ask: Ask, path: str):
    content = ask(lived, path).text
    tags = Tags(content)
    assert sum(1 for _ in tags.of("main")) == 1
    assert sum(1 for _ in tags.of("h1")) == 1
    assert [each.get("lang") for each in tags.of("html")] == ["en"]
    assert content.count("<table") == content.count("<caption")
    assert all(each.get("scope") for each in tags.of("th"))
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in (attributes for _, attributes in tags.found if "aria-labelledby" in attributes):
        assert attributes["aria-labelledby"] in ids
    assert [each.get("aria-label") for each in tags.of("svg") if not each.get("aria-label")] == []


@pytest.mark.parametrize("path", PAGES)
def test_verdicts_are_words_with_signs_and_never_only_colours(lived: Project, ask: Ask, path: str):
    for inside in re.findall(r'<span class="badge[^>]*>(.*?)</span> *([^<]*)</span>', ask(lived, path).text):
        assert re.sub("<[^>]*>", "", inside[0]).strip()
        assert inside[1].strip()


@pytest.mark.parametrize("path", [*PAGES, "/style.css", "/icon.svg", "/nowhere", "/runs/nowhere"])
def test_every_answer_forbids_scripts_frames_and_strangers(lived: Project, ask: Ask, path: str):
    headers = ask(lived, path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/runs/nowhere", "/runs/r1/report", "/models/other", "/windows/1999-01-01", f"/models/{ATTACK}"],
)
def test_what_is_not_there_is_a_page_that_says_so(lived: Project, ask: Ask, path: str):
    reply = ask(lived, path)
    assert reply.status_code == 404
    tags = Tags(reply.text)
    assert "Not found" in "".join(tags.text)
    assert not list(tags.of("script"))


def test_a_misspelt_model_is_told_its_nearest_name(lived: Project, ask: Ask):
    assert "Did you mean 'visits'?" in "".join(Tags(ask(lived, "/models/vistis").text).text)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8470", "127.0.0.1.evil.example", "localhost@evil.example", "", "[::2]", "[::1"],
)
def test_a_name_that_is_not_this_machines_is_refused(lived: Project, ask: Ask, host: str):
    for path in ("/", "/style.css", "/runs/r1"):
        reply = ask(lived, path, headers={"host": host})
        assert reply.status_code == 403
        assert "visits" not in reply.text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8470", "localhost:1", "LOCALHOST", "[::1]:8470", "[::1]"])
def test_the_names_of_this_machine_are_answered(lived: Project, ask: Ask, host: str):
    assert ask(lived, "/", headers={"host": host}).status_code == 200


def test_a_port_is_no_part_of_a_name():
    assert host_of("a:80") == "a"
    assert host_of("a:b") == host_of("[::1]x") == ""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"])
def test_pages_can_only_be_looked_at(lived: Project, ask: Ask, method: str):
    before = lived.store.audit.head()
    for path in (*PAGES, "/nowhere"):
        reply = ask(lived, path, method=method)
        assert reply.status_code == 405
        assert reply.headers["allow"] == "GET"
    assert lived.store.audit.head() == before


def test_every_route_is_get_only_and_nothing_describes_them(empty: Project):
    routes = app_of(empty).routes
    assert [route.methods for route in routes if isinstance(route, Route)] == [{"GET"}] * len(routes)
    assert not {"/docs", "/redoc", "/openapi.json"} & {route.path for route in routes if isinstance(route, Route)}


def test_looking_changes_nothing(lived: Project, ask: Ask):
    files = sorted(path for path in lived.store.folder.rglob("*") if path.is_file() and "catalog.db-" not in path.name)
    before = [(path, path.stat().st_mtime_ns) for path in files]
    for path in PAGES:
        ask(lived, path)
    after = sorted(path for path in lived.store.folder.rglob("*") if path.is_file() and "catalog.db-" not in path.name)
    assert [(path, path.stat().st_mtime_ns) for path in after] == before


@pytest.mark.parametrize("path", ["/", "/runs", "/models", "/windows", "/incidents", "/history"])
def test_an_empty_project_says_what_to_type_next(empty: Project, ask: Ask, path: str):
    reply = ask(empty, path)
    assert reply.status_code == 200
    assert re.search(r"<code>tenfold [a-z]+", reply.text)
    assert not empty.store.folder.exists()


def test_a_registered_model_that_is_not_live_waits_for_its_promotion(empty: Project, ask: Ask):
    run = empty.store.runs.begin(spec="", seed=1)
    empty.store.registry.register("visits", bundle="c" * 64, blob=empty.store.blobs.put(b"x"), run=run.id)
    text = ask(empty, "/").text
    assert "Nothing is live" in text
    assert "<code>tenfold model promote visits@1</code>" in text


def test_a_failed_must_in_production_is_not_healthy(lived: Project, ask: Ask):
    content = ask(lived, "/").text
    assert "Not healthy" in content
    assert "In production ranks-well fails." in content
    assert "1 incident is open." in content


def test_numbers_stand_beside_their_exact_values(lived: Project, ask: Ask):
    content = ask(lived, "/").text
    assert '<data value="0.8123456789">0.8123</data>' in content
    assert '<data value="0.8123456789">0.8123</data>' in ask(lived, "/runs/r1").text


def test_the_metric_of_the_first_requirement_is_the_one_shown(lived: Project, ask: Ask):
    assert "roc_auc in production" in ask(lived, "/windows").text


def test_a_moment_that_is_none_is_told_kindly(lived: Project, ask: Ask):
    reply = ask(lived, "/history?at=soon")
    assert reply.status_code == 400
    assert "is not a time" in reply.text
    assert "visits@1</b> was live" in ask(lived, "/history?at=2026-06-02").text
    assert "nothing was live" in ask(lived, "/history?at=2020-01-01").text


def test_the_report_of_a_run_is_read_from_the_stores_own_folder(own: Project, ask: Ask):
    page = own.store.folder / "reports" / "visits@1.html"
    page.parent.mkdir()
    page.write_text("<p>report</p>")
    reply = ask(own, "/runs/r1/report")
    assert (reply.status_code, reply.text) == (200, "<p>report</p>")
    assert "script" not in reply.headers["content-security-policy"]
    assert "/runs/r1/report" in ask(own, "/runs/r1").text


def test_a_report_outside_of_the_store_is_not_read(own: Project, ask: Ask, tmp_path: Path):
    secret = tmp_path / "secret.html"
    secret.write_text("secret")
    reports = own.store.folder / "reports"
    reports.mkdir()
    (reports / "visits@1.html").symlink_to(secret)
    assert ask(own, "/runs/r1/report").status_code == 404


def test_the_file_is_read_again_when_it_was_changed(own: Project, ask: Ask):
    path = own.spec.folder / "tenfold.yaml"
    before = path.read_text()
    assert "Sell more" not in ask(own, "/").text
    path.write_text(before.replace("target: bought", "target: bought\n  objective: Sell more"))
    assert "Sell more" in ask(own, "/").text
    path.write_text(before.replace("target: bought", "traget: bought"))
    reply = ask(own, "/")
    assert reply.status_code == 503
    assert "traget" in reply.text


def test_what_breaks_is_told_in_a_sentence_without_its_details(
    lived: Project, ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("tenfold.web.app.state_of", broken)
    reply = ask(lived, "/")
    assert reply.status_code == 500
    assert "ZeroDivisionError" in reply.text
    assert "secret" not in reply.text
    assert "secret" in caplog.text


def test_a_worse_challenger_is_called_worse_and_a_person_is_named_as_the_cause(own: Project, ask: Ask):
    request = RetrainRequest(endpoint="visits", reason="manual", at=AT)
    gain = Gain(metric="roc_auc", rows="r", n=10, value=-0.005218, low=-0.01, high=0.002)
    own.store.decisions.keep(
        Decision(key="w", endpoint="visits", action="refuse", reason="no", at=AT, request=request, newest=gain)
    )
    text = ask(own, "/history").text
    assert 'roc_auc worse by <data value="-0.005218">0.005218</data> (a gain of' in text
    assert "because a person asked" in text
    assert "because of manual" not in text


def test_the_legend_of_a_chart_explains_only_what_is_drawn(lived: Project):
    state = state_of(lived)
    looks, spans = state.looks, state.spans()
    drawn = trend_of(looks, spans, lived.spec)
    assert drawn is not None
    assert drawn.failed == ('class="cross"' in drawn.svg)
    assert drawn.released == ('class="released"' in drawn.svg)
    alone = trend_of(looks[:2], (), lived.spec)
    assert alone is not None
    assert not alone.released
    assert alone.intervals
