"""Backup, restore and export."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from rockonweb.accounts import audit
from rockonweb.config import VERSION, current_settings
from rockonweb.core.errors import BadInput
from rockonweb.core.formats.backup import MAX_BYTES, Hidden
from rockonweb.forms.backup import BackupForm, ExportForm, RestoreForm
from rockonweb.languages import say
from rockonweb.models import Installation, Restore, Role, db
from rockonweb.web import rockon_page
from rockonweb.web.confirm_password import confirmed
from rockonweb.web.partials import render
from rockonweb.web.permissions import Pages
from rockonweb.web.responses import file, lead_to, stem
from rockonweb.work import backup, export, restore

blueprint = Pages("backup", __name__, Role.OWNER)
ROOM_FOR_FORM = 100_000  # bytes of an upload beside the file


@blueprint.url_value_preprocessor
def _allow_a_backup(_endpoint: str | None, _values: Mapping[str, object] | None) -> None:
    """Take more than other pages do, before the form is read."""
    if request.endpoint == "backup.take":
        request.max_content_length = MAX_BYTES + ROOM_FOR_FORM


@blueprint.get("/backup")
def index() -> str:
    """Offer to make a backup, and to restore one."""
    return _page()


@blueprint.post("/backup")
def make() -> ResponseReturnValue:
    """Send a backup."""
    form = BackupForm()
    if not form.validate():
        return _page(form), 422
    text, _ = backup.make(current_settings(), VERSION, form.wanted)
    audit.record("backup.make", "with secrets" if form.wanted else "")
    name = f"rockonweb-backup-{datetime.now(UTC):%Y-%m-%d-%H%M}.json"
    return file(text, "application/json", f'attachment; filename="{name}"')


@blueprint.post("/backup/restore")
def take() -> ResponseReturnValue:
    """Take a backup in, and go to the page that shows what is in it."""
    form = RestoreForm()
    if not form.validate():
        return _page(restoring=form), 422
    try:
        restore_id = restore.take(form.file.data.read(MAX_BYTES + 1), form.opening.data or "", current_user.name)
    except BadInput as error:
        form.file.errors = [say(error.sentence), *(say(one) for one in error.faults if one != str(error))]
        form.file.errors += [say(error.hint)] if error.hint else []
        return _page(restoring=form), 422
    return lead_to("backup.show", restore_id=restore_id)


@blueprint.get("/backup/restore/<int:restore_id>")
def show(restore_id: int) -> ResponseReturnValue:
    """Show what is in a backup and what will be done; once it has begun, how far it is."""
    row = db.get_or_404(Restore, restore_id)
    if row.begun:
        return render("backup/progress.html", "backup/_progress.html", standing=restore.standing(row), mark=mark)
    found = restore.content_of(row)
    made = _moment(found.made)
    return render_template(
        "backup/review.html", restore=row, backup=found, made=made, outlook=restore.look(found), mark=mark
    )


@blueprint.post("/backup/restore/<int:restore_id>/begin")
def begin(restore_id: int) -> ResponseReturnValue:
    """Begin a restore, or try again what could not be done."""
    row = db.get_or_404(Restore, restore_id)
    places = [Hidden(*one) for one in restore.content_of(row).hidden]
    typed = {place: request.form.get(mark(place), "")[:10_000].replace("\r\n", "\n") for place in places}
    restore.begin(restore_id, {place: value for place, value in typed.items() if "\0" not in value}, current_user.name)
    return lead_to("backup.show", restore_id=restore_id)


@blueprint.post("/backup/restore/<int:restore_id>/forget")
def forget(restore_id: int) -> ResponseReturnValue:
    """Forget a restore and the secrets in it; what was restored stays."""
    db.get_or_404(Restore, restore_id)
    restore.forget(restore_id)
    flash(_("The uploaded backup was forgotten."), "success")
    return lead_to("backup.index")


@blueprint.get("/rockons/<int:rockon_id>/export")
def offer_export(rockon_id: int) -> ResponseReturnValue:
    """Show what an export has, and offer it."""
    rockon = rockon_page.get(rockon_id)
    if not rockon.installed:
        return lead_to("rockons.show", rockon_id=rockon.id)
    return _export_page(rockon, ExportForm(formdata=None))


@blueprint.post("/rockons/<int:rockon_id>/export")
def send_export(rockon_id: int) -> ResponseReturnValue:
    """Send a rock-on as compose.yaml with its .env."""
    rockon = rockon_page.get(rockon_id)
    form = ExportForm()
    if form.secrets.data:
        if not confirmed(form.password):
            return _export_page(rockon, form), 422
        audit.record("secret.exported", rockon.name)
    packed = export.archive(export.export(rockon), reveal=bool(form.secrets.data))
    return file(packed, "application/zip", f'attachment; filename="{stem(rockon.name)}-compose.zip"')


def _export_page(rockon: Installation, form: ExportForm) -> str:
    return render_template("backup/export.html", rockon=rockon, form=form, found=export.export(rockon))


def mark(place: Hidden) -> str:
    """Return the name of the field for a secret."""
    return f"secret-{hashlib.sha256(json.dumps(place).encode()).hexdigest()[:16]}"


def _moment(text: str) -> datetime | None:
    """Return when a backup says that it was made."""
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return None
    # The first and last years can't be shown in every time zone.
    return (made if made.tzinfo else made.replace(tzinfo=UTC)) if 2000 <= made.year < 3000 else None


def _page(form: BackupForm | None = None, restoring: RestoreForm | None = None) -> str:
    return render_template(
        "backup/index.html",
        form=form or BackupForm(formdata=None),
        restoring=restoring or RestoreForm(formdata=None),
        last=restore.latest(),
    )
