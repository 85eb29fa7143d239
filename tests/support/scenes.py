"""What pages are looked at with: nothing, a household's apps in every state, the same with long names, and many apps.

Each fills the database of an application that has the account `ada`; the ids of the app with most in it are 1.
"""

import itertools
import json
import math
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from werkzeug.routing import Rule

from rockonweb.accounts import audit, tokens, users
from rockonweb.blueprints.settings import pending_changes
from rockonweb.catalog.report import Part, Report
from rockonweb.core.answers import answers
from rockonweb.core.definition.definition import DefinitionFaults, parse
from rockonweb.core.docker import image_diff
from rockonweb.core.docker.image_diff import Difference
from rockonweb.core.formats import restored
from rockonweb.core.formats.backup import Backup, to_json
from rockonweb.core.instance.resources import Sample
from rockonweb.core.plan.rollback import Kept
from rockonweb.core.questions import wizard
from rockonweb.core.status.updates import Outcome
from rockonweb.core.text import t
from rockonweb.host import Host
from rockonweb.models import (
    ContainerImage,
    Installation,
    Kind,
    Label,
    Metastore,
    Network,
    NetworkMember,
    NoticeTarget,
    Operation,
    OperationStep,
    Progress,
    RefreshReport,
    Restore,
    Role,
    RollbackPoint,
    State,
    Status,
    db,
    now,
    writing,
)
from rockonweb.web import drafts
from rockonweb.work import heartbeat, metrics, queue, restore
from rockonweb.work.heartbeat import EngineStatus
from tests.support.app import app_numbered

from .app import add_user, install, make_app, new_visitor, put, shelve
from .filled import PAGES, address

Words = Callable[[str], str]
MANY = 300
NETWORK = "backstage"
NOWHERE = "/no/such/page"
NOT_OURS = ("rq_dashboard.", "static")


def plain(word: str) -> str:
    """A name as people give them."""
    return word


def long(word: str) -> str:
    """A name of more than sixty characters without a break."""
    return f"{word}-" + "extraordinarily" * 4 + "long"


def containers(word: Words, name: str = "photos") -> dict[str, dict[str, Any]]:
    """The containers of the app with most in it."""
    web = {
        "image": f"box.example/{word('photos')}",
        "tag": "2.1",
        "launch_order": 2,
        "ports": {
            "80": {"label": word("Web"), "description": "Opened in a browser.", "host_default": 8080, "ui": True},
            "22000": {"label": "Sync", "description": "For telephones.", "host_default": 22000, "protocol": "udp"},
        },
        "volumes": {
            "/data": {"label": word("Pictures"), "description": "Where the pictures are kept.", "min_size": 1024},
            f"/{word('config')}": {"label": "Settings", "description": "Where its own settings are kept."},
        },
        "environment": {
            "TITLE": {"label": word("Title"), "description": "Stands on top of each page.", "index": 1},
            "ADMIN_PASSWORD": {"label": "Password", "description": "For the first login.", "index": 2},
        },
        "devices": {"VIDEO": {"label": "Graphics card", "description": "Makes small pictures of films faster."}},
        "opts": [["-v", "/var/run/docker.sock:/var/run/docker.sock"]],
    }
    database = {
        "image": "box.example/database",
        "launch_order": 1,
        "volumes": {"/var/lib/db": {"label": "Database", "description": "Where the database is kept."}},
    }
    return {word(name): web, word(f"{name}-db"): database}


def body(word: Words, version: str = "2.1", name: str = "photos") -> dict[str, Any]:
    """The rest of its definition."""
    return {
        "description": f"<p>Pictures of the whole family, sorted by {word('faces')}, places and days.</p>",
        "version": version,
        "website": f"https://photos.example/{word('home')}",
        "more_info": f"<p>Log in as <code>{word('admin')}</code>, then <b>choose</b> another password.</p>",
        "volume_add_support": True,
        "ui": {"slug": "photos"},
        "custom_config": {"locale": {"label": word("Language"), "description": "Of the pages."}},
        "container_links": {word(name): [{"name": word(f"{name}-net"), "source_container": word(f"{name}-db")}]},
    }


def inhabited(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fill: Callable[[Flask], None], *, up: bool = True
) -> Flask:
    """An application with the account `ada` and what `fill` brings, told that Docker and a worker answer, or not."""
    status = EngineStatus(up, "" if up else "Check that the Docker service is running.", "29.0.1")
    monkeypatch.setattr(heartbeat, "engine_status", lambda: status)
    monkeypatch.setattr(heartbeat, "workers", lambda: int(up))
    app = make_app(folder)
    with app.app_context():
        add_user()
        fill(app)
        db.session.rollback()
    return app


def empty(app: Flask) -> None:
    """Nothing: no rock-on, no operation."""


