"""`--wait` beside a whole Rockonweb whose Docker goes away."""

from collections.abc import Callable
from typing import Any

from tests.support.engine import DockerDaemon
from tests.support.samples import definition_source

ANSWERS = '{"shares": {}}'


def test_docker_that_goes_away_is_status_3_for_each_operation(
    stack: Callable[..., Any], engine: DockerDaemon, standin: Callable[..., str]
) -> None:
    home = stack(engine.host, started=False)
    notes = definition_source({"notes": {"image": standin("notes"), "tag": ""}}, "Notes")
    (home.local_metastore / "notes.json").write_text(notes)
    home.start()
    assert home.run("catalog", "refresh").returncode == 0
    done = home.run("install", "Notes", "--answers", "-", "--wait", stdin=ANSWERS)
    assert done.returncode == 0, done.stderr
    assert home.run("backup", "all.json").returncode == 0
    engine.stop()
    try:
        for command in ("restart", "stop", "start", "update", "uninstall"):
            done = home.run(command, "Notes", "--wait")
            assert (done.returncode, "Docker does not answer." in done.stderr) == (3, True), (command, done.stderr)
    finally:
        engine.start()
    done = home.run("uninstall", "Notes", "--wait")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "done"), done.stderr
    engine.stop()
    try:
        done = home.run("restore", "all.json", "--wait")
        assert (done.returncode, "Docker does not answer." in done.stdout + done.stderr) == (3, True), done.stderr
    finally:
        engine.start()
    done = home.run("restore", "all.json", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
