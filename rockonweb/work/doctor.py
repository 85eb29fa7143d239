"""Checks an instance for problems: each check runs on its own, whatever else is down. Read-only."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import platform
import shutil
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

from cryptography.fernet import InvalidToken
from flask import has_request_context
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, Text, func, inspect, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rockonweb import config, host
from rockonweb.accounts import audit, instance_key
from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import port_conflict
from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.docker import disk_usage
from rockonweb.core.errors import RockonwebError
from rockonweb.core.facts import ContainerFacts, HostFacts
from rockonweb.core.instance import lease
from rockonweb.core.instance.diagnosis.apps import (
    OperationFacts,
    diagnose_apps,
    diagnose_catalogue,
    diagnose_data_backups,
    diagnose_operations,
)
from rockonweb.core.instance.diagnosis.engine import (
    diagnose_containers,
    diagnose_copies,
    diagnose_engine,
    diagnose_own_container,
    diagnose_ports,
)
from rockonweb.core.instance.diagnosis.processes import (
    diagnose_certificate,
    diagnose_clock,
    diagnose_queue,
    diagnose_roles,
)
from rockonweb.core.instance.diagnosis.results import CheckResult
from rockonweb.core.instance.diagnosis.storage import (
    DatabaseFacts,
    DiskSpaceFacts,
    FileFacts,
    diagnose_database,
    diagnose_disks,
    diagnose_files,
    diagnose_schema,
    diagnose_secrets,
    diagnose_stored_data,
)
from rockonweb.core.plan.repair import find_missing_memberships, find_stale_containers
from rockonweb.core.text import t
from rockonweb.migrations import upgrade
from rockonweb.models import (
    Container,
    DataRepository,
    Installation,
    NetworkMember,
    Operation,
    Progress,
    RefreshReport,
    State,
)
from rockonweb.models.address import mask_password, open_read_only, parse_database_url
from rockonweb.models.base import make_cipher, wrap_database_error
from rockonweb.models.installation import in_state
from rockonweb.remote import http_client
from rockonweb.work import heartbeat, mastership, queue
from rockonweb.work.collect_facts import claimed_ports
from rockonweb.work.failing_roles import read_failing_roles
from rockonweb.work.keep_running import find_fallen_apps
from rockonweb.work.known_shares import find_absent_shares
from rockonweb.work.unreadable_rows import find_unreadable_rows

MAX_ANSWER_BYTES = 100_000  # of the web server
DOCKER_SECONDS = 2.5  # for each answer of Docker
TIMEOUT_SECONDS = 5  # for a response of the web server
MAX_QUEUED_TIME = timedelta(minutes=5)  # after which a queued operation should have started
RECENT_PERIOD = timedelta(days=30)  # failed operations that are older are not reported
PENDING_STATES = (State.PENDING_INSTALL, State.PENDING_UPDATE, State.PENDING_UNINSTALL)
Findings = CheckResult | Sequence[CheckResult]


def examine_instance(settings: config.Config, version: str) -> list[CheckResult]:
    """Return the results of all checks. Never raises: a check that fails becomes a result itself."""
    probe = _InstanceProbe(settings, version)
    checks: tuple[tuple[str, Callable[[], Findings]], ...] = (
        ("program", probe.inspect_program),
        ("files", probe.inspect_files),
        ("room", probe.inspect_disks),
        ("database", probe.inspect_database),
        ("queue", probe.inspect_queue),
        ("web", probe.inspect_roles),
        ("Docker", probe.inspect_docker),
        ("container", probe.inspect_own_container),
        ("clock", probe.inspect_clock),
        ("certificate", probe.inspect_certificate),
    )
    dependent_checks: tuple[tuple[str, Callable[[], Findings]], ...] = (  # on the above, which report what is down
        ("secrets", probe.inspect_secrets),
        ("stored data", probe.inspect_stored_data),
        ("operations", probe.inspect_operations),
        ("ports", probe.inspect_ports),
        ("copies", probe.inspect_copies),
        ("containers", probe.inspect_rows),
        ("apps", probe.inspect_apps),
        ("data backups", probe.inspect_data_backups),
        ("catalogue", probe.inspect_catalogue),
    )
    with probe.exit_stack:
        findings = [finding for subject, check in checks for finding in _run_check(subject, check)]
        return findings + [
            finding for subject, check in dependent_checks for finding in _run_check(subject, check, dependent=True)
        ]


def _run_check(subject: str, check: Callable[[], Findings], *, dependent: bool = False) -> Iterator[CheckResult]:
    try:
        findings = check()
    except RockonwebError as error:
        yield (
            _unknown_finding(subject, t("Docker"))
            if dependent
            else CheckResult(subject, "fail", error.sentence, error.hint)
        )
    except DBAPIError as error:
        trouble = wrap_database_error(error)
        yield (
            _unknown_finding(subject, t("the database"))
            if dependent
            else CheckResult(subject, "fail", trouble.sentence, trouble.hint)
        )
    except RedisError:
        yield CheckResult(subject, "fail", t("The queue server does not answer."), _QUEUE_HINT)
    except Exception as error:  # its text may contain an address with a password
        yield CheckResult(subject, "fail", t("It can't be checked: %(kind)s.", kind=type(error).__name__))
    else:
        yield from [findings] if isinstance(findings, CheckResult) else findings


def _unknown_finding(subject: str, dependency: str) -> CheckResult:
    return CheckResult(
        subject, "warn", t("It can't be checked until the problem with %(part)s above is fixed.", part=dependency)
    )


_QUEUE_HINT = t(
    "`rockonweb up` starts its own; if that is already running, see why under: parts. To use a server of yours, set "
    "REDIS_URL."
)


class _InstanceProbe:
    """The checks of an instance; connections to database, Redis and Docker are opened when first needed."""

    def __init__(self, settings: config.Config, version: str) -> None:
        self.settings = settings
        self.version = version
        self.exit_stack = ExitStack()
        self.host = host.Host(settings)
        try:
            config.secret_key(settings)
        except (config.KeyUnusable, OSError):  # the label's value is derived from it
            self.host.instance = ""
        self._docker: host.Engine | RockonwebError | None = None

    # -- checks -------------------------------------------------------------------------------------------------

    def inspect_program(self) -> CheckResult:
        """Return the versions, the system and the user."""
        facts = {
            "version": self.version,
            "python": platform.python_version(),
            "system": _system_name(),
            "kernel": platform.release(),
            "machine": platform.machine(),
            "instance": str(self.settings.instance),
            "user": getpass.getuser(),
        }
        sentence = t(
            "Rockonweb %(version)s, Python %(python)s, %(system)s, Linux %(kernel)s (%(machine)s), user %(user)s.",
            **facts,
        )
        return CheckResult("program", "ok", sentence, "", facts)

    def inspect_files(self) -> CheckResult:
        """Check owners and permissions of the instance's files."""
        folder = self.settings.instance
        try:
            paths = sorted(path for path in folder.iterdir() if not path.is_symlink())
            files = [
                _file_facts(folder, folder),
                *(_file_facts(path, folder) for path in paths if path.name not in _USER_FOLDERS),
            ]
        except OSError:
            return diagnose_files(str(folder), None, writable=False)
        return diagnose_files(str(folder), files, writable=os.access(folder, os.W_OK | os.X_OK))

    def inspect_disks(self) -> CheckResult:
        """Check the free space of the disks that are used."""
        settings = self.settings
        free_shares = None if "shares" in self.host.blind_spots else self.host.free_bytes(settings.shares_root)
        disks = [DiskSpaceFacts("shares", str(settings.shares_root), free_shares)]
        disks.append(DiskSpaceFacts("instance", str(settings.instance), self.host.free_bytes(settings.instance)))
        url = parse_database_url(settings.database_url)
        if url.drivername == "sqlite" and url.database:
            disks.append(DiskSpaceFacts("database", url.database, self.host.free_bytes(Path(url.database).parent)))
        try:
            docker = self._connect_docker().daemon_settings()
            free = docker.disk.free if docker.disk else None
            disks.append(DiskSpaceFacts("images", docker.images_folder, free, disk_usage.LOW_SPACE))
        except RockonwebError:
            disks.append(DiskSpaceFacts("images", "", None))
        return diagnose_disks(disks)

    def inspect_database(self) -> list[CheckResult]:
        """Check the database's integrity and schema."""
        url = parse_database_url(self.settings.database_url)
        with self._db_engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                messages = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(5)")]
                damage = tuple(message for message in messages if message != "ok")
                dangling = len(connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall())
                version = connection.exec_driver_sql("SELECT sqlite_version()").scalar()
                encoding, kind = connection.exec_driver_sql("PRAGMA encoding").scalar(), "SQLite"
            else:
                damage, dangling, kind = (), 0, "PostgreSQL"
                version = connection.exec_driver_sql("SHOW server_version").scalar()
                encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
            revision = upgrade.database_revision(connection)
        location = str(url.database) if kind == "SQLite" else mask_password(self.settings.database_url)
        facts = DatabaseFacts(kind, location, str(version), str(encoding), damage, dangling)
        return [diagnose_database(facts), diagnose_schema(revision, upgrade.known_revisions())]

    def inspect_stored_data(self) -> CheckResult:
        """Check whether each stored value can be read, and name the rows of those that can't."""
        with Session(self._db_engine) as session:
            return diagnose_stored_data([*find_unreadable_rows(session, self._stored_key())])

    def _stored_key(self) -> str:
        path = self.settings.key_file
        return path.read_text().strip() if path.is_file() else ""

    def inspect_secrets(self) -> CheckResult:
        """Check whether the instance's key decrypts the stored secrets."""
        key = self._stored_key()
        cipher, total = make_cipher(key), 0
        unreadable: list[str] = []
        with Session(self._db_engine) as session:
            tables = set(inspect(session.connection()).get_table_names())
            for column in instance_key.encrypted_columns():
                if column.table.name not in tables:
                    continue
                stored = select(column.table.c.id, type_coerce(column, Text)).where(column.is_not(None))
                for row, ciphertext in session.execute(stored):
                    total += 1
                    try:
                        cipher.decrypt(ciphertext.encode())
                    except InvalidToken:
                        unreadable.append(f"{column.table.name} {row} ({column.name})")
        return diagnose_secrets(total, unreadable, key=bool(key))

    def inspect_queue(self) -> CheckResult:
        """Check Redis, its persistence, and the queue's length."""
        redis = self._redis_client
        server: Any = redis.info("server")
        persistence: Any = redis.info("persistence")
        if not self.settings.redis_url or persistence.get("aof_enabled"):
            persistent = bool(persistence.get("aof_enabled"))
        else:
            saves: Any = redis.config_get("save")
            persistent = bool(saves.get("save"))
        writes = all(persistence.get(key, "ok") == "ok" for key in ("aof_last_write_status", "rdb_last_bgsave_status"))
        version = server.get("valkey_version") or server.get("redis_version", "")
        waiting = len(queue.waiting_jobs(redis))
        address = _without_password(self.settings.queue_url)
        return diagnose_queue(address, version, persistent=persistent, writes=writes, waiting=waiting)

    def inspect_roles(self) -> list[CheckResult]:
        """Check the processes: web server, workers and watcher."""
        workers = heartbeat.count_workers(self._redis_client)
        watcher: bool | None = None
        with suppress(RedisError):
            watcher = bool(self._redis_client.exists(heartbeat.STATUS_KEY))
        url = self.settings.local_url
        web = "ours" if has_request_context() else _probe_address(url)  # a page need not ask itself, and wait twice
        failing = read_failing_roles(self.settings)
        return diagnose_roles(url, web, workers, self.settings.workers, watcher, failing)

    def inspect_docker(self) -> CheckResult:
        """Check the Docker Engine's settings."""
        settings = self._connect_docker().daemon_settings()
        return diagnose_engine(settings, has_command=bool(shutil.which("docker")))

    def inspect_own_container(self) -> list[CheckResult]:
        """Check what Rockonweb's own container shows of the host; no result outside of one."""
        own = self.host.own_container
        return diagnose_own_container(own.name if own else "", self.host.blind_spots.values())

    def inspect_clock(self) -> CheckResult:
        """Check the clock, also against Docker's."""
        offset: float | None = None
        with suppress(RockonwebError):
            docker = self._connect_docker()
            started = time.time()
            docker_time = docker.system_time()
            offset = docker_time - (started + time.time()) / 2
        return diagnose_clock(offset, self.host.time_zone(), self.host.clock_is_synchronised(), self._seconds_behind())

    def _seconds_behind(self) -> float:
        """Return by how many seconds the clock is behind the newest entry of the audit log, 0 where it is not."""
        with suppress(DBAPIError, RockonwebError), Session(self._db_engine) as session:
            newest = audit.newest_moment(session)
            return max(0.0, (newest - datetime.now(UTC)).total_seconds()) if newest else 0.0
        return 0.0

    def inspect_ports(self) -> CheckResult:
        """Check the host ports of installed rock-ons for other users."""
        with Session(self._db_engine) as session:
            claims = claimed_ports(session)
        containers: dict[str, ContainerFacts] = {}
        with suppress(RockonwebError):
            containers = self._connect_docker().list_containers()
        listeners = self.host.collect_listeners(claims, containers)
        conflicts = [
            replace(claim, holder=listener.holder)
            for claim in claims
            for listener in listeners
            if port_conflict(claim.rockon, claim.port, claim.protocol, HostFacts(listening=(listener,)), claim.address)
        ]
        return diagnose_ports(len(claims), list(dict.fromkeys(conflicts)))

    def inspect_copies(self) -> CheckResult:
        """Check whether another copy of this instance looks after Docker."""
        docker = self._connect_docker()
        master = lease.find_master(docker.list_leases(), docker.system_time())
        other = master if master and master.holder != mastership.holder_id(self.settings) else None
        return diagnose_copies(other.place if other else "")

    def inspect_rows(self) -> CheckResult:
        """Compare the containers in the database with Docker's."""
        docker = self._connect_docker()
        containers = docker.list_containers()
        facts = HostFacts(containers=containers, networks=docker.list_networks(containers))
        managed = {name: container.rockon for name, container in containers.items() if container.rockon}
        with Session(self._db_engine) as session:
            pending = set(session.scalars(select(Installation.name).where(Installation.state.in_(PENDING_STATES))))
            absent = find_absent_shares(session, self.host.shares)
            states = (State.INSTALLED, State.PENDING_UPDATE, State.PENDING_UNINSTALL)
            query = select(Installation.name, Container.name).join(Container.installation).where(in_state(*states))
            expected = {(container, rockon) for rockon, container in session.execute(query)}
            known_uids = set(session.scalars(select(Operation.uid)))
            # Columns alone: whole apps have secrets, which are decrypted within an application only.
            sources = session.execute(
                select(Installation.name, Installation.installed_source).where(in_state(*states))
            ).all()
            networks: dict[str, dict[str, list[str]]] = {}
            members = select(Installation.name, Container.name, NetworkMember.network)
            for rockon, container, network in session.execute(
                members.join(Container.installation).join(NetworkMember, NetworkMember.container_id == Container.id)
            ):
                networks.setdefault(rockon, {}).setdefault(container, []).append(network)
        apps = [
            (definition_from_source(name, source), Answers(networks=networks.get(name, {})))
            for name, source in sources
            if source
        ]
        known_rockons = {rockon for _, rockon in expected} | pending
        orphans = [name for name, rockon in managed.items() if rockon not in known_rockons]
        missing = [
            f"{name} ({rockon})" for name, rockon in sorted(expected) if name not in managed and rockon not in pending
        ]
        cut_off = {
            f"{container} ({definition.name})"
            for definition, answers in apps
            for container in (
                *find_stale_containers(definition, facts),
                *find_missing_memberships(definition, answers, facts),
            )
        }
        folders = {
            path
            for container in containers.values()
            if (container.name, container.rockon) in expected
            for path in container.bind_mounts
            if self.host.shares.missing_paths([path]) or self.host.shares.names_of([path]) & absent.keys()
        }
        renamed = [
            f"{container.name} → {container.docker_name}" for container in containers.values() if container.docker_name
        ]
        unknown = [
            container.name
            for container in containers.values()
            if (container.name, container.rockon) in expected and container.operation not in known_uids
        ]
        return diagnose_containers(sorted(orphans), missing, sorted(cut_off), sorted(folders), renamed, sorted(unknown))

    def inspect_apps(self) -> list[CheckResult]:
        """Name the apps that should run and don't, as they were last seen."""
        with suppress(DBAPIError, RockonwebError), Session(self._db_engine) as session:  # which others report
            return diagnose_apps(find_fallen_apps(session, self._stored_key()))
        return []

    def inspect_operations(self) -> CheckResult:
        """Check for operations that are stuck, and for recent failures."""
        current_time = datetime.now(UTC)
        columns = (Operation.id, Operation.kind, func.coalesce(Installation.name, Operation.network))
        query = select(*columns, Operation.progress, Operation.created, Operation.network)
        query = query.outerjoin(Operation.installation)
        with Session(self._db_engine) as session:
            active = session.execute(query.where(Operation.progress.in_((Progress.QUEUED, Progress.RUNNING)))).all()
            busy_rockons = {name for _, _, name, progress, *_ in active if progress is Progress.RUNNING}
            latest_ids = select(func.max(Operation.id)).group_by(Operation.installation_id, Operation.network)
            failed_states = (Progress.FAILED, Progress.INTERRUPTED)
            failures = session.execute(
                query.where(
                    Operation.id.in_(latest_ids),
                    Operation.progress.in_(failed_states),
                    Operation.created > current_time - RECENT_PERIOD,
                )
            ).all()
        stuck = [
            OperationFacts(operation_id, str(kind), name or "")
            for operation_id, kind, name, progress, created, network in active
            if (progress is Progress.RUNNING and not self._is_locked(operation_id))
            or (
                progress is Progress.QUEUED
                and not (busy_rockons if network else name in busy_rockons)  # it may wait for any rock-on on it
                and current_time - created > MAX_QUEUED_TIME
            )
        ]
        return diagnose_operations(
            stuck,
            [OperationFacts(operation_id, str(kind), name or "") for operation_id, kind, name, *_ in failures],
        )

    def inspect_catalogue(self) -> CheckResult:
        """Check the last catalogue refresh."""
        with Session(self._db_engine) as session:
            report = RefreshReport.load_latest(session)
            if report is None:
                return diagnose_catalogue("", 0, ())
            age = (datetime.now(UTC) - report.finished).total_seconds() / 86400
            faulty = [_without_password(entry["file"]) for entry in report.report_data.get("faulty", ())]
            return diagnose_catalogue(f"{report.finished:%Y-%m-%d %H:%M} UTC", age, faulty)

    def inspect_data_backups(self) -> CheckResult:
        """Check restic and what is known of the data repositories."""
        with Session(self._db_engine) as session:
            rows = session.execute(select(DataRepository.name, DataRepository.error)).all()
            repositories = {row.name: row.error for row in rows}
        version, missing = "", ("", "")
        try:
            version = ".".join(map(str, self.host.restic_version())) if repositories else ""
        except RockonwebError as error:
            missing = (error.sentence, error.hint)
        return diagnose_data_backups(version, missing, dict(sorted(repositories.items())))

    def inspect_certificate(self) -> list[CheckResult]:
        """Check the certificate of ROCKONWEB_TLS_KEY and _CERT; no result where they are not set."""
        key, path = self.settings.tls_key, self.settings.tls_certificate
        if not key or not path:
            return []
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            private_key = load_pem_private_key(key.read_bytes(), None)
        except OSError as error:
            return [diagnose_certificate(str(path), "", 0, f"{error.filename}: {error.strerror}")]
        except (ValueError, TypeError):
            return [
                diagnose_certificate(
                    str(path), "", 0, t("it or its key is not a PEM file, or is protected by a password")
                )
            ]
        encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if private_key.public_key().public_bytes(*encoding) != certificate.public_key().public_bytes(*encoding):
            return [diagnose_certificate(str(path), "", 0, t("the key does not match the certificate"))]
        expires = certificate.not_valid_after_utc
        days = (expires - datetime.now(UTC)).total_seconds() / 86400
        return [diagnose_certificate(str(path), f"{expires:%Y-%m-%d}", days)]

    # -- connections --------------------------------------------------------------------------------------------

    @cached_property
    def _db_engine(self) -> Engine:
        engine = open_read_only(parse_database_url(self.settings.database_url))
        self.exit_stack.callback(engine.dispose)
        return engine

    @cached_property
    def _redis_client(self) -> Redis:
        return self.exit_stack.enter_context(closing(queue.connect_redis(self.settings)))

    def _connect_docker(self) -> host.Engine:
        """Return the engine. Raises EngineUnreachable; only the first check waits for a silent engine."""
        if self._docker is None:
            try:
                self._docker = self.exit_stack.enter_context(self.host.connect_docker(seconds=DOCKER_SECONDS))
            except RockonwebError as error:
                self._docker = error
        if isinstance(self._docker, RockonwebError):
            raise self._docker
        return self._docker

    def _is_locked(self, operation_id: int) -> bool:
        """Whether a process holds an operation's file lock; tested with a shared lock."""
        try:
            with open(self.settings.locks_folder / f"operation-{operation_id}.lock") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False


