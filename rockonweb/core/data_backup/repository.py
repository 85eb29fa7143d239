"""A data repository: how restic reaches it, and what it keeps."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from rockonweb.core.errors import BadInput
from rockonweb.core.secret import MASK, without_password
from rockonweb.core.text import t

OWN_TAG = "rockonweb"
SETTINGS_FOLDER = "rockonweb-backup"  # in a snapshot, beside the shares
BESIDE = ".rockonweb-"  # how folders of a restore inside a share begin: no backup has them
SETTINGS_FILE, IMAGES_FILE = "settings.json", "images.json"  # in it: a backup of the app's settings, digests
# What restic itself reads from its environment is not to be set by a person: these are ours.
_RESERVED = ("RESTIC_", "PATH", "HOME", "LD_")


@dataclass(frozen=True)
class RepositoryAccess:
    """Where a repository is, in restic's words, with what opens it. `environment` has keys for S3 and the like;
    `upload_limit` is in KiB a second, 0: none.
    """

    url: str
    passphrase: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    upload_limit: int = 0


@dataclass(frozen=True)
class Retention:
    """How many snapshots of an app are kept: the newest of so many hours, days, weeks and months."""

    hourly: int = 0
    daily: int = 7
    weekly: int = 4
    monthly: int = 12

    @property
    def keeps_any(self) -> bool:
        """Whether it says anything: without, all snapshots are kept."""
        return any((self.hourly, self.daily, self.weekly, self.monthly))


def parse_url(text: str) -> str:
    """Return a repository's address as restic takes it. Raises BadInput."""
    url = text.strip()
    if not url or any(not character.isprintable() for character in url):
        raise BadInput(t("Enter where the repository is."))
    kind, colon, _ = url.partition(":")
    if not url.startswith("/") and not (colon and kind.isalnum()):
        raise BadInput(
            t("This is no address of a repository: %(url)s", url=shown_url(url)),
            t("A folder begins with /; others with sftp:, rest:, s3: or another word that restic knows."),
        )
    return url


def shown_url(url: str) -> str:
    """Return an address without user name and password, to be shown."""
    kind, colon, rest = url.partition(":")
    if colon and "://" in rest:
        return f"{kind}:{without_password(rest)}"
    return url


def parse_environment(text: str) -> dict[str, str]:
    """Return the variables of lines NAME=VALUE. Raises BadInput."""
    variables = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not name.replace("_", "").isalnum() or not name.isascii() or name[0].isdigit():
            raise BadInput(t("Each line is NAME=VALUE, such as %(example)s.", example=f"AWS_ACCESS_KEY_ID={MASK}"))
        if name.startswith(_RESERVED):
            raise BadInput(t("%(name)s can't be set here: Rockonweb sets it itself.", name=name))
        variables[name] = value
    return variables


def restore_commands(url: str) -> tuple[str, str]:
    """Return the two commands by which a person finds and gets back everything with restic alone."""
    shown = shlex.quote(shown_url(url))
    return (
        f"restic --repo {shown} snapshots",
        f"restic --repo {shown} restore SNAPSHOT --target /tmp/restored",
    )


def snapshot_tags(app: str, instance: str) -> tuple[str, ...]:
    """Return the tags of an app's snapshots; in one, restic allows no comma."""
    return (OWN_TAG, f"app={quote(app, safe=' ()')}", f"instance={instance}")


def app_of_tags(tags: list[str]) -> str:
    """Return the name of the app that a snapshot with these tags is of; blank where Rockonweb did not make it."""
    names = [unquote(tag.removeprefix("app=")) for tag in tags if tag.startswith("app=")]
    return names[0] if names and OWN_TAG in tags else ""
