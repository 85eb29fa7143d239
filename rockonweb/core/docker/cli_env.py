"""How the docker client gets a command line that holds secrets, so that a list of processes (`ps`) shows none of them.

A secret variable goes as `-e KEY`, and its value through the client's own environment. A name that would steer the
client itself, or the loader that starts it, goes as a line of an `--env-file` that the client reads from its standard
input. What such a line can't hold stays `-e KEY=VALUE`: a value of several lines under a name that steers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rockonweb.core.docker import run_options
from rockonweb.core.secret import SecretWord, reveal_argv

MAX_LINE = 60_000  # bytes; the client's reader of such files stops at 64 KiB
_STEERING = re.compile(
    "|".join(
        (
            r"LD_.*|DYLD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|LOCPATH|NLSPATH|MALLOC_.*|RES_OPTIONS|LOCALDOMAIN",
            r"HOSTALIASES|RESOLV_.*|ASAN_.*|LSAN_.*",  # the loader and the C library
            r"GO[A-Z0-9_]*|SSL_CERT_.*|ZONEINFO|TZ|TZDIR|OTEL_.*|GRPC_.*|NO_COLOR",  # Go and what the client is made of
            r"DOCKER_.*|BUILDKIT_.*|BUILDX_.*|COMPOSE_.*|MOBY_.*|CONTAINERS?_.*|REGISTRY_AUTH_FILE|STORAGE_.*",
            r"[A-Z0-9]+_PROXY|SSH_AUTH_SOCK|SSH_ASKPASS.*|SSH_SK_.*|NOTIFY_SOCKET|LISTEN_.*",
            r"PATH|HOME|USER|LOGNAME|SHELL|PWD|OLDPWD|TERM|COLUMNS|LINES|TMP|TEMP|TMPDIR|XDG_.*|LANG|LANGUAGE|LC_.*",
            r"IFS|ENV|CDPATH|PS4|SHELLOPTS|POSIXLY_CORRECT|BASH.*|PYTHON.*|PERL.*|NODE_OPTIONS",  # where it is a script
        )
    ),
    re.IGNORECASE,
)


@dataclass(frozen=True)
class DockerCliEnv:
    """What a client is started with: its words, variables to add to its environment, and its standard input."""

    argv: list[str]
    environment: Mapping[str, str]
    env_file: str = ""


def affects_docker_cli(name: str) -> bool:
    """Whether a variable of this name would mean something to the docker client, or to what starts it."""
    return bool(_STEERING.fullmatch(name))


def docker_cli_env(argv: Iterable[str]) -> DockerCliEnv:
    """Return how the client gets a command line `docker run …` or `docker create …`."""
    command = list(argv)
    env_flags = [flag for flag in run_options.parse_command_line(command).flags if flag.name == "env"]
    key_counts = Counter(flag.value.partition("=")[0] for flag in env_flags)
    environment: dict[str, str] = {}
    lines: dict[int, str] = {}  # by where the variable stands
    for flag in env_flags:
        if not isinstance(flag.value, SecretWord):
            continue
        key, _, value = flag.value.revealed.partition("=")
        if not affects_docker_cli(key):
            environment[key] = value
            command[flag.end - 1] = key
        elif key_counts[key] == 1 and _fits_env_line(key, value):  # of two the later wins: their order must stay
            lines[flag.end] = f"{key}={value}\n"
    cli_argv = reveal_argv(run_options.remove_flags(command, lambda flag: flag.end in lines))
    if lines:
        cli_argv[2:2] = ["--env-file", "/dev/stdin"]
    return DockerCliEnv(cli_argv, environment, "".join(lines.values()))


def _fits_env_line(key: str, value: str) -> bool:
    line = f"{key}={value}"
    return not {"\n", "\r", "\0"} & set(line) and not key.startswith("#") and len(line.encode()) < MAX_LINE
