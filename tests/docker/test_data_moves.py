"""A real PostgreSQL goes from one major version to the next with its data, and back."""

from collections.abc import Callable

import pytest

from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.models import Installation, repository
from rockonweb.work import rollback
from rockonweb.work.image_facts import CACHE
from rockonweb.work.review import Review, review_request
from rockonweb.work.submission import submit_review
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps
from tests.support.postgres_image import MAJORS, make_postgres_image
from tests.support.registry import RegistryServer

pytestmark = pytest.mark.slow
FOLDER = "/var/lib/postgresql/data"
ENVIRONMENT = {"POSTGRES_USER": "notes", "POSTGRES_PASSWORD": "it's a $ecret", "POSTGRES_DB": "notes"}


@pytest.fixture(scope="session")
def majors(engine: DockerDaemon) -> dict[str, str]:
    """The names of images with a PostgreSQL, by its major version."""
    names = {major: f"rwt/postgres:{major}" for major in MAJORS}
    for major, name in names.items():
        make_postgres_image(engine, major, name)
    return names


@pytest.fixture
def notes(
    engine: DockerDaemon,
    registry: RegistryServer,
    instance: Instance,
    standin: Callable[..., str],
    majors: dict[str, str],
) -> Installation:
    """An app with a database of PostgreSQL 15, whose image then means PostgreSQL 17."""
    image = f"{registry.address}/moves/postgres:latest"  # the registry has none, so that on the host is used
    engine.run_docker("tag", majors["15"], image)
    rockon = instance.add_rockon(
        "Notes",
        {
            "notes-web": {"image": standin("moves/web:1"), "tag": ""},
            "notes-db": {
                "image": image,
                "tag": "",
                "volumes": {FOLDER: {}},
                "environment": {key: {"label": key, "description": key} for key in ENVIRONMENT},
            },
        },
    )
    instance.install_rockon(rockon, shares={"notes-db": {FOLDER: "pgdata"}}, environment={"notes-db": ENVIRONMENT})
    await_database(engine)
    query(engine, "CREATE ROLE \"reader role\" LOGIN PASSWORD 'r'", "CREATE TABLE note (text text)")
    query(engine, 'CREATE DATABASE "odd name"', "INSERT INTO note SELECT 'äöü ' || n FROM generate_series(1, 1000) n")
    engine.run_docker("tag", majors["17"], image)
    CACHE.clear_answers()
    return rockon


def await_database(engine: DockerDaemon) -> None:
    loop = "for i in $(seq 100); do pg_isready -q -h 127.0.0.1 && exit; sleep 0.1; done; exit 1"
    engine.run_docker("exec", "notes-db", "sh", "-c", loop)


def query(engine: DockerDaemon, *statements: str) -> str:
    commands = [argument for statement in statements for argument in ("-c", statement)]
    return engine.run_docker("exec", "notes-db", "psql", "-U", "notes", "-Atq", *commands).strip()


def review_move(rockon: Installation) -> Review:
    return review_request(rockon, ChangeRequest(move_data=True))


def test_the_data_goes_along_and_back_again(engine: DockerDaemon, instance: Instance, notes: Installation) -> None:
    blocked = review_request(notes, ChangeRequest(rebuild=True, source=notes.installed_source))
    reviewed = review_move(notes)
    assert blocked.blocking_findings == reviewed.blocking_findings == []
    operation = instance.run_successfully(submit_review(reviewed, "tester"))
    for s_ in operation.steps:
        print("STEP", s_.title, s_.started, s_.finished)
    assert "As before: 3 databases, 1 tables." in describe_steps(operation)
    await_database(engine)
    assert query(engine, "SHOW server_version", "SELECT count(*), max(text) FROM note").startswith("17")
    assert "1000|äöü 999" in query(engine, "SELECT count(*), max(text) FROM note")
    assert query(engine, "SELECT 1 FROM pg_roles WHERE rolname = 'reader role'") == "1"
    assert repository.load_answers(notes).shares["notes-db"][FOLDER] == "pgdata/postgresql-17"
    share = instance.settings.shares_root / "pgdata"
    assert (share / "PG_VERSION").read_text() == "15\n"
    assert (share / "postgresql-17.sql").stat().st_mode & 0o777 == 0o600
    query(engine, "INSERT INTO note VALUES ('newer')")
    [point] = rollback.list_points(notes)
    _, answers = rollback.load_point(point)
    back = review_request(notes, ChangeRequest(answers, point.definition, point=point.id))
    assert back.blocking_findings == []
    instance.run_successfully(submit_review(back, "tester"))
    await_database(engine)
    assert query(engine, "SELECT split_part(version(), ' ', 2), count(*) FROM note").startswith("15")
    assert query(engine, "SELECT count(*) FROM note") == "1000"
    assert (share / "postgresql-17" / "PG_VERSION").read_text() == "17\n"  # nothing is deleted
    assert repository.load_answers(notes).shares["notes-db"][FOLDER] == "pgdata"
    steps = [step.title for step in review_move(notes).plan.steps]
    assert "create folder pgdata/postgresql-17-2" in steps
