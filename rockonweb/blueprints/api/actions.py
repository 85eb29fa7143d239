"""Installs and changes that scripts ask for, over the same functions as the pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from rockonweb.core.answers.answers import Answers
from rockonweb.core.errors import Conflict
from rockonweb.core.formats import rockstor_api
from rockonweb.core.formats.rockstor_api import Numbers
from rockonweb.core.operations.lifecycle import TRANSITIONS, Kind
from rockonweb.core.operations.requests import ChangeRequest, InstallRequest
from rockonweb.core.text import t
from rockonweb.host import host_of
from rockonweb.models import Installation, State, repository
from rockonweb.work.review import review_or_refuse, submit_review


def install(rockon: Installation, body: bytes, user: str) -> int:
    """Begin the install that a body asks for; return the operation's id.

    Raises BadInput, Conflict where something on the host speaks against it, EngineError or QueueUnreachable.
    """
    given = rockstor_api.read_body(body)
    _refuse_state(Kind.INSTALL, rockon)
    definition = rockon.read(rockon.entry.source)
    answers = rockstor_api.install(
        definition, _numbers(rockon), given, _stored(rockon), repository.suggested_port(rockon), _shares()
    )
    return submit_review(review_or_refuse(rockon, InstallRequest(answers)), user)


def update(rockon: Installation, body: bytes, user: str) -> int:
    """Begin the change of an installed rock-on that a body asks for; return the operation's id. Raises as `install`."""
    given = rockstor_api.read_body(body)
    _refuse_state(Kind.CHANGE, rockon)
    present = repository.answers_of(rockon)
    wanted = rockstor_api.update(
        rockon.definition, _numbers(rockon), given, present, repository.suggested_port(rockon), _shares()
    )
    return submit_review(review_or_refuse(rockon, ChangeRequest(wanted)), user)


def _shares() -> Collection[str]:
    return host_of().shares.listing()


def _numbers(rockon: Installation) -> Numbers:
    return Numbers(
        {one.id: one.name for one in rockon.containers},
        {port.id: (one.name, port.number) for one in rockon.containers for port in one.ports},
    )


def _stored(rockon: Installation) -> Answers:
    """Return the answers of an earlier install. After an uninstall all ports are to be published again."""
    found = repository.answers_of(rockon)
    if rockon.state is State.INSTALL_FAILED:
        return found
    ports: dict[str, dict[int, int | None]] = {
        name: {port: host for port, host in by.items() if host is not None} for name, by in found.ports.items()
    }
    return replace(found, ports=ports)


def _refuse_state(kind: Kind, rockon: Installation) -> None:
    if rockon.state not in TRANSITIONS[kind].allowed:
        state = str(rockon.state).replace("_", " ")
        raise Conflict(t("%(name)s is %(state)s, so nothing was done.", name=rockon.name, state=state))
