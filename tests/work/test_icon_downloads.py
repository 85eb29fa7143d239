"""The pictures follow a refresh."""

from pathlib import Path

import pytest
from flask import Flask
from rq import Queue

from rockonweb import jobs
from rockonweb.catalog import icons as pictures
from rockonweb.models import Kind, Operation, Progress, db, transaction
from rockonweb.work import icon_downloads, queue

DEFINITIONS = Path(__file__).parent.parent / "definitions"


def waiting() -> list[str]:
    return [str(job.func_name) for job in Queue(queue.NAME, connection=queue.redis_connection()).jobs]


@pytest.mark.parametrize(
    ("kind", "progress", "follows"),
    [
        (Kind.REFRESH, Progress.DONE, True),
        (Kind.REFRESH, Progress.FAILED, False),
        (Kind.STOP, Progress.DONE, False),
    ],
)
def test_only_a_refresh_that_is_done_is_followed(app: Flask, kind: Kind, progress: Progress, follows: bool) -> None:
    with transaction() as session:
        session.add(Operation(kind=kind, progress=progress))
    icon_downloads.fetch_after_refresh(1)
    assert waiting() == ([icon_downloads.JOB] if follows else [])
    icon_downloads.fetch_after_refresh(99)


def test_a_refresh_as_a_job_is_followed_by_one_for_pictures(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    folder: Path = app.config["SETTINGS"].local_metastore
    folder.mkdir(parents=True)
    (folder / "bare.json").write_text((DEFINITIONS / "bare.json").read_text())
    with transaction() as session:
        session.add(Operation(kind=Kind.REFRESH))
    asked: list[bool] = []
    monkeypatch.setattr(pictures, "refresh_icons", lambda: asked.append(True))
    jobs.run(1)
    assert waiting() == ["rockonweb.jobs.fetch_icons"]
    assert asked == []  # not within the refresh: it waits for nobody
    jobs.fetch_icons()
    assert asked == [True]
    assert db.session.get_one(Operation, 1).error == ""


def test_without_a_queue_nothing_happens(app: Flask) -> None:
    app.extensions["redis"] = queue.connect_redis(app.config["SETTINGS"])
    icon_downloads.enqueue_icon_fetch()
