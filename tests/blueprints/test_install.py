"""The install wizard's pages, as a browser without JavaScript meets them."""

import os
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.parser import ParsedDefinition
from rockonweb.core.facts import ContainerFacts, PortListener
from rockonweb.core.text import t
from rockonweb.host import Host, HostDevice, ShareConstraints
from rockonweb.host.shares import Shares
from rockonweb.models import Draft, Installation, Kind, Operation, State, db, repository, transaction
from tests.support.app import HX, FormClient, installation_by_id, make_app, make_shares, new_visitor, put_definitions
from tests.support.docker_stand_in import FakeDocker
from tests.support.pages import field_errors, find_pattern, visible_text
from tests.support.samples import NAMES, label_questions, parse_rockon, parsed_file, port_question


def fixture(file: str) -> ParsedDefinition:
    return parsed_file(file)[0]


def small(name: str = "Sample", **web: Any) -> ParsedDefinition:
    return parse_rockon({"web": web}, name)


class Wizard:
    """A rock-on's wizard, walked with a client."""

    def __init__(self, client: FormClient, rockon_id: int) -> None:
        self.client = client
        self.id = rockon_id
        self.url = f"/rockons/{rockon_id}/install"

    def get(self, page: str, **headers: str) -> TestResponse:
        return self.client.get(f"{self.url}/{page}")

    def post(self, page: str, button: str = "Next", **fields: str) -> TestResponse:
        return self.client.submit_form(f"{self.url}/{page}", {**fields, **({button: button} if button else {})})

    def fill(self, page: str, button: str = "Next", **over: str) -> TestResponse:
        """Send a page's form as it is, with `over` typed into it."""
        return self.post(page, button, **{**inputs(self.get(page)), **over})

    def submit(self) -> TestResponse:
        return self.fill("summary", "Submit")

    def page_of(self, response: TestResponse) -> str:
        assert response.status_code == 303
        assert response.location.startswith(f"{self.url}/")
        return response.location.rsplit("/", 1)[-1]


Start = Callable[[ParsedDefinition], Wizard]


@pytest.fixture
def start(owner_client: FormClient, docker: FakeDocker) -> Start:
    """`start(definition)` puts it into the catalogue and returns its wizard."""

    def begin(found: ParsedDefinition) -> Wizard:
        return Wizard(owner_client, put_definitions(found)[0])

    return begin


def form_of(response: TestResponse) -> str:
    return re.findall(r"<form[^>]*/install/.*?</form>", response.text, re.DOTALL)[0]


def inputs(response: TestResponse) -> dict[str, str]:
    """Return the fields of a page's form as a browser would send them, with the boxes ticked that must be."""
    assert response.status_code == 200, response.location
    found = {}
    for tag in re.findall(r"<input[^>]*>", form_of(response)):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes.get("type") != "checkbox" or " required" in tag:
            found[unescape(attributes["name"])] = unescape(attributes.get("value", ""))
    return found


# -- which pages


@pytest.mark.parametrize("file", NAMES)
def test_every_fixture_can_be_walked_from_the_first_page_to_the_summary(start: Start, file: str) -> None:
    wizard = start(fixture(file))
    page = wizard.page_of(wizard.client.get(wizard.url))
    seen = [page]
    while page != "summary":
        fields = inputs(wizard.get(page))
        typed = {name: "some text" for name in fields if name.startswith(("environment", "custom-config"))}
        page = wizard.page_of(wizard.fill(page, **typed))
        seen.append(page)
    order = ["shares", "ports", "devices", "environment", "custom-config", "summary"]
    assert seen == [page for page in order if page in seen]
    assert wizard.get("summary").status_code == 200
    for page in set(order) - set(seen):
        assert wizard.get(page).status_code == 404
        assert wizard.post(page).status_code == 404


@pytest.mark.parametrize("page", ["nonsense", "Shares", "shares/", "custom_config", "../.."])
def test_an_unknown_page_is_404(start: Start, page: str) -> None:
    assert start(fixture("everything")).get(page).status_code == 404


def test_an_unknown_rockon_is_404(owner_client: FormClient) -> None:
    for path in ("", "/shares", "/summary"):
        assert owner_client.get(f"/rockons/99/install{path}").status_code == 404


def test_an_installed_rockon_leads_to_its_page(start: Start) -> None:
    wizard = start(fixture("vpn"))
    with transaction():
        installation_by_id(wizard.id).state = State.INSTALLED
    for response in (wizard.client.get(wizard.url), wizard.get("ports"), wizard.post("ports"), wizard.get("summary")):
        assert (response.status_code, response.location) == (303, f"/rockons/{wizard.id}")


def test_a_busy_rockon_leads_to_its_operation(start: Start) -> None:
    wizard = start(fixture("vpn"))
    with transaction() as session:
        installation_by_id(wizard.id).state = State.PENDING_INSTALL
        session.add(Operation(kind=Kind.INSTALL, installation_id=installation_by_id(wizard.id).id))
    for response in (wizard.client.get(wizard.url), wizard.get("ports"), wizard.post("summary", "Submit")):
        assert (response.status_code, response.location) == (303, "/operations/1")


def test_only_an_owner_may_install(start: Start, app: Flask, viewer: FormClient) -> None:
    wizard = start(fixture("vpn"))
    wizard.client = viewer
    assert wizard.get("ports").status_code == 403
    assert wizard.post("ports").status_code == 403
    wizard.client = new_visitor(app)
    assert wizard.get("ports").location.startswith("/login")


