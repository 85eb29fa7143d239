"""What runs, waits and ran."""

import json
import re
from datetime import timedelta

import pytest

from rockonweb.models import Kind, Operation, OperationStep, Progress, RockOn, Role, State, Status, db, now, writing
from rockonweb.web.wording import percent
from rockonweb.work import operations
from tests.support.app import HX, Visitor, add_user, install, shelve


def make(
    rockon: RockOn | None, progress: Progress, *steps: OperationStep, kind: Kind = Kind.STOP, **columns: object
) -> int:
    """Put an operation on record and return its id."""
    with writing() as session:
        operation = Operation(
            kind=kind, rockon_id=rockon.id if rockon else None, progress=progress, user="ada", **columns
        )
        operation.steps = list(steps)
        for place, step in enumerate(steps):
            step.position = place
        session.add(operation)
        session.flush()
        return operation.id


def step(title: str, progress: Progress, **columns: object) -> OperationStep:
    started = now() - timedelta(seconds=5)
    finished = None if progress in (Progress.QUEUED, Progress.RUNNING) else started + timedelta(seconds=1.2)
    return OperationStep(title=title, progress=progress, started=started, finished=finished, **columns)


# -- the list -----------------------------------------------------------------------------------------------------


def test_the_list_has_what_runs_first_then_the_newest(owner_client: Visitor) -> None:
    notes, wiki = install(shelve("Notes")), install(shelve("Wiki"))
    make(notes, Progress.RUNNING)
    make(wiki, Progress.DONE)
    make(None, Progress.FAILED, kind=Kind.REFRESH, error="No metastore answered.")
    text = owner_client.get("/operations").text
    assert re.findall(r'class="line-title"[^>]*>([^<]+)<', text) == [
        "Stop: Notes",
        "Refresh of the catalogue",
        "Stop: Wiki",
    ]
    assert "No metastore answered." in text


def test_the_list_looks_again_only_while_something_runs(owner_client: Visitor) -> None:
    operation = make(install(shelve("Notes")), Progress.QUEUED)
    assert "hx-trigger" in owner_client.get("/operations", headers=HX).text
    with writing() as session:
        session.get_one(Operation, operation).progress = Progress.DONE
    assert "hx-trigger" not in owner_client.get("/operations", headers=HX).text


def test_the_list_has_pages_of_fifty(owner_client: Visitor) -> None:
    for _ in range(51):
        make(None, Progress.DONE, kind=Kind.REFRESH)
    first, second = (owner_client.get(f"/operations?page={page}").text for page in (1, 2))
    assert first.count('class="line"') == 50
    assert second.count('class="line"') == 1
    assert owner_client.get("/operations?page=99999999999999999999").status_code == 200


def test_the_list_may_be_of_one_rockon(owner_client: Visitor) -> None:
    notes = shelve("Notes")
    make(notes, Progress.DONE)
    make(shelve("Wiki"), Progress.DONE)
    text = owner_client.get(f"/operations?rockon={notes.id}").text
    assert ("Stop: Notes" in text, "Stop: Wiki" in text) == (True, False)
    for nonsense in ("x", "99", "-1", "99999999999999999999"):
        assert owner_client.get(f"/operations?rockon={nonsense}").status_code == 200


def test_an_empty_list_says_what_will_stand_here(owner_client: Visitor) -> None:
    assert "Nothing was done yet." in owner_client.get("/operations").text


# -- one operation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("progress", [Progress.QUEUED, Progress.RUNNING])
def test_an_active_operation_looks_again_and_can_be_cancelled(owner_client: Visitor, progress: Progress) -> None:
    operation = make(install(shelve("Notes")), progress)
    page = owner_client.get(f"/operations/{operation}").text
    assert 'hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert f'action="/operations/{operation}/cancel"' in page
    assert f'action="/operations/{operation}/retry"' not in page


@pytest.mark.parametrize("progress", [Progress.DONE, Progress.FAILED, Progress.CANCELLED, Progress.INTERRUPTED])
def test_a_finished_operation_does_not(owner_client: Visitor, progress: Progress) -> None:
    operation = make(install(shelve("Notes")), progress, finished=now())
    page = owner_client.get(f"/operations/{operation}").text
    assert "every 1s" not in page
    assert "http-equiv" not in page
    assert "/cancel" not in page
    assert ("/retry" in page) is (progress is not Progress.DONE)