def household(app: Flask, word: Words = plain) -> None:
    """An app with all that there can be, and others in each state."""
    photos = install(shelve(word("Photos"), containers(word), **body(word)))
    _answer(photos, word)
    with writing() as session:
        session.add_all(_operations(photos, word))
    _images(photos, word)
    _point(photos)
    shelve(word("Photos"), containers(word), **body(word, "3.0"))
    _others(word)
    _house(app, word)
    wants = pending_changes.load(photos, 1).answers.to_json() | {"labels": {word("photos"): ["proxy.enable=true"]}}
    pending_changes.save(photos, 1, answers.from_json(wants))
    _use([one.name for one in photos.containers])


def with_long_names(app: Flask) -> None:
    """A household whose every name has more than sixty characters without a break."""
    household(app, long)


def many(app: Flask) -> None:
    """As many rock-ons as a large catalogue has, a fifth of them installed, with an operation of each."""
    found = []
    for number in range(MANY):
        name = f"{long('App')} {number}" if number % 50 == 7 else f"App {number}"
        port = {"label": "Web", "description": "", "host_default": 9000 + number, "ui": bool(number % 3)}
        web = {"image": f"example/app-{number}", "launch_order": 1, "ports": {"80": port}}
        text = "Does what it says, every day of the year. " * (number % 5)
        app_body = {"description": text, "version": "1", "website": "", "containers": {f"app-{number}": web}}
        found.append(parse(json.dumps({name: app_body}))[0])
    ids = put(*found)
    with writing() as session:
        for number in range(0, MANY, 5):
            rockon = app_numbered(ids[number])
            rockon.state, rockon.installed_source = State.INSTALLED, rockon.entry.source
            rockon.status = Status.STARTED if number % 10 else Status.STOPPED
            rockon.newer_images = number % 20 == 0
            rockon.containers[0].ports[0].host = 9000 + number
            session.add(_operation(rockon, Kind.INSTALL, Progress.DONE))


def _answer(rockon: Installation, word: Words) -> None:
    """Answer all that it asks."""
    with writing() as session:
        for container in rockon.containers:
            for place, volume in enumerate(container.volumes):
                volume.share = word("pictures") if place == 0 else f"{word('settings')}/{word('folder')}"
            for variable in container.environment:
                variable.value = word("Our pictures")
            for device in container.devices:
                device.value = "/dev/dri"
            container.labels.append(Label(value=f"{word('traefik.enable')}=true"))
            container.networks.append(NetworkMember(network=word(NETWORK)))
            container.docker_state = "running"
        for setting in rockon.custom_config:
            setting.value = "en_GB"
        session.add(Network(name=word(NETWORK), comment=f"For the {word('proxy')}.", subnet="10.77.0.0/24"))


def _operation(
    rockon: Installation | None, kind: Kind, progress: Progress, *steps: OperationStep, error: str = "", hint: str = ""
) -> Operation:
    """An operation that began a minute ago."""
    begun = now() - timedelta(seconds=70)
    operation = Operation(installation_id=rockon.id if rockon else None, kind=kind, progress=progress, user="ada")
    operation.started = None if progress is Progress.QUEUED else begun
    operation.finished = None if operation.active else begun + timedelta(seconds=64)
    operation.error, operation.hint = error, hint
    for place, step in enumerate(steps):
        step.position = place
    operation.steps = list(steps)
    return operation


def _step(title: str, progress: Progress, **columns: Any) -> OperationStep:
    begun = now() - timedelta(seconds=30)
    waits = progress in (Progress.QUEUED, Progress.SKIPPED)
    ended = begun + timedelta(seconds=3)
    return OperationStep(
        title=title,
        why=t("the last one first"),
        progress=progress,
        started=None if waits else begun,
        finished=None if waits or progress is Progress.RUNNING else ended,
        **columns,
    )


def _operations(rockon: Installation, word: Words) -> Iterator[Operation]:
    """Operations of every outcome: an install that failed, others that were done and not, an update under way."""
    image = f"box.example/{word('photos')}:2.1"
    refused = t('The registry refused the image "%(image)s".', image=image)
    log = f"Error response from daemon: {word('denied')}: requested access to the resource is denied\n" * 3
    yield _operation(
        rockon,
        Kind.INSTALL,
        Progress.FAILED,
        _step(t("make share %(share)s", share=word("pictures")), Progress.UNDONE),
        _step(t("pull %(image)s", image=image), Progress.FAILED, output=log),
        _step(f"docker create --name {word('photos')} {image}", Progress.SKIPPED),
        error=refused,
        hint=t("It may need a login: docker login."),
    )
    yield _operation(
        rockon,
        Kind.INSTALL,
        Progress.DONE,
        _step(t("pull %(image)s", image=image), Progress.DONE, output="Pull complete"),
    )
    yield _operation(rockon, Kind.CHANGE, Progress.CANCELLED)
    error = t("It was interrupted: the process that did it has ended.")
    hint = t("Look at its steps, then repeat it.")
    yield _operation(rockon, Kind.STOP, Progress.INTERRUPTED, error=error, hint=hint)
    yield _operation(None, Kind.REFRESH, Progress.DONE)


