"""Installs and changes submitted through the API, on the same functions as the pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from rockonweb.accounts import audit
from rockonweb.core.answers.answers import Answers
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.formats import rockstor_api
from rockonweb.core.formats.rockstor_api import ClientIds
from rockonweb.core.operations.lifecycle import TRANSITIONS, Kind
from rockonweb.core.operations.requests import ChangeRequest, InstallRequest
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import Installation, State, repository
from rockonweb.work.collect_facts import free_port_suggester
from rockonweb.work.imports import import_app, read_input, save_import
from rockonweb.work.rockstor_move import find_rockstor_apps, read_backup, take_over
from rockonweb.work.submission import refuse_unconfirmed, review_or_refuse, submit_review

CONFIRM_KEY = "confirm"
UNSAVED_KEY = "unsaved"  # what becomes of folders that are in no share, as `ChangeRequest.unsaved`
MOVE_KEY = "move_data"
MAX_DAYS = 3650
CONFIRM_HINT = t('If you agree, send the request again with "confirm": "%(code)s" in its body.')


def submit_api_install(installation: Installation, body: bytes, user: str) -> int:
    """Submit the install that a JSON body describes; return the operation's id.

    Raises BadInput, Conflict where the state or a finding of the preflight forbids it or something new is not
    confirmed, EngineError or QueueUnreachable.
    """
    data = rockstor_api.parse_body(body)
    confirmation = str(data.pop(CONFIRM_KEY, ""))
    _refuse_state(Kind.INSTALL, installation)
    definition = installation.parse_definition(installation.entry.source)
    answers = rockstor_api.read_install_answers(
        definition,
        _row_numbers(installation),
        data,
        _stored_answers(installation),
        free_port_suggester(installation),
        _existing_shares(),
    )
    review = review_or_refuse(installation, InstallRequest(answers))
    as_last_time = not any(data.get(part) for part in rockstor_api.ANSWER_PARTS)
    refuse_unconfirmed(review, confirmation, CONFIRM_HINT, as_last_time=as_last_time)
    return submit_review(review, user)


def submit_api_change(installation: Installation, body: bytes, user: str) -> int:
    """Submit the change of an installed rock-on that a JSON body describes; return the operation's id. Raises the
    same errors as `submit_api_install`.
    """
    data = rockstor_api.parse_body(body)
    unsaved = _read_unsaved(data.pop(UNSAVED_KEY, {}))
    move_data = data.pop(MOVE_KEY, False) is True
    _refuse_state(Kind.CHANGE, installation)
    current_answers = repository.load_answers(installation)
    new_answers = rockstor_api.read_update_answers(
        installation.current_definition,
        _row_numbers(installation),
        data,
        current_answers,
        free_port_suggester(installation),
        _existing_shares(),
    )
    request = ChangeRequest(new_answers, unsaved=unsaved, move_data=move_data)
    return submit_review(review_or_refuse(installation, request), user)


def _read_unsaved(value: object) -> dict[str, str]:
    """Return the choices of a body. Raises BadInput for anything else than texts by folder."""
    if not isinstance(value, dict) or not all(isinstance(share_path, str) for share_path in value.values()):
        raise BadInput(t('"%(key)s" must be an object of texts.', key=UNSAVED_KEY))
    return value


def read_switches(body: bytes, *keys: str) -> dict[str, bool]:
    """Return the switches of a JSON body, those of `keys` that it has. Raises BadInput."""
    data = rockstor_api.parse_body(body)
    if faults := [f'"{key}" must be true or false.' for key in keys if not isinstance(data.get(key, True), bool)]:
        raise BadInput(faults[0], faults=faults)
    return {key: data[key] for key in keys if key in data}


def read_minutes(body: bytes) -> int:
    """Return the minutes of a JSON body, 0 without any. Raises BadInput."""
    minutes = rockstor_api.parse_body(body).get("minutes", 0)
    if not isinstance(minutes, int) or isinstance(minutes, bool):
        raise BadInput('"minutes" must be a whole number.')
    return minutes


def import_from_body(body: bytes) -> dict[str, Any]:
    """Import the app that a JSON body describes, and return what `rockonweb import --json` prints, with its `id`.

    Raises BadInput, and for containers Conflict and EngineError.
    """
    data = rockstor_api.parse_body(body)
    dry_run, name, containers = data.pop("dry_run", False), data.pop("name", ""), data.pop("containers", [])
    files = {"": text} if (text := data.pop("text", "")) else data.pop("files", {})
    is_valid = isinstance(name, str) and isinstance(files, dict) and isinstance(containers, list)
    is_valid = is_valid and isinstance(dry_run, bool) and not (data or (files and containers))
    if not is_valid or not all(isinstance(word, str) for word in (*files.values(), *containers)):
        raise BadInput(t("The body must have text, files or containers, and may have name and dry_run."))
    app = import_app(read_input(files, containers), name)
    if dry_run:
        return app.to_json_data()
    installation = save_import(app)
    audit.record("imports.save", installation.name)
    return {**app.to_json_data(), "id": installation.id}


def move_from_body(body: bytes, user: str) -> dict[str, Any]:
    """Return the rock-ons of Rockstor that are found, and what becomes of those that a body names (`take`); `backup` is
    the text of its configuration backup. Raises BadInput, EngineError.
    """
    data = rockstor_api.parse_body(body)
    names, backup = data.get("take", []), data.get("backup", "")
    if data.keys() - {"take", "backup"} or not isinstance(names, list) or not isinstance(backup, str):
        raise BadInput(t('The body may have "take", a list of names, and "backup", a text.'))
    finds = find_rockstor_apps(read_backup(backup.encode()))
    return {
        "found": [{"name": find.name, "runs_here": find.runs_here, "problem": str(find.problem)} for find in finds],
        "results": [vars(result) for result in take_over(names, finds, user)],
    }


def read_old(body: bytes) -> dict[str, Any]:
    """Return what is to become of old containers: `what` (remove, later, back) and perhaps `days`. Raises BadInput."""
    data = rockstor_api.parse_body(body)
    days = data.get("days", 0)
    is_number = isinstance(days, int) and not isinstance(days, bool) and 0 <= days <= MAX_DAYS
    if data.keys() - {"what", "days"} or data.get("what") not in ("remove", "later", "back") or not is_number:
        raise BadInput(t('"what" must be remove, later or back, and "days" a whole number.'))
    return data


def _existing_shares() -> Collection[str]:
    return get_host().shares.shares_by_name()


def _row_numbers(installation: Installation) -> ClientIds:
    return ClientIds(
        {container.id: container.name for container in installation.containers},
        {port.id: (container.name, port.number) for container in installation.containers for port in container.ports},
    )


def _stored_answers(installation: Installation) -> Answers:
    """Return the answers of an earlier install; after an uninstall, unpublished ports get their default again."""
    answers = repository.load_answers(installation)
    if installation.state is State.INSTALL_FAILED:
        return answers
    ports: dict[str, dict[int, int | None]] = {
        name: {port: host for port, host in host_ports.items() if host is not None}
        for name, host_ports in answers.ports.items()
    }
    return replace(answers, ports=ports)


def _refuse_state(kind: Kind, installation: Installation) -> None:
    if installation.state not in TRANSITIONS[kind].allowed_states:
        state = str(installation.state).replace("_", " ")
        raise Conflict(t("%(name)s is %(state)s, so nothing was done.", name=installation.name, state=state))
