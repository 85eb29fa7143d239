"""What runs, waits and ran."""

import html
import re
from datetime import UTC, timedelta

import pytest
from flask import Flask

from rockonweb.core.operations.requests import Notes, blank_request
from rockonweb.core.text import t
from rockonweb.models import (
    Installation,
    Kind,
    Operation,
    OperationStep,
    Progress,
    State,
    Status,
    db,
    transaction,
    utc_now,
)
from rockonweb.work import operations
from tests.support.app import HX, FormClient, add_rockon, mark_installed
from tests.support.pages import find_pattern
from tests.support.samples import port_question


def make(
    rockon: Installation | None, progress: Progress, *steps: OperationStep, kind: Kind = Kind.STOP, **columns: object
) -> int:
    """Put an operation on record and return its id."""
    with transaction() as session:
        operation = Operation(
            kind=kind, installation_id=rockon.id if rockon else None, progress=progress, user="ada", **columns
        )
        operation.steps = list(steps)
        for place, step in enumerate(steps):
            step.position = place
        session.add(operation)
        session.flush()
        return operation.id


def step(title: str, progress: Progress, **columns: object) -> OperationStep:
    started = utc_now() - timedelta(seconds=5)
    finished = None if progress in (Progress.QUEUED, Progress.RUNNING) else started + timedelta(seconds=1.2)
    return OperationStep(title=title, progress=progress, started=started, finished=finished, **columns)


# -- the list -----------------------------------------------------------------------------------------------------


def test_the_list_has_what_runs_first_then_the_newest(owner_client: FormClient) -> None:
    notes, wiki = mark_installed(add_rockon("Notes")), mark_installed(add_rockon("Wiki"))
    make(notes, Progress.RUNNING)
    make(wiki, Progress.DONE)
    make(None, Progress.FAILED, kind=Kind.REFRESH, error="No metastore answered.")
    text = owner_client.get("/operations").text
    assert re.findall(r'class="line-title"[^>]*>([^<]+)<', text) == [
        "Stop: Notes",
        "Catalogue refresh",
        "Stop: Wiki",
    ]
    assert "No metastore answered." in text


def test_the_list_looks_again_only_while_something_runs(owner_client: FormClient) -> None:
    operation = make(mark_installed(add_rockon("Notes")), Progress.QUEUED)
    assert "hx-trigger" in owner_client.get("/operations", headers=HX).text
    with transaction() as session:
        session.get_one(Operation, operation).progress = Progress.DONE
    assert "hx-trigger" not in owner_client.get("/operations", headers=HX).text


def test_the_list_has_pages_of_fifty(owner_client: FormClient) -> None:
    for _ in range(51):
        make(None, Progress.DONE, kind=Kind.REFRESH)
    first, second = (owner_client.get(f"/operations?page={page}").text for page in (1, 2))
    assert first.count('class="line"') == 50
    assert second.count('class="line"') == 1
    assert owner_client.get("/operations?page=99999999999999999999").status_code == 200


def test_the_list_may_be_of_one_rockon(owner_client: FormClient) -> None:
    notes = add_rockon("Notes")
    make(notes, Progress.DONE)
    make(add_rockon("Wiki"), Progress.DONE)
    text = owner_client.get(f"/operations?rockon={notes.id}").text
    assert ("Stop: Notes" in text, "Stop: Wiki" in text) == (True, False)
    for nonsense in ("x", "99", "-1", "99999999999999999999"):
        assert owner_client.get(f"/operations?rockon={nonsense}").status_code == 200


def test_an_empty_list_says_what_will_stand_here(owner_client: FormClient) -> None:
    assert "No operations yet." in owner_client.get("/operations").text


# -- one operation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("progress", [Progress.QUEUED, Progress.RUNNING])
def test_an_active_operation_looks_again_and_can_be_cancelled(owner_client: FormClient, progress: Progress) -> None:
    operation = make(mark_installed(add_rockon("Notes")), progress)
    page = owner_client.get(f"/operations/{operation}").text
    assert 'hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert f'action="/operations/{operation}/cancel"' in page
    assert f'action="/operations/{operation}/retry"' not in page


