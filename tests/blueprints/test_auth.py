"""Logging in and out, and the first account."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from rockonweb.accounts import tokens, users
from rockonweb.config import Config
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.models import AuditEntry, Role, Token, User, db, transaction, utc_now
from tests.support.app import HX, PASSWORD, FormClient, create_test_user, make_app, new_visitor


@pytest.fixture
def new_app(tmp_path: Path) -> Iterator[Flask]:
    """An application without an account."""
    app = make_app(tmp_path)
    with app.app_context():
        yield app


def settings_of(app: Flask) -> Config:
    settings: Config = app.config["SETTINGS"]
    return settings


def first_account(app: Flask, **changes: str) -> dict[str, str]:
    code = users.ensure_setup_code(settings_of(app)) or ""
    return {"code": code, "name": "grace", "password": PASSWORD, "again": PASSWORD, **changes}


# -- the first account --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/rockons", "/operations", "/login", "/rockons/1"])
def test_without_an_account_every_page_leads_to_setup(new_app: Flask, path: str) -> None:
    answer = new_app.test_client().get(path)
    assert (answer.status_code, answer.location) == (303, "/setup")


def test_the_code_makes_the_owner_and_logs_in(new_app: Flask) -> None:
    client: Any = new_app.test_client()
    answer = client.submit_form("/setup", first_account(new_app), page="/setup")
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/rockons").status_code == 200
    assert db.session.query(User).one().role is Role.OWNER


def test_the_code_is_private_stays_the_same_and_goes_with_the_first_account(new_app: Flask) -> None:
    settings = settings_of(new_app)
    path = settings.instance / "setup-code"
    code = users.ensure_setup_code(settings)
    assert path.stat().st_mode & 0o777 == 0o600
    assert users.ensure_setup_code(settings) == code == path.read_text().strip()
    users.create_first_user(settings, "grace", PASSWORD)
    assert not path.exists()
    assert users.ensure_setup_code(settings) is None


def test_case_and_dashes_of_the_code_do_not_matter(new_app: Flask) -> None:
    code = str(users.ensure_setup_code(settings_of(new_app)))
    assert users.setup_code_matches(settings_of(new_app), code.lower().replace("-", " "))
    assert not users.setup_code_matches(settings_of(new_app), "")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"code": "AAAA-AAAA"}, "Wrong code."),
        ({"password": "short", "again": "short"}, "Use at least 10"),
        ({"again": "something different"}, "The passwords don&#39;t match."),
        ({"name": " "}, "Choose a name."),
        ({"name": "a\tb"}, "printable characters"),
    ],
)
def test_a_faulty_setup_says_why_beside_the_field_and_makes_nothing(
    new_app: Flask, changes: dict[str, str], sentence: str
) -> None:
    client: Any = new_app.test_client()
    answer = client.submit_form("/setup", first_account(new_app, **changes), page="/setup")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert PASSWORD not in answer.text
    assert db.session.query(User).count() == 0


def test_setup_is_over_once_there_is_an_account(client: FormClient) -> None:
    for answer in (client.get("/setup"), client.submit_form("/setup", {"code": "x"})):
        assert (answer.status_code, answer.location) == (303, "/login")
    with pytest.raises(Conflict):
        users.create_first_user(settings_of(client.application), "eve", PASSWORD)


def test_the_code_cannot_be_guessed_fast(new_app: Flask) -> None:
    client: Any = new_app.test_client()
    data = first_account(new_app, code="AAAA-AAAA")
    codes = [client.submit_form("/setup", data, page="/setup").status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]


def test_of_two_first_accounts_at_once_one_is_made(new_app: Flask) -> None:
    clients: list[Any] = [new_app.test_client() for _ in range(2)]
    data = first_account(new_app)
    sent = [
        {**data, "name": name, "csrf_token": client.csrf_token("/setup")}
        for name, client in zip("ab", clients, strict=True)
    ]
    gate = threading.Barrier(2)

    def run(client: Any, form: dict[str, str]) -> int:
        gate.wait()
        return int(client.post("/setup", data=form).status_code)

    with ThreadPoolExecutor(2) as pool:
        codes = [*pool.map(run, clients, sent)]
    db.session.rollback()
    assert db.session.query(User).count() == 1
    assert codes.count(303) >= 1
    assert {*codes} <= {303, 409}
    seen = [client.get("/account").status_code for client in clients]
    assert sorted(seen) == [200, 303], "one is let in, and the other has to log in"


def test_the_environment_makes_the_first_account_and_no_second_one(tmp_path: Path) -> None:
    app = make_app(tmp_path, ROCKONWEB_ADMIN_USER="root", ROCKONWEB_ADMIN_PASSWORD=PASSWORD)
    with app.app_context():
        for _ in range(2):
            users.ensure_admin(settings_of(app))
        assert [user.name for user in db.session.query(User)] == ["root"]


def test_the_environment_s_password_must_be_long_enough(tmp_path: Path) -> None:
    app = make_app(tmp_path, ROCKONWEB_ADMIN_USER="root", ROCKONWEB_ADMIN_PASSWORD="short")
    with app.app_context(), pytest.raises(BadInput, match="at least 10"):
        users.ensure_admin(settings_of(app))


def test_two_accounts_cannot_have_one_name(app: Flask) -> None:
    with pytest.raises(BadInput, match='An account "ada" already exists'):
        users.create_user(" ada ", PASSWORD)


# -- logging in ---------------------------------------------------------------------------------------------------


def test_name_and_password_let_in(client: FormClient) -> None:
    answer = client.submit_form("/login", {"name": "ada", "password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/rockons").status_code == 200


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("ada", ""), ("", PASSWORD)])
def test_anything_else_does_not(client: FormClient, name: str, password: str) -> None:
    answer = client.submit_form("/login", {"name": name, "password": password})
    assert answer.status_code == 422
    assert client.get("/rockons").status_code == 303


def test_an_unknown_name_is_checked_against_a_hash_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []

    class Hasher:
        def hash(self, password: str) -> str:
            return "a hash"

        def verify(self, stored: str, password: str) -> bool:
            checked.append(stored)
            raise users.VerificationError

    monkeypatch.setattr(users, "_hasher", Hasher())
    users._dummy_hash.cache_clear()
    assert users.authenticate("nobody", "x") is None
    assert checked == ["a hash"]
    users._dummy_hash.cache_clear()


def test_passwords_are_kept_as_argon2_hashes(app: Flask) -> None:
    assert db.session.query(User).one().password_hash.startswith("$argon2id$")


def test_the_sixth_failure_within_a_minute_has_to_wait(client: FormClient) -> None:
    wrong = {"name": "ada", "password": "wrong"}
    answers = [client.submit_form("/login", wrong) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert re.search(r"Try again in \d+ seconds?\.", answers[-1].text)
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert client.submit_form("/login", {"name": "ADA", "password": PASSWORD}).status_code == 429


def test_one_account_s_failures_do_not_lock_out_another(client: FormClient, app: Flask) -> None:
    create_test_user("grace")
    for _ in range(6):
        client.submit_form("/login", {"name": "ada", "password": "wrong"})
    assert client.submit_form("/login", {"name": "grace", "password": PASSWORD}).status_code == 303


def test_logging_in_often_is_no_failure(app: Flask) -> None:
    for _ in range(7):
        new_visitor(app).log_in_by_form("ada")


def test_login_leads_back_to_the_page_that_was_asked(client: FormClient) -> None:
    answer = client.get("/rockons?tab=all&q=a%20b")
    assert answer.location == "/login?next=/rockons?tab%3Dall%26q%3Da%2520b"
    answer = client.submit_form(answer.location, {"name": "ada", "password": PASSWORD}, page=answer.location)
    assert answer.location == "/rockons?tab=all&q=a%20b"


OTHER_SITES = ("https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)")


@pytest.mark.parametrize("target", [*OTHER_SITES, "/a\nb", "", "/\t/x"])
def test_login_never_leads_to_another_site(client: FormClient, target: str) -> None:
    data = {"name": "ada", "password": PASSWORD, "csrf_token": client.csrf_token("/login")}
    assert client.post("/login", query_string={"next": target}, data=data).location == "/"


def test_a_session_begins_anew_at_login_and_lasts(client: FormClient) -> None:
    with client.session_transaction() as session:
        session["left"] = "by an attacker"
    client.log_in_by_form("ada")
    with client.session_transaction() as session:
        assert "left" not in session
        assert session.permanent
    cookie = client.submit_form("/logout").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_the_cookie_bears_the_port_because_cookies_do_not_know_ports(app: Flask, client: FormClient) -> None:
    assert app.config["SESSION_COOKIE_NAME"] == "rockonweb_8000"
    assert "rockonweb_8000=" in client.get("/login").headers["Set-Cookie"]


def test_logout_ends_the_session_and_needs_a_post(owner_client: FormClient) -> None:
    assert owner_client.get("/logout").status_code == 405
    assert owner_client.submit_form("/logout", page="/rockons").location == "/login"
    assert owner_client.get("/rockons").status_code == 303


def test_who_is_logged_in_does_not_see_the_login(owner_client: FormClient) -> None:
    assert owner_client.get("/login?next=/shares").location == "/shares"


def test_htmx_is_sent_to_the_login_as_a_page(client: FormClient) -> None:
    answer = client.get("/rockons", headers={**HX, "HX-Current-URL": "http://localhost/operations/3"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/operations/3"
    assert not re.search("<", answer.text)


def test_an_account_that_is_gone_is_logged_out(owner_client: FormClient) -> None:
    create_test_user("grace")
    with transaction() as session:
        session.delete(session.query(User).filter_by(name="ada").one())
    assert owner_client.get("/rockons").location == "/login?next=/rockons"


def test_a_token_reads_pages_without_a_session_and_a_wrong_one_does_not(app: Flask, client: FormClient) -> None:
    token = tokens.create_token(users.get_user("ada"))
    good = client.get("/shares", headers={"Authorization": f"Bearer {token}"})
    bad = client.get("/shares", headers={"Authorization": f"Bearer {token}x"})
    assert (good.status_code, bad.status_code) == (200, 303)


def test_only_a_tokens_hash_is_kept(app: Flask) -> None:
    token = tokens.create_token(users.get_user("ada"))
    assert token not in db.session.scalars(select(Token.hash)).one()
    with pytest.raises(BadInput, match='no account "nobody"'):
        tokens.create_token(users.get_user("nobody"))


# -- a clock that is wrong ----------------------------------------------------------------------------------------


def test_a_browser_need_not_have_the_clock_of_this_machine(client: FormClient) -> None:
    """With `Expires`, each login would be discarded at once where this machine's clock is weeks behind."""
    answer = client.submit_form("/login", {"name": "ada", "password": PASSWORD}, page="/login")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert "Max-Age=1209600" in cookie
    assert "Expires" not in cookie
    ended = client.submit_form("/logout", page="/account")
    assert "Max-Age=0" in ended.headers["Set-Cookie"]


def test_a_clock_that_is_behind_is_told_at_the_login(client: FormClient) -> None:
    sentence = "The clock of this machine seems to be wrong."
    assert sentence not in client.get("/login").text
    with transaction() as session:
        session.add(AuditEntry(who="ada", action="login.done", moment=utc_now() + timedelta(days=70)))
    assert sentence in client.get("/login").text
    answer = client.submit_form("/login", {"name": "ada", "password": PASSWORD}, page="/login")
    assert answer.status_code == 303
    assert client.get("/account").status_code == 200
