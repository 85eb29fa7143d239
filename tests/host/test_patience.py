"""Docker that accepts a connection and is silent: a page gives up soon, and does not ask again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from rockonweb.core.errors import EngineUnreachable
from rockonweb.host import connection, get_host, patience
from tests.support.silencing import SilenceableProxy


@pytest.fixture
def silent(tmp_path: Path, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[SilenceableProxy]:
    """A Docker that says nothing, whose API version is known from before."""
    proxy = SilenceableProxy(tmp_path / "silent.sock")
    monkeypatch.setenv("DOCKER_HOST", proxy.url)
    monkeypatch.setitem(connection._api_versions, proxy.url, ("1.44", time.monotonic()))
    yield proxy
    proxy.close()


def test_all_questions_of_a_page_together_wait_a_moment(
    app: Flask, silent: SilenceableProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAGE_SECONDS", 0.5)
    begun = time.monotonic()
    with app.test_request_context("/images"):
        for _ in range(5):
            with get_host().connect_docker() as docker, pytest.raises(EngineUnreachable):
                docker.list_containers()
    assert 0.4 < time.monotonic() - begun < 2


def test_the_first_connection_is_given_up_as_soon(
    app: Flask, silent: SilenceableProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAGE_SECONDS", 0.5)
    connection._api_versions.pop(silent.url)
    begun = time.monotonic()
    with app.test_request_context("/images", method="POST"):
        for _ in range(3):
            with pytest.raises(EngineUnreachable):
                get_host().connect_docker()
    assert 0.4 < time.monotonic() - begun < 2


def test_a_job_waits_longer(app: Flask, silent: SilenceableProxy) -> None:
    with get_host().connect_docker() as docker:
        assert docker._api.timeout == patience.JOB_SECONDS
        assert not isinstance(docker._api, connection.ImpatientClient)
    with get_host().connect_docker(seconds=0.2) as docker, pytest.raises(EngineUnreachable):
        docker.list_containers()


def test_what_changes_something_may_take_its_time(app: Flask, silent: SilenceableProxy) -> None:
    asked: list[float] = []
    with app.test_request_context("/images/remove", method="POST"), get_host().connect_docker() as docker:
        docker._api.mount("http+docker://", Recorder(asked))
        for method in ("GET", "POST", "DELETE"):
            docker._api.request(method, "http+docker://localhost/x", timeout=patience.JOB_SECONDS)
    assert asked == [patience.PAGE_SECONDS, patience.JOB_SECONDS, patience.JOB_SECONDS]


class Recorder(connection.docker.transport.basehttpadapter.BaseHTTPAdapter):  # type: ignore[misc,name-defined]
    """Notes the timeouts of requests, and answers each with nothing."""

    def __init__(self, asked: list[float]) -> None:
        super().__init__()
        self.asked = asked

    def send(self, request: object, **options: object) -> object:
        import requests

        self.asked.append(options["timeout"])  # type: ignore[arg-type]
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, "http+docker://localhost/x"  # type: ignore[assignment]
        response._content = b""
        return response
