"""What the docker command sends to the engine for a `docker create` line: the same container without its process.

Only of lines whose options are all among those below; the others, and those that the engine refuses, are left to the
command itself, whose meaning and words they then have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rockonweb.core.docker.run_options import parse_command_line
from rockonweb.core.secret import reveal_argv

_FORMS = {  # of the values of options that are known here
    "device": r"/[^:=]+(?::/[^:=]+)?",
    "env": r"[^=]+=.*",
    "label": r"[^=]+(?:=.*)?",
    "name": r".+",
    "network": r"host",
    "publish": r"(?:(?P<address>[\d.]+):)?(?P<host>[1-9]\d*):(?P<port>[1-9]\d*)(?:/(?P<protocol>tcp|udp|sctp))?",
    "restart": r"no|always|unless-stopped",
    "user": r".+",
    "volume": r"/[^:]*|(?:/[^:]+|[A-Za-z0-9][A-Za-z0-9_.-]*):/[^:]*(?::[^:]*)?",
    "volumes-from": r".+",
}
_EMPTY_LISTS = (  # which the command sends, so that `docker inspect` says the same
    *("BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps", "BlkioWeightDevice"),
    *("Dns", "DnsOptions", "DnsSearch", "Ulimits"),
)


def create_request(argv: Sequence[str]) -> dict[str, Any] | None:
    """Return the body of the request that creates the container of a `docker create` line, secrets revealed; None where
    it is for the docker command.
    """
    words = reveal_argv(argv)
    options = parse_command_line(words)
    values: dict[str, list[str]] = {name: [] for name in _FORMS}
    for flag in options.flags:
        if not re.fullmatch(_FORMS.get(flag.name, r"(?!)"), flag.value, re.DOTALL):
            return None
        values[flag.name].append(flag.value)
    image, *command = words[options.image :] or [""]
    if options.fault or not image:
        return None
    ports: dict[str, list[dict[str, str]]] = {}
    for value in values["publish"]:
        if port := re.fullmatch(_FORMS["publish"], value):
            binding = {"HostIp": port["address"] or "", "HostPort": port["host"]}
            ports.setdefault(f"{port['port']}/{port['protocol'] or 'tcp'}", []).append(binding)
    volumes = dict.fromkeys(values["volume"])
    return {
        "AttachStdout": True,
        "AttachStderr": True,
        "User": "".join(values["user"][-1:]),
        "Env": [*{value.partition("=")[0]: value for value in values["env"]}.values()],
        "Cmd": command or None,
        "Image": image,
        "ExposedPorts": {port: {} for port in ports},
        "Volumes": {volume: {} for volume in volumes if ":" not in volume},
        "Labels": {key: value for key, _, value in (label.partition("=") for label in values["label"])},
        "HostConfig": {
            "Binds": [volume for volume in volumes if ":" in volume] or None,
            "NetworkMode": "".join(values["network"][-1:]) or "default",
            "PortBindings": ports,
            "RestartPolicy": {"Name": "".join(values["restart"][-1:]) or "no"},
            "VolumesFrom": values["volumes-from"] or None,
            **{name: [] for name in _EMPTY_LISTS},
            "Devices": [_device(value) for value in values["device"]],
        },
    }


def _device(value: str) -> dict[str, str]:
    path, _, target = value.partition(":")
    return {"PathOnHost": path, "PathInContainer": target or path, "CgroupPermissions": "rwm"}
