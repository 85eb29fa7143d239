"""Sentences that remember how they were made."""

import json

import pytest

from rockonweb.core.text import t


def test_it_is_the_english_sentence():
    assert t("%(name)s is in use by %(who)s.", name="8080/tcp", who="nginx") == "8080/tcp is in use by nginx."


def test_it_remembers_template_and_values_for_a_translation():
    text = t("%(n)s files", n=3)
    assert (text.template, text.values) == ("%(n)s files", {"n": 3})


def test_a_percent_sign_in_a_value_is_only_text():
    assert t("%(share)s is gone.", share="100%(share)s") == "100%(share)s is gone."


def test_a_sentence_without_values_is_taken_as_it_stands():
    assert t("At 100% already.") == "At 100% already."


def test_it_goes_into_json_as_plain_text():
    assert json.dumps([t("%(a)s!", a="x")]) == '["x!"]'


def test_a_place_without_a_value_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        t("%(missing)s", other="x")
