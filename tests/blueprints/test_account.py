"""One's own account: password, second step, sessions, tokens; and how the login minds them."""

import base64
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from rockonweb.accounts import sessions, tokens, two_factor, users
from rockonweb.core.errors import BadInput
from rockonweb.models import AuditEntry, LoginSession, RecoveryCode, Role, Token, User, db, transaction, utc_now
from rockonweb.web import last_used, login_throttle
from tests.support.app import PASSWORD, FormClient, create_test_user, new_visitor
from tests.support.pages import find_pattern

NEW = "another long password"


def ada() -> User:
    return db.session.query(User).filter_by(name="ada").one()


def visitor(app: Flask) -> FormClient:
    return new_visitor(app)


def logged_in(app: Flask, name: str = "ada") -> FormClient:
    return new_visitor(app).log_in(name)


def key_of(client: FormClient) -> str:
    return find_pattern(r"<code[^>]*>([A-Z2-7]{32})</code>", client.get("/account/second-step").text)


def turn_on(client: FormClient) -> tuple[pyotp.TOTP, list[str]]:
    """Set the second step up by the pages; returns what the device has, and the recovery codes."""
    answer = client.submit_form("/account/second-step", {"step-present": PASSWORD}, page="/account")
    assert (answer.status_code, answer.location) == (303, "/account/second-step")
    totp = pyotp.TOTP(key_of(client))
    answer = client.submit_form("/account/second-step/on", {"code": totp.now()}, page="/account/second-step")
    assert answer.status_code == 200
    return totp, re.findall(r"(?:[A-Z2-9]{4}-){3}[A-Z2-9]{4}", answer.text)


def forget_used_code() -> None:
    """As if half a minute and more had gone by since the last code."""
    with transaction():
        ada().totp_counter -= 10


def code_step(client: FormClient, code: str, password: str = PASSWORD) -> TestResponse:
    answer = client.submit_form("/login", {"name": "ada", "password": password})
    assert answer.location == "/login/code?next=/"
    return client.submit_form(answer.location, {"code": code}, page=answer.location)


def lines(action: str) -> list[tuple[str, str]]:
    return [(one.who, one.about) for one in db.session.query(AuditEntry).filter_by(action=action)]


# -- password -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("way", ["oneself", "an owner", "a terminal"])
def test_a_new_password_revokes_the_tokens_unless_they_are_kept(
    app: Flask, owner_client: FormClient, way: str, kept: bool
) -> None:
    person = ada() if way == "oneself" else create_test_user("otto")
    token = tokens.create_token(person)
    keep = {"new-keep_tokens": "y", "keep_tokens": "y"} if kept else {}
    if way == "oneself":
        new = {"new-present": PASSWORD, "new-password": NEW, "new-again": NEW}
        answer = owner_client.submit_form("/account/password", {**new, **keep}, page="/account")
    elif way == "an owner":
        answer = owner_client.submit_form(f"/people/{person.id}/password", {"password": NEW, **keep}, page="/people")
    else:
        options = ["--keep-tokens"] if kept else []
        done = app.test_cli_runner().invoke(args=["user", "password", "otto", *options], input=f"{NEW}\n")
        assert ("still valid" if kept else "were revoked") in done.output
    if way != "a terminal":
        said = "All API tokens of the account were revoked." in owner_client.get(answer.location).text
        assert said is not kept
    headers = {"Authorization": f"Bearer {token}"}
    assert new_visitor(app).get("/api/rockons", headers=headers).status_code == (200 if kept else 401)


def test_a_new_password_needs_the_present_one_and_ends_the_other_sessions(app: Flask, owner_client: FormClient) -> None:
    other = logged_in(app)
    new = {"new-present": PASSWORD, "new-password": NEW, "new-again": NEW}
    answer = owner_client.submit_form("/account/password", {**new, "new-present": "wrong"}, page="/account")
    assert (answer.status_code, "Wrong password." in answer.text) == (422, True)
    assert other.get("/rockons").status_code == 200
    assert owner_client.submit_form("/account/password", new, page="/account").location == "/account"
    assert owner_client.get("/rockons").status_code == 200
    assert other.get("/rockons").status_code == 303
    assert new_visitor(app).submit_form("/login", {"name": "ada", "password": PASSWORD}).status_code == 422
    assert new_visitor(app).submit_form("/login", {"name": "ada", "password": NEW}).status_code == 303
    assert lines("user.password") == [("ada", "ada")]
    assert lines("password.wrong") == [("ada", "")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"new-again": "x"}, "The passwords don&#39;t match."), ({"new-password": "short"}, "Use at least 10")],
)
def test_a_faulty_new_password_is_told_beside_its_field(
    owner_client: FormClient, changes: dict[str, str], sentence: str
) -> None:
    new = {"new-present": PASSWORD, "new-password": NEW, "new-again": NEW, **changes}
    answer = owner_client.submit_form("/account/password", new, page="/account")
    assert (answer.status_code, sentence in answer.text, PASSWORD in answer.text) == (422, True, False)


