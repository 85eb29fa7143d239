"""Sees to it that one copy of an instance at a time changes the containers of an engine; another one only watches."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress

from redis.exceptions import RedisError

from rockonweb.config import Config, current_config
from rockonweb.core.errors import Conflict, EngineError
from rockonweb.core.instance.lease import LEASE_SECONDS, Lease, end_lease, explain_other_copy, find_master, renew_lease
from rockonweb.host import Engine
from rockonweb.work import queue


class OtherCopyActive(EngineError):
    """Another copy of this instance looks after the engine, so this one changes nothing."""


def hold_lease(docker: Engine) -> Lease | None:
    """Renew this copy's lease. Returns the lease of another copy where that one looks after the engine, else None.

    Times are those of the engine's clock, the only one that all copies share. Raises EngineError.
    """
    settings = current_config()
    holder = holder_id(settings)
    leases = docker.list_leases()
    now = docker.answer_time()
    master = find_master(leases, now)
    if master and master.holder != holder:
        return master
    own = [lease for lease in leases if lease.holder == holder]
    if renewed := renew_lease(own, holder, f"{socket.gethostname()}:{settings.instance}", now):
        docker.write_lease(renewed, leases)
        if master is None and (rival := find_other_master(docker)):
            # Both claim it at the same moment: whoever sees the other does not get it.
            docker.remove_leases(lease for lease in docker.list_leases() if lease.holder == holder)
            return rival
    return None


def find_other_master(docker: Engine) -> Lease | None:
    """Return the lease of the other copy that looks after the engine if this one does not, None where there is none.

    Raises EngineError.
    """
    holder = holder_id(current_config())
    leases = [lease for lease in docker.list_leases() if lease.holder != holder]
    return find_master(leases, docker.answer_time())


def release_lease(docker: Engine) -> None:
    """Let another copy look after the engine soon, unless this one, which ends, comes back. Raises EngineError."""
    leases, holder = docker.list_leases(), holder_id(current_config())
    if ended := end_lease((lease for lease in leases if lease.holder == holder), docker.answer_time()):
        docker.write_lease(ended, leases)


def refuse_other_copy(docker: Engine) -> None:
    """Raise OtherCopyActive where another copy of this instance looks after the engine, or EngineError."""
    if other := hold_lease(docker):
        raise OtherCopyActive(*explain_other_copy(other.place))


def watch_lease(docker: Engine) -> bool:
    """Renew this copy's lease, and publish whether another one looks after the engine. Returns whether this one does.

    Raises EngineError or RedisError.
    """
    other = hold_lease(docker)
    if other:
        queue.redis_connection().set(_other_copy_key(), other.place, ex=LEASE_SECONDS)
    else:
        queue.redis_connection().delete(_other_copy_key())
    return other is None


def other_copy() -> tuple[str, str] | None:
    """Return a sentence with a hint where another copy looks after the engine, as the watcher has last published."""
    with suppress(RedisError):
        place = queue.redis_connection().get(_other_copy_key())
        return explain_other_copy(place.decode("utf-8", "replace")) if isinstance(place, bytes) else None
    return None


def refuse_submission() -> None:
    """Raise Conflict where another copy looks after the engine: an operation of this one would be refused."""
    if told := other_copy():
        raise Conflict(*told)


def _other_copy_key() -> str:
    """Return the key in Redis under which this copy's watcher stores where the copy is that looks after the engine."""
    return f"rockonweb:other-copy:{holder_id(current_config())}"


def holder_id(settings: Config) -> str:
    """Return what tells this copy from another: the folder itself, which a copy of it is not, and the machine."""
    status = os.stat(settings.instance)
    text = f"{socket.gethostname()} {status.st_dev} {status.st_ino}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
