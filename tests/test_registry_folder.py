"""Every published definition of a metastore folder parses, plans, and prints the `docker run` of the format page.

What is expected is built here from the raw JSON, by the rules of the format page and nothing of ours.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rockonweb.core.answers.answers import Answers, read_answers
from rockonweb.core.definition.parser import ParsedDefinition, definition_from_source, parse_definitions
from rockonweb.core.facts import HostFacts, ShareFacts
from rockonweb.core.plan import plan
from rockonweb.core.preflight import Finding
from rockonweb.core.secret import reveal_argv

pytestmark = pytest.mark.registry

FOLDER = os.environ.get("ROCKONWEB_TEST_REGISTRY")
FILES = sorted(path for path in Path(FOLDER).glob("*.json") if path.name != "root.json") if FOLDER else []
DOCKER_GROUP = 993
Raw = dict[str, Any]


def raw(file: Path) -> tuple[str, Raw]:
    """Return name and body of the one rock-on in a file."""
    ((name, body),) = json.loads(file.read_bytes()).items()
    return name, body


def given(body: Raw) -> Raw:
    """Return an answers file that gives every question an answer of its own."""
    answers: Raw = {
        part: {name: {} for name in body["containers"]} for part in ("shares", "ports", "devices", "environment")
    }
    number = 20_000
    for name, container in body["containers"].items():
        for path in container.get("volumes", {}):
            number += 1
            answers["shares"][name][path] = f"share-{number}"
        for place, port in enumerate(container.get("ports", {})):
            number += 1
            answers["ports"][name][port] = None if place == 3 else number
        for place, device in enumerate(container.get("devices", {})):
            number += 1
            answers["devices"][name][device] = "" if place == 1 else f"/dev/d{number}"
        for variable in container.get("environment", {}):
            number += 1
            answers["environment"][name][variable] = f"a value; {number}"
    answers["custom_config"] = {key: f"{key}.example.org" for key in body.get("custom_config", {})}
    return answers


def owner(share: str) -> tuple[int, int]:
    """Return uid and gid of a made-up share; no two are alike."""
    number = int(share.removeprefix("share-"))
    return number, number + 10_000


def in_order(questions: Raw) -> list[str]:
    """Return the keys of questions: an `index` is a place from 1, the rest fill the gaps in file order."""
    placed = sorted((int(q["index"]), at, key) for at, (key, q) in enumerate(questions.items()) if "index" in q)
    rest = [key for key, q in questions.items() if "index" not in q]
    order: list[str] = []
    for index, _, key in placed:
        while rest and len(order) < index - 1:
            order.append(rest.pop(0))
        order.append(key)
    return order + rest


def expected(name: str, container: Raw, answers: Raw) -> list[str]:
    """Return the argv that the format page asks for."""
    words = ["docker", "run", "-d", "--restart=unless-stopped", "--name", name]
    shares = [(answers["shares"][name][path], path) for path in container.get("volumes", {})]
    for share, path in shares:
        words += ["-v", f"/shares/{share}:{path}"]
    words += ["-v", "/etc/localtime:/etc/localtime:ro"]
    for device in in_order(container.get("devices", {})):
        if answers["devices"][name][device]:
            words += ["--device", answers["devices"][name][device]]
    words += expected_user(container, [share for share, _ in shares])
    for port, spec in container.get("ports", {}).items():
        host = answers["ports"][name][port]
        if host is not None:
            for protocol in [spec["protocol"]] if "protocol" in spec else ["tcp", "udp"]:
                words += ["-p", f"{host}:{port}/{protocol}"]
    words += unfolded(container.get("opts", []))
    for key in in_order(container.get("environment", {})):
        words += ["-e", f"{key}={answers['environment'][name][key]}"]
    return [*words, image(container), *unfolded(container.get("cmd_arguments", []))]


def expected_user(container: Raw, shares: list[str]) -> list[str]:
    """Return the words of `-u`."""
    uid, gid = container.get("uid"), container.get("gid")
    if uid is None or (uid == -1 and not shares):
        return []
    user = str(owner(shares[0])[0] if uid == -1 else uid)
    if gid == -1 and shares:
        user += f":{owner(shares[0])[1]}"
    elif gid == -2:
        user += f":{DOCKER_GROUP}"
    elif gid is not None and gid >= 0:
        user += f":{gid}"
    return ["-u", user]


def unfolded(pairs: list[list[str]]) -> list[str]:
    """Return the words of `[word, word]` pairs without blank second ones."""
    return [word for first, second in pairs for word in ([first, second] if second else [first])]


def image(container: Raw) -> str:
    """Return IMAGE:TAG."""
    return f"{container['image']}:{container.get('tag', 'latest')}"


def without_our_labels(words: list[str]) -> list[str]:
    """Return an argv without the pairs `--label rockonweb.…`."""
    kept: list[str] = []
    for word in words:
        if word.startswith("rockonweb.") and kept and kept[-1] == "--label":
            kept.pop()
        else:
            kept.append(word)
    return kept


def planned(file: Path) -> tuple[ParsedDefinition, Answers, plan.Plan]:
    """Return the definition of a file, the made-up answers, and the plan of the install."""
    (parsed,) = parse_definitions(file.read_bytes())
    _, body = raw(file)
    answers = read_answers(parsed.definition, given(body), lambda container, port: port)
    shares = {share: ShareFacts(f"/shares/{share}", *owner(share)) for share in answers.used_shares()}
    facts = HostFacts(shares=shares, groups={"docker": DOCKER_GROUP}, instance="a1b2c3")
    return parsed, answers, plan.plan_install(parsed.definition, answers, facts)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_published_definition_prints_the_docker_run_of_the_format_page(file: Path):
    _, _, made = planned(file)
    name, body = raw(file)
    answers = given(body)
    order = sorted(body["containers"], key=lambda container: body["containers"][container]["launch_order"])
    wanted = {container: expected(container, body["containers"][container], answers) for container in order}
    if name == "OpenVPN":
        data = body["containers"][order[0]]
        wanted[order[0]] = ["docker", "run", "--name", order[0], *unfolded(data["opts"]), image(data)]
    found = {each["name"]: without_our_labels(each["argv"]) for each in made.to_json_data(reveal_argv)["containers"]}
    assert list(found) == order
    assert found == wanted


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_published_definition_shows_its_labels_in_two_words_and_no_secret(file: Path):
    _, _, made = planned(file)
    for container in made.to_json_data()["containers"]:
        words = container["argv"]
        places = [at for at, word in enumerate(words) if "rockonweb." in word]
        assert len(places) == 2
        assert all(words[at - 1] == "--label" and words[at].startswith("rockonweb.") for at in places)
        for word in words:
            key, _, value = word.partition("=")
            if any(hint in key.upper() for hint in ("PASSWORD", "TOKEN", "SECRET")) and "a value; " in value:
                pytest.fail(f"{key} is shown")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_published_definition_survives_being_kept(file: Path):
    parsed, answers, _ = planned(file)
    assert definition_from_source(parsed.definition.name, parsed.source) == parsed.definition
    assert read_answers(parsed.definition, answers.to_dict(), lambda container, port: port) == answers


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_published_definition_makes_its_link_networks_before_anything_starts(file: Path):
    _, _, made = planned(file)
    _, body = raw(file)
    links = {
        link["name"]: {link["source_container"], target}
        for target, entries in body.get("container_links", {}).items()
        for link in entries
    }
    assert {name: set(members) for name, members in made.networks} == links
    steps = [str(step) for step in made.steps]
    for network, members in links.items():
        for member in members:
            made_at, joined_at, started_at = (
                steps.index(f"create network {network}"),
                steps.index(f"connect {member} to network {network}"),
                steps.index(f"start {member}"),
            )
            assert made_at < joined_at < started_at


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_forbids_a_published_definition_on_a_host_where_all_is_well(file: Path):
    _, _, made = planned(file)
    forbidding: list[Finding] = made.blockers
    assert forbidding == []


def test_how_many_were_looked_at(capsys: pytest.CaptureFixture[str]):
    containers = sum(len(raw(file)[1]["containers"]) for file in FILES)
    with capsys.disabled():
        print(f"\n{len(FILES)} published rock-ons with {containers} containers print the right docker run.")
    assert FILES
