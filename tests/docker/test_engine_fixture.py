"""The parts in `tests/support` are what they claim to be."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import requests
from playwright.sync_api import Page

from tests.support import stack as stack_module
from tests.support.browser import collect_console_errors, find_accessibility_violations
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.metastore import MetastoreServer
from tests.support.queue_server import QueueServer
from tests.support.registry import RegistryServer
from tests.support.stack import Stack


@pytest.fixture(autouse=True)
def _empty_engine_afterwards(request: pytest.FixtureRequest):
    yield
    if "engine" in request.fixturenames:
        engine = request.getfixturevalue("engine")
        engine.start()
        engine.remove_everything()


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A function that puts a shell script in the place of the product's program."""

    def replace(script: str) -> None:
        path = tmp_path / "rockonweb"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(stack_module, "_PROGRAM", path)

    return replace


def get(url: str) -> str:
    """The page at `url`, as soon as somebody serves it."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return requests.get(url, timeout=5).text
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_an_image_is_in_the_registry_and_not_in_the_engine(engine: DockerDaemon, standin: Callable[..., str]):
    image = standin("fixture/absent:1")
    assert image not in engine.run_docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    engine.run_docker("pull", image)


def test_a_published_port_shows_image_revision_arguments_and_environment(
    engine: DockerDaemon, standin: Callable[..., str]
):
    image, port = standin("fixture/page:1", (8080, "9000/udp"), revision=3, paths=["admin"]), free_port()
    engine.run_docker("run", "-d", "-p", f"{port}:8080", "-e", "COLOUR=<red>", image, "--flag", "two words")
    page = get(f"http://127.0.0.1:{port}/admin/")
    for text in ("fixture/page:1", "revision 3", "--flag\ntwo words\n", "COLOUR=&lt;red&gt;"):
        assert text in page


def test_it_ends_with_status_0_at_a_stop_and_as_told_otherwise(engine: DockerDaemon, standin: Callable[..., str]):
    image = standin("fixture/ending:1")
    engine.run_docker("run", "-d", "--name", "stays", image)
    engine.run_docker("run", "-d", "--name", "fails", "-e", "STANDIN_EXIT=7", image)
    began = time.monotonic()
    engine.run_docker("stop", "stays")
    assert time.monotonic() - began < 5
    assert engine.run_docker("wait", "stays", "fails").split() == ["0", "7"]


def test_a_new_revision_leaves_the_engines_copy_of_the_old_one(engine: DockerDaemon, standin: Callable[..., str]):
    image = standin("fixture/updated:1", revision=1)
    engine.run_docker("pull", image)
    old = engine.run_docker("image", "inspect", "-f", "{{.Id}}", image)
    standin("fixture/updated:1", revision=2)
    assert engine.run_docker("image", "inspect", "-f", "{{.Id}}", image) == old
    engine.run_docker("pull", image)
    assert engine.run_docker("image", "inspect", "-f", "{{.Id}}", image) != old


def test_openvpn_serves_only_after_its_settings_were_made(engine: DockerDaemon, standin: Callable[..., str]):
    image = standin("fixture/openvpn:1", ("1194/udp",), kind="openvpn")
    data = ("-v", "vpn-data:/etc/openvpn")
    engine.run_docker("run", "-d", "--name", "early", *data, image)
    assert engine.run_docker("wait", "early") == "1"
    engine.run_docker("run", "--rm", *data, image, "ovpn_genconfig", "-u", "udp://vpn.example.com")
    engine.run_docker("run", "-d", "--name", "late", *data, image)
    time.sleep(0.3)
    assert engine.run_docker("inspect", "-f", "{{.State.Running}}", "late") == "true"


def test_a_plain_busybox_ends_at_once(engine: DockerDaemon, standin: Callable[..., str]):
    engine.run_docker("run", "-d", "--name", "short", standin("fixture/busybox:1", (), kind="ends"))
    assert engine.run_docker("wait", "short") == "0"


def test_containers_reach_each_other_by_name_and_link(engine: DockerDaemon, standin: Callable[..., str]):
    image = standin("fixture/network:1")
    engine.run_docker("network", "create", "friends")
    engine.run_docker("run", "-d", "--name", "one", image)
    engine.run_docker("network", "connect", "friends", "one")
    for options in (("--net=friends",), ("--link", "one:one")):
        command = "for i in 1 2 3 4 5; do wget -qO- http://one:8080 && exit; sleep 0.2; done; exit 1"
        seen = engine.run_docker("run", "--rm", *options, "--entrypoint", "/bin/sh", image, "-c", command)
        assert "fixture/network:1" in seen


def test_privileged_containers_start(engine: DockerDaemon, standin: Callable[..., str]):
    engine.run_docker("run", "-d", "--privileged", "--name", "mighty", standin("fixture/mighty:1"))
    assert "uid=0" in engine.run_docker("exec", "--privileged", "mighty", "id")


def test_the_engine_stops_and_starts_on_the_same_data(engine: DockerDaemon, standin: Callable[..., str]):
    engine.run_docker("run", "-d", "--name", "survivor", standin("fixture/survivor:1"))
    engine.stop()
    assert not engine.is_running
    engine.start()
    assert engine.run_docker("inspect", "-f", "{{.State.Status}}", "survivor") == "exited"


def test_the_registry_stops_and_starts_on_the_same_data(
    engine: DockerDaemon, registry: RegistryServer, standin: Callable[..., str]
):
    image = standin("fixture/kept:1")
    registry.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(registry.url, timeout=5)
    registry.start()
    engine.run_docker("pull", image)


def test_the_queue_server_keeps_its_data(queue_server: QueueServer):
    with redis.Redis.from_url(queue_server.url) as connection:
        connection.set("key", "value")
    queue_server.stop()
    queue_server.start()
    with redis.Redis.from_url(queue_server.url) as connection:
        assert connection.get("key") == b"value"
    queue_server.flush_queue()


def test_the_metastore_answers_conditional_requests(metastore: Callable[..., MetastoreServer]):
    store = metastore({"root.json": {"Syncthing": "syncthing.json"}})
    first = requests.get(f"{store.url}/root.json", timeout=5)
    assert first.json() == {"Syncthing": "syncthing.json"}
    for header, value in (
        ("If-None-Match", first.headers["ETag"]),
        ("If-Modified-Since", first.headers["Last-Modified"]),
    ):
        assert requests.get(f"{store.url}/root.json", headers={header: value}, timeout=5).status_code == 304
    store.files["root.json"] = {}
    changed = {"If-None-Match": first.headers["ETag"]}
    assert requests.get(f"{store.url}/root.json", headers=changed, timeout=5).status_code == 200
    assert requests.get(f"{store.url}/none.json", timeout=5).status_code == 404
    assert (store.count_requests(), store.count_requests("root.json"), store.count_requests(status=304)) == (5, 4, 2)


def test_the_browser_reports_complaints_and_accessibility(page: Page):
    heard = collect_console_errors(page)
    page.set_content("<html lang=en><title>Page</title><main><h1>Page</h1><img src='data:,'></main></html>")
    page.evaluate("console.error('oh dear')")
    assert "error: oh dear" in heard
    assert any(line.startswith("image-alt (critical)") for line in find_accessibility_violations(page))


def test_the_stack_is_ready_when_it_says_so(stack: Callable[..., Stack], program: Callable[[str], None]):
    program('echo "Rockonweb is ready: http://$ROCKONWEB_BIND"; sleep 60 & trap "kill $!" TERM; wait')
    running = stack(workers=3, environment={"ROCKONWEB_HEALTH_SECONDS": "1"})
    assert running.url in running.output
    assert len(running.list_processes()) == 2
    assert running.environ["ROCKONWEB_WORKERS"] == "3"


def test_a_stack_that_does_not_start_shows_its_output(stack: Callable[..., Stack], program: Callable[[str], None]):
    program("echo no database; exit 3")
    with pytest.raises(AssertionError, match=r"status 3:\nno database"):
        stack()
    program("echo hanging; sleep 60")
    with pytest.raises(AssertionError, match=r"not ready in time:\nhanging"):
        stack(started=False).start(timeout=0.3)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_the_stack_leaves_behind_is_reported_and_ended(
    stack: Callable[..., Stack], program: Callable[[str], None], by: signal.Signals, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stack_module, "LINGER_SECONDS", 0.3)
    program("setsid sleep 61 & echo $!; echo Rockonweb is ready: http://x; exec sleep 60")
    running = stack()
    left = running.output.split()[0]
    with pytest.raises(AssertionError, match=f"left processes behind:\n{left} sleep 61"):
        running.stop(by=by)
    assert not running.list_processes()
