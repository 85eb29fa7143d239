"""Exports a rock-on for Docker Compose: collects what `core.formats.compose` needs."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace

from sqlalchemy import select

from rockonweb.core.errors import Conflict
from rockonweb.core.formats import compose
from rockonweb.core.plan import plan
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import Installation, Network, db
from rockonweb.models.repository import load_answers
from rockonweb.work.collect_facts import gather_facts

LACKING_OPTIONS = """\
# The definition of this rock-on can't be read in Rockonweb's database. This is made from its settings: further options
# of its containers are missing. `docker inspect` shows them."""
COMPOSE_FILE, ENV_FILE = "compose.yaml", ".env"


def build_export(installation: Installation) -> compose.ComposeExport:
    """Return the Compose export of an installed rock-on. Raises Conflict for one that is not installed.

    Where Docker does not answer, anonymous volumes are missing.
    """
    if not installation.is_installed:
        raise Conflict(
            t("%(name)s is not installed.", name=installation.name),
            t("Install it first; until then it has no settings."),
        )
    definition, answers = installation.current_definition, load_answers(installation)
    facts, _ = get_host(installation).call_with_engine(lambda docker: gather_facts(installation, answers, docker))
    planned = plan.plan_install(definition, answers, facts)
    network_commands = {
        row.name: compose.network_command(row.network_spec) for row in db.session.scalars(select(Network))
    }
    exported = compose.export_compose(planned, plan.link_networks(definition), network_commands)
    if not definition.unreadable:
        return exported
    return replace(exported, document=f"{LACKING_OPTIONS}\n{exported.document}")


def compose_files(exported: compose.ComposeExport, *, reveal: bool) -> dict[str, str]:
    """Return the texts of compose.yaml and .env by name; with `reveal`, secrets in plain text."""
    return {COMPOSE_FILE: exported.document, ENV_FILE: exported.render_env(reveal=reveal)}


def folder_name(name: str) -> str:
    """Return the name of a folder for the files of a rock-on alone, as an .env counts for all that is in its folder.

    It has what a file system and Compose, which calls its project by it, accept.
    """
    safe = re.sub(r"[^A-Za-z0-9 ._-]+", "-", name).strip(" ._-")
    return safe or "rock-on"


def zip_export(exported: compose.ComposeExport, folder: str, *, reveal: bool) -> bytes:
    """Return the two files in a folder as a zip, the .env with mode 0600."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name, text in compose_files(exported, reveal=reveal).items():
            entry = zipfile.ZipInfo(f"{folder}/{name}")
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100600 if name == ENV_FILE else 0o100644) << 16
            zip_file.writestr(entry, text)
    return buffer.getvalue()
