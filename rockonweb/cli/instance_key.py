"""The command `forget-secrets`. It creates the application itself, as nothing else starts without the key."""

from __future__ import annotations

import click

from rockonweb import config, create_app
from rockonweb.accounts import instance_key
from rockonweb.cli import instance
from rockonweb.core.errors import Conflict
from rockonweb.models import db
from rockonweb.work import instance_files, supervisor

FORGOTTEN_WORDS = {  # by table
    "environment": "answers (variables of apps)",
    "custom_config": "answers (custom config)",
    "rollback_point": "rollback points",
    "restore": "uploaded backups",
    "metastore": "added metastores",
    "registry_login": "logins for registries",
    "draft": "unfinished entries",
    "notice_target": "targets of notifications",
    "user": "second factors of accounts",
}


@click.command("forget-secrets")
def forget_secrets() -> None:
    """Go on without the lost key: create a new one, and forget what the old one encrypted.

    Refused while the key fits, and while Rockonweb runs.
    """
    settings = config.load_config()
    instance.require_instance(settings)
    instance_files.fix_permissions(settings)
    with supervisor.lock_instance(settings):
        _refuse_usable_key(settings)
        kept = settings.key_file.with_name("secret.key.unusable")
        if settings.key_file.exists():
            settings.key_file.replace(kept)
        config.create_secret_key(settings)
        with create_app(settings).app_context():
            forgotten = instance_key.forget_secrets()
            db.session.remove()
    for table, number in forgotten.items():
        click.echo(f"forgotten: {number} {FORGOTTEN_WORDS[table]}")
    click.echo(
        "There is a new key. Everybody must log in again. Enter the answers of each app again in its settings. "
        "Containers from before are not recognized any more: remove them with docker rm -f, then install their apps "
        "again."
    )


def _refuse_usable_key(settings: config.Config) -> None:
    """Raise Conflict where the key fits the database."""
    try:
        with create_app(settings).app_context():
            instance_key.verify_key()
    except config.KeyUnusable:
        return
    raise Conflict("The key of this instance fits its database: nothing was forgotten.")