HEALTH_WORDS = ("ok", "degraded", "error")  # that /healthz answers
_USER_FOLDERS = {"shares", "rockons", ".gitkeep"}  # filled by users, who set the permissions


def _file_facts(path: Path, folder: Path) -> FileFacts:
    status = path.lstat()
    return FileFacts("." if path == folder else path.name, status.st_mode & 0o777, status.st_uid)


def _probe_address(url: str) -> Literal["ours", "another", "nothing"]:
    """Return what answers at this instance's web address: a Rockonweb, another server, or nothing."""
    with http_client.new_http_session(lambda addresses: addresses) as session, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the certificate, which is for another host name
        session.trust_env, session.verify = False, False
        try:
            deadline = time.monotonic() + TIMEOUT_SECONDS
            _, body = http_client.fetch_limited(session, f"{url}/healthz", MAX_ANSWER_BYTES, deadline, {})
        except http_client.TooLarge:
            return "another"
        except http_client.REQUEST_ERRORS:
            return "nothing"
    try:
        return "ours" if json.loads(body)["status"] in HEALTH_WORDS else "another"
    except (ValueError, TypeError, LookupError):
        return "another"


def _system_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _without_password(address: str) -> str:
    """Return a URL with its password and query masked, as the query may contain a key."""
    try:
        parts = urlsplit(address)
        password = parts.password
    except ValueError:
        return "?"
    if password is None and not parts.query:
        return address
    netloc = parts.netloc if password is None else f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc, query="***" if parts.query else ""))
