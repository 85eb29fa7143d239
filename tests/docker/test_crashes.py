"""Kills and hangs at each step of operations: an app that worked works afterwards, and nothing is left behind.

`--all` goes through the whole matrix and counts; otherwise each kind of step and each victim is there once.
"""

import contextlib
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import psutil
import pytest

from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.work import operations
from tests.support.apps import fetch_app_page
from tests.support.engine import DockerDaemon
from tests.support.house import HomeServer
from tests.support.instance import Instance, chosen_port, describe_steps
from tests.support.stack import Stack

STEPS = {"install": 14, "change": 20, "rehearse": 11, "uninstall": 8}
VICTIMS = ("work process", "worker", "up", "queue server", "dockerd")
FAULTS = ("database locked", "database full")
HANGING = "hangs for {} seconds"  # by SIGSTOP, instead of being killed
HANG_SECONDS, LONG_SECONDS = 30, 150
FAULTY_STEPS = {
    "install": (0, 3, 6, 10, 13),
    "change": (0, 1, 4, 6, 9, 13, 16, 17, 19),
    "rehearse": (1, 4, 9),
    "uninstall": (1, 4),
}
RESTART_AFTER = 3  # deaths: what dies again and again is started again more and more slowly
LATER = 0.05  # seconds after the beginning of a step, at most
LOCKED_SECONDS = 20  # longer than the product waits for the database


@dataclass(frozen=True)
class Case:
    """What is killed, in the middle of what, at which step."""

    victim: str
    kind: str
    step: int

    def __str__(self) -> str:
        return f"{self.victim} at step {self.step} of {self.kind}".replace(" ", "-")


# A Docker that is killed while it removes a network does not start any more (20.10).
DEADLY = [Case("dockerd", "uninstall", step) for step in (6, 7)] + [Case("dockerd", "rehearse", 10)]
KILLS = [
    case
    for victim in VICTIMS
    for kind, count in STEPS.items()
    for step in range(count)
    if (case := Case(victim, kind, step)) not in DEADLY
]
TROUBLES = [Case(fault, kind, step) for fault in FAULTS for kind, steps in FAULTY_STEPS.items() for step in steps]
HANGS = [
    Case(f"{victim} {HANGING.format(HANG_SECONDS)}", kind, step)
    for victim in VICTIMS
    for kind, steps in FAULTY_STEPS.items()
    for step in steps
] + [Case(f"{victim} {HANGING.format(LONG_SECONDS)}", "change", step) for victim in VICTIMS for step in (4, 12)]
ALWAYS = {  # in an order in which each finds the app as it needs it
    Case("work process", "install", 0): "pull",
    Case("up", "change", 4): "rename the old container",
    Case("worker", "change", 12): "start",
    Case("queue server", "change", 16): "wait until",
    Case("work process", "change", 18): "remove the old container",
    Case("work process", "rehearse", 8): "start",
    Case("up", "rehearse", 9): "wait until",
    Case("worker", "uninstall", 4): "remove container",
    Case("dockerd", "install", 10): "create container",
    Case(f"dockerd {HANGING.format(HANG_SECONDS)}", "change", 12): "start",
}


def parameters() -> Iterator[object]:
    """All cases; those that do not run always are slow."""
    for case in [*ALWAYS, *(case for case in KILLS + TROUBLES + HANGS if case not in ALWAYS)]:
        yield pytest.param(case, id=str(case), marks=() if case in ALWAYS else pytest.mark.slow)


class Shelter:
    """Keeps one house for the cases of this module; one that a case left in disorder is pulled down."""

    def __init__(self, engine: DockerDaemon, image: str) -> None:
        self.engine, self.image = engine, image
        self.house: HomeServer | None = None
        self.in_order = False
        self.deaths = self.lent = self.returned = 0
        self.slowest_page = 0.0  # in seconds, while something hung

    @contextlib.contextmanager
    def borrow(self, victim: str = "") -> Iterator[HomeServer]:
        """Yield the house, with or without the app, in which somebody is to die."""
        if not self.in_order:
            self.close()
        house = self.house = self.house or self._build()
        self.in_order = False
        if self.deaths == RESTART_AFTER:
            house.stack.restart()
            self.deaths = 0
        self.deaths = 0 if victim == "up" else self.deaths + (victim in ("worker", "queue server"))
        self.lent += 1
        yield house
        self.returned += 1
        self.in_order = True

    def close(self) -> None:
        """Pull it down."""
        house, self.house = self.house, None
        if house is None:
            return
        try:
            house.stack.close()
        finally:
            subprocess.run(["umount", "--lazy", house.stack.instance], capture_output=True)
            house.stack.close()  # again: now it can be deleted
            self.engine.start()
            self.engine.remove_everything()

    def _build(self) -> HomeServer:
        stack = Stack(self.engine.host)
        try:  # a small disk of its own, which can be filled
            options = "size=40m,mode=700"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", stack.instance], check=True)
            house = HomeServer(self.engine, stack, self.image)
            house.start_product()
        except BaseException:
            stack.close()
            subprocess.run(["umount", "--lazy", stack.instance], capture_output=True)
            raise
        return house


