"""The list of metastores: the configured remote one, those added by owners, and the configured local folder.

A later one replaces rock-ons of the same name of those before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import delete, select, update

from rockonweb.config import Config
from rockonweb.core.errors import BadInput
from rockonweb.core.packed import UnreadableText
from rockonweb.core.secret import without_password
from rockonweb.core.text import t
from rockonweb.models import Installation, Metastore, MetastoreFile, RockOn, State, db, transaction

REMOTE_ORIGIN, LOCAL_ORIGIN = "remote", "local"
LOCAL_PREFIX = "local:"  # prefix of the keys of local files; those of remote files are URLs
MAX_ADDED = 20
MAX_PARALLEL = 8  # metastores that are fetched in parallel
MAX_PLACE_LENGTH = 300  # characters


@dataclass(frozen=True)
class Source:
    """A metastore of the list; `origin` marks its rock-ons. One without an `id` is from the configuration."""

    origin: str
    place: str  # a URL or the absolute path of a folder; blank: none
    id: int | None = None
    enabled: bool = True
    unreadable: bool = False  # its place in the database can't be read

    @property
    def configured(self) -> bool:
        """Whether it is from the configuration, so that no page can change it."""
        return self.id is None

    @property
    def remote(self) -> bool:
        """Whether it is fetched from a URL."""
        return not self.place.startswith("/")

    @property
    def shown(self) -> str:
        """The URL or folder without a password, for pages."""
        return without_password(self.place) if self.remote else self.place

    @property
    def key_prefix(self) -> str:
        """The prefix of the keys of its files."""
        if self.remote:
            return self.shown.rstrip("/") + "/"
        return LOCAL_PREFIX if self.configured else f"{LOCAL_PREFIX}{self.id}/"


def prefix_of_key(key: str) -> str:
    """Return the `Source.key_prefix` of a file's key."""
    return key[: key.rfind("/") + 1] or LOCAL_PREFIX


def list_sources(settings: Config) -> list[Source]:
    """Return all metastores, in order."""
    return [
        Source(REMOTE_ORIGIN, settings.remote_metastore),
        *(source_from_row(row) for row in db.session.scalars(select(Metastore).order_by(Metastore.position))),
        Source(LOCAL_ORIGIN, str(settings.local_metastore)),
    ]


def parse_place(typed: str, settings: Config) -> str:
    """Return a typed URL or folder, normalized. Raises BadInput."""
    place = typed.strip()
    if not place.isprintable() or len(place) > MAX_PLACE_LENGTH:
        raise BadInput(
            t("This is neither an address nor a folder: it has characters that can't be displayed, or is too long.")
        )
    if place.startswith("/"):
        location = str(Path(place).resolve())
        if not Path(location).is_dir():
            raise BadInput(t("This folder does not exist on this machine."), t("Create it, or correct the path."))
    else:
        location = _normalize_address(place)
    known_locations = {
        source.key_prefix if source.remote else source.place for source in list_sources(settings) if source.place
    }
    if (Source("", location).key_prefix if not location.startswith("/") else location) in known_locations:
        raise BadInput(t("This metastore is already in the list."))
    return location


def add_metastore(place: str) -> None:
    """Add a metastore after those added before. Raises BadInput where there are too many."""
    with transaction() as session:
        rows = list(session.scalars(select(Metastore).order_by(Metastore.position)))
        if len(rows) >= MAX_ADDED:
            raise BadInput(t("There are already %(count)d metastores. Remove one first.", count=MAX_ADDED))
        session.add(Metastore(place=place, position=rows[-1].position + 1 if rows else 0))


def move_metastore(metastore_id: int, step: int) -> None:
    """Swap a metastore with the previous (-1) or next (1) one; does nothing at the ends."""
    with transaction() as session:
        rows = list(session.scalars(select(Metastore).order_by(Metastore.position)))
        index = next((index for index, row in enumerate(rows) if row.id == metastore_id), None)
        if index is None or not 0 <= index + step < len(rows):
            return
        rows[index], rows[index + step] = rows[index + step], rows[index]
        for position, row in enumerate(rows):
            row.position = position


def enable_metastore(metastore_id: int, enabled: bool) -> None:
    """Enable or disable a metastore for refreshes."""
    with transaction() as session:
        if row := session.get(Metastore, metastore_id):
            row.enabled = enabled


def remove_metastore(metastore_id: int) -> None:
    """Remove a metastore and its stored files; its rock-ons are removed at the next refresh."""
    with transaction() as session:
        row = session.get(Metastore, metastore_id)
        if row is None:
            return
        prefix = source_from_row(row).key_prefix
        # The next one that is added may get the same id.
        session.execute(update(RockOn).where(RockOn.origin == source_from_row(row).origin).values(origin=""))
        stored_keys = [key for key in session.scalars(select(MetastoreFile.url)) if prefix_of_key(key) == prefix]
        session.execute(delete(MetastoreFile).where(MetastoreFile.url.in_(stored_keys)))
        session.delete(row)


def metastore_rockons(origin: str) -> tuple[list[str], list[str]]:
    """Return the names of a metastore's rock-ons that would be removed with it, and of those in use."""
    query = select(RockOn.id, RockOn.name).where(RockOn.origin == origin, RockOn.in_catalogue).order_by(RockOn.name)
    used = set(db.session.scalars(select(Installation.entry_id).where(Installation.state != State.AVAILABLE)))
    rockons = list(db.session.execute(query))
    return [name for key, name in rockons if key not in used], [name for key, name in rockons if key in used]


def source_from_row(row: Metastore) -> Source:
    """Return the source of a row."""
    return Source(f"metastore-{row.id}", row.place, row.id, row.enabled, isinstance(row.place, UnreadableText))


def _normalize_address(place: str) -> str:
    """Return a normalized URL, without root.json and a final slash. Raises BadInput."""
    try:
        parts = urlsplit(place)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or " " in place or "\\" in place:
        raise BadInput(
            t("This is neither an address nor a folder."),
            t("Enter an address that starts with https:// or http://, or the absolute path of a folder."),
        )
    if parts.query or parts.fragment:
        raise BadInput(t("The address must be that of a folder, without ? and #."))
    path = parts.path.removesuffix("/root.json").rstrip("/")
    return urlunsplit((parts.scheme.lower(), parts.netloc, path, "", ""))
