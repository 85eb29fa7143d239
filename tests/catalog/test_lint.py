"""`rockonweb catalog lint`: its sentences and its exit status."""

import json
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rockonweb.core.definition.advice import collect_warnings
from rockonweb.core.definition.parser import parse_definitions
from tests.support import samples
from tests.support.claims import free_port
from tests.support.command_line import CommandLine
from tests.support.pushing import push_image
from tests.support.registry import RegistryServer

GOOD = (samples.FOLDER / "everything.json").read_text()
BAD = json.dumps({"App": {"description": "", "version": "1", "containers": {}}})
Lint = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def lint(command_line: CommandLine) -> Lint:
    """`lint("a.json", stdin=…)` runs the command in the test's folder."""
    return partial(command_line.run, "catalog", "lint")


@pytest.fixture
def lint_samples(lint: Lint, tmp_path: Path) -> Lint:
    """The same where there are a few files."""
    for name, text in {"good": GOOD, "bad": BAD, "root": '{"a": "a.json", "b": "b.json"}', "html": "<html>"}.items():
        (tmp_path / f"{name}.json").write_text(text)
    return lint


def found(answer: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = json.loads(answer.stdout)
    return faults


def test_no_fault_is_exit_0(lint_samples: Lint) -> None:
    answer = lint_samples("good.json")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "1 without errors\n", "")
    answer = lint_samples("good.json", "--json")
    assert (answer.returncode, found(answer)) == (0, [])


def test_faults_of_several_files_are_exit_1_and_a_line_each(lint_samples: Lint) -> None:
    answer = lint_samples("good.json", "bad.json", "html.json")
    assert answer.returncode == 1
    lines = answer.stdout.splitlines()
    assert "bad.json: containers: has 0 entries but needs at least 1" in lines
    assert "bad.json: website: is required" in lines
    assert any(line.startswith("html.json: not JSON") for line in lines)
    assert lines[-1] == "1 without errors"
    answer = lint_samples("good.json", "bad.json", "--json")
    assert (answer.returncode, {fault["path"] for fault in found(answer)}) == (1, {"containers", "website"})


def test_a_file_that_can_not_be_read_is_exit_2(lint_samples: Lint) -> None:
    answer = lint_samples("none.json", "bad.json", "--json")
    assert answer.returncode == 2
    assert {"file": "none.json", "path": "", "message": "the file does not exist"} in found(answer)
    assert any(fault["file"] == "bad.json" for fault in found(answer))
    assert lint_samples(".").returncode == 2


def test_without_a_file_it_says_how(lint_samples: Lint) -> None:
    answer = lint_samples()
    assert answer.returncode == 2
    assert "Missing argument 'FILES...'" in answer.stderr


def test_standard_input_is_read_once(lint_samples: Lint) -> None:
    assert lint_samples("-", stdin=GOOD).returncode == 0
    answer = lint_samples("-", "--json", stdin=BAD)
    assert (answer.returncode, {fault["file"] for fault in found(answer)}) == (1, {"-"})
    assert lint_samples("-", stdin=b"\xff").stdout == "-: is not UTF-8 text\n"
    assert "larger than 1.0 MB" in lint_samples("-", stdin=b" " * 1_000_001).stdout


def test_a_root_json_given_by_mistake_is_recognised(lint_samples: Lint) -> None:
    answer = lint_samples("root.json")
    assert answer.returncode == 1
    assert answer.stdout == (
        "root.json: is a root.json, the file list of a metastore, not a definition: specify the files that it lists\n"
    )


# -- root.json ----------------------------------------------------------------------------------------------------


def app_named(name: str, container: str, image: str = "example/app", **keys: Any) -> str:
    """The text of a definition with one container."""
    return samples.definition_source({container: {"image": image}}, name, **keys)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A metastore's folder without a fault."""
    (tmp_path / "a.json").write_text(app_named("Alpha", "alpha"))
    (tmp_path / "b.json").write_text(app_named("Beta", "beta"))
    (tmp_path / "root.json").write_text('{"alpha": "a.json", "beta": "b.json"}')
    return tmp_path