def test_looking_writes_nothing(start: Start) -> None:
    wizard = start(fixture("everything"))
    for page in ("shares", "ports", "devices", "environment", "custom-config", "summary"):
        wizard.get(page)
    assert db.session.query(Draft).count() == 0


# -- buttons and drafts


def buttons(response: TestResponse) -> list[str]:
    return re.findall(r"<button[^>]*>\s*(.*?)\s*</button>", form_of(response), re.DOTALL)


def test_the_first_button_is_the_one_that_enter_presses(start: Start) -> None:
    wizard = start(fixture("vpn"))
    assert buttons(wizard.get("ports")) == ["Next"]
    wizard.fill("ports")
    assert buttons(wizard.get("custom-config"))[0] == "Next"
    wizard.fill("custom-config", **{"custom-config-servername": "vpn.example.org"})
    assert buttons(wizard.get("summary")) == ["Install", "Back"]
    assert buttons(start(fixture("bare")).get("summary")) == ["Install"]


def test_a_post_without_a_button_is_next(start: Start) -> None:
    wizard = start(fixture("vpn"))
    assert wizard.page_of(wizard.fill("ports", button="")) == "custom-config"


def test_back_keeps_what_was_typed_without_checking_it(start: Start) -> None:
    wizard = start(fixture("everything"))
    assert wizard.page_of(wizard.fill("ports", "Back", **{"ports-box-8443": "not a port"})) == "shares"
    assert inputs(wizard.get("ports"))["ports-box-8443"] == "not a port"


def test_back_from_a_form_that_lacks_a_field_keeps_the_field(start: Start) -> None:
    wizard = start(fixture("everything"))
    wizard.fill("ports", **{"ports-box-8443": "1234"})
    wizard.post("ports", "Back")
    assert inputs(wizard.get("ports"))["ports-box-8443"] == "1234"


def test_back_from_the_summary_leads_to_the_page_before(start: Start) -> None:
    wizard = start(fixture("vpn"))
    assert wizard.page_of(wizard.post("summary", "Back")) == "custom-config"


def test_going_back_and_forth_keeps_every_answer(start: Start) -> None:
    wizard = start(fixture("same-inner-port"))
    wizard.fill("ports", **{"ports-front-80": "4001", "ports-back-80": "4002"})
    wizard.post("summary", "Back")
    found = inputs(wizard.get("ports"))
    assert (found["ports-front-80"], found["ports-back-80"]) == ("4001", "4002")
    assert "-p 4001:80/tcp" in visible_text(wizard.get("summary").text)
    assert "-p 4002:80/tcp" in visible_text(wizard.get("summary").text)


def test_a_draft_survives_a_restart(start: Start, tmp_path: Path) -> None:
    wizard = start(fixture("vpn"))
    wizard.fill("ports", **{"ports-vpn-1194": "5000"})
    wizard.client = new_visitor(make_app(tmp_path)).log_in("ada")
    assert inputs(wizard.get("ports"))["ports-vpn-1194"] == "5000"
    assert wizard.page_of(wizard.get("summary")) == "custom-config"


def test_the_summary_by_url_leads_to_the_first_page_with_missing_answers(start: Start) -> None:
    wizard = start(fixture("everything"))
    assert wizard.page_of(wizard.get("summary")) == "shares"
    assert wizard.page_of(wizard.post("summary", "Submit")) == "shares"
    wizard.fill("shares")
    assert wizard.page_of(wizard.get("summary")) == "ports"


def test_a_page_that_was_changed_by_back_must_be_passed_again(start: Start) -> None:
    wizard = start(fixture("everything"))
    wizard.fill("shares")
    wizard.fill("ports")
    wizard.fill("ports", "Back", **{"ports-box-8443": "99999"})
    assert wizard.page_of(wizard.get("summary")) == "ports"


def test_the_answers_of_an_earlier_install_fill_the_pages(start: Start) -> None:
    wizard = start(fixture("everything"))
    shares = {"box-store": {"/var/lib/store": "old-store"}, "box": {"/config": "old-config", "/data": "old-data"}}
    ports = {"box": {8443: 4443, 5353: None, 9000: 4900}}
    secret = {"box": {"API_KEY": "hush", "ZONE": "Europe/Lisbon"}}
    with transaction():
        repository.store_answers(installation_by_id(wizard.id), Answers(shares, ports, {}, secret))
    assert inputs(wizard.get("shares"))["shares-box-/data"] == "old-data"
    found = inputs(wizard.get("ports"))
    assert [found[f"ports-box-{port}"] for port in (8443, 5353, 9000)] == ["4443", "", "4900"]
    assert inputs(wizard.get("environment"))["environment-box-ZONE"] == "Europe/Lisbon"
    assert "hush" not in wizard.get("environment").text


def test_a_changed_definition_keeps_answers_and_names_what_was_dropped(start: Start) -> None:
    wizard = start(small(volumes={"/data": {}}, ports={"80": port_question(8080), "81": port_question(8080)}))
    wizard.fill("shares", **{"shares-web-/data": "kept"})
    wizard.fill("ports")
    start(small(volumes={"/data": {}}, ports={"80": port_question(8080)}))
    assert wizard.page_of(wizard.get("summary")) == "shares"
    page = wizard.get("shares")
    assert inputs(page)["shares-web-/data"] == "kept"
    assert "The definition of Sample has changed since you started." in visible_text(page.text)
    assert "ports-web-81" in visible_text(page.text)
    wizard.fill("shares")
    assert "has changed since you started" not in visible_text(wizard.get("shares").text)


