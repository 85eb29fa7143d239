"""Translates errors of the Docker SDK, the engine and the docker command into EngineError with a readable sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from rockonweb.core.docker.error_messages import explain_command, explain_message
from rockonweb.core.errors import EngineError
from rockonweb.core.text import t
from rockonweb.host.docker_socket import engine_unreachable


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
