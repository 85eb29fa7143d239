"""A home server: the whole product on a test's engine, an app of three containers, and strangers beside it."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from rockonweb.core.operations.steps import RENAMED_SUFFIX

from .claims import free_port
from .engine import DockerDaemon
from .person import Person, new_retrying_session
from .stack import Stack

CONTAINERS = ("home-db", "home-app", "home-alone")
STRANGE_NETWORK, OWN_NETWORK = "HomeStrange", "HomeOwn"
STRANGERS = {"home-db-old": "bridge", "home": "bridge", "neighbour": STRANGE_NETWORK}  # on which network each is
TEXT = {"label": "", "description": ""}
RECOVERY_SECONDS = 90  # after a crash
ENDED = ("DONE", "FAILED", "CANCELLED", "INTERRUPTED")


def home_definition(image: str) -> dict[str, Any]:
    """Three containers with one page, a share that two use, a volume of Docker's own, and two networks."""
    spec: dict[str, Any] = {"image": image, "tag": ""}
    port = {**TEXT, "host_default": 8080, "protocol": "tcp", "ui": True}
    containers = {
        "home-db": {**spec, "launch_order": 1, "volumes": {"/data": TEXT}, "opts": [["-v", "/keep"]]},
        "home-app": {**spec, "launch_order": 2, "volumes": {"/data": TEXT}, "ports": {"8080": port}},
        "home-alone": {**spec, "launch_order": 3},
    }
    links = {
        "home-app": [{"name": OWN_NETWORK, "source_container": "home-db"}],
        "home-alone": [{"name": STRANGE_NETWORK, "source_container": "home-db"}],
    }
    body = {"description": "A sample.", "version": "1", "website": "", "containers": containers}
    return {"Home": {**body, "container_links": links}}


@dataclass(frozen=True)
class OperationResult:
    """How an operation ended."""

    id: int
    kind: str
    progress: str
    error: str