def test_the_present_password_can_not_be_guessed_from_an_open_browser(owner_client: FormClient) -> None:
    wrong = {"step-present": "wrong"}
    answers = [owner_client.submit_form("/account/second-step", wrong, page="/account") for _ in range(6)]
    assert [one.status_code for one in answers] == [422] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


# -- the second step ----------------------------------------------------------------------------------------------


def test_the_login_asks_for_a_code_which_counts_once(app: Flask, owner_client: FormClient) -> None:
    totp, _codes = turn_on(owner_client)
    assert code_step(new_visitor(app), totp.now()).status_code == 422  # it turned the step on already
    forget_used_code()
    code = totp.now()
    client = new_visitor(app)
    answer = code_step(client, code)
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/rockons").status_code == 200
    again = code_step(new_visitor(app), code)
    assert (again.status_code, "was already used" in again.text) == (422, True)
    assert lines("login.code") == [("ada", "")] * 2


def test_the_right_password_alone_lets_in_nobody(app: Flask, owner_client: FormClient) -> None:
    turn_on(owner_client)
    client = new_visitor(app)
    client.submit_form("/login", {"name": "ada", "password": PASSWORD})
    assert client.get("/rockons").location.startswith("/login")
    assert client.submit_form("/login/code", {"code": "000000"}, page="/login/code").status_code == 422
    assert client.get("/rockons").location.startswith("/login")
    assert new_visitor(app).get("/login/code").location.startswith("/login?")


