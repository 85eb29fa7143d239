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
from rockonweb.core.answers.answers import Answers, read_answers
from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.requests import ChangeRequest, InstallRequest, blank_request
from rockonweb.host import Host, engine
from rockonweb.models import Installation, Kind, Operation, RockOn, db, port_suggestions, repository, transaction
from rockonweb.work import operations, runner
from rockonweb.work.review import Review, ReviewableRequest, prepare_review
from rockonweb.work.submission import submit_review
from tests.support.app import installation_of

from . import database
from .claims import free_port


def chosen_port(reviewed: Review, container: str, number: int = 8080) -> int:
    """The host port that was chosen in what was reviewed."""
    chosen = reviewed.final_answers.ports[container][number]
    assert chosen is not None
    return chosen


class Instance:
    """An instance in `folder`. It is used within `instance.app.app_context()`."""

    def __init__(self, folder: Path, redis_url: str, make: Callable[[config.Config], Flask] = create_app) -> None:
        """Prepare it; `make` makes its application."""
        self.environ = {
            "ROCKONWEB_INSTANCE": str(folder / "instance"),
            "ROCKONWEB_SHARES_ROOT": str(folder / "shares"),
            "REDIS_URL": redis_url,
            "ROCKONWEB_HEALTH_SECONDS": "0",
            "DATABASE_URL": database.database_url(folder / "instance"),
        }
        self.settings = config.load_config(self.environ)
        self.app = make(self.settings)
        self.settings.shares_root.mkdir()
        self.raised: Exception | None = None  # by the operation that ran last
        self.asks_docker = True  # for a plan
        if not self.environ["DATABASE_URL"]:
            database.put_database(self.settings.instance / "rockonweb.db")

    # -- the catalogue ------------------------------------------------------------------------------------------

    def add_rockon(self, name: str, containers: Mapping[str, Mapping[str, Any]], **keys: Any) -> Installation:
        """Put a rock-on into the catalogue, or its newer definition; the launch order is that of `containers`."""
        filled = {container: {"launch_order": n, **body} for n, (container, body) in enumerate(containers.items(), 1)}
        body = {"description": "A sample.", "version": "1", "website": "", "containers": filled, **keys}
        parsed = parse_definitions(json.dumps({name: body}).encode())[0]
        with transaction() as session:
            existing = session.query(RockOn).filter_by(name=name).one_or_none()
            suggestions = port_suggestions.PortSuggestions.load_taken(session)
            entry, _ = repository.upsert_entry(
                session, existing, parsed.definition, parsed.source, suggestions, origin="local", position=0
            )
        return installation_of(entry)

    # -- as the pages do ----------------------------------------------------------------------------------------

    def prepare_install(self, installation: Installation, *, new_shares: Iterable[str] = (), **parts: Any) -> Review:
        """Answer everything that `parts` leaves open: a share per volume (it is made), a free port, `KEY-value`."""
        definition = installation.current_definition
        values: dict[str, Any] = {
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
            values[part] = {**values.get(part, {}), **by_container}
        answers = read_answers(definition, values, lambda _container, _port: free_port())
        shares_to_create = frozenset(new_shares)
        for share in answers.used_shares():
            if share not in shares_to_create and share not in Host(self.settings).shares.shares_by_name():
                Host(self.settings).shares.create_share(share)
        return self.review_request(installation, InstallRequest(answers, shares_to_create))

    def submit_review(self, reviewed: Review) -> int:
        """Begin what was reviewed; returns the id of the operation, which waits."""
        return submit_review(reviewed, "tester")

    def submit_change(self, installation: Installation, **parts: Any) -> int:
        """Begin a change of some parts of the answers (`ports={"app": {80: 8080}}`), as reviewed now."""
        reviewed = self.review_request(installation, ChangeRequest(self.changed_answers(installation, **parts)))
        assert not reviewed.blocking_findings, reviewed.blocking_findings
        return self.submit_review(reviewed)

    def changed_answers(self, installation: Installation, **parts: Any) -> Answers:
        """The present answers of a rock-on with some changed; lists and values of a container are replaced."""
        present = repository.load_answers(installation)
        merged = {}
        for part, by_container in parts.items():
            present_part = getattr(present, part)
            merged[part] = {
                **present_part,
                **{
                    c: {**present_part.get(c, {}), **new} if isinstance(new, dict) else new
                    for c, new in by_container.items()
                },
            }
        return replace(present, **merged)

    def review_request(self, installation: Installation, request: ReviewableRequest) -> Review:
        """What the review page shows of a request."""
        docker = engine.connect_engine(config.instance_id(self.settings)) if self.asks_docker else None
        try:
            return prepare_review(installation, request, docker)
        finally:
            if docker:
                docker.close()

    # -- as a worker does ---------------------------------------------------------------------------------------

    def run_operation(self, operation_id: int) -> Operation:
        """Run a waiting operation to its end, whatever that is."""
        self.raised = None
        try:
            runner.run(operation_id)
        except RockonwebError as error:
            self.raised = error
        db.session.rollback()
        return db.session.get_one(Operation, operation_id)

    def install_rockon(self, installation: Installation, **answers: Any) -> Review:
        """Install a rock-on, which must work."""
        reviewed = self.prepare_install(installation, **answers)
        assert not reviewed.blocking_findings, reviewed.blocking_findings
        self.run_successfully(self.submit_review(reviewed))
        return reviewed

    def perform(self, kind: Kind, installation: Installation) -> Operation:
        """Do one more operation, which must work."""
        return self.run_successfully(operations.submit_operation(installation, blank_request(kind), "tester"))

    def run_successfully(self, operation_id: int) -> Operation:
        """Run a waiting operation, which must work."""
        operation = self.run_operation(operation_id)
        assert operation.progress == "done", f"{operation.error} {operation.hint}\n{describe_steps(operation)}"
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


def describe_steps(operation: Operation) -> str:
    """What an operation's page tells of its steps."""
    return "\n".join(f"{step.progress}: {step.title}: {step.output}{step.app_output}" for step in operation.steps)
