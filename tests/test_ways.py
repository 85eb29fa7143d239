"""From nothing to an app that runs, on each way that the docs name: on a Debian that was just installed."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

import pytest
import requests

from tests.support.apps import fetch_app_page
from tests.support.claims import free_port
from tests.support.clean_root import CleanMachine, make_clean_root
from tests.support.debian import RELEASES
from tests.support.engine import DockerDaemon
from tests.support.metastore import MetastoreServer
from tests.support.person import Person, new_retrying_session, parse_forms

pytestmark = [pytest.mark.slow, pytest.mark.engine]

PASSWORD = "a long enough password"
READY_SECONDS = 900
APT = "apt-get -qq update && apt-get -qqy install --no-install-recommends"
PIPX = "PIPX_HOME=/opt/pipx PIPX_BIN_DIR=/usr/local/bin"
# What the docs say to type, by the name of the way; without the settings that keep the tests apart. In Debian 13 the
# docker command has a package of its own.
PIPX_INSTALL = f"{PIPX} pipx install . && cd / && exec rockonweb up"
WAYS = {
    ("bookworm", "a copy"): "exec script/run",
    ("bookworm", "pipx"): f"{APT} pipx docker.io && {PIPX_INSTALL}",
    ("trixie", "a copy"): "exec script/run",
    ("trixie", "pipx"): f"{APT} pipx docker.io docker-cli && {PIPX_INSTALL}",
}
# Boots systemd, which then runs the lines of a file; what they print comes to the terminal.
BOOT = f"""
{APT} pipx systemd dbus e2fsprogs >/dev/null && {PIPX} pipx install . || exit 1
cat >/trial <<'END'
%(lines)s
END
cat >/etc/systemd/system/trial.service <<'END'
[Service]
Type=oneshot
ExecStart=/bin/sh /trial
StandardOutput=append:/log
StandardError=append:/log
END
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -s ../trial.service /etc/systemd/system/multi-user.target.wants/
: >/log
tail -f /log &
exec env -i container=chroot /lib/systemd/systemd --unit=multi-user.target --show-status=no --log-level=warning
"""
SERVICE = """\
mkdir -p /var/lib/rockonweb/shares/usb
echo '/dev/no-disk /var/lib/rockonweb/shares/usb ext4 nofail,x-systemd.device-timeout=2 0 0' >>/etc/fstab
cat >/etc/systemd/system/docker.service <<'UNIT'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'touch /var/lib/rockonweb/shares/usb/file || echo "not written"'
StandardOutput=append:/log
UNIT
ROCKONWEB_BIND=127.0.0.1:%(port)s rockonweb service install; echo "installed: $?"
systemctl is-active rockonweb; rockonweb share add films && echo "shared: $?"
systemctl restart rockonweb; systemctl is-enabled rockonweb
systemctl show -p After docker | grep -o 'var-lib-rockonweb-shares-usb.mount'
rockonweb service remove; echo "removed: $?"
systemctl is-active rockonweb; ls /var/lib/rockonweb /etc/systemd/system; echo "done: all"
"""
# An app without shares, as the engine is that of the tests, which does not see the folders of the clean machine.
NOTES = {
    "description": "Notes.",
    "version": "1",
    "website": "https://notes.example",
    "ui": {"slug": ""},
    "containers": {
        "notes": {
            "ports": {"8080": {"description": "The page.", "label": "Web", "host_default": 8080, "ui": True}},
            "launch_order": 1,
        }
    },
}
INSTANCES = {"a copy": "/srv/rockonweb/instance", "pipx": "/var/lib/rockonweb"}


NewMachine = Callable[[str], CleanMachine]


@pytest.fixture(scope="module")
def clean_roots(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives a fresh Debian of a release, which no way changes."""
    return cache(lambda release: make_clean_root(tmp_path_factory.mktemp(release), release))


@pytest.fixture
def new_machine(clean_roots: Callable[[str], Path], engine: DockerDaemon) -> Iterator[NewMachine]:
    """Gives a machine with a release of Debian."""
    with ExitStack() as machines:
        yield lambda release: machines.enter_context(closing(CleanMachine(clean_roots(release), engine.host)))
    engine.remove_everything()


