"""Import of an app from elsewhere: the form, what the app would be here, and saving it."""

from __future__ import annotations

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from rockonweb.accounts import audit
from rockonweb.core.errors import BadInput
from rockonweb.core.imports.source import Outcome
from rockonweb.core.questions import wizard
from rockonweb.forms.imports import ImportForm
from rockonweb.languages import translate
from rockonweb.models import Role
from rockonweb.web.argv_diff import diff_argv
from rockonweb.web.partials import render_page, wants_partial
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.questions import PAGE_TITLES
from rockonweb.web.responses import redirect_to_view
from rockonweb.work.imports import AppImport, NameTaken, import_app, read_input, save_import

blueprint = RoleBlueprint("imports", __name__, Role.OWNER, url_prefix="/import")


@blueprint.get("")
def index() -> str:
    """Show the form."""
    return _render_form(ImportForm())


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Show what the app would be, or save it and continue in the wizard; Back shows the form again."""
    form, containers = ImportForm(), request.form.getlist("container")
    try:
        if form.back.data and containers:
            return redirect_to_view("adoption.index")
        files = {} if containers else form.read_files()
        if form.back.data:
            return _render_form(form)
        app = import_app(read_input(files, containers), form.name.data or "")
        if form.save.data:
            return _save(app)
    except NameTaken as error:
        form.name.errors = [translate(fault) for fault in error.faults]
        return _render_form(form, containers), 422
    except BadInput as error:
        form.text.errors = [translate(fault) for fault in error.faults]
        return _render_form(form, containers), 422
    form.name.data = "" if app.is_known else app.imported.name
    return _render_preview(form, app, containers)


def _save(app: AppImport) -> ResponseReturnValue:
    installation = save_import(app)
    audit.record("imports.save", installation.name)
    address = url_for("install.begin", rockon_id=installation.id)
    return Response(headers={"HX-Redirect": address}) if wants_partial() else redirect(address, code=303)


def _render_form(form: ImportForm, containers: list[str] | None = None) -> str:
    return render_page("imports/page.html", "imports/_form.html", form=form, containers=containers or [])


def _render_preview(form: ImportForm, app: AppImport, containers: list[str]) -> str:
    definition, imported = app.parsed.definition, app.imported
    values = wizard.values_from_answers(definition, imported.answers)
    return render_page(
        "imports/page.html",
        "imports/_preview.html",
        form=form,
        containers=containers,
        app=app,
        swapped=wants_partial(),
        sections=wizard.review_answers(definition, values, imported.new_shares),
        values=values,
        titles=PAGE_TITLES,
        changes=[entry for entry in imported.report if entry.outcome is not Outcome.TAKEN],
        taken=[entry for entry in imported.report if entry.outcome is Outcome.TAKEN],
        sides={name: diff_argv(*lines) for name, lines in app.command_lines.items()},
    )
