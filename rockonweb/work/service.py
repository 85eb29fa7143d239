"""Rockonweb as a service of systemd: its unit is written, started and removed, its settings kept in the instance."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from dotenv import dotenv_values, set_key
from sqlalchemy.engine import make_url
from urllib3.exceptions import InsecureRequestWarning

from rockonweb import program
from rockonweb.config import ROCKSTOR_SHARES_ROOT, Config, make_private_folder, temporary_file
from rockonweb.core.errors import BadInput, Conflict, RockonwebError
from rockonweb.core.instance.systemd_unit import (
    MARK,
    UNIT_NAME,
    ServiceFacts,
    find_protected,
    format_docker_dropin,
    format_unit,
)
from rockonweb.host import Shares
from rockonweb.work import instance_files, supervisor

SYSTEMD_FOLDER = Path("/run/systemd/system")  # exists where systemd runs the machine
READY_SECONDS = 60
# Run where nobody else sees that a disk is unmounted. What is below it may be immutable since a start without it.
_MAKE_WRITABLE = 'while mountpoint -q "$0"; do umount --lazy "$0" || exit; done; chattr -i "$0"'
# Settings of a call and not of the instance, or in the unit itself.
_NOT_KEPT = ("ROCKONWEB_INSTANCE", "ROCKONWEB_PASSPHRASE", "ROCKONWEB_SYSTEM_PACKAGES")


@dataclass(frozen=True)
class ServicePlan:
    """What an install of the service does: the text of the unit and of the drop-in for Docker's, and the settings for
    the instance's `.env`.
    """

    unit: str
    docker_dropin: str  # blank: Docker has nothing to wait for
    user: str
    settings_file: Path
    kept_settings: Mapping[str, str]


def plan_service(settings: Config, environ: Mapping[str, str], user: str = "") -> ServicePlan:
    """Return how this Rockonweb becomes a service. Changes nothing.

    `user` runs it; blank: the instance's owner, root for a new one. Raises BadInput where that user does not exist, or
    the instance is another's.
    """
    _refuse_second_instance(settings, environ)
    name = _choose_user(settings.instance, user)
    checkout = program.find_checkout()
    environment = {"ROCKONWEB_INSTANCE": str(settings.instance)}
    if checkout:
        environment["ROCKONWEB_SYSTEM_PACKAGES"] = "no"  # and so no dockerd as a child of the service
    writable = [settings.instance, settings.shares_root, settings.local_metastore, *([checkout] if checkout else [])]
    database = make_url(settings.database_url)
    if database.get_backend_name() == "sqlite" and database.database:
        writable.append(Path(database.database).parent)
    unit = format_unit(
        ServiceFacts(
            command=(str(checkout / "script" / "run"),) if checkout else (str(program.command_path()), "up"),
            working_folder=str(checkout or settings.instance),
            environment=environment,
            user=name,
            groups=("docker",) if name != "root" and _has_group("docker") else (),
            needed_paths=(str(settings.shares_root), str(settings.instance)),
            writable_paths=[str(path) for path in _outermost(writable)],
            port=settings.port,
            private_tmp=settings.instance in settings.redis_socket.parents,
        )
    )
    mount_points = Shares(settings.shares_root).mounted_at_start()
    docker_dropin = format_docker_dropin([*mount_points]) if mount_points else ""
    return ServicePlan(unit, docker_dropin, name, settings.instance / ".env", _settings_to_keep(settings, environ))


def install_service(settings: Config, plan: ServicePlan) -> None:
    """Write the unit and the settings, let it start with the machine, and start it now, or again where it runs.

    Raises BadInput without systemd or without root, Conflict where Rockonweb runs in another way.
    """
    _require_systemd(f"{program.command_path()} service install")
    _refuse_foreign_unit()
    account = pwd.getpwnam(plan.user)
    if not is_active():
        _refuse_running(settings)
    if account.pw_uid:
        _refuse_unreachable_program(account)
    make_private_folder(settings.instance)
    made = [settings.instance]
    if not settings.shares_root.exists():
        settings.shares_root.mkdir(parents=True)
        settings.shares_root.chmod(0o755)  # apps run as other users, and the umask here is 077
        made.append(settings.shares_root)
    if plan.kept_settings:
        plan.settings_file.touch(mode=0o600)
        made.append(plan.settings_file)
        for key, value in plan.kept_settings.items():
            set_key(plan.settings_file, key, value)
        plan.settings_file.chmod(0o600)
    for path in made:
        os.chown(path, account.pw_uid, account.pw_gid)
    _write_unit(program.UNIT_FILE, plan.unit)
    protected = _find_protected()
    _write_unit(program.DOCKER_DROPIN_FILE, plan.docker_dropin)
    _make_writable(protected - _find_protected())
    _run_systemctl("daemon-reload")
    _run_systemctl("enable", UNIT_NAME)
    _run_systemctl("restart", UNIT_NAME)


def remove_service() -> None:
    """Stop the service, and remove its unit and what came with it. The instance stays.

    Raises BadInput, or Conflict where there is none.
    """
    _require_systemd(f"{program.command_path()} service remove")
    if not program.UNIT_FILE.exists():
        raise Conflict(f"There is no service of Rockonweb: {program.UNIT_FILE} does not exist.")
    _refuse_foreign_unit()
    _run_systemctl("disable", "--now", UNIT_NAME)
    program.UNIT_FILE.unlink()
    _make_writable(_find_protected())
    program.DOCKER_DROPIN_FILE.unlink(missing_ok=True)
    _run_systemctl("daemon-reload")


def _find_protected() -> set[str]:
    """Return the folders that Docker's start makes immutable where their disk is absent."""
    try:
        return {*find_protected(program.DOCKER_DROPIN_FILE.read_text())}
    except FileNotFoundError:
        return set()


