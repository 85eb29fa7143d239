"""Docker's socket: whether anybody listens there, and what to do where nobody does. Needs no SDK."""

from __future__ import annotations

import os
import pwd
import shutil
import socket

from rockonweb.core.errors import EngineUnreachable
from rockonweb.core.text import t

DEFAULT_HOST = "unix:///var/run/docker.sock"  # the SDK's default


def refuse_absent_engine() -> None:
    """Raise EngineUnreachable where Docker is to be asked by a socket at which nobody listens.

    The SDK would find that out too, but takes longer to import than a plan to make.
    """
    path = (os.environ.get("DOCKER_HOST") or DEFAULT_HOST).removeprefix("unix://")
    if path.startswith("/"):
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(path)
            except OSError as error:
                raise engine_unreachable(f"{path}: {error}") from None


def engine_unreachable(error: object) -> EngineUnreachable:
    """Return the error for an engine that does not answer, with what to do about it."""
    from rockonweb.core.docker.error_messages import unreachable_hint  # with the patterns of all messages

    return EngineUnreachable(
        t("Docker does not answer."),
        unreachable_hint(str(error), user=_user_name(), is_installed=_is_docker_installed()),
        output=str(error),
    )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _is_docker_installed() -> bool:
    """Whether Docker's daemon is here, or its socket, which may be that of another place."""
    paths = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    named = bool(os.environ.get("DOCKER_HOST"))
    return named or os.path.exists("/var/run/docker.sock") or shutil.which("dockerd", path=paths) is not None
