"""Every published rock-on installs through the pages, runs, answers, stops, starts and uninstalls.

Needs `ROCKONWEB_TEST_REGISTRY`, a metastore's folder, and `ROCKONWEB_TEST_LAB`, a folder whose `lab-up FOLDER` brings
up an engine with stand-ins for all images that the definitions name, and prints `DOCKER_HOST=…`; `lab-down` ends it.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.support.metastore import Metastore
from tests.support.person import Person
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(not os.environ.get("ROCKONWEB_TEST_LAB"), reason="ROCKONWEB_TEST_LAB is not set"),
    pytest.mark.timeout(1800),
]
ANSWER_SECONDS = 20


@pytest.fixture
def lab() -> Iterator[str]:
    """The address of an engine that knows all images."""
    folder = Path(os.environ["ROCKONWEB_TEST_LAB"])
    started = subprocess.run(
        [folder / "lab-up", os.environ["ROCKONWEB_TEST_REGISTRY"]],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    address = re.findall(r"DOCKER_HOST=(\S+)", started.stdout)[-1]
    docker = ["docker", "--host", address]
    ids = subprocess.run([*docker, "ps", "-aq"], capture_output=True, text=True, check=True).stdout.split()
    if ids:  # of a run that was cut off
        subprocess.run([*docker, "rm", "--force", *ids], stdout=subprocess.DEVNULL, check=True)
    try:
        yield address
    finally:
        subprocess.run([folder / "lab-down"], check=True)
        with suppress(OSError):  # made by an engine for the definitions that mount the socket
            os.rmdir("/var/run/docker.sock")


def answers(link: str) -> bool:
    """Whether the app's own page answers; the stand-ins speak no TLS, whatever the definition says."""
    address = "http://" + link.partition("://")[2]
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        try:
            return requests.get(address, timeout=5).ok
        except requests.RequestException:
            time.sleep(0.2)
    return False


def live_through(person: Person, rockon_id: int, has_ui: bool) -> str:
    """Install, look, stop, start, uninstall; returns what went wrong, blank when nothing did."""
    here = f"/rockons/{rockon_id}"
    submitted = person.walk_wizard(rockon_id)
    if "/operations/" not in submitted.url:
        return f"not submitted: {submitted.status_code} {submitted.url} {_notices(submitted.text)}"
    if "All is done." not in (page := person.await_end(submitted)):
        return f"install: {_notices(page)}"
    if has_ui:
        link = re.search(r'id="open" href="([^"]+)"', person.get(here).text)
        if link is None:
            return "no link to its page"
        if not answers(link[1]):
            return f"{link[1]} does not answer"
    for action in ("stop", "start"):
        if "All is done." not in (page := person.await_end(person.press(here, f"/{action}"))):
            return f"{action}: {_notices(page)}"
    if has_ui and not answers(link[1]):
        return "does not answer after stop and start"
    page = person.await_end(person.press(f"{here}/uninstall", "/uninstall"))
    return "" if "All is done." in page else f"uninstall: {_notices(page)}"


def _notices(html: str) -> str:
    found = re.findall(r'role="alert".*?</div>|class="error[^>]*>.*?<', html, re.DOTALL)
    return re.sub(r"<[^>]+>|\s+", " ", " ".join(found))[:500]


def test_every_published_rockon_lives_a_whole_life(
    lab: str, metastore: Callable[..., Metastore], stack: Callable[..., Stack], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(os.environ["ROCKONWEB_TEST_REGISTRY"])
    product = stack(lab, metastore(folder).url, environment={"SSL_CERT_FILE": ""})
    product.run("catalog", "refresh")
    rockons = json.loads(product.run("catalog", "list", "--json").stdout)
    published = {
        name for file in json.loads((folder / "root.json").read_text()).values() for name in _names(folder, file)
    }
    person = Person(product.url, product.user, product.password)
    faults = {}
    for rockon in rockons:
        if rockon["name"] in published and (fault := live_through(person, rockon["id"], rockon["has_ui"])):
            faults[rockon["name"]] = fault
    with capsys.disabled():
        print(f"\n{len(published) - len(faults)}/{len(published)} published rock-ons lived a whole life")
    assert not faults, "\n".join(f"{name}: {fault}" for name, fault in faults.items())


def _names(folder: Path, file: str) -> list[str]:
    return list(json.loads((folder / file).read_text()))
