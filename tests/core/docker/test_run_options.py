"""The options of `docker run`: each is one flag with its value in any spelling, and what each means."""

import json
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.containers.argv import docker_run_argv, mounted_paths
from rockonweb.core.definition.parser import InvalidDefinition, parse_definitions
from rockonweb.core.docker import run_options
from rockonweb.core.docker.option_faults import option_fault
from rockonweb.core.docker.run_options import ContainerReference, MountKind, MountOption, Relation
from rockonweb.core.secret import reveal_argv
from tests.support import samples
from tests.support.examples import example_settings

FLAGS = st.sampled_from(
    sorted(f"--{name}" for name in run_options.SWITCHES | run_options.VALUED | {*run_options.FLAG_ALIASES})
    + [f"-{letter}" for letter in run_options.SHORT_FLAGS]
)
SPELLED = st.one_of(
    FLAGS,
    st.builds("{}={}".format, FLAGS, st.sampled_from(["", "true", "host", "/a:/b", "=", "-d"])),
    st.builds("-{}".format, st.text("acdehilmpPqtuvwZ=x/", max_size=6)),
    st.text("-=avd \n\u202e", max_size=5),
    st.sampled_from(["--", "-", "busybox", " --net", "--bogus", "--priv", "---rm", "\u2014net=host"]),
)
VALUES = st.sampled_from(
    ["", " ", "true", "a", "-d", "--", "busybox", "--name", "a=b", "/a:/b", "\u00a0", "rockonweb.x=1"]
)


def file(opts: list[Any], **more: Any) -> str:
    return samples.definition_source({"web": {"opts": opts, **more}})


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["busybox", ""], '"busybox" is not an option and would be read as the image'),
        ([" --net", "host"], '" --net" is not an option and would be read as the image'),
        (["\u2014net=host", ""], '"\u2014net=host" is not an option and would be read as the image'),
        (["--", "busybox"], '"--" is not an option'),
        (["-", ""], '"-" is not an option'),
        (["--=x", ""], '"--" is not an option of docker run'),
        (["--privileged", "busybox"], '"--privileged" is complete without "busybox", which would be read as the image'),
        (["-it", "busybox"], '"-it" is complete without "busybox", which would be read as the image'),
        (["--net=host", "busybox"], '"--net=host" is complete without "busybox", which would be read as the image'),
        (["-v/a:/b", "busybox"], '"-v/a:/b" is complete without "busybox", which would be read as the image'),
        (["--entrypoint", ""], '"--entrypoint" needs a value and would use the next word as its value'),
        (["-e", " "], '"-e" needs a value and would use the next word as its value'),
        (["-itv", None], '"-itv" needs a value and would use the next word as its value'),
        (["-v=", ""], '"-=" is not an option of docker run'),
        (["--bogus", "x"], '"--bogus" is not an option of docker run'),
        (["-v /a:/b", ""], '"-v /a:/b" is not an option of docker run'),
        (["--cap-add NET_ADMIN", ""], '"--cap-add NET_ADMIN" is not an option of docker run'),
        (["-itZ", ""], '"-Z" is not an option of docker run'),
        (["--name", "nextcloud"], '"--name" is not allowed in definitions: a container is named after its key'),
        (["--name=nextcloud", ""], '"--name" is not allowed in definitions: a container is named after its key'),
        (["--rm", ""], '"--rm" would remove the container and its volumes when it stops'),
        (["--cidfile", "/etc/cron.d/x"], '"--cidfile" would write a file on this host'),
        (["--env-file=/root/.env", ""], '"--env-file" would read a file on this host; set the variables with "-e"'),
        (["--label-file", "/x"], '"--label-file" would read a file on this host; set the labels with "--label"'),
        (["--help", ""], '"--help" does not create a container'),
        (["--label", "rockonweb.rockon=Other"], 'labels that start with "rockonweb." are not allowed in definitions'),
        (["-itl", "rockonweb.operation=1"], 'labels that start with "rockonweb." are not allowed in definitions'),
        (["-lrockonweb.instance=", ""], 'labels that start with "rockonweb." are not allowed in definitions'),
        *(
            (option, '"DOCKER_AUTH_CONFIG" has no value and would be read from Rockonweb\'s own environment')
            for option in (
                *(["-e", "DOCKER_AUTH_CONFIG"], ["-eDOCKER_AUTH_CONFIG", ""], ["-e=DOCKER_AUTH_CONFIG", ""]),
                *(["--env", "DOCKER_AUTH_CONFIG"], ["--env=DOCKER_AUTH_CONFIG", ""], ["-ite", "DOCKER_AUTH_CONFIG"]),
            )
        ),
        (["-e", "A=\x1b]0;x\x07"], "contains an invisible character (\\x1b)"),
        (["-e", "A=\u202eb"], "contains an invisible character (\\u202e)"),
        (["-e", "A=" + "x" * 20_000], "is longer than 10000 characters"),
    ],
)
def test_what_is_no_single_flag_is_refused_with_a_sentence(option: list[Any], told: str) -> None:
    with pytest.raises(InvalidDefinition) as raised:
        parse_definitions(file([["--init", ""], option]))
    assert [(fault.path, fault.message) for fault in raised.value.faults] == [("containers.web.opts.1", told)]


