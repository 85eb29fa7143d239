"""What notices say, and to whom they matter."""

import pytest

from rockonweb.core.instance.notices import (
    Event,
    Message,
    Trouble,
    Way,
    inert,
    of_images,
    shown,
    wanted,
    watch_trouble,
    without_secrets,
    words,
)
from rockonweb.core.text import t

GB = 10**9
LINK = "https://apps.example.org/docker"


@pytest.mark.parametrize(
    ("events", "event", "told"),
    [
        (["failed"], Event.FAILED, True),
        (["failed"], Event.ENDED, False),
        (["ended"], Event.FAILED, True),
        (["ended"], Event.ENDED, True),
        (["images"], Event.TROUBLE, False),
        ([], Event.FAILED, False),
    ],
)
def test_everything_that_ended_includes_what_failed(events: list[str], event: Event, told: bool) -> None:
    assert wanted(events, event) is told


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Jellyfin (local)", "Jellyfin (local)"),
        ("@everyone", "(at)everyone"),
        ("<!channel> <b>x</b>", "!channel bx/b"),
        ("[click](https://evil.example)", "click(https: evil.example)"),
        ("a\r\nSubject: b\x00\u202ec\u200b", "a Subject: b c"),
        ("*bold* `code` ~~x~~ |y|", "bold code x y"),
        ("x" * 100, "x" * 79 + "…"),
        ("Büro_1", "Büro_1"),
    ],
)
def test_a_name_of_somebody_else_does_nothing(text: str, plain: str) -> None:
    assert inert(text) == plain


def test_a_notice_is_said_in_a_language_and_does_nothing() -> None:
    told = Message(t("%(name)s was stopped", name="<b>App</b>"), ("No *image*.", "Check\nits name.", ""), LINK)
    said = words(told, lambda text: text.replace("was stopped", "wurde angehalten"))
    assert said.title == "bApp/b wurde angehalten"
    assert said.body == f"No image.\nCheck its name.\n{LINK}"


def test_newer_images_are_told_together() -> None:
    assert of_images(["App"], "").title == "Newer images of App"
    many = words(of_images([f"App {n:02}" + "x" * 70 for n in range(30)], LINK), str)
    assert many.title == "Newer images of several apps"
    assert f"App 18{'x' * 70}, App 19" in many.body
    assert "App 20" not in many.body
    assert many.body.endswith(LINK)


def test_docker_s_absence_is_told_once_and_its_return() -> None:
    def look(before: Trouble, at: float, away: bool) -> tuple[Trouble, list[str]]:
        after, messages = watch_trouble(before, at, away=away, free=None, tight=10 * GB, link=LINK)
        return after, [message.title for message in messages]

    known, told = look(Trouble(), 1000, True)
    assert told == []
    known, told = look(known, 1299, True)
    assert told == []
    known, told = look(known, 1300, True)
    assert told == ["Docker does not answer"]
    known, told = look(known, 5000, True)
    assert told == []
    known, told = look(known, 5001, False)
    assert told == ["Docker answers again"]
    assert known == Trouble()
    known, told = look(Trouble(away_since=1000), 1200, False)
    assert (known, told) == (Trouble(), [])


def test_little_room_is_told_once_until_there_is_enough_again() -> None:
    def look(before: Trouble, free: int | None) -> tuple[Trouble, list[str]]:
        after, messages = watch_trouble(before, 0, away=False, free=free, tight=10 * GB, link="")
        return after, [message.lines[0] for message in messages]

    known, told = look(Trouble(), 9 * GB)
    assert told == ["9.0 GB are left where images live."]
    for free in (8 * GB, 11 * GB, None, 9 * GB):
        known, told = look(known, free)
        assert told == []
    known, told = look(known, 13 * GB)
    known, told = look(known, 9 * GB)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("way", "parts", "told"),
    [
        (Way.HOOK, {"url": "https://ada:s3cret@box.example:8443/hook/t0ken?k=v"}, "https://box.example:8443/********"),
        (Way.HOOK, {"url": "http://box.example"}, "http://box.example/"),
        (Way.APPRISE, {"url": "tgram://123:t0ken/456"}, "tgram://********"),
        (
            Way.MAIL,
            {"server": "smtp.box.example", "port": "587", "to": "ada@box.example", "password": "s3cret"},
            "ada@box.example (smtp.box.example:587)",
        ),
    ],
)
def test_a_target_is_shown_without_what_is_secret_of_it(way: Way, parts: dict[str, str], told: str) -> None:
    assert shown(way, parts) == told


def test_a_reason_has_nothing_secret_of_the_address() -> None:
    parts = {"url": "https://ada-user:s3cret@box.example/hook/t0ken-1?key=v4lue"}
    why = "POST https://ada-user:s3cret@box.example/hook/t0ken-1?key=v4lue: s3cret, t0ken-1, v4lue at box.example"
    told = without_secrets(why, parts)
    assert not any(word in told for word in ("s3cret", "t0ken", "v4lue", "ada-user"))
    assert "at box.example" in told
    assert "hush" not in without_secrets("535 hush-hush", {"server": "x", "password": "hush-hush"})
