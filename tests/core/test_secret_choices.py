"""What people chose to be a secret, or not to be one, counts before names and labels; a definition can't say it."""

import json

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.argv import docker_run_argv
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.formats.backup import Backup, SavedRockOn, backup_to_json, read_backup, withhold_secrets
from rockonweb.core.questions import settings, wizard
from rockonweb.core.secret import MASK, format_command
from tests.support.samples import label_questions, parse_rockon

CHOICES = {"notes": {"PIN": True, "APP_PASSWORD": False, "EXTRA": True}, "": {"realm": True}}
GIVEN = Answers(
    environment={"notes": {"PIN": "4711-pin", "APP_PASSWORD": "shown-word"}},
    variables={"notes": {"EXTRA": "extra-word"}},
    custom_config={"realm": "realm-word"},
)
NOTES = {
    "environment": label_questions(PIN="Pin", APP_PASSWORD="Password"),
    "_secrets": {"APP_PASSWORD": False},
    "secrets": {"APP_PASSWORD": False},
}
PARSED = parse_rockon({"notes": NOTES}, "Notes", custom_config=label_questions(realm="Realm"), _secrets={"realm": True})


def shown(definition: Definition) -> str:
    """The command line as people see it."""
    return format_command(docker_run_argv(definition, "notes", GIVEN, HostFacts()))


def test_without_a_choice_names_and_labels_count() -> None:
    assert "PIN=4711-pin" in shown(PARSED.definition)
    assert f"APP_PASSWORD={MASK}" in shown(PARSED.definition)
    assert not PARSED.definition.hides_answer("", "realm", "Realm")


def test_a_choice_counts_on_the_command_line() -> None:
    text = shown(PARSED.definition.with_secrets(CHOICES))
    assert f"PIN={MASK}" in text
    assert f"EXTRA={MASK}" in text
    assert "APP_PASSWORD=shown-word" in text


def test_a_choice_counts_on_the_wizards_pages() -> None:
    definition = PARSED.definition.with_secrets(CHOICES)
    secret = {
        ask.key: ask.secret
        for page in ("environment", "custom-config")
        for ask in wizard.page_questions(definition, page)
    }
    assert secret == {"PIN": True, "APP_PASSWORD": False, "realm": True}


def test_a_choice_counts_where_settings_are_compared() -> None:
    definition = PARSED.definition.with_secrets(CHOICES)
    other = Answers(environment={"notes": {"PIN": "2", "APP_PASSWORD": "4"}}, variables={"notes": {"EXTRA": "6"}})
    found = {one.key: (one.before, one.after) for one in settings.diff_settings(definition, GIVEN, other)}
    assert found["PIN"] == (MASK, MASK)
    assert found["EXTRA"] == (MASK, MASK)
    assert found["APP_PASSWORD"] == ("shown-word", "4")


def test_the_added_variables_of_settings_keep_it() -> None:
    definition = settings.add_variable_questions(PARSED.definition.with_secrets(CHOICES), {"notes": ["EXTRA"]})
    assert {ask.key: ask.secret for ask in wizard.page_questions(definition, "environment")}["EXTRA"]


def test_a_backup_withholds_by_choice_and_keeps_the_choices() -> None:
    saved = SavedRockOn("Notes", True, PARSED.source, PARSED.source, GIVEN.to_dict(), (), CHOICES)
    bare, taken = withhold_secrets(Backup("1", "2026-01-01T00:00:00+00:00", (saved,)))
    assert {place.key for place in taken} == {"PIN", "EXTRA", "realm"}
    text = backup_to_json(bare)
    assert "4711-pin" not in text
    assert "extra-word" not in text
    assert "shown-word" in text
    assert read_backup(text).rockons[0].secrets == CHOICES


@pytest.mark.parametrize("choices", [[], {"notes": []}, {"notes": {"PIN": "yes"}}, "x"])
def test_choices_of_a_backup_are_checked(choices: object) -> None:
    saved = SavedRockOn("Notes", True, PARSED.source, PARSED.source, GIVEN.to_dict(), (), CHOICES)
    data = json.loads(backup_to_json(Backup("1", "2026-01-01T00:00:00+00:00", (saved,))))
    data["rockons"][0]["secrets"] = choices or [1]
    with pytest.raises(Exception, match="backup"):
        read_backup(json.dumps(data))
