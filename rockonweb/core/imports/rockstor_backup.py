"""Reads a configuration backup of Rockstor: the rock-ons that were installed, with their answers.

It is the output of Django's `dumpdata`, an array on each line: objects with `model`, `pk` and `fields`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import BadInput
from rockonweb.core.text import t

MAX_BACKUP_BYTES = 50_000_000  # when it is unpacked
APP = "storageadmin."


@dataclass(frozen=True)
class RockstorApp:
    """A rock-on as it was installed: its containers by name, whether it ran, and all that was answered."""

    name: str
    containers: tuple[str, ...]
    running: bool
    answers: Answers


def parse_rockstor_backup(text: str) -> list[RockstorApp]:
    """Return the installed rock-ons of a backup by name. Raises BadInput where it is none."""
    try:
        rows = [row for line in text.splitlines() if line.strip() for row in json.loads(line)]
        backup = _Backup(rows)
        apps = [backup.read_app(key, fields) for key, fields in backup.rows("rockon") if fields["state"] == "installed"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadInput(
            t("This is no configuration backup of Rockstor."),
            t("Take the file as Rockstor offers it: backup-DATE.json.gz"),
        ) from None
    return sorted(apps, key=lambda app: app.name.casefold())


def complete_answers(definition: Definition, answers: Answers) -> bool:
    """Whether all questions of a definition but those for ports and devices have an answer."""
    asked = {name: (spec.volumes.keys(), spec.environment.keys()) for name, spec in definition.containers.items()}
    return definition.custom_config.keys() <= answers.custom_config.keys() and all(
        volumes <= answers.shares.get(name, {}).keys() and variables <= answers.environment.get(name, {}).keys()
        for name, (volumes, variables) in asked.items()
    )


class _Backup:
    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._by_model: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
        for row in rows:
            self._by_model.setdefault(str(row["model"]), []).append((row["pk"], row["fields"]))
        self.shares = {key: str(fields["name"]) for key, fields in self.rows("share")}

    def rows(self, model: str, **keys: int) -> list[tuple[int, Mapping[str, Any]]]:
        """Return the rows of a model, those whose fields have these values."""
        rows = self._by_model.get(APP + model, [])
        return [row for row in rows if all(row[1].get(name) == value for name, value in keys.items())]

    def read_app(self, key: int, fields: Mapping[str, Any]) -> RockstorApp:
        """Return an app by the key and the fields of its row."""
        containers = {str(container["name"]): number for number, container in self.rows("dcontainer", rockon=key)}
        answers = Answers(
            shares=self._by_container(containers, "dvolume", self._shares, uservol=False),
            storage=self._by_container(containers, "dvolume", self._shares, uservol=True),
            ports=self._by_container(containers, "dport", self._ports),
            environment=self._by_container(containers, "dcontainerenv", lambda rows: _values(rows, "key")),
            devices=self._by_container(containers, "dcontainerdevice", lambda rows: _values(rows, "dev")),
            labels=self._by_container(containers, "dcontainerlabel", lambda rows: [str(row["val"]) for row in rows]),
            custom_config=_values([row for _, row in self.rows("dcustomconfig", rockon=key)], "key"),
        )
        return RockstorApp(str(fields["name"]), tuple(containers), fields.get("status") == "started", answers)

    def _by_container(self, containers: Mapping[str, int], model: str, read: Any, **keys: Any) -> dict[str, Any]:
        values = {name: read([row for _, row in self.rows(model, container=number, **keys)])
                  for name, number in containers.items()}  # fmt: skip
        return {name: value for name, value in values.items() if value}

    def _shares(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        return {str(row["dest_dir"]): self.shares[row["share"]] for row in rows if row["share"] in self.shares}

    def _ports(self, rows: Iterable[Mapping[str, Any]]) -> dict[int, int | None]:
        return {int(row["containerp"]): int(row["hostp"]) if row.get("publish", True) else None for row in rows}


def _values(rows: Iterable[Mapping[str, Any]], key: str) -> dict[str, str]:
    return {str(row[key]): str(row["val"] or "") for row in rows}
