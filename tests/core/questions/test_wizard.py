"""The wizard's pages, questions, suggestions and answers."""

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition, QuestionSpec
from rockonweb.core.facts import HostFacts, PortListener
from rockonweb.core.questions import wizard
from rockonweb.core.questions.wizard import Question
from rockonweb.core.secret import MASK
from tests.support.samples import NAMES, build_definition, complete_answers, load_definition, port_question

EXPECTED_PAGES = {
    "bare": [],
    "ends": ["ports"],
    "everything": ["shares", "ports", "devices", "environment", "custom-config"],
    "flags": [],
    "host-network": ["ports"],
    "no-volumes": [],
    "odd-values": ["shares", "ports", "environment"],
    "one-device": ["devices"],
    "own-network": [],
    "owners": ["shares"],
    "question-order": ["devices", "environment"],
    "same-inner-port": ["ports"],
    "star": ["ports"],
    "vpn": ["ports", "custom-config"],
}


@pytest.mark.parametrize(("file", "pages"), EXPECTED_PAGES.items())
def test_only_the_pages_with_a_question_apply_and_the_summary_always(file: str, pages: list[str]) -> None:
    assert wizard.wizard_pages(load_definition(file)) == [*pages, "summary"]


@pytest.mark.parametrize("file", NAMES)
def test_every_question_has_a_field_name_of_its_own(file: str) -> None:
    names = [ask.name for ask in wizard.all_questions(load_definition(file))]
    assert len(names) == len(set(names))


def test_field_names_are_kind_container_and_key_exactly() -> None:
    box = load_definition("everything")
    names = [ask.name for ask in wizard.all_questions(box)]
    assert "shares-box-store-/var/lib/store" in names
    assert "ports-box-8443" in names
    assert "devices-box-serial" in names
    assert "environment-box-ZONE" in names
    assert "custom-config-nickname" in names


def test_questions_come_by_container_in_launch_order_and_by_their_index() -> None:
    asked = [(ask.container, ask.key) for ask in wizard.page_questions(load_definition("everything"), "environment")]
    assert asked == [("box-store", "STORE_PASSWORD"), ("box", "OWNER"), ("box", "ZONE"), ("box", "API_KEY")]
    assert [ask.key for ask in wizard.page_questions(load_definition("everything"), "custom-config")] == [
        "nickname",
        "region",
    ]


def test_next_and_back_stay_within_the_pages_that_apply() -> None:
    vpn = load_definition("vpn")
    assert wizard.adjacent_page(vpn, "ports", 1) == "custom-config"
    assert wizard.adjacent_page(vpn, "custom-config", 1) == "summary"
    assert wizard.adjacent_page(vpn, "summary", -1) == "custom-config"
    assert wizard.adjacent_page(vpn, "ports", -1) == "ports"


def test_the_first_page_that_was_not_accepted_is_what_is_missing() -> None:
    vpn = load_definition("vpn")
    assert wizard.first_unanswered_page(vpn, []) == "ports"
    assert wizard.first_unanswered_page(vpn, ["ports"]) == "custom-config"
    assert wizard.first_unanswered_page(vpn, ["custom-config", "ports"]) is None
    assert wizard.first_unanswered_page(load_definition("bare"), []) is None


# -- suggestions of shares


def volumes(name: str = "My App", **labels: str) -> Definition:
    return build_definition(
        {"web": {"volumes": {f"/{path}": {"label": label, "description": ""} for path, label in labels.items()}}}, name
    )


@pytest.mark.parametrize(
    ("label", "suggested"),
    [
        ("Config Storage [e.g. syncthing-config]", "syncthing-config"),
        ("Config [e.g. medusa-config ]", "medusa-config"),
        ("DB Storage [e.g linkwarden-db]", "linkwarden-db"),
        ("Books location (e.g. cops-library]", "cops-library"),
        ("Config Storage [e.g. called nzb-config]", "nzb-config"),
        ("Download Storage [radarr-downloads]", "radarr-downloads"),
        ("DB storage [must be unifi-db]", "unifi-db"),
        ("Config Storage [e.g. PocketMine]", "PocketMine"),
        ("Config Storage [optional]", "my-app-conf"),
        ("Config Storage [e.g. two words]", "my-app-conf"),
        ("Config Storage [e.g. /mnt/config]", "my-app-conf"),
        ("Config Storage [e.g. -dash]", "my-app-conf"),
        ("Config Storage", "my-app-conf"),
        ("", "my-app-conf"),
    ],
)
def test_a_share_is_suggested_from_the_labels_example_or_else_from_app_and_folder(label: str, suggested: str) -> None:
    assert wizard.suggest_shares(volumes(conf=label)) == {"shares-web-/conf": suggested}