@pytest.mark.parametrize("progress", [Progress.DONE, Progress.FAILED, Progress.CANCELLED, Progress.INTERRUPTED])
def test_a_finished_operation_does_not(owner_client: FormClient, progress: Progress) -> None:
    operation = make(mark_installed(add_rockon("Notes")), progress, finished=utc_now())
    page = owner_client.get(f"/operations/{operation}").text
    assert "every 1s" not in page
    assert "http-equiv" not in page
    assert "/cancel" not in page
    assert ("/retry" in page) is (progress is not Progress.DONE)


def test_a_failure_has_its_sentence_its_hint_and_docker_s_words_open(owner_client: FormClient) -> None:
    failed = step("pull example/web", Progress.FAILED, why="get it", output="no such <image>")
    done = step("create share x", Progress.DONE, output="created")
    skipped = OperationStep(title="start web", progress=Progress.SKIPPED)
    operation = make(
        mark_installed(add_rockon("Notes"), state=State.INSTALL_FAILED), Progress.FAILED, done, failed, skipped,
        kind=Kind.INSTALL, error="The image is not there.", hint="Check its name.", finished=utc_now(),
    )  # fmt: skip
    page = owner_client.get(f"/operations/{operation}").text
    for words in ("The image is not there.", "Check its name.", "no such &lt;image&gt;", "get it", "1.2 s", "Skipped"):
        assert words in page
    details = re.findall(r'<details class="step-fold"[^>]*>', page)
    assert [" open" in one for one in details] == [False, True]
    assert "/rockons/1/install" in page


def test_the_bar_goes_by_steps_that_have_ended_and_by_bytes(owner_client: FormClient) -> None:
    steps = [
        step("create share x", Progress.DONE),
        OperationStep(
            kind="pull", title="pull example/web", progress=Progress.RUNNING, started=utc_now() - timedelta(seconds=50),
            current=10_000_000, total=40_000_000,
        ),
        OperationStep(title="create container web", progress=Progress.QUEUED),
        OperationStep(title="start web", progress=Progress.QUEUED),
    ]  # fmt: skip
    operation = make(mark_installed(add_rockon("Notes")), Progress.RUNNING, *steps)
    page = owner_client.get(f"/operations/{operation}").text
    assert 'max="100" value="31"' in page
    assert re.search(r"31 % ·\s+pull example/web · 5[0-9] s", page)
    assert '<span class="running-part">31 %</span>' in owner_client.get("/shares").text
    words = r"31 % · step 2 of 4 · pull example/web · 10.0 MB of 40.0 MB · 5[0-9] s"
    assert re.search(words, owner_client.get("/rockons").text)


@pytest.mark.parametrize(
    ("kind", "received", "words"),
    [
        (Kind.INSTALL, {}, "step 1 of 2 · pull example/web · 5"),
        (Kind.INSTALL, {"current": 7_000_000}, "step 1 of 2 · pull example/web · 7.0 MB received · 5"),
        # the steps after the pull are not planned yet
        (Kind.UPDATE, {"current": 7, "total": 10}, "step 1 of 2 · pull example/web · 7 bytes of 10 bytes · 5"),
    ],
)
def test_where_nothing_is_known_the_bar_has_no_value_and_the_words_say_what_is_waited_for(
    owner_client: FormClient, kind: Kind, received: dict[str, int], words: str
) -> None:
    begun = utc_now() - timedelta(seconds=50)
    steps = [
        OperationStep(kind="pull", title="pull example/web", progress=Progress.RUNNING, started=begun, **received),
        OperationStep(kind="pull", title="pull example/db", progress=Progress.QUEUED),
    ]
    operation = make(mark_installed(add_rockon("Notes")), Progress.RUNNING, *steps, kind=kind)
    for path in (f"/operations/{operation}", f"/operations/{operation}/line"):
        text = owner_client.get(path).text
        bar = re.search("<progress[^>]+>", text)
        assert bar
        assert "value" not in bar[0]
        assert "max=" in bar[0]
        assert " %" not in text
    assert words in text
    assert "running-part" not in owner_client.get("/shares").text
    assert "<title>Update" in owner_client.get(f"/operations/{operation}").text or kind is Kind.INSTALL


