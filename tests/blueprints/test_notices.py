"""The page that says where notices go."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask

from rockonweb import jobs
from rockonweb.models import AuditEntry, NoticeMessage, NoticeTarget, db, transaction
from tests.support.app import HX, FormClient
from tests.support.database import engine_of
from tests.support.receivers import webhook_receiver

MAIL = {
    "server": "smtp.box.example",
    "port": "465",
    "security": "tls",
    "user": "apps",
    "password": "s3cret-word",
    "sender": "apps@box.example",
    "to": "ada@box.example",
}


def add(visitor: FormClient, way: str = "hook", **data: str) -> int:
    answer = visitor.submit_form(f"/notices/new/{way}", {"failed": "y", **data}, page=f"/notices/new/{way}")
    assert (answer.status_code, answer.location) == (303, "/notices"), answer.text
    return db.session.query(NoticeTarget).order_by(NoticeTarget.id.desc()).first().id  # type: ignore[union-attr]


def test_without_targets_the_page_says_what_it_is_for(owner_client: FormClient) -> None:
    text = owner_client.get("/notices").text
    assert "No notifications are set up yet." in text
    assert "They are not part of a backup" in text
    assert 'hx-get="/notices"' not in text


@pytest.mark.parametrize(
    ("way", "data", "shown"),
    [
        ("hook", {"url": "https://ada:s3cret-word@box.example/t0ken"}, "https://box.example/********"),
        ("mail", MAIL, "ada@box.example (smtp.box.example:465)"),
        ("apprise", {"url": "tgram://s3cret-word/t0ken"}, "tgram://********"),
    ],
)
def test_a_target_is_added_shown_masked_and_kept_encrypted(
    app: Flask, owner_client: FormClient, way: str, data: dict[str, str], shown: str
) -> None:
    target = add(owner_client, way, images="y", **data)
    for page in ("/notices", f"/notices/{target}", "/audit"):
        text = owner_client.get(page).text
        assert shown in text, page
        assert not re.search("s3cret|t0ken", text), page
    row = db.session.get_one(NoticeTarget, target)
    assert row.events == "failed images"
    assert "s3cret-word" in json.dumps(row.address_parts)
    with engine_of(app).connect() as connection:
        kept = connection.exec_driver_sql("SELECT address FROM notice_target").scalar()
    assert "s3cret" not in str(kept)


@pytest.mark.parametrize(
    ("way", "data", "words"),
    [
        ("hook", {"url": ""}, "Enter the address of the webhook."),
        ("hook", {"url": "box.example"}, "must start with https://"),
        ("hook", {"url": "file:///etc/passwd"}, "must start with https://"),
        ("hook", {"url": "http://[::1"}, "must start with https://"),
        ("hook", {"url": "http://box.example:99999/"}, "must start with https://"),
        ("apprise", {"url": "nothing"}, "Enter a URL such as"),
        ("apprise", {"url": "syslog://local0"}, "points to this machine itself"),
        ("apprise", {"url": "KDE://x"}, "points to this machine itself"),
        ("mail", {**MAIL, "port": "70000"}, "Enter a number from 1 to 65535."),
        ("mail", {**MAIL, "sender": "apps"}, "Enter an address such as apps@box.example."),
        ("mail", {**MAIL, "to": "ada@box.example, bob"}, "separated by commas."),
        ("mail", {**MAIL, "to": "ada@box.example\r\nBcc: eve@x.example"}, "separated by commas."),
        ("mail", {**MAIL, "server": "https://smtp.box.example"}, "Enter the name of a server"),
        ("mail", {**MAIL, "security": "magic"}, "Not a valid choice"),
    ],
)
def test_what_can_t_be_is_said_beside_its_field(
    owner_client: FormClient, way: str, data: dict[str, str], words: str
) -> None:
    answer = owner_client.submit_form(f"/notices/new/{way}", data, page=f"/notices/new/{way}")
    assert answer.status_code == 422
    assert words in answer.text
    assert "s3cret-word" not in answer.text
    assert db.session.query(NoticeTarget).count() == 0


def test_its_language_is_that_of_the_page_unless_another_is_chosen(owner_client: FormClient) -> None:
    owner_client.set_cookie("rockonweb_8000_language", "de")
    assert '<option lang="de" selected value="de">Deutsch</option>' in owner_client.get("/notices/new/hook").text
    target = add(owner_client, url="https://box.example/a", language="en")
    row = db.session.get_one(NoticeTarget, target)
    assert row.language == "en"
    assert '<option lang="en" selected value="en">English</option>' in owner_client.get(f"/notices/{target}").text
    owner_client.submit_form(f"/notices/{target}", {"language": "de"}, page=f"/notices/{target}")
    db.session.refresh(row)
    assert row.language == "de"
    wrong = owner_client.submit_form(f"/notices/{target}", {"language": "tlh"}, page=f"/notices/{target}")
    assert wrong.status_code == 422


def test_what_it_is_told_of_can_be_changed(owner_client: FormClient) -> None:
    target = add(owner_client, url="https://box.example/x")
    page = owner_client.get(f"/notices/{target}").text
    assert re.search(r"<input(?=[^>]*name=\"failed\")(?=[^>]*checked)", page)
    assert not re.search(r"<input(?=[^>]*name=\"ended\")(?=[^>]*checked)", page)
    assert owner_client.submit_form(f"/notices/{target}", {"trouble": "y"}, page="/notices").status_code == 303
    assert db.session.get_one(NoticeTarget, target).events == "trouble"
    assert owner_client.submit_form(f"/notices/{target}", {}, page="/notices").status_code == 303
    assert "no notifications are sent" in owner_client.get("/notices").text


def test_a_test_is_sent_by_a_job_and_its_outcome_told(owner_client: FormClient) -> None:
    with webhook_receiver() as seen:
        target = add(owner_client, url=seen.url)
        assert owner_client.submit_form(f"/notices/{target}/test", page="/notices").status_code == 303
        text = owner_client.get("/notices").text
        assert "A message is being sent." in text
        assert 'hx-trigger="every 2s"' in text
        assert '<noscript><meta http-equiv="refresh"' in text
        assert seen.got == []
        jobs.send_notice(db.session.query(NoticeMessage).one().id)
        assert seen.got[0][1]["title"] == "Test notification from Rockonweb"
        text = owner_client.get("/notices", headers=HX).text
        assert "Last message sent:" in text
        assert "every 2s" not in text

        seen.status = 500
        owner_client.submit_form(f"/notices/{target}/test", page="/notices")
        jobs.send_notice(db.session.query(NoticeMessage).one().id)
    text = owner_client.get("/notices").text
    assert "The last message could not be sent:" in text
    assert "500" in text
    assert db.session.query(NoticeMessage).count() == 0  # a test is tried once


def test_a_target_is_removed_with_what_waits_for_it(owner_client: FormClient) -> None:
    target = add(owner_client, url="https://box.example/x")
    owner_client.submit_form(f"/notices/{target}/test", page="/notices")
    assert owner_client.submit_form(f"/notices/{target}/remove", page="/notices").status_code == 303
    assert (db.session.query(NoticeTarget).count(), db.session.query(NoticeMessage).count()) == (0, 0)
    actions = [line.action for line in db.session.query(AuditEntry)]
    assert "notices.add" in actions
    assert "notices.remove" in actions


def test_a_reason_is_text(owner_client: FormClient) -> None:
    target = add(owner_client, url="https://box.example/x")
    with transaction() as session:
        row = session.get_one(NoticeTarget, target)
        row.fine, row.said = False, "<script>x()</script>"
    assert "<script>x()" not in owner_client.get("/notices").text


def test_only_an_owner_may(no_owner: FormClient) -> None:
    for page in ("/notices", "/notices/new/hook", "/notices/1"):
        assert no_owner.get(page).status_code == 403
    for page in ("/notices/new/hook", "/notices/1", "/notices/1/test", "/notices/1/remove"):
        assert no_owner.submit_form(page, page="/rockons").status_code == 403
    assert 'href="/notices"' not in no_owner.get("/rockons").text


def test_what_is_not_there_is_not_found(owner_client: FormClient) -> None:
    assert owner_client.get("/notices/new/pigeon").status_code == 404
    assert owner_client.get("/notices/7").status_code == 404
    for verb in ("/test", "/remove", ""):
        assert owner_client.submit_form(f"/notices/7{verb}", page="/rockons").status_code == 404
