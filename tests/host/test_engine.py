"""What the engine's module decides without an engine."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rockonweb.core.docker import run_options
from rockonweb.core.errors import EngineError
from rockonweb.core.secret import SecretWord
from rockonweb.core.text import AppOutput
from rockonweb.host.docker_errors import command_error
from rockonweb.host.engine import Engine, docker_create_argv
from rockonweb.host.waiting import Waiter


def made(*words: str) -> list[str]:
    """The words of `docker create` for those of `docker run`, without our own labels, the last of the flags."""
    form = list(docker_create_argv(("docker", "run", *words), 7))
    assert form[:2] == ["docker", "create"]
    place = run_options.parse_command_line(form).image
    assert form[place - 2 : place] == ["--label", "rockonweb.operation=7"]
    end = place - 4 if form[place - 3].startswith("rockonweb.container=") else place - 2
    return form[2:end] + form[place:]


def test_a_label_of_a_definition_can_not_say_which_operation_made_the_container() -> None:
    form = docker_create_argv(("docker", "run", "--label", "rockonweb.operation=1", "image"), 7)
    assert form[-3:] == ("--label", "rockonweb.operation=7", "image")


def test_a_container_is_labelled_with_its_name() -> None:
    form = docker_create_argv(("docker", "run", "--name", "app", "image"), 7)
    assert form[-5:] == ("--label", "rockonweb.container=app", "--label", "rockonweb.operation=7", "image")


@pytest.mark.parametrize("words", [["--", "image"], ["-", "image"], ["--bogus", "image"], ["-itZ", "image"]])
def test_what_the_client_might_read_otherwise_is_not_given_to_it(words: list[str]) -> None:
    with pytest.raises(EngineError, match="is not an option of docker run"):
        docker_create_argv(("docker", "run", *words), 7)


@pytest.mark.parametrize(
    "flags",
    [
        *(["-d"], ["--detach"], ["--detach=true"], ["--detach=false"], ["-d=true"], ["-dd"]),
        *(["--sig-proxy"], ["--sig-proxy=false"], ["--detach-keys", "ctrl-a"], ["--detach-keys=ctrl-a"]),
    ],
)
def test_what_only_run_takes_is_left_out_wherever_it_stands(flags: list[str]) -> None:
    assert made(*flags, "--name", "app", "image") == ["--name", "app", "image"]
    assert made("--init", "--name", "app", *flags, "image", "x") == ["--init", "--name", "app", "image", "x"]
    assert made("--net=host", *flags, "-v", "/a:/b", "image") == ["--net=host", "-v", "/a:/b", "image"]
    assert made("-it", *flags, "image") == ["-it", "image"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("-itd", "-it"), ("-dit", "-it"), ("-di", "-i"), ("-dP", "-P"), ("-tdi=true", "-ti=true"), ("-itd=false", "-it")],
)
def test_it_is_taken_out_of_joined_switches(given: str, kept: str) -> None:
    assert made(given, "image") == [kept, "image"]


def test_it_is_taken_out_before_a_joined_flag_with_a_value() -> None:
    assert made("-dp", "80:80", "-de", "-d", "image") == ["-p", "80:80", "-e", "-d", "image"]


@pytest.mark.parametrize(
    "words",
    [
        ["-e", "-d", "image"],
        ["--label", "--detach", "image"],
        ["--entrypoint", "-d", "image", "-d"],
        ["image", "-d"],
        ["--name", "app", "image", "serve", "-d", "--detach", "-itd"],
        ["--privileged", "image", "--verbose", "-d", "daemon"],
        ["-v/data:/data", "-u1000", "-w", "/d", "image"],
        ["--device=/dev/dri", "--device", "/dev/d", "-e", "A=-d", "image"],
        ["--rm", "--read-only", "--init", "image", "-d"],
        ["-P", "image", "-d"],
        ["--dns", "1.1.1.1", "--dns", "1.1.1.1", "image"],
    ],
)
def test_nothing_else_is_touched(words: list[str]) -> None:
    assert made(*words) == words


def test_what_the_client_says_of_a_failure_is_told_without_the_secrets_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text('#!/bin/sh\necho "no room for $PASSWORD and $GREETING"; env >&2; exit 1\n')
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    argv = ("docker", "run", "-e", SecretWord("PASSWORD=", "tulip-and-rose"), "-e", "GREETING=hello", "image")
    engine = Engine.__new__(Engine)  # the client alone is asked
    engine.waiter = Waiter()
    for ask in (engine.run_once, engine.read_once):
        with pytest.raises(EngineError) as raised:
            ask(argv)
        told = str(vars(raised.value))
        assert "PASSWORD=********" in told
        assert "tulip-and-rose" not in told


def test_an_option_that_an_older_client_does_not_know_is_named_with_whom_to_tell() -> None:
    error = command_error("unknown flag: --use-api-socket\nSee 'docker create --help'.", 125)
    assert "unknown flag: --use-api-socket" in error.sentence
    assert "maintainer" in error.hint


@pytest.fixture
def client_prints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, int], Engine]:
    """`client_prints(words, status)` is an engine whose docker command prints and ends so."""

    def prepare(words: str, status: int) -> Engine:
        (tmp_path / "words").write_text(words)
        (tmp_path / "docker").write_text(f"#!/bin/sh\ncat {tmp_path}/words >&2; exit {status}\n")
        (tmp_path / "docker").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        engine = Engine.__new__(Engine)  # the client alone is asked
        engine.waiter = Waiter()
        return engine

    return prepare


@pytest.mark.parametrize("words", ["my key is 42", "Cannot connect to the Docker daemon: 42", "docker: bad port 42"])
@pytest.mark.parametrize("status", [1, 3, 126, 127, 137])
def test_what_an_app_printed_is_marked_and_not_in_the_sentence(
    client_prints: Callable[[str, int], Engine], words: str, status: int
) -> None:
    if status in (126, 127) and words.startswith("docker: "):
        return  # as the client itself would say it
    engine = client_prints(words, status)
    for ask in (engine.run_once, engine.read_once):
        with pytest.raises(EngineError) as raised:
            ask(("docker", "run", "--name", "web", "image"))
        assert str(raised.value) == f"web ended with exit code {status}."
        assert isinstance(raised.value.output, AppOutput)
        assert "42" in raised.value.output
    assert isinstance(client_prints(words, 0).run_once(("docker", "run", "image")), AppOutput)


def test_what_docker_itself_says_of_a_run_is_not_the_apps(client_prints: Callable[[str, int], Engine]) -> None:
    refusal = 'docker: Error response from daemon: exec: "serve": executable file not found in $PATH'
    for status in (125, 126, 127):
        with pytest.raises(EngineError) as raised:
            client_prints(refusal, status).run_once(("docker", "run", "--name", "web", "image"))
        assert not isinstance(raised.value.output, AppOutput)
        assert "ended with exit code" not in raised.value.sentence


def test_a_command_that_the_system_refuses_is_told_as_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(EngineError, match=r"The docker command can't be started: Argument list too long\."):
        Engine.__new__(Engine).read_once(("docker", "run", "-e", "A=" + "x" * 200_000, "image"))
