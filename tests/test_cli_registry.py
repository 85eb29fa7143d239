"""The commands that keep logins for registries."""

import json

import pytest

from tests.support.app import make_app
from tests.support.command_line import CommandLine
from tests.support.registry import ODD_PASSWORD, USER, RegistryServer


@pytest.fixture
def command_line(command_line: CommandLine) -> CommandLine:
    """A terminal beside an instance."""
    make_app(command_line.folder)
    return command_line


def test_a_login_is_kept_tested_and_removed(command_line: CommandLine, private_registry: RegistryServer) -> None:
    host = private_registry.address
    done = command_line.run("registry", "login", host, "--user", USER, stdin="wrong\n")
    assert (done.returncode, done.stderr) == (1, f"{host}: {host} refuses the stored login\n")
    assert command_line.run("registry", "test", host).returncode == 1
    done = command_line.run("registry", "login", host, "--user", USER, stdin=f"{ODD_PASSWORD}\n")
    assert (done.returncode, done.stdout) == (0, f"{host}: accepted\n")
    assert command_line.run("registry", "test", f"http://{host}/").returncode == 0
    listed = json.loads(command_line.run("registry", "list", "--json").stdout)
    assert listed == [{"host": host, "user": USER, "accepted": True, "error": None}]
    assert ODD_PASSWORD not in command_line.run("registry", "list").stdout
    assert command_line.run("registry", "logout", host).returncode == 0
    assert command_line.run("registry", "list").stdout == ""
    done = command_line.run("registry", "test", host)
    assert (done.returncode, done.stderr) == (2, f"There is no login for {host}.\n")


def test_bad_input_is_a_sentence(command_line: CommandLine) -> None:
    for arguments, words in (
        (("ghcr", "--user", "ada"), "not the name of a registry"),
        (("ghcr.io", "--user", "a:b"), "colon"),
    ):
        done = command_line.run("registry", "login", *arguments, stdin="s3cret\n")
        assert done.returncode == 2
        assert words in done.stderr
        assert "s3cret" not in done.stderr
