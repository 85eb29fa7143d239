"""A rock-on as Quadlet files, read back as Podman's generator and systemd read them."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.docker import run_options
from rockonweb.core.docker.run_options import LABEL_PREFIX
from rockonweb.core.formats import compose, quadlet
from rockonweb.core.plan import plan
from rockonweb.core.secret import reveal_argv
from tests.support import samples
from tests.support.examples import example_settings

FLAGS = {key: flag for flag, key in {**quadlet.KEYS, **quadlet.WORD_KEYS}.items()}
SPLIT = {*quadlet.WORD_KEYS.values(), "Exec", "PodmanArgs"}
WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+')


def exported(definition: Definition, specs: dict[str, NetworkSpec] | None = None, **parts: Any) -> dict[str, str]:
    answers = samples.complete_answers(definition, **parts)
    planned = plan.plan_install(definition, answers, samples.make_host_facts(answers))
    return quadlet.export_quadlet(planned, specs or {}).render_files(reveal=True)


def unit(text: str) -> dict[str, list[tuple[str, str]]]:
    """The sections of a unit file, each as pairs; a line is one key, and comments are left out."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in text.split("\n"):
        if line.startswith("["):
            entries = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            entries.append((key, value))
    return sections


def read_words(value: str) -> list[str]:
    return [read_escapes(word) for word in WORD.findall(value)]


def read_escapes(word: str) -> str:
    """A word without its quotes, as C reads it, then as systemd fills in specifiers and variables."""
    names = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
    if word.startswith('"'):
        word = re.sub(
            r"\\(x[0-9a-f]{2}|.)",
            lambda match: names.get(match[1]) or chr(int(match[1][1:], 16)),
            word[1:-1],
        )
    return expand(word)


def expand(value: str) -> str:
    assert not re.search(r"(?<![%])%(?:%%)*(?!%)", value), f"systemd expands {value}"
    assert not re.search(r"(?<![$])\$(?:\$\$)*(?!\$)", value), f"systemd expands {value}"
    return value.replace("%%", "%").replace("$$", "$")


def podman_command(text: str, files: dict[str, str]) -> tuple[list[tuple[str, str]], str, list[str]]:
    """The options, the image and the command that the generator makes of a .container file."""
    options: list[tuple[str, str]] = []
    image, command, user = "", [], []
    for key, value in unit(text)["Container"]:
        if key == "Image":
            image = expand(value)
        elif key == "Exec":
            command = read_words(value)
        elif key == "PodmanArgs":
            [word] = read_words(value)
            flag, equals, argument = word.removeprefix("--").partition("=")
            options.append((flag, argument if equals else "true"))
        elif key in ("User", "Group"):
            user.append(value)
        elif key == "EnvironmentFile":
            lines = files[value].splitlines()
            options += [("env", line) for line in lines if not line.startswith("#")]
        elif key in ("RunInit", "ReadOnly"):
            options.append(({"RunInit": "init", "ReadOnly": "read-only"}[key], value))
        elif key == "Network":
            name, _, settings = value.partition(":")
            network = dict(unit(files[name])["Network"])["NetworkName"] if name.endswith(".network") else value
            options.append(("network", network + (f":{settings}" if settings and network != value else "")))
        elif key in FLAGS:
            [argument] = read_words(value) if key in SPLIT else [expand(value)]
            options.append((FLAGS[key], argument))
        else:
            assert key == "ContainerName"
    return [*options, *([("user", ":".join(user))] if user else [])], image, command


def service(*opts: list[str], **container: Any) -> tuple[list[tuple[str, str]], str, list[str]]:
    files = exported(samples.build_definition({"app": {"opts": list(opts), **container}}))
    options, image, command = podman_command(files["app.container"], files)
    assert options.pop(next(n for n, option in enumerate(options) if "localtime" in option[1]))
    return options, image, command


