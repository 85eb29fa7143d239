"""Who did what: lines that name the person, the thing and the place, and not more of them than are kept."""

import click
import pytest
from flask import Flask
from flask_login import login_user

from rockonweb.accounts import audit
from rockonweb.core.operations.requests import blank_request
from rockonweb.models import AuditEntry, Kind, User, db, transaction
from rockonweb.work import operations
from tests.support.app import add_rockon, mark_installed


def lines() -> list[tuple[str, str, str, str]]:
    return [
        (one.who, one.action, one.about, one.address) for one in db.session.query(AuditEntry).order_by(AuditEntry.id)
    ]


def test_a_line_names_who_is_logged_in_and_from_where(app: Flask) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        login_user(db.session.query(User).one())
        assert not audit.was_recorded()
        audit.record("share.made", "pictures")
        assert audit.was_recorded()
    assert lines()[-1] == ("ada", "share.made", "pictures", "192.0.2.7")


def test_a_name_that_is_given_wins_and_control_characters_do_not_get_in(app: Flask) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        audit.record("login.failed", "x\ny\u202e", user="eve")
    assert lines()[-1] == ("eve", "login.failed", "x y ", "192.0.2.7")


@pytest.mark.parametrize(
    ("command", "who", "where"),
    [
        ("user", "(command line)", "command line"),
        ("worker", "Rockonweb", "background"),
        ("", "Rockonweb", "background"),
    ],
)
def test_what_no_request_did_was_typed_or_happened_by_itself(app: Flask, command: str, who: str, where: str) -> None:
    if command:
        with click.Context(click.Command(command), info_name=command):
            audit.record("user.added", "bob")
    else:
        audit.record("user.added", "bob")
    (found,) = [line for line in lines() if line[2] == "bob"]
    assert found[0].endswith(who)
    assert found[3] == where


def test_what_was_rolled_back_leaves_no_line(app: Flask) -> None:
    def fail() -> None:
        with transaction():
            audit.record("share.made", "pictures", user="ada")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert "share.made" not in [line[1] for line in lines()]


def test_an_operation_leaves_a_line_in_its_own_transaction(app: Flask) -> None:
    rockon = mark_installed(add_rockon("Files"))
    operations.submit_operation(rockon, blank_request(Kind.STOP), "bob (command line)")
    assert lines()[-1][:3] == ("bob (command line)", "operation.stop", "Files")


def test_a_refresh_of_the_catalogue_leaves_one_with_who_asked_and_one_that_is_joined_none(app: Flask) -> None:
    first = operations.submit_refresh("ada")
    assert lines()[-1][:3] == ("ada", "operation.refresh", "")
    before = lines()
    assert operations.submit_refresh("bob") == first
    assert lines() == before


def test_only_the_newest_are_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_ENTRIES", 150)
    for number in range(300):
        audit.record("share.made", str(number), user="ada")
    kept = [line[2] for line in lines()]
    assert 150 <= len(kept) < 150 + audit.TRIM_INTERVAL
    assert kept[-1] == "299"


def test_guessing_for_days_pushes_out_nothing_that_was_done(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_ENTRIES", 150)
    monkeypatch.setattr(audit, "MAX_FAILURES", 50)
    audit.record("share.made", "pictures", user="ada")
    for _ in range(300):
        audit.record("login.failed", user="eve")
    kept = [line[1] for line in lines()]
    assert "share.made" in kept
    assert 50 <= kept.count("login.failed") < 50 + audit.TRIM_INTERVAL
