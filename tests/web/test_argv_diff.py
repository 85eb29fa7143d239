"""Two command lines side by side."""

from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.secret import SecretWord, format_command
from rockonweb.web.argv_diff import diff_argv

NAMED = ("docker", "run", "-d", "--name", "web")
OLD = (*NAMED, "-p", "80:80/tcp", "-e", "A=1", "--privileged", "--label", "x", "app:1", "go")


def marked(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[list[str], list[str]]:
    old, new = diff_argv(before, after)
    return [one.text for one in old if one.differs], [one.text for one in new if one.differs]


def test_an_option_and_its_value_are_one_piece() -> None:
    old, _ = diff_argv(OLD, OLD)
    assert [one.text for one in old] == [
        "docker run", "-d", "--name web", "-p 80:80/tcp", "-e A=1", "--privileged", "--label x", "app:1", "go",
    ]  # fmt: skip


def test_equal_lines_have_no_mark() -> None:
    assert marked(OLD, OLD) == ([], [])


def test_what_is_changed_added_and_removed_is_marked() -> None:
    new = tuple("81:80/tcp" if word == "80:80/tcp" else word for word in OLD if word != "--privileged")
    assert marked(OLD, (*new[:-2], "--label", "y", *new[-2:])) == (
        ["-p 80:80/tcp", "--privileged"],
        ["-p 81:80/tcp", "--label y"],
    )


def test_another_secret_is_marked_although_both_look_the_same() -> None:
    old = ("docker", "run", "-e", SecretWord("PW=", "blue"), "app:1")
    new = ("docker", "run", "-e", SecretWord("PW=", "red"), "app:1")
    assert marked(old, new) == (["-e PW=********"], ["-e PW=********"])
    assert marked(old, old) == ([], [])


def test_a_line_that_has_no_other_is_not_marked() -> None:
    old, new = diff_argv(None, OLD)
    assert old == []
    assert not any(one.differs for one in new)
    assert diff_argv(OLD, None)[1] == []


WORDS = st.lists(st.sampled_from(["-e", "A=1", "B=2", "--label", "x", "--privileged"]), max_size=8)


@given(WORDS, WORDS)
def test_the_pieces_are_the_whole_line(old: list[str], new: list[str]) -> None:
    before, after = ("docker", "run", *old, "app"), ("docker", "run", *new, "app")
    for argv, pieces in zip((before, after), diff_argv(before, after), strict=True):
        assert " ".join(one.text for one in pieces) == format_command(argv)
