"""Translates errors of the Docker SDK, the engine and the docker command into EngineError with a readable sentence."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from rockonweb.core.docker.error_messages import explain_command, explain_message, unreachable_hint
from rockonweb.core.errors import EngineError, EngineUnreachable
from rockonweb.core.text import t


@contextmanager
def translate_errors(name: str = "", refusal: Callable[[str, str], EngineError] | None = None) -> Iterator[None]:
    """Turn the SDK's exceptions into EngineError, APIError by `refusal`; `name`: the container, image or network."""
    try:
        yield
    except APIError as error:
        raise (refusal or explain_message)(name, str(error.explanation or error)) from None
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise engine_unreachable(error) from None


def command_error(output: str, status: int, name: str = "", image: str = "") -> EngineError:
    """Return the error for what the docker client printed before it ended with this status."""
    if "Cannot connect to the Docker daemon" in output or "error during connect" in output:
        return engine_unreachable(output)
    if "permission denied while trying to connect" in output:
        return engine_unreachable(output)
    return explain_command(name, output, status, image)


def unmanaged_error(name: str) -> EngineError:
    return EngineError(
        t('A container named "%(name)s" exists that was not created by this Rockonweb; it is not changed.', name=name),
        t("Rename or remove it, for example: docker rename %(name)s %(name)s-old", name=name),
    )


def engine_unreachable(error: object) -> EngineUnreachable:
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
