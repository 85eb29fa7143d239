"""Configuration from environment variables, or a `.env` file of the instance, the working directory or the checkout."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from flask import current_app

from rockonweb import program
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.core.status.health import HealthLimits
from rockonweb.core.text import t

VERSION = version("rockonweb")
DEFAULT_METASTORE = "https://rockstor.com/rockons"
ROCKSTOR_SHARES_ROOT = Path("/mnt2")
KEY_PATTERN = re.compile(r"[A-Za-z0-9_-]{43}")  # what `create_secret_key` writes
MAX_HISTORY_DAYS = 36500
SOCKET_PATH_LIMIT = 100  # of a Unix socket's path, in bytes
OWN_KEY_HEADER = "X-Rockonweb-Own-Key"  # of requests that an instance sends to itself
HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


@dataclass(frozen=True)
class Config:
    """The configuration of an instance. Paths are absolute."""

    instance: Path
    host: str
    port: int
    workers: int
    remote_metastore: str
    local_metastore: Path
    shares_root: Path
    database_url: str
    redis_url: str  # blank: `up` starts its own server
    admin_user: str
    admin_password: str
    rollback_points: int = 3  # kept for each rock-on
    health: HealthLimits = field(default_factory=HealthLimits)  # for started containers
    update_hours: int = 12  # between two checks for newer images of an installed rock-on; 0: never
    history_days: int = 365  # for which operations are kept
    down_seconds: int = 120  # for which an app must be down before it is told
    keep_running: bool = True  # whether apps that went down with Docker are started again
    pull_timeout: int = 300  # seconds in which a download of an image must bring something new
    registry_seconds: int = 4  # timeout for registries' data on images before an install; 0: none is queried
    tls_key: Path | None = None  # the host's key and certificate; without them a pair is generated when needed
    tls_certificate: Path | None = None
    allowed_hosts: tuple[str, ...] = ()  # host names of the pages, besides this machine's own
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()  # whose X-Forwarded headers are trusted

    public_url: str = ""  # of the pages, for links in notifications; blank: unknown

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the pages."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def local_url(self) -> str:
        """The URL of the pages on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.tls_certificate else "http"
        return f"{scheme}://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{self.port}"  # noqa: S104

    @property
    def redis_socket(self) -> Path:
        """The Unix socket of the Redis server that `up` starts."""
        socket_path = self.instance / "redis" / "redis.sock"
        if len(os.fsencode(socket_path)) <= SOCKET_PATH_LIMIT:
            return socket_path
        runtime_folder = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108
        checksum = zlib.crc32(os.fsencode(self.instance))  # the same in every process
        return runtime_folder / f"rockonweb-{os.getuid()}-{checksum:x}" / "redis.sock"

    @property
    def wakeup_socket(self) -> Path:
        """The Unix socket by which processes wake `up`."""
        return self.redis_socket.with_name("up.sock")

    @property
    def queue_url(self) -> str:
        """The URL of the Redis server: the configured one, or the one that `up` starts."""
        return self.redis_url or f"unix://{self.redis_socket}"

    @property
    def key_file(self) -> Path:
        """The file of the instance's key."""
        return self.instance / "secret.key"

    @property
    def locks_folder(self) -> Path:
        """The folder of the operations' file locks."""
        return self.instance / "locks"


