"""Whether an image is the newest, and when something is done about it."""

import pytest

from rockonweb.core.status.updates import (
    UpdateStatus,
    compare_digests,
    format_time_of_day,
    in_window,
    is_check_due,
    is_refresh_due,
    parse_time_of_day,
)

INDEX, OTHER_INDEX, MANIFEST, CONFIG = (f"sha256:{letter * 64}" for letter in "abcd")


@pytest.mark.parametrize(
    ("image", "digests", "told", "outcome"),
    [
        (CONFIG, [INDEX], [INDEX], UpdateStatus.CURRENT),
        (CONFIG, [INDEX], [OTHER_INDEX], UpdateStatus.NEWER),
        (CONFIG, [INDEX], [OTHER_INDEX, MANIFEST, CONFIG], UpdateStatus.CURRENT),  # made anew around the same image
        (CONFIG, [MANIFEST], [OTHER_INDEX, MANIFEST], UpdateStatus.CURRENT),  # pulled by its platform's own digest
        (INDEX, [], [INDEX], UpdateStatus.CURRENT),  # the image's id is the index, where containerd keeps images
        (CONFIG, [], [INDEX, MANIFEST, CONFIG], UpdateStatus.CURRENT),
        (CONFIG, [], [INDEX], UpdateStatus.UNKNOWN),  # made here: nothing was ever pulled
        (CONFIG, [INDEX], [], UpdateStatus.UNKNOWN),
    ],
)
def test_one_digest_in_common_is_the_same_image(
    image: str, digests: list[str], told: list[str], outcome: UpdateStatus
) -> None:
    assert compare_digests(image, digests, told) is outcome


def test_a_look_is_due_after_about_its_hours() -> None:
    hour = 3600.0
    assert is_check_due(None, 12, 1)
    assert is_check_due(-70 * 24 * hour, 12, 1), "the clock was wrong when it was checked"
    assert not is_check_due(None, 0, 1)
    assert not is_check_due(1000 * hour, 0, 1)
    for number in range(50):
        assert not is_check_due(10.7 * hour, 12, number)
        assert is_check_due(13.3 * hour, 12, number)


def test_a_refresh_that_failed_is_tried_again_with_growing_pauses_up_to_its_hours() -> None:
    hour = 3600.0
    for failures, pause in ((0, 24), (1, 1), (2, 2), (4, 8), (6, 24), (5000, 24)):
        assert not is_refresh_due(0.89 * pause * hour, 24, failures, 7)
        assert is_refresh_due(1.11 * pause * hour, 24, failures, 7)
    assert not is_refresh_due(None, 0, 3, 7)


def test_looks_are_spread() -> None:
    seconds = [
        next(age for age in range(10 * 3600, 15 * 3600, 60) if is_check_due(age, 12, number)) for number in range(20)
    ]
    assert len(set(seconds)) == 20
    assert max(seconds) - min(seconds) > 3600


@pytest.mark.parametrize(
    ("at", "start", "until", "within"),
    [
        ("03:00", "03:00", "05:00", True),
        ("04:59", "03:00", "05:00", True),
        ("05:00", "03:00", "05:00", False),
        ("02:59", "03:00", "05:00", False),
        ("23:30", "22:00", "04:00", True),
        ("00:00", "22:00", "04:00", True),
        ("03:59", "22:00", "04:00", True),
        ("04:00", "22:00", "04:00", False),
        ("12:00", "22:00", "04:00", False),
        ("12:00", "06:00", "06:00", True),
    ],
)
def test_a_window_may_go_past_midnight(at: str, start: str, until: str, within: bool) -> None:
    minutes = [parse_time_of_day(one) for one in (at, start, until)]
    assert in_window(*[one for one in minutes if one is not None]) is within


@pytest.mark.parametrize("words", ["00:00", "03:30", "23:59"])
def test_a_time_of_day_is_read_and_written(words: str) -> None:
    minute = parse_time_of_day(words)
    assert minute is not None
    assert format_time_of_day(minute) == words


@pytest.mark.parametrize("words", ["", "3", "24:00", "03:60", "3:5", "003:30", "-1:30", "03:30:00", "³:30", "a:bc"])
def test_what_is_no_time_of_day_is_none(words: str) -> None:
    assert parse_time_of_day(words) is None