def test_between_the_steps_a_new_password_or_ten_minutes_begin_it_again(
    app: Flask, owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_on(owner_client)
    client = new_visitor(app)
    client.submit_form("/login", {"name": "ada", "password": PASSWORD})
    assert client.get("/login/code").status_code == 200
    with monkeypatch.context() as later:
        present = time.time()
        later.setattr("rockonweb.blueprints.auth.time.time", lambda: present + 601)
        assert client.get("/login/code").status_code == 303
    users.set_password(ada(), NEW)
    assert client.get("/login/code").status_code == 303


def test_a_code_half_a_minute_old_still_counts_and_an_older_one_does_not(app: Flask, owner_client: FormClient) -> None:
    totp, _codes = turn_on(owner_client)
    forget_used_code()
    old = totp.at(datetime.now(UTC) - timedelta(seconds=120))
    assert not two_factor.verify_code(ada(), old)
    assert two_factor.verify_code(ada(), totp.at(datetime.now(UTC) - timedelta(seconds=30)))
    assert two_factor.verify_code(ada(), totp.now())
    assert not two_factor.verify_code(ada(), totp.at(datetime.now(UTC) - timedelta(seconds=30)))


def test_recovery_codes_let_in_once_each_and_are_kept_as_hashes(app: Flask, owner_client: FormClient) -> None:
    _totp, codes = turn_on(owner_client)
    assert len(set(codes)) == two_factor.RECOVERY_CODES == db.session.query(RecoveryCode).count()
    stored = " ".join(one.hash for one in db.session.query(RecoveryCode))
    assert codes[0] not in stored
    assert code_step(new_visitor(app), codes[0].lower().replace("-", " ")).status_code == 303
    assert code_step(new_visitor(app), codes[0]).status_code == 422
    assert code_step(new_visitor(app), codes[1]).status_code == 303
    assert db.session.query(RecoveryCode).count() == 8
    assert lines("totp.recovery") == [("ada", "ada")] * 2
    assert codes[2] not in owner_client.get("/account").text


def test_new_recovery_codes_end_the_old_ones(owner_client: FormClient) -> None:
    _totp, codes = turn_on(owner_client)
    refused = owner_client.submit_form("/account/second-step/codes", {"step-present": "wrong"}, page="/account")
    assert refused.status_code == 422
    answer = owner_client.submit_form("/account/second-step/codes", {"step-present": PASSWORD}, page="/account")
    fresh = re.findall(r"(?:[A-Z2-9]{4}-){3}[A-Z2-9]{4}", answer.text)
    assert len(fresh) == 10
    assert not two_factor.verify_code(ada(), codes[0])
    assert two_factor.verify_code(ada(), fresh[0])


def test_the_key_is_encrypted_at_rest_and_gone_when_the_step_is_off(app: Flask, owner_client: FormClient) -> None:
    totp, codes = turn_on(owner_client)
    raw = db.session.execute(text("SELECT totp_secret, totp_pending FROM user")).one()
    assert raw.totp_secret
    assert totp.secret not in raw.totp_secret
    assert raw.totp_pending is None
    assert owner_client.get("/account/second-step").location == "/account"
    assert (
        owner_client.submit_form("/account/second-step/off", {"step-present": "wrong"}, page="/account").status_code
        == 422
    )
    answer = owner_client.submit_form("/account/second-step/off", {"step-present": PASSWORD}, page="/account")
    assert answer.location == "/account"
    assert db.session.execute(text("SELECT totp_secret, totp_since FROM user")).one() == (None, None)
    assert not two_factor.verify_code(ada(), codes[0])
    assert new_visitor(app).submit_form("/login", {"name": "ada", "password": PASSWORD}).location == "/"
    assert [lines("totp.on"), lines("totp.off")] == [[("ada", "ada")]] * 2


def test_a_wrong_first_code_turns_nothing_on_and_shows_the_same_key(owner_client: FormClient) -> None:
    owner_client.submit_form("/account/second-step", {"step-present": PASSWORD}, page="/account")
    key = key_of(owner_client)
    answer = owner_client.submit_form("/account/second-step/on", {"code": "12"}, page="/account/second-step")
    assert (answer.status_code, "clocks" in answer.text, key in answer.text) == (422, True, True)
    assert "<svg" in answer.text
    assert ada().totp_since is None


def test_turning_it_on_ends_the_other_sessions(app: Flask, owner_client: FormClient) -> None:
    other = logged_in(app)
    turn_on(owner_client)
    assert (owner_client.get("/rockons").status_code, other.get("/rockons").status_code) == (200, 303)


def test_the_key_needs_the_password_and_is_on_no_other_page(owner_client: FormClient) -> None:
    answer = owner_client.submit_form("/account/second-step", {"step-present": "wrong"}, page="/account")
    assert answer.status_code == 422
    assert owner_client.get("/account/second-step").location == "/account"
    totp, _codes = turn_on(owner_client)
    assert totp.secret not in owner_client.get("/account").text


def test_codes_can_not_be_guessed_fast(app: Flask, owner_client: FormClient) -> None:
    turn_on(owner_client)
    client = new_visitor(app)
    client.submit_form("/login", {"name": "ada", "password": PASSWORD})
    statuses = [
        client.submit_form("/login/code", {"code": f"{n:06}"}, page="/login/code").status_code for n in range(6)
    ]
    assert statuses == [422] * 5 + [429]


def test_basic_is_refused_with_a_sentence_and_a_token_lets_in(app: Flask, client: FormClient) -> None:
    turn_on(logged_in(app))
    basic = {"Authorization": "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()}
    answer = client.get("/api/rockons", headers=basic)
    assert answer.status_code == 401
    assert "Create a token" in (answer.json or {})["detail"]
    token = {"Authorization": f"Bearer {tokens.create_token(ada())}"}
    assert client.get("/api/rockons", headers=token).status_code == 200


def test_basic_that_passed_a_moment_ago_is_refused_once_the_step_is_on(app: Flask, client: FormClient) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()}
    assert client.get("/api/rockons", headers=basic).status_code == 200
    turn_on(logged_in(app))
    assert client.get("/api/rockons", headers=basic).status_code == 401


# -- sessions -----------------------------------------------------------------------------------------------------


def test_sessions_are_listed_with_browser_and_address_and_ended_one_by_one(
    app: Flask, owner_client: FormClient
) -> None:
    other = new_visitor(app)
    token = other.csrf_token("/login")
    other.post(
        "/login",
        data={"csrf_token": token, "name": "ada", "password": PASSWORD},
        headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
    )
    page = owner_client.get("/account").text
    assert "Firefox on Linux" in page
    assert page.count("From 127.0.0.1") == 2
    assert page.count("this session") == 1
    newest = sessions.list_sessions(ada())[0]
    assert owner_client.submit_form(f"/account/sessions/{newest.id}/end", page="/account").location == "/account"
    assert (owner_client.get("/rockons").status_code, other.get("/rockons").status_code) == (200, 303)


def test_all_other_sessions_end_at_once(app: Flask, owner_client: FormClient) -> None:
    others = [logged_in(app) for _ in range(2)]
    owner_client.submit_form("/account/sessions/end-others", page="/account")
    assert [one.get("/rockons").status_code for one in (owner_client, *others)] == [200, 303, 303]


def test_nobody_ends_somebody_else_s_session_or_token(app: Flask, owner_client: FormClient) -> None:
    create_test_user("eve", Role.VIEWER)
    eve = logged_in(app, "eve")
    tokens.create_token(ada())
    (mine,), (token,) = sessions.list_sessions(ada()), tokens.list_tokens(ada())
    assert eve.submit_form(f"/account/sessions/{mine.id}/end", page="/account").status_code == 404
    assert eve.submit_form(f"/account/tokens/{token.id}/revoke", page="/account").status_code == 404
    assert owner_client.get("/rockons").status_code == 200
    assert tokens.list_tokens(ada())


def test_a_copied_cookie_is_worth_nothing_after_logging_out(app: Flask, owner_client: FormClient) -> None:
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = owner_client.get_cookie(name)
    assert cookie
    owner_client.submit_form("/logout", page="/rockons")
    thief = new_visitor(app)
    thief.set_cookie(name, cookie.value)
    assert thief.get("/rockons").status_code == 303
    assert db.session.query(LoginSession).count() == 0


def test_a_session_ends_60_days_after_the_login(app: Flask, owner_client: FormClient) -> None:
    with transaction() as session:
        session.query(LoginSession).one().created = utc_now() - timedelta(days=59)
    assert owner_client.get("/rockons").status_code == 200
    with transaction() as session:
        session.query(LoginSession).one().created = utc_now() - timedelta(days=60, seconds=1)
    assert owner_client.get("/rockons").status_code == 303
    logged_in(app)
    assert db.session.query(LoginSession).count() == 1  # the old row went at the next login


def test_a_session_ends_when_it_was_not_used_for_14_days(
    app: Flask, owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = int(time.time())
    signer = "itsdangerous.timed.TimestampSigner.get_timestamp"
    for days, status in ((13, 200), (26, 200), (41, 303)):
        monkeypatch.setattr(signer, lambda _self, days=days: present + days * 86400)
        # A test's own browser minds the cookie's end by the real clock; the server must not rely on it.
        cookie = owner_client.get_cookie(app.config["SESSION_COOKIE_NAME"])
        assert cookie
        thief = new_visitor(app)
        thief.set_cookie(app.config["SESSION_COOKIE_NAME"], cookie.value)
        answer = thief.get("/rockons")
        assert (days, answer.status_code) == (days, status)
        if renewed := thief.get_cookie(app.config["SESSION_COOKIE_NAME"]):
            owner_client.set_cookie(app.config["SESSION_COOKIE_NAME"], renewed.value)


def test_the_session_costs_one_statement_and_looking_writes_no_row(
    owner_client: FormClient, statements: list[str]
) -> None:
    owner_client.get("/operations/running")
    assert sum("login_session" in one or 'FROM "user"' in one or "FROM user" in one for one in statements) == 1
    assert not [one for one in statements if one.split()[0] in ("INSERT", "UPDATE", "DELETE")]


def test_when_a_session_and_a_token_were_used_is_remembered_outside_the_database(
    app: Flask, owner_client: FormClient
) -> None:
    token = tokens.create_token(ada(), label="cron")
    last_used._recorded.clear()
    assert "not used yet" in owner_client.get("/account").text
    new_visitor(app).get("/api/rockons", headers={"Authorization": f"Bearer {token}"})
    (row,), (used,) = sessions.list_sessions(ada()), tokens.list_tokens(ada())
    assert abs(last_used.last_used_times([row])[row.id] - utc_now()) < timedelta(minutes=1)
    assert abs(last_used.last_used_times([used])[used.id] - utc_now()) < timedelta(minutes=1)
    assert "not used yet" not in owner_client.get("/account").text


# -- tokens -------------------------------------------------------------------------------------------------------


def make_token(client: FormClient, **changes: str) -> TestResponse:
    given = {"token-label": "cron", "token-role": "viewer", "token-days": "30", "token-present": PASSWORD, **changes}
    return client.submit_form("/account/tokens", given, page="/account")


def test_a_token_is_shown_once_kept_as_a_hash_and_revoked(app: Flask, owner_client: FormClient) -> None:
    assert make_token(owner_client, **{"token-present": "wrong"}).status_code == 422
    answer = make_token(owner_client)
    token = find_pattern(r'id="token"[^>]*>([\w-]{43})<', answer.text)
    headers = {"Authorization": f"Bearer {token}"}
    assert token not in str(db.session.query(Token).one().hash)
    assert token not in owner_client.get("/account").text
    assert new_visitor(app).get("/api/rockons", headers=headers).status_code == 200
    row = db.session.query(Token).one()
    assert (row.label, row.role) == ("cron", Role.VIEWER)
    assert row.expires
    assert timedelta(days=29) < row.expires - utc_now() < timedelta(days=31)
    owner_client.submit_form(f"/account/tokens/{row.id}/revoke", page="/account")
    assert new_visitor(app).get("/api/rockons", headers=headers).status_code == 401
    assert [lines("token.made"), lines("token.revoked")] == [[("ada", "cron")]] * 2


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 403), (Role.OWNER, 200)])
def test_a_token_may_do_what_its_role_and_the_account_s_both_allow(app: Flask, role: Role, status: int) -> None:
    headers = {"Authorization": f"Bearer {tokens.create_token(ada(), role)}"}
    client = new_visitor(app)
    assert client.get("/people", headers=headers).status_code == status  # a page for owners
    answer = client.post("/api/rockons/1/uninstall", headers=headers)
    assert answer.status_code == (404 if status == 200 else 403)
    create_test_user("grace")
    users.set_role(ada(), Role.VIEWER)
    assert client.get("/people", headers=headers).status_code == 403
    assert client.post("/api/rockons/1/uninstall", headers=headers).status_code == 403