@pytest.fixture(scope="module")
def shelter(engine: DockerDaemon, standin: Callable[..., str], tell: Callable[[str], None]) -> Iterator[Shelter]:
    """See `Shelter`; how many left it in order is told."""
    made = Shelter(engine, standin("crashes/app:1"))
    yield made
    made.close()
    tell(f"crashes: after {made.returned} of {made.lent} all was well")
    tell(f"crashes: the slowest page while something hung took {made.slowest_page:.1f} s")


def test_the_matrix_goes_through_each_step(shelter: Shelter) -> None:
    with shelter.borrow() as house:
        if house.read_state()[0] == "installed":
            house.uninstall_app()
        done = {"install": house.begin_install()}
        assert house.await_end(done["install"]).progress == "DONE", house.describe_steps(done["install"])
        house.write_data()
        done["change"] = house.begin_change(f"colour-{house.newest_operation()}")
        assert house.await_end(done["change"]).progress == "DONE", house.describe_steps(done["change"])
        done["rehearse"] = house.begin_rehearsal()
        assert house.await_end(done["rehearse"]).progress == "DONE", house.describe_steps(done["rehearse"])
        house.uninstall_app()
        done["uninstall"] = house.newest_operation()
        steps = {kind: house.describe_steps(number).splitlines() for kind, number in done.items()}
    assert {kind: len(lines) for kind, lines in steps.items()} == STEPS
    for case, words in ALWAYS.items():
        assert words in steps[case.kind][case.step]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("case", list(parameters()))
def test_after_a_crash(shelter: Shelter, case: Case) -> None:
    moment = random.Random(str(case)).uniform(0, LATER)
    with shelter.borrow(case.victim) as house:
        {
            "install": crash_in_install,
            "change": crash_in_change,
            "rehearse": crash_in_rehearsal,
            "uninstall": crash_in_uninstall,
        }[case.kind](house, case, moment)
        shelter.slowest_page = max(shelter.slowest_page, house.slowest_page)


def crash_in_install(house: HomeServer, case: Case, moment: float) -> None:
    """Whatever happens, it is installed and works, or it is gone and a retry installs it."""
    if house.read_state()[0] == "installed":
        house.uninstall_app()
    operation_id = house.begin_install()
    crash(house, case, operation_id, moment)
    house.assert_healthy(works=False)
    if house.await_end(operation_id).progress != "DONE":
        assert house.read_state()[0] == "install_failed"
        operation_id = house.retry_operation(operation_id)
    if "docker-proxy" in house.await_end(operation_id).error:  # a Docker that was killed in a start keeps its port
        house.engine.stop()
        house.engine.start()
        operation_id = house.retry_operation(operation_id)
    assert house.await_end(operation_id).progress == "DONE", house.describe_steps(operation_id)
    house.write_data()
    house.assert_healthy(works=True)


def crash_in_change(house: HomeServer, case: Case, moment: float) -> None:
    """Whatever happens, the app works, as it was or as it was to be, and a retry makes it as it was to be."""
    if house.read_state()[0] != "installed":
        assert house.await_end(house.begin_install()).progress == "DONE"
        house.write_data()
    house.assert_healthy(works=True)
    colour = f"colour-{house.newest_operation()}"
    operation_id = house.begin_change(colour)
    crash(house, case, operation_id, moment)
    if case.victim == "dockerd" and case.step == STEPS["change"] - 1:
        house.start_app()  # the change was done already; a killed Docker leaves what is `unless-stopped` stopped
    house.assert_healthy(works=True)
    if house.await_end(operation_id).progress != "DONE":
        assert not house.has_colour(colour)
        operation_id = house.retry_operation(operation_id)
        assert house.await_end(operation_id).progress == "DONE", house.describe_steps(operation_id)
        house.assert_healthy(works=True)
    assert house.has_colour(colour)


def crash_in_rehearsal(house: HomeServer, case: Case, moment: float) -> None:
    """Whatever happens, the app is the same as before, nothing is left of the copy, and a retry proves the update."""
    if house.read_state()[0] != "installed":
        assert house.await_end(house.begin_install()).progress == "DONE"
        house.write_data()
    house.assert_healthy(works=True)
    before = house.container_ids()
    operation_id = house.begin_rehearsal()
    crash(house, case, operation_id, moment)
    if case.victim == "dockerd":
        house.start_app()  # a killed Docker leaves what is `unless-stopped` stopped, and it is started three times
    house.assert_healthy(works=True)
    if house.await_end(operation_id).progress != "DONE":
        operation_id = house.retry_operation(operation_id)
        assert house.await_end(operation_id).progress == "DONE", house.describe_steps(operation_id)
        house.assert_healthy(works=True)
    assert house.container_ids() == before


