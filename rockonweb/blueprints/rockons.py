"""Being written."""

from flask import Blueprint

from rockonweb.models import Role
from rockonweb.permission import requires

blueprint = Blueprint("rockons", __name__)


@blueprint.get("/rockons")
@requires(Role.VIEWER)
def index() -> str:
    """Being written."""
    return ""
