"""A Rockonweb in this process: its database, its shares and its rows, without pages and without workers.

Operations are begun as the pages begin them, and run here as a worker runs them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import inspect

from rockonweb import config, create_app
from rockonweb.core.answers.answers import Answers, read
from rockonweb.core.definition.definition import parse
from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.requests import ChangeRequest, InstallRequest, plain_request
from rockonweb.host import Host, engine
from rockonweb.models import Installation, Kind, Operation, RockOn, db, repository, writing
from rockonweb.work import operations, runner
from rockonweb.work.review import Review, Reviewed, prepare_review, submit_review
from tests.support.app import installation_of

from . import database
from .claims import free_port


def chosen_port(found: Review, container: str, number: int = 8080) -> int:
    """The host port that was chosen in what was reviewed."""
    chosen = found.answers.ports[container][number]
    assert chosen is not None
    return chosen


class Instance:
    """An instance in `folder`. It is used within `instance.app.app_context()`."""

    def __init__(self, folder: Path, redis_url: str, make: Callable[[config.Settings], Flask] = create_app) -> None:
        """Prepare it; `make` makes its application."""
        self.environ = {
            "ROCKONWEB_INSTANCE": str(folder / "instance"),
            "ROCKONWEB_SHARES_ROOT": str(folder / "shares"),
            "REDIS_URL": redis_url,
            "ROCKONWEB_HEALTH_SECONDS": "0",
            "DATABASE_URL": database.address(folder / "instance"),
        }
        self.settings = config.read(self.environ)
        self.app = make(self.settings)
        self.settings.shares_root.mkdir()
        self.raised: Exception | None = None  # by the operation that ran last
        self.asks_docker = True  # for a plan
        if not self.environ["DATABASE_URL"]:
            database.put(self.settings.instance / "rockonweb.db")

    # -- the catalogue ------------------------------------------------------------------------------------------

    def add(self, name: str, containers: Mapping[str, Mapping[str, Any]], **keys: Any) -> Installation:
        """Put a rock-on into the catalogue, or its newer definition; the launch order is that of `containers`."""
        filled = {container: {"launch_order": n, **body} for n, (container, body) in enumerate(containers.items(), 1)}
        body = {"description": "A sample.", "version": "1", "website": "", "containers": filled, **keys}
        parsed = parse(json.dumps({name: body}).encode())[0]
        with writing() as session:
            known = session.query(RockOn).filter_by(name=name).one_or_none()
            suggestions = repository.Suggestions.load(session)
            entry, _ = repository.put(
                session, known, parsed.definition, parsed.source, suggestions, origin="local", position=0
            )
        return installation_of(entry)

    # -- as the pages do ----------------------------------------------------------------------------------------

    def review(self, rockon: Installation, *, new_shares: Iterable[str] = (), **parts: Any) -> Review:
        """Answer everything that `parts` leaves open: a share per volume (it is made), a free port, `KEY-value`."""
        definition = rockon.definition
        given: dict[str, Any] = {
            "shares": {
                name: {path: f"{name}{path.replace('/', '-')}" for path in spec.volumes}
                for name, spec in definition.containers.items()
            },
            "environment": {
                name: {key: f"{key}-value" for key in spec.environment} for name, spec in definition.containers.items()
            },
            "custom_config": {key: f"{key}.example" for key in definition.custom_config},
        }
        for part, by_container in parts.items():
            given[part] = {**given.get(part, {}), **by_container}
        answers = read(definition, given, lambda _container, _port: free_port())
        fresh = frozenset(new_shares)
        for share in answers.used_shares():
            if share not in fresh and share not in Host(self.settings).shares.listing():
                Host(self.settings).shares.make(share)
        return self.look_at(rockon, InstallRequest(answers, fresh))

    def submit(self, found: Review) -> int:
        """Begin what was reviewed; returns the id of the operation, which waits."""
        return submit_review(found, "tester")

    def begin_change(self, rockon: Installation, **parts: Any) -> int:
        """Begin a change of some parts of the answers (`ports={"app": {80: 8080}}`), as reviewed now."""
        found = self.look_at(rockon, ChangeRequest(self.wanted(rockon, **parts)))
        assert not found.blocked, found.blocked
        return self.submit(found)

    def wanted(self, rockon: Installation, **parts: Any) -> Answers:
        """The present answers of a rock-on with some changed; lists and values of a container are replaced."""
        present = repository.answers_of(rockon)
        merged = {}
        for part, by_container in parts.items():
            had = getattr(present, part)
            merged[part] = {
                **had,
                **{c: {**had.get(c, {}), **new} if isinstance(new, dict) else new for c, new in by_container.items()},
            }
        return replace(present, **merged)

    def look_at(self, rockon: Installation, request: Reviewed) -> Review:
        """What the review page shows of a request."""
        docker = engine.connect(config.instance_id(self.settings)) if self.asks_docker else None
        try:
            return prepare_review(rockon, request, docker)
        finally:
            if docker:
                docker.close()

    # -- as a worker does ---------------------------------------------------------------------------------------

    def run(self, operation_id: int) -> Operation:
        """Run a waiting operation to its end, whatever that is."""
        self.raised = None
        try:
            runner.run(operation_id)
        except RockonwebError as error:
            self.raised = error
        db.session.rollback()
        return db.session.get_one(Operation, operation_id)

    def install(self, rockon: Installation, **answers: Any) -> Review:
        """Install a rock-on, which must work."""
        reviewed = self.review(rockon, **answers)
        assert not reviewed.blocked, reviewed.blocked
        self.succeed(self.submit(reviewed))
        return reviewed

    def do(self, kind: Kind, rockon: Installation) -> Operation:
        """Do one more operation, which must work."""
        return self.succeed(operations.begin(rockon, plain_request(kind), "tester"))

    def succeed(self, operation_id: int) -> Operation:
        """Run a waiting operation, which must work."""
        operation = self.run(operation_id)
        assert operation.progress == "done", f"{operation.error} {operation.hint}\n{told(operation)}"
        return operation

    # -- what is kept -------------------------------------------------------------------------------------------

    def rows_of(self, *tables: str) -> str:
        """All rows of these tables (without any: of all), as the database has them."""
        with db.engine.connect() as connection:
            return "\n".join(
                f"{table}: {row}"
                for table in tables or inspect(connection).get_table_names()
                for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')
            )


def told(operation: Operation) -> str:
    """What an operation's page tells of its steps."""
    return "\n".join(f"{step.progress}: {step.title}: {step.output}" for step in operation.steps)
