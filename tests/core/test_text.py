"""Sentences that remember how they were made."""

import json

import pytest

from rockonweb.core.text import (
    TranslatableText,
    fill_template,
    format_size,
    from_stored,
    join_texts,
    map_strings,
    map_text_values,
    t,
    to_stored,
)


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


def test_parts_that_are_put_together_can_still_be_translated():
    text = join_texts(", ", [t("%(n)s files", n=3), "", "data"])
    assert text == "3 files, data"
    assert isinstance(text, TranslatableText)
    assert text.values["part0"].template == "%(n)s files"
    assert type(join_texts(", ", ["a", "b"])) is str


def test_what_stands_between_may_have_a_percent_sign():
    assert join_texts(" % ", [t("one"), "two"]) == "one % two"


def test_a_change_of_values_leaves_the_template():
    text = map_text_values(t("%(why)s at %(n)s", why=t("it said %(what)s", what="secret"), n=3), lambda _: "***")
    assert text == "it said *** at 3"
    assert isinstance(text, TranslatableText)
    assert text.template == "%(why)s at %(n)s"
    assert map_text_values("secret", lambda _: "***") == "***"


def test_a_sentence_is_kept_with_template_and_values():
    text = t("%(why)s (%(n)s)", why=t("%(name)s is gone.", name='"a" % ü'), n=3)
    back = from_stored(to_stored(text))
    assert back == text
    assert isinstance(back, TranslatableText)
    assert (back.template, back.values) == (text.template, text.values)
    assert back.values["why"].values == {"name": '"a" % ü'}


@pytest.mark.parametrize(
    "kept",
    [
        "plain",
        "",
        '{"template": broken',
        '{"template": "x", "values": 3}',
        '{"template": 3}',
        '{"template": "%(a)s", "values": {"a": {}}}',
    ],
)
def test_what_is_kept_otherwise_stands_as_it_is(kept):
    assert from_stored(kept) == kept
    assert from_stored(to_stored(kept)) == kept


@pytest.mark.parametrize(
    "said", ['{"template": "%(a)9999999999s", "values": {"a": 1}}', '{"template": "x", "values": {}}']
)
def test_what_an_app_says_is_no_sentence_of_ours(said):
    assert from_stored(to_stored(said)) == said
    assert to_stored("plain") == "plain"


def test_places_that_were_left_open_can_be_filled():
    text = fill_template(t("must be %(least)s or more"), least=3, other="not needed")
    assert text == "must be 3 or more"
    assert text.template == "must be %(least)s or more"


@pytest.mark.parametrize(
    ("number", "binary", "words"),
    [
        (0, False, "0 bytes"),
        (1, False, "1 byte"),
        (999, False, "999 bytes"),
        (1000, False, "1.0 kB"),
        (1_550_000, False, "1.6 MB"),
        (999_960, False, "1.0 MB"),
        (12_300_000_000, False, "12.3 GB"),
        (10**21, False, "1000.0 EB"),
        (1023, True, "1023 bytes"),
        (2**30, True, "1.0 GiB"),
        (3 * 2**39, True, "1.5 TiB"),
    ],
)
def test_bytes_are_counted_for_people(number, binary, words):
    assert format_size(number, binary=binary) == words


def test_strings_of_json_are_changed_where_they_stand():
    given = {"a": ["x", {"b": ("y", 3, None)}], "c": True}
    assert map_strings(given, str.upper) == {"a": ["X", {"b": ["Y", 3, None]}], "c": True}