def test_a_token_never_allows_more_than_the_account(app: Flask) -> None:
    create_test_user("eve", Role.VIEWER)
    with pytest.raises(BadInput, match='"eve" does not have the permissions of the role owner'):
        tokens.create_token(users.get_user("eve"), Role.OWNER)
    assert make_token(logged_in(app, "eve"), **{"token-role": "owner"}).status_code == 422
    for days in (0, -1, 4000):
        with pytest.raises(BadInput, match="for 1 to 3650 days"):
            tokens.create_token(users.get_user("eve"), days=days)


def test_a_token_ends_by_itself(app: Flask) -> None:
    headers = {"Authorization": f"Bearer {tokens.create_token(ada(), days=1)}"}
    assert new_visitor(app).get("/api/rockons", headers=headers).status_code == 200
    with transaction() as session:
        session.query(Token).one().expires = utc_now() - timedelta(seconds=1)
    assert new_visitor(app).get("/api/rockons", headers=headers).status_code == 401
    assert new_visitor(app).get("/rockons", headers=headers).status_code == 303
    assert "expired" in logged_in(app).get("/account").text


# -- guessing -----------------------------------------------------------------------------------------------------


def fail(client: FormClient, address: str, name: str = "ada") -> int:
    token = client.csrf_token("/login")
    data = {"csrf_token": token, "name": name, "password": "wrong"}
    return client.post("/login", data=data, environ_base={"REMOTE_ADDR": address}).status_code


