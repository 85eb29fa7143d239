"""The refresh of the catalogue after a change to its sources."""

from __future__ import annotations

from flask import flash
from flask_babel import gettext as _
from flask_login import current_user

from rockonweb.core.errors import RockonwebError
from rockonweb.languages import translate
from rockonweb.work import operations


def refresh_soon(sentence: str) -> None:
    """Flash what was changed and submit a refresh of the catalogue; flash a warning where that is refused."""
    flash(sentence, "success")
    try:
        operations.submit_refresh(current_user.name)
    except RockonwebError as error:
        flash(
            _("The catalogue could not be refreshed: %(why)s Refresh it later.", why=translate(error.sentence)),
            "warning",
        )
    else:
        flash(_("The catalogue is being refreshed."), "info")