def test_a_root_json_and_its_files_without_a_fault(lint: Lint, store: Path) -> None:
    for files in ((), ("a.json",), ("a.json", "b.json"), ("a.json", "b.json", "root.json")):
        answer = lint(*files, "--root", "root.json", "--json")
        assert (answer.returncode, found(answer)) == (0, [])
    assert lint("--root", "root.json").stdout == "2 without errors\n"


@pytest.mark.parametrize(
    ("root", "fault"),
    [
        ('{"alpha": "a.json", "beta": "none.json"}', ("root.json", "beta", "the file none.json does not exist")),
        (
            '{"alpha": "a.json", "beta": "b.json", "b": "b.json"}',
            ("root.json", "b", "lists b.json, which beta lists too"),
        ),
        ('{"alpha": "a.json", "Beta": "b.json"}', ("root.json", "Beta", "must be in lower case: beta")),
        (
            '{"alpha": "a.json", "beta": "b.json", "beta": "b.json"}',
            ("root.json", "beta", "this key appears twice"),
        ),
        ('{"alpha": "a.json", "beta": "../b.json"}', ("root.json", "beta", "must be a plain file name")),
        ('{"alpha": "a.json", "beta": 7}', ("root.json", "beta", "must be a file name")),
        ('{"alpha": "a.json"}', ("b.json", "", "is not listed in root.json")),
    ],
)
def test_a_root_json_with_a_fault(lint: Lint, store: Path, root: str, fault: tuple[str, str, str]) -> None:
    (store / "root.json").write_text(root)
    answer = lint("a.json", "b.json", "--root", "root.json", "--json")
    assert answer.returncode == 1
    assert any((one["file"], one["path"]) == fault[:2] and fault[2] in one["message"] for one in found(answer))


def test_a_file_that_nobody_names_is_found_beside_root_json_too(lint: Lint, store: Path) -> None:
    (store / "c.json").write_text(app_named("Gamma", "gamma"))
    answer = lint("--root", "root.json", "--json")
    assert [(one["file"], one["path"]) for one in found(answer)] == [("c.json", "")]


@pytest.mark.parametrize("content", [None, "", "<html>", "[]", "{}"])
def test_a_root_json_that_is_none_is_exit_2(lint: Lint, store: Path, content: str | None) -> None:
    (store / "root.json").unlink()
    if content is not None:
        (store / "root.json").write_text(content)
    answer = lint("a.json", "--root", "root.json", "--json")
    assert answer.returncode == 2
    assert [(one["file"], one["path"]) for one in found(answer)] == [("root.json", "")]


def test_names_that_two_claim(lint: Lint, store: Path) -> None:
    (store / "b.json").write_text(app_named("Alpha", "other"))
    [fault] = found(lint("--root", "root.json", "--json"))
    assert fault == {"file": "b.json", "path": "Alpha", "message": 'the rock-on "Alpha" is already in a.json'}
    (store / "b.json").write_text(app_named("Beta", "alpha"))
    for files in ((), ("b.json",)):
        [fault] = found(lint(*files, "--root", "root.json", "--json"))
        assert (fault["file"], fault["path"]) == ("b.json", "containers.alpha")
        assert fault["message"] == '"Alpha" in a.json also has a container with this name'


@pytest.mark.registry
def test_the_published_metastore_has_no_fault(lint: Lint) -> None:
    answer = lint("--root", f"{os.environ['ROCKONWEB_TEST_REGISTRY']}/root.json", "--json")
    assert (answer.returncode, found(answer)) == (0, [])


def test_faults_of_files_that_were_not_asked_for_are_not_told(lint: Lint, store: Path) -> None:
    (store / "b.json").write_text(BAD)
    assert lint("a.json", "--root", "root.json").returncode == 0
    assert lint("--root", "root.json").returncode == 1


# -- images -------------------------------------------------------------------------------------------------------


