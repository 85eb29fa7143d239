"""One rock-on for Docker Compose: what the core needs for it is gathered here."""

from __future__ import annotations

import io
import zipfile

from sqlalchemy import select

from rockonweb.core.errors import Conflict
from rockonweb.core.formats import compose
from rockonweb.core.plan import plan
from rockonweb.core.text import t
from rockonweb.host import host_of
from rockonweb.models import Installation, Network, db
from rockonweb.models.repository import answers_of
from rockonweb.work.collect_facts import gather_facts

COMPOSE, ENVIRONMENT = "compose.yaml", ".env"


def export(rockon: Installation) -> compose.Export:
    """Return an installed rock-on as Compose runs it. Raises Conflict for one that is not installed.

    Without Docker, the volumes that it made are not known.
    """
    if not rockon.installed:
        raise Conflict(t("%(name)s is not installed.", name=rockon.name), t("Install it first: then it has answers."))
    definition, answers = rockon.definition, answers_of(rockon)
    facts, _ = host_of(rockon).ask(lambda docker: gather_facts(rockon, answers, docker))
    planned = plan.install(definition, answers, facts)
    made = {row.name: compose.network_command(row.spec) for row in db.session.scalars(select(Network))}
    return compose.export(planned, plan.link_networks(definition), made)


def files(found: compose.Export, *, reveal: bool) -> dict[str, str]:
    """Return the texts of the two files by name."""
    return {COMPOSE: found.document, ENVIRONMENT: found.env(reveal=reveal)}


def archive(found: compose.Export, *, reveal: bool) -> bytes:
    """Return the two files as a zip; the .env is its owner's alone."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files(found, reveal=reveal).items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100600 if name == ENVIRONMENT else 0o100644) << 16
            file.writestr(entry, text)
    return packed.getvalue()