def crash_in_uninstall(house: HomeServer, case: Case, moment: float) -> None:
    """Whatever happens, it goes, at the latest by a retry, and its data in shares stays."""
    if house.read_state()[0] != "installed":
        assert house.await_end(house.begin_install()).progress == "DONE"
        house.write_data()
    house.assert_healthy(works=True)
    operation_id = house.begin_uninstall()
    crash(house, case, operation_id, moment)
    if house.await_end(operation_id).progress != "DONE":
        operation_id = house.retry_operation(operation_id)
    assert house.await_end(operation_id).progress == "DONE", house.describe_steps(operation_id)
    house.assert_healthy(works=False)
    assert house.read_state()[0] == "available"
    assert (house.stack.shares / "home" / "file").read_text() == "precious\n"


def crash(house: HomeServer, case: Case, operation_id: int, moment: float) -> None:
    """Do it, a moment after the step began, and bring back what does not come back by itself."""
    pid = house.work_process(operation_id)
    house.await_step(operation_id, case.step)
    time.sleep(moment)
    if " hangs for " in case.victim:
        victim, _, words = case.victim.partition(" hangs for ")
        with stopped(find_victim(house, victim, pid)):
            house.read_pages(int(words.split()[0]))
    elif case.victim == "work process":
        house.kill_process(pid)
    elif case.victim == "worker":
        house.kill_parent(pid)
    elif case.victim == "up":
        house.stack.stop(by=SIGKILL)
        house.stack.start()
    elif case.victim == "queue server":
        house.kill_process(house.queue_server_pid())
    elif case.victim == "dockerd":
        house.engine.kill()
        time.sleep(1)
        house.restart_docker()
    elif case.victim == "database locked":
        with contextlib.closing(sqlite3.connect(house.stack.instance / "rockonweb.db", timeout=60)) as file:
            file.execute("BEGIN IMMEDIATE")
            time.sleep(LOCKED_SECONDS)
    else:
        with full(house.stack.instance):
            time.sleep(10)


def find_victim(house: HomeServer, victim: str, work_process: int) -> int:
    """The process of this part; 0 where it has ended already."""
    if victim == "work process":
        return work_process
    if victim == "worker":
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(work_process).ppid() if work_process else 0
        return 0
    if victim == "dockerd":
        return house.engine.pid
    return house.stack.pid if victim == "up" else house.queue_server_pid()


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process hang meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, SIGSTOP) if pid else None
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, SIGCONT) if pid else None


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Take all the room of the disk that a folder is on."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        yield
    finally:
        filler.unlink()


@pytest.fixture
def full_share_disk(instance: Instance) -> Iterator[Callable[[], None]]:
    """The shares are on a disk of their own with room for one more folder; what is given makes room."""
    root = instance.settings.shares_root
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=30", "tmpfs", root], check=True)
    fillers: list[Path] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                filler = root / f".filler-{len(fillers)}"
                filler.touch()
                fillers.append(filler)
        fillers.pop().unlink()

        def make_room() -> None:
            for filler in fillers:
                filler.unlink()

        yield make_room
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)


DATA = {"label": "Data", "description": ""}


def test_an_install_whose_shares_do_not_fit_leaves_nothing(
    engine: DockerDaemon, instance: Instance, app_image: str, full_share_disk: Callable[[], None]
) -> None:
    rockon = instance.add_rockon("Big", {"big": {"image": app_image, "tag": "", "volumes": {"/a": DATA, "/b": DATA}}})
    reviewed = instance.prepare_install(rockon, new_shares=["big-a", "big-b"])
    operation = instance.run_operation(instance.submit_review(reviewed))
    assert (operation.progress, rockon.state) == ("failed", "install_failed"), describe_steps(operation)
    assert "No space left on device" in operation.error
    assert [path for path in instance.settings.shares_root.iterdir() if path.name[0] != "."] == []
    assert engine.run_docker("ps", "-aq", "--filter", "name=^big$") == ""
    full_share_disk()
    instance.run_successfully(operations.retry_operation(operation.id, "tester"))
    assert rockon.status == "started"


def test_a_change_whose_new_share_does_not_fit_leaves_the_old_app(
    engine: DockerDaemon, instance: Instance, app_image: str, full_share_disk: Callable[[], None]
) -> None:
    port = {"8080": {**DATA, "host_default": 8080, "protocol": "tcp", "ui": True}}
    rockon = instance.add_rockon("Grow", {"grow": {"image": app_image, "tag": "", "ports": port}})
    host = chosen_port(instance.install_rockon(rockon), "grow")
    grown = ("--no-trunc", "--filter", "name=^grow")
    before = engine.run_docker("ps", "-q", *grown)
    wanted = instance.changed_answers(rockon, storage={"grow": {"/a": "grow-a", "/b": "grow-b"}})
    operation = instance.run_operation(
        operations.submit_operation(rockon, ChangeRequest(wanted, new_shares=frozenset({"grow-a", "grow-b"})), "tester")
    )
    assert (operation.progress, rockon.state, rockon.status) == ("failed", "installed", "started"), describe_steps(
        operation
    )
    assert "No space left on device" in operation.error
    assert engine.run_docker("ps", "-aq", *grown) == before
    fetch_app_page(host)
    full_share_disk()
    instance.run_successfully(operations.retry_operation(operation.id, "tester"))
    fetch_app_page(host)
    assert sorted(path.name for path in instance.settings.shares_root.iterdir()) == ["grow-a", "grow-b"]
