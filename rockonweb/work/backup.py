"""Creates backups from the database, files and Docker."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from rockonweb.catalog import local
from rockonweb.config import Config
from rockonweb.core.definition.parser import canonical_json, definition_from_source, shorten_markup
from rockonweb.core.errors import EngineError
from rockonweb.core.formats import backup as core
from rockonweb.core.formats.backup import Backup, SavedMetastore, SavedRockOn, SavedShare, SavedVolume
from rockonweb.host import Engine, get_host
from rockonweb.models import Installation, Network, State, Status, db, repository, utc_now
from rockonweb.models import Metastore as MetastoreRow
from rockonweb.models.installation import in_state
from rockonweb.work.backup_encryption import seal_secrets

BACKED_UP_STATES = (State.INSTALLED, State.PENDING_UPDATE)
STOPPED_STATUSES = (Status.STOPPED, Status.PENDING_STOP)


def create_backup(settings: Config, program: str, passphrase: str | None) -> tuple[str, EngineError | None]:
    """Return a backup of everything as JSON, secrets only with a passphrase; and the error where Docker is unreachable.

    In that case, the anonymous volumes of existing containers are missing. `program` is Rockonweb's version, stored
    in the backup. Raises BadInput for a passphrase that is too short.
    """
    collected, error = get_host().call_with_engine(lambda docker: collect_backup(settings, program, docker))
    backup, secrets = core.withhold_secrets(collected)
    if passphrase is not None:
        backup = replace(backup, sealed=seal_secrets(core.secrets_to_json(secrets), passphrase))
    return core.backup_to_json(backup), error


def create_app_backup(
    settings: Config, program: str, installation: Installation, passphrase: str, docker: Engine
) -> str:
    """Return a backup of one app alone, with its shares and networks, as JSON; a passphrase encrypts its secrets."""
    collected, answers = collect_backup(settings, program, docker), repository.load_answers(installation)
    networks = {name for names in answers.networks.values() for name in names}
    shares = answers.used_shares()
    backup, secrets = core.withhold_secrets(
        replace(
            collected,
            rockons=tuple(rockon for rockon in collected.rockons if rockon.name == installation.name),
            networks=tuple(spec for spec in collected.networks if spec.name in networks),
            shares=tuple(share for share in collected.shares if share.name in shares),
            definitions={},
            metastores=(),
        )
    )
    return core.backup_to_json(replace(backup, sealed=seal_secrets(core.secrets_to_json(secrets), passphrase)))


def collect_backup(settings: Config, program: str, docker: Engine | None) -> Backup:
    """Return everything that a backup contains, secrets in plain text."""
    installations = db.session.scalars(
        select(Installation).where(in_state(*BACKED_UP_STATES)).order_by(Installation.id)
    )
    metastores = db.session.scalars(select(MetastoreRow).order_by(MetastoreRow.position))
    backup = Backup(
        program=program,
        made=utc_now().isoformat(timespec="seconds"),
        rockons=tuple(_save_rockon(rockon) for rockon in installations),
        networks=tuple(row.network_spec for row in db.session.scalars(select(Network).order_by(Network.name))),
        shares=tuple(
            SavedShare(name, facts.uid, facts.gid) for name, facts in get_host().shares.shares_by_name().items()
        ),
        definitions=local_definitions(settings),
        metastores=tuple(SavedMetastore(row.place, row.enabled) for row in metastores if row.place),
    )
    db.session.rollback()
    return (
        replace(backup, rockons=tuple(_add_volumes(rockon, docker) for rockon in backup.rockons)) if docker else backup
    )


def local_definitions(settings: Config) -> dict[str, str]:
    """Return the texts of the local metastore's files by name; unreadable ones are left out."""
    files = local.list_local_files(settings)
    return {file.name: file.text for file in files if file.editable and file.text is not None}


def _save_rockon(installation: Installation) -> SavedRockOn:
    source = saved_source(installation)
    newest_unreadable = definition_from_source(installation.name, installation.entry.source).unreadable
    return SavedRockOn(
        installation.name,
        installation.status not in STOPPED_STATUSES,
        source,
        source if newest_unreadable else shorten_markup(installation.entry.source),
        repository.load_answers(installation).to_dict(),
        tuple(SavedVolume(volume.container, volume.volume, volume.destination) for volume in installation.kept_volumes),
        installation.secret_choices or {},
    )


def saved_source(installation: Installation) -> str:
    """Return the text of an app's definition for a backup, as a restore accepts it.

    Where the installed one can't be read, what the rows say of it.
    """
    if installation.current_definition.unreadable:
        return canonical_json(installation.describe_rows())
    return shorten_markup(installation.current_source)


def _add_volumes(rockon: SavedRockOn, docker: Engine) -> SavedRockOn:
    """Return a rock-on with the anonymous volumes of existing containers instead of those kept of removed ones."""
    volumes = {(volume.container, volume.destination): volume for volume in rockon.volumes}
    for container in rockon.definition.containers:
        facts = docker.inspect_container(container)
        if facts and facts.rockon == rockon.name:
            for mount in docker.anonymous_volumes(container):
                volumes[container, mount.destination] = SavedVolume(container, mount.volume, mount.destination)
    return replace(rockon, volumes=tuple(volumes.values()))


# -- the passphrase -----------------------------------------------------------------------------------------------