def create_account(url: str, code: str) -> None:
    """Create the first account on the page that the terminal names."""
    session = new_retrying_session()
    form = parse_forms(session.get(f"{url}/setup", timeout=30).text)[0]
    typed = {"code": code, "name": "ada", "password": PASSWORD, "again": PASSWORD}
    answer = session.post(f"{url}/setup", {**form.form_data(), **typed}, timeout=30)
    assert answer.ok, answer.text


@pytest.fixture
def store(standin: Callable[..., str]) -> Iterator[MetastoreServer]:
    """A metastore with one app."""
    image, _, tag = standin("ways/notes:1").rpartition(":")
    made = MetastoreServer({})
    container = {**NOTES["containers"]["notes"], "image": image, "tag": tag}  # type: ignore[index]
    made.publish_files(notes={"Notes": {**NOTES, "containers": {"notes": container}}})
    yield made
    made.close()


def install_notes(person: Person) -> str:
    """Refresh the catalogue and install the app, as its owner would; return what its own page says."""
    person.await_end(person.press_button("/rockons?tab=all", "/rockons/refresh"))
    found = re.search(r'href="/rockons/(\d+)"', person.get("/rockons?tab=all&q=Notes").text)
    assert found is not None
    done = person.await_end(person.walk_wizard(int(found[1])))
    link = re.search(r'id="open" href="http://[^"/]+:(\d+)/"', done)
    assert link is not None, done
    return fetch_app_page(int(link[1]))


@pytest.mark.timeout(READY_SECONDS + 300)
@pytest.mark.parametrize(("release", "way"), WAYS)
def test_from_nothing_to_an_app_that_runs(
    new_machine: NewMachine, store: MetastoreServer, tell: Callable[[str], None], release: str, way: str
) -> None:
    port, machine = free_port(), new_machine(release)
    begun = time.monotonic()
    machine.start(WAYS[release, way], ROCKONWEB_BIND=f"127.0.0.1:{port}", ROCKONWEB_REMOTE_METASTORE=store.url)
    url = machine.await_line(r"Rockonweb is ready: (http\S+)", READY_SECONDS)
    code = machine.await_line(r"enter this code: (\S+)", 30)
    tell(f"{release}: from nothing to the first page by {way}: {(time.monotonic() - begun) / 60:.1f} minutes")
    assert "Docker does not answer" not in machine.output
    assert "Traceback" not in machine.output
    create_account(url, code)
    person = Person(url, "ada", PASSWORD)
    assert "Rockonweb" in person.get("/").text
    assert install_notes(person)
    tell(f"{release}: from nothing to an app that runs by {way}: {(time.monotonic() - begun) / 60:.1f} minutes")
    assert INSTANCES[way] in person.get("/doctor").text
    assert machine.stop() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)
    assert re.search(r"[Ee]rror", machine.output) is None, machine.output


@pytest.mark.timeout(READY_SECONDS + 300)
def test_systemd_runs_the_service_and_lets_it_go(new_machine: NewMachine) -> None:
    port, machine = free_port(), new_machine(RELEASES[0])
    machine.start(BOOT % {"lines": SERVICE % {"port": port}})
    assert machine.await_line(r"installed: (\d+)", READY_SECONDS) == "0", machine.output
    assert f"Rockonweb is ready: http://127.0.0.1:{port}" in machine.output
    assert "enter this code: " in machine.output
    machine.await_line(r"done: (\w+)", 120)
    _, _, after = machine.output.partition("installed: 0\n")
    assert re.findall(r"^(active|enabled|inactive|shared: \d|removed: \d)$", after, re.MULTILINE) == [
        *("active", "shared: 0", "enabled", "removed: 0", "inactive"),
    ]
    assert "\nnot written\n" in machine.output, "Docker was started without the disk of a share"
    assert "\nvar-lib-rockonweb-shares-usb.mount\n" in after
    assert "rockonweb.db" in after, "the data stays"
    assert "rockonweb.service" not in after.rpartition("/etc/systemd/system:")[2]
