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
from rockonweb.catalog.report import CatalogueReport, MetastoreReport
from rockonweb.core.answers import answers
from rockonweb.core.definition.parser import InvalidDefinition, parse_definitions
from rockonweb.core.docker import image_diff
from rockonweb.core.docker.image_diff import ImageDifference
from rockonweb.core.formats import restored
from rockonweb.core.formats.backup import Backup, backup_to_json
from rockonweb.core.instance.resources import Sample
from rockonweb.core.plan.rollback import PreviousImage
from rockonweb.core.questions import wizard
from rockonweb.core.status.updates import UpdateStatus
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
    transaction,
    utc_now,
)
from rockonweb.web import drafts
from rockonweb.work import heartbeat, metrics, queue, restore
from rockonweb.work.heartbeat import EngineStatus
from tests.support.app import installation_by_id

from .app import add_rockon, create_test_user, make_app, mark_installed, new_visitor, put_definitions
from .filled import PAGES, route_address

NameStyle = Callable[[str], str]
ROCKON_COUNT = 300
NETWORK = "backstage"
MISSING_PAGE = "/no/such/page"
FOREIGN_ENDPOINTS = ("rq_dashboard.", "static")


def plain_name(name: str) -> str:
    """A name as people give them."""
    return name


def long_name(name: str) -> str:
    """A name of more than sixty characters without a break."""
    return f"{name}-" + "extraordinarily" * 4 + "long"


