"""The pages of newer images: from rows alone, without Docker and without a registry."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from rq.job import Job

from rockonweb.core.docker import image_diff
from rockonweb.core.docker.image_diff import ImageDifference
from rockonweb.core.errors import EngineUnreachable
from rockonweb.core.operations.requests import Notes, RehearseRequest, UpdateRequest
from rockonweb.core.operations.steps import CloneMethod
from rockonweb.core.status.updates import UpdateStatus
from rockonweb.host import engine
from rockonweb.host.clones import ShareClones
from rockonweb.models import (
    ContainerImage,
    Installation,
    Kind,
    Operation,
    OperationStep,
    Progress,
    State,
    db,
    transaction,
)
from rockonweb.models.image import rockon_images
from rockonweb.remote import registry
from rockonweb.work import operations, queue, updates
from tests.support.app import HX, FormClient, add_rockon, mark_installed
from tests.support.docker_stand_in import FakeDocker
from tests.support.samples import label_questions

OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Docker nor a registry may be asked by a page."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a page asks somebody")

    monkeypatch.setattr(engine, "connect_engine", refuse)
    monkeypatch.setattr(registry, "lookup_image", refuse)


def know(rockon: Installation, outcome: UpdateStatus = UpdateStatus.NEWER, **columns: Any) -> Installation:
    """Let the rows say what a look found of the first container of an installed rock-on."""
    with transaction() as session:
        row = ContainerImage(
            container_id=rockon.containers[0].id,
            reference=rockon.containers[0].image,
            **{
                "outcome": outcome,
                "running": "sha256:1",
                "digest": OLD,
                "created": DAY,
                "size": 50_000_000,
                "remote_digest": NEW if outcome is UpdateStatus.NEWER else OLD,
                "remote_size": 20_000_000,
                "seen": DAY,
                **columns,
            },
        )
        session.add(row)
        session.flush()
        rockon.newer_images, rockon.images_looked = row.has_update, DAY
    return rockon


def begun() -> list[tuple[str, str, bool]]:
    db.session.rollback()
    operations = db.session.query(Operation).order_by(Operation.id)
    return [
        (one.kind, one.installation.name, one.request == UpdateRequest(only_pull=True))
        for one in operations
        if one.installation
    ]


def looks(app: Flask) -> list[str]:
    """The looks that wait on the queue."""
    found = [key.decode() for key in queue.redis_connection().keys("rq:job:updates-*")]
    return sorted(key.removeprefix("rq:job:") for key in found if not key.endswith(":dependents"))


def test_both_digests_dates_and_sizes_are_shown(owner_client: FormClient) -> None:
    rockon = know(mark_installed(add_rockon("Syncer")), remote_created=DAY)
    page = owner_client.get(f"/rockons/{rockon.id}/updates").text
    for words in (OLD, NEW, "50.0 MB", "at most 20.0 MB to download", "Newer", "Mar 1, 2026"):
        assert words in page
    assert f'action="/rockons/{rockon.id}/updates/get"' in page
    assert f'action="/rockons/{rockon.id}/updates/review"' in page


def test_what_was_got_is_told_with_its_differences(owner_client: FormClient) -> None:
    found = [ImageDifference("added", "port", after="9090/tcp"), ImageDifference("changed", "variable", "A=1", "A=2")]
    rockon = know(
        mark_installed(add_rockon("Syncer")), got="sha256:2", got_digest=NEW, got_size=60_000_000,
        differences=image_diff.pack_differences(found),
    )  # fmt: skip
    page = owner_client.get(f"/rockons/{rockon.id}/updates").text
    for words in ("9090/tcp", "A=1", "A=2", "port added", "60.0 MB", "Newer, already pulled"):
        assert words in page
    assert "updates/get" not in page


@pytest.mark.parametrize(
    ("outcome", "said", "words"),
    [
        (UpdateStatus.CURRENT, "", ["Newest"]),
        (
            UpdateStatus.UNKNOWN,
            "box.example received too many requests and will answer again later",
            ["Unknown", "received too many requests", "will be checked again later"],
        ),
        (UpdateStatus.GONE, "box.example has no such image", ["Not in registry", "no longer has an image"]),
    ],
)
def test_what_is_not_newer_says_what_it_is(
    owner_client: FormClient, outcome: UpdateStatus, said: str, words: list[str]
) -> None:
    rockon = know(mark_installed(add_rockon("Syncer")), outcome, said=said)
    for path in (f"/rockons/{rockon.id}/updates", "/updates"):
        page = owner_client.get(path).text
        assert words[0] in page
        assert "update-all" not in page
        assert f'action="/rockons/{rockon.id}/update"' not in page
    page = owner_client.get(f"/rockons/{rockon.id}/updates").text
    assert [one for one in words if one not in page] == []
    assert ("Newest" in page) is (outcome is UpdateStatus.CURRENT)


def test_the_update_shows_in_the_list_and_on_the_page_and_goes_with_it(owner_client: FormClient) -> None:
    rockon = mark_installed(add_rockon("Syncer"))
    badge = "A newer image is available."
    assert badge not in owner_client.get("/rockons").text
    know(rockon)
    assert badge in owner_client.get("/rockons").text
    assert f'href="/rockons/{rockon.id}/updates"' in owner_client.get(f"/rockons/{rockon.id}").text
    with transaction():
        rockon.state = State.AVAILABLE
    assert badge not in owner_client.get("/rockons?tab=all").text


def test_the_list_can_be_narrowed_to_what_is_newer(owner_client: FormClient) -> None:
    know(mark_installed(add_rockon("Syncer")))
    know(mark_installed(add_rockon("Current")), UpdateStatus.CURRENT)
    add_rockon("Neither")
    page = owner_client.get("/rockons?tab=all").text
    assert 'href="/rockons?tab=all&amp;update=1"' in page
    for address in ("/rockons?tab=all&update=1", "/rockons?update=1"):
        page = owner_client.get(address).text
        assert ("Syncer" in page, "Current" in page, "Neither" in page) == (True, False, False)
        assert 'name="update" value="1"' in page  # a search keeps it
    assert "No rock-ons match these filters." in owner_client.get("/rockons?update=1&state=stopped").text


def test_a_look_is_a_job_and_one_at_a_time(app: Flask, owner_client: FormClient) -> None:
    rockon = mark_installed(add_rockon("Syncer"))
    for path, back in (
        (f"/rockons/{rockon.id}/updates/look", f"/rockons/{rockon.id}/updates"),
        ("/updates/look", "/updates"),
    ):
        for _ in range(2):
            answer = owner_client.submit_form(path, page=back)
            assert (answer.status_code, answer.location) == (303, back)
        page = owner_client.get(back).text
        assert "Checking the registries…" in page
        assert 'hx-trigger="every 2s"' in page
        assert "<title>" not in owner_client.get(back, headers=HX).text
    assert looks(app) == [f"updates-{rockon.id}", "updates-all"]
    job = Job.fetch("updates-all", connection=queue.redis_connection())
    assert (job.func_name, job.args) == ("rockonweb.jobs.look_for_updates", (0,))


def test_only_getting_it_is_an_operation_too(owner_client: FormClient) -> None:
    rockon = know(mark_installed(add_rockon("Syncer")))
    here = f"/rockons/{rockon.id}/updates"
    answer = owner_client.submit_form(f"{here}/get", page=here)
    assert answer.status_code == 303
    assert answer.location.startswith("/operations/")
    assert begun() == [("update", "Syncer", True)]
    assert owner_client.submit_form(f"{here}/get", page="/updates").location == answer.location  # once is enough
    assert len(begun()) == 1


def test_all_are_updated_each_by_its_own_operation(owner_client: FormClient) -> None:
    _, _, busy, current = (know(mark_installed(add_rockon(name))) for name in ("One", "Other", "Busy", "Current"))
    with transaction() as session:
        current.newer_images = False
        session.add(Operation(kind=Kind.UNINSTALL, installation_id=busy.id, progress=Progress.RUNNING, user="ada"))
    answer = owner_client.submit_form("/updates", page="/updates")
    assert (answer.status_code, answer.location) == (303, "/operations")
    assert begun()[1:] == [("update", "One", False), ("update", "Other", False)]
    assert "Not updated because they are busy with other operations: Busy" in owner_client.get("/operations").text


def test_what_somebody_has_to_decide_first_is_left_out_of_all_and_named(owner_client: FormClient) -> None:
    _, notes = (know(mark_installed(add_rockon(name))) for name in ("One", "Notes"))
    with transaction():
        notes.auto_obstacle = "Notes has 312 files in /app/data, which is in no share; they would be lost."
    owner_client.submit_form("/updates", page="/updates")
    assert begun() == [("update", "One", False)]
    told = owner_client.get("/operations").text
    assert "Not updated because their own page has something to decide first: Notes." in told


def test_the_window_is_kept_and_shown(owner_client: FormClient) -> None:
    rockon = know(mark_installed(add_rockon("Syncer")))
    here = f"/rockons/{rockon.id}/updates"
    page = owner_client.get(here).text
    assert 'value="03:00"' in page
    form = {"enabled": "y", "start": "22:15", "until": "01:00"}
    assert owner_client.submit_form(f"{here}/automatic", form, page=here).status_code == 303
    assert (rockon.auto_update, rockon.auto_from, rockon.auto_until) == (True, 22 * 60 + 15, 60)
    assert 'value="22:15"' in owner_client.get(here).text
    assert "updated automatically" in owner_client.get("/updates").text
    answer = owner_client.submit_form(f"{here}/automatic", {**form, "start": "late"}, page=here)
    assert answer.status_code == 422
    assert "Enter a time such as 03:30." in answer.text
    assert rockon.auto_from == 22 * 60 + 15


def test_an_update_by_itself_begins_within_its_window_and_once_for_an_image(owner_client: FormClient) -> None:
    rockon = know(mark_installed(add_rockon("Syncer")))
    with transaction():
        rockon.auto_update = True
    at = datetime(2026, 3, 1, 4, 59)
    assert updates.due_updates(at) == [rockon.id]
    assert updates.due_updates(at.replace(hour=5)) == []
    updates._submit_automatic(rockon.id)
    assert begun() == [("update", "Syncer", False)]
    with transaction() as session:
        operation = session.query(Operation).one()
        operation.mark_finished(Progress.FAILED, "It did not hold.", "")
        rockon.state = State.INSTALLED
    assert updates.due_updates(at) == []
    page = owner_client.get(f"/rockons/{rockon.id}/updates").text
    assert "The automatic update failed" in page
    assert "It did not hold." in page
    with transaction():
        rockon_images(rockon.id)[0].remote_digest = OLD.replace("a", "c")
    assert updates.due_updates(at) == [rockon.id]  # another image: worth a try


def test_what_somebody_went_back_from_is_not_taken_by_itself(
    owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = know(mark_installed(add_rockon("Syncer")))
    monkeypatch.setattr(updates, "_inspect_local_images", lambda _: {})
    with transaction() as session:
        rockon.auto_update = True
        operation = Operation(
            kind=Kind.CHANGE, installation_id=rockon.id, progress=Progress.DONE, parameters='{"point": 7}'
        )
        session.add(operation)
    at = datetime(2026, 3, 1, 4)
    assert updates.due_updates(at) == [rockon.id]
    updates.refresh_after_operation(operation.id)
    assert updates.due_updates(at) == []
    assert "You rolled back from them." in owner_client.get(f"/rockons/{rockon.id}/updates").text


@pytest.mark.parametrize(("hours", "due"), [("12", True), ("0", False)])
def test_looks_are_queued_a_few_at_a_time_unless_that_is_off(app: Flask, hours: str, due: bool) -> None:
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = type(settings)(**{**vars(settings), "update_hours": int(hours)})
    ids = [mark_installed(add_rockon(f"App {number}")).id for number in range(5)]
    add_rockon("Not installed")
    updates.submit_due_jobs()
    assert looks(app) == ([f"updates-{one}" for one in ids[: updates.MAX_DUE_CHECKS]] if due else [])


def test_who_may_only_look_changes_nothing(app: Flask, viewer: FormClient) -> None:
    rockon = know(mark_installed(add_rockon("Syncer")))
    here = f"/rockons/{rockon.id}/updates"
    for path in (here, "/updates"):
        page = viewer.get(path)
        assert page.status_code == 200
        assert '"look"' not in page.text
        assert "/automatic" not in page.text
    for path in (f"{here}/look", f"{here}/get", f"{here}/automatic", "/updates/look", "/updates"):
        assert viewer.submit_form(path, page="/updates").status_code == 403
    assert (begun(), looks(app)) == ([], [])


def test_what_is_not_installed_has_no_updates(owner_client: FormClient) -> None:
    rockon = add_rockon("Syncer")
    assert owner_client.get(f"/rockons/{rockon.id}/updates").status_code == 404
    assert owner_client.get("/rockons/99/updates").status_code == 404
    assert owner_client.submit_form(f"/rockons/{rockon.id}/updates/get", page="/rockons").status_code == 409


def test_what_an_update_does_stands_on_a_page_before_it_is_begun(
    owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: str) -> None:
        raise EngineUnreachable("Docker does not answer.", "Start it.")

    monkeypatch.setattr(engine, "connect_engine", away)
    rockon = know(mark_installed(add_rockon("Syncer")))
    page = owner_client.get(f"/rockons/{rockon.id}/updates/review")
    assert page.status_code == 200
    for words in (
        "Update of Syncer: what will happen",
        "recreated",
        "Docker does not answer.",
        "It can't be updated until",
    ):
        assert words in page.text
    assert begun() == []


def test_shares_that_were_ticked_go_with_the_update(owner_client: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeDocker().replace_engine(monkeypatch)
    rockon = know(mark_installed(add_rockon("Syncer")))
    owner_client.submit_form(f"/rockons/{rockon.id}/updates/review", {"asked": "photos"})
    operation = db.session.query(Operation).one()
    assert operation.request == UpdateRequest(asked=frozenset({"photos"}))
    with transaction():
        operation.mark_finished(Progress.FAILED, "It failed.")
        rockon.state = State.INSTALLED
    again = db.session.get_one(Operation, operations.retry_operation(operation.id, "ada"))
    assert again.request == operation.request


def clone_by(monkeypatch: pytest.MonkeyPatch, method: CloneMethod | None) -> None:
    monkeypatch.setattr(ShareClones, "find_method", lambda *_: method)


def rehearsed(rockon: Installation, progress: Progress, error: str = "", **columns: Any) -> Operation:
    """A rehearsal that has ended, with the step that counts."""
    with transaction() as session:
        made = Operation(kind=Kind.REHEARSE, installation_id=rockon.id, user="ada", **columns)
        made.steps.append(OperationStep(position=0, kind="await_rehearsal", title="wait", progress=progress))
        made.mark_finished(progress, error)
        session.add(made)
    return made


def test_a_rehearsal_is_begun_on_the_review_and_its_result_stands_there(
    owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeDocker().replace_engine(monkeypatch)
    clone_by(monkeypatch, CloneMethod.SNAPSHOT)
    rockon = know(mark_installed(add_rockon("Syncer")))
    path = f"/rockons/{rockon.id}/updates/rehearse"
    for page in (f"/rockons/{rockon.id}/updates", f"/rockons/{rockon.id}/updates/review"):
        assert f'action="{path}"' in owner_client.get(page).text
    assert owner_client.submit_form(path).status_code == 303
    operation = db.session.query(Operation).one()
    assert operation.request == RehearseRequest()
    assert (rockon.state, rockon.status) == ("installed", "started")
    assert "It is being rehearsed." in owner_client.get(f"/rockons/{rockon.id}/updates").text
    with transaction():
        operation.mark_finished(Progress.FAILED, "Docker does not answer.")
    assert "Docker does not answer." in owner_client.get(f"/rockons/{rockon.id}/updates").text
    notes = Notes(warnings=(("Left out of syncer: the network proxy.", ""),))
    held = rehearsed(rockon, Progress.DONE, notes=notes)
    words = "It would hold: a copy of Syncer was healthy with the newest images."
    page = owner_client.get(f"/rockons/{rockon.id}/updates").text
    assert words in page
    assert "Left out of syncer: the network proxy." in page
    assert words in owner_client.get(f"/operations/{held.id}").text
    failed = rehearsed(rockon, Progress.FAILED, "syncer ended with exit code 3.")
    words = "It would not hold: syncer ended with exit code 3."
    assert words in owner_client.get(f"/rockons/{rockon.id}/updates/review").text
    assert words in owner_client.get(f"/operations/{failed.id}").text
    assert owner_client.get(f"/api/rockons/{rockon.id}/rehearsal").get_json() == {
        "operation": failed.id,
        "progress": "failed",
        "finished": failed.finished and failed.finished.isoformat(timespec="seconds"),
        "result": words,
        "left_out": [],
    }


def test_shares_that_can_not_be_cloned_are_copied_only_where_that_is_asked_for(
    owner_client: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone_by(monkeypatch, None)
    rockon = know(mark_installed(add_rockon("Syncer", {"syncer": {"volumes": label_questions({"/data": "Data"})}})))
    with transaction():
        rockon.containers[0].volumes[0].share = "notes"
    path = f"/rockons/{rockon.id}/updates/rehearse"
    page = owner_client.get(f"/rockons/{rockon.id}/updates").text
    assert "notes can&#39;t be cloned" in page
    assert "Copy and rehearse" in page
    assert owner_client.submit_form(path).status_code == 409
    assert owner_client.submit_form(path, {"copy": "1"}).status_code == 303
    assert db.session.query(Operation).one().request == RehearseRequest(copy=True)
    assert owner_client.post(f"/api/rockons/{rockon.id}/rehearse", json={"copy": 1}).status_code == 400


def test_an_app_that_no_room_can_have_is_told_and_has_no_button(owner_client: FormClient) -> None:
    rockon = know(mark_installed(add_rockon("Syncer", {"syncer": {"opts": [["--net", "host"]]}})))
    page = owner_client.get(f"/rockons/{rockon.id}/updates").text
    assert "syncer uses this host&#39;s network." in page
    assert "updates/rehearse" not in page
    assert owner_client.submit_form(f"/rockons/{rockon.id}/updates/rehearse").status_code == 409
    with transaction():
        rockon.auto_update = rockon.auto_rehearse = True
    page = owner_client.get(f"/rockons/{rockon.id}/updates").text
    assert "It is not updated automatically, as it can't be rehearsed." in page


def test_an_automatic_update_waits_for_its_rehearsal_and_is_passed_over_where_that_fails(
    owner_client: FormClient,
) -> None:
    rockon = know(mark_installed(add_rockon("Syncer")))
    owner_client.submit_form(
        f"/rockons/{rockon.id}/updates/automatic",
        {"enabled": "y", "rehearse": "y", "start": "00:00", "until": "00:00"},
    )
    assert (rockon.auto_update, rockon.auto_rehearse) == (True, True)

    def go_on() -> list[tuple[str, str]]:
        updates._submit_automatic(rockon.id)
        db.session.rollback()
        return [(one.kind, one.progress) for one in db.session.query(Operation).order_by(Operation.id)]

    assert go_on() == go_on() == [("rehearse", "queued")]
    assert not updates.was_tried(rockon)
    first = db.session.query(Operation).one()
    with transaction():
        first.mark_finished(Progress.INTERRUPTED, "It was interrupted.")
    assert go_on()[1:] == [("rehearse", "queued")]
    second = db.session.get_one(Operation, first.id + 1)
    with transaction():
        second.mark_finished(Progress.FAILED, "It does not start.")
    assert go_on()[2:] == []
    assert updates.was_tried(rockon)
    page = owner_client.get(f"/rockons/{rockon.id}/updates").text
    assert "The automatic update was passed over, as its rehearsal failed. The app runs as before." in page
    assert "It does not start." in page
    with transaction():
        second.mark_finished(Progress.DONE)
    assert go_on()[2:] == [("update", "queued")]
