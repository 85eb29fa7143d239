"""Containers of this host that Rockonweb did not create: lists and describes them, and knows which were adopted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from sqlalchemy import func, select

from rockonweb.catalog import local
from rockonweb.config import Config, current_config
from rockonweb.core.containers.argv import Argv
from rockonweb.core.definition.parser import definition_from_source, parse_definitions
from rockonweb.core.docker.run_options import options_from_pairs
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.imports.container import (
    EngineDefaults,
    InspectedContainer,
    OwnParts,
    describe_app,
    find_dependents,
    group_containers,
    launch_order,
    refuse_unadoptable,
)
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.matching import has_same_containers, match_answers, report_differences, running_argv
from rockonweb.core.imports.source import ImportedApp, SourceApp, SourcePage
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.operations.steps import UiPage
from rockonweb.core.text import t
from rockonweb.host import Engine, get_host
from rockonweb.models import Installation, OldContainer, RockOn, db, port_suggestions, repository, transaction
from rockonweb.work.review import Review, prepare_review
from rockonweb.work.submission import refuse_blocked, submit_review

SERVER_PORTS = {"redis": 6379, "rediss": 6379, "postgresql": 5432}  # where an address has none


@dataclass(frozen=True)
class ComparedLine:
    """The command line of a container that runs, and that of the one which takes its place."""

    container: str
    before: Argv
    after: Argv


@dataclass(frozen=True)
class Adoption:
    """What an adoption would do: the app that it makes, its review, and what differs from what runs.

    `is_known`: its definition is the catalogue's.
    """

    imported: ImportedApp
    review: Review
    lines: tuple[ComparedLine, ...]
    is_known: bool = False


def describe_containers(names: Collection[str], app_name: str = "") -> SourceApp:
    """Return containers of this host (by name or id) as an app called `app_name` (blank: chosen by what they are).

    Raises BadInput where one does not exist or can't be described, Conflict where one must not be adopted, EngineError.
    """
    with get_host().connect_docker() as docker:
        return _describe(docker, names, app_name)[0]


def prepare_adoption(names: Collection[str], app_name: str = "", keep_days: int = 0) -> Adoption:
    """Return what the adoption of containers of this host (by name or id) as an app would do. Changes nothing.

    Raises what `describe_containers` raises, and BadInput where the name of the app is taken.
    """
    with get_host().connect_docker() as docker:
        app, containers = _describe(docker, names, app_name)
        facts = ImportFacts(current_config().shares_root.as_posix(), get_host().shares.shares_by_name())
        variables = {
            one.name: dict(text.partition("=")[::2] for text in one.config.get("Env") or ()) for one in containers
        }
        known = _find_known(app, variables, facts)
        imported = known or convert_app(app, facts, _free_name(app_name or app.name, fixed=bool(app_name)))
        request = InstallRequest(
            imported.answers,
            imported.new_shares,
            source=parse_definitions(imported.source)[0].source,
            adopted={one.name: one.id for one in containers},
            keep_days=keep_days,
        )
        review = prepare_review(_transient_installation(imported), request, docker)
    members, many = dict(review.plan.networks), len(app.containers) > 1
    planned, lines, report = dict(review.plan.containers), [], [*imported.report]
    for container in app.containers:
        joined = [network for network, names in members.items() if container.name in names]
        after = planned[container.name]
        lines.append(ComparedLine(container.name, running_argv(container, after, joined), after))
        differences = report_differences(container, lines[-1].before, after, many=many)
        report += [entry for entry in differences if entry.what not in {one.what for one in imported.report}]
    imported = replace(imported, report=tuple(report))
    return Adoption(imported, review, tuple(lines), is_known=known is not None)


def submit_adoption(adoption: Adoption, user: str) -> int:
    """Put the app into the catalogue, unless it is the catalogue's, and queue its adoption for a user (name); return
    the operation's id. Raises Conflict where a finding blocks it, RockonwebError, QueueUnreachable.
    """
    refuse_blocked(adoption.review)
    installation = offer_adoption(adoption)
    review = replace(adoption.review, rockon=installation)
    return submit_review(review, user)


def offer_adoption(adoption: Adoption) -> Installation:
    """Put the app into the catalogue, with its answers: its next install is the adoption. Return it."""
    name, source = adoption.imported.name, adoption.imported.source
    entry = db.session.scalar(select(RockOn).where(RockOn.name == name))
    if entry is None:
        local.save_definition(current_config(), source)
        parsed = parse_definitions(source)[0]
        with transaction() as session:
            suggestions = port_suggestions.PortSuggestions.load_taken(session)
            position = (session.scalar(select(func.max(RockOn.position))) or 0) + 1
            entry, _ = repository.upsert_entry(
                session, None, parsed.definition, parsed.source, suggestions, origin="local", position=position
            )
    with transaction() as session:
        installation = repository.ensure_installation(session, repository.blank_installation(entry))
        request = adoption.review.request
        adopted = request.adopted if isinstance(request, InstallRequest) else {}
        installation.old_containers = [old for old in installation.old_containers if old.kept_name] + [
            OldContainer(container=container, docker_id=docker_id, name=container)
            for container, docker_id in adopted.items()
        ]
        repository.sync_children(installation, installation.parse_definition(entry.source))
        repository.store_answers(installation, adoption.review.final_answers)
    return installation


def _describe(docker: Engine, names: Collection[str], app_name: str) -> tuple[SourceApp, list[InspectedContainer]]:
    inspected = docker.inspect_containers()
    containers = [_find(name, inspected) for name in dict.fromkeys(names)]
    own_ids = _own_parts(current_config()).find_ids(inspected)
    for container in containers:
        refuse_unadoptable(container, own_ids)
    if dependents := find_dependents(containers, inspected):
        raise Conflict(
            t("%(names)s can't run without it.", names=", ".join(one.name for one in dependents)),
            t("Adopt them together: %(names)s", names=" ".join(one.name for one in [*containers, *dependents])),
        )
    settings = docker.daemon_settings()
    defaults = EngineDefaults(
        settings.log_driver or EngineDefaults.log_driver,
        settings.runtime or EngineDefaults.runtime,
        "host" if settings.cgroup_version == "1" else "private",
    )
    app = describe_app(app_name, containers, {one.id: one.name for one in inspected}, defaults)
    return replace(app, page=_find_page(app)), launch_order(containers)


def _find_known(app: SourceApp, variables: Mapping[str, Mapping[str, str]], facts: ImportFacts) -> ImportedApp | None:
    """Return the rock-on of the catalogue that has these containers, with its answers; None where there is none."""
    query = select(RockOn).where(RockOn.in_catalogue)
    for container in app.containers:
        query = query.where(RockOn.source.contains(json.dumps(container.name), autoescape=True))
    for entry in db.session.scalars(query.order_by(RockOn.position)):
        definition = definition_from_source(entry.name, entry.source)
        installation = repository.find_installation_by_name(entry.name)
        if definition.unreadable or (installation and installation.is_installed):
            continue
        if not has_same_containers(definition, app.containers):
            continue
        if answers := match_answers(definition, app.containers, variables, facts):
            new_shares = frozenset(answers.used_shares()) - {*facts.shares}
            source = json.dumps({entry.name: json.loads(entry.source)}, ensure_ascii=False, indent=2)
            return ImportedApp(entry.name, source, answers, (), new_shares)
    return None


def _free_name(name: str, *, fixed: bool) -> str:
    """Return a name that no rock-on of the catalogue has. Raises BadInput where a `fixed` one is taken."""
    taken = {*db.session.scalars(select(RockOn.name))}
    if name in taken and fixed:
        raise BadInput(t('There is a rock-on called "%(name)s" already: choose another name.', name=name))
    return next(free for n in itertools.count(1) if (free := name if n == 1 else f"{name} {n}") not in taken)


def _transient_installation(imported: ImportedApp) -> Installation:
    """Return the app's row, or one in no session where it has none."""
    entry = RockOn(name=imported.name, source=parse_definitions(imported.source)[0].source, ports=())
    return repository.find_installation_by_name(imported.name) or repository.blank_installation(entry)