def load_config(environ: Mapping[str, str] | None = None) -> Config:
    """Return the configuration. The environment overrides `.env`. Raises BadInput for an invalid value."""
    if environ is None:
        environ = read_environment()
        for key in environ:
            if key.startswith("DOCKER_"):  # Docker's client reads its own variables from `os.environ`
                os.environ.setdefault(key, environ[key])
    instance = program.locate_instance(environ)
    host, port = _parse_bind(environ.get("ROCKONWEB_BIND") or "127.0.0.1:8000")
    tls_key, tls_certificate = _parse_tls(environ)
    return Config(
        instance=instance,
        host=host,
        port=port,
        workers=_parse_number(environ, "ROCKONWEB_WORKERS", 3),
        remote_metastore=environ.get("ROCKONWEB_REMOTE_METASTORE", DEFAULT_METASTORE).rstrip("/"),
        local_metastore=Path(environ.get("ROCKONWEB_LOCAL_METASTORE") or instance / "rockons").absolute(),
        shares_root=Path(environ.get("ROCKONWEB_SHARES_ROOT") or _default_shares_root(instance)).absolute(),
        database_url=environ.get("DATABASE_URL") or f"sqlite:///{instance / 'rockonweb.db'}",
        redis_url=environ.get("REDIS_URL") or "",
        admin_user=environ.get("ROCKONWEB_ADMIN_USER") or "",
        admin_password=environ.get("ROCKONWEB_ADMIN_PASSWORD") or "",
        rollback_points=_parse_number(environ, "ROCKONWEB_ROLLBACK_POINTS", 3),
        health=HealthLimits(
            steady_seconds=_parse_number(environ, "ROCKONWEB_HEALTH_SECONDS", 10, minimum=0),
            timeout_seconds=_parse_number(environ, "ROCKONWEB_HEALTH_TIMEOUT", 300),
        ),
        update_hours=_parse_number(environ, "ROCKONWEB_UPDATE_HOURS", 12, minimum=0),
        history_days=_parse_number(environ, "ROCKONWEB_HISTORY_DAYS", 365, maximum=MAX_HISTORY_DAYS),
        down_seconds=_parse_number(environ, "ROCKONWEB_DOWN_SECONDS", 120, minimum=0),
        keep_running=_parse_switch(environ, "ROCKONWEB_KEEP_RUNNING"),
        pull_timeout=_parse_number(environ, "ROCKONWEB_PULL_TIMEOUT", 300),
        registry_seconds=_parse_number(environ, "ROCKONWEB_REGISTRY_SECONDS", 4, minimum=0),
        tls_key=tls_key,
        tls_certificate=tls_certificate,
        allowed_hosts=_parse_hosts(environ.get("ROCKONWEB_HOSTS") or ""),
        trusted_proxies=_parse_proxies(environ.get("ROCKONWEB_PROXIES") or ""),
        public_url=_parse_public_url(environ.get("ROCKONWEB_URL") or ""),
    )


def read_environment() -> dict[str, str]:
    """Return the environment's variables, and those of the `.env` files that it does not have.

    The instance's own file counts before that of the working directory, which may belong to another program; that of
    a checkout counts for its own instance.
    """
    checkout = None if os.environ.get("ROCKONWEB_INSTANCE") else program.find_checkout()
    files = {**(_read_env_file(checkout) if checkout else {}), **_read_env_file(Path())}
    instance = program.locate_instance({**files, **os.environ})
    own = _read_env_file(instance)
    own.pop("ROCKONWEB_INSTANCE", None)
    return {**files, **own, **os.environ}


def _read_env_file(folder: Path) -> dict[str, str]:
    path = folder / ".env"
    if not os.access(path, os.R_OK):
        return {}
    from dotenv import dotenv_values  # most have no such file

    return {key: value or "" for key, value in dotenv_values(path).items()}


class KeyUnusable(RockonwebError):
    """The instance's key is missing, damaged, or not that of its database."""

    def __init__(self, sentence: str) -> None:
        super().__init__(
            sentence,
            t(
                "This key decrypts stored secrets, signs logins and marks the containers of this instance. Restore the "
                "file from a copy. Without a copy, `rockonweb forget-secrets` creates a new key and forgets what the "
                "old one encrypted."
            ),
        )


def secret_key(settings: Config) -> str:
    """Return the instance's key, which signs sessions and encrypts secrets at rest. Raises KeyUnusable."""
    path = settings.key_file
    try:
        key = path.read_text(errors="replace").strip()
    except FileNotFoundError:
        raise KeyUnusable(t("The key of this instance, %(path)s, is missing.", path=path)) from None
    if not KEY_PATTERN.fullmatch(key):
        raise KeyUnusable(t("The key of this instance, %(path)s, is empty or damaged.", path=path))
    return key


def create_secret_key(settings: Config) -> None:
    """Create the instance's key, unless another process was faster. It is on the disk when this returns."""
    path = settings.key_file
    make_private_folder(settings.instance)
    with temporary_file(path, secrets.token_urlsafe(32).encode()) as temporary, suppress(FileExistsError):
        os.link(temporary, path)


