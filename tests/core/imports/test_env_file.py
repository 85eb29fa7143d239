"""Files of variables, read as Compose does."""

import contextlib

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.formats.compose import quote_env_value
from rockonweb.core.imports.env_file import parse_env_file


def read(text, **known):
    return parse_env_file(text, ".env", known)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=1\n\n# c\nexport B=2 # d\r\n", {"A": "1", "B": "2"}),
        ("A = x y \nB: z", {"A": "x y", "B": "z"}),
        ("A=a#b\nB=#c\nC=", {"A": "a#b", "B": "", "C": ""}),
        ("A='$X \\n'\nB=\"$X \\n\\$Y\"", {"A": "$X \\n", "B": "x \n$Y"}),
        ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
        ("A=1\nB=${A}${C:-d}", {"A": "1", "B": "1d"}),
        ("X\nN", {"X": "x", "N": None}),
        ("", {}),
    ],
)
def test_a_file_gives_its_variables(text, variables):
    assert read(text, X="x") == variables


def test_a_raw_file_is_taken_as_it_stands():
    assert parse_env_file("A='$X' # c", "f", {}, raw=True) == {"A": "'$X' # c"}


@pytest.mark.parametrize(
    "value", ["a$b", "it's", '"q"', "a\\b", "ends\\", "# c", " b ", "two\nlines", "$$", "\r", "${"]
)
def test_what_an_export_quotes_comes_back(value):
    assert read(f"A={quote_env_value(value)}\nB=1") == {"A": value, "B": "1"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("A=1\nB 2", ".env, line 2: it is not NAME=VALUE."),
        ("A=1\n\nB='x\n", ".env, line 3: a quote is not closed."),
        ("\0", ".env, line 1: it is not NAME=VALUE."),
        ("A=" + "x" * 1_000_001, ".env is larger than 1000000 bytes."),
    ],
)
def test_a_faulty_file_is_refused_with_its_line(text, sentence):
    with pytest.raises(BadInput) as refused:
        read(text)
    assert refused.value.sentence == sentence


@pytest.mark.parametrize("text", ["#" * 900_000, " " * 900_000 + "!", "A=\n" * 200_000, "A='" + "\\" * 900_000])
def test_no_file_takes_long(text):
    with contextlib.suppress(BadInput):
        read(text)