# -- shares


def test_shares_are_suggested_and_those_there_are_offered(start: Start, app: Flask) -> None:
    make_shares(app, ["media", "box-data"])
    wizard = start(fixture("everything"))
    page = wizard.get("shares")
    assert inputs(page)["shares-box-/config"] == "box-config"
    assert '<option value="media">' in page.text
    assert 'The share "box-config" does not exist yet' in visible_text(page.text)
    assert 'The share "box-data" does not exist yet' not in visible_text(page.text)
    assert "Needs at least 1.0 GiB of free space." in visible_text(page.text)


def test_a_faulty_share_is_422_beside_its_field_with_the_focus(start: Start) -> None:
    wizard = start(fixture("everything"))
    response = wizard.fill("shares", **{"shares-box-/config": "../etc", "shares-box-/data": ""})
    assert response.status_code == 422
    assert len(field_errors(response.text)) == 2
    (focused,) = re.findall(r"<input[^>]*autofocus[^>]*>", response.text)
    assert 'name="shares-box-/config"' in focused
    assert 'aria-invalid="true"' in focused
    assert 'value="../etc"' in focused


def test_what_was_typed_on_a_faulty_page_is_not_lost(start: Start) -> None:
    wizard = start(fixture("everything"))
    wizard.fill("shares", **{"shares-box-/config": "../etc", "shares-box-/data": "mine"})
    found = inputs(wizard.get("shares"))
    assert (found["shares-box-/config"], found["shares-box-/data"]) == ("../etc", "mine")


def test_a_share_that_is_gone_at_the_summary_is_not_made_anew(start: Start, app: Flask) -> None:
    make_shares(app, ["media"])
    wizard = start(small(volumes={"/data": {}, "/more": {}}))
    wizard.fill("shares", **{"shares-web-/data": "media", "shares-web-/more": "fresh"})
    (app.config["SETTINGS"].shares_root / "media").rmdir()
    page = wizard.get("summary")
    assert 'The share "media" does not exist.' in visible_text(page.text)
    assert 'The share "fresh" does not exist.' not in visible_text(page.text)
    assert "create share fresh" in visible_text(page.text)
    response = wizard.submit()
    assert response.status_code == 422
    assert 'The share "media" does not exist.' in visible_text(response.text)
    wizard.fill("shares")
    assert "create share media" in visible_text(wizard.get("summary").text)


def test_labels_and_descriptions_are_plain_text(start: Start) -> None:
    wizard = start(small(volumes={"/data": {"label": "<b>Data</b>", "description": "<script>alert(1)</script>"}}))
    page = wizard.get("shares").text
    assert "&lt;b&gt;Data&lt;/b&gt;" in page
    assert "<script>alert" not in page


# -- ports


def test_a_port_in_use_gets_a_free_suggestion_that_says_why(start: Start, docker: FakeDocker) -> None:
    docker.run_containers("", "web", published=(PortListener(8090, "tcp", holder="the container web"),))
    page = start(fixture("star")).get("ports")
    assert inputs(page)["ports-star-web-80"] == "8091"
    assert "Port 8090 is in use by the container web, so 8091 is suggested." in visible_text(page.text)


def test_a_port_in_use_is_422_and_names_the_holder_and_a_free_one(start: Start, docker: FakeDocker) -> None:
    docker.run_containers("", "web", published=(PortListener(8090, "tcp", holder="the container web"),))
    wizard = start(fixture("star"))
    response = wizard.fill("ports", **{"ports-star-web-80": "8090"})
    assert response.status_code == 422
    assert field_errors(response.text) == ["Port 8090 (tcp) is in use by the container web.", "Port 8091 is free."]


def test_a_port_of_another_installed_rockon_is_taken(start: Start) -> None:
    other = start(fixture("same-inner-port"))
    with transaction():
        rockon = installation_by_id(other.id)
        rockon.state = State.INSTALLED
        repository.store_answers(rockon, Answers(ports={"front": {80: 8090}, "back": {80: None}}))
    wizard = start(fixture("star"))
    assert inputs(wizard.get("ports"))["ports-star-web-80"] == "8091"
    response = wizard.fill("ports", **{"ports-star-web-80": "8090"})
    assert field_errors(response.text)[0] == "Port 8090 (tcp) is in use by the rock-on Same inner port."


def test_protocols_and_the_apps_own_page_are_marked(start: Start) -> None:
    page = visible_text(start(fixture("everything")).get("ports").text)
    assert "Panel [e.g. 8443] the app's page TCP" in page
    assert "Talk [e.g. 9000] TCP + UDP" in page


def test_a_port_on_the_hosts_network_is_read_only(start: Start) -> None:
    wizard = start(fixture("host-network"))
    page = wizard.get("ports")
    assert inputs(page)["ports-hostly-80"] == "80"
    assert "readonly" in page.text
    assert wizard.page_of(wizard.post("ports")) == "summary"
    assert "80 TCP fixed" in visible_text(wizard.get("summary").text)


def test_the_ports_page_works_without_docker(start: Start, docker: FakeDocker) -> None:
    docker.is_down = True
    wizard = start(fixture("star"))
    assert inputs(wizard.get("ports"))["ports-star-web-80"] == "8090"
    assert wizard.page_of(wizard.fill("ports")) == "summary"