def make_private_folder(folder: Path) -> None:
    """Create a folder with mode 0700."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def temporary_file(path: Path, content: bytes, mode: int = 0o600) -> Iterator[Path]:
    """Yield a new, synced file with this content next to `path`, to be renamed to it: so writing is atomic.

    It is deleted at the end, unless it was renamed; then its new name is on the disk too.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse_bind(value: str) -> tuple[str, int]:
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise BadInput(f'ROCKONWEB_BIND is "{value}".', "It must be ADDRESS:PORT, such as 127.0.0.1:8000.")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104


def _parse_tls(environ: Mapping[str, str]) -> tuple[Path, Path] | tuple[None, None]:
    """Return the paths of the host's key and certificate, or None for both. Raises BadInput where only one is set."""
    key, certificate = environ.get("ROCKONWEB_TLS_KEY"), environ.get("ROCKONWEB_TLS_CERT")
    if key and certificate:
        return Path(key).absolute(), Path(certificate).absolute()
    if key or certificate:
        present, missing = ("KEY", "CERT") if key else ("CERT", "KEY")
        raise BadInput(
            f"ROCKONWEB_TLS_{present} is set and ROCKONWEB_TLS_{missing} is not.",
            "A key and its certificate belong together: set both, or neither.",
        )
    return None, None


def _split_list(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _parse_hosts(value: str) -> tuple[str, ...]:
    """Return host names and addresses of a list, in lower case. Raises BadInput for ports or wildcards."""
    hosts = []
    for item in _split_list(value):
        name = item.lower().rstrip(".").strip("[]")
        try:
            name = str(ip_address(name))
        except ValueError:
            if not HOST_NAME.fullmatch(name):
                raise BadInput(
                    f'ROCKONWEB_HOSTS names "{item}".',
                    "It must be names as they stand in the browser's address, without a port, with commas between "
                    "them, such as apps.example.org,server.lan.",
                ) from None
        hosts.append(name)
    return tuple(dict.fromkeys(hosts))


def _parse_proxies(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(network, strict=False) for network in _split_list(value))
    except ValueError:
        raise BadInput(
            f'ROCKONWEB_PROXIES is "{value}".',
            "It must be addresses or networks with commas between them, such as 127.0.0.1,172.18.0.0/16.",
        ) from None


def _parse_public_url(value: str) -> str:
    url = urlsplit(value)
    if value and (url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment):
        raise BadInput(
            f'ROCKONWEB_URL is "{value}".',
            "It must be the address by which people open the pages, such as https://apps.example.org.",
        )
    return value.rstrip("/")


def _parse_number(
    environ: Mapping[str, str], key: str, default: int, minimum: int = 1, maximum: int | None = None
) -> int:
    value = environ.get(key) or str(default)
    if not value.isdecimal() or int(value) < minimum or (maximum is not None and int(value) > maximum):
        limits = f"from {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise BadInput(f'{key} is "{value}".', f"It must be a whole number {limits}.")
    return int(value)


def _parse_switch(environ: Mapping[str, str], key: str) -> bool:
    value = environ.get(key) or "yes"
    if value not in ("yes", "no"):
        raise BadInput(f'{key} is "{value}".', "It must be yes or no.")
    return value == "yes"


def _default_shares_root(instance: Path) -> Path:
    """Return Rockstor's root where something is mounted below it, else a folder of the instance."""
    try:
        mounted = any(os.path.ismount(path) for path in ROCKSTOR_SHARES_ROOT.iterdir())
    except OSError:
        mounted = False
    return ROCKSTOR_SHARES_ROOT if mounted else instance / "shares"


def instance_id(settings: Config) -> str:
    """Return the id with which this instance labels its containers, derived from its key."""
    return hashlib.sha256(b"instance " + secret_key(settings).encode()).hexdigest()[:12]


def own_request_key(key: str) -> str:
    """Return what this instance's own processes send as `OWN_KEY_HEADER`, derived from its key."""
    return hashlib.sha256(b"own request " + key.encode()).hexdigest()


def current_config() -> Config:
    """Return the configuration of the current application."""
    settings: Config = current_app.config["SETTINGS"]
    return settings
