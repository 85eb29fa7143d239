"""Portainer's lists of templates, of all versions, as apps."""

import json

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.portainer import parse_portainer, parse_templates, recognise_portainer
from rockonweb.core.imports.source import MAX_SOURCE_BYTES, Outcome

NOTES = {
    "id": 1,
    "type": 1,
    "title": "My Notes",
    "name": "notes",
    "description": "Keeps notes.",
    "note": "Sign in as <b>admin</b>.",
    "logo": "https://notes.example/logo.png",
    "registry": "registry.example",
    "image": "demo/notes:2",
    "network": "backend",
    "hostname": "notes",
    "privileged": True,
    "interactive": True,
    "restart_policy": "always",
    "command": "serve --name 'my notes'",
    "ports": ["8080:80/tcp", "53/udp"],
    "volumes": [
        {"container": "/data"},
        {"container": "/old/data"},
        {"container": "/config", "bind": "/portainer/Files/Notes"},
        {"container": "/var/run/docker.sock", "bind": "/var/run/docker.sock", "readonly": True},
    ],
    "env": [
        {"name": "LEVEL", "label": "Level", "description": "How much.", "select": [
            {"text": "Little", "value": "info", "default": True}, {"text": "Much", "value": "debug"}]},
        {"name": "ROOT", "default": "%", "preset": True},
        {"name": "PASSWORD", "label": "Password"},
    ],
    "labels": [{"name": "team", "value": "home"}],
    "wonder": 1,
}  # fmt: skip


def text_of(*templates, version="2"):
    return json.dumps({"version": version, "templates": templates})


def parse(template):
    [parsed] = parse_templates("templates.json", text_of(template))
    return parsed


@pytest.mark.parametrize(
    "text", [text_of(NOTES), text_of(NOTES, version="3"), json.dumps([NOTES | {"type": "container"}])]
)
def test_each_setting_becomes_an_option_in_every_version(text):
    assert recognise_portainer({"templates.json": text})
    app = parse_portainer({"templates.json": text})
    [container] = app.containers
    assert (app.name, container.name, container.image) == ("My Notes", "notes", "registry.example/demo/notes:2")
    assert container.command == ("serve", "--name", "my notes")
    assert [" ".join(option).strip() for option in container.options] == [
        "--network backend",
        "--hostname notes",
        "--restart always",
        "--privileged",
        "--interactive",
        "--tty",
        "--label team=home",
        "--publish 8080:80/tcp",
        "--publish 53:53/udp",
        "--volume ./data:/data",
        "--volume ./old-data:/old/data",
        "--volume ./config:/config",
        "--volume /var/run/docker.sock:/var/run/docker.sock:ro",
        "--env LEVEL=info",
        "--env ROOT=%",
        "--env PASSWORD",
    ]


def test_questions_have_the_templates_texts_and_preset_variables_are_none():
    imported = convert_app(parse(NOTES).app, ImportFacts("/mnt2"))
    spec = json.loads(imported.source)["My Notes"]["containers"]["notes"]
    assert spec["environment"] == {
        "LEVEL": {"label": "Level", "description": "How much. One of: info, debug. Suggested: info"},
        "PASSWORD": {"label": "Password", "description": ""},
    }
    assert ["--env", "ROOT=%"] in spec["opts"]
    assert imported.answers.shares["notes"]["/config"] == "my-notes/config"


def test_what_is_otherwise_or_not_taken_is_told_with_its_path():
    report = {(entry.what, entry.outcome) for entry in parse(NOTES).app.report}
    assert report == {
        ("templates[0].ports[1]", Outcome.CHANGED),
        ("templates[0].volumes[2]", Outcome.CHANGED),
        ("templates[0].wonder", Outcome.LEFT),
    }


def test_volumes_of_version_1_may_be_paths():
    [container] = parse({"type": "container", "title": "A", "image": "a", "volumes": ["/data"]}).app.containers
    assert container.options == (("--volume", "./data:/data"),)


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        (
            {"type": 3, "title": "A", "repository": {"url": "https://x.example/r", "stackfile": "a/compose.yml"}},
            "It is a stack: import its Compose file, a/compose.yml in https://x.example/r.",
        ),
        ({"type": 2, "title": "A", "stackfile": "https://x/y.yml"}, "It is a stack: import its Compose file, https://x/y.yml."),
        ({"type": 1, "title": "A", "image": "a", "platform": "windows"}, "It is for Windows."),
        ({"type": 1, "title": "A"}, "templates[0].image is missing."),
        ({"type": 1, "title": "A", "image": ["a"]}, "templates[0].image must be text."),
        ({"type": 1, "title": "A", "image": "a", "env": {"A": 1}}, "templates[0].env must be a list."),
        ({"type": 1, "title": "A", "image": "a", "env": ["A"]}, "templates[0].env[0] must be an object."),
        ({"type": 1, "title": "A", "image": "a", "env": [{"label": "A"}]}, "templates[0].env[0].name is missing."),
        ({"type": 1, "title": "A", "image": "a", "ports": [{}]}, "templates[0].ports[0] must be text."),
        ({"type": 1, "title": "A", "image": "a", "ports": ["web"]}, 'templates[0].ports[0]: "web:web/tcp" is no port'),
        ({"type": 1, "title": "A", "image": "a", "command": "'"}, "templates[0].command: a quote is not closed."),
    ],
)  # fmt: skip
def test_a_template_that_can_not_be_taken_says_why(template, fault):
    parsed = parse(template)
    assert (parsed.title, parsed.app, str(parsed.fault)) == ("A", None, fault)
    with pytest.raises(BadInput) as refused:
        parse_portainer({"t.json": text_of(template)})
    assert refused.value.faults == [f"A: {fault}"]


def test_a_list_of_several_is_a_metastore():
    with pytest.raises(BadInput, match=r"has 2 apps\. Add its address as a metastore"):
        parse_portainer({"templates.json": text_of(NOTES, NOTES)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "t.json, line 1: not JSON"),
        ('{"templates": [], "templates": []}', 'the key "templates" is there twice'),
        ('{"templates": {}}', "templates must be a list"),
        ('{"templates": []}', "has no templates"),
        ('{"templates": [1]}', r"templates\[0\] must be an object"),
        ("3", "t.json must be an object"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 60 + "]" * 60, "nested too deeply"),
        ("\0", "not JSON"),
        (text_of(*[{}] * 2001), "more than 2000 templates"),
        (text_of(NOTES) + " " * MAX_SOURCE_BYTES, "is larger than"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(text, words):
    with pytest.raises(BadInput, match=words):
        parse_templates("t.json", text)
    assert not recognise_portainer({"t.json": text})
