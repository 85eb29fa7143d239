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
from rockonweb.config import VERSION, current_config
from rockonweb.core.answers.answers import read_typed_text, word_fault
from rockonweb.core.errors import BadInput
from rockonweb.core.formats.backup import MAX_BYTES
from rockonweb.core.formats.restored import SecretLocation
from rockonweb.forms.backup import BackupForm, ExportForm, RestoreForm
from rockonweb.forms.summary import SummaryForm, privileges_fingerprint
from rockonweb.languages import translate
from rockonweb.models import Installation, Restore, Role, db
from rockonweb.web import rockon_page
from rockonweb.web.confirm_password import password_confirmed
from rockonweb.web.partials import render_page
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import file_stem, redirect_to_view, send_download
from rockonweb.work import backup, export, restore
from rockonweb.work.restore_plan import RestorePlan, plan_restore

blueprint = RoleBlueprint("backup", __name__, Role.OWNER)
FORM_OVERHEAD_BYTES = 100_000  # of an upload, besides the file


@blueprint.url_value_preprocessor
def _allow_large_upload(_endpoint: str | None, _values: Mapping[str, object] | None) -> None:
    """Raise the limit of an upload's size before the form is parsed."""
    if request.endpoint == "backup.take":
        request.max_content_length = MAX_BYTES + FORM_OVERHEAD_BYTES


@blueprint.get("/backup")
def index() -> str:
    """Show the forms to create a backup and to restore one."""
    return _render_backup_forms()


@blueprint.post("/backup")
def make() -> ResponseReturnValue:
    """Create a backup and send it as a download."""
    form = BackupForm()
    if not form.validate():
        return _render_backup_forms(form), 422
    text, _ = backup.create_backup(current_config(), VERSION, form.secrets_passphrase)
    audit.record("backup.make", "with secrets" if form.secrets_passphrase else "")
    name = f"rockonweb-backup-{datetime.now(UTC):%Y-%m-%d-%H%M}.json"
    return send_download(text, "application/json", f'attachment; filename="{name}"')


@blueprint.post("/backup/restore")
def take() -> ResponseReturnValue:
    """Store an uploaded backup and redirect to its review."""
    form = RestoreForm()
    if not form.validate():
        return _render_backup_forms(restoring=form), 422
    try:
        restore_id = restore.create_restore(
            form.file.data.read(MAX_BYTES + 1), form.opening.data or "", current_user.name
        )
    except BadInput as error:
        form.file.errors = [
            translate(error.sentence),
            *(translate(fault) for fault in error.faults if fault != str(error)),
        ]
        form.file.errors += [translate(error.hint)] if error.hint else []
        return _render_backup_forms(restoring=form), 422
    return redirect_to_view("backup.show", restore_id=restore_id)


@blueprint.get("/backup/restore/<int:restore_id>")
def show(restore_id: int) -> ResponseReturnValue:
    """Show the contents of a backup and what will be restored; once the restore has started, its progress."""
    row = db.get_or_404(Restore, restore_id)
    if row.begun:
        return render_page(
            "backup/progress.html",
            "backup/_progress.html",
            standing=restore.restore_status(row),
            mark=secret_field_name,
        )
    return _render_review(row, plan_restore(restore.stored_backup(row)))


@blueprint.post("/backup/restore/<int:restore_id>/begin")
def begin(restore_id: int) -> ResponseReturnValue:
    """Start a restore that was reviewed and confirmed, or try again what failed."""
    row = db.get_or_404(Restore, restore_id)
    if not row.begun:
        restore_plan, form = plan_restore(restore.stored_backup(row)), SummaryForm()
        if not (form.matches_review(restore_plan) and form.privileges_confirmed(restore_plan.privileges)):
            return _render_review(row, restore_plan, changed=True), 422
    secrets = [SecretLocation(*path) for path in restore.stored_backup(row).withheld_secrets]
    typed = {secret: read_typed_text(request.form.get(secret_field_name(secret), "")) for secret in secrets}
    usable = {secret: value for secret, value in typed.items() if not word_fault(f"{secret.key}={value}")}
    restore.apply_restore(restore_id, usable, current_user.name)
    return redirect_to_view("backup.show", restore_id=restore_id)


@blueprint.post("/backup/restore/<int:restore_id>/forget")
def forget(restore_id: int) -> ResponseReturnValue:
    """Delete an uploaded backup with its secrets; what was restored stays."""
    db.get_or_404(Restore, restore_id)
    restore.delete_restore(restore_id)
    flash(_("The uploaded backup was discarded."), "success")
    return redirect_to_view("backup.index")


@blueprint.get("/rockons/<int:rockon_id>/export")
def offer_export(rockon_id: int) -> ResponseReturnValue:
    """Show what an export contains, with the form to download it."""
    installation = rockon_page.rockon_or_404(rockon_id)
    if not installation.is_installed:
        return redirect_to_view("rockons.show", rockon_id=installation.id)
    return _render_export(installation, ExportForm(formdata=None))


@blueprint.post("/rockons/<int:rockon_id>/export")
def send_export(rockon_id: int) -> ResponseReturnValue:
    """Send a zip with the files of an export."""
    installation = rockon_page.rockon_or_404(rockon_id)
    form = ExportForm()
    if not form.validate():
        return _render_export(installation, form), 422
    if form.secrets.data:
        if not password_confirmed(form.password):
            return _render_export(installation, form), 422
        audit.record("secret.exported", installation.name)
    exported = export.build_export(installation, export.ExportFormat(form.export_format.data))
    files = exported.render_files(reveal=bool(form.secrets.data))
    packed = export.zip_files(files, export.folder_name(installation.name))
    name = f"{file_stem(installation.name)}-{form.export_format.data}.zip"
    return send_download(packed, "application/zip", f'attachment; filename="{name}"')


def _render_export(installation: Installation, form: ExportForm) -> str:
    files = {
        str(export_format): {
            name: text
            for name, text in export.build_export(installation, export_format).render_files(reveal=False).items()
            if not export.has_secrets(name)
        }
        for export_format in export.ExportFormat
    }
    return render_template("backup/export.html", rockon=installation, form=form, files=files)


def _render_review(row: Restore, restore_plan: RestorePlan, *, changed: bool = False) -> str:
    content = restore.stored_backup(row)
    return render_template(
        "backup/review.html",
        restore=row,
        backup=content,
        made=_parse_timestamp(content.made),
        outlook=restore_plan,
        confirm=privileges_fingerprint(restore_plan.privileges),
        changed=changed,
        mark=secret_field_name,
    )


def secret_field_name(secret: SecretLocation) -> str:
    """Return the name of the form field for a secret."""
    return f"secret-{hashlib.sha256(json.dumps(secret).encode()).hexdigest()[:16]}"


def _parse_timestamp(text: str) -> datetime | None:
    """Return the creation time stated in a backup; None where it is invalid."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # Times in the first and last years of `datetime` can't be converted to every time zone.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) if 2000 <= moment.year < 3000 else None


def _render_backup_forms(form: BackupForm | None = None, restoring: RestoreForm | None = None) -> str:
    return render_template(
        "backup/index.html",
        form=form or BackupForm(formdata=None),
        restoring=restoring or RestoreForm(formdata=None),
        last=restore.latest_restore(),
    )