@pytest.mark.parametrize(
    "option",
    [
        *(["-it", ""], ["-itd", ""], ["--init=false", ""], ["-e", "--privileged"], ["-e=A=b", ""], ["-e", "A=b\nc"]),
        *(["--health-cmd", "-"], ["-v=/a:/b", ""], ["-itv", "/a:/b"], ["--net-alias", "x"], ["--dns-opt", "x"]),
        *(["-m64m", ""], ["--use-api-socket", ""], ["--publish", "80:80"], ["--restart", "no"]),
    ],
)
def test_one_flag_in_every_spelling_is_taken(option: list[str]) -> None:
    assert parse_definitions(file([option]))[0].definition.containers["web"].opts == (tuple(option),)


@pytest.mark.parametrize(
    ("option", "found"),
    [
        (("-itv", "/a:/b"), [("interactive", "true"), ("tty", "true"), ("volume", "/a:/b")]),
        (("-itv=/a:/b", ""), [("interactive", "true"), ("tty", "true"), ("volume", "/a:/b")]),
        (("-v=/a:/b", ""), [("volume", "/a:/b")]),
        (("-v/a:/b", ""), [("volume", "/a:/b")]),
        (("--volume=/a:/b", ""), [("volume", "/a:/b")]),
        (("-i=false", ""), [("interactive", "false")]),
        (("--privileged", ""), [("privileged", "true")]),
        (("--privileged", "true"), [("privileged", "true")]),
        (("--net=host", ""), [("network", "host")]),
        (("--net", "host"), [("network", "host")]),
        (("-e", "-d"), [("env", "-d")]),
    ],
)
def test_flags_that_are_joined_are_told_apart(option: tuple[str, str], found: list[tuple[str, str]]) -> None:
    assert [(flag.name, flag.value) for flag in run_options.options_from_pairs((option,)).flags] == found
    argv = ["docker", "run", *(word for word in option if word), "image", "-v", "/c:/d"]
    line = run_options.parse_command_line(argv)
    assert option == ("--privileged", "true") or argv[line.image] == "image"
    assert [(flag.name, flag.value) for flag in line.flags] == found


def of(*options: list[str]) -> run_options.DockerOptions:
    return run_options.options_from_pairs(tuple((flag, value) for flag, value in options))


