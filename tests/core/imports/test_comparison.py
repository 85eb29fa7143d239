"""Two command lines in one spelling: what differs in them differs in the container."""

import shlex

import pytest

from rockonweb.core.imports.comparison import comparable_argv, source_argv
from rockonweb.core.imports.source import SourceContainer
from rockonweb.core.secret import format_command, reveal_argv


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("docker run -d -p 1:2 -itv /a:/b app", "docker run --tty=true -i --volume=/a:/b -p 1:2/tcp app:latest"),
        ("docker run --label rockonweb.rockon=x -e A=1 app run", "docker run -eA=1 app run"),
        ("docker run --restart=no --restart always -t -t=0 app", "docker run --restart always --tty=false app"),
        ("docker run --net host a.example:5000/app", "docker run --network host a.example:5000/app:latest"),
    ],
)
def test_the_spelling_makes_no_difference(line: str, same: str) -> None:
    assert comparable_argv(tuple(shlex.split(line))) == comparable_argv(tuple(shlex.split(same)))


def test_a_container_has_its_own_line_with_secrets_masked() -> None:
    container = SourceContainer("web", "app", (("--tty", ""), ("--env", "TOKEN=geheim")), ("serve",))
    argv = comparable_argv(source_argv(container))
    assert format_command(argv) == "docker run --env TOKEN=******** --name web --tty app:latest serve"
    assert "TOKEN=geheim" in reveal_argv(argv)
