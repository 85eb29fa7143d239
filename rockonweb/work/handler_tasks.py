"""What a rock-on's handler offers once it is installed: looked at by its page, decided and done by an operation."""

from __future__ import annotations

from rockonweb.core import handlers
from rockonweb.core.errors import Conflict
from rockonweb.core.facts import HostFacts
from rockonweb.core.handlers.tasks import Files, Tasks
from rockonweb.core.operations.requests import TaskRequest
from rockonweb.core.plan.plan import Plan
from rockonweb.core.text import t
from rockonweb.host import Engine
from rockonweb.models import Installation, State, repository


def of(rockon: Installation) -> Tasks | None:
    """Return the tasks of an installed rock-on; None where there are none."""
    return handlers.find(rockon.definition).tasks if rockon.state is State.INSTALLED else None


def files(rockon: Installation, tasks: Tasks, docker: Engine) -> Files:
    """Return the text of the files that the tasks depend on. Changes nothing. Raises EngineError."""
    wanted = tasks.files(rockon.definition)
    return {key: docker.read_file(container, path) for key, (container, path) in wanted.items()}


def planned(rockon: Installation, order: TaskRequest, docker: Engine) -> Plan:
    """Return the steps of a task. Raises BadInput or Conflict for one that can't be done, EngineError."""
    tasks = of(rockon)
    if tasks is None:
        raise Conflict(t("There is nothing of this kind to do for %(name)s.", name=rockon.name))
    answers = repository.answers_of(rockon)
    facts = HostFacts(instance=docker.instance, containers=docker.containers())
    steps = tasks.steps(rockon.definition, answers, facts, files(rockon, tasks, docker), order)
    return Plan(rockon.name, tuple(steps))
