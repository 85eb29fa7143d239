"""From JSON text to a checked, sanitised definition: every key, every odd value, every fault at once."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.containers.argv import command_arguments
from rockonweb.core.definition.definition import ContainerSpec, Definition, NetworkLink, sort_questions
from rockonweb.core.definition.parser import (
    InvalidDefinition,
    ParsedDefinition,
    definition_digest,
    definition_from_source,
    parse_definitions,
)
from tests.support.examples import example_settings
from tests.support.samples import (
    FOLDER,
    NAMES,
    build_definition,
    definition_source,
    label_questions,
    load_definition,
    parsed_file,
    port_question,
    rockon_body,
)


def faults(text: str | bytes) -> list[str]:
    """Return the faults of a definition file as text."""
    with pytest.raises(InvalidDefinition) as caught:
        parse_definitions(text)
    return [str(fault) for fault in caught.value.faults]


# Every key


def test_every_key_of_the_format_is_read():
    box = load_definition("everything")
    assert (box.name, box.version, box.website) == ("Everything Box", "2.4", "https://example.org/box")
    assert box.icon == "https://example.org/box.png"
    assert box.more_info == "<h4>First steps</h4><p>Sign in as <b>admin</b>.</p>"
    assert (box.ui.slug, box.ui.https, box.ui_port) == ("panel/home", True, ("box", 8443))
    assert box.volume_add_support is True
    assert box.network_links == [NetworkLink("BoxToStore", source="box-store", target="box")]
    assert [name for name, _ in sort_questions(box.custom_config)] == ["nickname", "region"]

    store, app = box.containers["box-store"], box.containers["box"]
    assert (store.image_reference, store.launch_order, store.uid, store.gid) == (
        "registry.example.org/box/store:15-slim",
        1,
        -1,
        -1,
    )
    assert (app.image_reference, app.launch_order, app.uid, app.gid) == ("box.example/example/box:latest", 2, 1000, -2)
    assert {
        port: (spec.label, spec.description, spec.host_default, spec.published_protocols, spec.ui)
        for port, spec in app.port_specs.items()
    } == {
        8443: ("Panel [e.g. 8443]", "Port of the panel.", 8443, ("tcp",), True),
        5353: ("Discovery [e.g. 5353]", "Port by which other boxes find this one.", 5353, ("udp",), False),
        9000: ("Talk [e.g. 9000]", "Port on which boxes talk.", 9000, ("tcp", "udp"), False),
    }
    assert {path: spec.min_size for path, spec in app.volumes.items()} == {"/config": None, "/data": 10}
    assert store.volumes["/var/lib/store"].min_size == 1073741824
    assert [(key, q.label, q.index) for key, q in sort_questions(app.environment)] == [
        ("OWNER", "Owner [e.g. anna]", 1),
        ("ZONE", "Zone [e.g. Europe/Lisbon]", 2),
        ("API_KEY", "API key", 3),
    ]
    assert [name for name, _ in sort_questions(app.devices)] == ["serial", "video"]
    assert app.opts == (("--cap-add", "NET_RAW"), ("--shm-size=64m", ""), ("-e", "MODE=quiet"))
    assert app.cmd_arguments == (("serve", "/data"), ("--verbose", ""))


def test_the_least_that_a_rockon_can_say_is_enough():
    bare = load_definition("bare")
    assert bare.containers["bare"] == ContainerSpec(image="bare", launch_order=1)
    assert bare.containers["bare"].image_reference == "bare:latest"
    assert (bare.ui_port, bare.network_links, bare.icon, bare.more_info, bare.volume_add_support) == (
        None,
        [],
        "",
        "",
        False,
    )


def test_a_file_may_hold_two_rockons():
    left, right = (one.definition for one in parsed_file("two-in-one"))
    assert (left.name, left.version, right.name, right.version) == ("Left", "1.0", "Right", "3")


def test_the_name_comes_from_the_key_and_not_from_the_body():
    text = json.dumps({"Key": rockon_body({"app": {}}, name="Another")})
    assert parse_definitions(text)[0].definition.name == "Key"


# HTML and links are not trusted


NAME_FORM = "HOST/NAME:TAG in lower case, without https://"


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ("<p>Hi<script>alert(1)</script></p>", "<p>Hi</p>"),
        ('<p onclick="alert(1)">Hi</p>', "<p>Hi</p>"),
        ('<a href="javascript:alert(1)">x</a>', '<a rel="noopener noreferrer nofollow">x</a>'),
        (
            '<a href="https://example.org" target=_blank>x</a>',
            '<a href="https://example.org" rel="noopener noreferrer nofollow">x</a>',
        ),
        ('<iframe src="https://example.org"></iframe><style>p{}</style>x', "x"),
        ("a < b & c", "a &lt; b &amp; c"),
    ],
)
def test_html_is_sanitised(html: str, clean: str):
    sample = build_definition({"app": {}}, description=html, more_info=html)
    assert (sample.description, sample.more_info) == (clean, clean)


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "//example.org", "example.org", "http://", "http://[", "ftp://a"],
)
def test_a_link_that_a_browser_should_not_follow_becomes_blank(link: str):
    sample = build_definition({"app": {}}, website=link, icon=link)
    assert (sample.website, sample.icon) == ("", "")


# Odd values say what they mean


def test_odd_values_are_taken_for_what_they_mean():
    odd = load_definition("odd-values")
    assert (odd.version, odd.website, odd.icon, odd.more_info) == ("1.1", "", "", "")
    assert (odd.ui.slug, odd.ui.https, odd.volume_add_support) == ("odd/", True, True)
    assert (odd.network_links, odd.custom_config) == ([], {})
    assert [name for name, _ in odd.launch_order] == ["odd-first", "odd-main"]

    main, first = odd.containers["odd-main"], odd.containers["odd-first"]
    assert (main.image_reference, main.uid, main.gid) == ("example/odd:11", -1, 100)
    assert (first.image_reference, first.uid) == ("localhost:5000/odd/first:3.1", None)
    assert {
        port: (spec.label, spec.description, spec.host_default, spec.protocol, spec.ui)
        for port, spec in main.port_specs.items()
    } == {
        80: ("", "no label", 8080, "tcp", True),
        81: ("no description", "", 8081, None, False),
        82: ("82", "8.2", None, None, False),
    }
    assert [spec.min_size for spec in main.volumes.values()] == [None, 1024, None]
    assert main.opts == (("--privileged", ""), ("--init", ""), ("--memory", "512"), ("--pids-limit", "100"))
    assert main.cmd_arguments == (("run", ""), ("--level", "3"), ("--fast", ""))
    assert (first.ports, first.volumes, first.environment, first.devices, first.opts) == ({}, {}, {}, {}, ())


def test_a_version_written_as_a_number_keeps_its_zeros():
    containers = '{"aa": {"image": "i", "tag": 2.0, "launch_order": 1}}'
    (one,) = parse_definitions(
        f'{{"A": {{"description": "", "version": 1.10, "website": "", "containers": {containers}}}}}'
    )
    assert (one.definition.version, one.definition.containers["aa"].image_reference) == ("1.10", "i:2.0")


@pytest.mark.parametrize(
    ("protocol", "published"),
    [
        ("tcp", ("tcp",)),
        ("UDP", ("udp",)),
        (" Sctp ", ("sctp",)),
        (None, ("tcp", "udp")),
        ("", ("tcp", "udp")),
        ("both", ("tcp", "udp")),
        ("tcp/udp", ("tcp", "udp")),
    ],
)
def test_no_protocol_is_both(protocol: str | None, published: tuple[str, ...]):
    sample = build_definition({"app": {"ports": {"53": {"protocol": protocol}}}})
    assert sample.containers["app"].port_specs[53].published_protocols == published


# Faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{}", "must be an object whose key is the rock-on's name"),
        ('["Broken"]', "must be an object whose key is the rock-on's name"),
        ('{" ": {"description": "x"}}', " : a rock-on's name must have 1 to 100 printable characters"),
        ('{"Broken": "a text"}', "Broken: must be an object"),
        (
            '{"Broken": {"description": "\\ud83d", "version": "1"}}',
            "contains an incomplete character (a lone surrogate)",
        ),
        ('{"Broken": {"description": "x", "version": NaN}}', "not JSON: unexpected value NaN"),
        (
            '{"Broken": {"description": "It ends in the midd\n',
            "not JSON: Invalid control character at: line 1 column 48 (char 47)",
        ),
        (
            b'{"Broken": "caf\xe9"}\n',
            "not JSON: 'utf-8' codec can't decode byte 0xe9 in position 15: invalid continuation byte",
        ),
        (
            definition_source({"broken": {}}, description="x\0y"),
            "contains a NUL character, which can't be passed on a command line",
        ),
    ],
)
def test_what_is_no_definition_at_all_has_one_fault(text: str | bytes, fault: str):
    assert faults(text) == [fault]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"containers": {}}, "containers: has 0 entries but needs at least 1"),
        ({"custom_config": ["servername"]}, "custom_config: must be an object"),
        ({"ui": {"slug": ["a"]}}, "ui.slug: must be text"),
        (
            rockon_body({"my app": {"image": "a"}}),
            "containers.my app: a container's name must consist of two or more letters, digits, dots, dashes or "
            "underscores",
        ),
    ],
)
def test_a_fault_of_a_rockon_is_told_with_its_path(keys: dict[str, Any], fault: str):
    assert faults(json.dumps({"Broken": rockon_body({"broken": {}}) | keys})) == [fault]


@pytest.mark.parametrize(
    ("target", "link", "fault"),
    [
        ("broken", {"name": "Net"}, "broken.0.source_container: is required"),
        ("broken", {"name": "my net", "source_container": "broken"}, 'broken.0.name: "my net" is not allowed here'),
        ("other", {"name": "Net", "source_container": "broken"}, "other: is not a container of this rock-on"),
        (
            "broken",
            {"name": "Net", "source_container": "other"},
            'broken.0.source_container: "other" is not a container of this rock-on',
        ),
    ],
)
def test_a_fault_of_a_link_is_told_with_its_path(target: str, link: dict[str, str], fault: str):
    assert faults(definition_source({"broken": {}}, container_links={target: [link]})) == [f"container_links.{fault}"]


@pytest.mark.parametrize(
    ("container", "fault"),
    [
        ({"cmd_arguments": [["a", ["b"]]]}, ".cmd_arguments.0.1: must be text"),
        (
            {"devices": label_questions({"": "a"})},
            ".devices.: a name must be printable and can't contain an equals sign",
        ),
        (
            {"environment": label_questions({"A=B": "a"})},
            ".environment.A=B: a name must be printable and can't contain an equals sign",
        ),
        ({"environment": {"A": {"label": "a", "index": "last"}}}, ".environment.A.index: must be a whole number"),
        ({"gid": -3}, ".gid: must be -2 or more"),
        ({"uid": -2}, ".uid: must be -1 or more"),
        *(
            (
                {"image": image},
                f'.image: "{image}" is not the name of an image: write HOST/NAME:TAG in lower case, without https://',
            )
            for image in (
                *("--privileged", "example/a b", "https://ghcr.io/a/b", "ghcr.io/User/App", "a//b", "a/", "/a", "a/b:"),
                *("a__-b", "a/-b", "a_/b", "a:b:c", "a@sha256", "Ubuntu"),
            )
        ),
        ({"image": "example/a:1", "tag": "2"}, ': the image "example/a:1" already includes a tag, but "tag" is "2"'),
        ({"launch_order": True}, ".launch_order: must be a number, not true or false"),
        ({"launch_order": 1.5}, ".launch_order: must be a whole number"),
        ({"launch_order": 10**30}, ".launch_order: must be 2147483647 or less"),
        ({"launch_order": "first"}, ".launch_order: must be a whole number"),
        ({"opts": ["--privileged"]}, ".opts.0: must be a list"),
        ({"opts": "--privileged"}, ".opts: must be a list"),
        ({"opts": [["-e", "A", "1"]]}, ".opts.0: has more than 2 entries"),
        ({"opts": [["--init", ""], ["", "x"]]}, ".opts.1: the flag is blank"),
        ({"ports": {"80": port_question(label=["a"])}}, ".ports.80.label: must be text"),
        ({"ports": {"80": port_question(protocol="icmp")}}, ".ports.80.protocol: must be 'tcp', 'udp' or 'sctp'"),
        ({"ports": {"80": port_question(ui="maybe")}}, ".ports.80.ui: must be true or false"),
        ({"ports": {"65536": port_question()}}, ".ports.65536: a port must be a number from 1 to 65535"),
        ({"ports": {"http": port_question()}}, ".ports.http: a port must be a number from 1 to 65535"),
        ({"ports": {"80": port_question(), "080": port_question()}}, ".ports.080: this port is listed twice"),
        *(
            (
                {"volumes": label_questions({path: "a"})},
                f".volumes.{path}: a volume must be an absolute path without a colon, and not / itself",
            )
            for path in ("/data:x", "data", "/", "/data/../etc")
        ),
    ],
)
def test_a_fault_of_a_container_is_told_with_its_path(container: dict[str, Any], fault: str):
    assert faults(definition_source({"broken": container})) == [f"containers.broken{fault}"]


@pytest.mark.parametrize("key", ["description", "version", "website", "containers", "image", "launch_order"])
def test_some_keys_are_required(key: str):
    whole = rockon_body({"broken": {}})
    lacking = whole if key in whole else whole["containers"]["broken"]
    del lacking[key]
    path = key if lacking is whole else f"containers.broken.{key}"
    assert faults(json.dumps({"Broken": whole})) == [f"{path}: is required"]


def test_every_fault_of_a_rockon_is_told_at_once():
    container = {
        "launch_order": "soon",
        "uid": "root",
        "ports": {"0": port_question(), "80": {"label": {}, "host_default": 0}},
        "volumes": label_questions(x="a"),
        "opts": [["a", "b", "c"]],
    }
    whole = rockon_body({"broken": container}, container_links={"broken": [{"name": "-", "source_container": "gone"}]})
    del whole["version"]
    assert faults(json.dumps({"Broken": whole})) == [
        "version: is required",
        "containers.broken.launch_order: must be a whole number",
        "containers.broken.uid: must be a whole number",
        "containers.broken.ports.80.label: must be text",
        "containers.broken.opts.0: has more than 2 entries",
        'container_links.broken.0.name: "-" is not allowed here',
        "containers.broken.ports.0: a port must be a number from 1 to 65535",
        "containers.broken.volumes.x: a volume must be an absolute path without a colon, and not / itself",
        'container_links.broken.0.source_container: "gone" is not a container of this rock-on',
    ]


def test_a_file_that_is_too_large_is_not_even_read():
    assert faults(" " * 1_000_001) == ["the file is larger than 1.0 MB"]


def test_the_faults_of_two_rockons_in_a_file_are_all_told():
    text = json.dumps({"A": {}, "B": {"description": "x"}})
    assert len(faults(text)) == 4 + 3


def test_a_file_with_hundreds_of_faults_tells_the_first_fifty():
    assert len(faults(definition_source({"app": {"opts": ["x"] * 900}}))) == 50


@pytest.mark.parametrize(
    ("key", "value"), [("ports", {"80": None}), ("volumes", {"/a": []}), ("environment", {"A": "x"})]
)
def test_a_question_that_is_no_object_is_a_fault(key: str, value: object):
    (fault,) = faults(definition_source({"app": {key: value}}))
    assert fault == f"containers.app.{key}.{next(iter(value))}: must be an object"  # type: ignore[call-overload]


def test_text_that_only_speaks_of_a_nul_character_is_no_fault():
    text = definition_source({"app": {}}, more_info="never write \\u0000")
    assert parse_definitions(text)[0].definition.more_info == "never write \\u0000"


def test_half_a_character_in_a_key_that_nobody_knows_is_a_fault_too():
    text = definition_source({"app": {}}, later="\ud83d")
    assert faults(text) == ["contains an incomplete character (a lone surrogate)"]


@pytest.mark.parametrize("depth", [10, 200, 480, 900, 960, 980, 990, 1000, 5000, 100_000])
def test_deep_nesting_is_a_fault_and_no_crash(depth: int):
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        inner = f"{opening * depth}0{closing * depth}" if closing == "}" else opening * depth + closing * depth
        assert faults(f'{{"A": {{"description": "", "later": {inner}}}}}')


def test_many_repeated_keys_are_found_quickly():
    text = "{" + ",".join(f'"{number % 50_000}":0' for number in range(80_000)) + "}"
    begin = time.process_time()
    assert len(faults(text)) == 1
    assert time.process_time() - begin < 3


def test_a_number_with_a_giant_exponent_is_a_fault_and_takes_no_time():
    begin = time.process_time()
    assert faults('{"A": {"description": 1e999999999999999999999, "containers": {"aa": {"launch_order": 1e99999999}}}}')
    assert time.process_time() - begin < 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "80", "-1", "/a"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
NUMBER = st.sampled_from([0, 1, -1, -2, 80, 1.0, 1.5, "1", "-1", "", "x", None, True, 2**31, 10**25, "80.0"])
QUESTION = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("label", "description", "protocol"), JSON),
        **dict.fromkeys(("index", "host_default", "min_size"), NUMBER),
        "ui": JSON,
    },
)
KEYS = st.sampled_from(["80", "080", "0", "/data", "data", "KEY", "a=b", "", "\x00", "\ud800", "TOKEN"])
CONTAINER = st.fixed_dictionaries(
    {"image": st.sampled_from(["a", "a:1", "", None, 5]), "launch_order": NUMBER},
    optional={
        "tag": st.sampled_from([None, "", "1", 1, 1.0, [], "a b"]),
        **dict.fromkeys(("uid", "gid"), NUMBER),
        **dict.fromkeys(
            ("ports", "volumes", "environment", "devices"), st.dictionaries(KEYS, QUESTION | JSON, max_size=3)
        ),
        **dict.fromkeys(("opts", "cmd_arguments"), st.lists(st.lists(JSON, max_size=3) | JSON, max_size=3) | JSON),
    },
)
ROCKON = st.fixed_dictionaries(
    {
        "description": JSON,
        "version": JSON,
        "website": JSON,
        "containers": st.dictionaries(st.sampled_from(["app", "db", "x", "a b"]), CONTAINER | JSON, max_size=3) | JSON,
    },
    optional={
        **dict.fromkeys(("icon", "more_info", "ui", "volume_add_support", "custom_config"), JSON),
        "container_links": JSON | st.dictionaries(st.sampled_from(["app", "db"]), st.lists(JSON, max_size=2)),
    },
)


@example_settings(400)
@given(st.dictionaries(st.text(max_size=4) | st.just("App"), ROCKON | JSON, max_size=2) | JSON)
def test_whatever_a_file_says_it_parses_or_has_faults_that_can_be_printed(data: object):
    for one in parsed_or_faulty(json.dumps(data)):
        assert isinstance(one.definition, Definition)
        assert definition_from_source(one.definition.name, one.source) == one.definition
        assert definition_digest(one.source)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
WORD = TEXT | st.integers(-5, 5) | st.floats(0, 9) | st.booleans()
SAID = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8) | st.integers(-5, 5)
SPELLED = st.sampled_from([1, "1", " 1 ", 1.0, "1.0", 80, "80", 65535])
ASKED = st.fixed_dictionaries(
    {}, optional={"label": WORD, "description": WORD, "index": SPELLED | st.none() | st.just("")}
)
SOUND = st.fixed_dictionaries(
    {"image": st.sampled_from(["a", " b ", "c:1"]), "launch_order": SPELLED},
    optional={
        "tag": st.sampled_from([None, "", 1, "1"]),
        "uid": SPELLED | st.sampled_from([-1, "-1", None]),
        "gid": SPELLED | st.sampled_from([-1, -2, "-2.0", ""]),
        "volumes": st.dictionaries(st.sampled_from(["/a", "/b c", "/ü"]), ASKED),
        **dict.fromkeys(("environment", "devices"), st.dictionaries(st.sampled_from(["A", "b", "_C.d"]), ASKED)),
        "opts": st.lists(st.tuples(st.just("-e"), SAID) | st.just(("--net=host", None))),
        "cmd_arguments": st.lists(st.tuples(SAID, SAID) | st.tuples(SAID)),
    },
)


@given(description=WORD, version=WORD, containers=st.dictionaries(st.sampled_from(["app", "d.b"]), SOUND, min_size=1))
def test_oddly_spelled_but_sound_definitions_parse_and_survive_being_kept(
    description: object, version: object, containers: dict[str, object]
):
    (one,) = parse_definitions(
        json.dumps({"App": rockon_body(containers) | {"description": description, "version": version}})
    )
    assert definition_from_source("App", one.source) == one.definition
    assert parse_definitions(f'{{"App": {one.source}}}')[0].source == one.source
    assert list(one.definition.containers) == list(containers)


@given(st.text() | st.binary())
def test_whatever_a_file_is_it_has_faults_or_parses(text: str | bytes):
    parsed_or_faulty(text)


def parsed_or_faulty(text: str | bytes) -> list[ParsedDefinition]:
    """Return what parses; of what does not, the faults can be told and stored."""
    try:
        return parse_definitions(text)
    except InvalidDefinition as error:
        if not (error.faults and str(error).encode()):
            raise AssertionError(text) from error
        return []


@pytest.mark.parametrize("name", NAMES)
def test_the_kept_text_gives_the_same_definition_again(name: str):
    for one in parsed_file(name):
        assert definition_from_source(one.definition.name, one.source) == one.definition


def test_the_kept_text_does_not_depend_on_the_spelling_of_the_file():
    spelled = (FOLDER / "everything.json").read_text()
    dense = json.dumps(json.loads(spelled), separators=(",", ":"))
    assert spelled != dense
    assert [one.source for one in parse_definitions(spelled)] == [one.source for one in parse_definitions(dense)]


def test_every_key_of_the_format_stands_in_the_fixture_of_everything():
    everything = json.loads((FOLDER / "everything.json").read_text())["Everything Box"]
    assert set(everything) == set(Definition.model_fields) - {"name"}
    parts = {key for container in everything["containers"].values() for key in container}
    assert parts == set(ContainerSpec.model_fields)


# What is read as meant, and told to its author


def corrected(container: dict[str, object], **keys: object) -> tuple[ContainerSpec, list[str]]:
    [parsed] = parse_definitions(definition_source({"app": container}, **keys))
    again = definition_from_source(parsed.definition.name, parsed.source)
    assert again == parsed.definition
    return parsed.definition.containers["app"], [str(one) for one in parsed.corrections]


@pytest.mark.parametrize(
    ("entry", "pairs"),
    [
        (["--net=host", "", "-v", "/a:/b:ro"], (("--net=host", ""), ("-v", "/a:/b:ro"))),
        (["-e", "A=1", "-e", "B=2"], (("-e", "A=1"), ("-e", "B=2"))),
        (
            ["--privileged", "-it", "--cap-add", "NET_ADMIN"],
            (("--privileged", ""), ("-it", ""), ("--cap-add", "NET_ADMIN")),
        ),
        (["--init", None, None], (("--init", ""),)),
        (["--privileged", "-it"], (("--privileged", ""), ("-it", ""))),
    ],
)
def test_the_words_of_an_option_count_in_their_order(entry: list[str | None], pairs: tuple[tuple[str, str], ...]):
    spec, told = corrected({"opts": [["--tty", ""], entry]})
    assert spec.opts == (("--tty", ""), *pairs)
    assert told == ["containers.app.opts.1: write one flag with its value for each pair"]


@pytest.mark.parametrize("entry", [["-", "a", "b"], ["-e", "A=1", "-"], ["--", "-v", "/a:/b"]])
def test_a_dash_alone_is_a_fault_and_no_crash(entry: list[str]):
    assert faults(definition_source({"app": {"opts": [entry]}})) == ["containers.app.opts.0: has more than 2 entries"]


def test_the_words_of_a_command_count_in_their_order():
    spec, told = corrected({"cmd_arguments": [["serve", "--port"], ["80", "--log", "info"]]})
    assert [*command_arguments(spec)] == ["serve", "--port", "80", "--log", "info"]
    assert told == ["containers.app.cmd_arguments.1: write one flag with its value for each pair"]


@pytest.mark.parametrize("value", [None, "", "-v"])
def test_one_flag_with_its_value_is_no_fault(value: str | None):
    assert corrected({"opts": [["--tty", ""], ["--entrypoint", "/run me"]], "cmd_arguments": [["a b", value]]})[1] == []


def test_a_rock_on_that_stands_twice_is_told():
    body = json.dumps(rockon_body({"app": {}}))
    [parsed] = parse_definitions(f'{{"A": {body}, "A": {body}}}')
    assert [str(one) for one in parsed.corrections] == ["A: this key appears twice in one object"]


def test_words_that_belong_to_no_flag_are_no_option():
    assert faults(definition_source({"app": {"opts": [["a", "b", "c"]]}})) == [
        "containers.app.opts.0: has more than 2 entries"
    ]


def test_of_a_repeated_key_the_last_one_counts():
    text = (
        '{"A": {"version": "1", "version": "2", "description": "", "website": "", '
        '"containers": {"app": {"image": "a", "image": "b", "launch_order": 1}}}}'
    )
    [parsed] = parse_definitions(text)
    assert (parsed.definition.version, parsed.definition.containers["app"].image) == ("2", "b")
    assert [str(one) for one in parsed.corrections] == [
        "version: this key appears twice in one object",
        "containers.app.image: this key appears twice in one object",
    ]


def test_zeros_are_read_as_nothing_said():
    spec, told = corrected({"launch_order": 0, "ports": {"80": port_question(host_default=0)}})
    assert (spec.launch_order, spec.port_specs[80].host_default) == (0, None)
    assert told == [
        "containers.app.launch_order: must be 1 or more",
        "containers.app.ports.80.host_default: a port must be a number from 1 to 65535",
    ]


def test_an_order_below_zero_is_an_order_and_what_is_no_port_of_a_host_is_not_suggested():
    spec, told = corrected({"launch_order": "-1", "ports": {"80": port_question(host_default=70000)}})
    assert (spec.launch_order, spec.port_specs[80].host_default) == (-1, None)
    assert told == [
        "containers.app.launch_order: must be 1 or more",
        "containers.app.ports.80.host_default: a port must be a number from 1 to 65535",
    ]


def test_a_volume_may_have_a_mode():
    spec, told = corrected({"volumes": label_questions({"/media:ro": "Media"})})
    assert list(spec.volumes) == ["/media:ro"]
    assert told == ["containers.app.volumes./media:ro: a mode does not belong to the path of a volume"]


@pytest.mark.parametrize(
    "data",
    [
        {"name": "x", "version": "1.0", "scripts": {"test": "y"}, "private": True, "license": "MIT"},
        {"services": {"web": {"image": "nginx"}}, "networks": {}, "volumes": {"data": {}}},
        {"compilerOptions": {"strict": True}},
    ],
)
def test_what_is_no_rock_on_at_all_gets_one_sentence(data: object):
    assert faults(json.dumps(data)) == [
        "is not a rock-on: a definition must be an object whose key is the rock-on's name"
    ]


@pytest.mark.parametrize(
    "image",
    [
        *("redis", "lib/redis", "ghcr.io/a/b", "localhost/a", "Box.example/a", "box.example:5000/a/b_c/d__e/f-g.h"),
        *(
            "[::1]:5000/a",
            "a:1.0-B_c",
            "a@sha256:" + "0" * 64,
            "box.example/a:1@sha256:" + "0" * 64,
            "127.0.0.1:5000/a",
        ),
    ],
)
def test_these_are_names_of_images(image: str):
    assert corrected({"image": image})[0].image == image