def _update(rockon: Installation, word: Words) -> Operation:
    """An update under way: it pulls."""
    image = f"box.example/{word('photos')}:2.1"
    return _operation(
        rockon,
        Kind.UPDATE,
        Progress.RUNNING,
        _step(t("make share %(share)s", share=word("pictures")), Progress.DONE),
        _step(t("pull %(image)s", image=image), Progress.RUNNING, current=3_000_000, total=9_000_000),
        _step(f"docker create --name {word('photos')} {image}", Progress.QUEUED),
    )


def _images(rockon: Installation, word: Words) -> None:
    """A newer image of one container, got already; the other's registry is silent."""
    web, database = sorted(rockon.containers, key=lambda one: -one.launch_order)
    found = [Difference("added", "port", after="9090/tcp"), Difference("changed", "variable", "A=1", f"A={word('2')}")]
    old = {"running": "sha256:1", "digest": f"sha256:{'a' * 64}", "size": 50_000_000, "created": now(), "seen": now()}
    with writing() as session:
        session.add(
            ContainerImage(
                container_id=web.id,
                reference=web.image,
                outcome=Outcome.NEWER,
                remote_digest=f"sha256:{'b' * 64}",
                got=f"sha256:{'c' * 64}",
                got_digest=f"sha256:{'b' * 64}",
                got_size=60_000_000,
                differences=image_diff.pack(found),
                **old,
            )
        )
        said = t("%(host)s was asked too often and answers later", host=word("box.example"))
        session.add(
            ContainerImage(
                container_id=database.id, reference=database.image, outcome=Outcome.UNKNOWN, said=said, **old
            )
        )
        rockon.newer_images, rockon.images_looked = True, now()


def _point(rockon: Installation) -> None:
    """A point to which it can go back."""
    kept = {one.name: Kept(one.image, f"sha256:{'d' * 64}", ran=True) for one in rockon.containers}
    with writing() as session:
        session.add(
            RollbackPoint(
                installation_id=rockon.id,
                operation_id=2,
                definition=rockon.entry.source,
                answers=json.dumps(pending_changes.load(rockon, 1).current.to_json()),
                kept=kept,
            )
        )


def _others(word: Words) -> None:
    """Apps in the other states: one with a draft, ended, stopped, unhealthy, failed, pending, renamed, a VPN."""

    def one(name: str) -> dict[str, Any]:
        port = {"80": {"label": "Web", "description": "", "host_default": 8100 + len(name), "ui": True}}
        question = {"KEY": {"label": word("Key"), "description": "Of your account."}}
        return {word(name): {"ports": port, "environment": question, "volumes": {"/data": {"label": "Data"}}}}

    fresh = shelve(word("Fresh"), containers(word, "fresh"), **body(word, name="fresh"))
    _draft(fresh, word)
    error = t('The image "%(image)s" was not found in its registry.', image=f"box.example/{word('failed')}")
    install(shelve(word("Ended"), one("ended")), Status.EXITED, exit_code=137, status_error="it was out of memory")
    install(shelve(word("Stopped"), one("stopped")), Status.STOPPED)
    install(shelve(word("Unstarted"), one("unstarted")), Status.START_FAILED, error=error)
    install(shelve(word("Failed"), one("failed")), state=State.INSTALL_FAILED, error=error)
    install(shelve(word("Coming"), one("coming")), Status.STOPPED, State.PENDING_INSTALL)
    busy = install(shelve(word("Busy"), one("busy")), Status.STARTED, State.PENDING_UPDATE)
    with writing() as session:
        session.add(_update(busy, word))
    install(shelve(word("Going"), one("going")), Status.STARTED, State.PENDING_UNINSTALL)
    install(shelve(word("Album (old)"), one("album")), in_catalogue=False)
    shelve(word("Album"), one("album"))
    data = {"image": "busybox", "opts": [["-v", "/etc/openvpn"]]}
    server = {"image": "example/vpn", "opts": [["--volumes-from", "vpn-data"]]}
    vpn = install(shelve("OpenVPN", {"vpn-data": data, "vpn": server}, custom_config={"servername": {}}))
    with writing():
        vpn.custom_config[0].value = word("home.example")


def _draft(rockon: Installation, word: Words) -> None:
    """All of the wizard's questions answered, up to its summary."""
    definition = drafts.definition_of(rockon)
    for page in wizard.pages(definition)[:-1]:
        given = {ask.name: _given(ask, word) for ask in wizard.asks(definition, page)}
        drafts.save(rockon, definition, 1, page, given, accepted=True)