def test_only_ports_and_summary_ask_docker(start: Start, docker: FakeDocker) -> None:
    wizard = start(fixture("everything"))
    for page in ("shares", "devices", "environment", "custom-config"):
        wizard.get(page)
        wizard.fill(page)
        wizard.fill(page, "Back")
    assert docker.connections == 0


# -- environment


def test_secrets_are_never_echoed_and_stay_when_left_blank(start: Start) -> None:
    wizard = start(fixture("everything"))
    typed = {"environment-box-OWNER": "anna", "environment-box-ZONE": "UTC", "environment-box-API_KEY": "hush-hush"}
    response = wizard.post("environment", **typed, **{"environment-box-store-STORE_PASSWORD": ""})
    assert response.status_code == 422
    assert "hush-hush" not in response.text
    assert "hush-hush" not in wizard.get("environment").text
    after = wizard.fill("environment", **{"environment-box-store-STORE_PASSWORD": "quiet"})
    assert wizard.page_of(after) == "custom-config"


def finish(wizard: Wizard, **over: str) -> None:
    """Walk to the summary with suggestions and `over`."""
    page = wizard.page_of(wizard.client.get(wizard.url))
    while page != "summary":
        fields = inputs(wizard.get(page))
        typed = {name: "some text" for name in fields if name.startswith(("environment", "custom-config"))}
        typed |= {name: value for name, value in over.items() if name in fields}
        page = wizard.page_of(wizard.fill(page, **typed))


# -- the summary


def test_the_summary_shows_every_answer_and_the_exact_lines_without_secrets(start: Start, app: Flask) -> None:
    make_shares(app, ["box-data"])
    wizard = start(fixture("everything"))
    finish(wizard, **{"environment-box-API_KEY": "hush-hush", "custom-config-region": "north"})
    page = wizard.get("summary")
    assert "hush-hush" not in page.text
    seen = visible_text(page.text)
    assert "API key box API_KEY ********" in seen
    assert "Region region north" in seen
    assert "Config [e.g. box-config] box /config box-config new, created by Install" in seen
    assert "Data [e.g. box-data] box /data box-data" in seen
    assert "box-data new, created by Install" not in seen
    assert "Video device [e.g. /dev/dri] box video none" in seen
    assert "docker run -d --restart=unless-stopped --name box " in seen
    assert "-e API_KEY=********" in seen
    assert "create network BoxToStore" in seen
    assert "BoxToStore for box-store, box" in seen
    for edited in ("shares", "ports", "devices", "environment", "custom-config"):
        assert f'<a href="{wizard.url}/{edited}">' in page.text


def test_a_port_left_blank_is_shown_as_not_published(start: Start) -> None:
    wizard = start(fixture("vpn"))
    finish(wizard, **{"ports-vpn-1194": ""})
    assert "vpn 1194 not published" in visible_text(wizard.get("summary").text)


def test_two_volumes_in_one_folder_are_confirmed_and_noted(start: Start) -> None:
    wizard = start(small(volumes={"/data": {}, "/more": {}}))
    same = {"shares-web-/data": "same", "shares-web-/more": "same/"}
    refused = wizard.fill("shares", **same)
    assert refused.status_code == 422
    assert field_errors(refused.text)[0] == '"/data" and "/more" are both in same: they see each other\'s files.'
    box = find_pattern(r'name="same-place" value="(\w+)"', refused.text)
    wrong = wizard.fill("shares", **{"shares-web-/data": "b", "shares-web-/more": "b", "same-place": box})
    assert wrong.status_code == 422  # another folder than the one that the page told of
    assert wizard.page_of(wizard.fill("shares", **same, **{"same-place": box})) == "summary"
    assert re.search(r'name="same-place" value="\w+" checked', wizard.get("shares").text)
    assert '"/data" and "/more" are both in same' in visible_text(wizard.get("summary").text)
    assert wizard.submit().status_code == 303


def test_submit_begins_the_install_with_what_was_reviewed(start: Start, app: Flask) -> None:
    wizard = start(fixture("everything"))
    finish(wizard, **{"environment-box-API_KEY": "hush-hush"})
    response = wizard.submit()
    assert (response.status_code, response.location) == (303, "/operations/1")
    operation = db.session.get_one(Operation, 1)
    rockon = db.session.get_one(Installation, wizard.id)
    assert (operation.kind, operation.user, rockon.state) == (Kind.INSTALL, "ada", State.PENDING_INSTALL)
    assert operation.request.new_shares == {"box-config", "box-data", "box-store"}
    assert [line.split()[1] for line in operation.reviewed_commands] == ["run", "run"]
    assert "hush-hush" not in str(operation.reviewed_commands)
    assert repository.load_answers(rockon).environment["box"]["API_KEY"] == "hush-hush"
    assert db.session.query(Draft).count() == 0
    assert app.extensions["redis"].exists("rq:job:operation-1")


