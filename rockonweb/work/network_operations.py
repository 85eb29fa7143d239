"""Operations on rocknets: submits and plans them, and stores what came of them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rockonweb.accounts import audit
from rockonweb.core.containers.networks import Endpoint, NetworkSpec
from rockonweb.core.errors import Conflict
from rockonweb.core.operations.lifecycle import Progress
from rockonweb.core.operations.requests import (
    ChangeNetworkRequest,
    CreateNetworkRequest,
    NetworkRequest,
    RemoveNetworkRequest,
)
from rockonweb.core.plan.network import plan_network
from rockonweb.core.plan.plan import Plan
from rockonweb.core.text import t
from rockonweb.host import Engine, get_host
from rockonweb.models import (
    ACTIVE_PROGRESS,
    Installation,
    Network,
    NetworkMember,
    Operation,
    db,
    transaction,
)
from rockonweb.work import mastership, queue, rocknets, scheduler
from rockonweb.work.rocknets import Rocknet

# -- submitting -------------------------------------------------------------------------------------------------------


def submit_creation(spec: NetworkSpec, user: str) -> int:
    """Store a new network, queue its creation and return the operation's id.

    Raises InvalidNetwork, Conflict where the name was taken in the meantime, EngineError, QueueUnreachable.
    """
    with get_host().connect_docker() as docker:
        rocknets.refuse_invalid(spec, docker, is_new=True)
    return _submit(CreateNetworkRequest(spec), (), user)


def submit_change(spec: NetworkSpec, user: str) -> int | None:
    """Queue the change of a network and return the operation's id; None where only the comment was changed, which is
    stored at once. The same specification recreates what is missing in Docker.

    Raises InvalidNetwork, Conflict, EngineError, QueueUnreachable.
    """
    with get_host().connect_docker() as docker:
        net = rocknets.load_rocknet(spec.name, docker)
        if refusal := rocknets.change_refusal(net):
            raise refusal
        rocknets.refuse_invalid(spec, docker)
    if net.facts is None or spec.comment == net.desired_spec.comment or _differs_in_docker(spec, net):
        return _submit(ChangeNetworkRequest(spec), net.rockon_names, user)
    with transaction() as session:
        _refuse_busy(_unfinished_operation(session, spec.name), spec.name)
        _store_spec(session, spec)
    return None


def submit_removal(name: str, user: str) -> int:
    """Queue the removal of a network and return the operation's id. Raises Conflict, EngineError, QueueUnreachable."""
    with get_host().connect_docker() as docker:
        net = rocknets.load_rocknet(name, docker)
    if refusal := rocknets.removal_refusal(net):
        raise refusal
    return _submit(RemoveNetworkRequest(name), net.rockon_names, user)


def submit_again(request: NetworkRequest, user: str) -> int | None:
    """Submit the request of an operation that failed once more; returns and raises what its first submission does."""
    match request:
        case CreateNetworkRequest(spec):
            return submit_creation(spec, user)
        case ChangeNetworkRequest(spec):
            return submit_change(spec, user)
        case RemoveNetworkRequest(name):
            return submit_removal(name, user)


def _submit(request: NetworkRequest, rockons: Iterable[str], user: str) -> int:
    """Queue an operation on a network that `rockons` (names) are on; one of the same request is joined.

    Raises Conflict where another one on that network is queued or runs.
    """
    queue.ping()
    mastership.refuse_submission()
    name = network_name(request)
    with transaction() as session:
        scheduler.lock_operations(session)
        unfinished = _unfinished_operation(session, name)
        if unfinished and unfinished.request == request and not unfinished.cancel_requested:
            return unfinished.id
        _refuse_busy(unfinished, name)
        if isinstance(request, CreateNetworkRequest):
            _insert_network(session, request.spec)
        members = session.scalars(select(Installation).where(Installation.name.in_(rockons)))
        operation = Operation(
            kind=request.kind, network=name, user=user, parameters=request.to_json(), members=[*members]
        )
        session.add(operation)
        audit.record(f"operation.{request.kind}", name, user=user)
    return scheduler.dispatch_operation(operation.id)


def network_name(request: NetworkRequest) -> str:
    """Return the name of the network that a request is about."""
    return request.network if isinstance(request, RemoveNetworkRequest) else request.spec.name


def _insert_network(session: Session, spec: NetworkSpec) -> None:
    try:
        session.add(Network(network_spec=spec))
        session.flush()
    except IntegrityError:
        raise Conflict(t('A network named "%(name)s" already exists: choose another name.', name=spec.name)) from None


