"""The systemd unit of the service: its text from what is known of the instance."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

UNIT_NAME = "rockonweb.service"
MARK = "# Written by `rockonweb service install`; `rockonweb service remove` removes it."
# Of root: owners and permissions of shares, Btrfs' subvolumes, which program uses a port, ports below 1024.
ROOT_CAPABILITIES = (
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID"),
    *("CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE"),
)

_PROTECT_LINE = """ExecStartPre=-/bin/sh -c 'mountpoint -q "$$0" || chattr +i "$$0"' """  # a shell's $0 is the path


@dataclass(frozen=True)
class ServiceFacts:
    """What the service is: its command, and what it may write to. Paths are absolute.

    `needed_paths` must be mounted first. `groups` are those of the user beside its own. `private_tmp` is False where
    others must find a socket in /tmp.
    """

    command: Sequence[str]
    working_folder: str
    environment: Mapping[str, str]
    user: str
    groups: Sequence[str]
    needed_paths: Sequence[str]
    writable_paths: Sequence[str]
    port: int
    private_tmp: bool = True


def format_unit(service: ServiceFacts) -> str:
    """Return the text of the unit.

    Docker's socket makes the service as powerful as root, so its limits are against mistakes: it writes to its own
    folders only. Containers are Docker's children, so stopping it leaves them.
    """
    return "\n".join((*_unit_lines(service), "", *_service_lines(service), "", *_install_lines())) + "\n"


def format_docker_dropin(mount_points: Sequence[str]) -> str:
    """Return the text of the drop-in by which Docker waits for these mount points when the machine starts.

    It starts without a disk that does not come, as other apps need none of it. Then nothing can be written into the
    empty folder in its place: that is made immutable, and can be mounted on as before.
    """
    units = " ".join(map(format_mount_unit, mount_points))
    return "\n".join(
        (
            MARK,
            "[Unit]",
            f"Wants={units}",
            f"After={units}",
            "",
            "[Service]",
            *(f"{_PROTECT_LINE}{_quote(path).replace('$', '$$')}" for path in mount_points),
            "",
        )
    )


def find_protected(dropin: str) -> list[str]:
    """Return the folders that Docker's start makes immutable by the text of this drop-in."""
    quoted = [line.removeprefix(_PROTECT_LINE)[1:-1] for line in dropin.splitlines() if line.startswith(_PROTECT_LINE)]
    plain = [word.replace("$$", "$").replace("%%", "%") for word in quoted]
    return [re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], word) for word in plain]


def is_awaited(mount_point: str, dropin: str) -> bool:
    """Whether Docker waits for a mount point by the text of this drop-in."""
    return format_mount_unit(mount_point) in dropin.partition("After=")[2].partition("\n")[0].split(" ")


def format_mount_unit(mount_point: str) -> str:
    """Return the name of the unit by which systemd mounts a path, as `systemd-escape --path` does."""
    escaped = "".join(
        "-" if char == "/" else char if char.isascii() and (char.isalnum() or char in ":_.") else _escape_bytes(char)
        for char in mount_point.strip("/")
    )
    return f"{_escape_bytes('.')}{escaped[1:]}.mount" if escaped.startswith(".") else f"{escaped}.mount"


def _escape_bytes(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def _unit_lines(service: ServiceFacts) -> list[str]:
    return [
        MARK,
        "[Unit]",
        "Description=Rockonweb: apps for a home server",
        "After=network-online.target docker.service",
        "Wants=network-online.target docker.service",
        f"RequiresMountsFor={_join_paths(service.needed_paths)}",
    ]


def _service_lines(service: ServiceFacts) -> list[str]:
    is_root = service.user == "root"
    capabilities = ROOT_CAPABILITIES if is_root else ("CAP_NET_BIND_SERVICE",) if service.port < 1024 else ()
    return [
        "[Service]",
        "Type=exec",
        f"User={service.user}",
        *([f"SupplementaryGroups={' '.join(service.groups)}"] if service.groups else []),
        f"WorkingDirectory={_escape_specifiers(service.working_folder)}",
        *(f"Environment={_quote(f'{key}={value}')}" for key, value in service.environment.items()),
        f"ExecStart={' '.join(map(_quote, service.command))}",
        "Restart=on-failure",
        "RestartSec=5",
        # SIGTERM to `up` alone, which stops its parts in order; SIGKILL to what is left of them.
        "KillMode=mixed",
        "TimeoutStopSec=60",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        f"ReadWritePaths={_join_paths(service.writable_paths)}{'' if service.private_tmp else ' /tmp'}",
        *(["PrivateTmp=yes"] if service.private_tmp else []),
        *(f"{name}=yes" for name in ("ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs")),
        *(f"{name}=yes" for name in ("ProtectControlGroups", "RestrictNamespaces", "RestrictRealtime")),
        "LockPersonality=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "SystemCallArchitectures=native",
        f"CapabilityBoundingSet={' '.join(capabilities)}",
        *(["AmbientCapabilities=CAP_NET_BIND_SERVICE"] if capabilities and not is_root else []),
    ]


def _install_lines() -> list[str]:
    return ["[Install]", "WantedBy=multi-user.target"]


def _join_paths(paths: Sequence[str]) -> str:
    return " ".join(_quote(path) for path in dict.fromkeys(paths))


def _quote(word: str) -> str:
    """Return a word for a line that systemd splits: quoted, and with neither specifiers nor escapes in it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{_escape_specifiers(escaped)}"'


def _escape_specifiers(text: str) -> str:
    return text.replace("%", "%%")
