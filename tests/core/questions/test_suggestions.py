"""What is suggested for variables and settings, and where each comes from."""

from typing import Any

import pytest

from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import FolderOwner
from rockonweb.core.questions import suggestions
from rockonweb.core.questions.suggestions import SuggestionContext
from rockonweb.core.questions.wizard import page_questions
from tests.support.samples import build_definition, label_questions

HERE = SuggestionContext(
    time_zone="Europe/Lisbon",
    host_name="attic",
    address="192.168.7.9",
    groups={"docker": 998},
    owners={
        "media": FolderOwner(1000, 100),
        "fresh": FolderOwner(0, 0, new=True),
        "roots": FolderOwner(0, 0),
        "new": FolderOwner(7, 8, True),
    },
)


def app(key: str, label: str = "", description: str = "", **keys: Any) -> Definition:
    return build_definition({"web": {"environment": {key: {"label": label, "description": description}}, **keys}})


def made(length: int) -> str:
    return "x" * length


def found(
    one: Definition, values: dict[str, str] | None = None, here: SuggestionContext = HERE
) -> dict[str, tuple[str, str]]:
    texts = suggestions.suggest_texts(one, "environment", values or {}, here, made)
    filled = suggestions.prefill_suggestions(one, "environment", values or {}, texts)
    return {name.removeprefix("environment-"): (each.value, str(each.why)) for name, each in filled.items()}


def value(key: str, label: str = "", description: str = "") -> str:
    return next((one for one, _ in found(app(key, label, description)).values()), "")


VOLUMES: dict[str, Any] = {"volumes": {"/config": {}, "/data": {}}}
SHARES = {"shares-web-/config": "media", "shares-web-/data": "roots"}


@pytest.mark.parametrize("key", ["PUID", "UID", "USER_UID", "PIHOLE_UID", "puid"])
def test_a_user_is_the_owner_of_the_containers_first_share(key: str) -> None:
    assert found(app(key, "UID [e.g. 1001]", **VOLUMES), SHARES) == {f"web-{key}": ("1000", "The owner of media.")}


@pytest.mark.parametrize("key", ["PGID", "GID", "USER_GID", "PIHOLE_GID"])
def test_a_group_is_that_of_the_share(key: str) -> None:
    assert found(app(key, **VOLUMES), SHARES) == {f"web-{key}": ("100", "The group of media.")}


def test_user_id_is_a_number_only_where_the_label_says_so() -> None:
    assert found(app("USER_ID", "UID to run as.", **VOLUMES), SHARES)["web-USER_ID"][0] == "1000"
    assert found(app("USER_ID", "Your account", **VOLUMES), SHARES) == {}


@pytest.mark.parametrize(
    ("share", "number", "why"),
    [
        ("fresh", "1000", "fresh is new: it will be owned by the user that you enter here."),
        ("new", "7", "new is new: it will be owned by the user that you enter here."),
        ("roots", "0", "roots belongs to root (ID 0): the app runs with full rights in it."),
    ],
)
def test_the_help_says_whose_the_share_is_or_will_be(share: str, number: str, why: str) -> None:
    values = {"shares-web-/config": share}
    assert found(app("PUID", **VOLUMES), values) == {"web-PUID": (number, why)}


def test_a_container_without_a_volume_takes_the_share_of_another_and_else_the_example() -> None:
    variable = {"environment": label_questions(PUID="UID [e.g. 1234]")}
    two = build_definition({"db": {"volumes": {"/db": {}}}, "web": variable})
    assert found(two, {"shares-db-/db": "media"})["web-PUID"][0] == "1000"
    assert found(build_definition({"web": variable}))["web-PUID"][0] == "1234"


def test_the_docker_group_is_meant_where_the_text_says_so() -> None:
    assert value("PGID", "PGID", "GID of the 'docker' group.") == "998"


@pytest.mark.parametrize(("key", "label"), [("TZ", ""), ("APP_TIMEZONE", ""), ("ZONE", "Time zone [e.g. Asia/Tokyo]")])
def test_the_time_zone_is_the_hosts(key: str, label: str) -> None:
    assert value(key, label) == "Europe/Lisbon"


