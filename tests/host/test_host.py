"""The door to the machine: whose Docker may be asked, and what is told where it can't be."""

import pytest

from rockonweb import config
from rockonweb.core.errors import EngineError, EngineUnreachable
from rockonweb.host import Engine, Host, connection
from rockonweb.host.connection import is_local_docker


@pytest.fixture
def host(tmp_path) -> Host:
    settings = config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path)})
    config.create_secret_key(settings)
    return Host(settings)


@pytest.mark.parametrize(
    "address",
    [
        *("", "unix:///var/run/docker.sock", "unix:///run/user/1000/docker.sock", "/var/run/docker.sock"),
        *("tcp://127.0.0.1:2375", "tcp://localhost:2376", "tcp://[::1]:2375", "https://127.0.0.1:2376"),
        *(
            "tcp://192.168.1.5:2375",
            "192.168.1.5:2375",
            "localhost:2375",
            "tcp://:2375",
            "tcp://0.0.0.0:2375",
            "unix://",
        ),
    ],
)
def test_a_socket_and_a_port_of_this_machine_are_here(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "local_addresses", lambda: frozenset({"192.168.1.5"}))
    assert is_local_docker(address)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("tcp://192.0.2.7:2375", "tcp://192.0.2.7:2375"),
        ("tcp://nas.example.org:2376", "tcp://nas.example.org:2376"),
        ("tcp://[2001:db8::7]:2375", "tcp://[2001:db8::7]:2375"),
        ("tcp://ada:secret@nas.example.org:2376", "nas.example.org:2376"),
        ("ssh://ada@nas.example.org", "nas.example.org"),
        ("ssh://localhost", "ssh://localhost"),
        ("192.0.2.7:2375", "192.0.2.7:2375"),
        ("nas.example.org:2376", "nas.example.org:2376"),
        ("tcp://[broken", "tcp://[broken"),
    ],
)
def test_the_docker_of_another_machine_is_refused_with_a_sentence(
    host: Host, monkeypatch: pytest.MonkeyPatch, address: str, shown: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(EngineUnreachable, match="points to another machine") as caught:
        host.connect_docker()
    assert caught.value.sentence == f"DOCKER_HOST points to another machine: {shown}."
    assert "leave DOCKER_HOST unset" in caught.value.hint


def test_a_question_is_answered_without_docker_where_it_is_away(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert host.call_with_engine(lambda docker: docker is None)[0]
    assert isinstance(host.call_with_engine(lambda docker: None)[1], EngineUnreachable)


def test_an_answer_that_docker_refuses_is_given_without_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __enter__(self) -> "Refusing":
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is open."""

    def question(docker: Engine | None) -> str:
        if docker:
            raise EngineError("Docker refused.")
        return "without it"

    monkeypatch.setattr("rockonweb.host.engine.connect_engine", lambda *_: Refusing())
    answer, why = host.call_with_engine(question)
    assert answer == "without it"
    assert why
    assert why.sentence == "Docker refused."


def test_the_names_of_rock_ons_are_those_whose_containers_are_acted_on(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path)})
    config.create_secret_key(settings)
    monkeypatch.setattr("rockonweb.host.engine.connect_engine", lambda *names: names)
    assert Host(settings, "Notes").connect_docker("Memos") == (config.instance_id(settings), "Notes", "Memos")
    assert Host(settings).connect_docker() == (config.instance_id(settings),)


def test_an_address_that_is_none_is_no_answer(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "http://127.0.0.1:99999")
    with pytest.raises(EngineUnreachable):
        host.connect_docker()
