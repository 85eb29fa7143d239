"""Twenty apps, and Docker or the whole machine starts again: what should run runs, or is named."""

import json
import time
from collections.abc import Callable, Iterator
from signal import SIGKILL

import pytest

from tests.support.engine import DockerDaemon
from tests.support.person import Person, new_retrying_session
from tests.support.stack import Stack

APPS = [f"app{number:02}" for number in range(20)]
STOPPED = APPS[3]  # by a person
RETURN_SECONDS = 240


@pytest.fixture
def stack(engine: DockerDaemon, standin: Callable[..., str]) -> Iterator[Stack]:
    """The whole product with twenty apps, of which one was stopped."""
    made = Stack(engine.host)
    try:
        image = standin("restarts/app:1")
        bodies = {
            name.capitalize(): {
                "description": "A sample.", "version": "1", "website": "",
                "containers": {name: {"image": image, "tag": "", "launch_order": 1}},
            }
            for name in APPS
        }  # fmt: skip
        for name, body in bodies.items():
            (made.local_metastore / f"{name}.json").write_text(json.dumps({name: body}))
        made.start()
        post_api(made, "/api/rockons/update")
        for number in app_ids(made).values():
            post_api(made, f"/api/rockons/{number}/install", {})
        wait_until_running(engine, set(APPS))
        post_api(made, f"/api/rockons/{app_ids(made)[STOPPED]}/stop")
        wait_until_running(engine, set(APPS) - {STOPPED})
        time.sleep(10)  # the operations end, and the watcher sees it
        yield made
    finally:
        made.close()
        engine.start()
        engine.remove_everything()


def post_api(stack: Stack, path: str, body: object = None) -> None:
    """Ask the API for something, which it must accept."""
    with new_retrying_session() as session:
        session.auth = (stack.user, stack.password)
        answer = session.post(stack.url + path, json=body, timeout=120)
        assert answer.status_code == 200, answer.text


def app_ids(stack: Stack) -> dict[str, int]:
    """The ids of the apps, by the names of their containers."""
    with new_retrying_session() as session:
        session.auth = (stack.user, stack.password)
        results = session.get(f"{stack.url}/api/rockons?page_size=100", timeout=60).json()["results"]
    return {entry["name"].lower(): entry["id"] for entry in results if entry["name"].lower() in APPS}


def running_apps(engine: DockerDaemon) -> set[str]:
    return set(engine.run_docker("ps", "--format", "{{.Names}}").split()) & set(APPS)


def wait_until_running(engine: DockerDaemon, wanted: set[str]) -> None:
    deadline = time.monotonic() + RETURN_SECONDS
    while (present := running_apps(engine)) != wanted:
        assert time.monotonic() < deadline, present ^ wanted
        time.sleep(1)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("blow", ["Docker is killed", "Docker is ended", "everything is killed", "everything is ended"])
def test_what_should_run_runs_or_is_named(
    engine: DockerDaemon, stack: Stack, tell: Callable[[str], None], blow: str
) -> None:
    with_product = blow.startswith("everything")
    if with_product:
        stack.stop(by=SIGKILL) if "killed" in blow else stack.stop()
    engine.kill() if "killed" in blow else engine.stop()
    time.sleep(5)
    engine.start()
    if with_product:
        stack.start()
    wanted = set(APPS) - {STOPPED}
    began, by_docker = time.monotonic(), len(running_apps(engine))
    named: set[str] = set()
    while missing := wanted - (running := running_apps(engine)):
        page = Person(stack.url, stack.user, stack.password).get("/").text
        named = {name for name in missing if name.capitalize() in page}
        if time.monotonic() - began > RETURN_SECONDS:
            break
        time.sleep(2)
    took = time.monotonic() - began
    tell(f"restarts: {blow}: {by_docker} of {len(wanted)} by Docker, {len(running)} after {took:.0f} s")
    assert missing <= named
    assert STOPPED not in running_apps(engine)
