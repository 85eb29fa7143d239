"""The containers of others whose place apps have taken: they are kept until somebody removes them or puts them back."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, update

from rockonweb.accounts import audit
from rockonweb.core.errors import Conflict
from rockonweb.core.operations.requests import InstallRequest, UninstallRequest
from rockonweb.core.operations.steps import TakeOver, step_from_data
from rockonweb.core.plan.adoption import KeptState
from rockonweb.core.text import t
from rockonweb.host import Engine, get_host
from rockonweb.models import Installation, OldContainer, Operation, State, WatchedContainer, db, transaction, utc_now
from rockonweb.work import operations

LATER_DAYS = 30


def adopted_ids(operation: Operation) -> frozenset[str]:
    """Return the ids of the containers of others that an operation may change."""
    match operation.request:
        case InstallRequest(adopted=adopted):
            return frozenset(adopted.values())
        case UninstallRequest(give_back=True) if operation.installation:
            return frozenset(old.docker_id for old in operation.installation.old_containers if old.kept_name)
    return frozenset()


def store_adoption(operation: Operation, installation: Installation) -> None:
    """Store which containers an install that has succeeded has taken over, or that an uninstall has put them back."""
    request = operation.request
    if isinstance(request, UninstallRequest) and request.give_back:
        installation.old_containers = []
    if not isinstance(request, InstallRequest) or not request.adopted:
        return
    taken = [
        OldContainer(
            container=step.replacement,
            docker_id=step.container_id,
            name=step.container,
            kept_name=step.kept,
            restart_policy=row.memory["restart_policy"],
            running=row.memory["running"],
        )
        for row in operation.steps
        if row.memory and isinstance(step := step_from_data(row.kind, row.data), TakeOver)
    ]
    kept = [old for old in installation.old_containers if old.kept_name]
    installation.old_containers = [*kept, *reversed(taken)]
    db.session.execute(delete(WatchedContainer).where(WatchedContainer.docker_id.in_(request.adopted.values())))


def kept_states(installation: Installation, docker: Engine) -> list[KeptState]:
    """Return the containers of before an adoption, in the order in which they start. Raises Conflict without them."""
    kept = [old for old in installation.old_containers if old.kept_name]
    if not kept or not all(docker.kept_state(old.docker_id) for old in kept):
        raise Conflict(t("The old containers of %(name)s are no longer there.", name=installation.name))
    return [KeptState(old.name, old.docker_id, old.restart_policy, old.running) for old in kept]


def settle(installation: Installation, what: str, user: str, days: int = LATER_DAYS) -> int | None:
    """Have the old containers of an app removed now (`remove`) or after some days (`later`; 0: never by themselves), or
    go `back` to them for a user (name): an uninstall that puts them back, whose id is returned; where the app is not
    installed any more, they are put back at once.

    Raises Conflict where there are none, EngineError, QueueUnreachable.
    """
    if not any(old.kept_name for old in installation.old_containers):
        raise Conflict(t("The old containers of %(name)s are no longer there.", name=installation.name))
    if what == "back":
        with get_host().connect_docker() as docker:
            kept = kept_states(installation, docker)
            if installation.state is not State.AVAILABLE:
                return operations.submit_operation(installation, UninstallRequest(give_back=True), user)
            docker.adopted_ids = frozenset(state.id for state in kept)
            for state in kept:
                docker.give_back(state)
        with transaction() as session:
            session.execute(delete(OldContainer).where(OldContainer.docker_id.in_([state.id for state in kept])))
        return None
    if what == "remove":
        remove_old_containers(installation)
        return None
    remove_after = utc_now() + timedelta(days=days) if days else None
    with transaction() as session:
        rows = update(OldContainer).where(OldContainer.installation_id == installation.id)
        session.execute(rows.values(remove_after=remove_after))
    return None


def remove_old_containers(installation: Installation) -> None:
    """Remove the containers whose place an app has taken, but never their volumes. Raises EngineError."""
    kept = [old for old in installation.old_containers if old.kept_name]
    with get_host().connect_docker() as docker:
        docker.adopted_ids = frozenset(old.docker_id for old in kept)
        db.session.rollback()
        for old in kept:
            docker.remove_kept(old.docker_id)
    with transaction() as session:
        session.execute(delete(OldContainer).where(OldContainer.id.in_([old.id for old in kept])))
        audit.record("container.remove_old", installation.name)


def remove_expired() -> None:
    """Remove the old containers whose time is over. Raises EngineError."""
    is_expired = (OldContainer.remove_after < utc_now(), OldContainer.kept_name != "")
    expired = select(OldContainer.installation_id).where(*is_expired)
    for installation in db.session.scalars(select(Installation).where(Installation.id.in_(expired))).all():
        if installation.is_installed and not installation.is_pending:
            remove_old_containers(installation)