def test_what_waits_says_for_how_long(owner_client: FormClient) -> None:
    created = utc_now() - timedelta(seconds=200)
    operation = make(mark_installed(add_rockon("Notes")), Progress.QUEUED, created=created)
    assert re.search(r"Waiting for a worker\.\s+3 min 2", owner_client.get(f"/operations/{operation}").text)
    assert "waiting · 3 min 2" in owner_client.get("/rockons").text


def test_many_cards_and_the_bar_cost_as_many_statements_as_one(owner_client: FormClient, statements: list[str]) -> None:
    def count() -> int:
        statements.clear()
        assert "operation-line" in owner_client.get("/rockons").text
        return len(statements)

    make(mark_installed(add_rockon("Notes")), Progress.RUNNING, step("pull a", Progress.RUNNING))
    make(mark_installed(add_rockon("Wiki")), Progress.RUNNING, step("pull b", Progress.RUNNING))
    two = count()
    for place in range(8):
        make(mark_installed(add_rockon(f"App {place}")), Progress.RUNNING, step("pull c", Progress.RUNNING))
    assert count() == two


def test_a_step_that_has_ended_folds_to_a_line_with_its_time(owner_client: FormClient) -> None:
    done = step("create share x", Progress.DONE, why="the app keeps its files there")
    busy = step("pull example/web", Progress.RUNNING, why="what it is made of", output="half of it")
    text = owner_client.get(
        f"/operations/{make(mark_installed(add_rockon('Notes')), Progress.RUNNING, done, busy)}"
    ).text
    fold, rest = text.split('id="steps"', 1)[1].split("</details>", 1)
    assert "the app keeps its files there" in fold.split("<details", 1)[1].split("</summary>")[1]
    assert "1.2 s" in fold.split("<summary>", 1)[1].split("</summary>")[0]
    assert "what it is made of" in rest
    assert '<pre class="output" tabindex="0">half of it</pre>' in rest


def test_what_a_person_opened_stays_open_while_the_page_looks_again(owner_client: FormClient) -> None:
    done = step("create share x", Progress.DONE, output="created")
    operation = make(mark_installed(add_rockon("Notes")), Progress.RUNNING, done, step("start web", Progress.RUNNING))
    folds = [
        re.findall(r'<details class="step-fold" id="([^"]+)" hx-preserve', owner_client.get(path, headers=head).text)
        for path, head in ((f"/operations/{operation}", {}), (f"/operations/{operation}", HX))
    ]
    assert folds[0] == folds[1]
    assert len(folds[0]) == 1


def test_what_an_app_printed_is_for_those_who_may_read_its_logs(
    app: Flask, viewer: FormClient, operator: FormClient
) -> None:
    failed = step("wait for web", Progress.FAILED, output="our own words", app_output="the key is 42")
    operation = make(mark_installed(add_rockon("Notes")), Progress.FAILED, failed, finished=utc_now())
    for path in (f"/operations/{operation}", f"/operations/{operation}/log", f"/operations/{operation}?shown=3"):
        for headers in ({}, HX):
            assert "the key is 42" in operator.get(path, headers=headers).text
            text = viewer.get(path, headers=headers).text
            assert ("our own words" in text, "the key is" in text) == (True, False)
    assert "only to those who may read its logs" in viewer.get(f"/operations/{operation}").text


