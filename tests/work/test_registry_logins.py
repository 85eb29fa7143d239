"""Logins for registries: kept encrypted, tested at a real registry, and told when they are refused."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select, text

from rockonweb import jobs
from rockonweb.accounts import instance_key
from rockonweb.core.errors import BadInput
from rockonweb.models import NoticeMessage, NoticeTarget, RegistryLogin, db, transaction, utc_now
from rockonweb.remote import registry as registries
from rockonweb.remote.registry import Credentials, LookupFailed
from rockonweb.work import image_facts, registry_logins, updates
from tests.support.claims import free_port
from tests.support.pushing import push_image
from tests.support.registry import ODD_PASSWORD, USER, RegistryServer


def save(host: str, password: str = ODD_PASSWORD) -> RegistryLogin:
    return registry_logins.save_login(host, USER, password)


def stored(row: RegistryLogin) -> tuple[bool | None, str]:
    db.session.rollback()
    found = db.session.get_one(RegistryLogin, row.id, populate_existing=True)
    return found.accepted, found.error


def test_a_login_is_tested_and_kept_encrypted_and_in_no_log(
    app: Flask, private_registry: RegistryServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        row = save(private_registry.address)
    assert stored(row) == (True, "")
    login = Credentials(USER, ODD_PASSWORD)
    assert registry_logins.load_logins() == {private_registry.address: login}
    assert registry_logins.login_for_image(f"{private_registry.address}/app:1") == login
    assert registry_logins.login_for_image("app") is registry_logins.login_for_image("a b") is None
    assert ODD_PASSWORD not in caplog.text
    assert login.basic_authorization not in caplog.text
    assert USER not in str(db.session.execute(text("SELECT * FROM registry_login")).all())


def test_docker_hub_is_meant_by_a_name_without_a_host(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(registries, "check_login", lambda host, login: asked.append(host))
    save("https://index.docker.io/v1/")
    assert asked == ["docker.io"]
    for image in ("app", "someone/app:2", "docker.io/someone/app", "index.docker.io/app"):
        assert registry_logins.login_for_image(image) == Credentials(USER, ODD_PASSWORD)
    assert registry_logins.login_for_image("ghcr.io/someone/app") is None


def test_another_login_for_the_same_registry_replaces_it(app: Flask, private_registry: RegistryServer) -> None:
    assert stored(save(private_registry.address, "wrong")) == (
        False,
        f"{private_registry.address} refuses the stored login",
    )
    assert registry_logins.refused_registries() == [private_registry.address]
    assert stored(save(f"http://{private_registry.address}/")) == (True, "")
    assert registry_logins.refused_registries() == []
    assert len(registry_logins.list_logins()) == 1


def test_a_registry_that_is_away_says_nothing_of_the_login(app: Flask, private_registry: RegistryServer) -> None:
    row = save(private_registry.address)
    private_registry.stop()
    try:
        registry_logins.check_login(row)
    finally:
        private_registry.start()
    accepted, error = stored(row)
    assert accepted is True
    assert "can't be reached" in error


def test_there_may_be_so_many(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_logins, "MAX_LOGINS", 1)
    address = f"127.0.0.1:{free_port()}"
    save(address)
    save(address)
    with pytest.raises(BadInput, match="already 1 logins"):
        save("box.example")


def test_one_that_can_not_be_read_is_told_and_not_used(app: Flask) -> None:
    row = save(f"127.0.0.1:{free_port()}")
    with transaction() as session:
        session.execute(text("UPDATE registry_login SET password = 'of another key'"))
    assert registry_logins.load_logins() == {}
    registry_logins.check_login(db.session.get_one(RegistryLogin, row.id))
    assert stored(row) == (False, "it can't be read in the database: enter it again")


def test_logins_are_forgotten_with_the_key(app: Flask) -> None:
    save(f"127.0.0.1:{free_port()}")
    assert instance_key.forget_secrets() == {"registry_login": 1}
    assert registry_logins.list_logins() == []


def test_one_that_has_expired_is_told_once_before_an_update_needs_it(
    app: Flask, private_registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "check_registries", lambda rockon_id: None)
    with transaction() as session:
        session.add(NoticeTarget(way="hook", address='{"url": "https://box.example"}', events="trouble"))
    row = save(private_registry.address)
    with transaction():
        db.session.get_one(RegistryLogin, row.id).password = "expired"
    for hours, messages in ((1, 0), (13, 1), (13, 1)):
        with transaction():
            db.session.get_one(RegistryLogin, row.id).tested = utc_now() - timedelta(hours=hours)
        jobs.look_for_updates(updates.ALL_ROCKONS)
        assert db.session.query(NoticeMessage).count() == messages
    assert f"refused by: {private_registry.address}." in (db.session.scalar(select(NoticeMessage.body)) or "")
    save(private_registry.address)
    assert registry_logins.refused_registries() == []


def test_before_an_install_a_private_image_is_looked_up_with_the_login(
    app: Flask, registry: RegistryServer, private_registry: RegistryServer
) -> None:
    push_image(registry, "logins/app", "1", "amd64", layers=1)
    image = f"{private_registry.address}/logins/app:1"
    cache = image_facts._ImageFactsCache()
    assert "requires a login" in cache.get_facts([image], 10).get(image).unknown  # type: ignore[union-attr]
    save(private_registry.address)
    cache.clear_answers()
    assert cache.get_facts([image], 10, registry_logins.load_logins())[image].platforms == ("linux/amd64",)


def test_a_later_job_knows_that_a_registry_asked_to_wait(app: Flask, redis: Redis) -> None:
    with registry_logins.share_pauses():
        registries.PAUSES["127.0.0.1:9"] = utc_now().timestamp() + 600
    registries.PAUSES.clear()
    with registry_logins.share_pauses(), pytest.raises(LookupFailed, match="again in 10 minutes"):
        registries.lookup_image("127.0.0.1:9/app")
