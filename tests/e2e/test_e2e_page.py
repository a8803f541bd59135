"""The pages open in a real browser, ask nobody else, fit a phone, and say what the commands say."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tenfold.project.open import open_project
from tenfold.web.server import Pages
from tests.e2e.conftest import Command
from tests.e2e.life_scene import live, train

pytestmark = pytest.mark.slow

PATHS = (
    "",
    "runs",
    "runs/r1",
    "runs/r1/report",
    "models",
    "models/visits",
    "windows",
    "windows/2026-06-10T00:00",
    "incidents",
    "history",
    "history?at=2026-06-03",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("visits")
    train(folder)
    live(folder)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    project = open_project(folder)
    with project.store:
        pages = Pages(project=project, port=0)
        yield pages.start()
        pages.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "the browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_alone_without_an_error_and_fits_a_phone(address: str, browser: Browser, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})  # type: ignore[arg-type]
    problems: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    for path in PATHS:
        reply = page.goto(address + path)
        assert reply is not None
        assert reply.status == 200, path
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"/{path} fits a phone"
        assert page.evaluate("document.scripts.length") == 0
    page.close()
    assert problems == []
    assert [url for url in requests if not url.startswith(address)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_against_what_is_behind_them(address: str, browser: Browser, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    for path in ("", "windows", "incidents", "history", "runs/r1"):
        page.goto(address + path)
        weak = page.evaluate(CONTRAST)
        assert weak == [], path
    page.close()


def test_the_overview_says_what_the_commands_say(folder: Path, address: str, page: Page, tenfold: Command) -> None:
    model = tenfold("model", "show", "visits@1", "--json", cwd=folder).document()
    health = tenfold("monitor", "show", "--json", cwd=folder).document()
    page.goto(address)
    sealed = {
        (each["verdict"]["requirement"], each["verdict"]["slice"]): each["verdict"]
        for each in model["evidence"]
        if each["verdict"]["place"] == "test"
    }
    assert sealed
    for (name, part), verdict in sealed.items():
        cell = page.locator(f'tr[data-requirement="{name}"][data-slice="{part}"] td[data-place="test"]')
        assert verdict["verdict"] in cell.inner_text()
        assert _numbers(cell)[0] == verdict["value"]
        assert {verdict["low"], verdict["high"]} - {None} <= set(_numbers(cell))
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for window in health["windows"]:
        for verdict in window["verdicts"]:
            if verdict["verdict"] != "pending":
                newest[verdict["requirement"], verdict["slice"]] = verdict
    assert newest
    for (name, part), verdict in newest.items():
        cell = page.locator(f'tr[data-requirement="{name}"][data-slice="{part}"] td[data-place="live"]')
        assert verdict["verdict"] in cell.inner_text()
        assert _numbers(cell)[0] == verdict["value"]
    still = [each for each in health["incidents"] if each["closed"] is None]
    text = page.inner_text("main")
    assert all(each["title"] in text for each in still)
    assert page.locator('.tile a[href="/incidents"] data').get_attribute("value") == str(len(still))


def test_a_run_is_shown_with_the_numbers_of_its_document(
    folder: Path, address: str, page: Page, tenfold: Command
) -> None:
    shown = tenfold("runs", "show", "r1", "--json", cwd=folder).document()
    page.goto(f"{address}runs/r1")
    for part, metrics in shown["document"]["metrics"].items():
        for name, estimate in metrics.items():
            found = _numbers(page.locator(f'tr[data-part="{part}"][data-metric="{name}"]'))
            assert found[0] == estimate["value"]
    for row in shown["document"]["requirements"]:
        line = page.locator(f'tr[data-requirement="{row["id"]}"][data-slice="{row["slice"]}"]')
        assert row["verdict"] in line.inner_text()
        known = [row[name] for name in ("value", "low", "high", "bound") if row[name] is not None]
        assert _numbers(line) == known
    for row in shown["document"]["leaderboard"]:
        assert _numbers(page.locator(f'tr[data-key="{row["key"]}"]'))[0] == row["score"]
    seconds = [stage["seconds"] for stage in shown["stages"]]
    assert _numbers(page.locator('section[aria-labelledby="stages"]')) == seconds


def test_windows_are_those_of_the_command(folder: Path, address: str, page: Page, tenfold: Command) -> None:
    windows = tenfold("monitor", "show", "--json", cwd=folder).document()["windows"]
    page.goto(f"{address}windows")
    assert page.locator("tr[data-window]").count() == len(windows)
    for entry in windows:
        name = entry["window"]["start"][:16]
        line = page.locator(f'tr[data-window="{name}"]')
        assert line.locator("data.rows").get_attribute("value") == str(entry["window"]["rows"])
        assert line.locator("data.labelled").get_attribute("value") == str(entry["window"]["labelled"])
        if entry["metrics"]:
            assert _numbers(line.locator("td.worth"))[0] == entry["metrics"]["roc_auc"]["value"]
    measured = next(entry for entry in reversed(windows) if entry["metrics"])
    page.goto(f"{address}windows/{measured['window']['start'][:16]}")
    for name, metric in measured["metrics"].items():
        assert _numbers(page.locator(f'tr[data-metric="{name}"]')) == [metric["value"], metric["low"], metric["high"]]


def test_history_answers_as_the_command_does(folder: Path, address: str, page: Page, tenfold: Command) -> None:
    said = tenfold("model", "history", "visits", "--at", "2026-06-03", "--json", cwd=folder).document()
    page.goto(f"{address}history")
    page.fill("#at", "2026-06-03")
    page.click("button")
    then = page.inner_text("#then")
    assert said["live"]["ref"] in then
    assert said["live"]["at"][:16].replace("T", " ") in then
    page.goto(f"{address}models/visits")
    assert "visits@1 is live" in page.inner_text("main")


def test_an_unknown_address_is_a_page(address: str, page: Page) -> None:
    reply = page.goto(f"{address}runs/nowhere")
    assert reply is not None
    assert reply.status == 404
    assert "there is no run 'nowhere'" in page.inner_text("main")


def test_the_keyboard_reaches_the_content(address: str, page: Page) -> None:
    page.goto(address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def _numbers(place: Any) -> list[float]:
    """Return the exact numbers beside those that are printed."""
    values: list[str] = place.locator("data").evaluate_all("found => found.map(each => each.value)")
    return [float(value) for value in values]


# Contrast of WCAG 2.1 (4.5 to 1; 3 to 1 for large words), of each element that holds words itself.
CONTRAST = """() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const over = (front, back) => {
    const a = front.length > 3 ? front[3] : 1;
    return [0, 1, 2].map(i => front[i] * a + back[i] * (1 - a));
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(each => each / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.push(parts(getComputedStyle(each).backgroundColor));
    }
    return layers.reverse().reduce((back, layer) => over(layer, back), [255, 255, 255]);
  };
  const weak = [];
  for (const element of document.querySelectorAll('main *, header *, footer *')) {
    if (element.closest('svg') || element.closest('.unseen')) continue;
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
    const style = getComputedStyle(element), back = behind(element);
    const [a, b] = [light(over(parts(style.color), back)), light(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) weak.push([element.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return weak;
}"""
