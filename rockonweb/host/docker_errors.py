"""Translates errors of the Docker SDK, the engine and the docker command into EngineError with a readable sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from rockonweb.core.errors import EngineError, EngineUnreachable, PortTaken
from rockonweb.core.text import t


@contextmanager
def translate_errors(name: str = "", refusal: Callable[[str, str], EngineError] | None = None) -> Iterator[None]:
    """Turn the SDK's exceptions into EngineError, APIError by `refusal`; `name`: the container, image or network."""
    try:
        yield
    except APIError as error:
        raise (refusal or _refusal_error)(name, str(error.explanation or error)) from None
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise engine_unreachable(error) from None


def _refusal_error(name: str, message: str) -> EngineError:
    if "port is already allocated" in message or "address already in use" in message:
        port = re.search(r":(\d+)(?: failed)?: (?:port is|bind)", message)
        return PortTaken(
            t(
                "Host port %(port)s, which %(name)s needs, is now in use.",
                port=port[1] if port else "?",
                name=name,
            ),
            t("Choose another port, or stop what is using it."),
            output=message,
        )
    if "no such file or directory" in message and "/dev/" in message:
        return EngineError(
            t("A device that %(name)s needs does not exist on this host.", name=name),
            t("Connect it, or leave the device blank."),
            output=message,
        )
    if "no space left" in message:
        return EngineError(
            t("Docker's disk is full."),
            t("Free up space where Docker stores its images, then try again."),
            output=message,
        )
    return EngineError(
        t("Docker reported an error: %(words)s", words=message.splitlines()[0] if message else "?"),
        t("Docker's full message is below."),
        output=message,
    )


def pull_error(image: str, message: str) -> EngineError:
    lowered = message.lower()
    if "no space left" in lowered:
        sentence = t("Docker's disk is full: %(image)s does not fit.", image=image)
        hint = t("Free up space where Docker stores its images, then try again.")
    elif any(phrase in lowered for phrase in ("manifest unknown", "not found", "does not exist", "repository name")):
        sentence = t('The image "%(image)s" was not found in its registry.', image=image)
        hint = t(
            "Its name or tag has changed, or it requires a login. Refresh the catalogue, or contact its maintainer."
        )
    elif any(phrase in lowered for phrase in ("denied", "unauthorized", "authentication")):
        sentence = t('The registry denied access to the image "%(image)s".', image=image)
        hint = t("It may need a login: docker login.")
    elif "no matching manifest" in lowered:
        sentence = t('The image "%(image)s" is not available for this machine\'s processor.', image=image)
        hint = t("Choose another rock-on.")
    elif "toomanyrequests" in lowered or "rate limit" in lowered:
        sentence = t('The registry limits downloads; "%(image)s" can\'t be pulled for now.', image=image)
        hint = t("Try again in a few hours, or log in: docker login.")
    else:
        sentence = t('The image "%(image)s" could not be pulled.', image=image)
        hint = t("Check that this machine reaches the internet, then try again.")
    return EngineError(sentence, hint, output=message)


def command_error(output: str, status: int) -> EngineError:
    message = output.removeprefix("docker: ").strip()
    if "Cannot connect to the Docker daemon" in message or "error during connect" in message:
        return engine_unreachable(message)
    match = re.search(r"(unknown (?:shorthand )?flag: .+)", message)
    if match:
        return EngineError(
            t("The definition uses an option that Docker does not have: %(words)s", words=match[1]),
            t("Contact the definition's maintainer."),
            output=message,
        )
    first = next((line for line in message.splitlines() if line.strip()), f"status {status}")
    first = first.removeprefix("Error response from daemon: ")
    return EngineError(
        t("Docker reported an error: %(words)s", words=first),
        t("Fix the reported problem, then try again."),
        output=message,
    )


def unmanaged_error(name: str) -> EngineError:
    return EngineError(
        t('A container named "%(name)s" exists that was not created by this Rockonweb; it is not changed.', name=name),
        t("Rename or remove it, for example: docker rename %(name)s %(name)s-old", name=name),
    )


def engine_unreachable(error: object) -> EngineUnreachable:
    return EngineUnreachable(
        t("Docker does not answer."),
        t("Start it (systemctl start docker), and check that this user may use its socket."),
        output=str(error),
    )