def test_a_failure_has_its_sentence_its_hint_and_docker_s_words_open(owner_client: Visitor) -> None:
    failed = step("pull example/web", Progress.FAILED, why="get it", output="no such <image>")
    done = step("make share x", Progress.DONE, output="made")
    skipped = OperationStep(title="start web", progress=Progress.SKIPPED)
    operation = make(
        install(shelve("Notes"), state=State.INSTALL_FAILED), Progress.FAILED, done, failed, skipped,
        kind=Kind.INSTALL, error="The image is not there.", hint="Check its name.", finished=now(),
    )  # fmt: skip
    page = owner_client.get(f"/operations/{operation}").text
    for words in ("The image is not there.", "Check its name.", "no such &lt;image&gt;", "get it", "1.2 s", "Skipped"):
        assert words in page
    details = re.findall(r'<details class="step-output"[^>]*>', page)
    assert [" open" in one for one in details] == [False, True]
    assert "/rockons/1/install" in page


def test_progress_counts_steps_and_the_bytes_of_the_pull(owner_client: Visitor) -> None:
    steps = [
        step("make share x", Progress.DONE),
        step("pull example/web", Progress.RUNNING, current=150_000_000, total=300_000_000),
        OperationStep(title="make container web", progress=Progress.QUEUED),
        OperationStep(title="start web", progress=Progress.QUEUED),
    ]
    operation = make(install(shelve("Notes")), Progress.RUNNING, *steps)
    page = owner_client.get(f"/operations/{operation}").text
    assert 'max="100" value="38"' in page
    assert "150.0 MB of 300.0 MB" in page


def test_percent_is_never_out_of_range() -> None:
    assert percent(Operation(progress=Progress.QUEUED)) == 0
    assert percent(Operation(progress=Progress.DONE)) == 100
    pull = step("pull", Progress.RUNNING, current=900, total=300)
    assert percent(Operation(progress=Progress.RUNNING, steps=[pull])) == 100
    nothing_known = step("pull", Progress.RUNNING, current=None, total=None)
    assert percent(Operation(progress=Progress.RUNNING, steps=[nothing_known])) == 0


def test_the_reviewed_commands_are_kept_masked_and_escaped(owner_client: Visitor) -> None:
    lines = json.dumps(["docker run -e TOKEN=******** --label '<b>' example/web"])
    operation = make(install(shelve("Notes")), Progress.DONE, kind=Kind.INSTALL, reviewed=lines)
    page = owner_client.get(f"/operations/{operation}").text
    assert "docker run -e TOKEN=******** --label &#39;&lt;b&gt;&#39; example/web" in page


def test_a_done_install_leads_to_the_app(owner_client: Visitor) -> None:
    port = {"label": "", "description": "", "host_default": 8080, "ui": True}
    notes = install(shelve("Notes", {"web": {"ports": {"80": port}}}))
    operation = make(notes, Progress.DONE, kind=Kind.INSTALL, finished=now())
    assert 'href="http://localhost:8080/"' in owner_client.get(f"/operations/{operation}").text
    with writing():
        notes.status = Status.STOPPED
    assert "http://localhost:8080/" not in owner_client.get(f"/operations/{operation}").text


def test_cancel_asks_the_operation_to_stop(owner_client: Visitor) -> None:
    operation = operations.begin(Kind.STOP, install(shelve("Notes")), "ada")
    answer = owner_client.send(f"/operations/{operation}/cancel", page="/rockons")
    assert (answer.status_code, answer.location) == (303, f"/operations/{operation}")


def test_cancel_after_the_end_is_a_conflict(owner_client: Visitor) -> None:
    operation = make(install(shelve("Notes")), Progress.DONE)
    answer = owner_client.send(f"/operations/{operation}/cancel", page="/rockons")
    assert answer.status_code == 409
    assert "This operation has ended already." in answer.text


def test_retry_begins_a_new_operation(owner_client: Visitor) -> None:
    failed = make(install(shelve("Notes")), Progress.FAILED, finished=now())
    answer = owner_client.send(f"/operations/{failed}/retry", page="/rockons")
    assert (answer.status_code, answer.location) == (303, f"/operations/{failed + 1}")
    assert db.session.get_one(Operation, failed + 1).kind is Kind.STOP


def test_who_may_not_begin_it_may_not_cancel_or_repeat_it(client: Visitor) -> None:
    add_user("olga", Role.OPERATOR)
    client.log_in("olga")
    notes = install(shelve("Notes"))
    stop, uninstall = make(notes, Progress.FAILED), make(notes, Progress.FAILED, kind=Kind.UNINSTALL)
    assert "/retry" in client.get(f"/operations/{stop}").text
    assert "/retry" not in client.get(f"/operations/{uninstall}").text
    for verb in ("retry", "cancel"):
        assert client.send(f"/operations/{uninstall}/{verb}", page="/rockons").status_code == 403


