"""The dashboard of the job queue, on a real queue's server."""

import re
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from rq import Queue

from rockonweb.blueprints.jobs import POLICY
from tests.support.app import FormClient
from tests.support.queue_server import QueueServer


@pytest.fixture
def queue(app: Flask, queue_server: QueueServer) -> Queue:
    """The product's queue with one job on it."""
    queue_server.flush_queue()
    connection = app.extensions["redis"] = Redis.from_url(queue_server.url)
    queue = Queue("rockonweb", connection=connection)
    queue.enqueue("rockonweb.jobs.run", 7, job_id="operation-7")
    return queue


def post(client: FormClient, path: str) -> int:
    """Post as the dashboard's script does: with the cookie's token in a header."""
    client.get("/jobs/")
    cookie = client.get_cookie("_csrf_token", path="/jobs")
    assert cookie
    return client.post(path, headers={"X-CSRFToken": cookie.value}).status_code


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/",
        "/jobs/0/view/workers",
        "/jobs/0/view/jobs",
        "/jobs/0/view/jobs/rockonweb/queued/8/asc/1",
        "/jobs/0/view/job/operation-7",
        "/jobs/0/data/queues.json",
        "/jobs/0/data/workers.json",
        "/jobs/0/data/jobs/rockonweb/queued/8/asc/1.json",
        "/jobs/0/data/job/operation-7.json",
    ],
)
def test_its_pages_and_data_are_served_with_their_own_policy(owner_client: FormClient, queue: Queue, path: str) -> None:
    answer = owner_client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Security-Policy"] == POLICY


def test_it_shows_the_jobs(owner_client: FormClient, queue: Queue) -> None:
    answer = owner_client.get("/jobs/0/data/jobs/rockonweb/queued/8/asc/1.json").json
    assert answer is not None
    assert [job["id"] for job in answer["jobs"]] == ["operation-7"]


@pytest.mark.parametrize(
    "path", ["/jobs/", "/jobs/0/view/workers", "/jobs/0/view/jobs", "/jobs/0/view/job/operation-7"]
)
def test_what_a_job_says_is_text_in_its_templates(owner_client: FormClient, queue: Queue, path: str) -> None:
    text = owner_client.get(path).text
    put_in = re.findall(r"<%= ?(.*?)%>", text)
    assert [words for words in put_in if re.match(r"d\.|jobId|JSON", words)] == []
    assert "<%- d." in text


def test_its_buttons_work_with_the_token_of_its_cookie(owner_client: FormClient, queue: Queue) -> None:
    assert owner_client.post("/jobs/queue/rockonweb/queued/empty").status_code == 400
    assert queue.count == 1
    assert post(owner_client, "/jobs/queue/rockonweb/queued/empty") == 200
    assert queue.count == 0


def test_its_cookie_goes_nowhere_else_and_by_https_alone_where_it_came_by_https(
    owner_client: FormClient, queue: Queue
) -> None:
    [given] = [one for one in owner_client.get("/jobs/").headers.getlist("Set-Cookie") if "_csrf_token" in one]
    assert "; SameSite=Strict" in given
    assert "; Path=/jobs" in given
    assert "; Secure" not in given
    secure = owner_client.get("/jobs/", base_url="https://localhost").headers.getlist("Set-Cookie")
    assert ["; Secure" in one for one in secure if "_csrf_token" in one] == [True]


def test_a_get_changes_nothing(owner_client: FormClient, queue: Queue) -> None:
    assert owner_client.get("/jobs/requeue/rockonweb").status_code == 405
    assert owner_client.head("/jobs/requeue/rockonweb").status_code == 405
    assert post(owner_client, "/jobs/requeue/rockonweb") == 200


def test_what_is_not_there_is_not_found(owner_client: FormClient, queue: Queue) -> None:
    assert owner_client.get("/jobs/0/view/job/nothing").status_code == 404
    assert owner_client.get("/jobs/1/view/queues").status_code == 404
    assert post(owner_client, "/jobs/job/operation-7/requeue") == 409


def test_it_opens_no_connections_of_its_own(owner_client: FormClient, queue: Queue) -> None:
    clients = len(queue.connection.client_list())
    for _ in range(5):
        owner_client.get("/jobs/0/data/queues.json")
    assert len(queue.connection.client_list()) <= clients + 1


def test_a_queue_that_is_down_gives_a_sentence(owner_client: FormClient, app: Flask, tmp_path: Path) -> None:
    app.extensions["redis"] = Redis.from_url(f"unix://{tmp_path}/nobody.sock")
    answer = owner_client.get("/jobs/0/data/queues.json")
    assert answer.status_code == 503
    assert "The job queue does not answer." in answer.text
