"""The last lines that a rock-on's containers wrote, fit for a page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import current_app

from rockonweb.config import instance_id
from rockonweb.core.errors import EngineError
from rockonweb.core.secret import SecretWord, redact
from rockonweb.core.visible import UNSEEN
from rockonweb.host import engine
from rockonweb.models import CustomConfig, Environment, RockOn
from rockonweb.web.wording import say

TAIL = 200
# Colours and cursor movements of terminals, and control characters other than tab and newline.
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class ContainerLog:
    """The log of one container, or the sentence that says why it can't be had."""

    container: str
    text: str = ""
    error: str = ""


def of_containers(rockon: RockOn) -> list[ContainerLog]:
    """Ask Docker for the logs of a rock-on's containers. Secrets that were given as answers are masked."""
    names = [container.name for container in rockon.containers]
    try:
        docker = engine.connect(instance_id(current_app.config["SETTINGS"]), rockon.name)
    except EngineError as error:
        return [ContainerLog(name, error=say(error.sentence)) for name in names]
    try:
        return [_log(docker, name, _secrets(rockon)) for name in names]
    finally:
        docker.close()


def readable(text: str) -> str:
    """Return a log without what only a terminal understands."""
    return UNSEEN.sub("", _TERMINAL.sub("", text.replace("\r\n", "\n")))


def _log(docker: engine.Engine, name: str, secrets: list[SecretWord]) -> ContainerLog:
    try:
        return ContainerLog(name, redact(readable(docker.logs(name, TAIL)), secrets))
    except EngineError as error:
        return ContainerLog(name, error=say(error.sentence))


def _secrets(rockon: RockOn) -> list[SecretWord]:
    answers: list[tuple[str, Environment | CustomConfig]] = [("", setting) for setting in rockon.custom_config]
    answers += [(container.name, variable) for container in rockon.containers for variable in container.environment]
    return [SecretWord("", row.value) for container, row in answers if row.value and rockon.hides(row, container)]
