"""Apps of Runtipi, in all forms of its Compose files."""

import json

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.runtipi import parse_runtipi, recognise_runtipi
from rockonweb.core.imports.source import Outcome, SourcePage

CONFIG = {
    "id": "notes",
    "name": "My Notes",
    "tipi_version": 3,
    "version": "2.10",
    "port": 8128,
    "short_desc": "Short",
    "description": "Keeps notes.",
    "source": "https://notes.example",
    "url_suffix": "/admin",
    "form_fields": [
        {"type": "random", "label": "Key", "env_variable": "NOTES_KEY", "min": 40},
        {"type": "password", "label": "Password", "hint": "Of the owner.", "env_variable": "NOTES_PW",
         "required": True},
        {"type": "text", "label": "Level", "env_variable": "NOTES_LEVEL", "default": "info",
         "options": [{"label": "Little", "value": "info"}, {"label": "Much", "value": "debug"}]},
        {"type": "boolean", "label": "Open", "env_variable": "NOTES_OPEN"},
    ],
}  # fmt: skip
ENVIRONMENT = {
    "KEY": "${NOTES_KEY}",
    "PW": "${NOTES_PW}",
    "LEVEL": "${NOTES_LEVEL:-x}",
    "OPEN": "$NOTES_OPEN",
    "MODE": "home",
    "URL": "${APP_PROTOCOL:-http}://${APP_DOMAIN}",
}
OLD = json.dumps({"services": {"notes": {
    "image": "demo/notes:2",
    "container_name": "notes",
    "ports": ["${APP_PORT}:80", "222:22/udp"],
    "environment": ENVIRONMENT,
    "volumes": ["${APP_DATA_DIR}/data:/data", "${ROOT_FOLDER_HOST}/media:/media:ro"],
    "networks": ["tipi_main_network"],
    "labels": {"traefik.enable": "true", "traefik.http.rule": "Host(`${APP_DOMAIN}`)", "team": "home"},
}}})  # fmt: skip
MARKED = json.dumps({"services": {"notes": {
    **json.loads(OLD)["services"]["notes"],
    "ports": ["222:22/udp"],
    "x-runtipi": {"is_main": True, "internal_port": 80},
}}, "x-runtipi": {"schema_version": 2}})  # fmt: skip
OWN = json.dumps({"schemaVersion": 2, "services": [{
    "name": "notes",
    "image": "demo/notes:2",
    "isMain": True,
    "internalPort": 80,
    "addPorts": [{"hostPort": 222, "containerPort": 22, "udp": True}],
    "environment": [{"key": key, "value": value} for key, value in ENVIRONMENT.items()],
    "volumes": [
        {"hostPath": "${APP_DATA_DIR}/data", "containerPath": "/data"},
        {"hostPath": "${ROOT_FOLDER_HOST}/media", "containerPath": "/media", "readOnly": True},
    ],
    "extraLabels": {"traefik.enable": "true", "team": "home"},
}]})  # fmt: skip
FORMS = {
    "old": {"docker-compose.yml": OLD},
    "marked": {"docker-compose.yml": MARKED, "docker-compose.json": "{"},
    "own": {"docker-compose.json": OWN, "docker-compose.yml": OLD.replace("demo/", "old/")},
}


def parse(files, config=None):
    files = {"config.json": json.dumps(config or CONFIG), **files}
    assert recognise_runtipi(files)
    return parse_runtipi(files, "seed")


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_container(form):
    app = parse(FORMS[form])
    [container] = app.containers
    assert container.image == "demo/notes:2"
    assert sorted(" ".join(option) for option in container.options if option[0] != "--env") == [
        "--label team=home",
        "--publish 222:22/udp",
        "--publish 8128:80",
        "--volume ./data:/data",
        "--volume ./media:/media:ro",
    ]
    assert app.page == SourcePage("notes", 80, "admin")
    assert (app.name, app.description, app.version, app.website) == (
        "My Notes", "Keeps notes.", "2.10", "https://notes.example",
    )  # fmt: skip
    told = [entry.what for entry in app.report if entry.outcome is Outcome.LEFT]
    assert told == ["services.notes.labels"] + ["services.notes.networks"] * (form != "own")


@pytest.mark.parametrize("form", FORMS)
def test_its_form_becomes_the_questions_and_all_else_is_fixed(form):
    app = parse(FORMS[form])
    imported = convert_app(app, ImportFacts("/mnt2"))
    questions = json.loads(imported.source)["My Notes"]["containers"]["notes"]["environment"]
    assert {key: (question["label"], question["description"]) for key, question in questions.items()} == {
        "KEY": ("Key", ""),
        "PW": ("Password", "Of the owner."),
        "LEVEL": ("Level", "One of: info, debug."),
        "OPEN": ("Open", ""),
        "URL": ("URL", 'In the store it is "${APP_PROTOCOL:-http}://${APP_DOMAIN}".'),
    }
    answers = imported.answers.environment["notes"]
    assert len(answers.pop("KEY")) == 40
    assert answers == {"LEVEL": "info", "OPEN": "false"}
    assert app.containers[0].fixed == {"MODE"}


def test_keys_of_its_own_are_put_into_those_of_compose():
    service = json.loads(OWN)["services"][0] | {
        "healthCheck": {"test": "true", "startPeriod": "5s"},
        "stopGracePeriod": "1m",
        "capAdd": ["NET_ADMIN"],
        "stdinOpen": True,
    }
    [container] = parse({"docker-compose.json": json.dumps({"services": [service]})}).containers
    assert {("--health-cmd", "true"), ("--health-start-period", "5s"), ("--stop-timeout", "60"),
            ("--cap-add", "NET_ADMIN"), ("--interactive", "")} <= {*container.options}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("config.json", '{"tipi_version": 1, "tipi_version": 2}', 'the key "tipi_version" is there twice'),
        ("config.json", '{"tipi_version": 1,', "config.json, line 1: not JSON"),
        ("config.json", '{"tipi_version": 1, "form_fields": {}}', "form_fields must be a list"),
        ("config.json", '["tipi_version"]', "config.json must be an object"),
        ("docker-compose.json", "{", "docker-compose.json, line 1: not JSON"),
        ("docker-compose.json", '{"services": {}}', "services must be a list"),
        ("docker-compose.json", '{"services": [{"name": "a", "volumes": ["/a"]}]}', "services[0].volumes[0] must be"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_sentence(name, text, words):
    with pytest.raises(BadInput) as refused:
        parse_runtipi({"config.json": json.dumps(CONFIG), "docker-compose.json": OWN, name: text}, "seed")
    assert words in str(refused.value)


def test_a_config_alone_is_not_enough():
    with pytest.raises(BadInput, match="no Compose file"):
        parse({})


def test_another_config_json_is_none_of_runtipi():
    assert not recognise_runtipi({"config.json": '{"name": "x"}'})
