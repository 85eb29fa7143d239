"""Notices that are sent to real servers on loopback, and what becomes of those that are not."""

from __future__ import annotations

import json
import socket
import syslog
import threading
import time
from contextlib import suppress
from datetime import timedelta

import pytest
from apprise import NotifyBase
from apprise.manager_plugins import NotificationManager
from apprise.utils.parse import parse_list
from flask import Flask
from sqlalchemy import select

from rockonweb import jobs
from rockonweb.core.errors import RockonwebError
from rockonweb.core.instance.notifications import LOCAL_SCHEMES, NoticeContent, NoticeEvent
from rockonweb.models import Kind, NoticeMessage, NoticeTarget, Operation, Progress, db, transaction, utc_now
from rockonweb.work import heartbeat, notification_queue, notification_sender, queue, runner, updates
from tests.support.app import add_rockon, mark_installed
from tests.support.claims import free_port
from tests.support.odd_server import odd_server, respond_with
from tests.support.receivers import mail_server, webhook_receiver

WORDS = NoticeContent("Notes could not be installed", ("The image is not there.", "Check its name."))


@pytest.fixture
def environ() -> dict[str, str]:
    return {"ROCKONWEB_URL": "https://apps.example.org/"}


def add(way: str, events: str = "failed", **parts: str) -> int:
    with transaction() as session:
        target = NoticeTarget(way=way, address=json.dumps(parts), events=events)
        session.add(target)
        session.flush()
        return target.id


def mailbox(port: int, **parts: str) -> dict[str, str]:
    base = {"server": "127.0.0.1", "port": str(port), "security": "none", "user": "", "password": ""}
    return {**base, "from": "apps@box.example", "to": "ada@box.example, bob@box.example", **parts}


def send_all() -> None:
    for message_id in list(db.session.scalars(select(NoticeMessage.id))):
        jobs.send_notice(message_id)


def target(target_id: int) -> NoticeTarget:
    db.session.rollback()
    return db.session.get_one(NoticeTarget, target_id, populate_existing=True)


def ended(progress: Progress, **columns: object) -> int:
    with transaction() as session:
        rockon = mark_installed(add_rockon("Notes"))
        operation = Operation(
            kind=Kind.INSTALL, installation_id=rockon.id, progress=progress, finished=utc_now(), **columns
        )
        session.add(operation)
        session.flush()
        return operation.id


# -- the ways -----------------------------------------------------------------------------------------------------


def test_a_web_hook_gets_what_happened_as_json(app: Flask) -> None:
    with webhook_receiver("/hook?key=v4lue") as seen:
        one = add("hook", url=seen.url)
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
        send_all()
    [(path, body)] = seen.got
    assert path == "/hook?key=v4lue"
    assert (body["title"], body["message"]) == (WORDS.title, "\n".join(WORDS.lines))
    assert (target(one).fine, target(one).said) == (True, "")
    assert target(one).said_at is not None
    assert db.session.query(NoticeMessage).count() == 0


def test_a_mailbox_gets_a_mail_of_plain_text(app: Flask) -> None:
    with mail_server("apps", "s3cret-word") as box:
        one = add("mail", **mailbox(box.port, user="apps", password="s3cret-word"))
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
        send_all()
    assert target(one).fine, target(one).said
    assert sorted(name for names in box.to for name in names) == ["ada@box.example", "bob@box.example"]
    mail = box.mails[0]
    assert mail["Subject"] == WORDS.title
    assert "apps@box.example" in mail["From"]
    assert mail.get_content_type() == "text/plain"
    assert "Check its name." in mail.get_content()


def test_an_apprise_address_works_as_it_is(app: Flask) -> None:
    with webhook_receiver() as seen:
        one = add("apprise", url=seen.url.replace("http://", "json://"))
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
        send_all()
    assert target(one).fine
    assert seen.got[0][1]["title"] == WORDS.title


def test_an_address_that_apprise_does_not_know_is_told(app: Flask) -> None:
    one = add("apprise", url="nonsense-of-mine://x")
    notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
    send_all()
    assert (target(one).fine, target(one).said) == (False, "Apprise does not support this address.")


def test_every_address_of_apprise_that_needs_no_host_is_known_as_one_of_this_machine() -> None:
    plugins = NotificationManager().plugins()
    hostless = {scheme for one in plugins if "{schema}://" in one.templates for scheme in schemes(one)}
    assert "syslog" in hostless
    assert hostless == LOCAL_SCHEMES


def schemes(plugin: type[NotifyBase]) -> set[str]:
    """What an address of this service may begin with."""
    return set(parse_list(plugin.protocol, plugin.secure_protocol))