@pytest.mark.parametrize(
    ("option", "mount"),
    [
        *(
            (option, MountOption(MountKind.BIND, "/a", "/b"))
            for option in (
                *(["-v", "/a:/b"], ["-v=/a:/b", ""], ["-v/a:/b", ""], ["-itv/a:/b", ""], ["-itv", "/a:/b"]),
                *(["--volume", "/a:/b"], ["--volume=/a:/b:rw,z", ""], ["-v", "//a:/b"]),
                *(["--mount", "type=bind,src=/a,dst=/b"], ["--mount=Type=BIND,Source=/a,Destination=/b", ""]),
                *(["--mount", '"type=bind","src=/a",target=/b,readonly=f'], ["--mount", "\ntype=bind,src=/a,dst=/b"]),
                *(["--mount", "type=bind,src=/c,src=/a,dst=/b,ro,ro=false"],),
                *(["--mount", "type=volume,src=x,dst=/b,volume-opt=type=none,volume-opt=device=/a"],),
            )
        ),
        (["-v", "/a:/b:ro"], MountOption(MountKind.BIND, "/a", "/b", read_only=True)),
        (["-v", "/a:/b:z,ro"], MountOption(MountKind.BIND, "/a", "/b", read_only=True)),
        (["--mount", "type=bind,src=/a,dst=/b,ro=1"], MountOption(MountKind.BIND, "/a", "/b", read_only=True)),
        (["--mount", 'type=bind,"src=/a,c",dst=/b'], MountOption(MountKind.BIND, "/a,c", "/b")),
        (["-v", "../a:/b"], MountOption(MountKind.BIND, "../a", "/b")),
        (["-v", "name:/b"], MountOption(MountKind.VOLUME, "name", "/b")),
        (["-v", "/b"], MountOption(MountKind.VOLUME, "", "/b")),
        (["--mount", "src=name,dst=/b"], MountOption(MountKind.VOLUME, "name", "/b")),
        (["--mount", "type=volume,src=/a,dst=/b"], MountOption(MountKind.VOLUME, "/a", "/b")),
        (
            ["--mount", "type=volume,dst=/b,volume-driver=nfs,volume-opt=device=/a"],
            MountOption(MountKind.VOLUME, "", "/b"),
        ),
        (["--tmpfs", "/b:size=1m"], MountOption(MountKind.TMPFS, "", "/b")),
        (["--mount", "type=tmpfs,dst=/b"], MountOption(MountKind.TMPFS, "", "/b")),
        (["--mount", "type=image,src=one,dst=/b"], MountOption(MountKind.OTHER, "one", "/b")),
    ],
)
def test_what_is_mounted_however_it_is_spelled(option: list[str], mount: MountOption) -> None:
    assert of(option).mounts == [mount]


@pytest.mark.parametrize(
    ("option", "reference"),
    [
        (["--volumes-from", "/other:ro"], ContainerReference(Relation.VOLUMES, "other")),
        (["--link=/other:db", ""], ContainerReference(Relation.LINK, "other", "db")),
        (["--link", "other"], ContainerReference(Relation.LINK, "other", "other")),
        (["--net=container:other", ""], ContainerReference(Relation.NETWORK, "other")),
        (["--network", "name=container:other"], ContainerReference(Relation.NETWORK, "other")),
        (["--pid", "container:/other"], ContainerReference(Relation.PROCESSES, "other")),
        (["--ipc=container:other", ""], ContainerReference(Relation.MEMORY, "other")),
    ],
)
def test_another_container_is_named_with_what_is_had_of_it(option: list[str], reference: ContainerReference) -> None:
    assert of(option).references == [reference]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        *(("lan", "lan"), ("name=lan", "lan"), ("alias=db,name=lan", "lan"), ('"name=lan","alias=x"', "lan")),
        *(("Name=Lan", "lan"), ("name=container:web", "container:web"), ("alias=db", ""), ("host", "host")),
    ],
)
def test_a_network_is_named_in_both_forms(value: str, name: str) -> None:
    assert run_options.network_name(value) == name


@pytest.mark.parametrize("word", sorted(run_options.TRUE_VALUES | run_options.FALSE_VALUES))
def test_a_switch_says_yes_and_no_as_the_client_takes_it(word: str) -> None:
    assert of([f"--privileged={word}", ""]).is_on("privileged") is (word in run_options.TRUE_VALUES)
    assert not of([f"--privileged={word}", ""], ["--privileged=f", ""]).is_on("privileged")
    assert of(["--privileged=f", ""], ["--privileged", ""]).is_on("privileged")


@pytest.mark.parametrize(
    "option",
    [
        *(["-v=/s/a:/b"], ["-v/s/a:/b"], ["-itv=/s/a:/b"], ["--volume=/s/a:/b"], ["--volume", "/s/a:/b:ro"]),
        *(["-itv", "/s/a:/b"], ["-v", "//s/a:/b"], ["--mount", "type=bind,src=/s/a,dst=/b"]),
        *(["--mount=dst=/b,source=/s/a,type=bind"], ["--mount", "dst=/b,volume-opt=device=/s/a,src=x"]),
    ],
)
def test_a_path_that_a_command_line_mounts_is_found_in_any_spelling(option: list[str]) -> None:
    argv = ["docker", "run", "--name", "app", *option, "image", "-v", "/not:/this"]
    assert mounted_paths(argv) == ["/s/a"]


