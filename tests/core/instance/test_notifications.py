"""What notices say, and to whom they matter."""

import pytest

from rockonweb.core.instance.notifications import (
    DownApp,
    NoticeChannel,
    NoticeContent,
    NoticeEvent,
    TroubleState,
    defuse_text,
    down_notices,
    mask_secrets,
    mask_target,
    newer_images_notice,
    render_notice,
    track_trouble,
    wants_event,
    well_notices,
)
from rockonweb.core.text import t

GB = 10**9
LINK = "https://apps.example.org/docker"


@pytest.mark.parametrize(
    ("events", "event", "told"),
    [
        (["failed"], NoticeEvent.FAILED, True),
        (["failed"], NoticeEvent.ENDED, False),
        (["ended"], NoticeEvent.FAILED, True),
        (["ended"], NoticeEvent.ENDED, True),
        (["images"], NoticeEvent.TROUBLE, False),
        ([], NoticeEvent.FAILED, False),
    ],
)
def test_everything_that_ended_includes_what_failed(events: list[str], event: NoticeEvent, told: bool) -> None:
    assert wants_event(events, event) is told


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
    assert defuse_text(text) == plain


def test_a_notice_is_said_in_a_language_and_does_nothing() -> None:
    told = NoticeContent(t("%(name)s was stopped", name="<b>App</b>"), ("No *image*.", "Check\nits name.", ""), LINK)
    said = render_notice(told, lambda text: text.replace("was stopped", "wurde angehalten"))
    assert said.title == "bApp/b wurde angehalten"
    assert said.body == f"No image.\nCheck its name.\n{LINK}"


def test_newer_images_are_told_together() -> None:
    assert newer_images_notice(["App"], "").title == "Update available for App"
    many = render_notice(newer_images_notice([f"App {n:02}" + "x" * 70 for n in range(30)], LINK), str)
    assert many.title == "Updates available for several apps"
    assert f"App 18{'x' * 70}, App 19" in many.body
    assert "App 20" not in many.body
    assert many.body.endswith(LINK)


def test_docker_s_absence_is_told_once_and_its_return() -> None:
    def look(before: TroubleState, at: float, away: bool) -> tuple[TroubleState, list[str]]:
        after, messages = track_trouble(before, at, away=away, free=None, low_bytes=10 * GB, link=LINK)
        return after, [message.title for message in messages]

    known, told = look(TroubleState(), 1000, True)
    assert told == []
    known, told = look(known, 1299, True)
    assert told == []
    known, told = look(known, 1300, True)
    assert told == ["Docker does not answer"]
    known, told = look(known, 5000, True)
    assert told == []
    known, told = look(known, 5001, False)
    assert told == ["Docker answers again"]
    assert known == TroubleState()
    known, told = look(TroubleState(away_since=10_000_000), 1000, True)  # the clock was put back
    assert look(known, 1300, True)[1] == ["Docker does not answer"]
    known, told = look(TroubleState(away_since=1000), 1200, False)
    assert (known, told) == (TroubleState(), [])


def test_little_room_is_told_once_until_there_is_enough_again() -> None:
    def look(before: TroubleState, free: int | None) -> tuple[TroubleState, list[str]]:
        after, messages = track_trouble(before, 0, away=False, free=free, low_bytes=10 * GB, link="")
        return after, [message.lines[0] for message in messages]

    known, told = look(TroubleState(), 9 * GB)
    assert told == ["9.0 GB are free on the disk for images."]
    for free in (8 * GB, 11 * GB, None, 9 * GB):
        known, told = look(known, free)
        assert told == []
    known, told = look(known, 13 * GB)
    known, told = look(known, 9 * GB)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("way", "parts", "told"),
    [
        (
            NoticeChannel.HOOK,
            {"url": "https://ada:s3cret@box.example:8443/hook/t0ken?k=v"},
            "https://box.example:8443/********",
        ),
        (NoticeChannel.HOOK, {"url": "http://box.example"}, "http://box.example/"),
        (NoticeChannel.APPRISE, {"url": "tgram://123:t0ken/456"}, "tgram://********"),
        (
            NoticeChannel.MAIL,
            {"server": "smtp.box.example", "port": "587", "to": "ada@box.example", "password": "s3cret"},
            "ada@box.example (smtp.box.example:587)",
        ),
    ],
)
def test_a_target_is_shown_without_what_is_secret_of_it(way: NoticeChannel, parts: dict[str, str], told: str) -> None:
    assert mask_target(way, parts) == told


def test_a_reason_has_nothing_secret_of_the_address() -> None:
    parts = {"url": "https://ada-user:s3cret@box.example/hook/t0ken-1?key=v4lue"}
    why = "POST https://ada-user:s3cret@box.example/hook/t0ken-1?key=v4lue: s3cret, t0ken-1, v4lue at box.example"
    told = mask_secrets(why, parts)
    assert not any(word in told for word in ("s3cret", "t0ken", "v4lue", "ada-user"))
    assert "at box.example" in told
    assert "hush" not in mask_secrets("535 hush-hush", {"server": "x", "password": "hush-hush"})


def rendered(*notices: NoticeContent) -> list[str]:
    """Title and body of each, in one string."""
    return ["\n".join((said.title, said.body)) for said in (render_notice(one, str) for one in notices)]


def test_an_app_that_is_down_is_named_with_the_reason_and_the_end_of_its_log() -> None:
    log = ("<@everyone>", *(f"line {n}" for n in range(20)), "x" * 50_000_000)
    app = DownApp("Notes", "the container notes has ended", step="Start it.", link=LINK, log=log)
    [said] = rendered(*down_notices([app], LINK))
    title, why, step, link, *lines = said.splitlines()
    assert (title, why) == ("Notes is down", "Notes is not running properly: the container notes has ended.")
    assert (step, link, len(lines), lines[0]) == ("Start it.", LINK, 10, "line 11")
    assert len(lines[-1]) == 200


def test_apps_that_are_down_for_one_cause_or_all_at_once_are_one_notice() -> None:
    def down(name: str, cause: str = "") -> DownApp:
        return DownApp(name, "it has ended", cause)

    assert rendered(*down_notices([down("A", "No disk."), down("B", "No disk.")], LINK)) == [
        f"2 apps are down\nNo disk.\nAffected: A, B.\n{LINK}"
    ]
    assert [said.splitlines()[0] for said in rendered(*down_notices([down("A"), down("B")], LINK))] == [
        "A is down",
        "B is down",
    ]
    mixed = [down("A", "No disk."), *(down(f"App {n:02}") for n in range(40))]
    [one, many] = rendered(*down_notices(mixed, LINK))
    assert one.splitlines()[:3] == ["A is down", "A is not running properly: it has ended.", "No disk."]
    assert many.startswith("40 apps are down\nThey went down at about the same time")
    assert "App 19 …" in many


def test_apps_that_are_well_again_say_for_how_long_they_were_not() -> None:
    assert rendered(*well_notices({"Notes": 0}, LINK)) == [
        f"Notes is well again\nIt was not running properly for about 1 minutes.\n{LINK}"
    ]
    assert [said.splitlines()[0] for said in rendered(*well_notices(dict.fromkeys("ABC", 5), LINK))] == [
        "3 apps are well again"
    ]
