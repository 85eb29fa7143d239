"""The list of metastores: the configured remote one, those that an owner added, the configured local folder.

A later one replaces rock-ons of the same name of those before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import delete, select, update

from rockonweb.config import Settings
from rockonweb.core.errors import BadInput
from rockonweb.core.secret import without_password
from rockonweb.core.text import t
from rockonweb.models import Installation, Metastore, MetastoreFile, RockOn, State, db, writing

REMOTE_ORIGIN, LOCAL_ORIGIN = "remote", "local"
LOCAL = "local:"  # begins the keys of files of this machine, instead of an address
MOST = 20  # metastores that can be added
AT_ONCE = 8  # metastores that are fetched side by side
MAX_PLACE = 300  # characters


@dataclass(frozen=True)
class Source:
    """A metastore of the list; `origin` marks its rock-ons. Without an `id` it is from the configuration."""

    origin: str
    place: str  # an address or an absolute folder; blank: none
    id: int | None = None
    enabled: bool = True

    @property
    def configured(self) -> bool:
        """Whether the configuration names it, so that no page can change it."""
        return self.id is None

    @property
    def remote(self) -> bool:
        """Whether it is reached by an address."""
        return not self.place.startswith("/")

    @property
    def shown(self) -> str:
        """The place as people may see it: without a password."""
        return without_password(self.place) if self.remote else self.place

    @property
    def home(self) -> str:
        """What the keys of its files begin with."""
        if self.remote:
            return self.shown.rstrip("/") + "/"
        return LOCAL if self.configured else f"{LOCAL}{self.id}/"


def home(key: str) -> str:
    """Return which metastore's the key of a file is: its `home`."""
    return key[: key.rfind("/") + 1] or LOCAL


def listed(settings: Settings) -> list[Source]:
    """Return all metastores in their order."""
    return [
        Source(REMOTE_ORIGIN, settings.remote_metastore),
        *(source_of(row) for row in db.session.scalars(select(Metastore).order_by(Metastore.position))),
        Source(LOCAL_ORIGIN, str(settings.local_metastore)),
    ]


def read_place(typed: str, settings: Settings) -> str:
    """Return the address or folder that was typed, in one spelling. Raises BadInput."""
    place = typed.strip()
    if not place.isprintable() or len(place) > MAX_PLACE:
        raise BadInput(t("This is no address and no folder: it has signs that can't be shown, or is too long."))
    if place.startswith("/"):
        found = str(Path(place).resolve())
        if not Path(found).is_dir():
            raise BadInput(t("There is no such folder on this machine."), t("Make it, or correct the path."))
    else:
        found = _address(place)
    same = {source.home if source.remote else source.place for source in listed(settings) if source.place}
    if (Source("", found).home if not found.startswith("/") else found) in same:
        raise BadInput(t("This metastore is in the list already."))
    return found


def add(place: str) -> None:
    """Put a metastore behind those that were added before. Raises BadInput where there are too many."""
    with writing() as session:
        rows = list(session.scalars(select(Metastore).order_by(Metastore.position)))
        if len(rows) >= MOST:
            raise BadInput(t("There are %(count)d metastores already. Remove one first.", count=MOST))
        session.add(Metastore(place=place, position=rows[-1].position + 1 if rows else 0))


def move(metastore_id: int, step: int) -> None:
    """Let a metastore change places with the one before (-1) or behind (1) it; at the end nothing happens."""
    with writing() as session:
        rows = list(session.scalars(select(Metastore).order_by(Metastore.position)))
        place = next((place for place, row in enumerate(rows) if row.id == metastore_id), None)
        if place is None or not 0 <= place + step < len(rows):
            return
        rows[place], rows[place + step] = rows[place + step], rows[place]
        for position, row in enumerate(rows):
            row.position = position


def enable(metastore_id: int, enabled: bool) -> None:
    """Use a metastore at refreshes, or leave it out."""
    with writing() as session:
        if row := session.get(Metastore, metastore_id):
            row.enabled = enabled


def remove(metastore_id: int) -> None:
    """Remove a metastore and what was kept of its files; its rock-ons leave at the next refresh."""
    with writing() as session:
        row = session.get(Metastore, metastore_id)
        if row is None:
            return
        ours = source_of(row).home
        # The next one that is added may get the same number.
        session.execute(update(RockOn).where(RockOn.origin == source_of(row).origin).values(origin=""))
        kept = [key for key in session.scalars(select(MetastoreFile.url)) if home(key) == ours]
        session.execute(delete(MetastoreFile).where(MetastoreFile.url.in_(kept)))
        session.delete(row)


def rockons_of(origin: str) -> tuple[list[str], list[str]]:
    """Return the names of a metastore's rock-ons: those that would leave with it, and those that are in use."""
    query = select(RockOn.id, RockOn.name).where(RockOn.origin == origin, RockOn.in_catalogue).order_by(RockOn.name)
    used = set(db.session.scalars(select(Installation.entry_id).where(Installation.state != State.AVAILABLE)))
    found = list(db.session.execute(query))
    return [name for key, name in found if key not in used], [name for key, name in found if key in used]


def source_of(row: Metastore) -> Source:
    """Return a row of the list as the refresh needs it."""
    return Source(f"metastore-{row.id}", row.place, row.id, row.enabled)


def _address(place: str) -> str:
    """Return an address without what makes no difference. Raises BadInput."""
    try:
        parts = urlsplit(place)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or " " in place or "\\" in place:
        raise BadInput(
            t("This is no address and no folder."),
            t("Type an address that begins with https:// or http://, or the absolute path of a folder."),
        )
    if parts.query or parts.fragment:
        raise BadInput(t("The address must be that of a folder: without ? and #."))
    path = parts.path.removesuffix("/root.json").rstrip("/")
    return urlunsplit((parts.scheme.lower(), parts.netloc, path, "", ""))
