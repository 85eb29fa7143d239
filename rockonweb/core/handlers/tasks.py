"""Tasks that a handler offers on a rock-on's page once it is installed, each run as a few steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.requests import TaskRequest
from rockonweb.core.operations.steps import Step

FileTexts = Mapping[str, str | None]  # the text of each file by its key; None for a missing one


@dataclass(frozen=True)
class HandlerTasks:
    """A handler's tasks.

    `panel` names the pages that offer them. `required_files` says which files the tasks depend on: by key, the
    container whose file it is and the path in it. `plan_steps` plans a request from their texts; it raises BadInput or
    Conflict for what can't be done. Its HostFacts have only the containers.
    """

    panel: str
    required_files: Callable[[Definition], Mapping[str, tuple[str, str]]]
    plan_steps: Callable[[Definition, Answers, HostFacts, FileTexts, TaskRequest], list[Step]]
