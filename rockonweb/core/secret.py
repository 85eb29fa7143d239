"""What is a secret, and how a command line that holds one is shown.

A `SecretWord` is safe by default: as a string it is the masked form, so printing, logging, storing or comparing
it never shows the value. Only `reveal`, used for the execution itself, gives the real words.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from urllib.parse import quote, urlsplit, urlunsplit

MASK = "********"
_KEY_WORDS = {
    "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PW", "PWD", "PSK", "KEY", "APIKEY", "AUTHKEY",
    "CREDENTIAL", "CREDENTIALS",
}  # fmt: skip
_GLUED = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|APIKEY)S?$")
_ADDRESS = re.compile(r"(?:^|_)(DATABASE|DB|POSTGRES|POSTGRESQL|MYSQL|MARIADB|MONGO|MONGODB|REDIS|AMQP)_(URL|URI|DSN)$")
_NOT_THE_SECRET_ITSELF = {"NAME", "FILE", "PATH", "ID", "LENGTH", "DIR", "EXPIRY", "LIFETIME"}
_LABEL = re.compile(r"\b(password|passphrase|secret|token|api[ -]?key|private key)s?\b", re.IGNORECASE)


class SecretWord(str):
    """A word of a command line with a secret in it: the string is masked, `revealed` is not."""

    __slots__ = ("revealed",)
    revealed: str

    def __new__(cls, prefix: str, value: str) -> SecretWord:
        word = super().__new__(cls, f"{prefix}{MASK}")
        word.revealed = f"{prefix}{value}"
        return word


def is_secret(key: str, label: str = "") -> bool:
    """Whether a variable's name, or the label of its question, says that its value is a secret."""
    words = [word for word in re.split(r"[^A-Z0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key).upper()) if word]
    if words and words[-1] in _NOT_THE_SECRET_ITSELF:
        return False
    if any(word in _KEY_WORDS or _GLUED.search(word) for word in words):
        return True
    return bool(_LABEL.search(label) or _ADDRESS.search("_".join(words)))


def reveal(words: Iterable[str]) -> list[str]:
    """Return the words as a program must get them."""
    return [word.revealed if isinstance(word, SecretWord) else str(word) for word in words]


def render(words: Iterable[str]) -> str:
    """Return a command line as one would type it, secrets masked."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if isinstance(word, SecretWord):
        return shlex.quote(word.removesuffix(MASK)) + MASK
    return shlex.quote(word)


def redact(text: str, words: Iterable[str]) -> str:
    """Return `text` (another program's output) without the secret values that `words` carry, also as they stand in
    an address.

    The longest goes first: one secret may begin with another.
    """
    secrets = {word.revealed.removeprefix(word.removesuffix(MASK)) for word in words if isinstance(word, SecretWord)}
    secrets |= {quote(value, safe="") for value in secrets}
    for value in sorted(secrets, key=len, reverse=True):
        if len(value) > 3:
            text = text.replace(value, MASK)
    return text


def without_password(address: str) -> str:
    """Return an address without a name and password in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else address
