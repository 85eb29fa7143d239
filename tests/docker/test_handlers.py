"""The special handlers on a real engine: ownCloud with its database, OpenVPN with its authority and clients."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from rockonweb.core.errors import Conflict
from rockonweb.core.handlers import owncloud
from rockonweb.core.operations.requests import TaskRequest
from rockonweb.models import Installation
from rockonweb.work import handler_tasks, operations
from tests.support.app import FormClient, create_test_user, new_visitor
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps

ACCOUNT = {"db_user": {"label": "Account"}, "db_pw": {"label": "Password"}}
ANSWERS = {"db_user": "cloud", "db_pw": "a secret of the cloud"}


def cloud(instance: Instance, database: str, app: str) -> Installation:
    """An ownCloud in the catalogue."""
    return instance.add_rockon(
        "ownCloud",
        {
            "owncloud-postgres": {"image": database, "volumes": {"/var/lib/postgresql/data": {}}},
            "owncloud": {"image": app, "ports": {"8080": {"protocol": "tcp", "ui": True}}, "volumes": {"/files": {}}},
        },
        container_links={"owncloud": [{"name": "db", "source_container": "owncloud-postgres"}]},
        custom_config=ACCOUNT,
    )


def started(engine: DockerDaemon, container: str) -> str:
    """When a container was started."""
    return engine.run_docker("inspect", "--format", "{{.State.StartedAt}}", container)


def logged(engine: DockerDaemon, container: str, words: str) -> str:
    """When a container said something, in the form of `started`."""
    lines = engine.run_docker("logs", "--timestamps", container).splitlines()
    return next(line.split()[0] for line in lines if words in line)


# -- ownCloud -----------------------------------------------------------------------------------------------------


def test_owncloud_starts_once_its_database_answers(
    instance: Instance, engine: DockerDaemon, standin: Callable[..., str], app_image: str
) -> None:
    rockon = cloud(instance, standin("cloud/postgres:9", (), kind="postgres"), app_image)
    reviewed = instance.prepare_install(rockon, custom_config=ANSWERS)
    instance_tls = instance.settings.instance / "tls"
    assert not instance_tls.exists()  # looking makes nothing
    operation = instance.run_successfully(instance.submit_review(reviewed))
    assert logged(engine, "owncloud-postgres", "accepting connections") < started(engine, "owncloud")
    data = instance.settings.shares_root / "owncloud-postgres-var-lib-postgresql-data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    environment = engine.run_docker("exec", "owncloud", "env")
    assert "DB_USER=cloud" in environment
    assert "DB_PASS=a secret of the cloud" in environment
    assert "HTTPS_ENABLED=true" in environment
    assert "POSTGRES_PASSWORD=a secret of the cloud" in engine.run_docker("exec", "owncloud-postgres", "env")
    assert "owncloud-postgres" in engine.run_docker("exec", "owncloud", "cat", "/etc/hosts")
    assert "db" in engine.run_docker("exec", "owncloud", "cat", "/etc/hosts").split()
    assert (instance_tls / "host.key").read_text() == engine.run_docker(
        "exec", "owncloud", "cat", "/etc/ssl/private/owncloud.key"
    ) + "\n"
    assert "BEGIN CERTIFICATE" in engine.run_docker("exec", "owncloud", "cat", "/etc/ssl/certs/owncloud.crt")
    assert stat.S_IMODE((instance_tls / "host.key").stat().st_mode) == 0o600
    assert (
        "a secret of the cloud"
        not in describe_steps(operation) + "".join(operation.reviewed_commands) + instance.rows_of()
    )


def test_of_a_database_without_its_own_programs_the_open_port_counts(
    instance: Instance, engine: DockerDaemon, standin: Callable[..., str], app_image: str
) -> None:
    plain = standin("cloud-plain/postgres:9", (5432,), environment={"STANDIN_DELAY": "1"})
    instance.install_rockon(cloud(instance, plain, app_image), custom_config=ANSWERS)
    assert logged(engine, "owncloud-postgres", "serving on port 5432") < started(engine, "owncloud")


def test_a_database_that_never_answers_ends_the_install_and_leaves_nothing(
    instance: Instance,
    engine: DockerDaemon,
    standin: Callable[..., str],
    app_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owncloud, "DATABASE_TIMEOUT", 1)
    slow = standin("cloud-slow/postgres:9", (), kind="postgres", environment={"STANDIN_READY": "600"})
    operation = instance.run_operation(
        instance.submit_review(instance.prepare_install(cloud(instance, slow, app_image), custom_config=ANSWERS))
    )
    assert operation.progress == "failed"
    assert operation.error == "owncloud-postgres was not ready after 1 seconds."
    assert engine.run_docker("ps", "-aq") == ""
    data = instance.settings.shares_root / "owncloud-postgres-var-lib-postgresql-data"
    assert stat.S_IMODE(data.stat().st_mode) != 0o700


# -- OpenVPN ------------------------------------------------------------------------------------------------------


MakeVpn = Callable[[list[list[str]], list[list[str]]], Installation]


@pytest.fixture
def make_vpn(instance: Instance, standin: Callable[..., str], ending_image: str) -> MakeVpn:
    """What installs an OpenVPN, without an authority, with more options of its data container and of its server."""

    def make(data: list[list[str]], server: list[list[str]]) -> Installation:
        rockon = instance.add_rockon(
            "OpenVPN",
            {
                "ovpn-data": {"image": ending_image, "opts": [["-v", "/etc/openvpn"], *data]},
                "openvpn": {
                    "image": standin("handlers/vpn:1", ("1194/udp",), kind="openvpn"),
                    "opts": [["--volumes-from", "ovpn-data"], *server],
                    "ports": {"1194": {"protocol": "udp"}},
                },
            },
            custom_config={"servername": {}},
        )
        instance.install_rockon(rockon)
        return rockon

    return make


@pytest.fixture
def vpn(make_vpn: MakeVpn) -> Installation:
    """An installed OpenVPN without an authority."""
    return make_vpn([], [])


@pytest.fixture
def owner(instance: Instance) -> FormClient:
    """The owner, logged in; forms carry no token here."""
    instance.app.config["WTF_CSRF_ENABLED"] = False
    instance.app.test_client_class = FormClient
    create_test_user()
    return new_visitor(instance.app).log_in("ada")


def act(instance: Instance, rockon: Installation, task: str, client: str = "") -> str:
    """Do a task, which must work; returns what its page tells."""
    return describe_steps(
        instance.run_successfully(operations.submit_operation(rockon, TaskRequest(task, client), "tester"))
    )


def test_a_client_s_whole_life_by_buttons(
    instance: Instance, engine: DockerDaemon, vpn: Installation, owner: FormClient
) -> None:
    page = f"/rockons/{vpn.id}/openvpn"
    assert "Create the certificate authority" in owner.get(page).text
    before = started(engine, "openvpn")
    instance.run_successfully(int(owner.post(f"{page}/authority").location.rsplit("/", 1)[1]))
    assert started(engine, "openvpn") != before
    assert "certificate of servername.example CA" in engine.run_docker(
        "exec", "openvpn", "cat", "/etc/openvpn/pki/ca.crt"
    )
    assert "No client has a profile yet." in owner.get(page).text

    made = instance.run_successfully(
        int(owner.post(f"{page}/clients", data={"client": "laptop"}).location.rsplit("/", 1)[1])
    )
    assert "valid until 2030-12-31" in owner.get(page).text
    sent = owner.post(f"{page}/profile", data={"client": "laptop"})
    assert sent.headers["Content-Disposition"] == 'attachment; filename="laptop.ovpn"'
    assert sent.headers["Cache-Control"] == "no-store"
    assert sent.text.startswith("client\nremote home.example ")
    assert "private words of laptop" in sent.text
    published = engine.run_docker("port", "openvpn", "1194/udp").split(":")[-1]
    assert f"remote home.example {published} udp" in sent.text

    assert "private words" not in describe_steps(made) + instance.rows_of()
    assert "private words" not in engine.log.read_text()
    assert engine.run_docker("ps", "--all", "--format", "{{.Names}}").split() == ["openvpn", "ovpn-data"]

    before = started(engine, "openvpn")
    assert "Revoke the profile of laptop?" in owner.get(f"{page}/revoke?client=laptop").text
    instance.run_successfully(int(owner.post(f"{page}/revoke", data={"client": "laptop"}).location.rsplit("/", 1)[1]))
    assert started(engine, "openvpn") != before
    assert engine.run_docker("exec", "openvpn", "cat", "/etc/openvpn/crl.pem") == "laptop"
    assert "revoked" in owner.get(page).text
    assert owner.post(f"{page}/profile", data={"client": "laptop"}).status_code == 409


def test_looking_at_the_clients_makes_and_starts_nothing(
    instance: Instance, engine: DockerDaemon, vpn: Installation, owner: FormClient
) -> None:
    act(instance, vpn, "authority")
    rows = instance.rows_of()
    since = engine.run_docker("info", "--format", "{{.SystemTime}}")
    assert owner.get(f"/rockons/{vpn.id}/openvpn").status_code == 200
    until = engine.run_docker("info", "--format", "{{.SystemTime}}")
    happened = engine.run_docker("events", "--since", since, "--until", until, "--format", "{{.Action}}").split()
    assert {"create", "start", "die"} & set(happened) == set()
    assert instance.rows_of() == rows


def test_an_authority_is_not_overwritten_by_page_nor_by_operation(
    instance: Instance, engine: DockerDaemon, vpn: Installation, owner: FormClient
) -> None:
    act(instance, vpn, "authority")
    act(instance, vpn, "profile", "laptop")
    answer = owner.post(f"/rockons/{vpn.id}/openvpn/authority")
    assert answer.status_code == 409
    assert "would lock out every client" in answer.text
    failed = instance.run_operation(operations.submit_operation(vpn, TaskRequest("authority"), "tester"))
    assert failed.progress == "failed"
    assert "would lock out every client" in failed.error
    assert (vpn.state, vpn.status) == ("installed", "started")
    assert "laptop" in owner.get(f"/rockons/{vpn.id}/openvpn").text
    again = operations.retry_operation(failed.id, "tester")
    assert instance.run_operation(again).request == TaskRequest("authority")


def test_the_keys_can_be_read_while_everything_is_stopped(
    instance: Instance, engine: DockerDaemon, vpn: Installation
) -> None:
    act(instance, vpn, "authority")
    engine.run_docker("stop", "openvpn")
    act(instance, vpn, "profile", "laptop")
    assert engine.run_docker("inspect", "--format", "{{.State.Running}}", "openvpn") == "false"
    act(instance, vpn, "revoke", "laptop")
    assert engine.run_docker("inspect", "--format", "{{.State.Running}}", "openvpn") == "false"


@pytest.mark.parametrize(("lent", "spelling"), [(False, "-v={}:/x"), (True, "--volume={}:/x")])
def test_a_one_shot_run_mounts_no_link_itself_nor_from_another_container(
    instance: Instance, make_vpn: MakeVpn, owner: FormClient, tmp_path: Path, lent: bool, spelling: str
) -> None:
    folder = instance.settings.shares_root / "evil" / "folder"
    folder.mkdir(parents=True)
    option = [[spelling.format(folder), ""]]
    vpn = make_vpn(option if lent else [], [] if lent else option)
    act(instance, vpn, "authority")
    act(instance, vpn, "profile", "phone")
    folder.rmdir()
    folder.symlink_to(tmp_path)
    failed = instance.run_operation(operations.submit_operation(vpn, TaskRequest("profile", "laptop"), "tester"))
    assert failed.progress == "failed"
    assert failed.error == f"{folder} points elsewhere: it contains a link."
    answer = owner.post(f"/rockons/{vpn.id}/openvpn/profile", data={"client": "phone"})
    assert (answer.status_code, "points elsewhere" in answer.text) == (409, True)


def test_a_task_of_a_rockon_without_any_is_refused(instance: Instance, app_image: str) -> None:
    rockon = instance.add_rockon("Plain", {"plain": {"image": app_image}})
    instance.install_rockon(rockon)
    assert handler_tasks.find_tasks(rockon) is None
    failed = instance.run_operation(operations.submit_operation(rockon, TaskRequest("authority"), "tester"))
    assert isinstance(instance.raised, Conflict)
    assert failed.error == "There are no tasks of this kind for Plain."
