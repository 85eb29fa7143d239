"""Commands that are longer than Linux allows; each would fail to start, here or in its container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rockonweb.core.command_size import MAX_WORD_BYTES, command_bytes, word_bytes
from rockonweb.core.containers.argv import Argv
from rockonweb.core.docker import run_options
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.secret import reveal_argv
from rockonweb.core.text import TranslatableText, format_size, t


def check_commands(commands: Iterable[tuple[str, Argv]], limit: int) -> Iterator[Finding]:
    """Yield a finding for each word that is too long, and for each command that is in all longer than `limit` bytes.

    `commands` are pairs of a container and its `docker run` line.
    """
    for container, argv in commands:
        words = reveal_argv(argv)
        sizes = [word_bytes(word) for word in words]
        for index, size in enumerate(sizes):
            if size > MAX_WORD_BYTES:
                sentence = t(
                    "%(what)s of %(name)s is too long: it has %(size)s bytes, and Linux allows %(limit)s.",
                    what=_word_title(argv, index),
                    name=container,
                    size=size,
                    limit=MAX_WORD_BYTES,
                )
                yield Finding("block", sentence, t("Shorten it, or put it into a file in a share."))
        if max(sizes) <= MAX_WORD_BYTES and command_bytes(words) > limit:
            sentence = t(
                "The command for %(name)s is too long: it has %(size)s, and this host allows %(limit)s.",
                name=container,
                size=format_size(command_bytes(words)),
                limit=format_size(limit),
            )
            yield Finding("block", sentence, t("Shorten its longest values, or put them into files in a share."))


def _word_title(argv: Argv, index: int) -> TranslatableText:
    """Return what a word of a command is, for people."""
    flag = next((flag for flag in run_options.parse_command_line(argv).flags if flag.place <= index < flag.end), None)
    if flag is None:
        return t("An argument")
    key = flag.value.partition("=")[0][:100]
    if flag.name == "env":
        return t("The variable %(key)s", key=key)
    if flag.name == "label":
        return t("The label %(key)s", key=key)
    return t("The option %(flag)s", flag=f"--{flag.name[:100]}")
