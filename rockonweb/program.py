"""How this copy of Rockonweb is here, a checkout or an installed package: where its instance is, how it is started."""

from __future__ import annotations

import os
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

INSTANCE_FILES = ("rockonweb.db", "secret.key", "up.lock")  # one of them makes a folder an instance
SYSTEM_INSTANCE = Path("/var/lib/rockonweb")  # of root's installed package
FINGERPRINT_SECONDS = 10
UNIT_FILE = Path("/etc/systemd/system/rockonweb.service")
DOCKER_DROPIN_FILE = Path("/etc/systemd/system/docker.service.d/rockonweb.conf")
_CODE_FOLDER = Path(__file__).parent


def find_checkout() -> Path | None:
    """Return the folder with `script/run` that this code runs from; None for an installed package."""
    return _CODE_FOLDER.parent if (_CODE_FOLDER.parent / "script" / "run").is_file() else None


def start_command() -> str:
    """Return the command by which a person starts everything; an image names its own."""
    if named := os.environ.get("ROCKONWEB_START_COMMAND"):
        return named
    checkout = find_checkout()
    if checkout is None:
        return "rockonweb up"
    return "script/run" if Path.cwd() == checkout else str(checkout / "script" / "run")


def command_path() -> Path:
    """Return the path of the command `rockonweb`, which may not be on a person's PATH."""
    return Path(sys.executable).with_name("rockonweb")


def restart_command(instance: Path) -> str:
    """Return the command by which a person restarts what runs with an instance."""
    return "systemctl restart rockonweb" if service_instance() == instance else start_command()


def change_command(instance: Path) -> str:
    """Return the command that starts what runs with an instance anew, with the settings that are put before it."""
    return f"{command_path()} service install" if service_instance() == instance else start_command()


def installed_version() -> str:
    """Return the version on the disk, which may differ from the one that runs; blank while it is being replaced."""
    import tomllib  # not for each command

    checkout = find_checkout()
    try:
        if checkout is None:
            return version("rockonweb")
        return str(tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["version"])
    except (OSError, ValueError, KeyError, PackageNotFoundError):
        return ""


def code_fingerprint() -> int:
    """Return a number that differs once the code on the disk is another one, as of the last ten seconds."""
    return _code_fingerprint(int(time.monotonic() // FINGERPRINT_SECONDS))


@lru_cache(maxsize=1)
def _code_fingerprint(_moment: int) -> int:
    try:
        files = [(str(path), path.stat()) for path in sorted(_CODE_FOLDER.rglob("*.py"))]
    except OSError:
        return 0  # it is being replaced
    return zlib.crc32(repr([(path, status.st_size, status.st_mtime_ns) for path, status in files]).encode())


def instance_folders(environ: Mapping[str, str]) -> list[Path]:
    """Return where to look for the instance, the first that is one counts; the last is where a new one is created."""
    if named := environ.get("ROCKONWEB_INSTANCE"):
        return [Path(named).absolute()]
    return list(dict.fromkeys([Path("instance").absolute(), _default_instance(environ)]))


def locate_instance(environ: Mapping[str, str]) -> Path:
    """Return the folder of the instance, which may not exist yet."""
    folders = instance_folders(environ)
    return next(filter(is_instance, folders), folders[-1])


def is_instance(folder: Path) -> bool:
    """Whether a folder is an instance, as far as this user can see."""
    return any(os.path.isfile(folder / name) for name in INSTANCE_FILES)


def other_instances(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where else this machine may have an instance: that of the service, that of root."""
    folders = [service_instance(), SYSTEM_INSTANCE]
    looked = instance_folders(environ)
    yield from (folder for folder in dict.fromkeys(folders) if folder and folder not in looked and folder.is_dir())


def user_instance(environ: Mapping[str, str]) -> Path:
    """Return the folder of a user's installed package."""
    home = environ.get("XDG_DATA_HOME", "")
    data = Path(home) if home.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".local" / "share"
    return data / "rockonweb"


def service_instance() -> Path | None:
    """Return the instance that the unit of the service names; None without a service."""
    try:
        lines = UNIT_FILE.read_text().splitlines()
    except OSError:
        return None
    prefix = 'Environment="ROCKONWEB_INSTANCE='
    named = [line.removeprefix(prefix).rstrip('"') for line in lines if line.startswith(prefix)]
    return Path(named[-1].replace("%%", "%")) if named else None


def _default_instance(environ: Mapping[str, str]) -> Path:
    if checkout := find_checkout():
        return checkout / "instance"
    return SYSTEM_INSTANCE if os.geteuid() == 0 else user_instance(environ)