def test_containers_whose_names_and_keys_run_together_are_asked_and_answered_apart(start: Start) -> None:
    wizard = start(parse_rockon({"web": {"environment": label_questions({"db-X": "Of web"})},
                           "web-db": {"environment": label_questions(X="Of its database")}}))  # fmt: skip
    page = wizard.get("environment")
    labels = dict(re.findall(r'<label [^>]*for="(environment-\d)">([^<]+)<', form_of(page)))
    named = dict(re.findall(r'<input [^>]*id="(environment-\d)" name="([^"]+)"', form_of(page)))
    assert {named[field]: label for field, label in labels.items()} == {
        "environment-/web/db-X": "Of web",
        "environment-web-db-X": "Of its database",
    }
    typed = {named[field]: label.replace(" ", "-") for field, label in labels.items()}
    assert wizard.page_of(wizard.fill("environment", **typed)) == "summary"
    told = visible_text(wizard.get("summary").text)
    lines = told[told.index("docker run") :].split("docker run ")[1:]
    assert ["-e db-X=Of-web " in line and " --name web " in line for line in lines] == [True, False]
    assert ["-e X=Of-its-database " in line and " --name web-db " in line for line in lines] == [False, True]
    assert wizard.submit().location == "/operations/1"
    stored = repository.load_answers(db.session.get_one(Installation, wizard.id)).environment
    assert stored == {"web": {"db-X": "Of-web"}, "web-db": {"X": "Of-its-database"}}


def test_a_rockon_without_questions_is_submitted_at_once(start: Start) -> None:
    wizard = start(fixture("bare"))
    assert wizard.page_of(wizard.client.get(wizard.url)) == "summary"
    assert wizard.fill("summary", button="").location == "/operations/1"


def test_what_a_definition_may_do_to_the_host_is_confirmed(start: Start) -> None:
    wizard = start(small(opts=[["--privileged", ""], ["-v", "/var/run/docker.sock:/var/run/docker.sock"]]))
    page = wizard.get("summary")
    assert "web has full rights on this host, like an administrator." in visible_text(page.text)
    assert (
        "web has access to the Docker socket (/var/run/docker.sock) and can do anything on this host through it."
        in visible_text(page.text)
    )
    seen = inputs(page)
    assert page.text.index("Permissions on this host that Install grants") < page.text.index('value="Submit"')
    response = wizard.post("summary", "Submit", **{**seen, "confirm": "0123456789abcdef"})
    assert response.status_code == 422
    assert "the app's permissions on this host have changed since you reviewed them." in visible_text(response.text)
    assert begun() == 0
    assert wizard.submit().status_code == 303


def test_what_must_be_decided_is_between_answers_and_button_and_never_folded(
    start: Start, app: Flask, docker: FakeDocker
) -> None:
    make_shares(app, ["films"])
    wizard = start(small(volumes=label_questions({"/data": "Data"}), opts=[["--privileged", ""]]))
    finish(wizard, **{"shares-web-/data": "films"})
    page = wizard.get("summary").text
    folded = "".join(re.findall(r"<details.*?</details>", page, re.DOTALL))
    assert "docker run -d" in folded
    assert "has full rights on this host" not in folded
    parts = ('id="answers-shares"', "has full rights on this host", 'value="Submit"', 'id="plan-title"')
    assert [*map(page.index, parts)] == sorted(map(page.index, parts))
    docker.known_containers = {"web": ContainerFacts("web")}
    page = wizard.get("summary").text
    assert page.index("finding-block") < page.index('id="answers-shares"')  # nothing else matters before that


def test_a_rockon_without_powers_needs_no_box(start: Start) -> None:
    page = start(small()).get("summary")
    assert "checkbox" not in page.text
    assert "ermissions on this host" not in page.text


def private(start: Start, app: Flask, *files: str) -> Wizard:
    """A rock-on that works as user 1000 in a share of root's, up to its summary."""
    made = Host(app.config["SETTINGS"]).shares.create_share("films")
    for file in files:
        Path(made.path, file).write_text("")
    wizard = start(small(volumes=label_questions({"/data": "Data"}), environment=label_questions(PUID="User")))
    finish(wizard, **{"shares-web-/data": "films", "environment-web-PUID": "1000"})
    return wizard


def test_a_share_can_be_given_to_the_apps_user(start: Start, app: Flask) -> None:
    wizard = private(start, app)
    page = wizard.get("summary")
    assert "web runs as user 1000, who can't write to films" in visible_text(page.text)
    assert "Change the owner of films to user 1000 and group 0" in visible_text(page.text)
    assert "Only the owner of the folder itself changes." not in visible_text(page.text)
    assert wizard.fill("summary", "Submit", give="films").status_code == 303
    assert db.session.query(Operation).one().request.give == {"films": (1000, 0)}


def test_a_share_stays_whose_it_is_unless_its_box_is_ticked(start: Start, app: Flask) -> None:
    wizard = private(start, app, "old")
    assert "Only the owner of the folder itself changes." in visible_text(wizard.get("summary").text)
    assert wizard.fill("summary", "Submit", give="../etc").status_code == 303
    assert not db.session.query(Operation).one().request.give


def test_many_notes_are_folded_below_what_is_serious(start: Start, app: Flask, docker: FakeDocker) -> None:
    Host(app.config["SETTINGS"]).shares.create_share("films")
    wizard = start(small(volumes={f"/{name}": {} for name in "abcd"}))
    finish(wizard, **{f"shares-web-/{name}": f"films/{name}" for name in "abcd"})
    docker.known_containers = {"web": ContainerFacts("web")}
    page = wizard.get("summary")
    assert "4 notes" in visible_text(page.text)
    assert page.text.index("finding-block") < page.text.index("finding-notes") < page.text.index("is new.")


