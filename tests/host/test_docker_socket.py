"""Where nobody listens at Docker's socket, that is known without the SDK."""

import socket
from pathlib import Path

import pytest

from rockonweb.core.errors import EngineUnreachable
from rockonweb.host.docker_socket import refuse_absent_engine


def test_a_socket_at_which_nobody_listens_is_refused_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with pytest.raises(EngineUnreachable, match="Docker does not answer") as caught:
        refuse_absent_engine()
    assert f"{path}: " in caught.value.output
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        refuse_absent_engine()


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:1", "127.0.0.1:1", "ssh://ada@nas"])
def test_any_other_address_is_left_to_the_sdk(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    refuse_absent_engine()
