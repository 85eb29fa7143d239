"""What an app's command lines become in a closed room: as text, and over all published definitions."""

import os
from pathlib import Path
from typing import Any

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.docker.run_options import parse_command_line
from rockonweb.core.facts import VolumeMount
from rockonweb.core.operations.steps import CreateContainer, RunOnce, Step
from rockonweb.core.plan.rehearsal import (
    ALLOWED_CAPABILITIES,
    ClosedRoom,
    clone_steps,
    outermost_paths,
    plan_rehearsal,
    rehearsal_obstacles,
)
from rockonweb.core.secret import reveal_argv
from tests.support.samples import (
    NAMES,
    build_definition,
    complete_answers,
    label_questions,
    load_definition,
    make_host_facts,
    port_question,
)

UID = "0123456789abcdef0123456789abcdef"
ROOM = "rehearsal-0123456789ab"
DATA = label_questions({"/data": "Data"})


def rehearse(definition: Definition, answers: Answers | None = None, **facts: Any) -> tuple[list[Step], list[str]]:
    """Return the steps with all shares in `/copies`, and what was left out."""
    answers = answers or complete_answers(definition)
    folders = {path: f"/copies/{path}" for path in outermost_paths(path for _, path in answers.share_mounts)}
    steps, left_out = plan_rehearsal(
        definition,
        answers,
        make_host_facts(answers, instance="mine", **facts),
        ClosedRoom(UID, "mine.rehearsal", folders),
        clone_steps(folders, dict.fromkeys(folders, "snapshot")),
    )
    return steps, [str(finding.sentence) for finding in left_out]


def lines(definition: Definition, answers: Answers | None = None, **facts: Any) -> list[str]:
    steps, _ = rehearse(definition, answers, **facts)
    return [" ".join(reveal_argv(step.argv)) for step in steps if isinstance(step, CreateContainer | RunOnce)]


def test_the_containers_find_each_other_under_their_names_and_publish_nothing() -> None:
    sample = build_definition(
        {
            "db": {"volumes": DATA},
            "web": {
                "volumes": DATA,
                "ports": {"80": port_question(8080, ui=True)},
                "opts": [["--link", "db:base"], ["--volumes-from", "db:ro"], ["--restart", "always"]],
            },
        }
    )
    assert lines(sample) == [
        f"docker run --name {ROOM}-db -v /copies/db-data:/data --network {ROOM} --dns 192.0.2.1 --network-alias db"
        f" --label rockonweb.operation={UID} -d"
        " --label rockonweb.rockon=Sample --label rockonweb.instance=mine.rehearsal example/db:latest",
        f"docker run --name {ROOM}-web -v /copies/web-data:/data --volumes-from {ROOM}-db:ro --link {ROOM}-db:base"
        f" --network {ROOM} --dns 192.0.2.1 --network-alias web --label rockonweb.operation={UID} -d"
        " --label rockonweb.rockon=Sample --label rockonweb.instance=mine.rehearsal example/web:latest",
    ]
    steps, left_out = rehearse(sample)
    assert "\n".join(map(str, steps)) == (
        f"prepare the closed room {ROOM}\n"
        "clone db-data\n"
        "clone web-data\n"
        f"create container {ROOM}-db\n"
        f"start {ROOM}-db\n"
        f"create container {ROOM}-web\n"
        f"start {ROOM}-web\n"
        "wait until the copy of the app is healthy\n"
        "remove the copy with all that belongs to it"
    )
    assert left_out == []
    assert steps[-2].to_data()["pages"] == [
        [f"{ROOM}-db", None],
        [f"{ROOM}-web", {"port": 80, "https": False, "path": "/"}],
    ]


@pytest.mark.parametrize(
    ("option", "stays", "told"),
    [
        (["-v", "/etc:/host:ro"], "", "the folder or file /etc of this host"),
        (["-v", "/shares/app-data/sub:/sub"], "-v /copies/app-data/sub:/sub", ""),
        (["-v", "/shares/app-data/../secret:/sub"], "", "the folder or file /shares/app-data/../secret of this host"),
        (["-v", "/shares/app-database:/sub"], "", "the folder or file /shares/app-database of this host"),
        (["--mount", "type=bind,src=/shares/app-data,dst=/x,ro"], "-v /copies/app-data:/x:ro", ""),
        (["-v", "cache:/cache"], f"-v {ROOM}-cache:/cache", "the content of the volume at /cache, which is empty"),
        (["-v", "/cache"], "-v /cache", ""),
        (["--mount", "type=tmpfs,dst=/tmp"], "--tmpfs /tmp", ""),
        (["--device", "/dev/dri:/dev/dri"], "", "the device /dev/dri"),
        (["--gpus", "all"], "", "the option --gpus all"),
        (["--pid", "host"], "", "the option --pid host"),
        (["--ipc=host", ""], "", "the option --ipc host"),
        (["--cap-add", "NET_ADMIN"], "", "the option --cap-add NET_ADMIN"),
        (["--cap-add", "CAP_SYS_NICE"], "--cap-add CAP_SYS_NICE", ""),
        (["--security-opt", "seccomp=unconfined"], "", "the option --security-opt seccomp=unconfined"),
        (["--security-opt", "no-new-privileges"], "--security-opt no-new-privileges", ""),
        (["--privileged", ""], "", "the option --privileged true"),
        (["--network", "name=proxy,alias=here"], "--network-alias here", "the network proxy"),
        (["-p", "5000:5000"], "", ""),
        (["--log-driver", "syslog"], "", ""),
        (["--label", "traefik.enable=true"], "", ""),
        (["-it", ""], "-it", ""),
        (["--shm-size", "1g"], "--shm-size 1g", ""),
    ],
    ids=str,
)
def test_what_becomes_of_an_option(option: list[str], stays: str, told: str) -> None:
    sample = build_definition({"app": {"volumes": DATA, "opts": [option]}})
    [line] = lines(sample)
    [plain] = lines(build_definition({"app": {"volumes": DATA}}))
    assert stays in line
    assert len(line) == len(plain) + (len(stays) + 1 if stays else 0)
    assert rehearse(sample)[1] == ([f"Left out of app: {told}."] if told else [])


