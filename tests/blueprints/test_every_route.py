"""Every route, asked by nobody and by each role, by session, HTTP Basic and token, with and without the form's token.

`LEAST` says who may what. A route that it does not name fails here, and so does one whose view says something else.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from rockonweb.accounts import tokens, users
from rockonweb.models import Operation, Role, User, db
from tests.support.app import HX, PASSWORD, FormClient, create_test_user, new_visitor
from tests.support.filled import PAGES, dump_keys, dump_rows, route_address

pytestmark = pytest.mark.waits

PUBLIC = "public"
LEAST: dict[str, str] = {
    PUBLIC: """
        assets.style auth.code auth.login auth.logout auth.setup health.healthz language.choose static theme.choose
    """,
    Role.VIEWER: """
        account.change_step account.enable account.end_others account.end_session account.index account.key
        account.make_token account.password account.prepare account.revoke_token
        api.containers api.data_backups api.guide api.index api.networks api.pools api.settings api.shares api.show
        api.show_maintenance api.show_rehearsal api.unmanaged_containers
        dashboard.index health.banner networks.index
        operations.index operations.line operations.log operations.running operations.show
        rockon.definition rockon.definition_file rockon.head rockon.history rockon.resources
        rockons.icon rockons.index rockons.report rockons.show
        shares.index updates.index updates.show
    """,
    Role.OPERATOR: """
        adoption.show_log api.act api.rehearse docker.index docker.usage images.index operations.cancel operations.retry
        rockon.log_file rockon.logs rockons.act updates.get updates.look updates.look_at updates.review updates.take
        updates.rehearse updates.take_all
    """,
    Role.OWNER: """
        api.add_data_repository api.back_up_data api.data_snapshots api.list_data_repositories api.restore_data
        api.check_registry_login api.confirm_share api.import_source api.install api.maintain api.refresh api.registries
        api.remove_registry_login api.save_registry_login api.uninstall api.update api.watch audit.index
        adoption.index adoption.unwatch adoption.watch api.move_from_rockstor api.settle_old api.watch_container
        rockons.settle_old
        rockstor.index rockstor.read rockstor.take
        backup.begin backup.forget backup.index backup.make backup.offer_export backup.send_export backup.show
        backup.take
        data_backups.add data_backups.add_form data_backups.back_up data_backups.bring_back data_backups.browse
        data_backups.change data_backups.check data_backups.confirm_remove data_backups.index data_backups.plan
        data_backups.remove data_backups.restore data_backups.show data_backups.show_app data_backups.unlock
        definitions.change definitions.confirm_remove definitions.create definitions.edit definitions.index
        definitions.new definitions.remove doctor.index doctor.report images.confirm_remove images.remove
        imports.index imports.submit
        install.begin install.install install.review install.show install.submit
        metastores.add metastores.change metastores.confirm_remove metastores.index metastores.remove
        metastores.schedule
        networks.change networks.confirm_remove networks.edit networks.make networks.new networks.remove
        networks.restore
        notices.add notices.change notices.edit notices.index notices.maintain notices.new notices.remove notices.test
        openvpn.confirm_revoke openvpn.download openvpn.make_authority openvpn.make_client openvpn.panel openvpn.revoke
        people.add people.change_role people.confirm_remove people.index people.remove people.reset people.show
        people.turn_second_step_off
        registries.index registries.remove registries.save registries.test rockon.watch
        rockons.confirm_uninstall rockons.refresh rockons.reinstall rockons.uninstall rollback.begin rollback.show
        rq_dashboard.compact_queue rq_dashboard.delete_job_view rq_dashboard.empty_queue rq_dashboard.favicon
        rq_dashboard.job_info rq_dashboard.job_view rq_dashboard.jobs_overview rq_dashboard.list_jobs
        rq_dashboard.list_queues rq_dashboard.list_workers rq_dashboard.queues_overview rq_dashboard.requeue_all
        rq_dashboard.requeue_job_view rq_dashboard.static rq_dashboard.workers_overview
        secrets.hide secrets.index secrets.show
        settings.apply settings.begin settings.discard settings.review settings.show settings.submit
        shares.confirm shares.confirm_removal shares.make shares.remove_aside
        succession.decide succession.decide_successor succession.show succession.show_successor updates.automatic
        updates.move updates.show_move
    """,
}
NEEDED = {endpoint: least for least, endpoints in LEAST.items() for endpoint in endpoints.split()}
# Answered in JSON, by HTTP Basic too; the guide is a page.
JSON_API = {endpoint for endpoint in NEEDED if endpoint.startswith("api.")} - {"api.guide"}
NOBODY = None
# What an owner's session must not be asked for on the way: it ends it, or waits for a worker that is not there.
ENDS = {"auth.logout"}
WAITS = {"api.refresh"}
# What is about no row that could be missing, and its answer.
NO_ROW = {
    "api.add_data_repository": 400,
    "api.import_source": 400,
    "api.maintain": 200,
    "api.save_registry_login": 400,
    "api.watch_container": 503,  # no engine answers
    "api.move_from_rockstor": 503,
}


def routes(app: Flask, method: str) -> Iterator[tuple[str, Rule]]:
    """Endpoint and rule of all that can be asked by a method; a route without a line in the table fails by itself."""
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and not rule.alias and rule.endpoint in NEEDED:
            yield rule.endpoint, rule


def paths(rule: Rule) -> list[str]:
    """The addresses of a route: with the id of something that is there, and of something that is not."""
    page = PAGES[0] if not rule.rule.startswith("/jobs") else "1"
    return sorted({route_address(rule, number, page) for number in ("1", "99")})


def may(role: Role | None, endpoint: str) -> bool:
    """What the table says."""
    least = NEEDED[endpoint]
    return least == PUBLIC or (role is not None and role.includes(Role(least)))


@pytest.fixture
def people(app: Flask, filled: None) -> None:
    """An account of each role."""
    for role in Role:
        create_test_user(str(role), role)


def visitor(app: Flask, role: Role | None) -> FormClient:
    """A browser of somebody with this role."""
    return new_visitor(app).log_in(str(role)) if role else new_visitor(app)


def basic(role: Role) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{role}:{PASSWORD}".encode()).decode()}


def bearer(name: str, role: Role) -> dict[str, str]:
    """A token of an account, for a role."""
    return {"Authorization": f"Bearer {tokens.create_token(users.get_user(name), role)}"}


def look(client: FormClient, path: str, headers: Mapping[str, str] | None = None) -> TestResponse:
    """Get a page, from its own address where the one that was asked for is another of it."""
    answer = client.get(path, headers=headers)
    return client.get(answer.location, headers=headers) if answer.status_code == 308 else answer


def outcome(answer: TestResponse, endpoint: str) -> str:
    """What became of a request, as far as it is about who asked."""
    if answer.status_code in (400, 403):
        return "refused"
    if NEEDED[endpoint] != PUBLIC and (answer.status_code == 401 or "/login" in (answer.location or "")):
        return "login"
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    return "done"


def due(role: Role | None, endpoint: str) -> str:
    """What must become of it."""
    return "done" if may(role, endpoint) else "login" if role is NOBODY else "refused"


def state(app: Flask, queue: Redis) -> tuple[Any, Any]:
    """All that could be changed."""
    db.session.rollback()
    return dump_rows(app), dump_keys(queue)


# -- the table ----------------------------------------------------------------------------------------------------


def test_the_table_names_every_route_and_each_view_says_the_same(app: Flask) -> None:
    said = {name: str(getattr(view, "permission", "nothing")) for name, view in app.view_functions.items()}
    assert said == {name: str(least) for name, least in NEEDED.items()}
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == {*NEEDED}
    methods = {method for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    assert methods == {"GET", "HEAD", "OPTIONS", "POST"}


def test_no_route_hides_another(app: Flask) -> None:
    for method in ("GET", "POST"):
        found = [rule.rule for rule in app.url_map.iter_rules() if method in (rule.methods or ())]
        assert sorted(found) == sorted({*found})


def test_a_view_that_says_nothing_is_for_nobody(app: Flask, owner_client: FormClient) -> None:
    del app.view_functions["shares.index"].permission  # type: ignore[attr-defined]
    try:
        assert owner_client.get("/shares").status_code == 403
    finally:
        app.view_functions["shares.index"].permission = Role.VIEWER  # type: ignore[attr-defined]


# -- looking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [NOBODY, *Role])
def test_each_role_sees_what_the_table_says(
    app: Flask, people: None, role: Role | None, tell: Callable[[str], None]
) -> None:
    client = visitor(app, role)
    asked = 0
    for endpoint, rule in routes(app, "GET"):
        for path in paths(rule):
            if endpoint == "rq_dashboard.requeue_all":  # a GET of it is refused for everybody
                continue
            answer = look(client, path)
            assert outcome(answer, endpoint) == due(role, endpoint), f"{answer.status_code} GET {path}"
            asked += 1
    tell(f"{role or 'nobody'}: {asked} addresses looked at")
    assert asked > 100


@pytest.mark.parametrize("role", [*Role])
def test_an_owners_token_sees_what_its_own_role_says(app: Flask, people: None, role: Role) -> None:
    client, headers = visitor(app, NOBODY), bearer("ada", role)
    for endpoint, rule in routes(app, "GET"):
        if not endpoint.startswith(("rq_dashboard.", "auth.")):
            for path in paths(rule):
                answer = look(client, path, headers)
                assert outcome(answer, endpoint) == due(role, endpoint), f"{answer.status_code} GET {path}"


@pytest.mark.parametrize("role", [*Role])
def test_http_basic_is_for_the_api_alone(app: Flask, people: None, role: Role) -> None:
    client = visitor(app, NOBODY)
    for endpoint, rule in routes(app, "GET"):
        for path in paths(rule) if endpoint in JSON_API else paths(rule)[:1]:
            wanted = due(role if endpoint in JSON_API else NOBODY, endpoint)
            if endpoint != "rq_dashboard.requeue_all":
                answer = look(client, path, basic(role))
                assert outcome(answer, endpoint) == wanted, f"{answer.status_code} GET {path}"


# -- changing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [NOBODY, Role.VIEWER, Role.OPERATOR])
def test_whoever_may_not_changes_nothing_even_with_a_forms_token(
    app: Flask, people: None, queue: Redis, role: Role | None, tell: Callable[[str], None]
) -> None:
    client = visitor(app, role)
    headers = {"X-CSRFToken": client.csrf_token("/account" if role else "/login")}
    before, asked = state(app, queue), 0
    for endpoint, rule in routes(app, "POST"):
        if may(role, endpoint):
            continue
        for path in paths(rule):
            answer = client.post(path, headers=headers)
            assert outcome(answer, endpoint) == due(role, endpoint), f"{answer.status_code} POST {path}"
            asked += 1
    assert state(app, queue) == before
    tell(f"{role or 'nobody'}: {asked} changes refused")
    assert asked > 60


@pytest.mark.parametrize("role", [NOBODY, *Role])
@pytest.mark.parametrize("sent", [{}, {"X-CSRFToken": "made-up", **HX}], ids=["none", "another, by htmx"])
def test_without_the_forms_token_nobody_changes_anything(
    app: Flask, people: None, queue: Redis, role: Role | None, sent: Mapping[str, str]
) -> None:
    client = visitor(app, role)
    client.get("/login")
    before = state(app, queue)
    for endpoint, rule in routes(app, "POST"):
        path = paths(rule)[0]
        answer = client.post(path, headers=sent)
        refused = 401 if role is NOBODY and endpoint in JSON_API else 400
        assert answer.status_code == refused, f"{answer.status_code} POST {path}"
    assert state(app, queue) == before


@pytest.mark.parametrize("role", [*Role])
def test_somebody_elses_form_token_counts_for_nothing(app: Flask, people: None, queue: Redis, role: Role) -> None:
    stolen = visitor(app, Role.OWNER).csrf_token("/account")
    client = visitor(app, role)
    client.get("/account")
    before = state(app, queue)
    for _, rule in routes(app, "POST"):
        path = paths(rule)[0]
        assert client.post(path, headers={"X-CSRFToken": stolen, **HX}).status_code == 400, path
    assert state(app, queue) == before


@pytest.mark.parametrize("role", [*Role])
def test_each_role_reaches_what_the_table_says(app: Flask, people: None, role: Role) -> None:
    """With ids of what is not there, so that one answer does not spoil the next."""
    client = visitor(app, role)
    headers = {"X-CSRFToken": client.csrf_token("/account")}
    for endpoint, rule in routes(app, "POST"):
        if not may(role, endpoint) or endpoint in ENDS | WAITS | NO_ROW.keys():
            continue
        path = paths(rule)[-1]
        answer = client.post(path, headers=headers)
        assert outcome(answer, endpoint) == "done", f"{answer.status_code} POST {path}"


@pytest.mark.parametrize("role", [*Role])
@pytest.mark.parametrize("kind", ["basic", "token", "a viewer's token"])
def test_the_api_lets_change_what_the_table_says(app: Flask, people: None, queue: Redis, role: Role, kind: str) -> None:
    client = visitor(app, NOBODY)
    counts = Role.VIEWER if kind == "a viewer's token" else role
    headers = basic(role) if kind == "basic" else bearer(str(role), counts)
    begun = db.session.query(Operation).count()
    for endpoint, rule in routes(app, "POST"):
        if endpoint not in JSON_API:
            continue
        if not may(counts, endpoint):
            before = state(app, queue)
            for path in paths(rule):
                assert client.post(path, headers=headers).status_code == 403, path
            assert state(app, queue) == before
        elif endpoint not in WAITS:
            status = NO_ROW.get(endpoint, 404)
            assert client.post(route_address(rule, "99"), headers=headers).status_code == status, rule
    answer = client.post("/api/rockons/1/stop", headers=headers)
    assert answer.status_code == (200 if may(counts, "api.act") else 403)
    assert db.session.query(Operation).count() - begun == may(counts, "api.act")


@pytest.mark.parametrize("role", [*Role])
def test_a_header_changes_nothing_on_a_page(app: Flask, people: None, queue: Redis, role: Role) -> None:
    client = visitor(app, NOBODY)
    headers = [basic(role), bearer(str(role), role) | HX]
    before = state(app, queue)
    for endpoint, rule in routes(app, "POST"):
        if endpoint not in JSON_API:
            for one in headers:
                assert client.post(paths(rule)[0], headers=one).status_code == 400, rule
    assert state(app, queue) == before


def test_the_test_would_notice(app: Flask, people: None, queue: Redis) -> None:
    before = state(app, queue)
    client = visitor(app, Role.OWNER)
    assert state(app, queue) != before  # a login writes a session and a line of the audit
    before = state(app, queue)
    client.post("/shares", data={"name": "new"}, headers={"X-CSRFToken": client.csrf_token("/account")})
    assert state(app, queue) != before
    assert db.session.query(User).count() == 5
