"""How secrets are passed to the docker CLI, so that a list of processes (`ps`) shows none of them.

A secret variable is passed as `-e KEY`, with its value in the CLI's environment. A name that would affect the CLI
itself, or the loader that starts it, is passed as a line of an `--env-file`, which the CLI reads from its standard
input. Only what such a line can't contain stays `-e KEY=VALUE`: a value of several lines under such a name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rockonweb.core.docker import run_options
from rockonweb.core.secret import SecretWord, reveal_argv

MAX_LINE = 60_000  # bytes; the CLI's reader of such files stops at 64 KiB
_STEERING = re.compile(
    "|".join(
        (
            r"LD_.*|DYLD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|LOCPATH|NLSPATH|MALLOC_.*|RES_OPTIONS|LOCALDOMAIN",
            r"HOSTALIASES|RESOLV_.*|ASAN_.*|LSAN_.*",  # the loader and the C library
            r"GO[A-Z0-9_]*|SSL_CERT_.*|ZONEINFO|TZ|TZDIR|OTEL_.*|GRPC_.*|NO_COLOR",  # Go and the CLI's libraries
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
    """What the docker CLI is started with: arguments, variables added to its environment, and its standard input."""

    argv: list[str]
    environment: Mapping[str, str]
    env_file: str = ""


def affects_docker_cli(name: str) -> bool:
    """Whether a variable of this name would affect the docker CLI, or what starts it."""
    return bool(_STEERING.fullmatch(name))


def docker_cli_env(argv: Iterable[str]) -> DockerCliEnv:
    """Return how to execute a command line `docker run …` or `docker create …`."""
    command = list(argv)
    env_flags = [flag for flag in run_options.parse_command_line(command).flags if flag.name == "env"]
    key_counts = Counter(flag.value.partition("=")[0] for flag in env_flags)
    environment: dict[str, str] = {}
    lines: dict[int, str] = {}  # by `Flag.end` of the variable
    for flag in env_flags:
        if not isinstance(flag.value, SecretWord):
            continue
        key, _, value = flag.value.revealed.partition("=")
        if not affects_docker_cli(key):
            environment[key] = value
            command[flag.end - 1] = key
        elif key_counts[key] == 1 and _fits_env_line(key, value):  # of two, Docker uses the later one: keep their order
            lines[flag.end] = f"{key}={value}\n"
    cli_argv = reveal_argv(run_options.remove_flags(command, lambda flag: flag.end in lines))
    if lines:
        cli_argv[2:2] = ["--env-file", "/dev/stdin"]
    return DockerCliEnv(cli_argv, environment, "".join(lines.values()))


def _fits_env_line(key: str, value: str) -> bool:
    line = f"{key}={value}"
    return not {"\n", "\r", "\0"} & set(line) and not key.startswith("#") and len(line.encode()) < MAX_LINE
