"""What the models of a definition answer: images, launch order, what options say, the order of questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.definition.definition import QuestionSpec, sort_questions
from tests.support.samples import build_definition, load_definition


@pytest.mark.parametrize(
    ("image", "tag", "reference"),
    [
        ("busybox", None, "busybox:latest"),
        ("busybox", "", "busybox:latest"),
        ("busybox", "1.36", "busybox:1.36"),
        ("busybox:1.36", None, "busybox:1.36"),
        ("busybox:1.36", "1.36", "busybox:1.36"),
        ("localhost:5000/app", None, "localhost:5000/app:latest"),
        ("localhost:5000/app", "2", "localhost:5000/app:2"),
        (f"berg.example/a/b@sha256:{'01' * 32}", None, f"berg.example/a/b@sha256:{'01' * 32}"),
    ],
)
def test_an_image_has_one_tag(image: str, tag: str | None, reference: str):
    assert build_definition({"app": {"image": image, "tag": tag}}).containers["app"].image_reference == reference


def test_containers_of_the_same_launch_order_keep_file_order():
    sample = build_definition({"bb": {"launch_order": 1}, "aa": {"launch_order": 1}, "cc": {"launch_order": 0 + 1}})
    assert [name for name, _ in sample.launch_order] == ["bb", "aa", "cc"]


# What options say


@pytest.mark.parametrize(
    ("container", "network", "on_host", "restart"),
    [
        ("flags-a", "host", True, "no"),
        ("flags-b", "host", True, "on-failure:3"),
        ("flags-c", "flags-own", False, ""),
    ],
)
def test_network_and_restart_are_found_in_every_spelling(container: str, network: str, on_host: bool, restart: str):
    spec = load_definition("flags").containers[container]
    assert (spec.network, spec.on_host_network, spec.run_options.last_value("restart")) == (network, on_host, restart)


def test_of_options_that_are_given_twice_the_last_one_counts():
    opts = [["--restart", "no"], ["--net=host", ""], ["--restart=always", ""], ["--network", "lan"]]
    spec = build_definition({"app": {"opts": opts}}).containers["app"]
    assert (spec.network, spec.on_host_network, spec.run_options.last_value("restart")) == ("lan", False, "always")


def test_an_equals_sign_in_a_value_is_no_spelling_of_a_flag():
    spec = build_definition({"app": {"opts": [["-e", "A=B=C"], ["--label", "x=--net=host"]]}}).containers["app"]
    assert [(flag.name, flag.value) for flag in spec.run_options.flags] == [("env", "A=B=C"), ("label", "x=--net=host")]
    assert spec.network is None


# The order of the questions


def test_an_index_puts_a_question_at_its_place_and_the_others_keep_file_order():
    asker = load_definition("question-order").containers["asker"]
    assert [key for key, _ in sort_questions(asker.environment)] == ["FIRST", "LOOSE_A", "THIRD", "LOOSE_B", "FIFTH"]
    assert [key for key, _ in sort_questions(asker.devices)] == ["early", "late"]


def test_an_index_beyond_the_count_or_used_twice_does_no_harm():
    odd = load_definition("odd-values").containers["odd-main"]
    assert [key for key, _ in sort_questions(odd.environment)] == [
        *("TWICE_A", "TWICE_B", "FIRST_IN_FILE", "LAST_IN_FILE", "BEYOND"),
    ]


@given(st.dictionaries(st.text(max_size=3), st.none() | st.integers(-3, 30), max_size=12))
def test_in_question_order_keeps_every_key_exactly_once(indexes: dict[str, int | None]):
    questions = {key: QuestionSpec(index=index) for key, index in indexes.items()}
    ordered = sort_questions(questions)
    assert sorted(key for key, _ in ordered) == sorted(questions)
    assert all(questions[key] is question for key, question in ordered)
    loose = [key for key, question in questions.items() if question.index is None]
    assert [key for key, question in ordered if question.index is None] == loose
    counted = [question.index for _, question in ordered if question.index is not None]
    assert counted == sorted(counted)