def list_unmanaged(docker: Engine) -> list[list[InspectedContainer]]:
    """Return the containers of others by app. Raises EngineError."""
    inspected = docker.inspect_containers()
    own_ids = _own_parts(current_config()).find_ids(inspected)
    return group_containers(one for one in inspected if one.is_unmanaged and one.id not in own_ids)


def _find(name: str, containers: Iterable[InspectedContainer]) -> InspectedContainer:
    found = [one for one in containers if name in (one.name, one.id)]
    if not found:
        raise BadInput(t('There is no container "%(name)s".', name=name))
    return found[0]


def _own_parts(settings: Config) -> OwnParts:
    own = get_host().own_container
    sockets, servers = [], []
    for address in (settings.redis_url, settings.database_url):
        url = urlsplit(address)
        scheme = url.scheme.partition("+")[0]
        if scheme == "unix":
            sockets.append(url.path)
        elif scheme in SERVER_PORTS:
            host = unquote(url.hostname or "localhost")
            servers.append((host, url.port or SERVER_PORTS[scheme]))
    addresses = {"localhost", "127.0.0.1", "::1", *get_host().addresses()}
    return OwnParts(own.id if own else "", tuple(sockets), tuple(servers), addresses)


def _find_page(app: SourceApp) -> SourcePage | None:
    """Return the published port on which the app's own page answers now; None where none does."""
    candidates = [
        (container.name, port)
        for container in app.containers
        for port in options_from_pairs(container.options).published_ports
        if port.protocol == "tcp" and not port.address
    ]
    answers = get_host().ask_pages({n: UiPage(port.host) for n, (_, port) in enumerate(candidates)})
    answering = [candidate for n, candidate in enumerate(candidates) if answers.get(n)]
    return SourcePage(answering[0][0], answering[0][1].number) if answering else None
