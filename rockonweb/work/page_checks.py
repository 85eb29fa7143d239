"""Asks the pages of running apps now and then whether they answer: a container may run though its app hangs."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

from sqlalchemy import select

from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.operations.lifecycle import CLOSED_ROOM_KINDS
from rockonweb.core.operations.steps import UiPage
from rockonweb.host import get_host
from rockonweb.models import (
    ACTIVE_PROGRESS,
    Container,
    Installation,
    Operation,
    Port,
    RockOn,
    State,
    Status,
    db,
    transaction,
)

ASK_SECONDS = 60  # between two rounds
CONFIRM_SECONDS = 10  # until a page that did not answer is asked once more

_BUSY = select(Operation.installation_id).where(
    Operation.progress.in_(ACTIVE_PROGRESS),
    Operation.kind.not_in(CLOSED_ROOM_KINDS),
    Operation.installation_id.is_not(None),
)
Answers = Mapping[int, bool]  # by app


class PageChecker:
    """What the watcher remembers of the rounds. A thread asks, so that a page that hangs delays nothing else."""

    def __init__(self) -> None:
        self._last = -math.inf
        self._running: set[int] = set()  # the apps that ran at the last round
        self._answers: queue.SimpleQueue[Answers] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def check_pages(self) -> set[str]:
        """Begin a round if one is due, store the answers of the last one; return the apps that they change, by name.

        An app that has started since the last round is left alone: it may need a while.
        """
        changed = _store_answers(self._answers.get()) if not self._answers.empty() else set()
        if time.monotonic() - self._last >= ASK_SECONDS and not (self._thread and self._thread.is_alive()):
            self._last = time.monotonic()
            pages = _find_pages()
            settled = {key: page for key, page in pages.items() if key in self._running}
            self._running = set(pages)
            if settled:
                arguments = (get_host().ask_pages, settled, self._answers)
                self._thread = threading.Thread(target=_ask_twice, args=arguments, daemon=True)
                self._thread.start()
        db.session.rollback()
        return changed


def _ask_twice(
    ask: Callable[[Mapping[int, UiPage]], Answers], pages: Mapping[int, UiPage], answers: queue.SimpleQueue[Answers]
) -> None:
    first = ask(pages)
    if missed := {key: pages[key] for key, answered in first.items() if not answered}:
        time.sleep(CONFIRM_SECONDS)
        first = {**first, **ask(missed)}
    answers.put(first)


def _find_pages() -> dict[int, UiPage]:
    """Return the pages to ask, by app: of those that run, without an operation, unless that is turned off."""
    running = (
        select(Installation.id, Installation.name, Installation.installed_source)
        .join(RockOn, RockOn.id == Installation.entry_id)
        .where(Installation.state == State.INSTALLED, Installation.status == Status.STARTED)
        .where(RockOn.has_ui, Installation.ask_page, Installation.id.not_in(_BUSY))
    )
    published = select(Container.installation_id, Container.name, Port.number, Port.host).join(Port.container)
    host_ports = {(row[0], row[1], row[2]): row[3] for row in db.session.execute(published.where(Port.ui))}
    pages = {}
    for installation_id, name, source in db.session.execute(running).all():
        if target := _ui_target(name, source or ""):
            container, number, https, on_host_network = target
            port = number if on_host_network else host_ports.get((installation_id, container, number))
            if port is not None:
                pages[installation_id] = UiPage(port, https)
    return pages


@lru_cache(maxsize=200)
def _ui_target(name: str, source: str) -> tuple[str, int, bool, bool] | None:
    """Return the container and port of an app's page, whether it is https, and on the host's network; None for none."""
    definition = definition_from_source(name, source)
    if definition.ui_port is None:
        return None
    container, number = definition.ui_port
    return container, number, definition.ui.https, definition.containers[container].on_host_network


def _store_answers(answers: Answers) -> set[str]:
    """Store which pages answer; one that never has is unknown, as it may be no page. Returns the apps that changed."""
    changed = set()
    with transaction(durable=False) as session:
        query = select(Installation).where(Installation.id.in_(answers), Installation.id.not_in(_BUSY))
        for installation in session.scalars(query):
            answered = answers[installation.id] or (None if installation.page_answers is None else False)
            if answered is not installation.page_answers:
                installation.page_answers = answered
                changed.add(installation.name)
    return changed