def test_namespaces_of_the_apps_own_containers_stay_shared() -> None:
    sample = build_definition({"vpn": {}, "app": {"opts": [["--net", "container:vpn"], ["--pid", "container:vpn"]]}})
    line = lines(sample)[1]
    assert f"--pid container:{ROOM}-vpn --network container:{ROOM}-vpn" in line
    assert "--network-alias" not in line
    assert rehearse(sample)[1] == []


def test_a_volume_with_data_starts_empty_and_that_is_told() -> None:
    kept = {"app": (VolumeMount("a" * 64, "/cache"),)}
    sample = build_definition({"app": {"volumes": DATA}})
    assert f"-v {ROOM}-{'a' * 64}:/cache" in lines(sample, kept_volumes=kept)[0]
    steps, left_out = rehearse(sample, kept_volumes=kept)
    assert left_out == ["Left out of app: the content of the volume at /cache, which is empty."]
    assert steps[0].to_data()["volumes"] == [f"{ROOM}-{'a' * 64}"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([["--net", "host"]], "uses this host's network"),
        ([["--privileged", ""]], "needs full rights on this host"),
        ([["-v", "/var/run/docker.sock:/s"]], "needs the Docker socket"),
        ([["--device", "/dev/ttyUSB0"]], "needs the device /dev/ttyUSB0"),
        ([["--cap-add", "NET_ADMIN"]], "needs the capability NET_ADMIN"),
        ([["--net", "container:other"]], "needs the container other, which belongs to something else"),
        ([["--pid", "host"]], "needs the processes of this host"),
        ([["--cap-add", "SYS_NICE"], ["-v", "/etc:/host"]], None),
    ],
    ids=str,
)
def test_why_an_app_can_not_be_rehearsed(options: list[list[str]], why: str | None) -> None:
    found = [*map(str, rehearsal_obstacles(build_definition({"app": {"opts": options}})))]
    assert found == ([f"app {why}."] if why else [])


def test_a_folder_inside_a_share_that_is_cloned_is_not_cloned_again() -> None:
    assert outermost_paths(["a/b", "a", "ab", "a/b", "c/d"]) == ["a", "ab", "c/d"]


def assert_closed(definition: Definition, answers: Answers) -> None:
    """Nothing of the host, and nothing of the app itself, is in any of the lines."""
    steps, _ = rehearse(definition, answers, groups={"docker": 993})
    for step in steps:
        if not isinstance(step, CreateContainer | RunOnce):
            continue
        words = reveal_argv(step.argv)
        options = parse_command_line(words)
        assert not options.fault
        names = {flag.name for flag in options.flags}
        assert not names & {"publish", "publish-all", "device", "privileged", "restart", "gpus", "userns", "uts"}, words
        assert step.container.startswith(f"{ROOM}-")
        assert options.last_value("name") in ("", step.container)
        for mount in options.mounts:
            assert mount.host_path.startswith("/copies/") or mount.source.startswith(f"{ROOM}-") or not mount.source
        assert len(options.networks) == 1
        assert options.networks[0] in (ROOM, "none") or options.networks[0].startswith(f"container:{ROOM}-")
        for reference in options.references:
            assert reference.container.startswith(f"{ROOM}-")
        assert {*options.capabilities} <= ALLOWED_CAPABILITIES
        assert not options.missing_guards
        assert not options.has_engine_socket
        labels = options.flag_values("label")
        assert f"rockonweb.operation={UID}" in labels
        assert all(label.startswith("rockonweb.") for label in labels)
        assert "rockonweb.instance=mine" not in labels


@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_a_fixture_reaches_out_of_the_room(name: str) -> None:
    sample = load_definition(name)
    assert_closed(sample, complete_answers(sample))


@pytest.mark.registry
def test_no_line_of_a_published_rockon_reaches_out_of_the_room() -> None:
    folder = Path(os.environ["ROCKONWEB_TEST_REGISTRY"])
    checked = can_be = 0
    for path in sorted(folder.glob("*.json")):
        for parsed in parse_definitions(path.read_bytes()) if path.name != "root.json" else ():
            sample = parsed.definition
            devices = {name: dict.fromkeys(spec.devices, "/dev/dri") for name, spec in sample.containers.items()}
            assert_closed(sample, complete_answers(sample, devices=devices))
            checked += 1
            can_be += not [*rehearsal_obstacles(sample)]
    assert checked > 50
    assert can_be > checked * 0.7