def _make_writable(folders: Iterable[str]) -> None:
    """Let folders be written to again that Docker's start may have made immutable; not where that fails."""
    command = ("unshare", "--mount", "--propagation", "private", "sh", "-c", _MAKE_WRITABLE)
    for folder in folders:
        subprocess.run([*command, folder], capture_output=True, check=False)  # noqa: S603


def _write_unit(path: Path, text: str) -> None:
    """Write a file that systemd reads; remove it where the text is blank."""
    if not text:
        path.unlink(missing_ok=True)
        return
    if not path.parent.exists():
        path.parent.mkdir()
        path.parent.chmod(0o755)  # the umask is 077 here
    with temporary_file(path, text.encode(), 0o644) as temporary:
        temporary.chmod(0o644)
        temporary.replace(path)


def is_active() -> bool:
    """Whether the service runs."""
    result = subprocess.run(["systemctl", "is-active", "--quiet", UNIT_NAME], check=False)  # noqa: S603, S607
    return result.returncode == 0


def await_service(settings: Config) -> bool:
    """Wait until the service serves its pages; return False where it does not within READY_SECONDS, or has ended."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and is_active():
        try:
            with warnings.catch_warnings(action="ignore", category=InsecureRequestWarning):
                requests.get(f"{settings.local_url}/healthz", timeout=2, verify=False)  # noqa: S501 - our own pages
        except requests.RequestException:
            time.sleep(0.5)
        else:
            return True
    return False


def _settings_to_keep(settings: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the caller that the service needs too, with absolute paths."""
    paths = {
        "ROCKONWEB_SHARES_ROOT": settings.shares_root,
        "ROCKONWEB_LOCAL_METASTORE": settings.local_metastore,
        "ROCKONWEB_TLS_KEY": settings.tls_key,
        "ROCKONWEB_TLS_CERT": settings.tls_certificate,
    }
    kept = {
        key: str(paths.get(key) or value)
        for key, value in sorted(environ.items())
        if (key.startswith(("ROCKONWEB_", "DOCKER_")) or key in ("DATABASE_URL", "REDIS_URL"))
        and not key.startswith((*_NOT_KEPT, "ROCKONWEB_TEST_"))
        and value
    }
    if settings.shares_root == ROCKSTOR_SHARES_ROOT:  # also while nothing is mounted there
        kept["ROCKONWEB_SHARES_ROOT"] = str(settings.shares_root)
    known = dotenv_values(settings.instance / ".env") if os.access(settings.instance / ".env", os.R_OK) else {}
    return {key: value for key, value in kept.items() if known.get(key) != value}


