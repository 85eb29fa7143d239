"""What a log looks like on a page: what is wished, what is found in it."""

import pytest

from rockonweb.blueprints.rockon.container_logs import (
    ContainerLog,
    LogQuery,
    logs_fingerprint,
    search_lines,
    strip_terminal_codes,
)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, LogQuery()),
        (
            {"container": "web", "lines": "1000", "timestamps": "1", "follow": "1", "q": " a  b "},
            LogQuery("web", 1000, True, True, "a  b"),
        ),
        ({"container": "stranger", "lines": "1001", "timestamps": "yes", "follow": "0"}, LogQuery()),
        ({"lines": "-5"}, LogQuery()),
    ],
)
def test_a_wish_is_read_from_an_address(given: dict[str, str], found: LogQuery) -> None:
    assert LogQuery.read_args(given, ["web", "db"]) == found


def test_a_wish_names_only_what_differs_from_the_usual() -> None:
    assert {key: one for key, one in LogQuery().url_args().items() if one is not None} == {}
    said = LogQuery("web", 1000, True, True, "a").url_args(follow=False)
    assert said == {"container": "web", "lines": 1000, "timestamps": 1, "follow": None, "q": "a"}


def test_lines_with_all_words_are_found_in_any_order_and_case_in_pieces() -> None:
    text = "GET /a 200\nget /b 404\nPOST /a 404\n"
    assert search_lines(text, "404 get", 10) == ((("get", True), (" /b ", False), ("404", True)),)


def test_only_the_last_of_many_lines_are_given() -> None:
    assert search_lines("a1\na2\na3", "a", 2) == ((("a", True), ("2", False)), (("a", True), ("3", False)))


def test_words_are_no_patterns() -> None:
    assert search_lines("a.b\naxb\n(", "a.b", 9) == ((("a.b", True),),)
    assert search_lines("a.b\naxb\n(", "(", 9) == ((("(", True),),)
    assert search_lines("a\nb", ".*", 9) == ()


def test_what_only_a_terminal_understands_is_left_out() -> None:
    assert strip_terminal_codes("\x1b[1;31mred\x1b[0m\r\nnext\x07\tcolumn\n") == "red\nnext\tcolumn\n"


def test_a_mark_changes_with_what_is_said() -> None:
    one, other = [ContainerLog("web", "a")], [ContainerLog("web", "b")]
    assert logs_fingerprint(one) == logs_fingerprint([ContainerLog("web", "a")]) != logs_fingerprint(other)
