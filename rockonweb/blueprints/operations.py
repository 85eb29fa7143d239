"""Being written."""

from flask import Blueprint

from rockonweb.models import Role
from rockonweb.permission import requires

blueprint = Blueprint("operations", __name__)


@blueprint.get("/operations")
@requires(Role.VIEWER)
def index() -> str:
    """Being written."""
    return ""
