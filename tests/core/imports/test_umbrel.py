"""Apps of Umbrel."""

import json

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.source import Outcome, SourcePage
from rockonweb.core.imports.umbrel import parse_umbrel, recognise_umbrel

MANIFEST = """\
manifestVersion: 1
id: notes
name: My Notes
tagline: Short
description: Keeps notes.
version: "2.10"
website: https://notes.example
port: 8080
path: /admin
dependencies: [lightning]
defaultUsername: admin
defaultPassword: first
"""
COMPOSE = """\
version: "3.7"
services:
  app_proxy:
    environment:
      APP_HOST: notes_web_1
      APP_PORT: 3000
      PROXY_AUTH_ADD: "$PROXY"
  web:
    image: demo/notes:2
    user: "1000:1000"
    environment:
      - LEVEL=info
      - PASSWORD=$APP_PASSWORD
      - TOKEN=${APP_SEED}
      - DATABASE=postgres://notes:${APP_SEED}@notes_db_1/notes
      - ADDRESS=http://${DEVICE_DOMAIN_NAME}:8080
      - PEER=$APP_NOTES_IP
    ports:
      - "${APP_NOTES_SSH_PORT}:22"
    volumes:
      - ${APP_DATA_DIR}/data/web:/data
      - ${UMBREL_ROOT}/data/storage:/storage
    depends_on: [db]
  db:
    image: demo/db
    environment:
      POSTGRES_PASSWORD: ${APP_SEED}
"""
EXPORTS = """\
export APP_NOTES_SSH_PORT="2222" # for git
export APP_NOTES_IP="10.21.0.7"
export APP_NOTES_KEY=$(derive_entropy "notes")
"""
FILES = {
    "notes/umbrel-app.yml": MANIFEST,
    "notes/docker-compose.yml": COMPOSE,
    "notes/exports.sh": EXPORTS,
    "notes/hooks/pre-start": "#!/bin/sh",
}


def parse(files=None, seed="seed"):
    files = FILES if files is None else files
    assert recognise_umbrel(files)
    return parse_umbrel(files, seed)


def test_what_the_store_shows_is_what_the_catalogue_shows():
    app = parse()
    assert (app.name, app.description, app.version) == ("My Notes", "Keeps notes.", "2.10")
    assert app.more_info == "The first sign-in: admin, first."
    assert app.page == SourcePage("notes_web_1", 3000, "admin")


def test_containers_have_the_names_under_which_they_ask_for_each_other():
    db, web = parse().containers
    assert (db.name, web.name) == ("notes_db_1", "notes_web_1")
    assert [" ".join(option) for option in web.options if option[0] != "--env"] == [
        "--user 1000:1000",
        "--publish 2222:22",
        "--publish 8080:3000",
        "--volume ./data/web:/data",
        "--volume ./data/storage:/storage",
        "--network notes_default",
        "--network-alias web",
    ]


def variables(container):
    return dict(value.partition("=")[::2] for flag, value in container.options if flag == "--env")


def test_its_secrets_are_new_for_each_seed_and_the_same_in_all_containers():
    (db, web), (_, other) = parse().containers, parse(seed="other").containers
    secret = variables(db)["POSTGRES_PASSWORD"]
    assert len(secret) == 64
    assert variables(web)["DATABASE"] == f"postgres://notes:{secret}@notes_db_1/notes"
    assert variables(web)["TOKEN"] == secret
    assert variables(web)["PASSWORD"] not in (secret, variables(other)["PASSWORD"])
    assert secret not in str(parse().report)


def test_what_the_store_asks_and_secrets_are_questions_and_all_else_is_fixed():
    [_, web] = parse().containers
    assert web.fixed == {"LEVEL"}
    imported = convert_app(parse(), ImportFacts("/mnt2"))
    questions = json.loads(imported.source)["My Notes"]["containers"]["notes_web_1"]["environment"]
    assert questions.keys() == {"PASSWORD", "TOKEN", "DATABASE", "ADDRESS", "PEER"}
    assert imported.answers.environment["notes_web_1"].keys() == {"PASSWORD", "TOKEN", "DATABASE"}


def test_what_is_not_here_is_told():
    report = parse().report
    assert {entry.what: str(entry.message) for entry in report if entry.outcome is Outcome.LEFT} == {
        "dependencies": "It needs other apps of Umbrel: lightning.",
        "notes/exports.sh": "It is a script that sets APP_NOTES_IP, APP_NOTES_KEY.",
        "notes/hooks/pre-start": "It is a script of Umbrel.",
    }
    assert "services.app_proxy" in [entry.what for entry in report if entry.outcome is Outcome.CHANGED]


def test_a_proxy_that_leads_elsewhere_is_told():
    app = parse(FILES | {"notes/docker-compose.yml": COMPOSE.replace("notes_web_1", "else_web_1")})
    assert app.page is None
    assert "services.app_proxy" in [entry.what for entry in app.report if entry.outcome is Outcome.LEFT]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("umbrel-app.yml", "- a", "notes/umbrel-app.yml must be an object"),
        ("umbrel-app.yml", "name: {a: b}", "name must be text"),
        ("umbrel-app.yml", "a: 1\na: 2", "notes/umbrel-app.yml, line 2"),
        ("umbrel-app.yml", "dependencies: 3", "dependencies must be a list"),
        ("umbrel-app.yml", "a: &a [*a]", "notes/umbrel-app.yml, line 1"),
        ("docker-compose.yml", "services: {app_proxy: {}}", "no services"),
        ("docker-compose.yml", "a: [", "docker-compose.yml, line"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(name, text, words):
    with pytest.raises(BadInput) as refused:
        parse(FILES | {f"notes/{name}": text})
    assert words in str(refused.value)


def test_a_manifest_alone_is_not_enough():
    with pytest.raises(BadInput, match="no Compose file"):
        parse({"umbrel-app.yml": MANIFEST})