def test_a_whole_rockon():
    definition = samples.load_definition("everything")
    spec = NetworkSpec("mine", subnet="10.9.0.0/24", gateway="10.9.0.1", internal=True, mtu=1400)
    files = exported(definition, {"mine": spec}, networks={"box": ["mine"]}, labels={"box": ["team=home"]})
    assert list(files) == [
        "box-store.container", "box.container", "BoxToStore.network", "mine.network", "box-store.env", "box.env",
    ]  # fmt: skip
    box = unit(files["box.container"])
    assert box["Unit"][1:] == [("Requires", "box-store.service"), ("After", "box-store.service")]
    assert box["Service"] == [("Restart", "always")]
    assert box["Install"] == [("WantedBy", "multi-user.target default.target")]
    assert ("Network", "BoxToStore.network") in box["Container"]
    assert ("PublishPort", "8443:8443/tcp") in box["Container"]
    assert ("Label", "team=home") in box["Container"]
    assert ("Exec", "serve /data --verbose") in box["Container"]
    assert "rockonweb." not in "".join(files.values())
    assert unit(files["mine.network"])["Network"] == [
        ("NetworkName", "mine"), ("Subnet", "10.9.0.0/24"), ("Gateway", "10.9.0.1"), ("Internal", "true"),
        ("Options", "mtu=1400"),
    ]  # fmt: skip


def test_secrets_stand_in_a_file_of_their_container_alone():
    asked = {"environment": samples.label_questions(DB_PASSWORD="", NAME="")}
    definition = samples.build_definition({"web": asked, "db": {}})
    answers = samples.complete_answers(definition, environment={"web": {"DB_PASSWORD": "s3cret $x", "NAME": "n"}})
    export = quadlet.export_quadlet(plan.plan_install(definition, answers, samples.make_host_facts(answers)), {})
    assert "s3cret" not in "".join(export.units.values())
    assert export.render_files(reveal=True)["web.env"] == "# The secrets of this container.\nDB_PASSWORD=s3cret $x\n"
    assert export.render_files(reveal=False)["web.env"] == "# The secrets of this container.\nDB_PASSWORD=\n"
    assert "db.env" not in export.render_files(reveal=True)


@pytest.mark.parametrize(
    ("image", "qualified"),
    [
        ("nginx", "docker.io/library/nginx:latest"), ("example/app", "docker.io/example/app:latest"),
        ("ghcr.io/a/b", "ghcr.io/a/b:latest"), ("localhost/a", "localhost/a:latest"),
        ("registry:5000/a", "registry:5000/a:latest"),
    ],
)  # fmt: skip
def test_an_image_has_its_registry(image: str, qualified: str):
    assert service(image=image)[1] == qualified


@pytest.mark.parametrize(
    ("option", "key", "value"),
    [
        (["-v", "/a:/b:ro"], "Volume", "/a:/b:ro"), (["-p", "127.0.0.1:1:2"], "PublishPort", "127.0.0.1:1:2"),
        (["-e", "A=b c"], "Environment", '"A=b c"'), (["-e", 'A="$x%h\n'], "Environment", '"A=\\"$$x%%h\\n"'),
        (["--device", "/dev/dri"], "AddDevice", "/dev/dri"), (["--cap-add", "SYS_TIME"], "AddCapability", "SYS_TIME"),
        (["--init", ""], "RunInit", "true"), (["--init=false", ""], "RunInit", "false"),
        (["--user", "1000:100"], "Group", "100"), (["--network", "host"], "Network", "host"),
        (["--network", "container:x"], "Network", "container:x"),
        (["--network", "name=n,alias=a,ip=10.0.0.2"], "Network", "n.network:alias=a,ip=10.0.0.2"),
        (["--health-cmd", "curl -f $HOST || exit 1"], "HealthCmd", "curl -f $$HOST || exit 1"),
        (["--memory", "1g"], "PodmanArgs", "--memory=1g"), (["--privileged", ""], "PodmanArgs", "--privileged"),
        (["--entrypoint", "/a b"], "PodmanArgs", '"--entrypoint=/a b"'),
        (["--entrypoint=", ""], "PodmanArgs", "--entrypoint="),
        (["--mount", "type=tmpfs,target=/t"], "PodmanArgs", "--mount=type=tmpfs,target=/t"),
        (["--health-cmd", '"a" "b"'], "PodmanArgs", '"--health-cmd=\\"a\\" \\"b\\""'),
    ],
)  # fmt: skip
def test_an_option_has_its_key_or_is_an_argument(option: list[str], key: str, value: str):
    files = exported(samples.build_definition({"app": {"opts": [option]}}))
    assert (key, value) in unit(files["app.container"])["Container"]


