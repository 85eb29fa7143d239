"""How an instance is: gathers the facts part by part, each alone, whatever else is down. Writes nothing."""

from __future__ import annotations

import fcntl
import getpass
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import requests
from cryptography import x509
from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from sqlalchemy import Engine, Text, func, inspect, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rockonweb import config, host
from rockonweb.core.docker import daemon_settings
from rockonweb.core.errors import RockonwebError
from rockonweb.core.facts import ContainerFacts, Listener
from rockonweb.core.instance import diagnosis
from rockonweb.core.instance.diagnosis import Finding
from rockonweb.core.text import t
from rockonweb.migrations import upgrade
from rockonweb.models import Base, Container, Installation, Operation, Progress, RefreshReport, Secret, State
from rockonweb.models.address import checked, masked, open_to_read
from rockonweb.models.base import cipher, database_trouble
from rockonweb.work import heartbeat, queue
from rockonweb.work.collect_facts import claimed_ports

SECONDS = 5  # that a part gets to answer
WAITING = timedelta(minutes=5)  # after which an operation that waits should have begun
RECENT = timedelta(days=30)
PENDING = (State.PENDING_INSTALL, State.PENDING_UPDATE, State.PENDING_UNINSTALL)
Findings = Finding | Sequence[Finding]


def examine(settings: config.Settings, version: str) -> list[Finding]:
    """Return what was found, part by part. Never raises: a part that can't be looked at is a finding itself."""
    visit = _Visit(settings, version)
    parts: tuple[tuple[str, Callable[[], Findings]], ...] = (
        ("program", visit.program),
        ("files", visit.files),
        ("room", visit.room),
        ("database", visit.database),
        ("queue", visit.queue),
        ("web", visit.roles),
        ("Docker", visit.docker),
        ("clock", visit.clock),
        ("certificate", visit.certificate),
    )
    upon: tuple[tuple[str, Callable[[], Findings]], ...] = (  # those above, which say it when they are down
        ("secrets", visit.secrets),
        ("operations", visit.operations),
        ("ports", visit.ports),
        ("containers", visit.rows),
        ("catalogue", visit.catalogue),
    )
    with visit.opened:
        found = [finding for about, look in parts for finding in _alone(about, look)]
        return found + [finding for about, look in upon for finding in _alone(about, look, upon=True)]


def _alone(about: str, look: Callable[[], Findings], *, upon: bool = False) -> Iterator[Finding]:
    try:
        found = look()
    except RockonwebError as error:
        yield _unknown(about, t("Docker")) if upon else Finding(about, "fail", error.sentence, error.hint)
    except DBAPIError as error:
        trouble = database_trouble(error)
        yield _unknown(about, t("the database")) if upon else Finding(about, "fail", trouble.sentence, trouble.hint)
    except RedisError:
        yield Finding(about, "fail", t("The queue's server does not answer."), _QUEUE_HINT)
    except Exception as error:  # the words of an error may have an address with a password in it: its kind will do
        yield Finding(about, "fail", t("It can't be looked at: %(kind)s.", kind=type(error).__name__))
    else:
        yield from [found] if isinstance(found, Finding) else found


def _unknown(about: str, part: str) -> Finding:
    return Finding(about, "warn", t("It can't be known while %(part)s is as it is, see above.", part=part))


_QUEUE_HINT = t("`rockonweb up` starts one of its own; a server of yours is named by REDIS_URL.")