def begun() -> int:
    return db.session.query(Operation).count()


def kept() -> int:
    return db.session.query(Draft).count()


def test_a_blocking_finding_refuses_the_submit(start: Start, docker: FakeDocker) -> None:
    wizard = start(fixture("star"))
    finish(wizard)
    docker.known_containers = {"star-web": ContainerFacts("star-web")}
    response = wizard.submit()
    assert response.status_code == 422
    assert 'A container named "star-web" already exists' in visible_text(response.text)
    assert (begun(), kept()) == (0, 1)


def test_a_port_that_was_taken_meanwhile_refuses_the_submit(start: Start, docker: FakeDocker) -> None:
    wizard = start(fixture("star"))
    finish(wizard)
    docker.run_containers("", "web", published=(PortListener(8090, "tcp", holder="the container web"),))
    response = wizard.submit()
    assert response.status_code == 422
    assert "Port 8090 (tcp) is in use by the container web." in visible_text(response.text)
    assert begun() == 0


def test_lines_that_changed_since_the_person_looked_begin_nothing_until_seen(start: Start) -> None:
    wizard = start(small(volumes={"/data": {}}))
    wizard.fill("shares", **{"shares-web-/data": "old"})
    seen = inputs(wizard.get("summary"))
    wizard.fill("shares", **{"shares-web-/data": "new"})
    response = wizard.post("summary", "Submit", **seen)
    assert response.status_code == 422
    assert "Something has changed since your review" in visible_text(response.text)
    assert "shares/new:/data" in response.text
    assert begun() == 0
    assert wizard.submit().status_code == 303


def test_a_submit_from_a_program_that_saw_no_lines_begins_what_is_assembled_now(start: Start) -> None:
    wizard = start(fixture("bare"))
    response = wizard.post("summary", "Submit")
    assert response.status_code == 303
    assert begun() == 1


def test_without_docker_the_summary_shows_and_the_submit_is_refused(start: Start, docker: FakeDocker) -> None:
    docker.is_down = True
    wizard = start(fixture("vpn"))
    finish(wizard)
    page = wizard.get("summary")
    assert page.status_code == 200
    assert "Docker does not answer." in visible_text(page.text)
    response = wizard.submit()
    assert response.status_code == 503
    assert "Docker does not answer." in visible_text(response.text)
    assert (begun(), kept()) == (0, 1)


def test_without_a_queue_the_submit_is_refused_and_nothing_is_lost(start: Start, app: Flask) -> None:
    del app.extensions["redis"]
    wizard = start(fixture("vpn"))
    finish(wizard)
    response = wizard.submit()
    assert response.status_code == 503
    assert "The job queue does not answer." in visible_text(response.text)
    assert (begun(), kept()) == (0, 1)


# -- progress, and htmx


def test_the_progress_marks_the_current_page_and_links_the_done_ones(start: Start) -> None:
    wizard = start(fixture("vpn"))
    wizard.fill("ports")
    page = wizard.get("custom-config").text
    assert re.search(r'aria-current="step">.*?>Custom config</span>', page, re.DOTALL)
    assert re.findall(r'<a class="wizard-stop" href="([^"]*)">', page) == [f"{wizard.url}/ports"]


def test_htmx_gets_the_part_of_the_page_with_its_title(start: Start) -> None:
    wizard = start(fixture("vpn"))
    url = f"{wizard.url}/ports"
    part = wizard.client.get(url, headers=HX)
    assert part.text.lstrip().startswith("<title>Ports: install OpenVPN · Rockonweb</title>")
    assert "<html" not in part.text
    assert 'id="wizard"' in part.text
    assert "HX-Request" in part.headers["Vary"]
    whole = wizard.client.get(url, headers={**HX, "HX-History-Restore-Request": "true"})
    assert "<html" in whole.text
    assert whole.text.count("<title>") == 1


def test_htmx_follows_the_303_to_the_next_part(start: Start) -> None:
    wizard = start(fixture("vpn"))
    part = wizard.client.post(
        f"{wizard.url}/ports", data=inputs(wizard.get("ports")), headers=HX, follow_redirects=True
    )
    assert part.request.path == f"{wizard.url}/custom-config"
    assert "<html" not in part.text


def test_htmx_gets_errors_as_a_part_that_does_not_change_the_history(start: Start) -> None:
    wizard = start(fixture("vpn"))
    part = wizard.client.submit_form(f"{wizard.url}/ports", {"ports-vpn-1194": "x"}, headers=HX)
    assert part.status_code == 422
    assert part.headers["HX-Push-Url"] == "false"
    assert "<html" not in part.text


def test_htmx_is_told_to_leave_the_wizard_of_a_busy_rockon(start: Start) -> None:
    wizard = start(fixture("vpn"))
    with transaction() as session:
        session.add(Operation(kind=Kind.INSTALL, installation_id=installation_by_id(wizard.id).id))
    response = wizard.client.submit_form(f"{wizard.url}/ports", headers=HX)
    assert response.headers["HX-Redirect"] == "/operations/1"


def test_the_forms_are_plain_forms_with_htmx_on_top_and_the_submit_is_plain(start: Start) -> None:
    wizard = start(fixture("vpn"))
    page = wizard.get("ports").text
    assert f'<form method="post" action="{wizard.url}/ports" hx-post="{wizard.url}/ports"' in page
    assert 'hx-push-url="true"' in page
    finish(wizard)
    assert "hx-" not in find_pattern(r"<form[^>]*/install/summary[^>]*>", wizard.get("summary").text)


