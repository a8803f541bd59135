"""Which version is live: promote, go back, and say what was live when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import CheckFailed, InputError, did_you_mean
from tenfold.gates.duties import stop_if_duties_open
from tenfold.gates.policy import Standing, may_promote, open_musts, standing
from tenfold.project.champion import champion_version
from tenfold.project.divide import Plan, begin
from tenfold.project.duties import duties
from tenfold.project.parity import check_parity
from tenfold.project.release_reports import LiveReport, ReleaseReport
from tenfold.project.releasing import (
    Past,
    Word,
    check_bundle,
    own_version,
    publish_current,
    running_trial,
    user,
    write_release,
)
from tenfold.project.run_reports import RunReport
from tenfold.store.rows import Version

if TYPE_CHECKING:
    from tenfold.project.open import Project


def promote(
    project: Project,
    ref: str,
    *,
    accept: Sequence[str] = (),
    reason: str = "",
    by: str | None = None,
    clock: Clock | None = None,
    at_once: bool = False,
) -> ReleaseReport:
    """Make a version the champion of the project's endpoint, and publish it.

    A version that is live already is left as it is; its manifest is put right where it was lost. Where the file's
    ``deployment.strategy`` is another than ``all`` and there is a champion, the version is tried beside it first.

    Parameters
    ----------
    ref : str
        ``name@number`` or ``name@alias``.
    accept : sequence of str
        Ids of requirements that did not pass and are accepted; needs a reason.
    by : str, optional
        Who says so; the user of this machine by default.
    clock : Clock, optional
        The project's clock, instead of the one that the project was opened with.
    at_once : bool
        Switch, whatever the strategy says.

    Raises
    ------
    CheckFailed
        When a must did not pass and is not accepted.
    InputError
        When there is no such version, an id to accept does not stand in the way, or another version is tried now.
    """
    past = Past.of_store(project.store)
    version = own_version(project, ref)
    newest = past.newest(project.spec.endpoint)
    trial = running_trial(newest)
    if past.live(version.name) == (project.spec.endpoint, version.number):
        manifest = publish_current(project.store, project.spec.endpoint)
        return ReleaseReport(release=past.of(version.name)[-1], changed=False, manifest=manifest)
    strategy = "all" if at_once or newest is None else project.spec.deployment.strategy
    if strategy != "all":
        if trial is not None and newest is not None and trial.number == version.number:
            manifest = publish_current(project.store, project.spec.endpoint)
            return ReleaseReport(release=newest, changed=False, manifest=manifest)
        said = admitted(project, version, accept=accept, reason=reason, by=by, clock=clock)
        return begin(project, version, Plan.of(project.spec, strategy), said, clock=clock)
    said = admitted(project, version, accept=accept, reason=reason, by=by, clock=clock)
    return write_release(project, past, "promote", past.lineage(version.name).promoted(version.number), said, clock)


def admitted(
    project: Project,
    version: Version,
    *,
    accept: Sequence[str] = (),
    reason: str = "",
    by: str | None = None,
    clock: Clock | None = None,
) -> Word:
    """Return the ground on which a version may get traffic.

    Raises
    ------
    CheckFailed
        When a must did not pass and is not accepted.
    InputError
        When an id to accept does not stand in the way, or no reason is given.
    """
    accepted = tuple(dict.fromkeys(accept))
    if accepted and not reason.strip():
        raise InputError("accepting a requirement that did not pass needs a reason, which is recorded: --reason TEXT")
    found = standing_of(project, version)
    _check_accepted(project, found, accepted)
    today = (clock or project.clock).now().date()
    refused = stop_if_duties_open(duties(project.spec, today=today)) or may_promote(found, accepted)
    if refused is not None:
        raise CheckFailed(f"{version.ref} is not promoted: {refused}")
    check_bundle(project.store, version)
    _check_policies(project, version)
    check_parity(version, project.spec.endpoint, project.store)
    return Word(reason=reason, by=by or user(), accepted=accepted, evidence=found.evidence)


def promote_first(project: Project, report: RunReport) -> RunReport:
    """Let a run's version go live when the file says ``promote: auto``, nothing is live yet, and every must passes."""
    version = report.version
    if version is None or project.spec.deployment.promote != "auto":
        return report
    if champion_version(project.store, version.name) is not None:
        return report
    refused = objection(project, version.ref)
    if refused is not None:
        return replace(report, promotion={"ref": version.ref, "live": False, "reason": refused})
    reason = f"the first version that passes its requirements (run {report.run}, promote: auto)"
    promote(project, version.ref, reason=reason, by="tenfold run")
    return replace(report, promotion={"ref": version.ref, "live": True, "reason": reason})


