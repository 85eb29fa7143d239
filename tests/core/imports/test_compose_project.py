"""The files of a Compose project become one: variables, `include`, `extends`, overrides, profiles."""

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.compose_project import load_project, main_files

APP = "services:\n  app:\n    image: demo\n"


def load(text="", /, env=None, **files):
    given = {name.replace("__", "/").replace("_", "."): body for name, body in files.items()}
    return load_project({"compose.yaml": text, **given} if text else given, env)


def refusal(*args, **kwargs):
    with pytest.raises(BadInput) as refused:
        load(*args, **kwargs)
    return refused.value.sentence


@pytest.mark.parametrize(
    ("text", "env", "name"),
    [
        (APP, None, "app"),
        ("name: My App\n" + APP, None, "myapp"),
        (APP, {"COMPOSE_PROJECT_NAME": "set"}, "set"),
        ("name: ${X:-y}\n" + APP, None, "y"),
    ],
)
def test_a_project_has_the_name_of_its_variable_its_file_or_its_first_service(text, env, name):
    assert load(text, env=env).name == name


def test_variables_come_from_env_and_those_given_win():
    text = APP + "    hostname: $A-$B\n    x-own: $A"
    project = load_project({"compose.yaml": text, ".env": "A=1\nB=1"}, {"B": "2"})
    assert project.services["app"]["hostname"] == "1-2"
    assert project.services["app"]["x-own"] == "$A"


@pytest.mark.parametrize(
    ("key", "value", "filled"),
    [
        ("hostname", "h$X", "h"),
        ("environment", "[A=$X]", ["A"]),
        ("environment", "{A: '${X:?why}'}", {"A": None}),
        ("environment", "{A: 'a$X'}", {"A": None}),
        ("volumes", "['${X}/d:/d', '$PWD/e:/e', '~/f:/f']", ["./x/d:/d", "./e:/e", "~/f:/f"]),
        ("ports", "['${X}:80', '1.2.3.4:$X:81/udp']", ["80:80", "1.2.3.4:81:81/udp"]),
    ],
)
def test_a_variable_without_a_value_is_told_and_asked_where_it_can_be(key, value, filled):
    project = load(f"{APP}    {key}: {value}")
    assert project.services["app"][key] == filled
    assert project.report[0].what.startswith(f"services.app.{key}")
    assert '"X" has no value' in project.report[0].message


@pytest.mark.parametrize(
    ("environment", "filled"),
    [
        ("[K, L=$M, M]", ["K=a$b", "L", "M"]),
        ("{K: , L: $M, M: , N: K}", {"K": "a$b", "L": None, "M": None, "N": "K"}),
    ],
)
def test_a_variable_that_is_only_named_has_the_value_that_is_known(environment, filled):
    project = load(f"{APP}    environment: {environment}", env={"K": "a$b", "L": "other"})
    assert project.services["app"]["environment"] == filled


def test_a_later_file_adds_replaces_resets_and_overrides():
    base = (
        "services:\n  app:\n    image: one\n    command: [a, b]\n    ports: ['1:1']\n    cap_add: [A]\n"
        "    environment: [A=1, B=1]\n    volumes: ['./a:/a', './b:/b']\n    labels: {a: 1}\n    dns: 1.1.1.1\n"
        "    logging: {driver: a, options: {x: 1}}\n    networks: [n]\n    healthcheck: {test: [CMD, a], retries: 1}\n"
    )
    later = (
        "services:\n  app:\n    image: two\n    command: [c]\n    ports: !override ['2:2']\n    cap_add: !reset null\n"
        "    environment: {B: 2}\n    volumes: ['./c:/b']\n    labels: [b=2]\n    dns: [2.2.2.2]\n"
        "    logging: {driver: b}\n    networks: {m: {}}\n    healthcheck: {test: [CMD, b]}\n"
    )
    assert load_project({"compose.yaml": base, "compose.override.yaml": later}).services["app"] == {
        "image": "two",
        "command": ["c"],
        "ports": ["2:2"],
        "environment": {"A": "1", "B": 2},
        "volumes": ["./a:/a", "./c:/b"],
        "labels": {"a": 1, "b": "2"},
        "dns": ["1.1.1.1", "2.2.2.2"],
        "logging": {"driver": "b"},
        "networks": {"n": None, "m": {}},
        "healthcheck": {"test": ["CMD", "b"], "retries": 1},
    }


