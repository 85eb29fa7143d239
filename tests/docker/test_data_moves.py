"""Real databases go from one major version to the next with their data, and back."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.models import Installation, repository
from rockonweb.work import rollback
from rockonweb.work.image_facts import CACHE
from rockonweb.work.review import Review, review_request
from rockonweb.work.submission import submit_review
from tests.support.database_images import FOLDERS, make_database_image
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps
from tests.support.registry import RegistryServer

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Database:
    """A server with an older and a newer version, and how its image is spoken to."""

    server: str
    old: str
    new: str
    environment: dict[str, str]
    is_ready: str
    client: tuple[str, ...]
    fill: tuple[str, ...]
    read: str  # of what `fill` wrote, 1000 lines
    version: str
    new_path: str  # where its data goes from the share "data", and where to if that was done once and undone
    next_path: str


POSTGRESQL = Database(
    "postgres",
    "15",
    "17",
    {"POSTGRES_USER": "notes", "POSTGRES_PASSWORD": "it's a $ecret", "POSTGRES_DB": "notes"},
    "pg_isready -q -h 127.0.0.1",
    ("psql", "-U", "notes", "-Atq", "-c"),
    (
        "CREATE ROLE \"reader role\" LOGIN PASSWORD 'r'",
        'CREATE DATABASE "odd name"',
        "CREATE TABLE note (text text)",
        "INSERT INTO note SELECT 'äöü ' || n FROM generate_series(1, 1000) n",
    ),
    "SELECT count(*), max(text) FROM note WHERE EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'reader role')",
    "SHOW server_version",
    "data/postgresql-17",
    "data/postgresql-17-2",
)
MARIADB = Database(
    "mariadb",
    "10.11",
    "11.8",
    {"MARIADB_ROOT_PASSWORD": "it's a $ecret"},
    "mariadb-admin -h 127.0.0.1 --protocol=tcp --silent ping",
    ("mariadb", "-uroot", "-pit's a $ecret", "-N", "-B", "notes", "-e"),
    (
        "CREATE USER reader IDENTIFIED BY 'r'",
        "CREATE DATABASE `odd name`",
        "CREATE TABLE note (text varchar(99)) CHARACTER SET utf8mb4",
        "INSERT INTO note SELECT concat('äöü ', seq) FROM seq_1_to_1000",
    ),
    "SELECT concat(count(*), '|', max(text)) FROM note WHERE EXISTS (SELECT 1 FROM mysql.user WHERE user = 'reader')",
    "SELECT version()",
    "data-mariadb/mariadb-11.8",
    "data-mariadb-2/mariadb-11.8",
)


def run_sql(engine: DockerDaemon, database: Database, *statements: str) -> str:
    """Return what the last statement prints, once the server takes connections."""
    loop = f"for i in $(seq 200); do {database.is_ready} && exit; sleep 0.1; done; exit 1"
    engine.run_docker("exec", "notes-db", "sh", "-c", loop)
    for statement in statements:
        printed = engine.run_docker("exec", "notes-db", *database.client, statement).strip()
    return printed


def install_notes(
    engine: DockerDaemon, registry: RegistryServer, instance: Instance, web: str, database: Database
) -> Installation:
    """Install an app with a database of the old version, whose image then means the new one."""
    image = f"{registry.address}/moves/{database.server}:latest"  # the registry has none: that on the host is used
    make_database_image(engine, database.server, database.old, image)
    folder = FOLDERS[database.server]
    rockon = instance.add_rockon(
        "Notes",
        {
            "notes-web": {"image": web, "tag": ""},
            "notes-db": {
                "image": image,
                "tag": "",
                "volumes": {folder: {}},
                "environment": {key: {"label": key, "description": key} for key in database.environment},
            },
        },
    )
    answers = {"shares": {"notes-db": {folder: "data"}}, "environment": {"notes-db": database.environment}}
    instance.install_rockon(rockon, **answers)
    run_sql(engine, database, *database.fill)
    make_database_image(engine, database.server, database.new, image)
    CACHE.clear_answers()
    return rockon


def review_move(rockon: Installation) -> Review:
    return review_request(rockon, ChangeRequest(move_data=True))


@pytest.mark.parametrize("database", [POSTGRESQL, MARIADB], ids=["postgresql", "mariadb"])
def test_the_data_goes_along_and_back_again(
    engine: DockerDaemon,
    registry: RegistryServer,
    instance: Instance,
    standin: Callable[..., str],
    database: Database,
) -> None:
    rockon = install_notes(engine, registry, instance, standin("moves/web:1"), database)
    folder, shares = FOLDERS[database.server], instance.settings.shares_root
    reviewed = review_move(rockon)
    assert reviewed.blocking_findings == []
    operation = instance.run_successfully(submit_review(reviewed, "tester"))
    assert re.search(r"As before: [23] databases, 1 tables\.", describe_steps(operation))
    assert run_sql(engine, database, database.version).startswith(database.new)
    assert run_sql(engine, database, database.read) == "1000|äöü 999"
    assert repository.load_answers(rockon).shares["notes-db"][folder] == database.new_path
    assert (shares / f"{database.new_path}.sql").stat().st_mode & 0o777 == 0o600
    run_sql(engine, database, "INSERT INTO note VALUES ('newer')")
    [point] = rollback.list_points(rockon)
    _, answers = rollback.load_point(point)
    back = review_request(rockon, ChangeRequest(answers, point.definition, point=point.id))
    assert back.blocking_findings == []
    instance.run_successfully(submit_review(back, "tester"))
    assert run_sql(engine, database, database.version).startswith(database.old)
    assert run_sql(engine, database, database.read) == "1000|äöü 999"
    assert repository.load_answers(rockon).shares["notes-db"][folder] == "data"
    assert any((shares / database.new_path).iterdir())  # nothing is deleted
    assert f"create folder {database.next_path}" in [step.title for step in review_move(rockon).plan.steps]
