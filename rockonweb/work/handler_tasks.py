"""The tasks that a rock-on's handler offers once it is installed: found for its page, planned for an operation."""

from __future__ import annotations

from rockonweb.core import handlers
from rockonweb.core.errors import Conflict
from rockonweb.core.facts import HostFacts
from rockonweb.core.handlers.tasks import FileTexts, HandlerTasks
from rockonweb.core.operations.requests import TaskRequest
from rockonweb.core.plan.plan import Plan
from rockonweb.core.text import t
from rockonweb.host import Engine
from rockonweb.models import Installation, State, repository


def find_tasks(installation: Installation) -> HandlerTasks | None:
    """Return the tasks of a rock-on; None where it is not installed or its handler has none."""
    return (
        handlers.find_handler(installation.current_definition).tasks if installation.state is State.INSTALLED else None
    )


def read_task_files(installation: Installation, tasks: HandlerTasks, docker: Engine) -> FileTexts:
    """Return the texts of the container files that the tasks depend on, by key. Read-only. Raises EngineError."""
    locations = tasks.required_files(installation.current_definition)
    return {key: docker.read_file(container, path) for key, (container, path) in locations.items()}


def plan_task(installation: Installation, request: TaskRequest, docker: Engine) -> Plan:
    """Return the plan of a task. Raises BadInput or Conflict for one that is not possible, EngineError."""
    tasks = find_tasks(installation)
    if tasks is None:
        raise Conflict(t("There are no tasks of this kind for %(name)s.", name=installation.name))
    answers = repository.load_answers(installation)
    facts = HostFacts(instance=docker.instance, containers=docker.list_containers())
    steps = tasks.plan_steps(
        installation.current_definition, answers, facts, read_task_files(installation, tasks, docker), request
    )
    return Plan(installation.name, tuple(steps))