def test_a_service_extends_others_of_its_file_and_of_others():
    text = (
        "services:\n  app: {extends: {service: mid}, hostname: a}\n  mid: {extends: {file: sub/b.yaml, service: low}}"
    )
    low = "services: {low: {image: low, volumes: ['./d:/d', n:/n], env_file: e.env, hostname: b}}"
    service = load_project({"compose.yaml": text, "sub/b.yaml": low}).services["app"]
    assert service == {
        "image": "low",
        "volumes": ["./sub/d:/d", "n:/n"],
        "env_file": ["./sub/e.env"],
        "hostname": "a",
    }


def test_included_files_bring_all_they_have_with_their_own_folder():
    text = "include:\n- sub/a.yaml\n- {path: [b.yaml], project_directory: other, env_file: x}\n" + APP
    files = {
        "compose.yaml": text,
        "sub/a.yaml": "include: [deep/c.yaml]\nservices: {a: {image: a, volumes: ['./a:/a']}}\nvolumes: {v: }",
        "sub/deep/c.yaml": "services: {c: {image: c, volumes: [{type: bind, source: c, target: /c}]}}",
        "b.yaml": "services: {b: {image: b, volumes: ['./b:/b']}}\nsecrets: {s: {file: ./s}}",
    }
    project = load_project(files)
    assert {*project.services} == {"app", "a", "b", "c"}
    assert project.services["a"]["volumes"] == ["./sub/a:/a"]
    assert project.services["b"]["volumes"] == ["./other/b:/b"]
    assert project.services["c"]["volumes"][0]["source"] == "./sub/deep/c"
    assert project.secrets == {"s": {"file": "./other/s"}}
    assert [entry.what for entry in project.report] == ["include.env_file"]


def test_services_of_a_profile_are_told_unless_it_is_chosen():
    text = APP + "  tool: {image: t, profiles: [debug]}"
    plain = load_project({"compose.yaml": text})
    assert (list(plain.services), plain.report[0].what) == (["app"], "services.tool")
    assert list(load_project({"compose.yaml": text}, profiles=["debug"]).services) == ["app", "tool"]
    assert list(load_project({"compose.yaml": text}, {"COMPOSE_PROFILES": "x,debug"}).services) == ["app", "tool"]


@pytest.mark.parametrize(
    ("paths", "main"),
    [
        (["docker-compose.yml", "compose.yaml", ".env"], ["compose.yaml"]),
        (["a/compose.yml", "a/compose.override.yml"], ["a/compose.yml", "a/compose.override.yml"]),
        (["stack.yml", ".env", "README.md"], ["stack.yml"]),
        (["sub/compose.yaml", "docker-compose.yaml"], ["docker-compose.yaml"]),
    ],
)
def test_the_main_file_is_found_by_its_name(paths, main):
    assert main_files(dict.fromkeys(paths, "")) == main


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "compose.yaml is no Compose file."),
        ("a: 1", "compose.yaml has no services."),
        ("services: []", "compose.yaml, line 1, services: it must be a mapping."),
        ("services:\n  a: x", "compose.yaml, line 2, services.a: it must be a mapping."),
        ("services:\n  'a b': {}", "compose.yaml, line 2, services.a b: it is no name."),
        (APP + "    user: $(id -u)", 'compose.yaml, line 4, services.app.user: "$(id -u)" is not a variable: '
         "write ${NAME}, or $$ for a dollar sign."),
        (APP + "    user: ${U:?set it}",
         'compose.yaml, line 4, services.app.user: The variable "U" must have a value: set it.'),
        ("services:\n  a: {extends: b}\n  b: {extends: a}",
         "compose.yaml, line 2, services.a.extends: the services extend each other."),
        ("services: {a: {extends: c}}", "compose.yaml has no service c, which another one extends."),
        ("services: {a: {extends: {file: o.yaml, service: b}}}", "The file o.yaml is needed too."),
        ("include: [o.yaml]\n" + APP, "The file o.yaml is needed too."),
        ("include: [compose.yaml]\n" + APP, "compose.yaml, compose.yaml include each other."),
        ("services: {a: {image: x, profiles: [p]}}",
         "Every service belongs to a profile: choose one by COMPOSE_PROFILES in .env."),
        ("services:\n" + "".join(f"  s{n}: {{image: x}}\n" for n in range(201)),
         "compose.yaml, line 1, services: it has more than 200 entries."),
    ],
)  # fmt: skip
def test_a_faulty_project_is_refused_with_file_line_and_path(text, sentence):
    assert refusal(text) == sentence


def test_without_a_compose_file_nothing_is_read():
    with pytest.raises(BadInput, match=r"There is no Compose file\."):
        load_project({".env": "A=1"})