def enter(client: FormClient, address: str) -> int:
    data = {"csrf_token": client.csrf_token("/login"), "name": "ada", "password": PASSWORD}
    return client.post("/login", data=data, environ_base={"REMOTE_ADDR": address}).status_code


def test_many_addresses_do_not_get_more_guesses_and_lock_out_nobody_at_home(app: Flask) -> None:
    assert enter(new_visitor(app), "192.0.2.1") == 303
    stranger = new_visitor(app)
    codes = [fail(stranger, f"198.51.100.{number}") for number in range(61)]
    assert codes == [422] * 60 + [429]
    assert enter(new_visitor(app), "203.0.113.5") == 429  # an address that nobody knows has to wait as well
    assert enter(new_visitor(app), "192.0.2.1") == 303


def test_one_address_does_not_lock_another_out(app: Flask) -> None:
    stranger = new_visitor(app)
    assert [fail(stranger, "198.51.100.1") for _ in range(6)][-1] == 429
    assert enter(new_visitor(app), "192.0.2.1") == 303


def test_the_addresses_of_one_household_count_as_one(app: Flask) -> None:
    stranger = new_visitor(app)
    codes = [fail(stranger, f"2001:db8:0:1::{number:x}") for number in range(6)]
    assert codes == [422] * 5 + [429]
    assert fail(stranger, "2001:db8:0:2::1") == 422


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_pages_basic_and_codes_share_the_count(app: Flask, client: FormClient) -> None:
    assert [client.get("/api/rockons", headers=basic("ada", "wrong")).status_code for _ in range(4)] == [401] * 4
    assert client.submit_form("/login", {"name": "ada", "password": "wrong"}).status_code == 422
    assert client.submit_form("/login", {"name": "ada", "password": PASSWORD}).status_code == 429
    assert client.get("/api/rockons", headers=basic("ada", PASSWORD)).status_code == 429


