"""The page of the logins for registries, and the same in the JSON API."""

from __future__ import annotations

import pytest
from flask import Flask

from rockonweb.models import AuditEntry, RegistryLogin, db, transaction
from tests.support.app import PASSWORD, FormClient, new_visitor
from tests.support.claims import free_port
from tests.support.registry import ODD_PASSWORD, USER, RegistryServer


def save(client: FormClient, host: str, password: str = ODD_PASSWORD, user: str = USER) -> tuple[int, str]:
    answer = client.submit_form("/registries", {"host": host, "user": user, "password": password}, page="/registries")
    return answer.status_code, client.get("/registries").text if answer.status_code == 303 else answer.text


def actions() -> list[tuple[str, str]]:
    """What the audit log has of logins."""
    entries = db.session.query(AuditEntry).order_by(AuditEntry.id)
    return [(entry.action, entry.about) for entry in entries if entry.action.startswith("registries.")]


def test_a_login_is_saved_tested_shown_without_the_password_and_removed(
    owner_client: FormClient, private_registry: RegistryServer
) -> None:
    status, text = save(owner_client, private_registry.address)
    assert status == 303
    assert f"{private_registry.address} accepts the login." in text
    assert "Accepted by the registry" in text
    assert USER in text
    assert ODD_PASSWORD not in text
    login = db.session.query(RegistryLogin).one().id
    assert owner_client.submit_form(f"/registries/{login}/test", {}, page="/registries").status_code == 303
    assert owner_client.submit_form(f"/registries/{login}/remove", {}, page="/registries").status_code == 303
    assert "removed the login for a registry" in owner_client.get("/audit").text
    assert db.session.query(RegistryLogin).count() == 0
    assert actions() == [(f"registries.{action}", private_registry.address) for action in ("save", "test", "remove")]


def test_what_does_not_work_says_why(owner_client: FormClient, private_registry: RegistryServer) -> None:
    _, text = save(owner_client, private_registry.address, "wrong")
    assert "This login does not work:" in text
    assert f"The stored login is refused by: {private_registry.address}." in owner_client.get("/updates").text
    _, text = save(owner_client, f"127.0.0.1:{free_port()}")
    assert "The login could not be tested:" in text


@pytest.mark.parametrize(
    ("host", "user", "password", "words"),
    [
        ("ghcr", USER, "s3cret", "This is not the name of a registry."),
        ("ghcr.io", "a:b", "s3cret", "contain a colon"),
        ("ghcr.io", USER, "", "needs a user name and a password"),
        ("ghcr.io", USER, "s3cret\u0007", "has a line break"),
    ],
)
def test_bad_input_gets_a_sentence(owner_client: FormClient, host: str, user: str, password: str, words: str) -> None:
    status, text = save(owner_client, host, password, user)
    assert status == 422
    assert words in text.replace("&#39;", "'")
    assert "s3cret" not in text
    assert db.session.query(RegistryLogin).count() == 0


def test_the_api_answers_the_same(app: Flask, owner_client: FormClient, private_registry: RegistryServer) -> None:
    client, basic = new_visitor(app), {"auth": ("ada", PASSWORD)}
    body = {"host": private_registry.address, "user": USER, "password": "wrong"}
    saved = client.post("/api/registries", json=body, **basic)
    assert saved.status_code == 200
    assert (saved.json["accepted"], saved.json["error"]) == (False, f"{body['host']} refuses the stored login")
    saved = client.post("/api/registries", json={**body, "password": ODD_PASSWORD}, **basic)
    number = saved.json["id"]
    listed = client.get("/api/registries", **basic).json["results"]
    assert [(row["id"], row["host"], row["user"], row["accepted"], row["error"]) for row in listed] == [
        (number, private_registry.address, USER, True, None)
    ]
    assert client.post(f"/api/registries/{number}/test", **basic).json["accepted"] is True
    assert client.post(f"/api/registries/{number}/remove", **basic).json == {"host": private_registry.address}
    assert client.post(f"/api/registries/{number}/test", **basic).status_code == 404
    assert [action for action, _ in actions()] == [
        "registries.save", "registries.save", "registries.test", "registries.remove",
    ]  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"host": 1, "user": "a", "password": "b"}', b"[" * 100_000])
def test_the_api_refuses_another_body(app: Flask, owner_client: FormClient, body: bytes) -> None:
    answer = new_visitor(app).post("/api/registries", data=body, auth=("ada", PASSWORD))
    assert answer.status_code == 400
    assert answer.json["detail"].startswith("The body ")


def test_a_login_of_another_key_is_told(owner_client: FormClient) -> None:
    save(owner_client, f"127.0.0.1:{free_port()}")
    with transaction() as session:
        session.connection().exec_driver_sql("UPDATE registry_login SET password = 'x', \"user\" = 'x'")
    assert owner_client.get("/registries").status_code == 200
