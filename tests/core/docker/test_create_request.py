"""The request that creates a container, from its command line; tests/docker has what an engine makes of it."""

import pytest

from rockonweb.core.docker.create_request import create_request
from rockonweb.core.secret import SecretWord


def test_the_request_has_what_the_line_says_with_its_secrets() -> None:
    secret = SecretWord("PASSWORD=", "tulip")
    body = create_request(("docker", "create", "--name", "app", "-e", secret, "-p80:8080/udp", "image", "serve", "-x"))
    assert body
    assert (body["Image"], body["Cmd"], body["Env"]) == ("image", ["serve", "-x"], ["PASSWORD=tulip"])
    assert body["HostConfig"]["PortBindings"] == {"8080/udp": [{"HostIp": "", "HostPort": "80"}]}


@pytest.mark.parametrize(
    "words",
    [
        ("--cap-add", "NET_ADMIN", "image"),
        ("--privileged", "image"),
        ("--network", "lane", "image"),
        ("--network=container:other", "image"),
        ("-e", "FROM_OUR_OWN_ENVIRONMENT", "image"),
        ("--env-file", "/dev/stdin", "image"),
        ("-p", "8080", "image"),
        ("-p", "8000-8010:8000-8010", "image"),
        ("-p", "[::1]:80:80", "image"),
        ("-v", "./relative:/data", "image"),
        ("-v", "~/data:/data", "image"),
        ("--device", "vendor.com/class=name", "image"),
        ("--device", "/dev/a:/dev/b:r", "image"),
        ("--restart=on-failure:3", "image"),
        ("--no-such-option", "image"),
        ("-e", "A=1"),
        (),
    ],
)
def test_what_it_does_not_know_for_certain_is_left_to_the_docker_command(words: tuple[str, ...]) -> None:
    assert create_request(("docker", "create", *words)) is None