def rollback(
    project: Project,
    name: str,
    *,
    reason: str,
    to: str | None = None,
    by: str | None = None,
    clock: Clock | None = None,
) -> ReleaseReport:
    """Go back to the version that was live before, or to an earlier one.

    Its threshold, its bundle and the states that monitoring compares with come back with it: all hang on the bundle.

    Parameters
    ----------
    name : str
        The model.
    to : str, optional
        The version to go back to, one that was live once; else the one before.

    Raises
    ------
    InputError
        When there is nothing to go back to, or no reason is given.
    """
    if not reason.strip():
        raise InputError("a rollback needs a reason, which is recorded: --reason TEXT")
    past = Past.of_store(project.store)
    _check_released(project, name)
    lineage = past.lineage(name)
    if to is None:
        if lineage.previous is None:
            raise InputError(
                f"nothing stands behind {name}@{lineage.live}: it is the first version that went live and was not taken"
                " back; --to names another one"
            )
        version = project.store.registry.find(f"{name}@{lineage.previous}")
    else:
        version = own_version(project, to)
    if version.number == lineage.live:
        raise InputError(f"{version.ref} is live already")
    if version.number not in {release.number for release in past.of(name)}:
        raise InputError(f"{version.ref} was never live, so nothing goes back to it; promote it instead")
    check_bundle(project.store, version)
    said = Word(reason=reason, by=by or user())
    return write_release(project, past, "rollback", lineage.back_to(version.number), said, clock)


def live_at(project: Project, name: str, time: datetime | str, *, known: datetime | str | None = None) -> LiveReport:
    """Return what of a model was live at a moment of the project's clock.

    Parameters
    ----------
    time : datetime or str
        ISO 8601; without an offset in the zone of the file's data, else in UTC. A day alone is its midnight.
    known : datetime or str, optional
        Answer as it would have been answered then, by the system's clock.
    """
    moment, believed = _moment(project, time), None if known is None else _moment(project, known)
    release = project.store.releases.live(name, at=moment, known=believed)
    if release is None:
        # Nothing was live then: because of the moment, or because there is no such model at all.
        _check_released(project, name)
    return LiveReport(name=name, asked=moment, known=believed, release=release)


def objection(project: Project, ref: str, accept: Sequence[str] = ()) -> str | None:
    """Return why a version may not go live by itself, or None when it may."""
    refused = stop_if_duties_open(duties(project.spec, today=project.clock.now().date()))
    return refused or may_promote(standing_of(project, own_version(project, ref)), accept)


def standing_of(project: Project, version: Version) -> Standing:
    """Return how a version stands by the requirements of today's file."""
    champion = champion_version(project.store, version.name)
    other = None if champion is None or champion.bundle == version.bundle else champion.bundle
    evidence = project.store.evidence.of(subject=version.bundle)
    return standing(project.spec.requirements, evidence, champion=other)


def _check_released(project: Project, name: str) -> None:
    """Say which of the two is missing: the model, or its first release."""
    known = {version.name for version in project.store.registry.versions()}
    if name not in known:
        raise InputError(f"there is no model '{name}'.{did_you_mean(name, known)} `tenfold model list` shows all")
    if name != project.spec.name:
        raise InputError(f"the project's endpoint serves '{project.spec.name}', and '{name}' is another model")
    if not project.store.releases.history(name):
        raise InputError(f"no version of '{name}' was ever live: tenfold model promote {name}@1")


def _check_accepted(project: Project, found: Standing, accepted: Sequence[str]) -> None:
    known = [requirement.id for requirement in project.spec.requirements]
    standing_open = open_musts(found)
    for name in accepted:
        if name not in known:
            raise InputError(
                f"there is no requirement '{name}' to accept (there are: {', '.join(known) or 'none'})."
                f"{did_you_mean(name, known)}"
            )
        if name not in standing_open:
            raise InputError(f"'{name}' does not stand in the way, so there is nothing to accept")


def _check_policies(project: Project, version: Version) -> None:
    """Refuse a policy for a column that neither the version nor the champion reads: nobody would be held to it."""
    named = project.spec.deployment.fields
    if not named:
        return
    # A bundle is opened only where the file names columns.
    from tenfold.bundle.format import load_bundle

    versions = {each.bundle: each for each in (version, champion_version(project.store, version.name)) if each}
    known: dict[str, None] = {}
    for each in versions.values():
        signature = load_bundle(project.store.blobs.path(each.blob), name=each.bundle).signature
        known |= dict.fromkeys(signature.names)
    for name in named:
        if name not in known:
            line = project.spec.line_of("deployment", "fields", name)
            raise InputError(
                f"{project.spec.path}:{line}: deployment.fields names '{name}', which {version.ref} does not read."
                f"{did_you_mean(name, known)}"
            )


def _moment(project: Project, written: datetime | str) -> datetime:
    zone = ZoneInfo(project.spec.data.timezone or "UTC")
    if isinstance(written, str):
        try:
            written = datetime.fromisoformat(written)
        except ValueError as error:
            raise InputError(
                f"'{written}' is not a time: write 2013-07-15, 2013-07-15T08:30 or 2013-07-15T08:30:00+02:00"
            ) from error
    return written if written.tzinfo is not None else written.replace(tzinfo=zone)