def test_no_share_is_suggested_twice() -> None:
    twice = volumes(conf="Config [e.g. box-data]", data="Data [e.g. box-data]")
    assert list(wizard.suggest_shares(twice).values()) == ["box-data", "my-app-data"]
    names = list(wizard.suggest_shares(load_definition("owners")).values())
    assert len(names) == len(set(names)) == 10
    assert names[:3] == ["owners-data", "owners-more", "owners-owner-of-share-data"]


def test_a_name_without_letters_still_gives_a_share_that_can_be_made() -> None:
    odd = build_definition({"web": {"volumes": {"/日": {}, "/本": {}}}}, "日本")
    assert list(wizard.suggest_shares(odd).values()) == ["app-data", "app-web-data"]


# -- suggestions of ports


def test_a_port_that_nobody_has_is_suggested_as_wanted() -> None:
    found = wizard.suggest_host_ports(load_definition("star"), {"ports-star-web-80": 8090}, HostFacts())
    assert found["ports-star-web-80"] == wizard.PortSuggestion(8090)


def test_a_port_that_is_in_use_is_replaced_by_the_next_free_one_and_says_why() -> None:
    facts = HostFacts(
        listening=(PortListener(8090, "tcp", holder="the program nginx (process 7)"), PortListener(8091, "udp")),
        claimed=(PortListener(8091, "tcp", holder="the rock-on Ghost", rockon="Ghost"),),
    )
    found = wizard.suggest_host_ports(load_definition("star"), {"ports-star-web-80": 8090}, facts)["ports-star-web-80"]
    assert found.port == 8092
    assert found.why == "Port 8090 is in use by the program nginx (process 7), so 8092 is suggested."


def test_two_questions_are_never_given_the_same_port() -> None:
    wanted = {"ports-front-80": 8080, "ports-back-80": 8080}
    found = wizard.suggest_host_ports(load_definition("same-inner-port"), wanted, HostFacts())
    assert [one.port for one in found.values()] == [8080, 8081]
    assert (
        found["ports-back-80"].why
        == "Port 8080 is already suggested for another question above, so 8081 is suggested here."
    )


def test_the_port_of_a_container_on_the_hosts_own_network_is_given_to_nobody_else() -> None:
    host = {"ports": {"8080": port_question(8080)}, "opts": [["--net=host", ""]]}
    sample = build_definition({"app": {"ports": {"80": port_question(8080)}}, "hostly": host})
    found = wizard.suggest_host_ports(sample, {"ports-app-80": 8080, "ports-hostly-8080": 8080}, HostFacts())
    assert {name: one.port for name, one in found.items()} == {"ports-app-80": 8081, "ports-hostly-8080": 8080}


def test_a_port_on_the_hosts_own_network_is_the_containers() -> None:
    hostly = load_definition("host-network")
    ask = wizard.page_questions(hostly, "ports")[0]
    assert ask.fixed
    found = wizard.suggest_host_ports(hostly, {ask.name: 8080}, HostFacts(listening=(PortListener(80, "tcp"),)))
    assert found[ask.name] == wizard.PortSuggestion(80)


# -- faults


def env(key: str = "KEY", label: str = "", description: str = "") -> Question:
    return Question(
        f"environment-web-{key}", "environment", "web", key, QuestionSpec(label=label, description=description)
    )


@pytest.mark.parametrize(
    "text",
    ["Leave blank for none.", "(Optional) a thing", "This may be left empty", "It can be empty", "Optional: x",
     "leave it blank", "Leave this empty unless needed", "Keep empty"],
)  # fmt: skip
def test_a_variable_may_be_blank_where_the_definition_says_so(text: str) -> None:
    assert env(label=text).optional
    assert env(description=text).optional
    assert wizard.text_fault(env(description=text), "") == ""


@pytest.mark.parametrize("text", ["A blanket", "Not adoptional", "The option to use", "Is it empty?"])
def test_other_variables_need_an_answer(text: str) -> None:
    assert not env(description=text).optional
    assert wizard.text_fault(env(description=text), " ") == "This field is required."


@pytest.mark.parametrize("key", ["PUID", "PGID", "UID", "GID", "PIHOLE_UID", "pihole_gid", "USER_GID"])
def test_the_number_of_a_user_or_group_must_be_a_whole_number_from_0(key: str) -> None:
    assert wizard.text_fault(env(key), "0") == ""
    assert wizard.text_fault(env(key), " 1000 ") == ""
    for value in ("-1", "anna", "1.5", "1e3", "٣"):
        assert "whole number" in wizard.text_fault(env(key), value)


@pytest.mark.parametrize("key", ["UUID", "LIQUID", "GRID", "UIDS", "GUID"])
def test_keys_that_only_look_alike_take_any_text(key: str) -> None:
    assert wizard.text_fault(env(key), "anna") == ""


def test_a_value_may_have_several_lines_but_no_nul() -> None:
    assert wizard.text_fault(env(), "a\nb") == ""
    assert wizard.text_fault(env(), "a\0b") == "a value can't contain a NUL character or half a character."
    assert wizard.text_fault(env(), "\n") == "This field is required."


