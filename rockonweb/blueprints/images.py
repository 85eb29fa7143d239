"""The images on this host: who uses each, and the removal of those that nothing uses."""

from __future__ import annotations

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.core.errors import EngineError
from rockonweb.models import Role
from rockonweb.web.labels import size
from rockonweb.web.permissions import Pages, requires
from rockonweb.web.responses import lead_to
from rockonweb.work import host_images

blueprint = Pages("images", __name__, Role.OWNER, url_prefix="/images")


@blueprint.get("")
@requires(Role.OPERATOR)
def index() -> str:
    """Ask Docker for all images, and show them with who uses them."""
    try:
        found = host_images.look()
    except EngineError as error:
        return render_template("images/index.html", error=error)
    return render_template("images/index.html", images=found)


@blueprint.get("/remove")
def confirm_remove() -> ResponseReturnValue:
    """Show which of the chosen images go and which stay, and ask."""
    wanted = set(request.args.getlist("image"))
    chosen = [one for one in host_images.look() if one.image.id in wanted]
    if not chosen:
        flash(_("No image was chosen, or they are gone already."), "warning")
        return lead_to("images.index")
    return render_template(
        "images/remove.html",
        going=[one for one in chosen if one.unused],
        staying=[one for one in chosen if not one.unused],
    )


@blueprint.post("/remove")
def remove() -> ResponseReturnValue:
    """Remove the chosen images that nothing uses."""
    done = host_images.remove(set(request.form.getlist("image")))
    if done.gone:
        words = _(
            "Removed: %(names)s. About %(size)s are free again.", names=", ".join(done.gone), size=size(done.freed)
        )
        flash(words, "success")
    if done.stayed:
        flash(_("They stay, because something uses them: %(names)s.", names=", ".join(done.stayed)), "warning")
    if not done.gone and not done.stayed:
        flash(_("No image was chosen, or they are gone already."), "warning")
    return lead_to("images.index")