@pytest.mark.parametrize(
    ("policy", "restart"),
    [("no", "no"), ("always", "always"), ("on-failure:3", "on-failure"), ("unless-stopped", "always")],
)
def test_the_policy_of_restarts_is_that_of_the_service(policy: str, restart: str):
    files = exported(samples.build_definition({"app": {"opts": [["--restart", policy]]}}))
    assert unit(files["app.container"])["Service"] == [("Restart", restart)]


def test_what_podman_does_not_have_is_told():
    files = exported(samples.build_definition({"app": {"opts": [["--link", "x:y"], ["--domainname", "d"]]}}))
    told = [line for line in files["app.container"].splitlines() if "no such option" in line]
    assert told == [
        "# Not in this file, because Podman has no such option: --link x:y",
        "# Not in this file, because Podman has no such option: --domainname d",
    ]


def test_openvpn_runs_its_first_container_once_and_tells_of_the_run_before():
    files = exported(samples.load_definition("vpn"))
    first, second = (unit(text) for name, text in files.items() if name.endswith(".container"))
    assert first["Service"] == [("Type", "oneshot"), ("RemainAfterExit", "yes")]
    assert second["Unit"][1][0] == "Requires"
    assert "# Before the first start, run once: " in "".join(files.values())


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@example_settings(150)
@given(VALUES, st.lists(VALUES.filter(str.strip), max_size=3))
def test_any_value_reaches_podman_as_it_is(value: str, words: list[str]):
    flags = ["-v", "-e", "--hostname", "--health-cmd", "--label", "--memory", "--tmpfs"]
    opts = [[flag, f"x={value}"] for flag in flags]
    options, _, command = service(*opts, cmd_arguments=[[word, ""] for word in words])
    assert sorted(options) == sorted(
        (run_options.SHORT_FLAGS.get(flag.lstrip("-"), flag.lstrip("-")), f"x={value}") for flag in flags
    )
    assert command == words


@pytest.mark.registry
def test_every_published_definition_comes_whole():
    """Each option is in the files, but for those that Podman does not have and that are told."""
    for path in sorted(Path(os.environ["ROCKONWEB_TEST_REGISTRY"]).glob("*.json")):
        if path.name == "root.json":
            continue
        for one in parse_definitions(path.read_bytes()):
            answers = samples.complete_answers(one.definition)
            planned = plan.plan_install(one.definition, answers, samples.make_host_facts(answers))
            files = quadlet.export_quadlet(planned, {}).render_files(reveal=True)
            for name, argv in planned.containers:
                text = files[f"{name}.container"]
                options, _, command = podman_command(text, files)
                parsed = run_options.parse_command_line(reveal_argv(argv))
                wanted = {
                    (flag.name, flag.value)
                    for flag in parsed.flags
                    if flag.name not in {*compose.IGNORED_FLAGS, "restart", "network"}
                    and not flag.value.startswith(LABEL_PREFIX)
                    and f"no such option: --{flag.name} {flag.value}" not in text
                }
                assert wanted == {option for option in options if option[0] != "network"}
                assert command == list(argv[parsed.image + 1 :])
