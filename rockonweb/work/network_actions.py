"""How steps on networks are performed and undone."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import TypeAdapter

from rockonweb.core.containers.networks import Endpoint
from rockonweb.core.errors import EngineError, RockonwebError
from rockonweb.core.operations.steps import ConnectNetwork, CreateNetwork, DisconnectNetwork, RemoveNetwork
from rockonweb.core.text import TranslatableText, t
from rockonweb.work import rocknets
from rockonweb.work.step_actions import StepAction, StepContext, UndoableAction, UndoState, register_for


@register_for(CreateNetwork)
class _CreateNetworkAction(UndoableAction[CreateNetwork]):
    def do(self, context: StepContext, step: CreateNetwork, row_id: int) -> None:
        spec = step.spec or rocknets.stored_spec(step.network)
        if not context.engine.ensure_network(step.network, context.operation_uid, spec):
            context.retitle_step(row_id, t("use network %(network)s, which exists already", network=step.network))

    def undo(self, context: StepContext, step: CreateNetwork, undo_state: UndoState, *, ended: bool) -> str | None:
        if step.network in context.engine.operation_networks(context.operation_uid):
            return _remove_network(context, step.network, required=step.spec is not None)
        return None


@register_for(RemoveNetwork)
class _RemoveNetworkAction(StepAction[RemoveNetwork]):
    def prepare_undo(self, context: StepContext, step: RemoveNetwork) -> UndoState | None:
        return context.engine.network_config(step.network) if step.required else None

    def do(self, context: StepContext, step: RemoveNetwork, row_id: int) -> None:
        if not step.required and rocknets.stored_spec(step.network):
            context.retitle_step(row_id, t("leave network %(network)s: an owner created it", network=step.network))
        elif instead := _remove_network(context, step.network, required=step.required):
            context.retitle_step(row_id, instead)

    def undo(self, context: StepContext, step: RemoveNetwork, undo_state: UndoState, *, ended: bool) -> None:
        context.engine.restore_network(undo_state)


def _remove_network(context: StepContext, name: str, *, required: bool) -> TranslatableText | None:
    """Remove a network; return what was done instead and why, None where it was removed.

    Raises EngineError where its removal is `required` and it is in use.
    """
    instead = context.engine.remove_network(name)
    if required and instead and context.engine.network_id(name) is not None:
        raise EngineError(
            t('Something else is connected to the network "%(name)s".', name=name), t("Disconnect it first.")
        )
    return instead


@register_for(ConnectNetwork)
class _ConnectNetworkAction(StepAction[ConnectNetwork]):
    def prepare_undo(self, context: StepContext, step: ConnectNetwork) -> UndoState | None:
        container = context.engine.inspect_container(step.container)
        if container and step.network in container.networks:
            return None
        return {"network_id": context.engine.network_id(step.network)}

    def do(self, context: StepContext, step: ConnectNetwork, row_id: int) -> str:
        try:
            if not context.engine.connect_network(step.network, step.container, step.endpoint):
                title = t("%(container)s is on network %(network)s already", **_endpoint_names(step))
                context.retitle_step(row_id, title)
        except RockonwebError as error:
            if step.required:
                raise
            title = t("%(container)s could not be connected to network %(network)s", **_endpoint_names(step))
            context.retitle_step(row_id, title)
            return error.output or error.sentence
        return ""

    def undo(self, context: StepContext, step: ConnectNetwork, undo_state: UndoState, *, ended: bool) -> None:
        if context.engine.inspect_container(step.container):
            context.engine.disconnect_network(step.network, step.container, undo_state.get("network_id"))


@register_for(DisconnectNetwork)
class _DisconnectNetworkAction(StepAction[DisconnectNetwork]):
    def prepare_undo(self, context: StepContext, step: DisconnectNetwork) -> UndoState | None:
        endpoint = context.engine.find_endpoint(step.network, step.container)
        return None if endpoint is None else asdict(endpoint)

    def do(self, context: StepContext, step: DisconnectNetwork, row_id: int) -> None:
        if not context.engine.disconnect_network(step.network, step.container):
            title = t("%(container)s is not on network %(network)s any more", **_endpoint_names(step))
            context.retitle_step(row_id, title)

    def undo(self, context: StepContext, step: DisconnectNetwork, undo_state: UndoState, *, ended: bool) -> None:
        if context.engine.inspect_container(step.container):
            endpoint = TypeAdapter(Endpoint).validate_python(undo_state)
            context.engine.connect_network(step.network, step.container, endpoint)


def _endpoint_names(step: ConnectNetwork | DisconnectNetwork) -> dict[str, str]:
    return {"container": step.container, "network": step.network}
