"""Every page of an instance in which all that others can write is an attack: nothing runs, and no stranger is asked."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from flask import Flask
from playwright.sync_api import Dialog, Page
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.results import Result
from sqlalchemy import select

from rockonweb import catalog
from rockonweb.accounts import tokens, users
from rockonweb.core.errors import EngineError
from rockonweb.core.formats.backup import Backup, backup_to_json
from rockonweb.core.text import t
from rockonweb.host import engine
from rockonweb.models import (
    AuditEntry,
    Environment,
    Kind,
    Label,
    LoginSession,
    Metastore,
    Network,
    NoticeMessage,
    NoticeTarget,
    Operation,
    OperationStep,
    Progress,
    RockOn,
    Role,
    RollbackPoint,
    db,
    repository,
    transaction,
    utc_now,
)
from rockonweb.work import restore
from tests.support import filled, hostile
from tests.support.app import PASSWORD, create_test_user, installation_of, make_app, mark_installed
from tests.support.browser import collect_console_errors
from tests.support.queue_server import QueueServer
from tests.support.serving import serve_app

TEXT = hostile.TEXT
RAN = "main script, main img[src='x'], main iframe, main style, main svg[onload], main object, main embed, main base"
OUR_MISTAKE = "Something went wrong in Rockonweb itself."
REFUSED = "the server responded with a status of 50"
NOT_PAGES = ("application/json", "text/plain", "text/css", "image/svg+xml", "image/vnd.microsoft.icon")
NO_PAGES = ("/logout", "/healthz", "/static/")


class Docker:
    """An engine whose containers write attacks, and which refuses everything else with one."""

    def read_logs(self, name: str, *_: object, **__: object) -> str:
        return f"{hostile.MARK} {TEXT}\n{hostile.HTML}\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def __getattr__(self, name: str) -> object:
        def refuse(*_: object, **__: object) -> None:
            raise EngineError(t("%(why)s", why=f"{hostile.MARK} {TEXT}"), TEXT, output=f"{hostile.MARK} {hostile.HTML}")

        return refuse


@dataclass
class Place:
    """Where the pages are, and the addresses of all that can be got."""

    url: str
    app: Flask

    @property
    def paths(self) -> list[str]:
        """Addresses with the ids and names of what is there."""
        first = {*filled.list_addresses(self.app)}
        known = db.session.scalars(select(RockOn.id).where(RockOn.name == hostile.NAME)).one()
        own = {path.replace("/rockons/1", f"/rockons/{known}", 1) for path in first}
        found = {path.replace("/networks/family", "/networks/hostile-net") for path in first | own}
        found |= {f"/definitions/{file}/{what}" for file in hostile.FILES for what in ("edit", "remove")}
        found |= {"/rockons?tab=all", "/rockons?tab=all&q=h0stile", f"/rockons?q={hostile.FORMULA[:3]}<b>"}
        found |= {"/audit?q=<script>", "/operations?outcome=failed", "/rockons/1/logs?q=h0stile"}
        return sorted(path for path in found if not path.startswith(NO_PAGES))


def taint(app: Flask, queue: Redis) -> None:
    """Install the hostile rock-on, and let everything around it that is not ours be hostile too."""
    rockon = mark_installed(
        installation_of(db.session.scalars(select(RockOn).where(RockOn.name == hostile.NAME)).one())
    )
    mark_installed(installation_of(db.session.scalars(select(RockOn).where(RockOn.name == "Website")).one()))
    create_test_user(f"<img src=x onerror={hostile.RUN}>"[:100], Role.VIEWER)
    tokens.create_token(users.get_user("ada"), Role.VIEWER, 9, hostile.NAME[:60])
    with transaction() as session:
        newer = json.loads(rockon.entry.source)
        newer["description"] = f"{hostile.HTML} newer"
        newer["containers"]["hostile-app"]["image"] = "box.example/hostile/newer"
        newer["custom_config"]["NEW_<b>"] = hostile.hostile_question()
        rockon.entry.source = json.dumps(newer)
        rockon.status_error = rockon.error = f"{hostile.MARK} {TEXT}"
        for variable in session.scalars(select(Environment)):
            variable.value = TEXT
        session.add(Label(container_id=rockon.containers[0].id, value=hostile.WORD))
        for kind in (Kind.CHANGE, Kind.REFRESH, Kind.INSTALL):
            session.add(operation := Operation(installation_id=rockon.id, kind=kind, progress=Progress.FAILED))
            operation.user, operation.error, operation.hint = hostile.NAME[:90], f"{hostile.MARK} {TEXT}", TEXT
            operation.reviewed = [f"docker run {TEXT}"]
            operation.started = operation.finished = utc_now()
            step = OperationStep(position=1, title=TEXT, why=TEXT, output=hostile.HTML, progress=Progress.FAILED)
            step.layers = json.dumps({})
            operation.steps.append(step)
        session.flush()
        session.add(AuditEntry(who=hostile.NAME[:90], action="a<b>", about=TEXT[:200], address="<b onclick=alert(1)>"))
        session.add(Network(name="hostile-net", comment=f"{hostile.MARK} {TEXT}"))
        session.add(Metastore(place=f"http://{hostile.STRANGER}/\"'><script>{hostile.RUN}</script>", position=1))
        address = json.dumps({"url": f"https://{hostile.STRANGER}/\"'><script>{hostile.RUN}</script>"})
        session.add(target := NoticeTarget(way="hook", address=address, events="failed", fine=False))
        target.said, target.said_at = f"{hostile.MARK} {TEXT}", utc_now()
        target.messages.append(NoticeMessage(title=TEXT, body=TEXT))
        point = RollbackPoint(installation_id=rockon.id, definition=rockon.installed_source)
        point.answers = json.dumps(repository.load_answers(rockon).to_dict())
        session.add(point)
        for one in session.scalars(select(LoginSession)):
            one.browser = TEXT[:200]
    broken = Backup("<b>1</b>", "2026-01-01T00:00:00+00:00")
    restore.create_restore(backup_to_json(broken).encode(), "", "ada")
    line = Queue("rockonweb", connection=queue)
    line.enqueue("rockonweb.jobs.run", TEXT, job_id="job-2", description=TEXT)
    job = Job.create("rockonweb.jobs.run", (TEXT,), connection=queue, id="job-1", origin="rockonweb", description=TEXT)
    job.save()
    FailedJobRegistry("rockonweb", connection=queue).add(job, ttl=-1)
    Result.create_failure(job, -1, f"{hostile.MARK} {TEXT} {hostile.HTML}")


@pytest.fixture
def place(tmp_path: Path, queue_server: QueueServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    queue_server.flush_queue()
    app: Flask = make_app(tmp_path, ROCKONWEB_REMOTE_METASTORE="")
    queue = app.extensions["redis"] = Redis.from_url(queue_server.url)
    hostile.write_catalogue(app.config["SETTINGS"].local_metastore)
    monkeypatch.setattr(engine, "connect_engine", lambda *_, **__: Docker())
    with app.app_context():
        create_test_user()
        assert {*catalog.refresh_catalogue().added} == {*hostile.loadable_names()}
        taint(app, queue)
        db.session.rollback()
    with serve_app(app) as address, app.app_context():
        yield Place(address, app)
    queue_server.flush_queue()


def pages_of(place: Place, page: Page) -> list[str]:
    """The addresses that answer with a page; what is to be saved, and what is no page, is looked at here."""
    found = {}
    for path in place.paths:
        answer = page.context.request.get(f"{place.url}{path}")
        kind = answer.headers.get("content-type", "")
        assert OUR_MISTAKE not in answer.text(), f"{path}: {answer.status}"
        assert answer.headers["x-content-type-options"] == "nosniff", path
        saved = answer.headers.get("content-disposition", "").startswith("attachment")
        if not kind.startswith("text/html"):
            assert saved or kind.partition(";")[0] in NOT_PAGES, (path, kind)
        elif (answer.status == 200 or answer.status >= 500) and not saved:  # an engine's refusal is an attack too
            found.setdefault(answer.url.removeprefix(place.url), path)
    return sorted(found)


@pytest.mark.timeout(900)
def test_nothing_runs_and_no_stranger_is_asked_on_any_page(
    place: Place, page: Page, tell: Callable[[str], None]
) -> None:
    dialogs: list[str] = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))

    def hear(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    heard = collect_console_errors(page)

    def complained() -> list[str]:
        return [words for words in heard if REFUSED not in words]

    page.goto(f"{place.url}/login?next=//{hostile.STRANGER}")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    # Chromium asks for it where a part of a page is opened by itself.
    page.route(f"{place.url}/favicon.ico", lambda route: route.fulfill(status=204))
    paths = pages_of(place, page)
    marked, faults = 0, []
    for path in paths:
        page.goto(f"{place.url}{path}")
        if path.startswith("/jobs"):  # the dashboard asks for what it shows
            page.wait_for_load_state("networkidle")
        marked += hostile.MARK in page.content()
        strangers = [url for url in asked if not url.startswith((place.url, "data:"))]
        if page.evaluate("window.hostile") or page.locator(RAN).count() or dialogs or complained() or strangers:
            faults.append(f"{path}: {page.evaluate('window.hostile')} {dialogs} {complained()} {strangers}")
            for one in (dialogs, heard, asked):
                one.clear()
    page.goto(f"{place.url}/definitions/hostile.json/edit")
    page.get_by_role("button", name="Try").click()
    assert page.get_by_text("would ask").first.is_visible()
    tell(
        f"hostile crawl: {len(paths) + 1} pages, an attack on {marked} of them, "
        f"{len(faults)} scripts that ran, strangers that were asked or complaints of the console"
    )
    assert faults == []
    assert (dialogs, complained()) == ([], [])
    assert marked > 30
    # No view that can be got was left out.
    rules = [rule for rule in place.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    asked_for = {rule.endpoint for rule in rules for path in place.paths if fits(rule.rule, path)}
    assert {rule.endpoint for rule in rules} - asked_for <= {"static", "health.healthz", "rq_dashboard.static"}


def fits(rule: str, path: str) -> bool:
    """Whether an address is one of a route."""
    return bool(re.fullmatch(re.sub(r"<[^>]+>", "[^/]+", rule), path.partition("?")[0]))
