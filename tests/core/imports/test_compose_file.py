"""A Compose file becomes containers with the options of `docker run`: text in, text out."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.compose_file import _CONVERTERS, parse_compose
from rockonweb.core.imports.conversion import ImportFacts, convert_app
from rockonweb.core.imports.source import Outcome
from rockonweb.core.text import TranslatableText
from tests.support.examples import example_settings

# Keys below a service's.
PARTS = (
    *("type", "source", "target", "read_only", "bind", "volume", "tmpfs", "size", "mode", "published", "host_ip"),
    *("test", "interval", "retries", "disable", "driver", "options", "resources", "limits", "reservations", "devices"),
    *(
        "cpus",
        "memory",
        "replicas",
        "restart_policy",
        "condition",
        "count",
        "device_ids",
        "capabilities",
        "soft",
        "hard",
    ),
    *(
        "aliases",
        "ipv4_address",
        "driver_opts",
        "path",
        "required",
        "format",
        "weight",
        "device_read_bps",
        "app",
        "data",
    ),
    *("file", "external", "name", "labels", "service", "extends", "o", "device", "create_host_path", "image", "<<"),
)

HEAD = "name: demo\nservices:\n  app:\n    image: demo/app:1\n"
TAIL = (
    "  other: {image: demo/other, network_mode: none, container_name: the-other}\n"
    "networks: {default: , named: {name: Real}, foreign: {external: true}, plain: {driver: bridge}}\n"
    "volumes: {data: , named: {name: real}, foreign: {external: true}, old: {external: {name: older}},\n"
    "  nfs: {driver_opts: {type: nfs, o: 'addr=1.2.3.4,rw', device: ':/x'}},\n"
    "  folder: {driver_opts: {type: none, o: bind, device: ./f}}, labelled: {labels: [a=b]}}\n"
    "secrets: {pw: {file: ./pw.txt}, outer: {external: true}}\nconfigs: {conf: {file: /etc/x}, inline: {content: a}}\n"
)


def parse(key="", value="", tail=TAIL):
    return parse_compose(f"{HEAD}    {key}: {value}\n{tail}" if key else HEAD + tail)


def line(app, name="demo-app"):
    [container] = [container for container in app.containers if container.name == name]
    words = [f"--{flag.removeprefix('--')} {value}".rstrip() for flag, value in container.options]
    return " ".join([*words, *container.command, *(f"+{network}" for network in container.joins)])


def lost(app):
    return [entry.what.removeprefix("services.app.") for entry in app.report if entry.outcome is not Outcome.TAKEN]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        # texts, numbers, switches, lists, mappings
        ("cgroup", "host", "--cgroupns host"), ("cpuset", "0-1", "--cpuset-cpus 0-1"),
        ("mem_limit", "1g", "--memory 1g"), ("mem_limit", "1024", "--memory 1024"),
        ("memswap_limit", "-1", "--memory-swap -1"), ("mem_swappiness", "10", "--memory-swappiness 10"),
        ("cpus", "1.5", "--cpus 1.5"), ("cpu_shares", "73", "--cpu-shares 73"), ("pids_limit", "5", "--pids-limit 5"),
        ("userns_mode", "host", "--userns host"), ("working_dir", "/w", "--workdir /w"), ("user", "5", "--user 5"),
        ("shm_size", "64m", "--shm-size 64m"), ("platform", "linux/arm64", "--platform linux/arm64"),
        ("hostname", "h", "--hostname h"), ("mac_address", "02:42:ac:11:65:43", "--mac-address 02:42:ac:11:65:43"),
        ("restart", "always", "--restart always"), ("restart", "no", "--restart no"),
        ("restart", "false", "--restart no"),
        ("privileged", "true", "--privileged"), ("privileged", "'false'", ""), ("init", "true", "--init"),
        ("stdin_open", "true", "--interactive"), ("read_only", "true", "--read-only"), ("tty", "false", ""),
        ("use_api_socket", "true", "--use-api-socket"), ("oom_kill_disable", "true", "--oom-kill-disable"),
        ("cap_add", "[A, B]", "--cap-add A --cap-add B"), ("dns", "1.1.1.1", "--dns 1.1.1.1"),
        ("dns_opt", "[a]", "--dns-option a"), ("group_add", "[docker, 5]", "--group-add docker --group-add 5"),
        ("security_opt", "['label:disable']", "--security-opt label:disable"), ("expose", "[80]", "--expose 80"),
        ("tmpfs", "/t", "--tmpfs /t"), ("tmpfs", "['/t:size=1m', /u]", "--tmpfs /t:size=1m --tmpfs /u"),
        ("labels", "{a: 1, b: }", "--label a=1 --label b"), ("labels", "[a=1, b]", "--label a=1 --label b"),
        ("sysctls", "{net.core.somaxconn: 5}", "--sysctl net.core.somaxconn=5"),
        ("annotations", "[a=b]", "--annotation a=b"), ("storage_opt", "{size: 1G}", "--storage-opt size=1G"),
        ("device_cgroup_rules", "['c 1:3 mr']", "--device-cgroup-rule c 1:3 mr"),
        ("pull_policy", "if_not_present", "--pull missing"), ("volume_driver", "x", "--volume-driver x"),
        ("stop_grace_period", "1m30.5s", "--stop-timeout 91"), ("stop_signal", "SIGINT", "--stop-signal SIGINT"),
        # commands
        ("command", "a 'b c' $$D", "a b c $D"), ("command", "[a, 5, true]", "a 5 true"),
        ("entrypoint", "sh -c x", "--entrypoint sh -c x"), ("entrypoint", "[]", "--entrypoint"),
        ("entrypoint", "''", "--entrypoint"),
        # variables
        ("environment", "{A: 1, B: true, C: 1.50, D: , E: ''}", "--env A=1 --env B=true --env C=1.5 --env D --env E="),
        ("environment", "[A=1, 'B=a=b', C]", "--env A=1 --env B=a=b --env C"),
        # ports
        ("ports", "[80]", "--publish 80"), ("ports", "['8080:80/udp']", "--publish 8080:80/udp"),
        ("ports", "[22:22]", "--publish 22:22"), ("ports", "['8000-8001:80-81']", "--publish 8000-8001:80-81"),
        ("ports", "['127.0.0.1:80:80', '[::1]:81:81']", "--publish 127.0.0.1:80:80 --publish [::1]:81:81"),
        ("ports", "[{target: 80, published: '8080', protocol: tcp, mode: host}]", "--publish 8080:80/tcp"),
        ("ports", "[{target: 80, host_ip: 127.0.0.1}]", "--publish 127.0.0.1::80"),
        ("ports", "[{target: 80, host_ip: '::1', published: 8}]", "--publish [::1]:8:80"),
        # mounts
        ("volumes", "[/anonymous]", "--volume /anonymous"), ("volumes", "['/a:/b:ro']", "--volume /a:/b:ro"),
        ("volumes", "['./a:/b', '../../c:/d', '~/e:/f:z']", "--volume ./a:/b --volume ./c:/d --volume ./e:/f:z"),
        ("volumes", "['data:/d', 'named:/n:ro']", "--volume demo_data:/d --volume real:/n:ro"),
        ("volumes", "['foreign:/f', 'old:/o']", "--volume foreign:/f --volume older:/o"),
        ("volumes", "['nfs:/n']", '--mount type=volume,source=demo_nfs,target=/n,volume-opt=type=nfs,'
         '"volume-opt=o=addr=1.2.3.4,rw",volume-opt=device=:/x'),
        ("volumes", "['labelled:/l:ro']",
         "--mount type=volume,source=demo_labelled,target=/l,volume-label=a=b,readonly"),
        ("volumes", "[{type: bind, source: /a, target: /b}]", "--mount type=bind,source=/a,target=/b"),
        ("volumes", "[{type: bind, source: /a, target: /b, read_only: true, bind: {propagation: rshared}}]",
         "--mount type=bind,source=/a,target=/b,readonly,bind-propagation=rshared"),
        ("volumes", "[{type: bind, source: ./a, target: /b, read_only: true}]", "--volume ./a:/b:ro"),
        ("volumes", "[{type: bind, source: /a, target: /b, bind: {create_host_path: true, selinux: Z}}]",
         "--volume /a:/b:Z"),
        ("volumes", "[{type: volume, source: data, target: /d}]", "--mount type=volume,source=demo_data,target=/d"),
        ("volumes", "[{type: volume, target: /d}]", "--mount type=volume,target=/d"),
        ("volumes", "[{type: volume, source: data, target: /d, volume: {subpath: x}}]",
         "--mount type=volume,source=demo_data,target=/d,volume-subpath=x"),
        ("volumes", "[{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}]",
         "--mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700"),
        ("volumes_from", "['other:ro', 'container:x']", "--volumes-from the-other:ro --volumes-from x"),
        ("secrets", "[pw]", "--mount type=bind,source=./pw.txt,target=/run/secrets/pw,readonly"),
        ("configs", "[{source: conf, target: /c}]", "--mount type=bind,source=/etc/x,target=/c,readonly"),
        ("devices", "[/dev/dri, {source: /dev/a, target: /dev/b, permissions: r}]",
         "--device /dev/dri --device /dev/a:/dev/b:r"),
        # networks and other containers
        ("network_mode", "host", "--network host"), ("network_mode", "service:other", "--network container:the-other"),
        ("network_mode", "container:x", "--network container:x"),
        ("networks", "[named]", "--network Real --network-alias app"),
        ("networks", "[foreign, plain]",
         "--network foreign --network-alias app +demo_plain"),
        ("networks", "{foreign: {aliases: [a, app], ipv4_address: 10.0.0.2, ipv6_address: 'fd::2'}}",
         "--network foreign --network-alias a --network-alias app --ip 10.0.0.2 --ip6 fd::2"),
        ("networks", "{plain: {driver_opts: {a: b}}}", "--network name=demo_plain,driver-opt=a=b --network-alias app"),
        ("links", "[other, 'other:o']", "--link the-other:other --link the-other:o"),
        ("external_links", "[x, 'y:z']", "--link x --link y:z"), ("pid", "host", "--pid host"),
        ("ipc", "service:other", "--ipc container:the-other"), ("uts", "host", "--uts host"),
        ("extra_hosts", "['a:1.2.3.4']", "--add-host a:1.2.3.4"),
        ("extra_hosts", "{a: 1.2.3.4, b: [fd::1, 5.6.7.8]}",
         "--add-host a:1.2.3.4 --add-host b:fd::1 --add-host b:5.6.7.8"),
        # what has parts
        ("healthcheck", "{test: 'a b', interval: 5s, timeout: 1s, retries: 2, start_period: 1m, start_interval: 2s}",
         "--health-cmd a b --health-interval 5s --health-start-interval 2s --health-start-period 1m --health-timeout "
         "1s "
         "--health-retries 2"),
        ("healthcheck", "{test: [CMD-SHELL, a || b]}", "--health-cmd a || b"),
        ("healthcheck", "{disable: true}", "--no-healthcheck"), ("healthcheck", "{test: [NONE]}", "--no-healthcheck"),
        ("logging", "{driver: journald, options: {tag: a, max-file: 3}}",
         "--log-driver journald --log-opt tag=a --log-opt max-file=3"),
        ("ulimits", "{nproc: 5, nofile: {soft: 1, hard: 2}}", "--ulimit nproc=5 --ulimit nofile=1:2"),
        ("blkio_config",
         "{weight: 300, weight_device: [{path: /dev/a, weight: 5}], device_read_bps: [{path: /b, rate: 1m}]}",
         "--blkio-weight 300 --blkio-weight-device /dev/a:5 --device-read-bps /b:1m"),
        ("gpus", "all", "--gpus all"),
        ("gpus", "[{driver: nvidia, count: 2, capabilities: [gpu, utility]}]",
         "--gpus driver=nvidia,capabilities=utility,count=2"),
        ("deploy", "{resources: {limits: {cpus: '0.5', memory: 1g, pids: 9}, reservations: {memory: 1m, devices: "
         "[{capabilities: [gpu], device_ids: ['0', '1']}]}}}",
         '--cpus 0.5 --memory 1g --pids-limit 9 --memory-reservation 1m --gpus "device=0,1"'),
        ("deploy", "{restart_policy: {condition: on-failure, max_attempts: 3}}", "--restart on-failure:3"),
    ],
)  # fmt: skip
def test_a_key_becomes_options(key, value, expected):
    app = parse(key, value)
    assert line(app) == expected
    assert lost(app) == []


def test_a_network_of_the_project_is_only_for_several():
    one, two = HEAD, HEAD + "  db: {image: db}\n"
    assert line(parse_compose(one)) == ""
    assert line(parse_compose(two)) == "--network demo_default --network-alias app"
    assert line(parse_compose(one + "networks: {default: {name: proxy, external: true}}")) == (
        "--network proxy --network-alias app"
    )


def test_a_service_on_several_networks_starts_on_one_and_joins_the_others_under_the_same_names():
    text = (
        HEAD
        + "    networks: {a: {aliases: [x]}, b: , C: {ipv4_address: 10.0.0.2}}\nnetworks: {a: , b: , C: {name: Big}}"
    )
    app = parse_compose(text)
    assert line(app) == "--network Big --network-alias x --network-alias app --ip 10.0.0.2 +demo_a +demo_b"
    assert lost(app) == ["networks"]
    two = HEAD + "    networks: {a: {ipv4_address: 10.0.0.2}, b: {ipv4_address: 10.1.0.2}, C: {ipv4_address: 10.2.0.2}}"
    app = parse_compose(two + "\nnetworks: {a: , b: , C: }")
    assert line(app) == ("--network demo_a --network-alias app --ip 10.0.0.2 --network name=demo_b,ip=10.1.0.2 +demo_C")
    assert lost(app) == ["networks.C"]  # the CLI takes the long form in lower case only


def test_containers_come_after_those_that_they_need():
    app = parse_compose(
        "services:\n  a: {image: a, depends_on: {b: {condition: service_healthy}}}\n  b: {image: b, links: [c]}\n"
        "  c: {image: c, network_mode: 'service:d'}\n  d: {image: d}\n  e: {image: e, volumes_from: [a]}"
    )
    assert [container.image for container in app.containers] == ["d", "c", "b", "a", "e"]
    assert lost(app) == ["services.a.depends_on.b.condition"]


def test_a_service_that_is_waited_for_ends():
    text = HEAD + "    depends_on: {once: {condition: service_completed_successfully}}\n  once: {image: once}"
    assert line(parse_compose(text), "demo-once").startswith("--network demo_default --network-alias once --restart no")


def test_variables_of_files_come_before_those_of_the_service():
    text = HEAD + "    env_file: [a.env, {path: b.env, required: false}, c.env]\n    environment: {B: 2, D: }"
    app = parse_compose({"compose.yaml": text, "a.env": "A=1\nB=$D\n", ".env": "D=4"})
    assert line(app) == "--env A=1 --env B=2 --env D=4"
    assert lost(app) == ["env_file"]


def test_labels_of_a_file_are_taken():
    assert line(parse_compose({"compose.yaml": HEAD + "    label_file: l", "l": "a=b"})) == "--label a=b"


def test_a_folder_behind_a_volume_is_mounted_itself():
    app = parse("volumes", "['folder:/f']")
    assert (line(app), lost(app)) == ("--volume ./f:/f", ["volumes.folder"])


@pytest.mark.parametrize(
    ("key", "value", "paths"),
    [
        ("build", ".", ["build"]), ("develop", "{watch: []}", ["develop"]), ("attach", "false", ["attach"]),
        ("post_start", "[{command: a}]", ["post_start"]), ("pre_stop", "[{command: a}]", ["pre_stop"]),
        ("pre_start", "[{command: a}]", ["pre_start"]), ("models", "[m]", ["models"]), ("scale", "2", ["scale"]),
        ("credential_spec", "{file: a}", ["credential_spec"]), ("provider", "{type: a}", ["provider"]),
        ("pull_refresh_after", "1d", ["pull_refresh_after"]), ("pull_policy", "daily", ["pull_policy"]),
        ("bogus", "1", ["bogus"]), ("x-own", "1", []), ("scale", "1", []), ("profiles", "[]", []),
        ("secrets", "[outer]", ["secrets.outer"]), ("configs", "[inline]", ["configs.inline"]),
        ("secrets", "[{source: pw, mode: 0400}]", ["secrets.pw.mode"]),
        ("ports", "[{target: 80, name: a, app_protocol: http}]", ["ports.name", "ports.app_protocol"]),
        ("volumes", "[{type: image, source: a, target: /a}]", ["volumes"]),
        ("volumes", "[{type: bind, source: /a, target: /b, bind: {recursive: off}}]", ["volumes.bind.recursive"]),
        ("healthcheck", "{test: [CMD, a, 'b c']}", ["healthcheck.test"]),
        ("gpus", "[{capabilities: [tpu]}]", ["gpus"]), ("gpus", "[{count: 1, options: {a: b}}]", ["gpus.options"]),
        ("networks", "{plain: {priority: 5, gw_priority: 1}}", ["networks.plain.priority",
         "networks.plain.gw_priority"]),
        ("logging", "{driver: a, other: b}", ["logging.other"]),
        ("deploy", "{mode: global, replicas: 3, placement: {}, labels: {}, update_config: {}, endpoint_mode: vip, "
         "resources: {limits: {x: 1}, reservations: {cpus: '1'}}, restart_policy: {delay: 5s}}",
         ["deploy.resources.limits.x", "deploy.resources.reservations.cpus", "deploy.mode", "deploy.placement",
          "deploy.labels", "deploy.update_config", "deploy.endpoint_mode", "deploy.replicas",
          "deploy.restart_policy.delay"]),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_named_with_its_path(key, value, paths):
    assert lost(parse(key, value)) == paths


def test_what_a_network_and_the_file_itself_have_beyond_is_named_too():
    text = "version: '3'\nmodels: {}\n" + HEAD + "networks: {n: {internal: true, driver: bridge, x-a: 1}, e: "
    assert lost(parse_compose(text + "{external: true, ipam: {}}}")) == ["models", "networks.n.internal"]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("ports", "['0:80']", '"0:80" publishes on port 0'), ("ports", "['80:70000']", '"80:70000" is no port'),
        ("ports", "['1-3:1-2']", '"1-3:1-2" is no port'), ("ports", "80", "it must be a list"),
        ("volumes", "['nope:/a']", 'the volume "nope" is not declared under volumes'),
        ("volumes", "['/a:/b:ro:x']", '"/a:/b:ro:x" is no volume'), ("volumes", "[':/b']", '":/b" is no volume'),
        ("volumes", "[{target: /a}]", "a volume needs a type and a target"),
        ("networks", "[nope]", 'the network "nope" is not declared under networks'),
        ("secrets", "[nope]", '"nope" is not declared under secrets'),
        ("depends_on", "[nope]", 'there is no service "nope"'), ("links", "[nope]", 'there is no service "nope"'),
        ("network_mode", "service:nope", 'there is no service "nope"'),
        ("depends_on", "[app]", "these services need each other: app"),
        ("environment", "A=1", "it must be a mapping"), ("environment", "{A: [1]}", "it must be a text"),
        ("command", "a 'b", "a quote is not closed"), ("privileged", "perhaps", "it must be true or false"),
        ("cpu_shares", "much", "it must be a whole number"), ("cpus", "much", "it must be a number"),
        ("stop_grace_period", "5", "it must be a duration, such as 1m30s"), ("hostname", "[a]", "it must be a text"),
        ("healthcheck", "{test: [a]}", 'the test must begin with "CMD", "CMD-SHELL" or "NONE"'),
        ("container_name", "the-other", None),
    ],
)  # fmt: skip
def test_a_faulty_key_is_refused_with_its_line_and_path(key, value, problem):
    with pytest.raises(BadInput) as refused:
        parse(key, value)
    problem = problem or 'the container of "app" is called "the-other" too'
    path = "services.other.container_name" if key == "container_name" else f"services.app.{key}"
    where = "line 6" if key == "container_name" else "line 5"
    assert refused.value.faults == [f"compose.yaml, {where}, {path}: {problem}."]


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ("{build: .}", "line 3, services.a.build: it is built from source code here: there is no image to pull."),
        ("{hostname: a}", "services.a.image: it is missing."),
        ("{image: a, networks: [], network_mode: host}", None),
        ("{image: a, networks: [default], network_mode: host}",
         "line 3, services.a.networks: a service has either networks or a network_mode."),
    ],
)  # fmt: skip
def test_a_service_that_can_not_run_is_refused(service, fault):
    text = f"name: x\nservices:\n  a: {service}"
    if fault is None:
        assert line(parse_compose(text), "x-a") == "--network host"
        return
    with pytest.raises(BadInput) as refused:
        parse_compose(text)
    assert refused.value.faults == [fault if fault.startswith("services") else f"compose.yaml, {fault}"]


def test_every_fault_is_told_at_once():
    with pytest.raises(BadInput) as refused:
        parse_compose(HEAD + "    ports: x\n    cap_add: y\n  b: {build: .}")
    assert [fault.rpartition(": ")[0].rpartition(", ")[2] for fault in refused.value.faults] == [
        "services.app.ports",
        "services.app.cap_add",
        "services.b.build: it is built from source code here",
    ]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "    ports: x",
        HEAD + "    depends_on: [nope]",
        HEAD + "    user: $(id)",
        HEAD + "    extends: app",
        HEAD + "    container_name: a\n  b: {image: b, container_name: a}",
        "services: []",
        "a: [",
    ],
)
def test_every_fault_can_be_translated(text):
    with pytest.raises(BadInput) as refused:
        parse_compose(text)
    assert all(isinstance(fault, TranslatableText) for fault in refused.value.faults)


def test_a_refusal_names_the_variables_without_a_value():
    with pytest.raises(BadInput) as refused:
        parse_compose(HEAD + "    ports: ['$P:$P']")
    assert refused.value.faults == ['compose.yaml, line 5, services.app.ports: ":" is no port.']
    assert refused.value.hint == "These variables have no value: P."


def test_the_long_form_of_a_port_without_a_value_is_the_containers():
    assert line(parse_compose(HEAD + "    ports: [{target: 80, published: $P}]")) == "--publish 80:80"


VALUES = st.recursive(
    st.sampled_from(
        [None, True, 1, 1.5, -1, "", "a", "a=b", "app", "data", "/a:/b", "80:80", "service:app", "5s", "all"]
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(PARTS), inner, max_size=3),
    max_leaves=5,
)


@example_settings(300)
@given(st.dictionaries(st.sampled_from(sorted(_CONVERTERS)), VALUES, max_size=4), VALUES, VALUES, VALUES)
def test_whatever_a_file_has_is_taken_told_or_refused(service, volumes, networks, secrets):
    body = {"services": {"app": {"image": "demo", **service}}, "volumes": {"data": volumes}, "networks": networks}
    with contextlib.suppress(BadInput):
        app = parse_compose(json.dumps({**body, "secrets": {"a": secrets}, "include": None}))
        convert_app(app, ImportFacts("/shares"))


@example_settings(100)
@given(st.dictionaries(st.sampled_from(["services", "volumes", "include", "name", "configs"]), VALUES))
def test_whatever_is_at_the_top_is_taken_or_refused(body):
    with contextlib.suppress(BadInput):
        parse_compose({"compose.yaml": json.dumps(body), "a": "services: {a: {image: a}}"})
