"""The logins for image registries, as the API shows them and takes them: without the password."""

from __future__ import annotations

from typing import Any

from rockonweb.core.errors import BadInput
from rockonweb.core.formats.rockstor_api import parse_body
from rockonweb.core.text import t
from rockonweb.languages import translate
from rockonweb.models import RegistryLogin
from rockonweb.work import registry_logins


def registry_fields(row: RegistryLogin) -> dict[str, Any]:
    """Return a login: `accepted` is true, false, or null where the registry has not said so yet."""
    return {
        "id": row.id,
        "host": row.host,
        "user": row.user,
        "accepted": row.accepted,
        "error": translate(row.error) or None,
        "tested": row.tested.isoformat() if row.tested else None,
    }


def save_from_body(body: bytes) -> RegistryLogin:
    """Store and test the login of a JSON body. Raises BadInput."""
    fields = parse_body(body)
    values = [fields.get(key) for key in ("host", "user", "password")]
    if not all(isinstance(value, str) for value in values):
        raise BadInput(t("The body must be a JSON object with the texts host, user and password."))
    return registry_logins.save_login(*map(str, values))