def test_an_unknown_operation_is_not_found(owner_client: Visitor) -> None:
    assert owner_client.get("/operations/99").status_code == 404
    for verb in ("retry", "cancel"):
        assert owner_client.send(f"/operations/99/{verb}", page="/rockons").status_code == 404


def test_an_unreachable_queue_gives_a_sentence(owner_client: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    from rockonweb.core.errors import QueueUnreachable
    from rockonweb.work import queue

    def refuse() -> None:
        raise QueueUnreachable("The job queue does not answer.", "Start it.")

    monkeypatch.setattr(queue, "ping", refuse)
    install(shelve("Notes"))
    answer = owner_client.send("/rockons/1/stop", page="/rockons")
    assert answer.status_code == 503
    assert "The job queue does not answer." in answer.text
    assert db.session.query(Operation).count() == 0


# -- what runs, in short ------------------------------------------------------------------------------------------


LAYERS = '[["aa11","loading",3000000,9000000],["bb22","done",5000000,5000000],["cc33","waiting",0,0]]'


def test_layers_under_way_have_bars_and_the_others_are_folded(owner_client: Visitor) -> None:
    pull = step("pull example/web", Progress.RUNNING, current=8_000_000, total=14_000_000, layers=LAYERS)
    operation = make(install(shelve("Notes")), Progress.RUNNING, pull, OperationStep(title="start web"))
    page = owner_client.get(f"/operations/{operation}").text
    assert "8.0 MB of 14.0 MB" in page
    assert '<progress class="bar bar-small" max="9000000" value="3000000" aria-label="aa11">' in page
    assert "1 layer waits" in page
    assert "1 layer is here" in page
    with writing() as session:
        ended = session.get_one(Operation, operation)
        ended.progress, ended.steps[0].progress, ended.steps[0].finished = Progress.DONE, Progress.DONE, now()
    page = owner_client.get(f"/operations/{operation}").text
    assert "3 layers, 8.0 MB pulled" in page
    assert "aa11" not in page


def test_the_browser_s_tab_tells_how_far_it_is(owner_client: Visitor) -> None:
    pull = step("pull example/web", Progress.RUNNING, current=8, total=10)
    operation = make(install(shelve("Notes")), Progress.RUNNING, pull, OperationStep(title="start web"))
    title = "<title>Stop: Notes · 40 % · Rockonweb</title>"
    page = owner_client.get(f"/operations/{operation}").text
    assert page.count("<title>") == 1
    assert title in page
    assert owner_client.get(f"/operations/{operation}", headers=HX).text.startswith(title)
    with writing() as session:
        session.get_one(Operation, operation).progress = Progress.FAILED
    assert "<title>Stop: Notes · Failed · Rockonweb</title>" in owner_client.get(f"/operations/{operation}").text


def test_every_page_says_how_many_run_and_rests_when_none_does(owner_client: Visitor) -> None:
    assert re.search(r'<span id="running" hidden [^>]*every 30s', owner_client.get("/shares").text)
    notes, wiki = install(shelve("Notes")), install(shelve("Wiki"))
    first, second = make(notes, Progress.RUNNING), make(wiki, Progress.QUEUED)
    link = r'<a id="running"[^>]*href="/operations"[^>]*hx-get="/operations/running" hx-trigger="every 3s"'
    page = owner_client.get("/shares").text
    assert re.search(link, page)
    assert "<span>2 running</span>" in page
    with writing() as session:
        session.get_one(Operation, first).progress = Progress.DONE
    assert "1 running" in owner_client.get("/operations/running", headers=HX).text
    with writing() as session:
        session.get_one(Operation, second).progress = Progress.DONE
    assert "hidden" in owner_client.get("/operations/running", headers=HX).text


def test_a_card_says_how_far_it_is_and_then_rests(owner_client: Visitor) -> None:
    pull = step("pull example/web", Progress.RUNNING, current=8_000_000, total=10_000_000)
    operation = make(install(shelve("Notes")), Progress.RUNNING, pull, OperationStep(title="start web"))
    words = "40 % · step 1 of 2 · 8.0 MB of 10.0 MB"
    assert words in owner_client.get("/rockons").text
    line = owner_client.get(f"/operations/{operation}/line", headers=HX).text
    assert words in line
    assert "every 2s" in line
    with writing() as session:
        session.get_one(Operation, operation).progress = Progress.DONE
    assert owner_client.get(f"/operations/{operation}/line", headers=HX).text.strip() == ""
    assert owner_client.get("/operations/99/line", headers=HX).status_code == 404
