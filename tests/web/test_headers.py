"""What every answer carries, whatever it is an answer to."""

import re
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from rockonweb.app import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from rockonweb.core.operations.requests import blank_request
from rockonweb.models import Installation, Kind, db
from rockonweb.work import operations
from tests.support.app import FormClient, add_rockon, mark_installed


@pytest.fixture(autouse=True)
def notes(app: Flask) -> Installation:
    """An app."""
    return mark_installed(add_rockon("Notes"))


def got(app: Flask) -> list[str]:
    """An address of every view that can be got, but the dashboard's."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    found = [re.sub(r"<any\((\w+)[^>]*>", r"\1", rule) for rule in rules if not rule.startswith("/jobs")]
    return sorted({re.sub(r"<[^>]+>", "1", rule) for rule in found})


def test_all_answers_have_a_strict_policy_and_the_other_headers(app: Flask, owner_client: FormClient) -> None:
    for path in [*got(app), "/no/such", "/login?next=//evil.example"]:
        headers = owner_client.get(path).headers
        assert headers["Content-Security-Policy"] in (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        )
        assert SECURITY_HEADERS.items() <= dict(headers).items(), path


def test_what_one_sees_logged_in_is_kept_by_no_cache(app: Flask, owner_client: FormClient) -> None:
    operations.submit_operation(db.session.get_one(Installation, 1), blank_request(Kind.STOP), "ada")
    open_to_all = {"/healthz", "/style.css", "/rockons/1/icon"}  # or no secret of a house: a picture
    answers = {path: owner_client.get(path) for path in {*got(app)} - open_to_all}
    seen = {path: answer for path, answer in answers.items() if answer.status_code == 200}
    assert {"/rockons", "/rockons/1/source.json", "/operations/1/log", "/doctor/report.txt", "/api/rockons"} <= {*seen}
    assert {path for path, answer in seen.items() if answer.headers.get("Cache-Control") != "no-store"} == set()


@pytest.mark.parametrize("options", [{"method": "PUT"}, {"data": {"x": "y" * 3_000_000}}, {"data": {"a": "b"}}])
def test_refusals_have_them_too(owner_client: FormClient, options: dict[str, Any]) -> None:
    answer = owner_client.open("/shares", **{"method": "POST", **options})
    assert answer.status_code in (400, 405, 413)
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert SECURITY_HEADERS.items() <= dict(answer.headers).items()


def rules_of(policy: str) -> dict[str, str]:
    """What a Content-Security-Policy says, by the name of the rule."""
    return dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))


def test_what_they_say() -> None:
    rules = rules_of(CONTENT_SECURITY_POLICY)
    assert rules["default-src"] == rules["script-src"] == rules["style-src"] == rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["object-src"] == "'none'"
    assert SECURITY_HEADERS["X-Content-Type-Options"] == "nosniff"
    assert SECURITY_HEADERS["Referrer-Policy"] == "same-origin"
    assert (
        SECURITY_HEADERS["Cross-Origin-Opener-Policy"]
        == SECURITY_HEADERS["Cross-Origin-Resource-Policy"]
        == "same-origin"
    )
    assert "camera=()" in SECURITY_HEADERS["Permissions-Policy"]


def test_a_hosts_other_ports_are_not_forced_to_https(app: Flask) -> None:
    answer = app.test_client().get("/login", base_url="https://localhost")
    assert "Strict-Transport-Security" not in answer.headers
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_only_the_dashboard_is_looser_and_only_in_scripts_and_styles(owner_client: FormClient) -> None:
    here, elsewhere = (
        rules_of(owner_client.get("/jobs/").headers["Content-Security-Policy"]),
        rules_of(CONTENT_SECURITY_POLICY),
    )
    assert {name for name in here | elsewhere if here.get(name) != elsewhere.get(name)} == {"script-src", "style-src"}
    assert here["script-src"].startswith("'self' 'unsafe-inline'")


def test_whoever_may_not_see_the_dashboard_gets_the_strict_policy(app: Flask) -> None:
    answer = app.test_client().get("/jobs/")
    assert answer.status_code == 303
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "_csrf_token" not in str(answer.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize(
    ("form", "kind", "status"),
    [
        ({"file": (BytesIO(b"x" * 1_900_000), "notes.json")}, "multipart/form-data", 400),  # no form's token
        ({"file": (BytesIO(b"x" * 2_000_000), "notes.json")}, "multipart/form-data", 413),
        ({"text": "x" * 2_000_000}, "application/x-www-form-urlencoded", 413),
        ({"text": "x" * 1_400_000}, "multipart/form-data", 400),
        ({"text": "x" * 1_600_000}, "multipart/form-data", 413),
    ],
)
def test_a_large_body_is_refused(owner_client: FormClient, form: dict[str, Any], kind: str, status: int) -> None:
    assert owner_client.post("/shares", data=form, content_type=kind).status_code == status


def test_a_form_of_too_many_parts_is_refused(owner_client: FormClient) -> None:
    data = {f"part-{number}": "x" for number in range(2_001)}
    assert owner_client.post("/shares", data=data, content_type="multipart/form-data").status_code == 413
    few = {f"part-{number}": "x" for number in range(20)}
    assert (
        owner_client.post("/shares", data=few, content_type="multipart/form-data").status_code == 400
    )  # no form's token