def test_a_form_without_its_token_is_refused(start: Start) -> None:
    wizard = start(fixture("vpn"))
    assert wizard.client.post(f"{wizard.url}/ports", data={"ports-vpn-1194": "1194"}).status_code == 400
    assert kept() == 0
    assert wizard.page_of(wizard.fill("ports")) == "custom-config"


# -- suggestions


SECRETS: dict[str, Any] = {
    "environment": label_questions(ADMIN_PASSWORD="Admin password", API_TOKEN="Token", PUID="UID", TZ="Zone"),
    "volumes": label_questions({"/data": ""}),
}
PASSWORD, TOKEN, PUID, TZ = (f"environment-web-{key}" for key in ("ADMIN_PASSWORD", "API_TOKEN", "PUID", "TZ"))


@pytest.fixture
def secretive(start: Start, app: Flask) -> Wizard:
    """A wizard whose shares page is done, before its environment page."""
    make_shares(app, ["media"])
    os.chown(app.config["SETTINGS"].shares_root / "media", 1234, 100)
    wizard = start(small(**SECRETS))
    assert wizard.page_of(wizard.fill("shares", **{"shares-web-/data": "media"})) == "environment"
    return wizard


def typed(response: TestResponse) -> dict[str, str]:
    """Return what the form of a page holds, whatever its status."""
    found = re.findall(r'<input[^>]* name="(environment[^"]*)"[^>]* value="([^"]*)"', response.text)
    return {unescape(name): unescape(value) for name, value in found}


def kinds(response: TestResponse) -> dict[str, str]:
    tags = re.findall(r'<input[^>]* name="environment[^>]*>', response.text)
    return {re.findall(r'name="([^"]*)"', tag)[0]: re.findall(r'type="(\w+)"', tag)[0] for tag in tags}


def test_suggestions_fill_the_page_and_say_where_they_come_from(secretive: Wizard) -> None:
    page = secretive.get("environment")
    found = inputs(page)
    assert (found[PUID], len(found[PASSWORD]), found[TOKEN]) == ("1234", 24, "")
    assert found[TZ]
    assert "The owner of media." in visible_text(page.text)
    assert "The time zone of this server." in visible_text(page.text)
    assert page.text.count('"badge-suggested"') == 3
    assert kinds(page)[PASSWORD] == "password"
    assert secretive.get("environment").text != page.text  # looking keeps nothing, so it is another one
    assert "no-store" in page.headers.get("Cache-Control", "")


def test_a_generated_secret_is_kept_by_next_and_then_not_shown(secretive: Wizard) -> None:
    secret = inputs(secretive.get("environment"))[PASSWORD]
    fields = {**inputs(secretive.get("environment")), PASSWORD: secret, TOKEN: "hush"}
    assert secretive.page_of(secretive.post("environment", **fields)) == "summary"
    page = secretive.get("environment")
    assert secret not in page.text
    assert "A value is set but not shown." in visible_text(page.text)
    assert secret not in secretive.get("summary").text


@pytest.mark.parametrize("name", [PASSWORD, TOKEN])
def test_reveal_shows_one_secret_and_keeps_everything_typed(secretive: Wizard, name: str) -> None:
    fields = {**inputs(secretive.get("environment")), TOKEN: "hush-hush", TZ: "Asia/Tokyo"}
    page = secretive.post("environment", "", **fields, Reveal=name)
    assert page.status_code == 200
    assert kinds(page) == {PASSWORD: "password", TOKEN: "password", PUID: "text", TZ: "text"} | {name: "text"}
    assert typed(page) == {key: value for key, value in fields.items() if key.startswith("environment")}
    (focused,) = re.findall(r"<input[^>]*autofocus[^>]*>", page.text)
    assert f'name="{name}"' in focused
    hidden = secretive.post("environment", "", **fields, Hide=name)
    assert kinds(hidden)[name] == "password"
    assert typed(hidden)[TOKEN] == "hush-hush"
    assert TOKEN not in drafted()


def drafted() -> dict[str, str]:
    values: dict[str, str] = db.session.query(Draft).one().typed_values["values"]
    return values


def test_generate_makes_a_new_secret_and_shows_it(secretive: Wizard) -> None:
    fields = {**inputs(secretive.get("environment")), TOKEN: "hush-hush"}
    page = secretive.post("environment", "", **fields, Generate=PASSWORD)
    new = typed(page)[PASSWORD]
    assert page.status_code == 200
    assert new != fields[PASSWORD]
    assert len(new) == 24
    assert kinds(page)[PASSWORD] == "text"
    assert typed(page)[TOKEN] == "hush-hush"
    assert PASSWORD not in drafted()
    assert f'value="{TOKEN}"' not in "".join(re.findall(r"<button[^>]*Generate[^>]*>", page.text))


def test_generate_replaces_a_secret_that_was_given_only_with_next(secretive: Wizard) -> None:
    secretive.fill("environment", **{TOKEN: "hush", PASSWORD: "my own words"})
    blank = inputs(secretive.get("environment"))
    assert blank[PASSWORD] == ""
    page = secretive.post("environment", "", **blank, Generate=PASSWORD)
    assert "my own words" not in page.text
    assert drafted()[PASSWORD] == "my own words"
    secretive.post("environment", **{**blank, PASSWORD: typed(page)[PASSWORD]})
    assert drafted()[PASSWORD] == typed(page)[PASSWORD]


