"""Exports a rock-on for Docker Compose or Podman's Quadlet: collects what `core.formats` needs."""

from __future__ import annotations

import enum
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select

from rockonweb.core.errors import Conflict
from rockonweb.core.formats import compose, quadlet
from rockonweb.core.plan import plan
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import Installation, Network, db
from rockonweb.models.repository import load_answers
from rockonweb.work.collect_facts import gather_facts

LACKING_OPTIONS = """\
# The definition of this rock-on can't be read in Rockonweb's database. This is made from its settings: further options
# of its containers are missing. `docker inspect` shows them."""


class ExportFormat(enum.StrEnum):
    """The form of an export."""

    COMPOSE = "compose"
    QUADLET = "quadlet"


def build_export(
    installation: Installation, export_format: ExportFormat = ExportFormat.COMPOSE
) -> compose.ComposeExport | quadlet.QuadletExport:
    """Return the export of an installed rock-on. Raises Conflict for one that is not installed.

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
    networks = {row.name: row.network_spec for row in db.session.scalars(select(Network))}
    note = f"{LACKING_OPTIONS}\n" if definition.unreadable else ""
    if export_format is ExportFormat.QUADLET:
        units = quadlet.export_quadlet(planned, networks)
        return replace(units, units={name: note + text for name, text in units.units.items()})
    network_commands = {name: compose.network_command(spec) for name, spec in networks.items()}
    exported = compose.export_compose(planned, plan.link_networks(definition), network_commands)
    return replace(exported, document=note + exported.document)


def folder_name(name: str) -> str:
    """Return the name of a folder for the files of a rock-on alone, as an .env counts for all that is in its folder.

    It has what a file system and Compose, which calls its project by it, accept.
    """
    safe = re.sub(r"[^A-Za-z0-9 ._-]+", "-", name).strip(" ._-")
    return safe or "rock-on"


def has_secrets(file: str) -> bool:
    """Whether a file of an export is one of those that may contain secrets."""
    return file.endswith(compose.ENV_FILE)


def zip_files(files: Mapping[str, str], folder: str) -> bytes:
    """Return files in a folder as a zip, those that may contain secrets with mode 0600."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name, text in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}")
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100600 if has_secrets(name) else 0o100644) << 16
            zip_file.writestr(entry, text)
    return buffer.getvalue()
