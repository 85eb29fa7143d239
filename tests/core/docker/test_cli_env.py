"""How the docker client gets secrets: never as words of its command line where that can be helped."""

import pytest

from rockonweb.core.docker.cli_env import MAX_LINE, affects_docker_cli, docker_cli_env
from rockonweb.core.secret import SecretWord


def line(*words: str) -> list[str]:
    """A command line with these words before the image."""
    return ["docker", "create", *words, "image", "serve"]


def secret(key: str, value: str) -> tuple[str, str]:
    """The words of a secret variable."""
    return "-e", SecretWord(f"{key}=", value)


@pytest.mark.parametrize(
    "value", ["word", "two\nlines\r\n", "$HOME `id` \"'", "a=b=c", "żółć 🐟", " ", "#", "x" * 70_000]
)
def test_a_secret_goes_through_the_environment(value: str) -> None:
    given = docker_cli_env(line("-e", "PLAIN=1", *secret("APP_PASSWORD", value)))
    assert given.argv == line("-e", "PLAIN=1", "-e", "APP_PASSWORD")
    assert given.environment == {"APP_PASSWORD": value}
    assert given.env_file == ""


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "LD_PRELOAD", "LD_AUDIT", "DOCKER_HOST", "DOCKER_TOKEN", "BUILDKIT_KEY", "HTTP_PROXY"),
        *("https_proxy", "No_Proxy", "XDG_CONFIG_HOME", "LANG", "LC_ALL", "TMPDIR", "GODEBUG", "GOMAXPROCS", "TZ"),
        *("SSL_CERT_FILE", "OTEL_EXPORTER_OTLP_HEADERS", "GLIBC_TUNABLES", "BASH_ENV", "PYTHONPATH", "SSH_AUTH_SOCK"),
    ],
)
def test_one_whose_name_would_steer_the_client_goes_through_a_pipe(name: str) -> None:
    assert affects_docker_cli(name)
    given = docker_cli_env(line(*secret(name, "s3 c=r$t ")))
    assert given.argv == line("--env-file", "/dev/stdin")
    assert (given.environment, given.env_file) == ({}, f"{name}=s3 c=r$t \n")


@pytest.mark.parametrize(
    "name", ["APP_PASSWORD", "MYSQL_ROOT_PASSWORD", "TOKEN", "API_KEY", "PASS", "PATHS_KEY", "USERNAME", "SHELLS", "G"]
)
def test_the_names_of_apps_do_not_steer_it(name: str) -> None:
    assert not affects_docker_cli(name)


@pytest.mark.parametrize("value", ["two\nlines", "end\r", "x" * MAX_LINE])
def test_what_the_pipe_cannot_hold_stays_a_word(value: str) -> None:
    given = docker_cli_env(line(*secret("DOCKER_TOKEN", value)))
    assert given.argv == line("-e", f"DOCKER_TOKEN={value}")
    assert given.env_file == ""


@pytest.mark.parametrize(
    "before", [("-e", "LANG=x"), ("--env", "LANG=x"), ("--env=LANG=x",), ("-eLANG=x",), ("-ite=LANG=x",)]
)
def test_the_order_stays_where_a_name_is_set_twice(before: tuple[str, ...]) -> None:
    assert docker_cli_env(line(*before, *secret("LANG", "y"))).argv == line(*before, "-e", "LANG=y")


def test_what_is_no_secret_stays_as_it_is() -> None:
    words = line("--name", "app", "-e", "PATH=/bin", "-e", "A", "-v", "/a:/b")
    assert docker_cli_env(words).argv == words
    assert docker_cli_env(words).environment == {}
