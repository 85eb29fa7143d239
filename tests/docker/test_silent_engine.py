"""A Docker that hangs, behind a proxy that can be silenced: the pages go on, and say so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.metastore import MetastoreServer
from tests.support.person import Person
from tests.support.silencing import SilenceableProxy
from tests.support.stack import Stack

PAGE_SECONDS = 3 + 1.5  # with what a busy machine adds


@pytest.fixture
def proxy(engine: DockerDaemon, tmp_path: Path) -> Iterator[SilenceableProxy]:
    """What stands between the product and the engine."""
    made = SilenceableProxy(tmp_path / "docker.sock", engine.host)
    yield made
    made.close()
    engine.remove_everything()


def test_no_page_waits_for_a_docker_that_hangs_and_each_says_so(
    proxy: SilenceableProxy, stack: Callable[..., Stack], metastore: Callable[..., MetastoreServer], app_image: str
) -> None:
    notes = {"image": app_image, "tag": "", "launch_order": 1}
    source = json.dumps({"Notes": {"description": "", "version": "1", "website": "", "containers": {"notes": notes}}})
    served = stack(proxy.url, metastore({"root.json": '{"Notes": "notes.json"}', "notes.json": source}).url)
    assert served.run("catalog", "refresh").returncode == 0
    (served.folder / "answers.json").write_text("{}")
    installed = served.run("install", "Notes", "--answers", "answers.json", "--wait")
    assert installed.returncode == 0, installed.stderr
    person = Person(served.url, served.user, served.password)
    [rockon] = [row["id"] for row in person.get("/api/rockons").json()["results"] if row["name"] == "Notes"]
    pages = (
        *("/", "/rockons", "/docker", "/docker/usage", "/images", "/networks", "/doctor", "/shares", "/backup"),
        *(f"/rockons/{rockon}", f"/rockons/{rockon}/logs", f"/rockons/{rockon}/settings/storage"),
        *(f"/rockons/{rockon}/uninstall", "/operations", "/healthz"),
    )
    assert "Running</span>" in person.get("/rockons").text
    proxy.silence()
    begun = time.monotonic()
    slow = {}
    for page in pages:
        asked = time.monotonic()
        assert person.get(page).status_code in (200, 503), page
        if (taken := time.monotonic() - asked) > PAGE_SECONDS:
            slow[page] = taken
    assert slow == {}
    wait_for(lambda: "Docker does not answer" in person.get("/operations").text, 16 - min(15, time.monotonic() - begun))
    text = person.get("/rockons").text
    assert "Running (" in text
    with ThreadPoolExecutor(32) as visitors:  # of somebody who has left since
        answers = [visitors.submit(person.get, f"/rockons/{rockon}/logs") for _ in range(32)]
        time.sleep(0.2)
        asked = time.monotonic()
        assert person.get("/healthz").json()["docker"] == "down"
        assert time.monotonic() - asked < 2 * PAGE_SECONDS
        assert {answer.result().status_code for answer in answers} == {200}
    for _ in range(20):
        assert "Docker does not answer" in person.get("/operations").text
        time.sleep(1)
    proxy.speak()
    wait_for(lambda: "Running</span>" in person.get("/rockons").text, 30)
    assert "Docker does not answer" not in person.get("/operations").text
