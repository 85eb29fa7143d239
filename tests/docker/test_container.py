"""Rockonweb as a container: built from the Dockerfile, started by compose.yaml, used, restarted and brought up to date.

The base image is a stand-in, and the engine's socket is elsewhere than usual; all else is as in the files.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.support.apps import fetch_app_page, wait_for
from tests.support.base_image import make_base_image
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.loop_btrfs import run_command
from tests.support.metastore import MetastoreServer
from tests.support.person import Person
from tests.support.process import ROOT

pytestmark = pytest.mark.slow

NAME, SERVICE = "rockonweb", "server"  # of the container and its image, and in compose.yaml
USER, PASSWORD = "owner", "a long enough password"
VERSIONS = "/opt/rockonweb/lib/python3*/site-packages/rockonweb/migrations/versions"
MIGRATION = 'revision = "0999"\\ndown_revision = "{head}"\\n\\n\\ndef upgrade():\\n    pass\\n'


class ComposedRockonweb:
    """`docker-compose` with compose.yaml, in folders of this test's own."""

    def __init__(self, engine: DockerDaemon, metastore_url: str) -> None:
        self.engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix="rwt-compose-"))
        self.instance, self.shares = self.folder / "instance", self.folder / "shares"
        self.shares.mkdir()
        # As on a machine with systemd, where all mounts are shared.
        run_command("mount", "--bind", self.shares, self.shares)
        run_command("mount", "--make-rshared", self.shares)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        override = {
            "build": {"network": "host"},
            "volumes": [f"{engine.folder}/docker.sock:/var/run/docker.sock"],
        }
        (self.folder / "override.yaml").write_text(yaml.safe_dump({"services": {SERVICE: override}}))
        self.environ = {
            **engine.environ,
            "COMPOSE_DOCKER_CLI_BUILD": "0",
            "ROCKONWEB_INSTANCE": str(self.instance),
            "ROCKONWEB_SHARES_ROOT": str(self.shares),
            "ROCKONWEB_BIND": f"127.0.0.1:{self.port}",
            "ROCKONWEB_ADMIN_USER": USER,
            "ROCKONWEB_ADMIN_PASSWORD": PASSWORD,
            "ROCKONWEB_REMOTE_METASTORE": metastore_url,
            "ROCKONWEB_HEALTH_SECONDS": "1",
            "ROCKONWEB_WORKERS": "1",
        }

    def run(self, *arguments: str) -> str:
        """Run `docker-compose ARGUMENTS…` as a person does beside compose.yaml."""
        files = ("-f", str(ROOT / "compose.yaml"), "-f", str(self.folder / "override.yaml"))
        done = subprocess.run(
            ["docker-compose", "--project-directory", str(ROOT), *files, *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def await_ready(self) -> None:
        """Wait until the pages answer."""
        wait_for(self._is_ready, 120)

    def _is_ready(self) -> bool:
        try:
            return bool(requests.get(f"{self.url}/healthz", timeout=5).ok)
        except requests.ConnectionError:
            return False

    def rockonweb(self, *arguments: str) -> str:
        """What `rockonweb ARGUMENTS…` in the container prints."""
        return self.engine.run_docker("exec", NAME, "rockonweb", *arguments)

    def close(self) -> None:
        """Leave nothing of it."""
        self.run("down")
        subprocess.run(["umount", "--recursive", self.shares], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def documented(command: str) -> list[str]:
    """The command of Compose as the guide has it: without `docker compose`."""
    found = re.search(rf"^docker compose ({command}\b.*)$", (ROOT / "docs/container.md").read_text(), re.MULTILINE)
    assert found
    return found[1].split()


def base_image() -> str:
    found = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def app_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def composed(engine: DockerDaemon, standin: Callable[..., str], app_port: int) -> Iterator[ComposedRockonweb]:
    """Rockonweb as `docker-compose up -d --build` starts it, with one app in its catalogue."""
    make_base_image(engine, base_image())
    web = {"label": "Page", "description": "x", "host_default": app_port, "protocol": "tcp", "ui": True}
    box = {
        "image": standin("container/box:1"),
        "tag": "",
        "launch_order": 1,
        "ports": {"8080": web},
        "volumes": {"/data": {"label": "Data", "description": "x"}},
    }
    body = {"Box": {"description": "A box.", "version": "1", "website": "", "containers": {"box": box}}}
    with closing(MetastoreServer({"root.json": {"Box": "box.json"}, "box.json": json.dumps(body)})) as store:
        made = ComposedRockonweb(engine, store.url)
        try:
            made.run(*documented("up"))
            made.await_ready()
            yield made
        finally:
            made.close()


@pytest.fixture
def person(composed: ComposedRockonweb) -> Person:
    return Person(composed.url, USER, PASSWORD)


def identity(engine: DockerDaemon, name: str) -> str:
    return engine.run_docker("inspect", "--type", "container", "-f", "{{.Id}} {{.State.StartedAt}}", name)


def call_api(composed: ComposedRockonweb, method: str, path: str) -> Any:
    answer = requests.request(method, composed.url + path, auth=(USER, PASSWORD), timeout=120)
    assert answer.ok, answer.text
    return answer.json()


def app_row(composed: ComposedRockonweb) -> Any:
    [row] = [row for row in call_api(composed, "GET", "/api/rockons")["results"] if row["name"] == "Box"]
    return row


def test_the_commands_of_the_guide_show_the_address_and_check_everything(composed: ComposedRockonweb) -> None:
    assert f"Rockonweb is ready: {composed.url}" in composed.run(*documented("logs"))
    assert "[FAIL]" not in composed.run("exec", "-T", *documented("exec")[1:])


def test_it_sees_the_host_as_it_is(composed: ComposedRockonweb) -> None:
    report = json.loads(composed.engine.run_docker("exec", NAME, "rockonweb", "doctor", "--json"))
    assert report["ok"], report
    [told] = [finding for finding in report["findings"] if finding["about"] == "container"]
    assert told["level"] == "ok", told
    [room] = [finding for finding in report["findings"] if finding["about"] == "room"]
    assert room["facts"]["images"]["free"]
    assert (composed.instance / "rockonweb.db").is_file()
    assert composed.instance.stat().st_mode & 0o077 == 0


def test_it_names_the_program_of_the_host_that_has_a_port(composed: ComposedRockonweb) -> None:
    code = (
        "from rockonweb.host import sockets; print([l.holder for l in sockets.find_listeners((), ()) if l.port == {}])"
    )
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        holders = composed.engine.run_docker("exec", NAME, "python", "-c", code.format(server.getsockname()[1]))
    assert f"process {os.getpid()}" in holders


def test_a_disk_that_is_mounted_later_is_seen(composed: ComposedRockonweb) -> None:
    disk = composed.shares / "usb"
    disk.mkdir()
    run_command("mount", "-t", "tmpfs", "-o", "size=8m", "disk of a test", disk)
    try:
        assert [row["name"] for row in json.loads(composed.rockonweb("share", "list", "--json"))] == ["usb"]
    finally:
        run_command("umount", disk)
        disk.rmdir()


def test_the_health_check_is_that_of_the_pages(composed: ComposedRockonweb) -> None:
    check = json.loads(composed.engine.run_docker("inspect", "-f", "{{json .Config.Healthcheck.Test}}", NAME))[1:]
    composed.engine.run_docker("exec", NAME, *check)
    with pytest.raises(subprocess.CalledProcessError):
        composed.engine.run_docker("exec", "-e", f"ROCKONWEB_BIND=127.0.0.1:{free_port()}", NAME, *check)


def test_an_app_is_installed_and_outlives_a_restart_and_a_newer_version(
    engine: DockerDaemon, composed: ComposedRockonweb, person: Person, app_port: int
) -> None:
    own = identity(engine, NAME)
    call_api(composed, "POST", "/api/rockons/update")
    person.await_end(person.walk_wizard(app_row(composed)["id"]))
    assert fetch_app_page(app_port)
    assert app_row(composed)["status"] == "started"
    [share] = [path for path in composed.shares.iterdir() if path.is_dir()]
    mounts = json.loads(engine.run_docker("inspect", "-f", "{{json .Mounts}}", "box"))
    assert str(share) in {mount["Source"] for mount in mounts}
    assert identity(engine, NAME) == own

    app = identity(engine, "box")
    engine.run_docker("restart", "--time", "60", NAME)
    composed.await_ready()
    assert person.get("/shares").url.endswith("/shares"), "still logged in"
    assert identity(engine, "box") == app
    wait_for(lambda: app_row(composed)["status"] == "started")

    heads = engine.run_docker("exec", NAME, "sh", "-c", f"cd {VERSIONS} && ls 0*.py").split()
    head = max(heads).partition("_")[0]
    newer = f"FROM {NAME}\nRUN printf '{MIGRATION.format(head=head)}' >$(echo {VERSIONS})/0999_newer.py\n"
    engine.run_docker("build", "--tag", NAME, "-", stdin=newer.encode())
    composed.run(*documented("up")[:-1])  # with --build it would be made anew from what is here
    composed.await_ready()
    assert identity(engine, NAME).split()[0] != own.split()[0]
    assert [path.name[:12] for path in composed.instance.glob("before-*")] == ["before-0999-"]
    assert identity(engine, "box") == app
    assert fetch_app_page(app_port)
    wait_for(lambda: app_row(composed)["status"] == "started")
    usages = person.get("/images").text
    assert NAME in usages
    assert [one for one in json.loads(call_doctor(composed))["findings"] if one["level"] == "fail"] == []


def call_doctor(composed: ComposedRockonweb) -> str:
    deadline = time.monotonic() + 30  # until the watcher and the workers are there again
    while True:
        try:
            return composed.rockonweb("doctor", "--json")
        except subprocess.CalledProcessError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def test_without_the_lines_of_the_file_it_says_what_is_missing(
    engine: DockerDaemon, composed: ComposedRockonweb
) -> None:
    port = free_port()
    engine.run_docker(
        *("run", "-d", "--name", "bare", "-p", f"127.0.0.1:{port}:8000"),
        *("-v", f"{engine.folder}/docker.sock:/var/run/docker.sock", "-e", "ROCKONWEB_BIND=0.0.0.0:8000"),
        *("-e", f"ROCKONWEB_ADMIN_USER={USER}", "-e", f"ROCKONWEB_ADMIN_PASSWORD={PASSWORD}"),
        *("-e", "ROCKONWEB_REMOTE_METASTORE=", "-e", "ROCKONWEB_SHARES_ROOT=/mnt2", NAME),
    )
    try:
        wait_for(lambda: "Rockonweb is ready" in engine.run_docker("logs", "bare"), 120)
        bare = Person(f"http://127.0.0.1:{port}", USER, PASSWORD)
        assert "- /mnt2:/mnt2:rslave" in bare.get("/shares").text
        report = bare.get("/doctor/report.txt").text
        for line in ("network_mode: host", "pid: host", "- /dev:/dev", "- /etc/passwd:/etc/passwd:ro"):
            assert f'the line "{line}" ' in report
        assert bare.get("/healthz").json()["unseen"]
    finally:
        engine.run_docker("rm", "--force", "--volumes", "bare")