def test_a_flag_is_left_out_and_all_else_stays_as_it_is() -> None:
    argv = ["docker", "run", "-itdv", "/a:/b", "--label", "x=y", "-lz", "--net=host", "image", "--label", "x=y", "-d"]
    assert run_options.remove_flags(argv, lambda flag: flag.name in ("detach", "label")) == [
        *("docker", "run", "-itv", "/a:/b", "--net=host", "image", "--label", "x=y", "-d"),
    ]
    assert run_options.remove_flags(argv, lambda flag: flag.name == "volume")[2] == "-itd"
    assert run_options.remove_flags(argv, lambda flag: False) == argv


@example_settings(500)
@given(st.lists(st.tuples(SPELLED, VALUES), max_size=5), st.lists(st.tuples(VALUES, VALUES), max_size=2))
def test_the_image_is_the_first_word_that_is_no_flag_whatever_the_options(opts: list[Any], words: list[Any]) -> None:
    try:
        (one,) = parse_definitions(file(opts, cmd_arguments=words, environment={"TOKEN": {}}))
    except InvalidDefinition:
        return
    answers = samples.complete_answers(one.definition)
    argv = reveal_argv(docker_run_argv(one.definition, "web", answers, samples.make_host_facts(answers)))
    place = run_options.parse_command_line(argv).image
    assert argv[place] == "example/web:latest"
    assert argv[place + 1 :] == [word for pair in words for n, word in enumerate(pair) if word.strip() or not n]
    assert ["-e", "TOKEN=token-value"] in [argv[n : n + 2] for n in range(place)]
    assert argv[:place].count("--name") - sum(value == "--name" for _, value in opts) == 1


@example_settings(500)
@given(SPELLED, VALUES)
def test_whatever_an_option_is_there_is_an_answer(flag: str, value: str) -> None:
    assert isinstance(option_fault(flag, value), str)
    found = run_options.options_from_pairs(((flag, value),))
    assert found.flags or not flag.startswith("-") or flag == "-"
    assert isinstance((found.mounts, found.references, found.networks, found.devices, found.has_engine_socket), tuple)
    assert run_options.parse_command_line(["docker", "run", flag, value, "image"]).image <= 5


def test_the_table_knows_each_flag_of_the_docker_command_that_is_installed_here() -> None:
    told = subprocess.run(["docker", "run", "--help"], capture_output=True, text=True, check=True).stdout
    taken = {True: set(), False: set()}  # type: dict[bool, set[str]]
    for line in told.splitlines():
        words = line.split()
        flag = next((word for word in words[:2] if word.startswith("--")), "")
        if flag and line.startswith(" "):
            after = line.split(flag, 1)[1]
            taken[after.startswith(" ") and not after.startswith("  ")].add(flag[2:])
    assert len(taken[True]) > 60
    assert taken[True] <= run_options.VALUED
    assert taken[False] <= run_options.SWITCHES


@pytest.mark.parametrize("words", [["--bogus", "image"], ["--", "image"], ["-", "image"], ["-Z", "image"]])
def test_a_word_that_is_no_flag_where_one_must_be_is_told(words: list[str]) -> None:
    assert run_options.parse_command_line(["docker", "run", "--init", *words]).fault == words[0]
    assert run_options.parse_command_line(["docker", "run", "--init", "image", *words]).fault == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            ("image", one)
            for one in ("-v", "--privileged", "a b", "a@b@c", "a\x1b[0m", "a\u202eb", "a@evil", "$(x)", "")
        ),
        *(("tag", one) for one in ("-x", "a b", "a/b", "a:b", "\u0430", "x" * 129)),
    ],
)
def test_an_image_is_a_name_and_nothing_else(key: str, value: str) -> None:
    with pytest.raises(InvalidDefinition) as raised:
        parse_definitions(samples.definition_source({"web": {key: value}}))
    assert [fault.path for fault in raised.value.faults] == [f"containers.web.{key}"]


def test_texts_lose_what_steers_a_terminal_or_turns_the_writing() -> None:
    bad = "a\x1b[31m\u202eb\x07\u2028c\x9b"
    body = samples.rockon_body(
        {"web": {"volumes": {"/a": {"label": bad, "description": bad}}}},
        more_info=f"<p>{bad}</p>",
        ui={"slug": bad},
    ) | {"version": bad, "description": bad}
    made = parse_definitions(json.dumps({"One": body}))[0].definition
    question = made.containers["web"].volumes["/a"]
    texts = [made.version, made.description, made.more_info, made.ui.slug, question.label, question.description]
    assert [one.replace("<p>", "").replace("</p>", "") for one in texts] == ["a[31mbc"] * 6
