"""While a container is made, no list of processes shows a secret; the container gets the right one all the same."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.engine import DockerDaemon
from tests.support.instance import Instance

RECORDER = """#!/usr/bin/env python3
import json, os, pathlib, subprocess, sys
given = sys.stdin.read()
tree = {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in (os.getpid(), os.getppid())}
with open(%(log)r, "a") as log:
    log.write(json.dumps({"argv": sys.argv, "cmdlines": tree, "environ": dict(os.environ), "stdin": given}) + "\\n")
sys.exit(subprocess.run([%(docker)r, *sys.argv[1:]], input=given.encode()).returncode)
"""
VALUES = {
    "APP_PASSWORD": "pass-word-1",
    "LINES_KEY": "first\nsecond\n",
    "ODD_TOKEN": "a=b $HOME `id` \"double\" 'single' \\n #x",
    "UNICODE_SECRET": "zażółć 🐟 value",
    "DOCKER_TOKEN": "steers-the-client $x",
    "HTTPS_PROXY_PASSWORD": "not-a-proxy",
}


@pytest.fixture
def recorded(tmp_path: Path, engine: DockerDaemon, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the docker command that notes what it was given and hands it on; returns its notes."""
    log, folder = tmp_path / "log", tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(RECORDER % {"log": str(log), "docker": shutil.which("docker")})
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def test_no_command_line_shows_a_secret_and_the_container_has_it(
    engine: DockerDaemon, instance: Instance, app_image: str, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROCKONWEB_ADMIN_PASSWORD", "of-our-own-environment")
    questions = {
        key: {"label": key, "description": "", "index": n} for n, key in enumerate([*VALUES, "EMPTY_PASSWORD"], 1)
    }
    image, _, tag = app_image.rpartition(":")
    rockon = instance.add_rockon(
        "Hidden",
        {
            "hidden": {
                "image": image,
                "tag": tag,
                "environment": questions,
                "opts": [["-e", "ROCKONWEB_ADMIN_PASSWORD"]],
            }
        },
    )
    reviewed = instance.install_rockon(rockon, environment={"hidden": {**VALUES, "EMPTY_PASSWORD": ""}})
    assert "-e APP_PASSWORD=********" in "\n".join(reviewed.plan.masked_lines)
    notes = [json.loads(line) for line in recorded.read_text().splitlines()]
    made = next(note for note in notes if note["argv"][1] == "create")
    for note in notes:
        shown = json.dumps([note["argv"], note["cmdlines"]])
        for value in VALUES.values():
            assert json.dumps(value)[1:-1] not in shown
            assert value.split("\n")[0] not in shown
    assert made["environ"]["APP_PASSWORD"] == VALUES["APP_PASSWORD"]
    assert "DOCKER_TOKEN" not in made["environ"]
    assert made["stdin"].startswith("DOCKER_TOKEN=")
    assert "ROCKONWEB_ADMIN_PASSWORD" not in made["environ"]
    inside = json.loads(engine.run_docker("inspect", "-f", "{{json .Config.Env}}", "hidden"))
    for key, value in VALUES.items():
        assert f"{key}={value}" in inside
    assert "EMPTY_PASSWORD=" in inside
    assert not [one for one in inside if "of-our-own-environment" in one]
