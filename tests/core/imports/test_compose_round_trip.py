"""What goes out as a Compose file comes in again as the same `docker run` lines."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rockonweb.core.containers.argv import Argv
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.docker import run_options
from rockonweb.core.docker.run_options import LABEL_PREFIX
from rockonweb.core.errors import BadInput
from rockonweb.core.formats import compose
from rockonweb.core.imports.compose_file import parse_compose
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.source import Outcome
from rockonweb.core.operations.steps import ConnectNetwork
from rockonweb.core.plan import plan
from rockonweb.core.secret import reveal_argv
from tests.support import samples
from tests.support.definitions_strategy import definition_files
from tests.support.examples import example_settings

ONCE = {"env": "=", "label": "=", "annotation": "=", "log-opt": "=", "sysctl": "=", "storage-opt": "="}
EVERYWHERE = "/etc/localtime:/etc/localtime:ro"  # which all commands mount but those of a container without an app
IGNORED = compose.IGNORED_FLAGS
# Every option that a definition may have and Compose has a word for, in a form of each kind.
OPTIONS = [
    *(f"--{flag} true" for flag in ("init", "privileged", "read-only", "tty", "oom-kill-disable")),
    *("--hostname h", "--domainname d", "--workdir /w", "--user web", "--userns host", "--uts host", "--pid host"),
    *("--ipc shareable", "--cgroupns host", "--cgroup-parent p", "--runtime runc", "--platform linux/amd64"),
    *("--isolation default", "--mac-address 02:42:ac:11:65:43", "--stop-signal SIGINT", "--stop-timeout 90"),
    *("--memory 64m", "--memory-swap -1", "--memory-reservation 1m", "--memory-swappiness 5", "--shm-size 1m"),
    *("--cpus 1.5", "--cpuset-cpus 0-1", "--cpu-shares 5", "--cpu-period 5", "--cpu-quota 5", "--cpu-rt-period 5"),
    *("--cpu-rt-runtime 5", "--cpu-count 1", "--cpu-percent 5", "--oom-score-adj -5", "--pids-limit -1"),
    *("--blkio-weight 300", "--blkio-weight-device /dev/a:5", "--device-read-bps /dev/a:1mb"),
    *("--device-write-iops /dev/a:5", "--device-cgroup-rule c 1:3 mr", "--device /dev/dri:/dev/dri"),
    *("--cap-add A", "--cap-drop B", "--security-opt label:disable", "--group-add 5", "--tmpfs /t:size=1m"),
    *("--dns 1.1.1.1", "--dns-search lan", "--dns-option ndots:1", "--add-host a:1.2.3.4", "--expose 80"),
    *("--publish 8080", "--publish 127.0.0.1:1:2/udp", "--publish [::1]:1:2", "--publish 1-2:1-2", "--publish 5:6"),
    *(
        "--sysctl a=b",
        "--label a=b=c",
        "--label x",
        "--annotation a=b",
        "--storage-opt size=1G",
        "--env A=$B",
    ),
    *("--log-driver local", "--log-opt max-size=1m", "--ulimit nofile=1:2", "--ulimit nproc=5", "--gpus all"),
    *(
        '--gpus "device=0,1"',
        "--gpus 2",
        "--gpus driver=nvidia,count=1",
        "--health-cmd a || b",
        "--no-healthcheck true",
    ),
    *("--health-interval 5s", "--health-retries 3", "--health-timeout 1m", "--health-start-period 2s"),
    *("--restart no", "--restart on-failure:3", "--restart always", "--entrypoint /e", "--volume /anonymous"),
    *("--volume named:/n:ro", "--volume /host:/h:ro,rslave", "--volume /shares/music/x:/m"),
    *("--mount type=bind,src=/a,dst=/b,readonly", "--mount type=volume,source=v,target=/v,volume-nocopy"),
    *("--mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770", "--volumes-from stranger:ro", "--link stranger:x"),
    *("--network mine", "--network host", "--network none", "--network container:stranger"),
    *("--network name=mine,alias=x,ip=10.0.0.9", "--network-alias x", "--ip 10.0.0.9"),
]
# Those that Docker takes beside any other.
COMBINED = [option for option in OPTIONS if not option.startswith(("--net", "--ip ", "--no-healthcheck"))]


def exported_and_imported(definition: Definition) -> tuple[dict[str, Any], dict[str, Any]]:
    """The lines of a definition, and those of what its export comes in as."""
    answers = samples.complete_answers(definition)
    planned = plan.plan_install(definition, answers, samples.make_host_facts(answers))
    export = compose.export_compose(planned, plan.link_networks(definition))
    app = parse_compose({"compose.yaml": export.document, ".env": export.render_env(reveal=True)}, name="again")
    assert [entry.what for entry in app.report if entry.outcome is Outcome.LEFT] == []
    imported = convert_app(app, ImportFacts("/shares", answers.used_shares()))
    [parsed] = parse_definitions(imported.source)
    again = plan.plan_install(parsed.definition, imported.answers, samples.make_host_facts(imported.answers))
    untold = {line.removeprefix("# ") for line in export.document.splitlines() if line.startswith("# Not in this file")}
    return lines(planned, untold), lines(again, set())


def lines(planned: plan.Plan, untold: set[str]) -> dict[str, Any]:
    """Each container's options in one spelling, its image and command, and the networks that it joins."""
    return {
        name: (
            sorted(spelled(name, reveal_argv(argv), untold)),
            argv[run_options.parse_command_line(argv).image :],
            {
                (step.network, step.endpoint.aliases)
                for step in planned.steps
                if isinstance(step, ConnectNetwork)
                and step.container == name
                and not any(
                    line.startswith(f"Not in this file: {name} on the network {step.network},") for line in untold
                )
            },
        )
        for name, argv in planned.containers
    }