def test_a_generated_secret_stays_on_a_page_with_errors_until_it_is_kept(secretive: Wizard) -> None:
    fields = inputs(secretive.get("environment"))
    page = secretive.post("environment", **{**fields, PUID: "anna"})
    assert page.status_code == 422
    assert typed(page)[PASSWORD] == fields[PASSWORD]
    assert kinds(page)[PASSWORD] == "password"
    assert PASSWORD not in drafted()


def test_back_keeps_a_secret_that_was_typed_and_no_generated_one(secretive: Wizard) -> None:
    fields = inputs(secretive.get("environment"))
    secretive.post("environment", "Back", **{**fields, TOKEN: "hush"})
    assert (drafted()[TOKEN], PASSWORD in drafted()) == ("hush", False)
    secretive.post("environment", "Back", **{**fields, PASSWORD: "my own words"})
    assert drafted()[PASSWORD] == "my own words"


def test_nonsense_beside_generate_and_reveal_does_no_harm(secretive: Wizard) -> None:
    for button in ("Generate", "Reveal"):
        for name in ("", "nothing", PUID, TOKEN):
            page = secretive.post("environment", "", **inputs(secretive.get("environment")), **{button: name})
            assert page.status_code == 200
    assert secretive.post("shares", "", Generate="shares-web-/data", **{"shares-web-/data": "x"}).status_code == 200


def test_enter_presses_next_also_where_a_secret_has_buttons(secretive: Wizard) -> None:
    first = re.findall(r"<button[^>]*>", form_of(secretive.get("environment")))[0]
    assert 'name="Next"' in first
    assert 'tabindex="-1"' in first


def test_devices_of_the_host_are_offered(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Host, "devices", lambda _: [HostDevice("/dev/ttyUSB7", t("serial port"))])
    wizard = start(small(devices=label_questions(stick="Stick")))
    page = wizard.get("devices")
    assert '<option value="/dev/ttyUSB7">serial port</option>' in page.text
    assert 'list="known-devices"' in page.text
    assert wizard.page_of(wizard.fill("devices", **{"devices-web-stick": ""})) == "summary"


def test_folders_of_shares_are_offered(start: Start, app: Flask) -> None:
    make_shares(app, ["media", "media/films"])
    page = start(small(volumes={"/data": {}})).get("shares")
    assert '<option value="media/films">' in page.text
    assert "New shares are created as" in visible_text(page.text)


def test_a_share_that_another_rockon_uses_says_so_and_is_not_suggested(start: Start, app: Flask) -> None:
    make_shares(app, ["sample-data"])
    other = start(small("Other", volumes={"/data": {}}))
    with transaction():
        rockon = installation_by_id(other.id)
        repository.store_answers(rockon, Answers({"web": {"/data": "sample-data"}}, {}, {}, {}))
        rockon.state = State.INSTALLED
    wizard = start(small("Sample", volumes={"/data": {}}))
    assert inputs(wizard.get("shares"))["shares-web-/data"] == "sample-web-data"
    refused = wizard.fill("shares", **{"shares-web-/data": "sample-data"})
    assert wizard.page_of(refused) == "summary"
    assert 'The share "sample-data" is also used by Other.' in visible_text(wizard.get("shares").text)


def test_where_no_share_can_be_made_a_folder_of_one_is_suggested(
    start: Start, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_shares(app, ["disk"])
    ground = ShareConstraints(Path("/mnt2"), None, 10**9, only_mounts=True, on_system_disk=True)
    monkeypatch.setattr(Shares, "new_share_constraints", lambda _: ground)
    wizard = start(small(volumes={"/data": {}}))
    assert inputs(wizard.get("shares"))["shares-web-/data"] == "disk/sample-data"
    refused = wizard.fill("shares", **{"shares-web-/data": "fresh"})
    assert refused.status_code == 422
    assert field_errors(refused.text)[0] == 'The share "fresh" does not exist and can\'t be created.'
    assert "would fill the system disk" in field_errors(refused.text)[1]
    assert "with 1.0 GB free" in field_errors(refused.text)[1]
    assert wizard.page_of(wizard.fill("shares", **{"shares-web-/data": "disk/sample-data"})) == "summary"


@pytest.mark.parametrize("port", ["6000", "22", "10080"])
def test_a_port_that_browsers_block_is_a_warning_above_the_button(start: Start, port: str) -> None:
    wizard = start(fixture("star"))
    accepted = wizard.fill("ports", **{"ports-star-web-80": port})
    assert wizard.page_of(accepted) == "summary"
    summary = visible_text(wizard.get("summary").text)
    assert f"Browsers block port {port}: they will not open the app's page on it." in summary
    assert f"Port {int(port) + (2 if port == '22' else 1)} is free." in summary
    assert wizard.submit().status_code == 303


def test_nothing_is_looked_up_for_suggestions_where_all_is_answered(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    wizard = start(small(environment={"TZ": {"label": "Time zone"}}))
    wizard.fill("environment", **{"environment-web-TZ": "Europe/Berlin"})
    monkeypatch.setattr(Host, "collect_surroundings", lambda *_: pytest.fail("the host was looked at"))
    assert "Europe/Berlin" in wizard.get("environment").text
    assert wizard.fill("environment").status_code == 303
