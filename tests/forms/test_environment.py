"""The environment page: texts, numbers of users, and secrets that are never shown again."""

from typing import Any

from rockonweb.forms import environment
from tests.forms.conftest import Posted
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


def test_several_lines_are_refused(posted: Posted) -> None:
    assert result(posted, {**GOOD, TOKEN: "a\nb"})[1] == {TOKEN: ["This must be a single line of text."]}


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
