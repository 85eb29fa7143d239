"""From Rockstor in one go: all its rock-ons that are found, and taking over those that are ticked."""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from rockonweb.core.errors import BadInput, EngineError, RockonwebError
from rockonweb.core.imports.rockstor_backup import RockstorApp
from rockonweb.core.packed import pack, unpack_or
from rockonweb.core.questions import wizard
from rockonweb.models import Role
from rockonweb.models.base import decrypt_text, encrypt_text
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.work.rockstor_move import RockstorFind, find_rockstor_apps, read_backup, take_over

blueprint = RoleBlueprint("rockstor", __name__, Role.OWNER, url_prefix="/import/rockstor")


@blueprint.get("")
def index() -> str:
    """List the rock-ons that run here."""
    return _render_finds([])


@blueprint.post("")
def read() -> ResponseReturnValue:
    """List the rock-ons that run here, and those of an uploaded backup."""
    file = request.files.get("file")
    try:
        return _render_finds(read_backup(file.read() if file else b""))
    except BadInput as error:
        return _render_finds([], error), 422


@blueprint.post("/take")
def take() -> ResponseReturnValue:
    """Take over the ticked rock-ons, and show what becomes of each."""
    backup = unpack_or(list[RockstorApp], decrypt_text(request.form.get("backup", "")), [])
    results = take_over(request.form.getlist("name"), find_rockstor_apps(backup), current_user.name)
    return render_template("rockstor/results.html", results=results)


def _render_finds(backup: Sequence[RockstorApp], error: RockonwebError | None = None) -> str:
    finds: list[RockstorFind] = []
    try:
        finds = find_rockstor_apps(backup)
    except EngineError as problem:
        error = error or problem
    return render_template(
        "rockstor/index.html",
        finds=finds,
        answers={find.name: _answered(find) for find in finds if find.app},
        backup=encrypt_text(pack(list[RockstorApp], backup)) if backup else "",
        error=error,
    )


def _answered(find: RockstorFind) -> list[tuple[str, list[wizard.ReviewedAnswer]]]:
    if find.app is None:
        return []
    definition, imported = find.app.parsed.definition, find.app.imported
    values = wizard.values_from_answers(definition, imported.answers)
    return wizard.review_answers(definition, values, imported.new_shares)