def test_images_are_looked_for_on_their_registry(lint: Lint, tmp_path: Path, registry: RegistryServer) -> None:
    push_image(registry, "lint/app", "1", "arm64", layers=2)
    there, missing, away = f"{registry.address}/lint/app", f"{registry.address}/lint/none", f"127.0.0.1:{free_port()}/x"
    for name, image in {"there": f"{there}:1", "missing": missing, "away": away}.items():
        (tmp_path / f"{name}.json").write_text(app_named(name, f"{name}-box", image))
    answer = lint("there.json", "away.json", "--images")
    assert answer.returncode == 0
    lines = answer.stdout.splitlines()
    assert f"{there}:1: linux/arm64; created on 2026-03-01; 0.0 MB compressed" in lines
    assert any(line.startswith(f"{away}:latest: unknown: ") for line in lines)
    answer = lint("there.json", "missing.json", "away.json", "--images", "--json")
    assert answer.returncode == 1
    [fault] = found(answer)
    assert (fault["file"], fault["path"]) == ("missing.json", "containers.missing-box.image")
    assert "has no such image" in fault["message"]
    assert f"{missing}:latest: missing: " in answer.stderr


# -- advice -------------------------------------------------------------------------------------------------------


def advised(text: str) -> list[str]:
    """What is told to the author of a definition, without reasons."""
    [one] = parse_definitions(text)
    return [each.path for each in collect_warnings(one.definition, json.loads(one.source))]


def test_what_docker_refuses_of_the_options_is_a_fault(lint: Lint, tmp_path: Path) -> None:
    container = {"opts": [["-p", "abc:80"], ["--net", "host"], ["--link", "db"], ["-v", "/a:/data/"]]}
    volumes = samples.label_questions({"/data": "Data"})
    (tmp_path / "app.json").write_text(samples.definition_source({"app": {**container, "volumes": volumes}}))
    answer = lint("app.json", "--json")
    assert answer.returncode == 1
    assert [(fault["path"], fault["message"].partition(".")[0]) for fault in found(answer)] == [
        ("containers", "app mounts more than one thing at /data"),
        ("containers", "app can't have links: it uses the host network"),
        ("containers", 'app publishes "abc:80", which are no ports'),
    ]


def test_advice_is_no_fault_and_not_in_the_json(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(app_named("Alpha", "alpha", wesbite="https://example.org"))
    answer = lint("a.json")
    assert answer.returncode == 0
    assert answer.stdout == "advice: a.json: wesbite: is an unknown key and has no effect\n1 without errors\n"
    answer = lint("a.json", "--json")
    assert (answer.returncode, found(answer), answer.stderr) == (0, [], "")


@pytest.mark.parametrize(
    ("container", "keys", "paths"),
    [
        ({}, {}, []),
        ({"enviroment": {}}, {}, ["containers.app.enviroment"]),
        ({"ports": {"80": {"label": "Web", "hostdefault": 80}}}, {}, ["containers.app.ports.80.hostdefault"]),
        ({}, {"ui": {"slog": "x"}}, ["ui.slog"]),
        ({}, {"ui": {"slug": "x"}}, ["ui"]),
        ({}, {"website": "example.org"}, ["website"]),
        ({}, {"icon": "javascript:alert(1)"}, ["icon"]),
        ({}, {"custom_config": {"a": {"label": "A", "lable": "B"}}}, ["custom_config.a.lable"]),
        ({"volumes": {"/data": {}}}, {}, ["containers.app.volumes./data.label"]),
        ({"environment": {"A": {"label": "A", "index": 3}}}, {}, ["containers.app.environment.A.index"]),
        (
            {"environment": {"A": {"label": "A", "index": 1}, "B": {"label": "B", "index": 1}}},
            {},
            ["containers.app.environment.A.index", "containers.app.environment.B.index"],
        ),
        (
            {"ports": {"80": {"label": "A", "ui": True}, "81": {"label": "B", "ui": True}}},
            {},
            ["containers.app.ports.81.ui"],
        ),
        ({"ports": {"6000": {"label": "A", "ui": True}}}, {}, ["containers.app.ports.6000"]),
        (
            {"ports": {"80": {"label": "A", "host_default": 90}, "81": {"label": "B", "host_default": 90}}},
            {},
            ["containers.app.ports.81.host_default"],
        ),
        (
            {
                "ports": {
                    "80": {"label": "A", "protocol": "tcp"},
                    "81": {"label": "B", "host_default": 80, "protocol": "udp"},
                }
            },
            {},
            [],
        ),
    ],
)
def test_what_is_advised(container: dict[str, Any], keys: dict[str, Any], paths: list[str]) -> None:
    assert advised(samples.definition_source({"app": container}, **keys)) == paths