def _unfinished_operation(session: Session, name: str) -> Operation | None:
    return session.scalar(select(Operation).where(Operation.network == name, Operation.progress.in_(ACTIVE_PROGRESS)))


def _refuse_busy(unfinished: Operation | None, name: str) -> None:
    if unfinished:
        raise Conflict(
            t('The network "%(name)s" is busy with another operation.', name=name), t("Wait until it has finished.")
        )


# -- planning ---------------------------------------------------------------------------------------------------------


def plan_operation(operation: Operation, request: NetworkRequest, docker: Engine) -> Plan:
    """Plan an operation on a network by what Docker and the database have now; what was checked as it was submitted is
    checked again.

    Raises Conflict, InvalidNetwork, EngineError.
    """
    net = rocknets.load_rocknet(network_name(request), docker)
    is_removal = isinstance(request, RemoveNetworkRequest)
    if refusal := rocknets.removal_refusal(net) if is_removal else rocknets.change_refusal(net):
        raise refusal
    _refuse_newcomers(net, operation)
    if isinstance(request, RemoveNetworkRequest):
        exists = net.facts is not None and not net.name_taken
        return plan_network(net.name, None, docker.list_endpoints(net.name) if exists else {}, replaced=exists)
    rocknets.refuse_invalid(request.spec, docker)
    return plan_network(
        net.name,
        request.spec,
        _member_endpoints(net, docker),
        replaced=net.facts is not None and _differs_in_docker(request.spec, net),
    )


def _refuse_newcomers(net: Rocknet, operation: Operation) -> None:
    """Raise Conflict where a rock-on is on the network that was not as the operation was submitted."""
    connected = {member.rockon for member in net.members if member.rockon and member.connected}
    if newcomers := connected - {member.name for member in operation.members}:
        raise Conflict(
            t("%(names)s was connected to this network in the meantime, so nothing was done.",
              names=", ".join(sorted(newcomers))),
            t("Repeat it if it is to be done all the same."),
        )  # fmt: skip


def _member_endpoints(net: Rocknet, docker: Engine) -> dict[str, Endpoint]:
    """Return the endpoints of the rock-ons' containers that are on a network, or should be, by name."""
    containers, endpoints = docker.list_containers(), docker.list_endpoints(net.name)
    return {
        member.container: endpoints.get(member.container) or Endpoint()
        for member in net.members
        if member.container in containers and docker.acts_on(containers[member.container])
    }


def _differs_in_docker(spec: NetworkSpec, net: Rocknet) -> bool:
    """Whether Docker's network has to be recreated for a specification: more than the comment is new."""
    return {**vars(spec), "comment": ""} != {**vars(net.desired_spec), "comment": ""}


# -- storing the end --------------------------------------------------------------------------------------------------


def store_outcome(session: Session, operation: Operation) -> None:
    """Store what an operation that has ended made of its network; one that could not be created is forgotten."""
    done = operation.progress is Progress.DONE
    match operation.request:
        case CreateNetworkRequest(spec) if not done:
            session.execute(delete(Network).where(Network.name == spec.name))
        case ChangeNetworkRequest(spec) if done:
            _store_spec(session, spec)
        case RemoveNetworkRequest(name) if done:
            session.execute(delete(Network).where(Network.name == name))
            session.execute(delete(NetworkMember).where(NetworkMember.network == name))


def _store_spec(session: Session, spec: NetworkSpec) -> None:
    """Store a specification; one that leaves everything to Docker needs no row."""
    row = session.scalar(select(Network).where(Network.name == spec.name))
    if row is not None:
        row.network_spec = spec
    elif spec != NetworkSpec(spec.name):
        session.add(Network(network_spec=spec))


def notable_operations() -> dict[str, Operation]:
    """Return by network the last operation on it, where that is active or failed."""
    last_ids = select(func.max(Operation.id)).where(Operation.network.is_not(None)).group_by(Operation.network)
    notable = (*ACTIVE_PROGRESS, Progress.FAILED, Progress.INTERRUPTED)
    query = select(Operation).where(Operation.id.in_(last_ids), Operation.progress.in_(notable))
    return {operation.subject: operation for operation in db.session.scalars(query)}


def owed_rollbacks(network: str | None = None) -> list[int]:
    """Return the operations (ids) whose rollback is still pending: the last that ended on this network (None: each)."""
    last_ids = select(func.max(Operation.id)).where(
        Operation.network.is_not(None) if network is None else Operation.network == network,
        Operation.progress.not_in(ACTIVE_PROGRESS),
    )
    operations = db.session.scalars(select(Operation).where(Operation.id.in_(last_ids.group_by(Operation.network))))
    return [operation.id for operation in operations if operation.notes.owes]