def spelled(name: str, argv: Argv, untold: set[str]) -> set[tuple[str, str]]:
    options = run_options.parse_command_line(argv)
    networks = [network for network in options.networks if network not in ("bridge", "default")]  # where all are
    on_host = bool(networks) and (networks[-1] == "host" or bool(run_options.container_of(networks[-1])))
    found: dict[tuple[str, ...], tuple[str, str]] = {("restart",): ("restart", "no")}
    for flag in options.flags:
        told = f"Not in this file, because Compose has no word for it: --{flag.name} {flag.value} of {name}"
        is_skipped = flag.name in IGNORED or told in untold or (flag.name == "publish" and on_host)
        is_skipped |= flag.name == "network" and not networks
        is_ours = flag.value.startswith(LABEL_PREFIX) or flag.value == EVERYWHERE
        if is_skipped or is_ours:
            continue
        value = SPELLINGS.get(flag.name, str)(flag.value)
        key = value.partition(ONCE[flag.name])[0] if flag.name in ONCE else value
        found[(flag.name, key) if flag.name in run_options.REPEATABLE else (flag.name,)] = (flag.name, value)
    short = {("network-alias", "alias"), ("ip", "ip"), ("ip6", "ip6"), ("link-local-ip", "link-local-ip")}
    fields = [(field, flag.value) for flag in options.flags for name, field in short if flag.name == name]
    fields += [field for value in options.flag_values("network")[:1] for field in run_options.network_fields(value)]
    found = {key: option for key, option in found.items() if key[0] not in {name for name, _ in short}}
    if networks:  # of the first network, whose settings have short forms too
        first = next(key for key in found if key[0] == "network")
        found[first] = ("network", str(sorted(fields)))
    return {option for option in found.values() if not (option[1] == "false" and option[0] in run_options.SWITCHES)}


def spelled_mount(value: str) -> str:
    fields = {key: text or "true" for key, text in run_options.mount_fields(value)}
    return str(sorted(fields.items()))


def spelled_gpus(value: str) -> str:
    return str(sorted(run_options.mount_fields(value if "=" in value else f"count={value}")))


SPELLINGS = {
    "mount": spelled_mount,
    "gpus": spelled_gpus,
    "cpus": lambda value: str(float(value)),
    "publish": lambda value: value if "/" in value else f"{value}/tcp",
    "ulimit": lambda value: value if ":" in value else f"{value}:{value.partition('=')[2]}",
    "label": lambda value: value if "=" in value else f"{value}=",
    "network": lambda value: str(sorted(run_options.network_fields(value))),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_comes_back(option: str) -> None:
    flag, _, value = option.partition(" ")
    opts = [[flag, ""]] if value == "true" else [[flag, value]]
    opts += [["--network", "mine"]] if flag in ("--network-alias", "--ip") else []
    definition = samples.build_definition({"app": {"opts": opts}})
    before, after = exported_and_imported(definition)
    assert after == before


@example_settings(50)
@given(definition_files())
def test_a_definition_comes_back(file: dict[str, Any]) -> None:
    (one,) = parse_definitions(json.dumps(file))
    assume(all(len({*spec.run_options.networks}) < 2 for spec in one.definition.containers.values()))  # Docker refuses
    before, after = exported_and_imported(one.definition)
    assert after == before


@example_settings(50)
@given(st.lists(st.lists(st.sampled_from(COMBINED), max_size=6), min_size=1, max_size=3), st.booleans())
def test_options_of_several_containers_come_back(options: list[list[str]], is_named: bool) -> None:
    containers = {
        f"app-{n}": {"opts": [[flag, "" if value == "true" else value] for flag, _, value in
                              (option.partition(" ") for option in opts)]}
        for n, opts in enumerate(options)
    }  # fmt: skip
    links = {"app-0": [{"name": "app-net", "source_container": "app-1"}]} if len(options) > 1 else {}
    containers["app-0"]["opts"] += [["--network", "mine"], ["--network-alias", "front"]] if is_named else []
    before, after = exported_and_imported(samples.build_definition(containers, container_links=links))
    assert after == before


@pytest.mark.registry
def test_every_published_definition_comes_back() -> None:
    different = []
    for path in sorted(Path(os.environ["ROCKONWEB_TEST_REGISTRY"]).glob("*.json")):
        if path.name == "root.json":
            continue
        for one in parse_definitions(path.read_bytes()):
            try:
                before, after = exported_and_imported(one.definition)
            except BadInput as error:
                different.append((one.definition.name, error.faults))
                continue
            different += [(name, before[name], after.get(name)) for name in before if before[name] != after.get(name)]
    assert different == []