def test_nothing_is_sent_to_this_machine_itself(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    monkeypatch.setattr(syslog, "syslog", lambda *words: written.append(words))
    one = add("apprise", url="Syslog://local0")
    notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
    send_all()
    assert target(one).fine is False
    assert target(one).said.startswith("Such an address points to this machine itself.")
    assert written == []


# -- what does not get through ------------------------------------------------------------------------------------


def test_a_refusal_is_told_with_its_reason_and_tried_again_a_few_times(app: Flask) -> None:
    with webhook_receiver("/t0ken-of-mine") as seen:
        seen.status = 503
        one = add("hook", url=seen.url)
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
        for attempt in range(1, notification_queue.MAX_TRIES + 1):
            send_all()
            send_all()  # it is not due again yet
            assert len(seen.got) == attempt
            with transaction() as session:
                for message in session.scalars(select(NoticeMessage)):
                    assert message.due > utc_now() + timedelta(seconds=50)
                    message.due = utc_now()
    found = target(one)
    assert (found.fine, db.session.query(NoticeMessage).count()) == (False, 0)
    assert "503" in found.said
    assert "t0ken" not in found.said


def test_a_wrong_password_is_told_without_it(app: Flask) -> None:
    with mail_server("apps", "right") as box:
        one = add("mail", **mailbox(box.port, user="apps", password="wr0ng-word"))
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
        send_all()
    assert target(one).fine is False
    assert "535" in target(one).said
    assert "wr0ng" not in target(one).said
    assert box.mails == []


def test_a_server_that_is_not_there_is_told(app: Flask) -> None:
    one, two = add("hook", url=f"http://127.0.0.1:{free_port()}/"), add("mail", **mailbox(free_port()))
    notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
    send_all()
    for found in (target(one), target(two)):
        assert found.fine is False
        assert "refused" in found.said, found.said


def test_a_server_that_is_silent_is_given_up(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification_sender, "TIMEOUT", 0.5)
    with webhook_receiver() as seen:
        seen.delay = 5
        one = add("hook", url=seen.url)
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
        begun = time.monotonic()
        send_all()
        assert time.monotonic() - begun < 4
    assert target(one).fine is False


@pytest.mark.parametrize("way", ["hook", "apprise", "mail"])
def test_a_server_that_trickles_is_given_up(app: Flask, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(notification_sender, "TIMEOUT", 0.5)
    monkeypatch.setattr(notification_sender, "TOTAL_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            with server.accept()[0] as connection, suppress(OSError):
                connection.sendall(b"220-" if way == "mail" else b"HTTP/1.1 200 OK\r\nX: ")
                for _ in range(200):
                    connection.sendall(b"y")
                    time.sleep(0.05)

        threading.Thread(target=trickle, daemon=True).start()
        port = server.getsockname()[1]
        url = f"http://127.0.0.1:{port}/" if way == "hook" else f"json://127.0.0.1:{port}/"
        one = add(way, **(mailbox(port) if way == "mail" else {"url": url}))
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
        begun = time.monotonic()
        send_all()
        assert time.monotonic() - begun < 4
    assert target(one).fine is False


@pytest.mark.parametrize("way", ["hook", "apprise"])
def test_nothing_follows_a_redirect(app: Flask, way: str) -> None:
    requested: list[str] = []
    with odd_server({"/inner": respond_with(b"secret")}, requested) as inner, webhook_receiver() as seen:
        seen.status, seen.location = 302, f"{inner}/inner"
        one = add(way, url=seen.url if way == "hook" else seen.url.replace("http://", "json://"))
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
        send_all()
    assert requested == []
    assert target(one).fine is False
    assert "302" in target(one).said


def test_an_answer_without_an_end_is_given_up_however_fast_it_comes(app: Flask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sent: list[int] = []

        def pour() -> None:
            with server.accept()[0] as connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                sent.extend(connection.send(bytes(100_000)) for _ in range(1000))

        threading.Thread(target=pour, daemon=True).start()
        one = add("apprise", url=f"json://127.0.0.1:{server.getsockname()[1]}/")
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
        send_all()
    assert target(one).fine is False
    assert sum(sent) < 20 * notification_sender.MAX_ANSWER_BYTES


def test_messages_do_not_pile_up_for_ever(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification_queue, "MAX_WAITING", 3)
    add("hook", url="http://127.0.0.1:9/")
    for _ in range(5):
        notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
    assert db.session.query(NoticeMessage).count() == 3


# -- what is told -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("progress", "events", "told"),
    [
        (Progress.FAILED, "failed", True),
        (Progress.INTERRUPTED, "failed", True),
        (Progress.DONE, "failed", False),
        (Progress.DONE, "ended", True),
        (Progress.CANCELLED, "ended", True),
        (Progress.FAILED, "images trouble", False),
    ],
)
def test_who_wants_it_is_told_of_an_operation(app: Flask, progress: Progress, events: str, told: bool) -> None:
    add("hook", events, url="http://127.0.0.1:9/")
    operation = ended(progress, error="No <image>." if progress is Progress.FAILED else "", hint="Check @its name.")
    notification_queue.notify_operation_ended(operation)
    found = db.session.scalars(select(NoticeMessage)).all()
    assert bool(found) is told
    if progress is Progress.FAILED and told:
        assert found[0].title == "Notes could not be installed"
        assert found[0].body == (f"No image.\nCheck (at)its name.\nhttps://apps.example.org/operations/{operation}")


@pytest.mark.parametrize(
    ("language", "title", "line"),
    [("en", "Notes was installed", "Done."), ("de", "Notes wurde installiert", "Fertig.")],
)
def test_each_target_is_told_in_its_language(app: Flask, language: str, title: str, line: str) -> None:
    others = {"en": "de", "de": "en"}
    for chosen in (language, others[language]):
        one = add("hook", "ended", url="http://127.0.0.1:9/")
        with transaction() as session:
            session.get_one(NoticeTarget, one).language = chosen
    notification_queue.notify_operation_ended(ended(Progress.DONE))
    first, second = db.session.scalars(select(NoticeMessage).order_by(NoticeMessage.target_id))
    assert first.title == title
    assert first.body.startswith(line)
    assert second.title != title


def test_a_job_tells_of_its_operation_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    add("hook", "ended", url="http://127.0.0.1:9/")
    operation = ended(Progress.RUNNING)

    def end(operation_id: int) -> None:
        with transaction() as session:
            session.get_one(Operation, operation_id).mark_finished(Progress.DONE)

    monkeypatch.setattr(runner, "run", end)
    monkeypatch.setattr(updates, "refresh_after_operation", lambda _: None)
    jobs.run(operation)
    jobs.run(operation)  # a requeue does nothing again
    assert db.session.query(NoticeMessage).count() == 1


def test_a_notice_that_fails_fails_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*_: object) -> None:
        raise RockonwebError("the database is away")

    add("hook", "ended", url="http://127.0.0.1:9/")
    monkeypatch.setattr(notification_queue, "notify_targets", fall)
    notification_queue.notify_operation_ended(ended(Progress.DONE))
    notification_queue.process_notices()


def test_without_a_target_nothing_is_put_on_record_or_on_the_queue(app: Flask) -> None:
    notification_queue.notify_operation_ended(ended(Progress.FAILED))
    notification_queue.process_notices()
    assert db.session.query(NoticeMessage).count() == 0
    assert queue.waiting_jobs() == set()


def test_images_that_are_newly_newer_are_told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    add("hook", "images", url="http://127.0.0.1:9/")
    old, fresh = mark_installed(add_rockon("Old"), newer_images=True), mark_installed(add_rockon("Fresh"))

    def look(_: int) -> None:
        with transaction():
            fresh.newer_images = old.newer_images = True

    monkeypatch.setattr(updates, "check_registries", look)
    jobs.look_for_updates(0)
    jobs.look_for_updates(0)
    [found] = db.session.scalars(select(NoticeMessage))
    assert found.title == "Update available for Fresh"
    assert found.body.endswith("https://apps.example.org/updates")


def test_the_watcher_tells_of_little_room_and_of_docker_s_absence(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    add("hook", "trouble", url="http://127.0.0.1:9/")
    heartbeat.publish_status(queue.redis_connection(), heartbeat.EngineStatus(True, free=10**9))
    notification_queue.process_notices()
    notification_queue.process_notices()
    heartbeat.publish_status(queue.redis_connection(), heartbeat.EngineStatus(False))
    notification_queue.process_notices()
    clock = time.time()
    monkeypatch.setattr(time, "time", lambda: clock + 301)
    heartbeat.publish_status(queue.redis_connection(), heartbeat.EngineStatus(False))
    notification_queue.process_notices()
    notification_queue.process_notices()
    titles = [message.title for message in db.session.scalars(select(NoticeMessage).order_by(NoticeMessage.id))]
    assert titles == ["Little free space for images", "Docker does not answer"]


def test_the_watcher_puts_what_is_due_on_the_queue(app: Flask) -> None:
    add("hook", url="http://127.0.0.1:9/")
    notification_queue.notify_targets(NoticeEvent.FAILED, WORDS)
    queue.redis_connection().flushall()
    notification_queue.process_notices()
    assert queue.waiting_jobs() == {"notice-1"}


def test_what_was_put_on_record_while_the_clock_was_wrong_is_due(app: Flask) -> None:
    target_id = add("hook", url="http://127.0.0.1:9/")
    with transaction() as session:
        for wait in (timedelta(days=70), timedelta(minutes=5), timedelta(seconds=-1)):
            session.add(NoticeMessage(target_id=target_id, title="x", body="", due=utc_now() + wait))
    notification_queue.process_notices()
    assert queue.waiting_jobs() == {"notice-1", "notice-3"}
    send_all()
    tries = [message.tries for message in db.session.scalars(select(NoticeMessage).order_by(NoticeMessage.id))]
    assert tries == [1, 0, 1]