def test_a_script_with_a_revoked_token_locks_out_neither_logins_nor_other_tokens(
    app: Flask, client: FormClient
) -> None:
    bad = {"Authorization": "Bearer revoked"}
    assert [client.get("/rockons", headers=bad).status_code for _ in range(20)] == [303] * 20
    assert [client.get("/api/rockons", headers=bad).status_code for _ in range(20)] == [401] * 10 + [429] * 10
    good = {"Authorization": f"Bearer {tokens.create_token(ada())}"}
    assert client.get("/api/rockons", headers=good).status_code == 200
    assert client.get("/api/rockons", headers=basic("ada", PASSWORD)).status_code == 200
    assert client.submit_form("/login", {"name": "ada", "password": PASSWORD}).status_code == 303


class SlowHasher:
    """Checks passwords like the real one, and counts how many it has checked and at most at a time."""

    def __init__(self, hasher: Any) -> None:
        self.hasher, self.checked, self.now, self.most = hasher, 0, 0, 0
        self.lock = threading.Lock()

    def verify(self, hashed: str, password: str) -> bool:
        with self.lock:
            self.checked, self.now = self.checked + 1, self.now + 1
            self.most = max(self.most, self.now)
        try:
            time.sleep(0.01)  # long enough that all others come meanwhile
            return bool(self.hasher.verify(hashed, password))
        finally:
            with self.lock:
                self.now -= 1

    def hash(self, password: str) -> str:
        return str(self.hasher.hash(password))


@pytest.mark.parametrize(("names", "allowed"), [(["ada"] * 64, 5), ([f"nobody {number}" for number in range(64)], 30)])
def test_many_logins_at_once_are_as_few_as_one_after_another(
    app: Flask, monkeypatch: pytest.MonkeyPatch, names: list[str], allowed: int
) -> None:
    hasher = SlowHasher(users._hasher)
    monkeypatch.setattr(users, "_hasher", hasher)

    def attempt(numbered: tuple[int, str]) -> int:
        number, name = numbered
        return new_visitor(app).get("/api/rockons", headers=basic(name, f"wrong {number}")).status_code

    with ThreadPoolExecutor(64) as pool:
        codes = [*pool.map(attempt, enumerate(names))]
    assert codes.count(401) == hasher.checked <= allowed
    assert codes.count(429) == 64 - hasher.checked
    assert hasher.most <= 2
    assert not login_throttle._unfinished


def test_a_script_that_sends_its_login_many_times_at_once_is_let_in(app: Flask) -> None:
    with ThreadPoolExecutor(16) as pool:
        codes = [
            *pool.map(
                lambda _: new_visitor(app).get("/api/rockons", headers=basic("ada", PASSWORD)).status_code, range(16)
            )
        ]
    assert codes == [200] * 16


def test_a_name_that_nobody_has_is_not_written_down(app: Flask, client: FormClient) -> None:
    client.submit_form("/login", {"name": "my secret password", "password": "x"})
    client.submit_form("/login", {"name": "ada", "password": "x"})
    assert lines("login.failed") == [("?", ""), ("ada", "")]


def test_how_long_to_wait_is_told_in_minutes_where_it_is_long(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_throttle, "PER_ADDRESS", login_throttle.parse("1 per hour"))
    client = new_visitor(app)
    client.submit_form("/login", {"name": "ada", "password": "x"})
    answer = client.submit_form("/login", {"name": "ada", "password": "x"})
    assert re.search(r"Try again in (59|60) minutes\.", answer.text)
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
