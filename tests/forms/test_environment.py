"""The environment page: texts, numbers of users, and secrets that are never shown again."""

from typing import Any

import pytest

from rockonweb.forms import environment
from rockonweb.forms.lines import LINES_BUTTON
from tests.forms.conftest import Posted
from tests.support.person import parse_forms
from tests.support.samples import build_definition, label_questions

ASKED = label_questions(ZONE="Zone", PUID="UID", API_TOKEN="Token", SMTP_PASSWORD="Mail password")
ASKED["SMTP_PASSWORD"]["description"] = "Leave blank for none."
APP = build_definition({"web": {"environment": ASKED}})
ZONE, PUID, TOKEN, MAIL = (f"environment-web-{key}" for key in ("ZONE", "PUID", "API_TOKEN", "SMTP_PASSWORD"))
GOOD = {ZONE: "Europe/Lisbon", PUID: "1000", TOKEN: "abc", MAIL: ""}


def result(posted: Posted, fields: dict[str, str], kept: dict[str, str] | None = None) -> tuple[Any, Any]:
    with posted(fields):
        form = environment.build_environment_form(APP, kept or {})
        form.validate()
        return form.typed_values, {
            field.name: [str(e) for e in field.errors] for field in form.answer_fields if field.errors
        }


def test_answers_are_accepted_as_typed(posted: Posted) -> None:
    assert result(posted, GOOD) == (GOOD, {})
    assert result(posted, {**GOOD, ZONE: " a  b "})[0][ZONE] == " a  b "


def test_blank_answers_are_refused_unless_the_definition_allows_them(posted: Posted) -> None:
    _, errors = result(posted, dict.fromkeys(GOOD, ""))
    assert errors == {key: ["This field is required."] for key in (ZONE, PUID, TOKEN)}


def test_a_number_is_asked_for_where_a_user_is_meant(posted: Posted) -> None:
    assert "whole number" in result(posted, {**GOOD, PUID: "anna"})[1][PUID][0]


KEY_FILE = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"


@pytest.mark.parametrize("name", [ZONE, TOKEN])
def test_several_lines_are_accepted_as_browsers_send_them(posted: Posted, name: str) -> None:
    typed, errors = result(posted, {**GOOD, name: KEY_FILE.replace("\n", "\r\n")})
    assert (typed[name], errors) == (KEY_FILE, {})


@pytest.mark.parametrize(
    "value", ["a\nb", "a\r\nb\r\n", "a\rb", "\n\na\n", "a\n", "</textarea>\n&lt;", "\r\nx", " a \n"]
)
def test_a_value_that_is_not_changed_stays_exactly_as_it_was(posted: Posted, value: str) -> None:
    with posted():
        page = f"<form>{environment.build_environment_form(APP, {ZONE: value})[ZONE]()}</form>"
    sent = parse_forms(page)[0].fields[ZONE]
    assert sent.kind == "textarea"
    assert result(posted, {**GOOD, ZONE: sent.value}, {ZONE: value})[0][ZONE] == value


def test_a_value_of_one_line_is_a_plain_input_until_more_are_wanted(posted: Posted) -> None:
    with posted():
        assert 'type="text"' in str(environment.build_environment_form(APP, {ZONE: "a"})[ZONE]())
    with posted({**GOOD, LINES_BUTTON: ZONE}):
        form = environment.build_environment_form(APP, {})
        assert str(form[ZONE]()).startswith("<textarea")
        assert 'type="text"' in str(form[PUID]())


def test_a_secret_of_several_lines_is_dots_and_on_the_page_only_before_it_is_stored(posted: Posted) -> None:
    with posted():
        html = str(environment.build_environment_form(APP, {TOKEN: KEY_FILE})[TOKEN]())
        assert "text-dots" in html
        assert "KEY" not in html
    with posted({**GOOD, TOKEN: KEY_FILE, ZONE: ""}):
        form = environment.build_environment_form(APP, {})
        environment.redisplay_secrets(form, "")
        assert "text-dots" in str(form[TOKEN]())
        assert KEY_FILE in str(form[TOKEN]())
        environment.redisplay_secrets(form, TOKEN)
        assert "text-dots" not in str(form[TOKEN]())


def test_a_secret_is_a_password_field_that_shows_nothing(posted: Posted) -> None:
    with posted():
        field = environment.build_environment_form(APP, {TOKEN: "hush"})[TOKEN]
        html = str(field())
        assert 'type="password"' in html
        assert 'autocomplete="new-password"' in html
        assert "hush" not in html
        assert field.notes == ["A value is set but not shown. Leave this blank to keep it."]


def test_a_secret_left_blank_keeps_what_was_typed(posted: Posted) -> None:
    typed, errors = result(posted, {**GOOD, TOKEN: ""}, {TOKEN: "hush"})
    assert (typed[TOKEN], errors) == ("hush", {})
    assert result(posted, {**GOOD, TOKEN: "new"}, {TOKEN: "hush"})[0][TOKEN] == "new"


def test_a_secret_that_was_not_sent_keeps_what_was_typed(posted: Posted) -> None:
    assert result(posted, {ZONE: "x"}, {TOKEN: "hush"})[0][TOKEN] == "hush"


def test_a_secret_that_may_be_blank_can_be_taken_back(posted: Posted) -> None:
    box = environment.FORGET_PREFIX + MAIL
    assert result(posted, GOOD, {MAIL: "hush"})[0][MAIL] == "hush"
    assert result(posted, {**GOOD, box: "y"}, {MAIL: "hush"})[0][MAIL] == ""
    assert result(posted, {**GOOD, box: "y", MAIL: "new"}, {MAIL: "hush"})[0][MAIL] == "new"
    with posted():
        assert box not in environment.build_environment_form(APP, {TOKEN: "hush"})
        assert environment.FORGET_PREFIX + TOKEN not in environment.build_environment_form(APP, {TOKEN: "hush"})
