"""OpenVPN's authority and clients, as pages; the engine is a stand-in that knows files."""

import pytest
from flask import Flask

from rockonweb.core.operations.requests import TaskRequest
from rockonweb.models import Installation, Operation, State, db, transaction
from tests.support import docker_stand_in as stand_in
from tests.support.app import HX, FormClient, add_rockon, mark_installed
from tests.support.samples import port_question

INDEX = "V\t301231235959Z\t\t01\tunknown\t/CN=home.example\nV\t301231235959Z\t\t02\tunknown\t/CN=laptop\n"
REVOKED = "R\t301231235959Z\t260101000000Z\t03\tunknown\t/CN=phone\n"
DATA = {"image": "busybox", "opts": [["-v", "/etc/openvpn"]]}
SERVER = {"opts": [["--volumes-from", "vpn-data"]], "ports": {"1194": port_question(1195, "", "udp")}}


class Docker(stand_in.FakeDocker):
    """It runs OpenVPN, with the files of its authority."""

    instance = "tests"

    def __init__(self) -> None:
        super().__init__()
        self.run_containers("OpenVPN", "vpn")
        self.files = {"/etc/openvpn/pki/ca.crt": "", "/etc/openvpn/pki/index.txt": INDEX + REVOKED}
        self.ran: list[tuple[str, ...]] = []

    def read_file(self, name: str, path: str) -> str | None:
        assert name == "vpn-data"
        return self.files.get(path)

    def read_once(self, argv: tuple[str, ...]) -> str:
        self.ran.append(argv)
        return "client\nremote home.example 1194 udp\n<key>private</key>\n"


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    return Docker().replace_engine(monkeypatch)


@pytest.fixture
def vpn(app: Flask, docker: Docker) -> Installation:
    """An installed OpenVPN, which runs."""
    rockon = add_rockon("OpenVPN", {"vpn-data": DATA, "vpn": SERVER}, custom_config={"servername": {}})
    mark_installed(rockon)
    with transaction():
        rockon.custom_config[0].value = "home.example"
    return rockon


@pytest.fixture
def here(vpn: Installation) -> str:
    """Where its pages are."""
    return f"/rockons/{vpn.id}/openvpn"


def operations() -> list[Operation]:
    """All operations."""
    return list(db.session.scalars(db.select(Operation)))


def test_the_rockon_s_page_leads_to_what_comes_next(owner_client: FormClient, vpn: Installation) -> None:
    page = owner_client.get(f"/rockons/{vpn.id}").text
    assert f'hx-get="/rockons/{vpn.id}/openvpn"' in page
    assert "Next steps" in page


def test_a_rockon_without_tasks_has_no_such_panel(owner_client: FormClient) -> None:
    plain = mark_installed(add_rockon("Plain"))
    assert "Next steps" not in owner_client.get(f"/rockons/{plain.id}").text
    assert owner_client.get(f"/rockons/{plain.id}/openvpn").status_code == 404
    assert owner_client.get("/rockons/999/openvpn").status_code == 404


def test_before_it_is_installed_there_is_nothing_to_do(owner_client: FormClient) -> None:
    waiting = add_rockon("OpenVPN", {"vpn-data": DATA, "vpn": SERVER}, custom_config={"servername": {}})
    assert "Next steps" not in owner_client.get(f"/rockons/{waiting.id}").text
    assert owner_client.get(f"/rockons/{waiting.id}/openvpn").status_code == 404


def test_the_clients_are_listed_with_what_can_be_done(
    owner_client: FormClient, vpn: Installation, here: str, docker: Docker
) -> None:
    page = owner_client.get(here).text
    assert "home.example:1195" in page
    assert page.count("valid until 2030-12-31") == 1
    assert page.count("revoked") == 1
    assert f'href="/rockons/{vpn.id}/openvpn/revoke?client=laptop"' in page
    assert "client=phone" not in page
    part = owner_client.get(here, headers=HX).text
    assert "<html" not in part
    assert "laptop" in part
    assert docker.ran == []