def test_the_whole_log_is_text_to_read_and_to_keep(owner_client: FormClient) -> None:
    failed = step("pull example/web", Progress.FAILED, why="get it", output="no such \x1b[2J<image>\nsorry")
    lines = ["docker run -e TOKEN=******** example/web"]
    operation = make(
        mark_installed(add_rockon("Notes")), Progress.FAILED, failed, kind=Kind.INSTALL, reviewed=lines,
        error="The image is not there.", hint="Check its name.", finished=utc_now(),
    )  # fmt: skip
    read = owner_client.get(f"/operations/{operation}/log")
    assert read.content_type == "text/plain; charset=utf-8"
    assert read.headers["Content-Disposition"].startswith("inline")
    for words in (
        "Install: Notes (#",
        "The image is not there.\nCheck its name.",
        "[Failed] pull example/web  (1.2 s)",
        "    get it",
        "    | no such \N{REPLACEMENT CHARACTER}[2J<image>\n    | sorry",
        "docker run -e TOKEN=******** example/web",
    ):
        assert words in read.text
    kept = owner_client.get(f"/operations/{operation}/log?download=1")
    assert kept.headers["Content-Disposition"] == f"attachment; filename=operation-{operation}.txt"
    assert kept.text == read.text
    assert owner_client.get("/operations/99/log").status_code == 404


def test_what_warned_when_it_began_is_told_on_its_page_and_in_its_log(owner_client: FormClient) -> None:
    sentence = t("The disk of %(share)s is nearly full.", share="<films>")
    notes = Notes(warnings=((sentence, "Make room."),))
    rockon = mark_installed(add_rockon("Notes"))
    warned = make(rockon, Progress.DONE, kind=Kind.CHANGE, notes=notes)
    page = owner_client.get(f"/operations/{warned}").text
    assert "The disk of &lt;films&gt; is nearly full." in page
    assert "Make room." in page
    assert f"{sentence}\nMake room.\n" in owner_client.get(f"/operations/{warned}/log").text
    calm = make(rockon, Progress.DONE, kind=Kind.CHANGE)
    assert "Warnings" not in owner_client.get(f"/operations/{calm}").text


def test_the_reviewed_commands_are_kept_masked_and_escaped(owner_client: FormClient) -> None:
    lines = ["docker run -e TOKEN=******** --label '<b>' example/web"]
    operation = make(mark_installed(add_rockon("Notes")), Progress.DONE, kind=Kind.INSTALL, reviewed=lines)
    page = owner_client.get(f"/operations/{operation}").text
    assert "docker run -e TOKEN=******** --label &#39;&lt;b&gt;&#39; example/web" in page


