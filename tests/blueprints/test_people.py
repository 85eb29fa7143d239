"""The accounts, as owners see and change them; what each role may reach; and who did what."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from rockonweb.accounts import audit, two_factor, users
from rockonweb.blueprints.audit import audit_hook
from rockonweb.core.errors import Conflict
from rockonweb.models import AuditEntry, Role, User, db, transaction, utc_now
from tests.support.app import PASSWORD, FormClient, add_rockon, create_test_user, mark_installed, new_visitor

NEW = "another long password"


def person(name: str) -> User:
    return db.session.query(User).filter_by(name=name).one()


def logged_in(app: Flask, name: str) -> FormClient:
    return new_visitor(app).log_in(name)


def lines() -> list[tuple[str, str, str]]:
    return [(one.who, one.action, one.about) for one in db.session.query(AuditEntry).order_by(AuditEntry.id)]


# -- accounts -----------------------------------------------------------------------------------------------------


def test_an_owner_makes_an_account_that_can_log_in(app: Flask, owner_client: FormClient) -> None:
    new = {"name": "eve", "role": "viewer", "password": PASSWORD}
    assert owner_client.submit_form("/people", new, page="/people").location == "/people"
    assert person("eve").role is Role.VIEWER
    page = owner_client.get("/people").text
    assert "Viewer: view only" in page
    assert "never logged in" in page
    logged_in(app, "eve")
    assert "never logged in" not in owner_client.get("/people").text
    assert ("ada", "user.added", "eve: viewer") in lines()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "ada"}, "An account &#34;ada&#34; already exists."),
        ({"name": " "}, "Choose a name."),
        ({"password": "short"}, "Use at least 10"),
        ({"role": "king"}, "Not a valid choice"),
    ],
)
def test_a_faulty_account_is_told_beside_the_field(
    owner_client: FormClient, changes: dict[str, str], sentence: str
) -> None:
    new = {"name": "eve", "role": "viewer", "password": PASSWORD, **changes}
    answer = owner_client.submit_form("/people", new, page="/people")
    assert (answer.status_code, sentence in answer.text) == (422, True)
    assert db.session.query(User).count() == 1


def test_another_role_counts_at_once(app: Flask, owner_client: FormClient) -> None:
    create_test_user("eve", Role.OWNER)
    eve = logged_in(app, "eve")
    assert eve.get("/people").status_code == 200
    path = f"/people/{person('eve').id}"
    assert owner_client.submit_form(f"{path}/role", {"role": "viewer"}, page=path).location == path
    assert (eve.get("/people").status_code, eve.get("/rockons").status_code) == (403, 200)
    assert ("ada", "user.role", "eve: viewer") in lines()


def test_the_last_owner_stays_an_owner_and_stays(app: Flask, owner_client: FormClient) -> None:
    create_test_user("eve", Role.OPERATOR)
    path = f"/people/{person('ada').id}"
    answer = owner_client.submit_form(f"{path}/role", {"role": "viewer"}, page=path)
    assert (answer.status_code, "Make another account an owner first." in answer.text) == (409, True)
    answer = owner_client.submit_form(f"{path}/remove", page=f"{path}/remove")
    assert (answer.status_code, "Make another account an owner first." in answer.text) == (409, True)
    for change in (lambda: users.remove_user(person("ada")), lambda: users.set_role(person("ada"), Role.OPERATOR)):
        with pytest.raises(Conflict, match="the last owner"):
            change()
    assert person("ada").role is Role.OWNER


def test_one_of_two_owners_may_step_down_and_go(app: Flask, owner_client: FormClient) -> None:
    create_test_user("eve", Role.OWNER)
    path = f"/people/{person('ada').id}"
    assert owner_client.submit_form(f"{path}/role", {"role": "viewer"}, page=path).location == "/rockons"
    assert owner_client.get("/people").status_code == 403
    eve = logged_in(app, "eve")
    assert eve.submit_form(f"{path}/remove", page=f"{path}/remove").location == "/people"
    assert owner_client.get("/rockons").status_code == 303
    assert [one.name for one in db.session.query(User)] == ["eve"]


def test_a_reset_password_ends_the_sessions_and_one_s_own_asks_for_the_old(
    app: Flask, owner_client: FormClient
) -> None:
    create_test_user("eve", Role.VIEWER)
    eve = logged_in(app, "eve")
    path = f"/people/{person('eve').id}"
    assert owner_client.submit_form(f"{path}/password", {"password": "short"}, page=path).status_code == 422
    assert owner_client.submit_form(f"{path}/password", {"password": NEW}, page=path).location == path
    assert eve.get("/rockons").status_code == 303
    assert users.check_password(person("eve"), NEW)
    own = f"/people/{person('ada').id}"
    assert owner_client.submit_form(f"{own}/password", {"password": NEW}, page=own).status_code == 409
    assert users.check_password(person("ada"), PASSWORD)


def test_an_owner_turns_off_the_second_step_of_who_lost_the_device(app: Flask, owner_client: FormClient) -> None:
    create_test_user("eve", Role.VIEWER)
    for name in ("eve", "ada"):
        with transaction():
            one = person(name)
            one.totp_since, one.totp_secret = utc_now(), "JBSWY3DPEHPK3PXP"
    path = f"/people/{person('eve').id}"
    assert "two-factor authentication on" in owner_client.get("/people").text
    assert owner_client.submit_form(f"{path}/second-step/off", page=path).location == path
    assert person("eve").totp_since is None
    own = f"/people/{person('ada').id}"
    assert owner_client.submit_form(f"{own}/second-step/off", page=own).status_code == 409
    assert person("ada").totp_since
    assert two_factor.verify_code(person("eve"), "123456") is False


# -- what each role may reach -------------------------------------------------------------------------------------

SEES = ("/rockons", "/operations", "/updates", "/shares", "/networks", "/account", "/api")
OPERATES = ("/docker", "/images")
OWNS = ("/people", "/audit", "/backup", "/metastores", "/definitions", "/jobs/")


@pytest.mark.parametrize("role", [*Role])
def test_each_role_reaches_its_pages_and_sees_links_to_no_others(
    app: Flask, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_test_user("eve", role)
    rockon = mark_installed(add_rockon("Files"))
    eve = logged_in(app, "eve")
    parts = {Role.VIEWER: SEES, Role.OPERATOR: (*SEES, *OPERATES), Role.OWNER: (*SEES, *OPERATES, *OWNS)}[role]
    found = {path: eve.get(path, follow_redirects=True).status_code for path in (*SEES, *OPERATES, *OWNS)}
    assert {path for path, status in found.items() if status == 403} == {*OPERATES, *OWNS} - {*parts}
    rules = app.url_map.bind("localhost")
    for page in (*SEES, f"/rockons/{rockon.id}"):
        text = eve.get(page, follow_redirects=True).text
        asked = [("GET", path) for path in re.findall(r'href="(/[^"#?]*)', text)]
        asked += [("POST", path) for path in re.findall(r'<form method="post" action="(/[^"?]*)"', text)]
        for method, path in asked:
            endpoint, _values = rules.match(path, method=method)  # type: ignore[misc]
            needed: Any = getattr(app.view_functions[str(endpoint)], "permission", None)
            assert not isinstance(needed, Role) or role.includes(needed), f"{page} offers {path} to {role}"


# -- the audit ----------------------------------------------------------------------------------------------------


def test_logins_right_and_wrong_and_their_ends_are_in_the_audit(client: FormClient) -> None:
    client.log_in_by_form("ada").submit_form("/logout", page="/rockons")
    client.submit_form("/login", {"name": "ada", "password": "wrong"})
    assert [line[:2] for line in lines()][-3:] == [
        ("ada", "login.done"),
        ("ada", "login.ended"),
        ("ada", "login.failed"),
    ]


def test_every_change_by_a_page_leaves_a_line_without_the_view_doing_anything(owner_client: FormClient) -> None:
    owner_client.submit_form("/shares", {"name": "pictures"}, page="/shares")
    assert lines()[-1] == ("ada", "shares.make", "pictures")
    before = len(lines())
    assert owner_client.submit_form("/shares", {"name": "../x"}, page="/shares").status_code == 422
    owner_client.get("/shares")
    assert len(lines()) == before  # what was refused changed nothing, and who only looks neither


def test_a_line_names_the_rock_on_whose_settings_were_changed(app: Flask, owner_client: FormClient) -> None:
    rockon = mark_installed(add_rockon("Files"))
    path = f"/rockons/{rockon.id}"
    owner_client.submit_form(f"{path}/updates/automatic", {"start": "03:00", "until": "05:00"}, page=path)
    owner_client.submit_form(f"{path}/stop", page=path)
    found = lines()
    assert ("ada", "updates.automatic", "Files") in found
    assert ("ada", "operation.stop", "Files") in found
    assert [line for line in found if line[1] == "rockons.act"] == []  # the operation's own line says it


def test_every_change_has_plain_words(app: Flask) -> None:
    """A new view that changes something gets its words in `audit_hook.ACTION_LABELS`, or begins an operation."""
    operations = {
        *("rockons.refresh", "rockons.act", "rockons.uninstall", "rockons.reinstall", "install.install"),
        *("settings.apply", "succession.decide", "succession.decide_successor", "rollback.begin", "updates.get"),
        *("updates.take", "updates.rehearse", "api.rehearse"),
        *("openvpn.make_authority", "openvpn.make_client", "openvpn.revoke", "api.refresh", "api.install"),
        *("api.update", "api.act", "api.uninstall", "updates.move"),
        *("data_backups.back_up", "data_backups.restore", "api.back_up_data", "api.restore_data"),
        # which write lines of their own
        *("api.check_registry_login", "api.save_registry_login", "api.remove_registry_login"),
        *("api.maintain", "notices.maintain", "api.add_data_repository"),
    }
    own_lines = {"auth", "account", "people", "secrets"}
    changing = {
        str(rule.endpoint)
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.endpoint.startswith("rq_dashboard.")
    }
    silent = {one for one in changing if one not in audit_hook.ACTION_LABELS and one.split(".")[0] not in own_lines}
    assert sorted(silent - operations - {*audit_hook.UNRECORDED_ENDPOINTS}) == []


def test_what_views_and_work_record_themselves_has_plain_words_too(app: Flask) -> None:
    sources = [path.read_text() for path in Path(app.root_path).rglob("*.py")]
    recorded = {action for source in sources for action in re.findall(r'audit\.record\("([\w.]+)"', source)}
    assert len(recorded) > 15
    assert recorded - {*audit_hook.ACTION_LABELS} == set()


def test_the_audit_is_filtered_by_person_and_text_and_paged(app: Flask, owner_client: FormClient) -> None:
    with transaction():
        for number in range(150):
            audit.record("networks.make", f"net{number}", user="eve")
        audit.record("backup.make", "100%", user="bob")
    assert owner_client.get("/audit?q=created+a+backup").text.count("<strong>bob</strong>") == 1
    page = owner_client.get("/audit?who=eve").text
    assert page.count("<strong>eve</strong>") == 100
    assert "bob</strong>" not in page
    assert "net149" in page
    second = owner_client.get("/audit?who=eve&page=2").text
    assert second.count("<strong>eve</strong>") == 50
    assert "/audit?page=1&amp;who=eve" in second
    assert owner_client.get("/audit?q=net14").text.count("<strong>eve</strong>") == 11
    assert owner_client.get("/audit?q=%25").text.count("<strong>") == 1  # a percent sign is only itself
    assert "No matching entries." in owner_client.get("/audit?q=zebra").text
    assert owner_client.get("/audit?page=x&who=%00").status_code == 200


def test_what_a_line_says_is_inert(owner_client: FormClient) -> None:
    audit.record("networks.make", "<script>alert(1)</script>", user="<b>eve</b>")
    page = owner_client.get("/audit").text
    assert "<script>alert(1)" not in page
    assert "<b>eve" not in page


def test_a_nul_in_a_name_or_a_filter_is_only_a_name_that_nobody_has(app: Flask, client: FormClient) -> None:
    """PostgreSQL refuses it, and SQLite ends a text there."""
    assert client.submit_form("/login", {"name": "ada\0", "password": PASSWORD}).status_code == 422
    assert client.submit_form("/login", {"name": "ada\0x", "password": PASSWORD}).status_code == 422
    statements: list[Any] = []
    event.listen(db.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[3]))
    client.log_in("ada").get("/audit?who=%00&q=a%00b")
    client.submit_form("/logout", page="/audit")
    client.submit_form("/login", {"name": "x\0", "password": "x"})
    assert not [given for given in statements if "\\x00" in repr(given)]
