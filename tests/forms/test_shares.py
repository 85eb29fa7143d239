"""The shares page: SHARE or SHARE/FOLDER for each volume."""

import pytest

from rockonweb.forms import shares
from tests.forms.conftest import Posted
from tests.support.samples import build_definition, load_definition

OWNERS = load_definition("owners")
BOX = build_definition({"web": {"volumes": {"/a b": {"label": "<b>A</b>", "description": "For <i>files</i>."}}}})
NAME = "shares-web-/a b"


def errors(posted: Posted, place: str) -> list[str]:
    with posted({NAME: place}):
        form = shares.build_shares_form(BOX, {}, shares.ShareContext(["media"]))
        form.validate()
        return [str(error) for error in form[NAME].errors]


@pytest.mark.parametrize("place", ["media", "new-share", "media/films", "media/a b/c", "  media  ", "x" * 100])
def test_a_share_or_a_folder_of_one_is_accepted(posted: Posted, place: str) -> None:
    assert errors(posted, place) == []


@pytest.mark.parametrize("place", ["../etc", "/mnt2/media", "-x", ".hidden", "a b", "media/../x", "media//x", "a:b"])
def test_what_is_no_share_is_refused_with_a_sentence(posted: Posted, place: str) -> None:
    (error,) = errors(posted, place)
    assert error.endswith(".")


@pytest.mark.parametrize("share", ["My Photos", "Übung", "O'Brien+", "<b>"])
def test_a_share_that_exists_can_be_chosen_whatever_its_name(posted: Posted, share: str) -> None:
    for place in (share, f"{share}/films"):
        with posted({NAME: place}):
            form = shares.build_shares_form(BOX, {}, shares.ShareContext([share]))
            assert form.validate()
            assert form.typed_values == {NAME: place}
        assert errors(posted, place)


@pytest.mark.parametrize("place", ["", "   "])
def test_a_blank_share_is_refused(posted: Posted, place: str) -> None:
    assert errors(posted, place) == ["Choose a share or enter a new name."]


def test_a_field_that_was_not_sent_is_blank_and_not_its_suggestion(posted: Posted) -> None:
    with posted({"other": "x"}):
        form = shares.build_shares_form(BOX, {NAME: "suggested"})
        assert not form.validate()
        assert form.typed_values == {NAME: ""}
        assert form.submitted_values == {}


def test_values_fill_the_fields_until_they_are_submitted(posted: Posted) -> None:
    with posted():
        assert shares.build_shares_form(BOX, {NAME: "media"}, shares.ShareContext(["media"])).typed_values == {
            NAME: "media"
        }


def test_the_name_is_exact_and_the_id_is_safe(posted: Posted) -> None:
    with posted():
        field = shares.build_shares_form(BOX, {})[NAME]
        html = str(field())
    assert 'name="shares-web-/a b"' in html
    assert 'id="shares-1"' in html
    assert f'list="{shares.LIST_ID}"' in html


def test_a_share_that_does_not_exist_is_said_to_be_new(posted: Posted) -> None:
    with posted():
        assert shares.build_shares_form(BOX, {NAME: "fresh/folder"}, shares.ShareContext(["media"]))[NAME].notes == [
            'The share "fresh" does not exist yet. It will be created when you press Install.'
        ]
        assert shares.build_shares_form(BOX, {NAME: "media"}, shares.ShareContext(["media"]))[NAME].notes == []
        assert shares.build_shares_form(BOX, {NAME: "../x"}, shares.ShareContext(["media"]))[NAME].notes == []


def test_new_shares_are_those_that_do_not_exist() -> None:
    typed = {"a": "media/films", "b": "fresh", "c": "fresh/folder", "d": "other"}
    assert shares.shares_to_create(typed, {"media": object()}) == {"fresh", "other"}


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (None, ""),
        (0, ""),
        (-5, ""),
        (10, "Needs free space: its definition says 10, without a unit."),
        (1048576, "Needs at least 1.0 MiB of free space."),
        (1073741824, "Needs at least 1.0 GiB of free space."),
    ],
)
def test_a_least_size_is_in_words_when_it_looks_like_bytes(size: int | None, words: str) -> None:
    assert shares.min_size_note(size) == words


def test_fields_are_grouped_by_container_in_launch_order(posted: Posted) -> None:
    with posted():
        groups = shares.build_shares_form(OWNERS, {}).groups
    assert [name for name, _ in groups][:3] == ["owner-unsaid", "owner-of-share", "owner-and-group"]
    assert [field.ask.key for field in groups[0][1]] == ["/data", "/more"]


def test_what_is_said_of_a_share_is_said_of_the_one_that_was_sent(posted: Posted) -> None:
    with posted({NAME: "media"}):
        assert shares.build_shares_form(BOX, {NAME: "fresh"}, shares.ShareContext(["media"]))[NAME].notes == []


def test_a_plain_yes_confirms_two_volumes_in_one_folder_too(posted: Posted) -> None:
    pair = build_definition({"web": {"volumes": {"/a": {}, "/b": {}}}})
    both = {"shares-web-/a": "media", "shares-web-/b": "media"}
    with posted(both):
        assert not shares.build_shares_form(pair, {}, shares.ShareContext(["media"])).validate()
    with posted({**both, shares.SAME_FOLDER: "y"}):
        assert shares.build_shares_form(pair, {}, shares.ShareContext(["media"])).validate()
