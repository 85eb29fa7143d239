"""A backup to text and back; what is a secret in it; every fault named, whatever the file holds."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.errors import BadInput
from rockonweb.core.formats import backup
from rockonweb.core.formats.backup import (
    Backup,
    EncryptedSecrets,
    SavedMetastore,
    SavedRockOn,
    SavedShare,
    SavedVolume,
)
from rockonweb.core.formats.restored import SecretLocation
from tests.support import samples
from tests.support.examples import example_settings

KEPT = "0f" * 32
SEALED = EncryptedSecrets(2**16, 8, 1, "c2FsdHNhbHRzYWx0c2E=", "gAAAAA")


def saved(name: str = "Box", **parts: Any) -> SavedRockOn:
    """A rock-on with a secret in each part."""
    box = {
        "ports": {"80": samples.port_question(8080)},
        "volumes": samples.label_questions({"/data": ""}),
        "environment": samples.label_questions(DB_PASSWORD="", PIN="The secret of the door", MODE=""),
    }
    one = samples.parse_rockon({"box": box}, name, custom_config=samples.label_questions(servername=""))
    answers = samples.complete_answers(
        one.definition,
        environment={"box": {"DB_PASSWORD": "s3cret-db", "PIN": "s3cret-pin", "MODE": "quiet"}},
        custom_config={"servername": "s3cret.example"},
        variables={"box": {"API_TOKEN": "s3cret-token", "PLAIN": "shown", "EMPTY_KEY": ""}},
        labels={"box": ["first=1", "app.password=s3cret-label", "bare"]},
        storage={"box": {"/films": "films/new"}},
        networks={"box": ["mine"]},
        **parts,
    )
    return SavedRockOn(name, True, one.source, one.source, answers.to_dict(), (SavedVolume("box", KEPT, "/cache"),))


def whole() -> Backup:
    return Backup(
        "1.0",
        "2026-01-31T12:00:00+00:00",
        (saved(), saved("Other")),
        (NetworkSpec("mine", subnet="10.9.0.0/24", aux_addresses=(("nas", "10.9.0.2"),), mtu=1400, icc=False),),
        (SavedShare("films", 1001, 100),),
        {"own.json": "{}", "faulty.json": "not JSON \u00e9"},
        (
            SavedMetastore("https://example.org/a", True),
            SavedMetastore("https://me:s3cret-store@example.org/b", False),
        ),
    )


def faults(text: str | bytes) -> list[str]:
    with pytest.raises(BadInput) as refused:
        backup.read_backup(text)
    return refused.value.faults


def test_what_is_written_is_read_again():
    assert backup.read_backup(backup.backup_to_json(whole())) == Backup(
        **{
            **vars(whole()),
            "metastores": (
                whole().metastores[0],
                SavedMetastore("https://me:s3cret-store@example.org/b", False),
            ),
        }
    )


def test_the_definition_keeps_its_canonical_text():
    found = backup.read_backup(backup.backup_to_json(whole())).rockons[0]
    assert found.source == saved().source
    newer = SavedRockOn(**{**vars(saved()), "newest": saved().source.replace("A sample.", "Another.")})
    (again,) = backup.read_backup(backup.backup_to_json(Backup("1", "now", (newer,)))).rockons
    assert (again.source, again.newest) == (newer.source, newer.newest)


def test_without_secrets_the_file_holds_none_and_says_which():
    without, taken = backup.withhold_secrets(whole())
    text = backup.backup_to_json(without)
    assert "s3cret" not in text
    assert backup.read_backup(text) == without
    expected = [
        SecretLocation("Box", "environment", "box", "DB_PASSWORD"),
        SecretLocation("Box", "environment", "box", "PIN"),
        SecretLocation("Box", "variables", "box", "API_TOKEN"),
        SecretLocation("Box", "custom_config", "", "servername"),
        SecretLocation("Box", "labels", "box", "app.password"),
    ]
    others = [place._replace(rockon="Other") for place in expected]
    stores = [SecretLocation("", "metastores", "", "https://example.org/b")]
    assert without.withheld_secrets == [*expected, *others, *stores] == list(taken)
    assert backup.secret_names(expected[3:]) == ["servername", "app.password (box)"]


def test_filled_again_everything_stands_where_it_stood():
    without, taken = backup.withhold_secrets(whole())
    read_again = backup.secrets_from_json(backup.secrets_to_json(taken))
    assert read_again == taken
    again = backup.fill_secrets(backup.read_backup(backup.backup_to_json(without)), read_again)
    assert again == whole()
    assert json.dumps(again.rockons[0].given) == json.dumps(saved().given)  # the order too
    assert again.withheld_secrets == []
    assert again.rockons[0].parse_answers().labels == {"box": ["first=1", "app.password=s3cret-label", "bare"]}


def test_a_secret_for_another_place_changes_nothing():
    without, _ = backup.withhold_secrets(whole())
    strange = {
        SecretLocation("Box", "environment", "box", "MODE"): "changed",
        SecretLocation("Nobody", "environment", "box", "DB_PASSWORD"): "x",
        SecretLocation("", "metastores", "", "https://example.org/b"): "https://me:x@evil.example/b",
    }
    assert backup.fill_secrets(without, strange) == without


def test_some_secrets_can_be_filled_in():
    without, taken = backup.withhold_secrets(whole())
    place = next(iter(taken))
    assert backup.fill_secrets(without, {place: taken[place]}).withheld_secrets == without.withheld_secrets[1:]


def test_sealed_secrets_go_along():
    one = Backup("1", "now", sealed=SEALED)
    assert backup.read_backup(backup.backup_to_json(one)) == one


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not valid JSON, or is incomplete"),
        ("[1, 2", "not valid JSON, or is incomplete"),
        (backup.backup_to_json(whole())[:-200], "not valid JSON, or is incomplete"),
        ("[]", 'the key "rockonweb_backup" is missing'),
        ('{"a": 1}', 'the key "rockonweb_backup" is missing'),
        ('{"rockonweb_backup": "1"}', "its version is not a number"),
        ('{"rockonweb_backup": true}', "its version is not a number"),
        ('{"rockonweb_backup": 2, "program": "9.9"}', "a newer version of Rockonweb, 9.9"),
        (b"\xff\xfe\x00", "it is not UTF-8 text"),
        ('{"rockonweb_backup": 1, "made": "\\ud800"}', "it is not UTF-8 text"),
        ('{"rockonweb_backup": NaN}', "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "not valid JSON"),
        (b" " * (backup.MAX_BYTES + 1), "larger than 10 MB"),
    ],
)
def test_what_is_no_backup(content: str | bytes, words: str):
    (fault,) = faults(content)
    assert words in fault


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    data = json.loads(backup.backup_to_json(whole()))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(rockons="x"), "rockons: must be a list"),
        (lambda d: d.update(rockons=[1]), "rockons.0: must be an object"),
        (lambda d: d["rockons"][0].pop("answers"), "rockons.0 (Box).answers: is required"),
        (lambda d: d["rockons"][0].pop("name"), "rockons.0 (?).name: is required"),
        (lambda d: d["rockons"][0].update(running="yes"), "rockons.0 (Box).running: must be true or false"),
        (lambda d: d["rockons"][0]["answers"].update(shares=[]), "shares.box./data: an answer is missing."),
        (lambda d: d["rockons"][0]["answers"].update(environment=[1]), "0 (Box).answers: the format does not match"),
        (lambda d: d["rockons"][0]["answers"].update(labels={"box": [{}]}),
         "0 (Box).answers: the format does not match"),
        (lambda d: d["rockons"][1].update(name="Box"), 'rockons: "Box" is listed twice'),
        (lambda d: d["rockons"][0]["definition"].pop("containers"),
         "rockons.0 (Box).definition: containers: is required"),
        (lambda d: d["rockons"][0]["answers"]["shares"]["box"].update({"/data": "../etc"}), "not a name for a share"),
        (lambda d: d["rockons"][0]["answers"]["storage"]["box"].update({"films": "x"}), "is absolute"),
        (lambda d: d["rockons"][0]["answers"]["ports"]["box"].update({"80": 99999}), "99999 is not a port"),
        (lambda d: d["rockons"][0]["answers"].update(strange={}), '"strange" is not a part of an answers file.'),
        (lambda d: d["rockons"][0]["answers"]["networks"].update(box=["-x"]), "is not a network"),
        (lambda d: d["rockons"][0]["volumes"][0].update(volume="/etc"), 'volumes.0.volume: "/etc" is not allowed'),
        (lambda d: d["rockons"][0]["volumes"][0].update(container="nobody"),
         'rockons.0 (Box).volumes: "nobody" is not a container of this rock-on'),
        (lambda d: d["rockons"][0]["volumes"][0].update(destination="cache"),
         "0.destination: a volume must be an absolute"),
        (lambda d: d["networks"][0].update(name="host"), "networks.0: "),
        (lambda d: d["networks"][0].update(name="--rm"), "networks.0: "),
        (lambda d: d["networks"][0].update(subnet=5), "networks.0.subnet: must be text"),
        (lambda d: d["networks"][0].update(new=5), "networks.0.new: is unknown"),
        (lambda d: d["networks"][0].update(comment="\0"), "networks.0: contains a NUL character"),
        (lambda d: d["networks"][0].update(aux_addresses=[["\0", "10.9.0.2"]]), "networks.0: contains a NUL character"),
        (lambda d: d["shares"][0].update(name="a/b"), "shares.0.name: A share name can't contain a slash."),
        (lambda d: d["shares"][0].update(name=".."), 'shares.0.name: ".." is not a name for a share'),
        (lambda d: d["shares"][0].update(uid=-1), "shares.0.uid: must be 0 or more"),
        (lambda d: d["shares"][0].update(uid=True), "shares.0.uid: must be a whole number"),
        (lambda d: d["definitions"][0].update(file="../x.json"), 'definitions.0.file: "../x.json" is not allowed'),
        (lambda d: d["definitions"][0].update(file=".x.json"), 'definitions.0.file: ".x.json" is not allowed'),
        (lambda d: d["definitions"][0].update(text="x" * 1_000_001), "definitions.0.text: has more than 1000000 char"),
        (lambda d: d["metastores"][0].update(enabled=1), "metastores.0.enabled: must be true or false"),
        (lambda d: d["metastores"][0].update(place="a\nb"), r'metastores.0.place: "a\nb" is not allowed'),
        (lambda d: d.update(shares=[{"name": "a"}] * 3000), "shares: has more than 2000 entries"),
        (lambda d: d.update(secrets="x"), "secrets: must be an object"),
        (lambda d: d.update(secrets={**vars(SEALED), "kdf": "none"}), "secrets.kdf: must be 'scrypt'"),
        (lambda d: d.update(secrets={**vars(SEALED), "cipher": "none"}), "secrets.cipher: must be 'fernet'"),
    ],
)  # fmt: skip
def test_bad_values_are_named(change: Callable[[dict[str, Any]], object], words: str):
    told = faults(changed(change))
    assert any(words in fault for fault in told), told


def test_what_is_empty_may_be_left_out():
    assert backup.read_backup('{"rockonweb_backup": 1}') == Backup("", "")


@pytest.mark.parametrize(
    ("cost", "fault"),
    [
        ({"n": 2**30}, "secrets: the encryption does not match that of a backup"),
        ({"n": 2**19, "r": 16}, "secrets: the encryption does not match that of a backup"),
        ({"n": 1025}, "secrets: the encryption does not match that of a backup"),
        ({"r": 10**9}, "secrets: the encryption does not match that of a backup"),
        ({"n": 3}, "secrets.n: must be 1024 or more"),
        ({"n": 1}, "secrets.n: must be 1024 or more"),
        ({"n": "65536"}, "secrets.n: must be a whole number"),
        ({"n": True}, "secrets.n: must be a whole number"),
        ({"r": 0}, "secrets.r: must be 1 or more"),
        ({"p": 10**9}, "secrets.p: must be 4 or less"),
        ({"p": 0}, "secrets.p: must be 1 or more"),
        ({"salt": "?"}, 'secrets.salt: "?" is not allowed here'),
        ({"salt": ""}, 'secrets.salt: "" is not allowed here'),
        ({"salt": 5}, "secrets.salt: must be text"),
        ({"data": 5}, "secrets.data: must be text"),
        ({"data": "\u00e9"}, 'secrets.data: "\u00e9" is not allowed here'),
    ],
)
def test_the_cost_of_a_passphrase_is_bounded(cost: dict[str, Any], fault: str):
    assert faults(changed(lambda data: data.update(secrets={**vars(SEALED), **cost}))) == [fault]


def test_faults_of_all_parts_are_told_at_once_and_send_no_signs_to_a_terminal():
    def change(data: dict[str, Any]) -> None:
        data["rockons"][0].update(name="\x1b[2J", running=1)
        data["networks"][0].update({"name": "host", "\x1b[2J": 1})
        data["shares"][0].update(name="\x1b[2J", uid="0")
        data["metastores"][0].update(place="\x1b[2J")

    told = faults(changed(change))
    assert [fault.partition(": ")[0] for fault in told] == [
        r"rockons.0 (\x1b[2J).running",
        r"rockons.0 (\x1b[2J).definition",
        r"networks.0.\x1b[2J",
        "shares.0.name",
        "shares.0.uid",
        "metastores.0.place",
    ]
    assert "\x1b" not in "".join(told)


def test_no_more_faults_are_told_than_people_read():
    told = faults(changed(lambda data: data.update(shares=[{}] * 100)))
    assert len(told) == backup.MAX_FAULTS + 1
    assert told[-1] == "and 80 more"


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"rockon": "a"}]', "[" * 100_000, '[{"value": 1}]'])
def test_damaged_secrets(text: str):
    if text == "{}":
        assert backup.secrets_from_json(text) == {}
        return
    with pytest.raises(BadInput, match="damaged"):
        backup.secrets_from_json(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, ...]] = [path] if path else []
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        inner += places(value[key], (*path, key))
    return inner


WHOLE = json.loads(backup.backup_to_json(Backup(**{**vars(whole()), "sealed": SEALED})))


@example_settings(400)
@given(st.sampled_from(places(WHOLE)), VALUES)
def test_whatever_stands_in_a_place_is_read_or_refused(path: tuple[Any, ...], value: Any):
    data = copy.deepcopy(WHOLE)
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    found = read_or_refused(json.dumps(data))
    if found:
        without, taken = backup.withhold_secrets(found)
        assert backup.fill_secrets(backup.read_backup(backup.backup_to_json(without)), taken).rockons == found.rockons


def read_or_refused(text: str) -> Backup | None:
    try:
        return backup.read_backup(text)
    except BadInput as refused:
        return None if refused.faults else pytest.fail("it was refused without a reason")


def test_a_secret_may_be_as_long_as_a_variable_can_be():
    secrets = {SecretLocation("Box", "environment", "box", "KEY"): "x" * 131_000}
    assert backup.secrets_from_json(backup.secrets_to_json(secrets)) == secrets


def test_shares_keep_their_names():
    shares = (SavedShare("My Photos"), SavedShare("Übung"), SavedShare("O'Brien+"))
    assert backup.read_backup(backup.backup_to_json(Backup("1", "", shares=shares))).shares == shares