def photo_containers(styled: NameStyle, name: str = "photos") -> dict[str, dict[str, Any]]:
    """The containers of the app with most in it."""
    web = {
        "image": f"box.example/{styled('photos')}",
        "tag": "2.1",
        "launch_order": 2,
        "ports": {
            "80": {"label": styled("Web"), "description": "Opened in a browser.", "host_default": 8080, "ui": True},
            "22000": {"label": "Sync", "description": "For telephones.", "host_default": 22000, "protocol": "udp"},
        },
        "volumes": {
            "/data": {"label": styled("Pictures"), "description": "Where the pictures are kept.", "min_size": 1024},
            f"/{styled('config')}": {"label": "Settings", "description": "Where its own settings are kept."},
        },
        "environment": {
            "TITLE": {"label": styled("Title"), "description": "Stands on top of each page.", "index": 1},
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
    return {styled(name): web, styled(f"{name}-db"): database}


def photo_body(styled: NameStyle, version: str = "2.1", name: str = "photos") -> dict[str, Any]:
    """The rest of its definition."""
    return {
        "description": f"<p>Pictures of the whole family, sorted by {styled('faces')}, places and days.</p>",
        "version": version,
        "website": f"https://photos.example/{styled('home')}",
        "more_info": f"<p>Log in as <code>{styled('admin')}</code>, then <b>choose</b> another password.</p>",
        "volume_add_support": True,
        "ui": {"slug": "photos"},
        "custom_config": {"locale": {"label": styled("Language"), "description": "Of the pages."}},
        "container_links": {styled(name): [{"name": styled(f"{name}-net"), "source_container": styled(f"{name}-db")}]},
    }


def make_filled_app(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fill: Callable[[Flask], None], *, running: bool = True
) -> Flask:
    """An application with the account `ada` and what `fill` brings, told that Docker and a worker answer, or not."""
    status = EngineStatus(running, "" if running else "Check that the Docker service is running.", "29.0.1")
    monkeypatch.setattr(heartbeat, "engine_status", lambda: status)
    monkeypatch.setattr(heartbeat, "count_workers", lambda: int(running))
    app = make_app(folder)
    with app.app_context():
        create_test_user()
        fill(app)
        db.session.rollback()
    return app


def fill_nothing(app: Flask) -> None:
    """Nothing: no rock-on, no operation."""


def fill_household(app: Flask, styled: NameStyle = plain_name) -> None:
    """An app with all that there can be, and others in each state."""
    photos = mark_installed(add_rockon(styled("Photos"), photo_containers(styled), **photo_body(styled)))
    _answer_questions(photos, styled)
    with transaction() as session:
        session.add_all(_make_operations(photos, styled))
    _add_images(photos, styled)
    _add_rollback_point(photos)
    add_rockon(styled("Photos"), photo_containers(styled), **photo_body(styled, "3.0"))
    _add_other_apps(styled)
    _add_surroundings(app, styled)
    wants = pending_changes.load_pending(photos, 1).answers.to_dict() | {
        "labels": {styled("photos"): ["proxy.enable=true"]}
    }
    pending_changes.save_pending(photos, 1, answers.answers_from_json(wants))
    _add_samples([container.name for container in photos.containers])


def fill_long_names(app: Flask) -> None:
    """A household whose every name has more than sixty characters without a break."""
    fill_household(app, long_name)


def fill_many(app: Flask) -> None:
    """As many rock-ons as a large catalogue has, a fifth of them installed, with an operation of each."""
    definitions = []
    for number in range(ROCKON_COUNT):
        name = f"{long_name('App')} {number}" if number % 50 == 7 else f"App {number}"
        port = {"label": "Web", "description": "", "host_default": 9000 + number, "ui": bool(number % 3)}
        web = {"image": f"example/app-{number}", "launch_order": 1, "ports": {"80": port}}
        text = "Does what it says, every day of the year. " * (number % 5)
        app_body = {"description": text, "version": "1", "website": "", "containers": {f"app-{number}": web}}
        definitions.append(parse_definitions(json.dumps({name: app_body}))[0])
    ids = put_definitions(*definitions)
    with transaction() as session:
        for number in range(0, ROCKON_COUNT, 5):
            installation = installation_by_id(ids[number])
            installation.state, installation.installed_source = State.INSTALLED, installation.entry.source
            installation.status = Status.STARTED if number % 10 else Status.STOPPED
            installation.newer_images = number % 20 == 0
            installation.containers[0].ports[0].host = 9000 + number
            session.add(_make_operation(installation, Kind.INSTALL, Progress.DONE))


def _answer_questions(installation: Installation, styled: NameStyle) -> None:
    """Answer all that it asks."""
    with transaction() as session:
        for container in installation.containers:
            for position, volume in enumerate(container.volumes):
                volume.share = styled("pictures") if position == 0 else f"{styled('settings')}/{styled('folder')}"
            for variable in container.environment:
                variable.value = styled("Our pictures")
            for device in container.devices:
                device.value = "/dev/dri"
            container.labels.append(Label(value=f"{styled('traefik.enable')}=true"))
            container.networks.append(NetworkMember(network=styled(NETWORK)))
            container.docker_state = "running"
        for setting in installation.custom_config:
            setting.value = "en_GB"
        session.add(Network(name=styled(NETWORK), comment=f"For the {styled('proxy')}.", subnet="10.77.0.0/24"))


def _make_operation(
    installation: Installation | None,
    kind: Kind,
    progress: Progress,
    *steps: OperationStep,
    error: str = "",
    hint: str = "",
) -> Operation:
    """An operation that began a minute ago."""
    started = utc_now() - timedelta(seconds=70)
    operation = Operation(
        installation_id=installation.id if installation else None, kind=kind, progress=progress, user="ada"
    )
    operation.started = None if progress is Progress.QUEUED else started
    operation.finished = None if operation.is_active else started + timedelta(seconds=64)
    operation.error, operation.hint = error, hint
    for position, step in enumerate(steps):
        step.position = position
    operation.steps = list(steps)
    return operation


def _make_step(title: str, progress: Progress, **columns: Any) -> OperationStep:
    started = utc_now() - timedelta(seconds=30)
    waits = progress in (Progress.QUEUED, Progress.SKIPPED)
    finished = started + timedelta(seconds=3)
    return OperationStep(
        title=title,
        why=t("in reverse launch order"),
        progress=progress,
        started=None if waits else started,
        finished=None if waits or progress is Progress.RUNNING else finished,
        **columns,
    )


def _make_operations(installation: Installation, styled: NameStyle) -> Iterator[Operation]:
    """Operations of every outcome: an install that failed, others that were done and not, an update under way."""
    image = f"box.example/{styled('photos')}:2.1"
    refused = t('The registry denied access to the image "%(name)s".', name=image)
    log = f"Error response from daemon: {styled('denied')}: requested access to the resource is denied\n" * 3
    yield _make_operation(
        installation,
        Kind.INSTALL,
        Progress.FAILED,
        _make_step(t("create share %(share)s", share=styled("pictures")), Progress.UNDONE),
        _make_step(t("pull %(image)s", image=image), Progress.FAILED, output=log),
        _make_step(f"docker create --name {styled('photos')} {image}", Progress.SKIPPED),
        error=refused,
        hint=t("Add a login for its registry, or test the stored one, under System, Registry logins."),
    )
    yield _make_operation(
        installation,
        Kind.INSTALL,
        Progress.DONE,
        _make_step(t("pull %(image)s", image=image), Progress.DONE, output="Pull complete"),
    )
    yield _make_operation(installation, Kind.CHANGE, Progress.CANCELLED)
    error = t("It was interrupted: the process that ran it has ended.")
    hint = t("Check its steps, then repeat it.")
    yield _make_operation(installation, Kind.STOP, Progress.INTERRUPTED, error=error, hint=hint)
    yield _make_operation(None, Kind.REFRESH, Progress.DONE)


def _make_update(installation: Installation, styled: NameStyle) -> Operation:
    """An update under way: it pulls."""
    image = f"box.example/{styled('photos')}:2.1"
    return _make_operation(
        installation,
        Kind.UPDATE,
        Progress.RUNNING,
        _make_step(t("create share %(share)s", share=styled("pictures")), Progress.DONE),
        _make_step(t("pull %(image)s", image=image), Progress.RUNNING, current=3_000_000, total=9_000_000),
        _make_step(f"docker create --name {styled('photos')} {image}", Progress.QUEUED),
    )


def _add_images(installation: Installation, styled: NameStyle) -> None:
    """A newer image of one container, got already; the other's registry is silent."""
    web, database = sorted(installation.containers, key=lambda container: -container.launch_order)
    differences = [
        ImageDifference("added", "port", after="9090/tcp"),
        ImageDifference("changed", "variable", "A=1", f"A={styled('2')}"),
    ]
    common_columns = {
        "running": "sha256:1",
        "digest": f"sha256:{'a' * 64}",
        "size": 50_000_000,
        "created": utc_now(),
        "seen": utc_now(),
    }
    with transaction() as session:
        session.add(
            ContainerImage(
                container_id=web.id,
                reference=web.image,
                outcome=UpdateStatus.NEWER,
                remote_digest=f"sha256:{'b' * 64}",
                got=f"sha256:{'c' * 64}",
                got_digest=f"sha256:{'b' * 64}",
                got_size=60_000_000,
                differences=image_diff.pack_differences(differences),
                **common_columns,
            )
        )
        message = t("%(host)s received too many requests and will answer again later", host=styled("box.example"))
        session.add(
            ContainerImage(
                container_id=database.id,
                reference=database.image,
                outcome=UpdateStatus.UNKNOWN,
                said=message,
                **common_columns,
            )
        )
        installation.newer_images, installation.images_looked = True, utc_now()


def _add_rollback_point(installation: Installation) -> None:
    """A point to which it can go back."""
    kept = {
        container.name: PreviousImage(container.image, f"sha256:{'d' * 64}", ran=True)
        for container in installation.containers
    }
    with transaction() as session:
        session.add(
            RollbackPoint(
                installation_id=installation.id,
                operation_id=2,
                definition=installation.entry.source,
                answers=json.dumps(pending_changes.load_pending(installation, 1).current.to_dict()),
                kept=kept,
            )
        )


def _add_other_apps(styled: NameStyle) -> None:
    """Apps in the other states: one with a draft, ended, stopped, unhealthy, failed, pending, renamed, a VPN."""

    def one(name: str) -> dict[str, Any]:
        port = {"80": {"label": "Web", "description": "", "host_default": 8100 + len(name), "ui": True}}
        question = {"KEY": {"label": styled("Key"), "description": "Of your account."}}
        return {styled(name): {"ports": port, "environment": question, "volumes": {"/data": {"label": "Data"}}}}

    drafted = add_rockon(styled("Fresh"), photo_containers(styled, "fresh"), **photo_body(styled, name="fresh"))
    _fill_draft(drafted, styled)
    error = t('The image "%(name)s" was not found in its registry.', name=f"box.example/{styled('failed')}")
    mark_installed(
        add_rockon(styled("Ended"), one("ended")), Status.EXITED, exit_code=137, status_error="it was out of memory"
    )
    mark_installed(add_rockon(styled("Stopped"), one("stopped")), Status.STOPPED)
    mark_installed(add_rockon(styled("Unstarted"), one("unstarted")), Status.START_FAILED, error=error)
    mark_installed(add_rockon(styled("Failed"), one("failed")), state=State.INSTALL_FAILED, error=error)
    mark_installed(add_rockon(styled("Coming"), one("coming")), Status.STOPPED, State.PENDING_INSTALL)
    busy = mark_installed(add_rockon(styled("Busy"), one("busy")), Status.STARTED, State.PENDING_UPDATE)
    with transaction() as session:
        session.add(_make_update(busy, styled))
    mark_installed(add_rockon(styled("Going"), one("going")), Status.STARTED, State.PENDING_UNINSTALL)
    mark_installed(add_rockon(styled("Album (old)"), one("album")), in_catalogue=False)
    add_rockon(styled("Album"), one("album"))
    data = {"image": "busybox", "opts": [["-v", "/etc/openvpn"]]}
    server = {"image": "example/vpn", "opts": [["--volumes-from", "vpn-data"]]}
    vpn = mark_installed(add_rockon("OpenVPN", {"vpn-data": data, "vpn": server}, custom_config={"servername": {}}))
    with transaction():
        vpn.custom_config[0].value = styled("home.example")


def _fill_draft(installation: Installation, styled: NameStyle) -> None:
    """All of the wizard's questions answered, up to its summary."""
    definition = drafts.catalogue_definition(installation)
    for page in wizard.wizard_pages(definition)[:-1]:
        typed = {ask.name: _typed_answer(ask, styled) for ask in wizard.page_questions(definition, page)}
        drafts.save_draft(installation, definition, 1, page, typed, accepted=True)


def _typed_answer(ask: wizard.Question, styled: NameStyle) -> str:
    """An answer to a question."""
    if ask.page == "ports":
        return str(20000 + int(ask.key) % 1000)
    return "/dev/dri" if ask.page == "devices" else styled(f"fresh-{len(ask.key)}") if ask.page == "shares" else "yes"


def _add_surroundings(app: Flask, styled: NameStyle) -> None:
    """People, tokens, metastores, notices, a backup that was uploaded, a definition of one's own, shares."""
    create_test_user(styled("viv")[:80], Role.VIEWER)
    tokens.create_token(users.get_user("ada"), Role.VIEWER, 9, styled("a script")[:80])
    with transaction() as session:
        session.add(Metastore(place=f"http://box.example/{styled('rock-ons')}", position=1))
        address = json.dumps({"url": f"https://box.example/{styled('hook')}"})
        message = f"The webhook answered: {styled('no')}"
        session.add(
            NoticeTarget(way="hook", address=address, events="failed", fine=False, said=message, said_at=utc_now())
        )
    audit.record("login.failed", styled("somebody"), user=styled("mallory")[:80])
    restore.create_restore(backup_to_json(Backup("1", "2026-01-01T00:00:00+00:00")).encode(), "", "ada")
    with transaction() as session:
        session.add_all((_make_restore(styled), _make_report(styled)))
    settings = app.config["SETTINGS"]
    settings.local_metastore.mkdir(parents=True, exist_ok=True)
    own_definition = {styled("Own notes"): {**photo_body(styled), "containers": photo_containers(styled)}}
    (settings.local_metastore / "notes.json").write_text(json.dumps(own_definition, indent=2))
    for name in ("pictures", "settings", "attic"):
        (settings.shares_root / styled(name)).mkdir()
    Host(settings).snapshots.replaced_path(styled("pictures")).mkdir(parents=True)


def _make_restore(styled: NameStyle) -> Restore:
    """A restore that has put back what it could."""
    parts = (
        restored.RestoredPart("share", styled("pictures"), t("It was newly created and is EMPTY.")),
        restored.RestoredPart(
            "definition", styled("notes.json"), t("There is another file with this name, which is kept.")
        ),
    )
    rockons = {
        styled("Photos"): restored.RestoredRockOn(left=t("It is already installed here and is not changed.")),
        styled("Unstarted"): restored.RestoredRockOn(
            told=(t("There are no tasks of this kind for %(name)s.", name=styled("Unstarted")),)
        ),
    }
    restore_row = Restore(user="ada", content=backup_to_json(Backup("1", "2026-01-01T00:00:00+00:00")), begun=utc_now())
    restore_row.outcome = restored.RestoreOutcome(parts, rockons)
    return restore_row


def _make_report(styled: NameStyle) -> RefreshReport:
    """What a refresh brought, and what was wrong."""
    report = CatalogueReport(
        added=[styled("Photos")],
        loaded=True,
        metastores=[MetastoreReport(origin="metastore", place="https://box.example")],
    )
    try:
        parse_definitions(
            json.dumps({styled("Broken"): {"version": 1, "containers": {styled("broken"): {"opts": [["", "x"]]}}}})
        )
    except InvalidDefinition as error:
        for sheet in report.changes_for("metastore"):
            sheet.add_faulty_file(styled("broken.json"), [fault.message_with_path for fault in error.faults])
    return RefreshReport(content=report.to_stored_json())


def _add_samples(names: list[str]) -> None:
    """An hour of samples of what containers use."""
    redis: Redis = queue.redis_connection()
    for position in range(180):
        amplitude = 1 + math.sin(position / 9)
        at = time.time() - 3600 + 20 * position
        sample = Sample(
            at,
            20 * amplitude,
            int(60e6 + 20e6 * amplitude),
            2_000_000_000,
            9e4 * amplitude,
            3e4 * amplitude,
            0.0,
            2e5 * amplitude,
        )
        metrics.store_samples(redis, dict.fromkeys(names, sample))


def list_pages(app: Flask) -> list[str]:
    """The addresses of all pages: of each route the first that answers with a page, and more of apps and operations."""
    client = new_visitor(app).log_in("ada")

    def is_page(path: str) -> bool:
        answer = client.get(path)
        return answer.status_code == 200 and answer.mimetype == "text/html" and "<html" in answer.text

    paths = [f"/rockons/{row.id}" for row in db.session.query(Installation.id)]
    paths += [f"/operations/{row.id}" for row in db.session.query(Operation.id)]
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.alias and not rule.endpoint.startswith(FOREIGN_ENDPOINTS):
            for page in PAGES if "<page>" in rule.rule else ("1",):
                paths += itertools.islice(filter(is_page, route_candidates(app, rule, page)), 1)
    return [*dict.fromkeys([*paths, MISSING_PAGE])]


def route_candidates(app: Flask, rule: Rule, page: str) -> list[str]:
    """The addresses that a route may have, with the ids and names of what is there."""
    names = [
        *Host(app.config["SETTINGS"]).snapshots.replaced_shares(),
        *(network.name for network in db.session.query(Network)),
    ]
    if "<name>" in rule.rule:
        return [rule.rule.replace("<name>", name) for name in names]
    numbers = range(1, db.session.query(Installation).count() + 2) if "<int" in rule.rule else (1,)
    return [route_address(rule, str(number), page) for number in numbers]
