"""The images on this host: what uses each, and the removal of unused ones."""

from __future__ import annotations

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.core.errors import EngineError
from rockonweb.models import Role
from rockonweb.web.labels import size
from rockonweb.web.permissions import RoleBlueprint, require_role
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import host_images

blueprint = RoleBlueprint("images", __name__, Role.OWNER, url_prefix="/images")


@blueprint.get("")
@require_role(Role.OPERATOR)
def index() -> str:
    """List Docker's images with what uses them."""
    try:
        usages = host_images.list_images()
    except EngineError as error:
        return render_template("images/index.html", error=error)
    return render_template("images/index.html", images=usages)


@blueprint.get("/remove")
def confirm_remove() -> ResponseReturnValue:
    """Show which of the selected images will be removed and which stay, and ask for confirmation."""
    image_ids = set(request.args.getlist("image"))
    selected = [usage for usage in host_images.list_images() if usage.image.id in image_ids]
    if not selected:
        flash(_("No images were selected, or they have already been removed."), "warning")
        return redirect_to_view("images.index")
    return render_template(
        "images/remove.html",
        going=[usage for usage in selected if usage.is_unused],
        staying=[usage for usage in selected if not usage.is_unused],
    )


@blueprint.post("/remove")
def remove() -> ResponseReturnValue:
    """Remove the selected images that are unused."""
    result = host_images.remove_images(set(request.form.getlist("image")))
    if result.removed:
        message = _(
            "Removed: %(names)s. About %(size)s of space was freed.",
            names=", ".join(result.removed),
            size=size(result.freed),
        )
        flash(message, "success")
    if result.remaining:
        flash(_("Not removed because they are in use: %(names)s.", names=", ".join(result.remaining)), "warning")
    if not result.removed and not result.remaining:
        flash(_("No images were selected, or they have already been removed."), "warning")
    return redirect_to_view("images.index")