def test_without_an_authority_the_one_button_makes_it(
    owner_client: FormClient, vpn: Installation, here: str, docker: Docker
) -> None:
    docker.files.clear()
    page = owner_client.get(here).text
    assert "Create the certificate authority" in page
    assert 'name="client"' not in page
    answer = owner_client.submit_form(f"{here}/authority", page=here)
    (operation,) = operations()
    assert (answer.status_code, answer.location) == (303, f"/operations/{operation.id}")
    assert operation.request == TaskRequest("authority")
    assert vpn.state is State.INSTALLED


def test_an_authority_that_is_there_is_kept(owner_client: FormClient, here: str) -> None:
    answer = owner_client.submit_form(f"{here}/authority", page=here)
    assert answer.status_code == 409
    assert "a new one would lock out every client" in answer.text
    assert operations() == []


def test_a_client_is_made_by_an_operation(owner_client: FormClient, here: str) -> None:
    assert owner_client.submit_form(f"{here}/clients", {"client": " tablet "}, here).status_code == 303
    assert operations()[0].request == TaskRequest("profile", "tablet")
    busy = owner_client.submit_form(f"{here}/clients", {"client": "other"}, here)
    assert busy.status_code == 422
    assert "OpenVPN is busy with another operation." in busy.text


@pytest.mark.parametrize("name", ["", "ca", "-rm", "a b", "a/b", "home.example", "laptop", "x" * 65, "<b>"])
def test_a_name_that_can_not_be_is_told_beside_the_field(owner_client: FormClient, here: str, name: str) -> None:
    answer = owner_client.submit_form(f"{here}/clients", {"client": name}, here)
    assert answer.status_code == 422
    assert 'class="field-errors"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "<b>" not in answer.text
    assert operations() == []


def test_a_profile_is_sent_as_a_file_that_nothing_keeps(owner_client: FormClient, here: str, docker: Docker) -> None:
    answer = owner_client.submit_form(f"{here}/profile", {"client": "laptop"}, here)
    assert answer.text == "client\nremote home.example 1195 udp\n<key>private</key>\n"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="laptop.ovpn"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert docker.ran[0][-2:] == ("ovpn_getclient", "laptop")
    assert "--log-driver=none" in docker.ran[0]
    assert owner_client.get(f"{here}/profile").status_code == 405
    assert operations() == []


@pytest.mark.parametrize(("name", "status"), [("phone", 409), ("nobody", 409), ("-v", 422), ("../ca", 422), ("", 422)])
def test_a_profile_that_can_not_be_had(
    owner_client: FormClient, here: str, docker: Docker, name: str, status: int
) -> None:
    assert owner_client.submit_form(f"{here}/profile", {"client": name}, here).status_code == status
    assert docker.ran == []


def test_revoking_is_asked_for_first(owner_client: FormClient, here: str) -> None:
    page = f"{here}/revoke?client=laptop"
    assert "Revoke the profile of laptop?" in owner_client.get(page).text
    assert owner_client.get(f"{here}/revoke?client=-x").status_code == 422
    assert operations() == []
    assert owner_client.submit_form(f"{here}/revoke", {"client": "laptop"}, page).status_code == 303
    assert operations()[0].request == TaskRequest("revoke", "laptop")


def test_an_image_that_keeps_no_list_can_be_asked_by_name(owner_client: FormClient, here: str, docker: Docker) -> None:
    del docker.files["/etc/openvpn/pki/index.txt"]
    assert "keeps no list of its clients" in owner_client.get(here).text
    assert owner_client.submit_form(f"{here}/profile", {"client": "anyone"}, here).status_code == 200


def test_without_an_engine_the_page_says_so(owner_client: FormClient, here: str, docker: Docker) -> None:
    docker.is_down = True
    answer = owner_client.get(here)
    assert answer.status_code == 200
    assert "Docker does not answer." in answer.text


def test_only_owners_get_there(no_owner: FormClient, vpn: Installation, here: str, docker: Docker) -> None:
    assert "Next steps" not in no_owner.get(f"/rockons/{vpn.id}").text
    assert no_owner.get(here).status_code == 403
    for action in ("authority", "clients", "profile", "revoke"):
        answer = no_owner.submit_form(f"{here}/{action}", {"client": "laptop"}, page=f"/rockons/{vpn.id}")
        assert answer.status_code == 403
    assert docker.ran == []
    assert operations() == []