def test_a_done_install_leads_to_the_app(owner_client: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes", {"web": {"ports": {"80": port_question(8080, ui=True)}}}))
    operation = make(notes, Progress.DONE, kind=Kind.INSTALL, finished=utc_now())
    assert 'href="http://localhost:8080/"' in owner_client.get(f"/operations/{operation}").text
    with transaction():
        notes.status = Status.STOPPED
    assert "http://localhost:8080/" not in owner_client.get(f"/operations/{operation}").text


def test_cancel_asks_the_operation_to_stop(owner_client: FormClient) -> None:
    operation = operations.submit_operation(mark_installed(add_rockon("Notes")), blank_request(Kind.STOP), "ada")
    answer = owner_client.submit_form(f"/operations/{operation}/cancel", page="/rockons")
    assert (answer.status_code, answer.location) == (303, f"/operations/{operation}")


def test_cancel_after_the_end_is_a_conflict(owner_client: FormClient) -> None:
    operation = make(mark_installed(add_rockon("Notes")), Progress.DONE)
    answer = owner_client.submit_form(f"/operations/{operation}/cancel", page="/rockons")
    assert answer.status_code == 409
    assert "This operation has already ended." in answer.text


def test_retry_begins_a_new_operation(owner_client: FormClient) -> None:
    failed = make(mark_installed(add_rockon("Notes")), Progress.FAILED, finished=utc_now())
    answer = owner_client.submit_form(f"/operations/{failed}/retry", page="/rockons")
    assert (answer.status_code, answer.location) == (303, f"/operations/{failed + 1}")
    assert db.session.get_one(Operation, failed + 1).kind is Kind.STOP


def test_who_may_not_begin_it_may_not_cancel_or_repeat_it(operator: FormClient) -> None:
    notes = mark_installed(add_rockon("Notes"))
    stop, uninstall = make(notes, Progress.FAILED), make(notes, Progress.FAILED, kind=Kind.UNINSTALL)
    assert "/retry" in operator.get(f"/operations/{stop}").text
    assert "/retry" not in operator.get(f"/operations/{uninstall}").text
    for verb in ("retry", "cancel"):
        assert operator.submit_form(f"/operations/{uninstall}/{verb}", page="/rockons").status_code == 403


def test_an_unknown_operation_is_not_found(owner_client: FormClient) -> None:
    assert owner_client.get("/operations/99").status_code == 404
    for verb in ("retry", "cancel"):
        assert owner_client.submit_form(f"/operations/99/{verb}", page="/rockons").status_code == 404


def test_an_unreachable_queue_gives_a_sentence(owner_client: FormClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from rockonweb.core.errors import QueueUnreachable
    from rockonweb.work import queue

    def refuse() -> None:
        raise QueueUnreachable("The job queue does not answer.", "Start it.")

    monkeypatch.setattr(queue, "ping", refuse)
    mark_installed(add_rockon("Notes"))
    answer = owner_client.submit_form("/rockons/1/stop", page="/rockons")
    assert answer.status_code == 503
    assert "The job queue does not answer." in answer.text
    assert db.session.query(Operation).count() == 0


# -- what runs, in short ------------------------------------------------------------------------------------------


LAYERS = '[["aa11","loading",3000000,9000000],["bb22","done",5000000,5000000],["cc33","waiting",0,0]]'


def test_layers_under_way_have_bars_and_the_others_are_folded(owner_client: FormClient) -> None:
    pull = step("pull example/web", Progress.RUNNING, current=8_000_000, total=14_000_000, layers=LAYERS)
    operation = make(mark_installed(add_rockon("Notes")), Progress.RUNNING, pull, OperationStep(title="start web"))
    page = owner_client.get(f"/operations/{operation}").text
    assert "8.0 MB of 14.0 MB" in page
    assert '<progress class="bar bar-small" max="9000000" value="3000000" aria-label="aa11">' in page
    assert "1 layer waiting" in page
    assert "1 layer complete" in page
    with transaction() as session:
        ended = session.get_one(Operation, operation)
        ended.progress, ended.steps[0].progress, ended.steps[0].finished = Progress.DONE, Progress.DONE, utc_now()
    page = owner_client.get(f"/operations/{operation}").text
    assert "3 layers, 8.0 MB pulled" in page
    assert "aa11" not in page


def test_the_browser_s_tab_tells_how_far_it_is(owner_client: FormClient) -> None:
    pull = step("pull example/web", Progress.RUNNING, current=8, total=10)
    operation = make(mark_installed(add_rockon("Notes")), Progress.RUNNING, pull, OperationStep(title="start web"))
    title = "<title>Stop: Notes · 40 % · Rockonweb</title>"
    page = owner_client.get(f"/operations/{operation}").text
    assert page.count("<title>") == 1
    assert re.search(title, page)
    assert re.match(title, owner_client.get(f"/operations/{operation}", headers=HX).text)
    with transaction() as session:
        session.get_one(Operation, operation).progress = Progress.FAILED
    text = owner_client.get(f"/operations/{operation}").text
    assert "<title>✗ Notes could not be stopped · Rockonweb</title>" in text


@pytest.mark.parametrize(
    ("kind", "progress", "title"),
    [
        (Kind.INSTALL, Progress.DONE, "✓ Notes was installed"),
        (Kind.UPDATE, Progress.FAILED, "✗ Notes could not be updated"),
        (Kind.CHANGE, Progress.CANCELLED, "✗ Change: Notes · Cancelled"),
        (Kind.RESTART, Progress.INTERRUPTED, "✗ Restart: Notes · Interrupted"),
    ],
)
def test_the_browser_s_tab_tells_what_became_of_it(
    owner_client: FormClient, kind: Kind, progress: Progress, title: str
) -> None:
    operation = make(mark_installed(add_rockon("Notes")), progress, kind=kind, finished=utc_now())
    assert f"<title>{title} · Rockonweb</title>" in owner_client.get(f"/operations/{operation}", headers=HX).text


def test_every_page_says_how_many_run_and_rests_when_none_does(owner_client: FormClient) -> None:
    assert re.search(r'<span id="running" hidden [^>]*every 30s', owner_client.get("/shares").text)
    notes, wiki = mark_installed(add_rockon("Notes")), mark_installed(add_rockon("Wiki"))
    first, second = make(notes, Progress.RUNNING), make(wiki, Progress.QUEUED)
    again = r'hx-get="/operations/running\?last=2&amp;watch=1,2" hx-trigger="every 3s"'
    link = rf'<a id="running"[^>]*href="/operations"[^>]*{again}'
    page = owner_client.get("/shares").text
    assert re.search(link, page)
    assert "<span>2 running</span>" in page
    with transaction() as session:
        session.get_one(Operation, first).progress = Progress.DONE
    assert "1 running" in owner_client.get("/operations/running", headers=HX).text
    with transaction() as session:
        session.get_one(Operation, second).progress = Progress.DONE
    assert "hidden" in owner_client.get("/operations/running", headers=HX).text


def test_a_card_says_how_far_it_is_and_then_rests(owner_client: FormClient) -> None:
    pull = step("pull example/web", Progress.RUNNING, current=8_000_000, total=10_000_000)
    operation = make(mark_installed(add_rockon("Notes")), Progress.RUNNING, pull, OperationStep(title="start web"))
    words = "40 % · step 1 of 2 · pull example/web · 8.0 MB of 10.0 MB · 5"
    assert re.search(words, owner_client.get("/rockons").text)
    line = owner_client.get(f"/operations/{operation}/line", headers=HX).text
    assert re.search(words, line)
    assert "every 2s" in line
    with transaction() as session:
        session.get_one(Operation, operation).progress = Progress.DONE
    assert owner_client.get(f"/operations/{operation}/line", headers=HX).text.strip() == ""
    assert owner_client.get("/operations/99/line", headers=HX).status_code == 404


# -- what has ended, on any page ----------------------------------------------------------------------------------


def poll(visitor: FormClient, address: str, here: str = "/shares") -> str:
    return visitor.get(address, headers={**HX, "HX-Current-URL": f"http://localhost{here}"}).text


def asked_next(text: str) -> str:
    return find_pattern(r'id="running"[^>]*hx-get="([^"]+)"', text)


def test_a_page_is_told_once_of_what_ended_since_it_was_loaded(owner_client: FormClient) -> None:
    notes, wiki = mark_installed(add_rockon("Notes")), mark_installed(add_rockon("Wiki"))
    make(notes, Progress.DONE)
    running = make(notes, Progress.RUNNING)
    text = poll(owner_client, asked_next(owner_client.get("/shares").text))
    assert "toast-line" not in text
    with transaction() as session:
        session.get_one(Operation, running).mark_finished(Progress.DONE)
    make(wiki, Progress.FAILED, kind=Kind.START, error="No.")  # begun and ended between two looks
    text = poll(owner_client, asked_next(text))
    assert 'hx-swap-oob="beforeend:#toasts"' in text
    assert re.findall(r'data-title="([^"]+)"', text) == ["✓ Notes was stopped", "✗ Wiki could not be started"]
    assert f'href="/operations/{running}"' in text
    assert "toast-line" not in poll(owner_client, asked_next(text))


def test_its_own_page_tells_an_end_itself(owner_client: FormClient) -> None:
    running = make(mark_installed(add_rockon("Notes")), Progress.RUNNING)
    address = asked_next(owner_client.get(f"/operations/{running}").text)
    with transaction() as session:
        session.get_one(Operation, running).mark_finished(Progress.DONE)
    assert "toast-line" not in poll(owner_client, address, f"/operations/{running}")
    assert "toast-line" in poll(owner_client, address, "/operations")


def test_a_page_is_not_told_of_everything_that_ever_was(owner_client: FormClient) -> None:
    for _ in range(9):
        make(None, Progress.DONE, kind=Kind.REFRESH)
    assert poll(owner_client, "/operations/running?last=0").count("toast-line") == 5
    for nonsense in ("", "?last=x&watch=,,a", "?last=-1", "?last=99999999999999999999&watch=99999999999999999999"):
        answer = owner_client.get(f"/operations/running{nonsense}", headers=HX)
        assert (answer.status_code, "toast-line" in answer.text) == (200, False)


def test_a_page_that_rests_asks_by_one_statement(owner_client: FormClient, statements: list[str]) -> None:
    make(mark_installed(add_rockon("Notes")), Progress.DONE)
    address = asked_next(owner_client.get("/shares").text)
    statements.clear()
    poll(owner_client, address)
    assert sum("FROM operation" in one for one in statements) == 1


def test_a_name_is_inert_in_a_notice(owner_client: FormClient) -> None:
    make(mark_installed(add_rockon('<img src=x onerror="x()">')), Progress.DONE)
    text = poll(owner_client, "/operations/running?last=0")
    assert "<img" not in text
    assert 'onerror="' not in text


def test_people_who_don_t_see_the_bar_are_told_of_each_step(owner_client: FormClient) -> None:
    operation = make(mark_installed(add_rockon("Notes")), Progress.RUNNING, step("pull a", Progress.RUNNING))
    page = owner_client.get(f"/operations/{operation}").text
    assert re.search(r'<p class="visually-hidden" id="told" role="status"[^>]*>pull a</p>', page)
    address = find_pattern(r'id="operation" hx-get="([^"]+)"', page)
    again = owner_client.get(address, headers=HX).text
    assert "innerHTML:#told" not in again
    with transaction() as session:
        session.get_one(Operation, operation).mark_finished(Progress.DONE)
    again = owner_client.get(address, headers=HX).text
    assert '<div hx-swap-oob="innerHTML:#told">Notes was stopped</div>' in again


# -- the list, filtered -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["Stop: Notes", "Catalogue refresh", "Install: Notes", "Start: Notes"]),
        ("?outcome=running", ["Stop: Notes"]),
        ("?outcome=failed", ["Install: Notes", "Start: Notes"]),
        ("?outcome=done", ["Catalogue refresh"]),
        ("?kind=install", ["Install: Notes"]),
        ("?kind=install&outcome=done", []),
        (
            "?kind=nonsense&outcome=nonsense",
            ["Stop: Notes", "Catalogue refresh", "Install: Notes", "Start: Notes"],
        ),
    ],
)
def test_the_list_can_be_filtered(owner_client: FormClient, query: str, titles: list[str]) -> None:
    notes = mark_installed(add_rockon("Notes"))
    make(notes, Progress.INTERRUPTED, kind=Kind.START)
    make(notes, Progress.FAILED, kind=Kind.INSTALL)
    make(None, Progress.DONE, kind=Kind.REFRESH)
    make(notes, Progress.RUNNING)
    text = owner_client.get(f"/operations{query}").text
    assert re.findall(r'class="line-title"[^>]*>([^<]+)<', text) == titles
    assert ("No operations match these filters." in text) is (not titles)


def test_a_filter_stays_while_the_list_looks_again_and_with_the_other(owner_client: FormClient) -> None:
    make(mark_installed(add_rockon("Notes")), Progress.RUNNING)
    text = html.unescape(owner_client.get("/operations?kind=stop").text)
    assert 'hx-get="/operations?kind=stop"' in text
    assert 'href="/operations?outcome=failed&kind=stop"' in text


def test_moments_are_told_as_people_say_them(owner_client: FormClient) -> None:
    noon = utc_now().astimezone().replace(hour=12, minute=34)
    for days in (0, 1, 40):
        make(None, Progress.DONE, kind=Kind.REFRESH, created=(noon - timedelta(days=days)).astimezone(UTC))
    words = re.findall(r"<time [^>]*>([^<]+)</time>", owner_client.get("/operations").text)
    assert [one.split(",")[0] for one in words[1:]] == ["yesterday", "today"]
    assert re.search(r"\d{4}, 12:34", words[0])
