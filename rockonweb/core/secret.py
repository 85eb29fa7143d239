"""Which values are secrets, and how a command line that contains one is displayed.

A `SecretWord` is safe by default: as a string it is the masked form, so printing, logging, storing or comparing
it never shows the value. Only `reveal_argv`, used for the execution itself, gives the real arguments.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

MASK = "********"
EVERY = "*"
EVERYTHING_SECRET = {EVERY: {EVERY: True}}  # stands in for choices that can't be read
_SECRET_KEY_WORDS = {
    "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PW", "PWD", "PSK", "KEY", "APIKEY", "AUTHKEY",
    "CREDENTIAL", "CREDENTIALS",
}  # fmt: skip
_SECRET_SUFFIX = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|APIKEY)S?$")
_CONNECTION_URL = re.compile(
    r"(?:^|_)(DATABASE|DB|POSTGRES|POSTGRESQL|MYSQL|MARIADB|MONGO|MONGODB|REDIS|AMQP)_(URL|URI|DSN)$"
)
_NON_SECRET_WORDS = {"NAME", "FILE", "PATH", "ID", "LENGTH", "DIR", "EXPIRY", "LIFETIME"}
_SECRET_LABEL = re.compile(r"\b(password|passphrase|secret|token|api[ -]?key|private key)s?\b", re.IGNORECASE)


class SecretWord(str):
    """An argument of a command line that contains a secret: the string is masked, `revealed` is not."""

    __slots__ = ("revealed",)
    revealed: str

    def __new__(cls, prefix: str, value: str) -> SecretWord:
        word = super().__new__(cls, f"{prefix}{MASK}")
        word.revealed = f"{prefix}{value}"
        return word


def is_secret(key: str, label: str = "") -> bool:
    """Whether a variable's name, or the label of its question, says that its value is a secret."""
    key_words = [word for word in re.split(r"[^A-Z0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key).upper()) if word]
    if key_words and key_words[-1] in _NON_SECRET_WORDS:
        return False
    if any(word in _SECRET_KEY_WORDS or _SECRET_SUFFIX.search(word) for word in key_words):
        return True
    return bool(_SECRET_LABEL.search(label) or _CONNECTION_URL.search("_".join(key_words)))


def is_chosen_secret(choices: Mapping[str, Mapping[str, bool]], container: str, key: str, label: str = "") -> bool:
    """Whether an answer is a secret: by the users' choices (see `Definition`), else by name and label."""
    return choices.get(container, {}).get(key, EVERY in choices or is_secret(key, label))


def reveal_argv(argv: Iterable[str]) -> list[str]:
    """Return the arguments with their real values, to be executed."""
    return [argument.revealed if isinstance(argument, SecretWord) else str(argument) for argument in argv]


def format_command(argv: Iterable[str]) -> str:
    """Return a command line quoted for a shell, secrets masked."""
    return " ".join(_quote_word(argument) for argument in argv)


def _quote_word(argument: str) -> str:
    if isinstance(argument, SecretWord):
        return shlex.quote(argument.removesuffix(MASK)) + MASK
    return shlex.quote(argument)


def redact_secrets(text: str, argv: Iterable[str]) -> str:
    """Return another program's output without the secret values in `argv`, also where they are percent-encoded.

    The longest is masked first: one secret may begin with another.
    """
    secrets = {
        argument.revealed.removeprefix(argument.removesuffix(MASK))
        for argument in argv
        if isinstance(argument, SecretWord)
    }
    secrets |= {quote(value, safe="") for value in secrets}
    for value in sorted(secrets, key=len, reverse=True):
        if len(value) > 3:
            text = text.replace(value, MASK)
    return text


def without_password(address: str) -> str:
    """Return a URL without user name and password."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else address
