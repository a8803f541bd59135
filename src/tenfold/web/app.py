"""The pages of a project: one for each question that a person has, served to look at and nothing else."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException

from tenfold.foundation.errors import InputError, SpecError, TenfoldError
from tenfold.foundation.units import format_seconds
from tenfold.project.open import Project
from tenfold.reports import words as numbers
from tenfold.spec.load import load_spec
from tenfold.web import words
from tenfold.web.guard import HEADERS, LOOPBACK, REPORT_HEADERS, Guard
from tenfold.web.standing import PLACE_NAMES
from tenfold.web.state import state_of
from tenfold.web.views.history import history_of
from tenfold.web.views.models import model_of, names_of
from tenfold.web.views.overview import overview_of
from tenfold.web.views.production import incidents_of, window_of, windows_of
from tenfold.web.views.runs import data_page_of, report_of, run_of, runs_of
from tenfold.web.views.trial import trial_of

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_LOG = logging.getLogger("tenfold.web")
_SAID = {404: "There is no such page.", 405: "This page can only be looked at: GET."}


def app_of(project: Project, *, hosts: Collection[str] = LOOPBACK) -> FastAPI:
    """Return the application that shows a project.

    Parameters
    ----------
    hosts : collection of str
        The names under which browsers may ask for it; a request under another name is refused.
    """
    app = FastAPI(title="Tenfold", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_middleware(Guard, hosts=frozenset(hosts))
    pages = _Pages(project=project)
    _add_pages(app, pages)
    _add_errors(app, pages)
    return app


def _add_pages(app: FastAPI, pages: _Pages) -> None:
    """Name the routes; each is read from the store anew."""

    @app.get("/")
    def overview() -> Response:
        state = state_of(pages.current())
        return pages.page("overview.html", page=overview_of(state))

    @app.get("/runs")
    def runs() -> Response:
        return pages.page("runs.html", page=runs_of(pages.current()))

    @app.get("/runs/{run}")
    def run(run: str) -> Response:
        return pages.page("run.html", page=run_of(pages.current(), run))

    @app.get("/runs/{run}/report")
    def report(run: str) -> Response:
        path = report_of(pages.current(), run)
        return HTMLResponse(path.read_bytes(), headers=REPORT_HEADERS)

    @app.get("/runs/{run}/{name}.data.html")
    def data_page(run: str, name: str) -> Response:  # noqa: ARG001 - the link of a report names the version
        path = data_page_of(pages.current(), run)
        return HTMLResponse(path.read_bytes(), headers=REPORT_HEADERS)

    @app.get("/models")
    def models() -> Response:
        state = state_of(pages.current())
        return pages.page("models.html", models=names_of(state), live=state.live)

    @app.get("/models/{name}")
    def model(name: str) -> Response:
        return pages.page("model.html", page=model_of(state_of(pages.current()), name))

    @app.get("/windows")
    def windows() -> Response:
        state = state_of(pages.current())
        return pages.page("windows.html", page=windows_of(state), live=state.live)

    @app.get("/windows/{name}")
    def window(name: str) -> Response:
        return pages.page("window.html", page=window_of(state_of(pages.current()), name))

    @app.get("/incidents")
    def incidents() -> Response:
        state = state_of(pages.current())
        still, closed = incidents_of(state)
        return pages.page("incidents.html", still=still, closed=closed, looks=len(state.looks))

    @app.get("/trial")
    def trial() -> Response:
        return pages.page("trial.html", page=trial_of(pages.current()))

    @app.get("/history")
    def history(at: str = "") -> Response:
        state = state_of(pages.current())
        page = history_of(state, at)
        misread = bool(page.refused) and words.moment_of(at) is None
        return pages.page("history.html", 400 if misread else 200, page=page, shown=state.shown)

    @app.get("/style.css")
    def style() -> Response:
        return Response(pages.style, media_type="text/css", headers=HEADERS)

    @app.get("/icon.svg")
    def icon() -> Response:
        return Response(pages.icon, media_type="image/svg+xml", headers=HEADERS)


def _add_errors(app: FastAPI, pages: _Pages) -> None:
    """Turn whatever goes wrong into a page of one sentence."""

    @app.exception_handler(TenfoldError)
    def told(_: Request, error: TenfoldError) -> Response:
        unknown = isinstance(error, InputError) and not isinstance(error, SpecError)
        return pages.problem(404 if unknown else 503, str(error))

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> Response:
        return pages.problem(error.status_code, _SAID.get(error.status_code, str(error.detail)))

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        # A visitor is told the kind alone; the rest may hold what is in the data.
        _LOG.error("%s cannot be shown", request.url.path, exc_info=error)
        return pages.problem(500, f"This page could not be made ({type(error).__name__}); the server's log says why.")


@dataclass(slots=True)
class _Pages:
    """A project and the templates that show it."""

    project: Project
    style: str = field(init=False)
    icon: str = field(init=False)
    _environment: Environment = field(init=False)
    _written: int = field(init=False)

    def __post_init__(self) -> None:
        folder = resources.files("tenfold.web") / "templates"
        look = resources.files("tenfold.reports") / "templates" / "run.css"
        self.style = look.read_text(encoding="utf-8") + (folder / "page.css").read_text(encoding="utf-8")
        self.icon = (folder / "icon.svg").read_text(encoding="utf-8")
        self._environment = _environment(folder)
        self._written = _changed_at(self.project)

    def current(self) -> Project:
        """Return the project with its file as it is now; SpecError where it cannot be understood."""
        written = _changed_at(self.project)
        if written != self._written:
            self.project = replace(self.project, spec=load_spec(self.project.spec.path, os.environ))
            self._written = written
        return self.project

    def page(self, template: str, status: int = 200, **content: object) -> Response:
        """Return a page."""
        return HTMLResponse(self._filled(template, content), status_code=status, headers=HEADERS)

    def problem(self, status: int, sentence: str) -> Response:
        """Return a page that says what is wrong."""
        content = {"status": status, "sentence": sentence}
        return HTMLResponse(self._filled("problem.html", content), status_code=status, headers=HEADERS)

    def _filled(self, template: str, content: Mapping[str, object]) -> str:
        return self._environment.get_template(template).render(spec=self.project.spec, **content)


def _environment(folder: Traversable) -> Environment:
    environment = Environment(
        loader=DictLoader(
            {each.name: each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith(".html")}
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        # Our own drawings alone are markup.
        "drawn": Markup,
        "exact": words.exact,
        "minute": words.minute,
        "iso": words.iso,
        "tone": words.tone,
        "sign": words.sign,
        "signed": words.signed,
        "because": words.because,
        "number": numbers.number,
        "count": numbers.count,
        "percent": numbers.percent,
        "unit": numbers.unit,
        "meaning": numbers.meaning,
        "seconds": format_seconds,
    }
    environment.filters.update(filters)
    environment.globals["place_names"] = PLACE_NAMES
    environment.globals["between"] = numbers.between
    environment.globals["with_unit"] = numbers.with_unit
    return environment


def _changed_at(project: Project) -> int:
    path = Path(project.spec.path)
    path = path / "tenfold.yaml" if path.is_dir() else path
    return path.stat().st_mtime_ns if path.exists() else 0