class _Visit:
    """One look at an instance; database, queue and engine are opened when they are first needed."""

    def __init__(self, settings: config.Settings, version: str) -> None:
        self.settings = settings
        self.version = version
        self.opened = ExitStack()
        self.host = host.Host(settings)
        if not os.path.isfile(settings.instance / "secret.key"):  # there is no name to be known by yet
            self.host.instance = ""
        self._docker: host.Engine | RockonwebError | None = None

    # -- parts --------------------------------------------------------------------------------------------------

    def program(self) -> Finding:
        """The versions, the system and the user."""
        facts = {
            "version": self.version,
            "python": platform.python_version(),
            "system": _system(),
            "kernel": platform.release(),
            "machine": platform.machine(),
            "instance": str(self.settings.instance),
            "user": getpass.getuser(),
        }
        said = t(
            "Rockonweb %(version)s, Python %(python)s, %(system)s, Linux %(kernel)s (%(machine)s), user %(user)s.",
            **facts,
        )
        return Finding("program", "ok", said, "", facts)

    def files(self) -> Finding:
        """Whose the instance's files are."""
        folder = self.settings.instance
        try:
            names = sorted(path for path in folder.iterdir() if not path.is_symlink())
            found = [_file(folder, folder), *(_file(path, folder) for path in names if path.name not in _NOT_OURS)]
        except OSError:
            return diagnosis.files(str(folder), None, writable=False)
        return diagnosis.files(str(folder), found, writable=os.access(folder, os.W_OK | os.X_OK))

    def room(self) -> Finding:
        """The disks."""
        settings = self.settings
        found = [diagnosis.RoomFacts("shares", str(settings.shares_root), self.host.free_bytes(settings.shares_root))]
        found.append(diagnosis.RoomFacts("instance", str(settings.instance), self.host.free_bytes(settings.instance)))
        url = checked(settings.database_url)
        if url.drivername == "sqlite" and url.database:
            found.append(diagnosis.RoomFacts("database", url.database, self.host.free_bytes(Path(url.database).parent)))
        try:
            docker = self._connected().settings()
            free = docker.disk.free if docker.disk else None
            found.append(diagnosis.RoomFacts("images", docker.images_folder, free, daemon_settings.TIGHT))
        except RockonwebError:
            found.append(diagnosis.RoomFacts("images", "", None))
        return diagnosis.rooms(found)

    def database(self) -> list[Finding]:
        """The database and its schema."""
        url = checked(self.settings.database_url)
        with self._database.connect() as connection:
            if connection.dialect.name == "sqlite":
                told = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(5)")]
                damage = tuple(word for word in told if word != "ok")
                dangling = len(connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall())
                version = connection.exec_driver_sql("SELECT sqlite_version()").scalar()
                encoding, kind = connection.exec_driver_sql("PRAGMA encoding").scalar(), "SQLite"
            else:
                damage, dangling, kind = (), 0, "PostgreSQL"
                version = connection.exec_driver_sql("SHOW server_version").scalar()
                encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
            revision = upgrade.revision(connection)
        place = str(url.database) if kind == "SQLite" else masked(self.settings.database_url)
        found = diagnosis.DatabaseFacts(kind, place, str(version), str(encoding), damage, dangling)
        return [diagnosis.database(found), diagnosis.schema(revision, upgrade.revisions())]

    def secrets(self) -> Finding:
        """Whether the instance's key opens what is stored."""
        path = self.settings.instance / "secret.key"
        key = path.read_text().strip() if path.is_file() else ""
        total = unreadable = 0
        with Session(self._database) as session:
            present = set(inspect(session.connection()).get_table_names())
            for column in _secret_columns():
                if column.table.name not in present:
                    continue
                for stored in session.scalars(select(type_coerce(column, Text)).where(column.is_not(None))):
                    total += 1
                    try:
                        cipher(key).decrypt(stored.encode())
                    except InvalidToken:
                        unreadable += 1
        return diagnosis.secrets(total, unreadable, key=bool(key))

    def queue(self) -> Finding:
        """The queue's server."""
        redis = self._queue
        server: Any = redis.info("server")
        disk: Any = redis.info("persistence")
        if not self.settings.redis_url or disk.get("aof_enabled"):
            persistent = bool(disk.get("aof_enabled"))
        else:
            saves: Any = redis.config_get("save")
            persistent = bool(saves.get("save"))
        writes = all(disk.get(key, "ok") == "ok" for key in ("aof_last_write_status", "rdb_last_bgsave_status"))
        version = server.get("valkey_version") or server.get("redis_version", "")
        waiting = len(Queue(queue.NAME, connection=redis).job_ids)
        place = _without_password(self.settings.queue_url)
        return diagnosis.queue(place, version, persistent=persistent, writes=writes, waiting=waiting)

    def roles(self) -> list[Finding]:
        """The processes."""
        workers: int | None = None
        watcher: bool | None = None
        with suppress(RedisError):
            workers = len(heartbeat.listening(self._queue))
            watcher = bool(self._queue.exists(heartbeat.KEY))
        return diagnosis.roles(self.settings.url, _at(self.settings.url), workers, self.settings.workers, watcher)

    def docker(self) -> Finding:
        """The engine."""
        return diagnosis.engine(self._connected().settings())

    def clock(self) -> Finding:
        """The time, beside Docker's."""
        offset: float | None = None
        with suppress(RockonwebError):
            docker = self._connected()
            before = time.time()
            told = docker.clock()
            offset = told - (before + time.time()) / 2
        return diagnosis.clock(offset, self.host.time_zone(), self.host.clock_is_synchronised())

    def ports(self) -> Finding:
        """The ports that installed rock-ons are to have."""
        with Session(self._database) as session:
            claims = claimed_ports(session)
        containers: dict[str, ContainerFacts] = {}
        published: list[Listener] = []
        with suppress(RockonwebError):
            containers, published = self._connected().containers(), self._connected().published()
        held = self.host.listening(claims, containers, published)
        taken = [
            replace(claim, holder=holder.holder)
            for claim in claims
            for holder in held
            if (holder.port, holder.protocol) == (claim.port, claim.protocol) and holder.rockon != claim.rockon
        ]
        return diagnosis.ports(len(claims), list(dict.fromkeys(taken)))

    def rows(self) -> Finding:
        """Rows beside Docker."""
        ours = {name: one.rockon for name, one in self._connected().containers().items() if one.rockon}
        with Session(self._database) as session:
            pending = set(session.scalars(select(Installation.name).where(Installation.state.in_(PENDING))))
            states = (State.INSTALLED, State.PENDING_UPDATE, State.PENDING_UNINSTALL)
            query = (
                select(Installation.name, Container.name)
                .join(Container.installation)
                .where(Installation.state.in_(states))
            )
            expected = {(container, rockon) for rockon, container in session.execute(query)}
        kept = {rockon for _, rockon in expected} | pending
        strays = [name for name, rockon in ours.items() if rockon not in kept]
        missing = [
            f"{name} ({rockon})" for name, rockon in sorted(expected) if name not in ours and rockon not in pending
        ]
        return diagnosis.rows(sorted(strays), missing)

    def operations(self) -> Finding:
        """Operations that nobody works on, and those that failed."""
        moment = datetime.now(UTC)
        columns = (Operation.id, Operation.kind, Installation.name)
        query = select(*columns, Operation.progress, Operation.created).outerjoin(Operation.installation)
        with Session(self._database) as session:
            active = session.execute(query.where(Operation.progress.in_((Progress.QUEUED, Progress.RUNNING)))).all()
            busy = {name for _, _, name, progress, _ in active if progress is Progress.RUNNING}
            last = select(func.max(Operation.id)).group_by(Operation.installation_id)
            ended = (Progress.FAILED, Progress.INTERRUPTED)
            failures = session.execute(
                query.where(Operation.id.in_(last), Operation.progress.in_(ended), Operation.created > moment - RECENT)
            ).all()
        stuck = [
            diagnosis.OperationFacts(number, str(kind), name or "")
            for number, kind, name, progress, created in active
            if (progress is Progress.RUNNING and not self._is_worked_on(number))
            or (progress is Progress.QUEUED and name not in busy and moment - created > WAITING)
        ]
        return diagnosis.operations(
            stuck, [diagnosis.OperationFacts(number, str(kind), name or "") for number, kind, name, *_ in failures]
        )

    def catalogue(self) -> Finding:
        """The last refresh."""
        with Session(self._database) as session:
            report = RefreshReport.newest(session)
            if report is None:
                return diagnosis.catalogue("", 0, ())
            age = (datetime.now(UTC) - report.finished).total_seconds() / 86400
            faulty = [_without_password(one["file"]) for one in report.data.get("faulty", ())]
            return diagnosis.catalogue(f"{report.finished:%Y-%m-%d %H:%M} UTC", age, faulty)

    def certificate(self) -> list[Finding]:
        """The certificate of the TLS variables; nothing where they are not set."""
        key, path = self.settings.tls_key, self.settings.tls_certificate
        if not key or not path:
            return []
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes())
            private = load_pem_private_key(key.read_bytes(), None)
        except OSError as error:
            return [diagnosis.certificate(str(path), "", 0, f"{error.filename}: {error.strerror}")]
        except (ValueError, TypeError):
            return [diagnosis.certificate(str(path), "", 0, t("it, or its key, is no PEM file without a password"))]
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if private.public_key().public_bytes(*form) != found.public_key().public_bytes(*form):
            return [diagnosis.certificate(str(path), "", 0, t("the key is not the certificate's"))]
        until = found.not_valid_after_utc
        days = (until - datetime.now(UTC)).total_seconds() / 86400
        return [diagnosis.certificate(str(path), f"{until:%Y-%m-%d}", days)]

    # -- what they look at --------------------------------------------------------------------------------------

    @cached_property
    def _database(self) -> Engine:
        found = open_to_read(checked(self.settings.database_url))
        self.opened.callback(found.dispose)
        return found

    @cached_property
    def _queue(self) -> Redis:
        url = self.settings.queue_url
        found = Redis.from_url(url, socket_connect_timeout=SECONDS, socket_timeout=SECONDS)
        return self.opened.enter_context(closing(found))

    def _connected(self) -> host.Engine:
        """Return the engine. Raises EngineUnreachable, also the next time, without waiting again."""
        if self._docker is None:
            try:
                self._docker = self.opened.enter_context(self.host.connect())
            except RockonwebError as error:
                self._docker = error
        if isinstance(self._docker, RockonwebError):
            raise self._docker
        return self._docker

    def _is_worked_on(self, number: int) -> bool:
        """Whether a process holds an operation's lock; asked for with a lock that others may have too."""
        try:
            with open(self.settings.locks / f"operation-{number}.lock") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False


_NOT_OURS = {"shares", "rockons", ".gitkeep"}  # folders that people fill


def _file(path: Path, folder: Path) -> diagnosis.FileFacts:
    about = path.lstat()
    return diagnosis.FileFacts("." if path == folder else path.name, about.st_mode & 0o777, about.st_uid)


def _secret_columns() -> list[Any]:
    return [
        column for table in Base.metadata.sorted_tables for column in table.columns if isinstance(column.type, Secret)
    ]


def _at(url: str) -> Literal["ours", "another", "nothing"]:
    """What answers at our address."""
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the certificate, which names another host than this address
        session.trust_env = False
        try:
            answer = session.get(f"{url}/healthz", timeout=SECONDS, verify=False, allow_redirects=False)
        except requests.RequestException:
            return "nothing"
    try:
        return "ours" if {"status", "database", "queue"} <= set(answer.json()) else "another"
    except (ValueError, TypeError):
        return "another"


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _without_password(address: str) -> str:
    """Return an address with its password masked, and its query, which may hold a key."""
    try:
        parts = urlsplit(address)
        password = parts.password
    except ValueError:
        return "?"
    if password is None and not parts.query:
        return address
    host = parts.netloc if password is None else f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=host, query="***" if parts.query else ""))