class HomeServer:
    """The app is called Home; a change gives all its containers a label with a colour."""

    def __init__(self, engine: DockerDaemon, stack: Stack, image: str) -> None:
        """Take a stack that was not started."""
        self.engine, self.stack = engine, stack
        self.port = free_port()
        self.slowest_page = 0.0  # in seconds
        (stack.local_metastore / "home.json").write_text(json.dumps(home_definition(image)))
        for name, network in STRANGERS.items():
            if network not in engine.run_docker("network", "ls", "--format", "{{.Name}}").split():
                engine.run_docker("network", "create", network)
            engine.run_docker("run", "-d", "--restart", "always", "--name", name, "--network", network, image)
        self.strangers = self._inspect_strangers()

    def start_product(self) -> None:
        """Start the product, with the app in its catalogue."""
        self.stack.start()
        self.session = new_retrying_session()
        self.session.auth = (self.stack.user, self.stack.password)
        self.post_api("/api/rockons/update")
        self.id: int = self.query_database("SELECT id FROM rockon WHERE name = 'Home'")[0][0]

    # -- what a person does ---------------------------------------------------------------------------------------

    def post_api(self, path: str, body: object = None) -> None:
        """Ask the API for something, which it must accept."""
        headers = {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        answer = self.session.post(self.stack.url + path, data=data, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text

    def begin_install(self) -> int:
        """Ask for the install; returns the id of the operation."""
        (self.stack.shares / "home").mkdir(exist_ok=True)
        self.post_api(f"/api/rockons/{self.id}/install", {"ports": {str(self.port): 8080}, "shares": {"home": "/data"}})
        return self.newest_operation()

    def begin_change(self, colour: str) -> int:
        """Ask for a label on all containers, which are all made anew for it; returns the id of the operation."""
        labels = {f"{name}.{colour}=yes": name for name in CONTAINERS}
        self.post_api(f"/api/rockons/{self.id}/update", {"labels": labels})
        return self.newest_operation()

    def begin_rehearsal(self) -> int:
        """Ask for the rehearsal of an update, with a copy of the share; returns the id of the operation."""
        self.post_api(f"/api/rockons/{self.id}/rehearse", {"copy": True})
        return self.newest_operation()

    def begin_uninstall(self) -> int:
        """Ask for the uninstall; returns the id of the operation."""
        self.post_api(f"/api/rockons/{self.id}/uninstall")
        return self.newest_operation()

    def retry_operation(self, operation_id: int) -> int:
        """Press Retry on the page of an operation; returns the id of the new one."""
        person = Person(self.stack.url, self.stack.user, self.stack.password)
        answer = person.press_button(f"/operations/{operation_id}", f"/operations/{operation_id}/retry")
        assert answer.ok, answer.text
        assert self.newest_operation() > operation_id, answer.text
        return self.newest_operation()

    def start_app(self) -> None:
        """Press Start once nothing is under way."""
        self.assert_healthy(works=False)
        self.post_api(f"/api/rockons/{self.id}/start")

    def uninstall_app(self) -> None:
        """Remove the app, with its data."""
        assert self.await_end(self.begin_uninstall()).progress == "DONE"
        for file in (self.stack.shares / "home").iterdir():
            file.unlink()

    def write_data(self) -> None:
        """Let the app write a file into its volume and one into its share."""
        self.engine.run_docker("exec", "home-db", "sh", "-c", "echo precious >/keep/file; echo precious >/data/file")

    # -- what is known --------------------------------------------------------------------------------------------

    def query_database(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database file."""
        with contextlib.closing(sqlite3.connect(self.stack.instance / "rockonweb.db", timeout=30)) as file:
            return file.execute(query, values).fetchall()

    def newest_operation(self) -> int:
        """The id of the newest operation."""
        operation_id: int = self.query_database("SELECT max(id) FROM operation")[0][0]
        return operation_id

    def operation_result(self, operation_id: int) -> OperationResult | None:
        """How an operation ended, None while it has not."""
        row = self.query_database("SELECT id, kind, progress, error FROM operation WHERE id = ?", operation_id)[0]
        return OperationResult(*row) if row[2] in ENDED else None

    def describe_steps(self, operation_id: int) -> str:
        """The steps of an operation and how they ended."""
        query = "SELECT progress, title, output FROM operation_step WHERE operation_id = ? ORDER BY position"
        return "\n".join(f"{row[0]}: {row[1]} {row[2]}".rstrip() for row in self.query_database(query, operation_id))

    def await_end(self, operation_id: int, seconds: float = 150) -> OperationResult:
        """Wait until an operation has ended."""
        deadline = time.monotonic() + seconds
        while (result := self.operation_result(operation_id)) is None:
            assert time.monotonic() < deadline, f"it is pending for ever:\n{self.describe_steps(operation_id)}"
            time.sleep(0.05)
        return result

    def await_step(self, operation_id: int, number: int) -> None:
        """Wait until a step of an operation begins, or until the operation has ended."""
        begun = "SELECT count(*) FROM operation_step WHERE operation_id = ?1 AND started IS NOT NULL"
        over = "SELECT count(*) FROM operation WHERE id = ?1 AND finished IS NOT NULL"
        deadline = time.monotonic() + 60
        with contextlib.closing(sqlite3.connect(self.stack.instance / "rockonweb.db", timeout=30)) as file:
            while file.execute(f"SELECT ({begun}) <= ?2 AND ({over}) = 0", (operation_id, number)).fetchone()[0]:
                assert time.monotonic() < deadline, (
                    f"step {number} does not begin:\n{self.describe_steps(operation_id)}"
                )
                time.sleep(0.001)

    # -- who is to die --------------------------------------------------------------------------------------------

    def work_process(self, operation_id: int) -> int:
        """The process that does an operation: the one that holds its lock."""
        path = self.stack.instance / "locks" / f"operation-{operation_id}.lock"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                inode = path.stat().st_ino
                for line in Path("/proc/locks").read_text().splitlines():
                    columns = line.split()
                    if columns[1] == "FLOCK" and columns[5].endswith(f":{inode}"):
                        return int(columns[4])
            if self.operation_result(operation_id):
                return 0
            time.sleep(0.001)
        raise AssertionError("nobody does the operation")

    def queue_server_pid(self) -> int:
        """The process of the queue's server."""
        return next(p.pid for p in self.stack.list_processes() if p.name() in ("valkey-server", "redis-server"))

    def kill_process(self, pid: int) -> None:
        """SIGKILL, if it still lives; 0 is nobody."""
        if not pid:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def kill_parent(self, pid: int) -> None:
        """SIGKILL for the queue's worker that waits for a work process, if both still live."""
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(pid).parent()
            if parent and parent.pid != self.stack.pid:
                parent.kill()

    def restart_docker(self) -> None:
        """Start dockerd again, as a machine's service manager does: more than once, if the first one ends."""
        with contextlib.suppress(RuntimeError):
            self.engine.start()
        self.engine.start()

    def read_pages(self, seconds: float) -> None:
        """Read the pages again and again for so long; each must answer. `slowest_page` is what the slowest took."""
        deadline = time.monotonic() + seconds
        person = Person(self.stack.url, self.stack.user, self.stack.password)
        while time.monotonic() < deadline:
            for path in ("/", "/rockons", f"/rockons/{self.id}", "/operations", "/networks", "/docker", "/healthz"):
                begun = time.monotonic()
                answer = person.get(path)
                assert answer.status_code in (200, 503), (path, answer.status_code)
                assert "/login" not in answer.url
                self.slowest_page = max(self.slowest_page, time.monotonic() - begun)
            time.sleep(0.5)

    # -- whether all is well --------------------------------------------------------------------------------------

    def assert_healthy(self, *, works: bool) -> None:
        """Soon nothing is pending, nothing is orphaned, no stranger was touched, and what is shown is true; with
        `works`, the app answers and has its data.
        """
        deadline = time.monotonic() + RECOVERY_SECONDS
        while faults := self.find_faults(works=works):
            assert time.monotonic() < deadline, "\n".join([*faults, self.describe_steps(self.newest_operation())])
            time.sleep(0.3)

    def find_faults(self, *, works: bool) -> list[str]:
        """What is wrong now."""
        checks = [
            self._check_service,
            self._check_pending,
            self._check_shown_state,
            self._check_orphans,
            self._check_strangers,
            *([self._check_app] if works else []),
        ]
        try:
            return [fault for check in checks for fault in check()]
        except (requests.RequestException, subprocess.CalledProcessError) as error:
            return [f"no answer: {error}"]

    def _check_service(self) -> list[str]:
        health = requests.get(f"{self.stack.url}/healthz", timeout=20).json()
        return [] if health["status"] == "ok" else [f"not all parts are there: {health}"]

    def _check_pending(self) -> list[str]:
        operations = self.query_database(
            "SELECT id, progress FROM operation WHERE progress NOT IN (?, ?, ?, ?)", *ENDED
        )
        steps = self.query_database("SELECT title FROM operation_step WHERE progress IN ('RUNNING', 'QUEUED')")
        return [f"operation {operation_id} is {progress}" for operation_id, progress in operations] + [
            f"{title} goes on" for (title,) in steps
        ]

    def read_state(self) -> tuple[str, str]:
        """State and status, as the API has them."""
        answer = self.session.get(f"{self.stack.url}/api/rockons/{self.id}", timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()["state"], answer.json()["status"]

    def _own_containers(self) -> dict[str, str]:
        lines = self.engine.run_docker(
            *("ps", "-a", "--filter", "label=rockonweb.rockon=Home", "--format", "{{.Names}} {{.State}}")
        ).splitlines()
        return {name: state for name, _, state in (line.partition(" ") for line in lines)}

    def _check_shown_state(self) -> list[str]:
        state, status = self.read_state()
        containers = self._own_containers()
        if state == "installed":
            running = {containers.get(name) == "running" for name in CONTAINERS}
            expected = (
                {"started"}
                if running == {True}
                else {"stopped"}
                if running == {False}
                else {"partial", "exited", "unhealthy"}
            )
            return [] if status in expected else [f"shown as {status}, but {containers}"]
        return [] if state in ("available", "install_failed") else [f"shown as {state}"]

    def _check_orphans(self) -> list[str]:
        """Containers and networks that should not be there."""
        state, _ = self.read_state()
        expected_containers = set(CONTAINERS) if state == "installed" else set()
        networks = self.engine.run_docker("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}").split()
        expected_networks = {STRANGE_NETWORK, *({OWN_NETWORK} if expected_containers else ())}
        faults = [f"{name} is an orphan" for name in set(self._own_containers()) - expected_containers]
        faults += [f"{name} is missing" for name in expected_containers - set(self._own_containers())]
        faults += [f"network {name}" for name in set(networks) ^ expected_networks]
        names = self.engine.run_docker("ps", "-a", "--format", "{{.Names}}").split()
        faults += [f"{name} is left aside" for name in names if name.endswith(RENAMED_SUFFIX)]
        volumes = self.engine.run_docker("volume", "ls", "-q").split()
        copies = self.stack.shares.glob(".rockonweb/rehearsals/*/*")
        return faults + [f"{item} is left of a rehearsal" for item in (*volumes, *copies) if "rehearsal" in str(item)]

    def _inspect_strangers(self) -> dict[str, str]:
        template = "{{.Id}} {{.State.Running}} {{range $name, $x := .NetworkSettings.Networks}}{{$name}} {{end}}"
        return {name: self.engine.run_docker("inspect", "-f", template, name) for name in STRANGERS}

    def _check_strangers(self) -> list[str]:
        return [] if self._inspect_strangers() == self.strangers else ["a stranger's container was touched"]

    def _check_app(self) -> list[str]:
        if self.read_state() != ("installed", "started"):
            return [f"shown as {self.read_state()}, with {self._own_containers()}"]
        if not self._app_answers():
            return ["the app does not answer"]
        paths = ("/keep/file", "/data/file")
        lost_paths = [path for path in paths if self.engine.run_docker("exec", "home-db", "cat", path) != "precious"]
        return [f"{path} is lost" for path in lost_paths]

    def _app_answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/", timeout=5).ok
        except requests.RequestException:
            return False

    def container_ids(self) -> list[str]:
        """The ids of the app's containers."""
        return [self.engine.run_docker("inspect", "-f", "{{.Id}}", name) for name in CONTAINERS]

    def has_colour(self, colour: str) -> bool:
        """Whether all containers are those that a change has made."""
        label = '{{index .Config.Labels "%s.%s"}}'
        return all(
            self.engine.run_docker("inspect", "-f", label % (name, colour), name) == "yes" for name in CONTAINERS
        )