@pytest.mark.parametrize("value", ["dri", "/dev/a b", "../dev/dri", "/dev/\0", "/"])
def test_a_device_is_an_absolute_path(value: str) -> None:
    assert wizard.device_fault(value).startswith("A device is an absolute path")


def test_a_device_may_be_blank_and_may_have_parts() -> None:
    assert wizard.device_fault("") == ""
    assert wizard.device_fault("/dev/dri:/dev/dri:rwm") == ""


@pytest.mark.parametrize(("typed", "port"), [("80", 80), (" 65535 ", 65535), ("1", 1), ("00080", 80)])
def test_a_port_is_read_from_what_was_typed(typed: str, port: int) -> None:
    assert wizard.parse_port(typed) == port


@pytest.mark.parametrize("typed", ["0", "65536", "-1", "80.0", "http", "", "8 0", "٣", "1" * 30])
def test_what_is_no_port_is_none(typed: str) -> None:
    assert wizard.parse_port(typed) is None


# -- answers


def test_two_containers_with_the_same_inner_port_keep_both_answers() -> None:
    both = wizard.answers_from_values(
        load_definition("same-inner-port"), {"ports-front-80": "8080", "ports-back-80": "9090"}
    )
    assert both.ports == {"front": {80: 8080}, "back": {80: 9090}}


def test_a_blank_port_is_not_published() -> None:
    both = wizard.answers_from_values(
        load_definition("same-inner-port"), {"ports-front-80": "8080", "ports-back-80": ""}
    )
    assert both.ports["back"] == {80: None}


def test_a_fixed_port_is_the_containers_whatever_was_sent() -> None:
    assert wizard.answers_from_values(load_definition("host-network"), {"ports-hostly-80": "1234"}).ports == {
        "hostly": {80: 80}
    }


@pytest.mark.parametrize("file", ["everything", "same-inner-port", "one-device", "owners", "vpn", "question-order"])
def test_answers_go_to_field_values_and_back_unchanged(file: str) -> None:
    one = load_definition(file)
    given = complete_answers(one)
    assert wizard.answers_from_values(one, wizard.values_from_answers(one, given)) == given


def test_a_port_that_was_never_answered_is_left_to_the_suggestion() -> None:
    one = load_definition("same-inner-port")
    never = Answers(ports={"front": {80: None}, "back": {80: None}})
    assert wizard.values_from_answers(one, never) == {}


def test_a_port_that_was_not_published_stays_blank_but_the_apps_page_gets_a_suggestion() -> None:
    one = load_definition("same-inner-port")
    assert wizard.values_from_answers(one, Answers(ports={"front": {80: 8080}, "back": {80: None}})) == {
        "ports-front-80": "8080",
        "ports-back-80": "",
    }
    assert "ports-front-80" not in wizard.values_from_answers(
        one, Answers(ports={"front": {80: None}, "back": {80: 8080}})
    )


# -- the summary


def test_the_summary_shows_every_answer_by_page_with_secrets_masked() -> None:
    box = load_definition("everything")
    values = wizard.values_from_answers(box, complete_answers(box))
    shown = {
        page: {one.question.key: one.display_value for one in rows}
        for page, rows in wizard.review_answers(box, values, ())
    }
    assert list(shown) == ["shares", "ports", "devices", "environment", "custom-config"]
    assert shown["environment"]["API_KEY"] == MASK
    assert shown["environment"]["STORE_PASSWORD"] == MASK
    assert shown["environment"]["ZONE"] == "zone-value"
    assert shown["devices"] == {"serial": "", "video": ""}
    assert shown["ports"]["8443"] == "8443"
    assert "api_key-value" not in str(shown)


def test_the_summary_marks_new_shares() -> None:
    box = load_definition("everything")
    values = {
        **wizard.values_from_answers(box, complete_answers(box)),
        "shares-box-/config": "fresh/folder",
        "shares-box-/data": "old",
    }
    rows = dict(wizard.review_answers(box, values, {"fresh"}))["shares"]
    assert [(one.question.key, one.new) for one in rows if one.question.container == "box"] == [
        ("/config", True),
        ("/data", False),
    ]


def test_two_volumes_in_one_folder_are_a_note() -> None:
    twin = volumes(conf="Config", data="Data", more="More")
    values = {"shares-web-/conf": "box", "shares-web-/data": "box/", "shares-web-/more": "box/more"}
    assert [(one.level, one.sentence) for one in wizard.shared_folder_notes(twin, values)] == [
        ("note", '"Config" and "Data" are both in box: they see each other\'s files.')
    ]


def test_two_volumes_in_what_is_no_share_are_wrong_and_not_a_note() -> None:
    twin = volumes(conf="Config", data="Data")
    assert [*wizard.shared_folder_notes(twin, {"shares-web-/conf": "../etc", "shares-web-/data": "../etc"})] == []
