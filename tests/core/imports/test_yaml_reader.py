"""YAML of strangers: what a value is, and what is refused with its line."""

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.source import MAX_SOURCE_BYTES
from rockonweb.core.imports.yaml_reader import MAX_DEPTH, MAX_NODES, YamlTagged, read_yaml, scalar_text

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in zip("abcde", "bcdef", strict=True)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("true", True), ("'true'", "true"), ("22:22", "22:22"), ("0777", 511),
        ("0o777", 511), ("0x1F", 31), ("1_000", 1000), ("09", "09"), ("1.10", 1.1), ("1e3", 1000.0), ("~", None),
        ("", None), ("!!str 5", "5"), ("2001-01-01", "2001-01-01"), ("9" * 30, "9" * 30), ("=", "="),
    ],
)  # fmt: skip
def test_a_scalar_is_what_compose_takes_it_for(text, value):
    read = read_yaml(f"k: {text}", "f")["k"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (1000.0, "1000"), (1.1, "1.1"), (None, ""), (7, "7")])
def test_a_scalar_as_text_is_as_compose_writes_it(value, text):
    assert scalar_text(value) == text


def test_anchors_and_merges_give_their_keys_and_places():
    body = read_yaml("a: &a\n  x: 1\n  y: 1\nb:\n  <<: *a\n  y: 2\nc: {<<: [*a, {z: 3}]}", "f")
    assert (body["b"], body["c"]) == ({"y": 2, "x": 1}, {"x": 1, "y": 1, "z": 3})
    assert body["b"].places == {"y": "f, line 6", "x": "f, line 2"}


def test_tags_of_compose_are_kept():
    assert read_yaml("a: !reset null\nb: !override [1]", "f") == {
        "a": YamlTagged("!reset", None),
        "b": YamlTagged("!override", [1]),
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", 'f, line 3: the key "a" is there twice, first in line 1.'),
        (BOMB, f"f, line 5: it has more than {MAX_NODES} values."),
        ("a:\n  b: *c", 'f, line 2: "*c" has no value before it.'),
        ("a: &a\n  <<: *a", 'f, line 2: "*a" has no value before it.'),
        ("[" * 900_000, f"f, line 1: it is nested more than {MAX_DEPTH} deep."),
        ("a: 1\n---\nb: 2", "f, line 2: a second document begins here."),
        ("<<: 3", 'f, line 1: "<<" takes keys from a mapping.'),
        ("? [a]\n: b", "f, line 1: a key is a text."),
        ("a\0b", "f is no text."),
        ("a: \ud800", "f is no text."),
        ("x" * (MAX_SOURCE_BYTES + 1), f"f is larger than {MAX_SOURCE_BYTES} bytes."),
        ("ü" * (MAX_SOURCE_BYTES // 2 + 1), f"f is larger than {MAX_SOURCE_BYTES} bytes."),
    ],
)
def test_what_is_no_sound_yaml_is_refused_with_its_line(text, sentence):
    with pytest.raises(BadInput) as refused:
        read_yaml(text, "f")
    assert refused.value.sentence == sentence


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "%x", "a:\n\t- b", "- a\nb", "&a &b c"])
def test_a_mistake_of_syntax_is_told_with_its_line(text):
    with pytest.raises(BadInput, match=r"^f, line [123]: "):
        read_yaml(text, "f")