def _choose_user(instance: Path, wanted: str) -> str:
    owner = instance_files.user_name(instance.stat().st_uid) if program.is_instance(instance) else ""
    name = wanted or owner or "root"
    try:
        pwd.getpwnam(name)
    except KeyError:
        raise BadInput(f'There is no user "{name}".', f"Create it: useradd --system --user-group {name}") from None
    if owner and name != owner:
        raise BadInput(
            f"The instance {instance} belongs to {owner}, and the service would run as {name}.",
            f"Leave --user out, or make {name} its owner first: chown -R {name}: {instance}",
        )
    return name


def _refuse_second_instance(settings: Config, environ: Mapping[str, str]) -> None:
    """Raise BadInput where root's new instance would replace the one of the person who became root by sudo."""
    if environ.get("ROCKONWEB_INSTANCE") or not environ.get("SUDO_USER") or program.is_instance(settings.instance):
        return
    try:
        home = pwd.getpwnam(environ["SUDO_USER"]).pw_dir
    except KeyError:
        return
    own = program.user_instance({"HOME": home})
    if program.is_instance(own):
        raise BadInput(
            f"You have an instance already: {own}. The service would have a new one: {settings.instance}.",
            f"Go on with yours: sudo ROCKONWEB_INSTANCE={own} {program.command_path()} service install. "
            f"For a new one, name {settings.instance} likewise.",
        )


def _refuse_unreachable_program(account: pwd.struct_passwd) -> None:
    """Raise BadInput where the user of the service can't run this program, such as one in root's home."""
    command = program.find_checkout() or program.command_path()
    test = ["test", "-r", str(command), "-a", "-x", str(command)]
    ids = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
    if subprocess.run(test, check=False, **ids).returncode:  # type: ignore[call-overload]  # noqa: S603
        raise BadInput(
            f"{account.pw_name} can't run {command}.",
            "Install Rockonweb where every user may read it, for example with "
            "PIPX_HOME=/opt/pipx PIPX_BIN_DIR=/usr/local/bin.",
        )


def _require_systemd(command: str) -> None:
    if not SYSTEMD_FOLDER.is_dir():
        raise BadInput(
            "This machine is not run by systemd.",
            f"Let its own init system start `{program.start_command()}`, after Docker.",
        )
    if os.geteuid() != 0:
        raise BadInput("Only root can change the services of this machine.", f"As root: sudo {command}")


def _refuse_foreign_unit() -> None:
    """Raise Conflict where somebody else has written a unit of this name."""
    if program.UNIT_FILE.exists() and MARK not in program.UNIT_FILE.read_text(errors="replace"):
        raise Conflict(
            f"There is a unit {program.UNIT_FILE} that this command has not written; it is not changed.",
            f"If it may go: systemctl disable --now {UNIT_NAME}; mv {program.UNIT_FILE} {program.UNIT_FILE}.old",
        )


def _refuse_running(settings: Config) -> None:
    if (settings.instance / "up.lock").exists():
        supervisor.lock_instance(settings).close()


def _run_systemctl(*arguments: str) -> None:
    """Run systemctl. Raises RockonwebError with what it printed."""
    result = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if result.returncode:
        raise RockonwebError(
            f"systemctl {' '.join(arguments)} failed.",
            f"See: journalctl -u {UNIT_NAME} -n 30",
            output=(result.stderr or result.stdout).strip(),
        )


def _has_group(name: str) -> bool:
    return any(group.gr_name == name for group in grp.getgrall())


def _outermost(paths: list[Path]) -> list[Path]:
    """Return the paths without those that are below others."""
    return [path for path in dict.fromkeys(paths) if not any(other in path.parents for other in paths)]