@pytest.mark.parametrize(
    ("key", "label", "expected"),
    [
        ("HOSTNAME", "Host name", "attic"),
        ("DOMAIN", "", "attic"),
        ("SERVER_NAME", "Name or address of this host", "attic"),
        ("SERVER_NAME", "What your world is called", ""),
        ("ServerIP", "", "192.168.7.9"),
        ("HOST_IP", "", "192.168.7.9"),
        ("WG_HOST", "WAN IP [e.g. yourname.no-ip.info]", ""),
        ("DOMAIN", "Public domain", ""),
        ("SMTP_HOST", "SMTP relay host", ""),
        ("DB_HOST", "Database host", ""),
    ],
)
def test_name_and_address_only_where_this_server_is_meant(key: str, label: str, expected: str) -> None:
    assert value(key, label) == expected


@pytest.mark.parametrize(
    ("label", "description", "expected"),
    [
        ("Debug [e.g. false]", "", "false"),
        ("Memory (e.g. 150)", "", "150"),
        ("Mode [must be slow]", "", "slow"),
        ("When [e.g. 0 0 12 1 * ?]", "", "0 0 12 1 * ?"),
        ('When [e.g. "0 0 * * *"]', "", '"0 0 * * *"'),
        ("Format", "See the page. For default enter: mp4", "mp4"),
        ("Tag [e.g. mytag]", "", ""),
        ("Host [e.g. yourname.example.org]", "", ""),
        ("Mail [e.g. a@b.org]", "", ""),
        ("Range [e.g. 192.168.15.0/24]", "", ""),
        ("Range [e.g. 10.8.0.x]", "", "10.8.0.x"),
        ("Version [see below]", "", ""),
        ("Extra, optional [e.g. 5]", "", ""),
        ("Plain", "", ""),
    ],
)
def test_a_plain_example_is_taken_and_somebody_elses_is_not(label: str, description: str, expected: str) -> None:
    assert value("SETTING", label, description) == expected


@pytest.mark.parametrize(
    ("key", "label", "description"),
    [
        ("PASSWORD", "password", "Enter Password, change it later."),
        ("FTLCONF_webserver_api_password", "Web Password", ""),
        ("NEXTAUTH_SECRET", "", "Internal."),
        ("DB_PASS", "", ""),
        ("PHRASE", "Passphrase", ""),
    ],
)
def test_a_password_is_generated(key: str, label: str, description: str) -> None:
    assert value(key, label, description) == "x" * 24


@pytest.mark.parametrize(
    ("key", "label", "description"),
    [
        ("TOKEN", "Registration 'TOKEN'", "Token from the instance."),
        ("PASSWORD_HASH", "Admin password hash", ""),
        ("API_KEY", "API key", ""),
        ("SMTP_PASSWORD", "Mail password", ""),
        ("CLIENT_SECRET", "", ""),
        ("AWS_SECRET_ACCESS_KEY", "", ""),
        ("VPN_PASSWORD", "", ""),
        ("PASSWORD", "Password of your existing account", ""),
        ("PASSWORD", "Password [e.g. secret1]", "From the provider."),
        ("KEY", "Key [e.g. abc]", ""),
        ("PASSWORD", "Password", "Optional."),
    ],
)
def test_what_another_service_gives_out_or_may_be_blank_is_not_made_up(key: str, label: str, description: str) -> None:
    assert value(key, label, description) == ""


@pytest.mark.parametrize(
    ("label", "length"), [("Password [8-128 characters]", 24), ("Password [max 16]", 16), ("PIN password [4–8]", 8)]
)
def test_a_generated_secret_is_as_long_as_allowed(label: str, length: int) -> None:
    assert len(value("PASSWORD", label)) == length


