"""Published rock-ons install through the pages, run, answer, stop, start and uninstall: a handful, with `--all` all.

Needs `ROCKONWEB_TEST_REGISTRY`, a metastore's folder, and `ROCKONWEB_TEST_LAB`, a folder whose `lab-up FOLDER` brings
up an engine with stand-ins for all images that the definitions name, and prints `DOCKER_HOST=…`; `lab-down` ends it.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.support.apps import wait_for
from tests.support.claims import is_bindable
from tests.support.metastore import MetastoreServer
from tests.support.person import Person
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.engine,
    pytest.mark.registry,
    pytest.mark.skipif(not os.environ.get("ROCKONWEB_TEST_LAB"), reason="ROCKONWEB_TEST_LAB is not set"),
    pytest.mark.timeout(1800),
]
ANSWER_SECONDS = 60
HANDFUL = {
    "HandBrake": "devices",
    "Jenkins": "runs as the owner of its share",
    "Linkwarden": "two containers on a link network",
    "OpenVPN": "its own handler, volumes of another container, a command that runs once",
    "Syncthing": "the network of the host",
    "Watchtower": "privileged, with Docker's socket and without a page",
}


@pytest.fixture(params=[pytest.param(HANDFUL, id="a-handful"), pytest.param((), id="all", marks=pytest.mark.slow)])
def published(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A metastore's folder with some of the published definitions, or with all."""
    folder = Path(os.environ["ROCKONWEB_TEST_REGISTRY"])
    if not request.param:
        return folder
    listed = json.loads((folder / "root.json").read_text())
    some = {key: file for key, file in listed.items() if {*_names(folder, file)} & {*request.param}}
    (tmp_path / "root.json").write_text(json.dumps(some))
    for file in some.values():
        shutil.copy(folder / file, tmp_path)
    return tmp_path


@pytest.fixture
def lab(published: Path) -> Iterator[str]:
    """The address of an engine that knows all their images."""
    folder = Path(os.environ["ROCKONWEB_TEST_LAB"])
    started = subprocess.run(
        [folder / "lab-up", published],
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


@pytest.fixture
def ports_kept_free(published: Path) -> Iterator[None]:
    """Let no outgoing connection of this machine take a port that the definitions want, by chance."""
    defaults = re.findall(r'"host_default": *(\d+)', "".join(file.read_text() for file in published.glob("*.json")))
    outgoing = range(*map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()))
    wanted = {int(port) for port in defaults} & {*outgoing}
    setting = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
    before = setting.read_text()
    setting.write_text(",".join([*before.split(), *map(str, sorted(wanted))]))
    try:
        wait_for(lambda: all(map(is_bindable, wanted)), 90)  # a connection that has ended fades for a minute
        yield
    finally:
        setting.write_text(before)


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
    if "Done." not in (page := person.await_end(submitted)):
        return f"install: {_notices(page)}"
    if has_ui:
        link = re.search(r'id="open" href="([^"]+)"', person.get(here).text)
        if link is None:
            return "no link to its page"
        if not answers(link[1]):
            return f"{link[1]} does not answer"
    for action in ("stop", "start"):
        if "Done." not in (page := person.await_end(person.press_button(here, f"/{action}"))):
            return f"{action}: {_notices(page)}"
    if has_ui and not answers(link[1]):
        return "does not answer after stop and start"
    page = person.await_end(person.press_button(f"{here}/uninstall", "/uninstall"))
    return "" if "Done." in page else f"uninstall: {_notices(page)}"


def _notices(html: str) -> str:
    found = re.findall(r'role="alert".*?</div>|class="error[^>]*>.*?<', html, re.DOTALL)
    return re.sub(r"<[^>]+>|\s+", " ", " ".join(found))[:500]


def test_published_rockons_live_a_whole_life(
    published: Path,
    lab: str,
    ports_kept_free: None,
    metastore: Callable[..., MetastoreServer],
    stack: Callable[..., Stack],
    tell: Callable[[str], None],
) -> None:
    product = stack(
        lab,
        metastore(published).url,
        environment={"SSL_CERT_FILE": "", "ROCKONWEB_HEALTH_SECONDS": "0", "ROCKONWEB_HEALTH_TIMEOUT": "60"},
    )
    product.run("catalog", "refresh")
    rockons = json.loads(product.run("catalog", "list", "--json").stdout)
    names = {
        name for file in json.loads((published / "root.json").read_text()).values() for name in _names(published, file)
    }
    assert names >= {*HANDFUL}
    person = Person(product.url, product.user, product.password)
    faults = dict.fromkeys(names, "it is not in the catalogue")
    for rockon in rockons:
        if rockon["name"] in names:
            faults[rockon["name"]] = live_through(person, rockon["id"], rockon["has_ui"])
    faults = {name: fault for name, fault in faults.items() if fault}
    tell(f"published rock-ons: {len(names) - len(faults)} of {len(names)} lived a whole life")
    assert not faults, "\n".join(f"{name}: {fault}" for name, fault in faults.items())


def _names(folder: Path, file: str) -> list[str]:
    return list(json.loads((folder / file).read_text()))
