"""The command lines of an import: as the source has them, and as the plan has them, in one spelling and order."""

from __future__ import annotations

from rockonweb.core.containers.argv import Argv
from rockonweb.core.docker.run_options import FALSE_VALUES, LABEL_PREFIX, REPEATABLE, SWITCHES, Flag, parse_command_line
from rockonweb.core.imports.source import SourceContainer
from rockonweb.core.secret import SecretWord, is_secret


def source_argv(container: SourceContainer) -> Argv:
    """Return the command line of a container as its source has it, secrets masked."""
    options = (word for pair in container.options for word in _option_words(*pair))
    return ("docker", "run", "--name", container.name, *options, container.image, *container.command)


def comparable_argv(argv: Argv) -> Argv:
    """Return a command line with long options in alphabetical order, without what says nothing of the container."""
    options = parse_command_line(argv)
    words: list[str] = ["docker", "run"]
    last = {flag.name: flag for flag in options.flags}
    effective = [flag for flag in options.flags if flag.name in REPEATABLE or flag is last[flag.name]]
    # Only of networks the order says something; Docker itself forgets that of volumes.
    for flag in sorted(effective, key=lambda flag: (flag.name, "" if flag.name == "network" else flag.value)):
        if flag.name != "detach" and not (flag.name == "label" and flag.value.startswith(LABEL_PREFIX)):
            words += _flag_words(flag)
    image, *command = argv[options.image :] or ("",)
    has_tag = "@" in image or ":" in image.rpartition("/")[2]
    return (*words, image if has_tag or not image else f"{image}:latest", *command)


def _option_words(option: str, value: str) -> tuple[str, ...]:
    name = option.removeprefix("--").partition("=")[0]
    if name in SWITCHES:
        return (option,)
    key, equals, secret = value.partition("=")
    return (option, SecretWord(f"{key}=", secret) if name == "env" and equals and secret and is_secret(key) else value)


def _flag_words(flag: Flag) -> tuple[str, ...]:
    if flag.name in SWITCHES:
        return (f"--{flag.name}=false" if flag.value in FALSE_VALUES else f"--{flag.name}",)
    value = flag.value
    if flag.name == "publish" and "=" not in value and "/" not in value:
        value = f"{value}/tcp"
    elif flag.name == "volume":
        value = value.removesuffix(":rw")
    return (f"--{flag.name}", value)