def test_what_is_asked_twice_gets_the_same_secret() -> None:
    numbers = iter(range(9))
    two = build_definition(
        {
            "db": {"environment": label_questions(DB_PW="Root password", OTHER_PW="Other password")},
            "web": {
                "environment": {
                    "DB_PW": {"label": "Password"},
                    "AGAIN_PW": {"label": "Re-enter Other password"},
                    "SAME_PW": {"label": "Password [same as Root]"},
                }
            },
        }
    )
    texts = suggestions.suggest_texts(two, "environment", {}, HERE, lambda _: str(next(numbers)))
    by_key = {name.removeprefix("environment-"): (one.value, one.source) for name, one in texts.items()}
    root, other = ("0", "environment-db-DB_PW"), ("1", "environment-db-OTHER_PW")
    assert by_key == {
        "db-DB_PW": root,
        "db-OTHER_PW": other,
        "web-DB_PW": root,
        "web-AGAIN_PW": other,
        "web-SAME_PW": root,
    }


LINKED = build_definition(
    {
        "db": {"environment": label_questions(POSTGRES_PASSWORD="DB Password")},
        "web": {
            "ports": {"3000": {"label": "Page", "ui": True, "protocol": "tcp"}},
            "environment": {
                "DATABASE_URL": {"label": "URL", "description": "Set to postgresql://me:<password>@db:5432/app."},
                "APP_URL": {"label": "URL [e.g. http://<myserver>:<UI Port>]"},
                "BASE": {"label": "URL", "description": "Set to: http://<server IP address>:<Web UI port>/api."},
                "ODD": {"label": "URL [e.g. http://<moon phase>:<UI Port>]"},
                "PORT": {"label": "Port", "description": "This has to be the same as the Web-UI port."},
            },
        },
    }
)


def test_an_address_is_put_together_as_its_description_says() -> None:
    texts = found(LINKED, {"ports-web-3000": "8090"})
    assert {name: one for name, (one, _) in texts.items()} == {
        "db-POSTGRES_PASSWORD": "x" * 24,
        "web-DATABASE_URL": f"postgresql://me:{'x' * 24}@db:5432/app",
        "web-APP_URL": "http://192.168.7.9:8090",
        "web-BASE": "http://192.168.7.9:8090/api",
        "web-PORT": "8090",
    }


def test_what_was_answered_is_not_offered_nor_what_belongs_to_a_secret_that_was() -> None:
    values = {"environment-db-POSTGRES_PASSWORD": "mine", "environment-web-PORT": "", "ports-web-3000": "8090"}
    assert set(found(LINKED, values)) == {"web-APP_URL", "web-BASE"}


def test_without_facts_nothing_is_made_up() -> None:
    nowhere = SuggestionContext()
    assert set(found(LINKED, here=nowhere)) == {"db-POSTGRES_PASSWORD", "web-DATABASE_URL"}
    for key in ("TZ", "HOSTNAME", "HOST_IP", "PUID"):
        assert found(app(key, **VOLUMES), SHARES, nowhere) == {}


def test_only_a_secret_can_be_generated() -> None:
    (ask,) = page_questions(app("USER_NAME", "Name"), "environment")
    assert not suggestions.can_generate_secret(ask)


@pytest.mark.parametrize(
    "words",
    [
        *("(e.g. " + " " * 100_000, "(e.g. x " * 20_000, "(same as " * 20_000, "(" * 100_000, "( " * 100_000),
        *(
            "for the default enter: " + ". " * 50_000 + "\n",
            "a" * 100_000,
            "x://" + "<" * 100_000,
            "max " + "9" * 100_000,
        ),
        *("1-" * 50_000, "re-enter the " * 10_000, "[called " + " " * 100_000, "'" * 100_000),
    ],
    ids=range(13),
)
def test_a_question_of_a_hundred_thousand_signs_is_read_like_any_other(words: str) -> None:
    """It would take years where each sign is tried with each."""
    for key in ("PASSWORD", "NAME", "SERVER_URL"):
        (ask,) = page_questions(app(key, words, words), "environment")
        assert ask.optional is False
        assert isinstance(ask.example, str)
        assert isinstance(found(app(key, words, words)), dict)
