"""Backups at their edges: gathered from rows, files and Docker; secrets sealed with a passphrase."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import replace

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import select

from rockonweb.catalog import local
from rockonweb.config import Settings
from rockonweb.core.errors import BadInput, EngineError
from rockonweb.core.formats import backup as core
from rockonweb.core.formats.backup import Backup, Metastore, SavedRockOn, Sealed, Share, Volume
from rockonweb.core.text import t
from rockonweb.host import Engine, host_of
from rockonweb.models import Installation, Network, State, Status, db, now, repository
from rockonweb.models import Metastore as MetastoreRow

SHORTEST_PASSPHRASE = 10
COST = (2**16, 8, 1)  # of scrypt: 64 MiB, some tenths of a second
KEPT_STATES = (State.INSTALLED, State.PENDING_UPDATE)
DOWN = (Status.STOPPED, Status.PENDING_STOP)


def make(settings: Settings, program: str, passphrase: str | None) -> tuple[str, EngineError | None]:
    """Return the text of a backup of everything; the secrets are in it only with a passphrase.

    Without an engine, volumes that Docker made for containers are known only of those that were removed; the second
    thing is why it could not be asked. Raises BadInput for a passphrase that is too short.
    """
    found, trouble = host_of().ask(lambda docker: gather(settings, program, docker))
    backup, secrets = core.withhold(found)
    if passphrase is not None:
        backup = replace(backup, sealed=seal(core.secrets_to_json(secrets), passphrase))
    return core.to_json(backup), trouble


def gather(settings: Settings, program: str, docker: Engine | None) -> Backup:
    """Return everything that a backup holds, with its secrets."""
    installed = db.session.scalars(
        select(Installation).where(Installation.state.in_(KEPT_STATES)).order_by(Installation.id)
    )
    stores = db.session.scalars(select(MetastoreRow).order_by(MetastoreRow.position))
    found = Backup(
        program=program,
        made=now().isoformat(timespec="seconds"),
        rockons=tuple(_saved(rockon) for rockon in installed),
        networks=tuple(row.spec for row in db.session.scalars(select(Network).order_by(Network.name))),
        shares=tuple(Share(name, facts.uid, facts.gid) for name, facts in host_of().shares.listing().items()),
        definitions=definitions(settings),
        metastores=tuple(Metastore(row.place, row.enabled) for row in stores),
    )
    db.session.rollback()
    return replace(found, rockons=tuple(_with_volumes(rockon, docker) for rockon in found.rockons)) if docker else found


def definitions(settings: Settings) -> dict[str, str]:
    """Return the files of the local metastore; one that can't be read is left out."""
    files = local.listing(settings)
    return {file.name: file.text for file in files if file.editable and file.text is not None}


def _saved(rockon: Installation) -> SavedRockOn:
    return SavedRockOn(
        rockon.name,
        rockon.status not in DOWN,
        rockon.installed_source or rockon.entry.source,
        rockon.entry.source,
        repository.answers_of(rockon).to_json(),
        tuple(Volume(kept.container, kept.volume, kept.destination) for kept in rockon.kept_volumes),
        rockon.secret_choices or {},
    )


def _with_volumes(rockon: SavedRockOn, docker: Engine) -> SavedRockOn:
    """Return a rock-on with the volumes of its living containers in place of those of former ones."""
    found = {(one.container, one.destination): one for one in rockon.volumes}
    for container in rockon.definition.containers:
        known = docker.container(container)
        if known and known.rockon == rockon.name:
            for mount in docker.anonymous_volumes(container):
                found[container, mount.destination] = Volume(container, mount.volume, mount.destination)
    return replace(rockon, volumes=tuple(found.values()))


# -- the passphrase -----------------------------------------------------------------------------------------------


def seal(text: str, passphrase: str) -> Sealed:
    """Encrypt a text. Raises BadInput for a passphrase that is too short."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise BadInput(t("A passphrase has at least %(count)d characters.", count=SHORTEST_PASSPHRASE))
    salt = os.urandom(16)
    n, r, p = COST
    token = Fernet(_key(passphrase, salt, n, r, p)).encrypt(text.encode())
    return Sealed(n, r, p, base64.b64encode(salt).decode(), token.decode())


def unseal(backup: Backup, passphrase: str) -> Backup:
    """Return a backup with the secrets that are sealed in it. Raises BadInput for a wrong passphrase."""
    sealed = backup.sealed
    if sealed is None:
        return backup
    try:
        salt = base64.b64decode(sealed.salt)
        key = _key(passphrase, salt, sealed.n, sealed.r, sealed.p)
        text = Fernet(key).decrypt(sealed.data.encode()).decode()
    except (InvalidToken, ValueError):
        raise BadInput(
            t("The passphrase is not the one that this backup was made with, or its secrets are damaged."),
            t("Type it again, or leave it blank: then you are asked for each secret."),
        ) from None
    return replace(core.fill(backup, core.read_secrets(text)), sealed=None)


def _key(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    key = hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)
    return base64.urlsafe_b64encode(key)
