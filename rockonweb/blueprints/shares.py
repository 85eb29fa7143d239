"""Being written."""

from flask import Blueprint

from rockonweb.models import Role
from rockonweb.permission import requires

blueprint = Blueprint("shares", __name__)


@blueprint.get("/shares")
@requires(Role.VIEWER)
def index() -> str:
    """Being written."""
    return ""
