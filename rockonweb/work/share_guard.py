"""Apps whose share is absent: they are kept down, by Docker too, and started when it is back.

Docker starts containers by their restart policy, also where only the empty folder below a mount point is left of a
share. So that policy is `no` while the share is absent, and the container's own again afterwards.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable

from sqlalchemy import select

from rockonweb.core.errors import RockonwebError
from rockonweb.core.facts import UP_STATES, ContainerFacts
from rockonweb.core.operations.lifecycle import State
from rockonweb.core.operations.requests import RestartRequest, StartRequest, StopRequest
from rockonweb.host import Engine, get_host
from rockonweb.models import Container, Installation, Status, db, transaction
from rockonweb.work import known_shares, operations, scheduler, sync_status
from rockonweb.work.keep_running import GUARD, MAX_STARTS, count_starts, should_run_ids
from rockonweb.work.operations import KEEPER

CHECK_SECONDS = 60  # between two checks without any sign
logger = logging.getLogger(__name__)


class ShareGuard:
    """What the watcher remembers of its last check of the shares: when it was, and what was mounted."""

    def __init__(self) -> None:
        self._checked_at = -CHECK_SECONDS * 1.0
        self._mounts: object = None

    def is_due(self) -> bool:
        """Whether something was mounted or unmounted since the last check, or it is long ago. Costs one read."""
        is_old = time.monotonic() - self._checked_at > CHECK_SECONDS
        return is_old or get_host().shares.present_mounts() != self._mounts

    def check_apps(self, docker: Engine) -> None:
        """Hold the apps of which a share is absent, and release and start those of which all are back.

        An app goes on with the folder that its share had when it was started. One that was started with another is
        stopped, or restarted where the share is there now. Raises EngineError.
        """
        shares = get_host().shares
        mounts = shares.present_mounts()
        has_moved = mounts != self._mounts
        absent, held = known_shares.find_absent_shares(db.session(), shares), known_shares.held_ids(db.session())
        query = select(Installation).where(Installation.state == State.INSTALLED).order_by(Installation.id)
        is_complete = True
        containers = docker.list_containers().values()
        for installation in db.session.scalars(query).all():
            own = [container for container in containers if container.rockon == installation.name]
            names = shares.names_of(path for container in own for path in container.bind_mounts)
            if scheduler.is_changing(installation.id):
                is_complete = False
                continue
            try:
                if names & absent.keys():
                    _hold(installation, own, names & absent.keys())
                elif installation.id in held:
                    _release(installation, own)
                elif has_moved and names:
                    _follow_shares(installation, own)
            except RockonwebError as error:
                logger.warning("the shares of %s have to be checked again: %s", installation.name, error)
                is_complete = False
        db.session.rollback()
        if is_complete:
            self._checked_at, self._mounts = time.monotonic(), mounts


def _hold(installation: Installation, own: Iterable[ContainerFacts], absent: Collection[str]) -> None:
    """Let Docker not start an app, and stop it where it runs with another folder than that of its share."""
    shares = get_host().shares
    with get_host(installation).connect_docker() as docker:
        for container in own:
            _hold_container(installation.id, container.name, docker)
        paths = [
            (container.name, path)
            for container in own
            if container.state in UP_STATES
            for path in container.bind_mounts
            if shares.names_of([path]).intersection(absent)
        ]
        # Where it can't be seen, it is stopped: it might write to another disk.
        is_elsewhere = any(docker.mounts_present_folder(name, path) is not False for name, path in paths)
    if is_elsewhere:
        operations.submit_operation(installation, StopRequest(), GUARD)
    sync_status.sync_status(installation.id)


def _hold_container(rockon_id: int, name: str, docker: Engine) -> None:
    """Store the restart policy of a container before it is set to `no`, so that it is known whenever this ends."""
    policy = docker.restart_policy(name)
    with transaction() as session:
        query = select(Container).where(Container.installation_id == rockon_id, Container.name == name)
        row = session.scalar(query)
        if row is None:  # of a definition that it does not have any more
            return
        if row.held_restart_policy is None:
            row.held_restart_policy = policy
    if policy != "no":
        docker.set_restart_policy(name, "no")


def _release(installation: Installation, own: Collection[ContainerFacts]) -> None:
    """Give the containers of an app their restart policies back, and start it if a person last asked to run it.

    What is noted of its policies goes last, so that nothing is forgotten where this ends before.
    """
    names = {container.name for container in own}
    policies = {row.name: row.held_restart_policy for row in installation.containers if row.name in names}
    with get_host(installation).connect_docker() as docker:
        for name, policy in policies.items():
            if policy is not None and docker.restart_policy(name) == "no":  # else it was recreated since
                docker.set_restart_policy(name, policy)
    if own and installation.status is not Status.STARTED and installation.id in should_run_ids():
        operations.submit_operation(installation, StartRequest(), KEEPER)
    with transaction() as session:
        for row in session.scalars(select(Container).where(Container.installation_id == installation.id)):
            row.held_restart_policy = None
    sync_status.sync_status(installation.id)


def _follow_shares(installation: Installation, own: Iterable[ContainerFacts]) -> None:
    """Restart an app that runs with other folders than those of its shares, as Docker was faster than their disks; note
    the shares of one that runs with them.
    """
    shares = get_host().shares
    paths = [(item.name, path) for item in own if item.state == "running" for path in item.bind_mounts]
    own_paths = [(name, path) for name, path in paths if shares.names_of([path]) and not shares.missing_paths([path])]
    with get_host(installation).connect_docker() as docker:
        is_elsewhere = any(docker.mounts_present_folder(name, path) is False for name, path in own_paths)
    if not is_elsewhere:
        known_shares.remember_shares(shares, shares.names_of(path for _, path in own_paths))
    elif count_starts(installation.id) < MAX_STARTS:
        operations.submit_operation(installation, RestartRequest(), KEEPER)
