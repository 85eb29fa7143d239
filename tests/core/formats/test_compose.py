"""A rock-on as a compose.yaml with its .env; a real Compose reads what is written."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import VolumeMount
from rockonweb.core.formats import compose
from rockonweb.core.plan import plan
from tests.support import samples

KEPT = "a1" * 32


def exported(definition: Definition, how_to_make: dict[str, str] | None = None, **parts: Any) -> compose.ComposeExport:
    answers = samples.complete_answers(definition, **parts)
    facts = samples.make_host_facts(answers, instance="here")
    links = [link.network for link in definition.network_links]
    return compose.export_compose(plan.plan_install(definition, answers, facts), links, how_to_make)


def service(*opts: tuple[str, str], name: str = "app", **parts: Any) -> dict[str, Any]:
    found = exported(samples.build_definition({name: {"opts": [list(pair) for pair in opts]}}), **parts)
    services: dict[str, Any] = yaml.safe_load(found.document)["services"]
    return services[name]


def comments(export: compose.ComposeExport) -> list[str]:
    return [line.removeprefix("# ") for line in export.document.splitlines() if line.startswith("#")]


def read_by_compose(folder: Path, document: str, env: str) -> dict[str, Any]:
    """What Compose itself makes of the two files. Raises where it refuses them. It takes half a second to start."""
    (folder / "compose.yaml").write_text(document)
    (folder / ".env").write_text(env)
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    program = ["docker", "compose"] if plugin else ["docker-compose"]
    assert plugin or shutil.which("docker-compose"), "the package docker-compose is not installed"
    done = subprocess.run(
        [*program, "-p", "test", "-f", "compose.yaml", "config"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    read: dict[str, Any] = yaml.safe_load(done.stdout)
    return read


def test_compose_takes_every_definition(tmp_path: Path):
    """The exports of all fixtures, in one project."""
    parsed = [one for name in samples.NAMES for one in samples.parsed_file(name)]
    exports = [exported(one.definition) for one in parsed]
    whole: dict[str, Any] = {}
    for document in (yaml.safe_load(one.document) for one in exports):
        for key, part in document.items():
            whole[key] = {**whole.get(key, {}), **part} if isinstance(part, dict) else part
    read = read_by_compose(tmp_path, yaml.safe_dump(whole), "\n".join(one.render_env(reveal=True) for one in exports))
    containers = [name for one in parsed for name in one.definition.containers]
    assert len(containers) == len({*containers}), "a fixture's containers have names of their own"
    assert {name: service["container_name"] for name, service in read["services"].items()} == {
        name: name for name in containers
    }


def test_a_whole_rockon():
    definition = samples.load_definition("everything")
    found = exported(
        definition,
        devices={"box": {"serial": "/dev/ttyUSB0"}},
        labels={"box": ["team=home", "bare"]},
        networks={"box": ["mine"]},
        storage={"box": {"/more": "films/new"}},
    )
    body = yaml.safe_load(found.document)
    assert body["services"]["box-store"] == {
        "image": "registry.example.org/box/store:15-slim",
        "container_name": "box-store",
        "restart": "unless-stopped",
        "volumes": ["/shares/box-store-var-lib-store:/var/lib/store", "/etc/localtime:/etc/localtime:ro"],
        "user": "1001:100",
        "environment": {"STORE_PASSWORD": "${STORE_PASSWORD}"},
        "networks": {"default": None, "BoxToStore": None},
    }
    box = body["services"]["box"]
    assert box["depends_on"] == {"box-store": {"condition": "service_started"}}
    assert box["ports"] == ["8443:8443/tcp", "5353:5353/udp", "9000:9000/tcp", "9000:9000/udp"]
    assert box["devices"] == ["/dev/ttyUSB0"]
    assert box["labels"] == {"team": "home", "bare": ""}
    assert box["command"] == ["serve", "/data", "--verbose"]
    assert box["volumes"][-2:] == ["/shares/films/new:/more", "/etc/localtime:/etc/localtime:ro"]
    assert box["networks"] == {"default": None, "BoxToStore": None, "mine": None}
    assert body["networks"] == {"BoxToStore": {"name": "BoxToStore"}, "mine": {"name": "mine", "external": True}}
    assert "This network must exist: docker network create mine" in comments(found)
    assert "rockonweb." not in found.document


def test_a_network_of_the_users_is_told_with_the_command_that_makes_it():
    definition = samples.build_definition({"app": {}})
    made = "docker network create --subnet 10.9.0.0/24 mine"
    found = exported(definition, {"mine": made}, networks={"app": ["mine"]})
    assert f"This network must exist: {made}" in comments(found)


def test_secrets_stand_in_the_env_file_alone():
    asked = {"environment": samples.label_questions(DB_PASSWORD="", NAME="")}
    definition = samples.build_definition({"web": asked, "db": asked, "other": asked})
    given = {
        "web": {"DB_PASSWORD": "s3cret-one", "NAME": "n"},
        "db": {"DB_PASSWORD": "s3cret-one", "NAME": "n"},
        "other": {"DB_PASSWORD": "s3cret-two", "NAME": "n"},
    }
    found = exported(definition, environment=given)
    services = yaml.safe_load(found.document)["services"]
    assert services["web"]["environment"]["DB_PASSWORD"] == "${DB_PASSWORD}"
    assert services["db"]["environment"]["DB_PASSWORD"] == "${DB_PASSWORD}"
    assert services["other"]["environment"]["DB_PASSWORD"] == "${other_DB_PASSWORD}"
    assert "s3cret" not in found.document
    assert found.render_env(reveal=True).splitlines()[1:] == [
        "DB_PASSWORD='s3cret-one'",
        "other_DB_PASSWORD='s3cret-two'",
    ]
    assert "s3cret" not in found.render_env(reveal=False)
    assert found.render_env(reveal=False).splitlines()[1:] == ["DB_PASSWORD=", "other_DB_PASSWORD="]


# Not among them: "${HOME}", in which the old docker-compose puts a variable however an .env quotes it.
ODD = [
    *("a$b", "$HOME", "$$", "it's", '"q"', "a\\b", "ends\\", "# no comment"),
    *(" blank ", "two\nlines", "-----BEGIN KEY-----\na+/= $HOME #x\n\nb\n", "é ü", "1e3", "no"),
]


def test_values_reach_compose_as_they_are(tmp_path: Path):
    asked = samples.label_questions(APP_PASSWORD="", PLAIN="")
    values = {f"app-{place}": value for place, value in enumerate(ODD)}
    containers = {name: {"environment": asked, "cmd_arguments": [[value, ""]]} for name, value in values.items()}
    found = exported(
        samples.build_definition(containers),
        environment={name: dict.fromkeys(asked, value) for name, value in values.items()},
    )
    services = read_by_compose(tmp_path, found.document, found.render_env(reveal=True))["services"]
    assert services.keys() == values.keys()
    for name, value in values.items():
        # It prints a file that can be read again, so a dollar stands there twice.
        variables = {key: text.replace("$$", "$") for key, text in services[name]["environment"].items()}
        assert variables == dict.fromkeys(asked, value)
        assert [word.replace("$$", "$") for word in services[name]["command"]] == [value]


@pytest.mark.parametrize(
    ("opts", "key", "value"),
    [
        ([("--cap-add=SYS_PTRACE", ""), ("--cap-add", "NET_ADMIN")], "cap_add", ["SYS_PTRACE", "NET_ADMIN"]),
        ([("--cap-drop", "ALL")], "cap_drop", ["ALL"]),
        ([("--privileged", "")], "privileged", True),
        ([("--privileged=true", "")], "privileged", True),
        ([("--privileged=false", "")], "privileged", False),
        ([("-it", "")], "stdin_open", True),
        ([("-it", "")], "tty", True),
        ([("-p", "80:80")], "ports", ["80:80"]),
        ([("-p80:80", "")], "ports", ["80:80"]),
        ([("--publish=80:80", ""), ("-p", "80:80")], "ports", ["80:80"]),
        ([("-e", "A=1"), ("-eB=2", ""), ("--env=C", ""), ("-e", "A=3")], "environment",
         {"A": "3", "B": "2", "C": None}),
        ([("--env-file", "/etc/app.env")], "env_file", ["/etc/app.env"]),
        ([("-l", "a=b"), ("--label", "c")], "labels", {"a": "b", "c": ""}),
        ([("--sysctl", "net.ipv4.ip_forward=1")], "sysctls", {"net.ipv4.ip_forward": "1"}),
        ([("--security-opt", "apparmor=unconfined")], "security_opt", ["apparmor=unconfined"]),
        ([("--shm-size", "128mb")], "shm_size", "128mb"),
        ([("-m", "512m")], "mem_limit", "512m"),
        ([("--memory-swap=-1", "")], "memswap_limit", -1),
        ([("--memory-swappiness", "10")], "mem_swappiness", 10),
        ([("--cpus", "1.5")], "cpus", 1.5),
        ([("-c", "512")], "cpu_shares", 512),
        ([("--cpuset-cpus", "0-1")], "cpuset", "0-1"),
        ([("--pids-limit", "100")], "pids_limit", 100),
        ([("--oom-score-adj", "-5")], "oom_score_adj", -5),
        ([("--oom-kill-disable", "")], "oom_kill_disable", True),
        ([("--restart", "no")], "restart", "no"),
        ([("--restart=on-failure:3", "")], "restart", "on-failure:3"),
        ([("-h", "box")], "hostname", "box"),
        ([("--domainname", "lan")], "domainname", "lan"),
        ([("-w", "/srv")], "working_dir", "/srv"),
        ([("-u", "1:2")], "user", "1:2"),
        ([("--group-add", "video")], "group_add", ["video"]),
        ([("--entrypoint", "/run")], "entrypoint", ["/run"]),
        ([("--entrypoint=", "")], "entrypoint", []),
        ([("--init", "")], "init", True),
        ([("--read-only", "")], "read_only", True),
        ([("--tmpfs", "/run:size=64m")], "tmpfs", ["/run:size=64m"]),
        ([("--dns", "9.9.9.9"), ("--dns", "9.9.9.9")], "dns", ["9.9.9.9"]),
        ([("--dns-search", "lan")], "dns_search", ["lan"]),
        ([("--dns-opt", "ndots:1")], "dns_opt", ["ndots:1"]),
        ([("--add-host", "a:10.0.0.1")], "extra_hosts", ["a:10.0.0.1"]),
        ([("--device", "/dev/dri:/dev/dri:rwm")], "devices", ["/dev/dri:/dev/dri:rwm"]),
        ([("--device-cgroup-rule", "c 1:3 mr")], "device_cgroup_rules", ["c 1:3 mr"]),
        ([("--ulimit", "nofile=1024:2048")], "ulimits", {"nofile": {"soft": 1024, "hard": 2048}}),
        ([("--ulimit", "nproc=9")], "ulimits", {"nproc": {"soft": 9, "hard": 9}}),
        ([("--log-driver", "local"), ("--log-opt", "max-size=1m")], "logging",
         {"driver": "local", "options": {"max-size": "1m"}}),
        ([("--health-cmd", "curl x"), ("--health-retries", "3"), ("--health-interval=5s", "")], "healthcheck",
         {"test": ["CMD-SHELL", "curl x"], "retries": 3, "interval": "5s"}),
        ([("--no-healthcheck", "")], "healthcheck", {"disable": True}),
        ([("--stop-signal", "SIGINT")], "stop_signal", "SIGINT"),
        ([("--stop-timeout", "60")], "stop_grace_period", "60s"),
        ([("--pid", "host")], "pid", "host"),
        ([("--ipc", "host")], "ipc", "host"),
        ([("--uts", "host")], "uts", "host"),
        ([("--userns", "host")], "userns_mode", "host"),
        ([("--cgroupns", "host")], "cgroup", "host"),
        ([("--cgroup-parent", "apps")], "cgroup_parent", "apps"),
        ([("--mac-address", "02:42:ac:11:65:43")], "mac_address", "02:42:ac:11:65:43"),
        ([("--platform", "linux/arm64")], "platform", "linux/arm64"),
        ([("--pull", "always")], "pull_policy", "always"),
        ([("--runtime", "nvidia")], "runtime", "nvidia"),
        ([("--expose", "9000")], "expose", ["9000"]),
        ([("--storage-opt", "size=1G")], "storage_opt", {"size": "1G"}),
        ([("--annotation", "a=b")], "annotations", {"a": "b"}),
        ([("--blkio-weight", "300"), ("--device-read-bps", "/dev/sda:1mb")], "blkio_config",
         {"weight": 300, "device_read_bps": [{"path": "/dev/sda", "rate": "1mb"}]}),
        ([("--gpus", "all")], "deploy",
         {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"], "count": "all"}]}}}),
        ([("--gpus", '"device=0,2"')], "deploy",
         {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"], "device_ids": ["0", "2"]}]}}}),
        ([("--net=host", "")], "network_mode", "host"),
        ([("--network", "none")], "network_mode", "none"),
        ([("--network", "bridge")], "network_mode", "bridge"),
        ([("--net", "container:stranger")], "network_mode", "container:stranger"),
        ([("--network=mine", ""), ("--ip", "10.0.0.9"), ("--network-alias", "x")], "networks",
         {"mine": {"ipv4_address": "10.0.0.9", "aliases": ["x"]}}),
        ([("--network", "name=mine,alias=x,ip=10.0.0.9")], "networks",
         {"mine": {"aliases": ["x"], "ipv4_address": "10.0.0.9"}}),
        ([("--link", "stranger:x")], "external_links", ["stranger:x"]),
        ([("--volumes-from", "stranger:ro")], "volumes_from", ["container:stranger:ro"]),
    ],
)  # fmt: skip
def test_flags(opts: list[tuple[str, str]], key: str, value: Any):
    assert service(*opts)[key] == value


def test_mounts():
    found = service(("--mount", "type=bind,src=/srv,dst=/data,readonly,bind-propagation=rslave"),
                    ("--mount", "type=tmpfs,target=/run,tmpfs-size=64m,tmpfs-mode=1770"),
                    ("-v", "films:/films"))  # fmt: skip
    assert found["volumes"][1:] == [
        {"type": "bind", "source": "/srv", "target": "/data", "read_only": True, "bind": {"propagation": "rslave"}},
        {"type": "tmpfs", "target": "/run", "tmpfs": {"size": "64m", "mode": 0o1770}},
        "films:/films",
    ]


def test_a_kept_volume_is_an_external_one():
    definition = samples.build_definition({"app": {"volumes": samples.label_questions({"/data": ""})}})
    answers = samples.complete_answers(definition)
    facts = samples.make_host_facts(answers, kept_volumes={"app": (VolumeMount(KEPT, "/inside"),)})
    body = yaml.safe_load(compose.export_compose(plan.plan_install(definition, answers, facts), ()).document)
    assert f"{KEPT}:/inside" in body["services"]["app"]["volumes"]
    assert body["volumes"] == {KEPT: {"external": True}}


def test_a_volume_without_a_name_gives_way_to_what_is_mounted_there(tmp_path: Path):
    """Docker takes `-v NAME:/etc/openvpn -v /etc/openvpn`, Compose only one mount at a path."""
    definition = samples.build_definition({"app": {"opts": [["-v", "/etc/openvpn"], ["-v", "/cache"]]}})
    answers = samples.complete_answers(definition)
    facts = samples.make_host_facts(answers, kept_volumes={"app": (VolumeMount(KEPT, "/etc/openvpn/"),)})
    export = compose.export_compose(plan.plan_install(definition, answers, facts), ())
    volumes = yaml.safe_load(export.document)["services"]["app"]["volumes"]
    assert volumes == [f"{KEPT}:/etc/openvpn/", "/etc/localtime:/etc/localtime:ro", "/cache"]
    assert read_by_compose(tmp_path, export.document, "")


def test_what_refers_to_a_container_of_the_same_rockon_names_its_service():
    opts = [["--link", "first:x"], ["--volumes-from", "first"], ["--pid=container:first", ""]]
    found = exported(samples.build_definition({"first": {}, "second": {"opts": opts}}))
    second = yaml.safe_load(found.document)["services"]["second"]
    assert second["links"] == ["first:x"]
    assert second["volumes_from"] == ["first"]
    assert second["pid"] == "service:first"


def test_compose_takes_no_circle(tmp_path: Path):
    opts = [["--link", "second:x"], ["--pid", "container:second"], ["--net=container:second", ""]]
    found = exported(samples.build_definition({"first": {"opts": opts}, "second": {}}))
    read = read_by_compose(tmp_path, found.document, found.render_env(reveal=True))
    assert read["services"]["first"]["network_mode"] == "container:second"


def test_flags_without_an_equivalent_are_told_at_the_top():
    definition = samples.build_definition(
        {"app": {"opts": [["--cidfile", "/x"], ["-P", ""], ["--cpus", "many"], ["--new=1", ""]]}}
    )
    told = [line for line in comments(exported(definition)) if "no word" in line]
    assert told == [
        f"Not in this file, because Compose has no word for it: {flag} of app"
        for flag in ("--cidfile /x", "--publish-all", "--cpus many", "--new 1")
    ]


def test_a_line_break_in_a_flag_does_not_end_the_comment():
    found = exported(samples.build_definition({"app": {"opts": [["--cidfile", "a\nservices: {}\x1b[0m"]]}}))
    assert yaml.safe_load(found.document)["services"]["app"]["image"]
    assert "\x1b" not in found.document


def test_a_published_port_on_the_hosts_network_is_left_out_and_told():
    ports = {"80": samples.port_question(80)}
    found = exported(samples.build_definition({"app": {"ports": ports, "opts": [["--net", "host"]]}}))
    assert "ports" not in yaml.safe_load(found.document)["services"]["app"]
    assert "app publishes no ports: it is on the network of host." in comments(found)


def test_openvpn_tells_of_the_run_before_the_first_start():
    found = exported(samples.load_definition("vpn"))
    services = yaml.safe_load(found.document)["services"]
    data, server = services
    assert services[server]["depends_on"] == {data: {"condition": "service_completed_successfully"}}
    told = next(line for line in comments(found) if line.startswith("Before the first start"))
    assert "ovpn_genconfig" in told
    assert "rockonweb." not in told


def test_owncloud_waits_for_its_database_and_tells_what_comes_before():
    found = exported(samples.load_definition("owncloud"))
    services = yaml.safe_load(found.document)["services"]
    database, app = services
    assert services[app]["depends_on"] == {database: {"condition": "service_healthy"}}
    assert services[database]["healthcheck"]["test"][:2] == ["CMD", "sh"]
    assert any("set the permissions of share" in line and line.endswith("to 700") for line in comments(found))
    assert "db_pw-value" not in found.document
    assert set(found.variables.values()) == {"db_pw-value"}


def test_every_flag_of_docker_run_is_known():
    """What the installed docker lists has a place in the tables, or is known to have no equivalent."""
    listed = subprocess.run(["docker", "run", "--help"], capture_output=True, text=True, check=True).stdout
    names = {
        word.rstrip(",").removeprefix("--")
        for line in listed.splitlines()
        for word in line.split()[:2]
        if line.lstrip().startswith("-") and word.startswith("--")
    }
    without = {
        *("attach", "cidfile", "cpuset-mems", "disable-content-trust", "help", "io-maxbandwidth", "io-maxiops"),
        *("kernel-memory", "label-file", "publish-all", "rm", "use-api-socket", "volume-driver"),
    }
    assert len(names) > 90
    assert names - compose.FLAG_CONVERTERS.keys() == without & names


def test_the_document_is_json_too():
    """Text stays text in any YAML, whatever it looks like."""
    looks = ["1e3", "0o17", "yes", "null", "~", "1:30", "0x1f", ".5", "=", "- a", "{a}", "#x", "12e45"]
    found = service(*(("-e", f"V{place}={text}") for place, text in enumerate(looks)))
    assert list(found["environment"].values()) == looks
    assert json.dumps(found)