def _given(ask: wizard.Ask, word: Words) -> str:
    """An answer to a question."""
    if ask.page == "ports":
        return str(20000 + int(ask.key) % 1000)
    return "/dev/dri" if ask.page == "devices" else word(f"fresh-{len(ask.key)}") if ask.page == "shares" else "yes"


def _house(app: Flask, word: Words) -> None:
    """People, tokens, metastores, notices, a backup that was uploaded, a definition of one's own, shares."""
    add_user(word("viv")[:80], Role.VIEWER)
    tokens.make(users.get("ada"), Role.VIEWER, 9, word("a script")[:80])
    with writing() as session:
        session.add(Metastore(place=f"http://box.example/{word('rock-ons')}", position=1))
        address = json.dumps({"url": f"https://box.example/{word('hook')}"})
        said = f"The web hook answered: {word('no')}"
        session.add(NoticeTarget(way="hook", address=address, events="failed", fine=False, said=said, said_at=now()))
    audit.record("login.failed", word("somebody"), user=word("mallory")[:80])
    restore.take(to_json(Backup("1", "2026-01-01T00:00:00+00:00")).encode(), "", "ada")
    with writing() as session:
        session.add_all((_restore(word), _report(word)))
    settings = app.config["SETTINGS"]
    settings.local_metastore.mkdir(parents=True, exist_ok=True)
    own = {word("Own notes"): {**body(word), "containers": containers(word)}}
    (settings.local_metastore / "notes.json").write_text(json.dumps(own, indent=2))
    for name in ("pictures", "settings", "unused"):
        (settings.shares_root / word(name)).mkdir()
    Host(settings).snapshots.replaced(word("pictures")).mkdir(parents=True)


def _restore(word: Words) -> Restore:
    """A restore that has put back what it could."""
    parts = (
        restored.Part("share", word("pictures"), t("It was made new and is EMPTY.")),
        restored.Part("definition", word("notes.json"), t("There is another file of this name: that one is kept.")),
    )
    rockons = {
        word("Photos"): restored.Entry(left=t("It is installed here already, and is left as it is.")),
        word("Unstarted"): restored.Entry(
            told=(t("There is nothing of this kind to do for %(name)s.", name=word("Unstarted")),)
        ),
    }
    found = Restore(user="ada", content=to_json(Backup("1", "2026-01-01T00:00:00+00:00")), begun=now())
    found.outcome = restored.Outcome(parts, rockons)
    return found


def _report(word: Words) -> RefreshReport:
    """What a refresh brought, and what was wrong."""
    report = Report(added=[word("Photos")], loaded=True, parts=[Part(origin="metastore", place="https://box.example")])
    try:
        parse(json.dumps({word("Broken"): {"version": 1, "containers": {word("broken"): {"opts": [["", "x"]]}}}}))
    except DefinitionFaults as error:
        for sheet in report.sheets("metastore"):
            sheet.fault(word("broken.json"), [fault.words for fault in error.faults])
    return RefreshReport(content=report.content())


def _use(names: list[str]) -> None:
    """An hour of samples of what containers use."""
    redis: Redis = queue.connection()
    for place in range(180):
        wave = 1 + math.sin(place / 9)
        at = time.time() - 3600 + 20 * place
        one = Sample(at, 20 * wave, int(60e6 + 20e6 * wave), 2_000_000_000, 9e4 * wave, 3e4 * wave, 0.0, 2e5 * wave)
        metrics.keep(redis, dict.fromkeys(names, one))


def pages_of(app: Flask) -> list[str]:
    """The addresses of all pages: of each route the first that answers with a page, and more of apps and operations."""
    client = new_visitor(app).log_in("ada")

    def is_page(path: str) -> bool:
        answer = client.get(path)
        return answer.status_code == 200 and answer.mimetype == "text/html" and "<html" in answer.text

    found = [f"/rockons/{one.id}" for one in db.session.query(Installation.id)]
    found += [f"/operations/{one.id}" for one in db.session.query(Operation.id)]
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.alias and not rule.endpoint.startswith(NOT_OURS):
            for page in PAGES if "<page>" in rule.rule else ("1",):
                found += itertools.islice(filter(is_page, candidates(app, rule, page)), 1)
    return [*dict.fromkeys([*found, NOWHERE])]


def candidates(app: Flask, rule: Rule, page: str) -> list[str]:
    """The addresses that a route may have, with the ids and names of what is there."""
    names = [*Host(app.config["SETTINGS"]).snapshots.set_aside(), *(one.name for one in db.session.query(Network))]
    if "<name>" in rule.rule:
        return [rule.rule.replace("<name>", name) for name in names]
    numbers = range(1, db.session.query(Installation).count() + 2) if "<int" in rule.rule else (1,)
    return [address(rule, str(number), page) for number in numbers]
