"""Reads definition files: JSON text to rock-ons, with every fault of the file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import (
    ValidationError,
)

from rockonweb.core.definition.corrections import (
    ObjectWithRepeats,
    build_object,
    correct_body,
    find_repeated_keys,
    mount_path,
)
from rockonweb.core.definition.definition import (
    CONTAINER_NAME,
    HTML_KEYS,
    MAX_HTML,
    STORED,
    Definition,
    is_mount_point,
    without_long_markup,
)
from rockonweb.core.docker.option_faults import option_fault
from rockonweb.core.invisible import INVISIBLE_CHARACTERS, escape_invisible, one_line
from rockonweb.core.text import TranslatableText, fill_template, format_size, join_texts, map_text_values, t

MAX_BYTES = 1_000_000  # the largest published file has 9 kB
MAX_QUESTIONS = 1_000  # of a rock-on; the published one with the most has 32
MAX_FAULTS = 50
REQUIRED_KEYS = {key for key, field in Definition.model_fields.items() if field.is_required()} - {"name"}
BLANK_TEXTS = {"description": "", "version": "", "website": ""}  # for stored definitions that lack one
VALIDATION_SENTENCES = {  # by pydantic's error type; the error's context fills the placeholders
    "missing": t("is required"),
    "string_type": t("must be text"),
    "string_pattern_mismatch": t('"%(given)s" is not allowed here'),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), t("must be a whole number")),
    "greater_than_equal": t("must be %(ge)s or more"),
    "less_than_equal": t("must be %(le)s or less"),
    "literal_error": t("must be %(expected)s"),
    **dict.fromkeys(("bool_type", "bool_parsing"), t("must be true or false")),
    **dict.fromkeys(("dict_type", "model_type", "dataclass_type", "model_attributes_type"), t("must be an object")),
    "tuple_type": t("must be a list"),
    "too_short": t("has %(actual_length)s entries but needs at least %(min_length)s"),
    "too_long": t("has more than %(max_length)s entries"),
    "string_too_long": t("has more than %(max_length)s characters"),
    "unexpected_keyword_argument": t("is unknown"),
}


@dataclass(frozen=True)
class DefinitionFault:
    """One thing that is wrong in a definition file; `path` is dotted, as in `containers.web.ports.80.label`."""

    path: str
    message: str

    @property
    def message_with_path(self) -> str:
        """Path and message as one text that stays translatable."""
        return join_texts(": ", (self.path, self.message))

    def __str__(self) -> str:
        return str(self.message_with_path)


class InvalidDefinition(Exception):
    """A definition file is invalid; `faults` has every reason."""

    def __init__(self, faults: list[DefinitionFault]) -> None:
        # Faults quote the file.
        cleaned = [DefinitionFault(one_line(fault.path), map_text_values(fault.message, one_line)) for fault in faults]
        super().__init__("; ".join(map(str, cleaned)))
        self.faults = cleaned


def canonical_json(body: Mapping[str, Any]) -> str:
    """Return a rock-on's compact JSON, with the order of its keys kept, for storing and comparing."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def definition_digest(text: str) -> str:
    """Return a short fingerprint of a definition's canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ParsedDefinition:
    """One rock-on of a file: its definition, and the canonical JSON text that it came from.

    `corrections` are what was read otherwise than it is written: no reason to reject it, but faults to the linter.
    """

    definition: Definition
    source: str
    corrections: tuple[DefinitionFault, ...] = ()


def parse_definitions(text: str | bytes) -> list[ParsedDefinition]:
    """Return the rock-ons of a definition file, normally one. Raises InvalidDefinition with every fault of the file."""
    if len(text) > MAX_BYTES:
        raise InvalidDefinition(
            [DefinitionFault("", t("the file is larger than %(most)s", most=format_size(MAX_BYTES)))]
        )
    try:
        data = load_json(text, build_object)
        canonical_json(data).encode()
        has_nul = any("\0" in string for string in _iter_strings(data))
    except UnicodeEncodeError:
        raise InvalidDefinition(
            [DefinitionFault("", t("contains an incomplete character (a lone surrogate)"))]
        ) from None
    except RecursionError:
        raise InvalidDefinition([DefinitionFault("", t("nested too deeply"))]) from None
    except ValueError as error:
        raise InvalidDefinition([DefinitionFault("", t("not JSON: %(error)s", error=str(error)))]) from None
    if not isinstance(data, dict) or not data:
        raise InvalidDefinition([DefinitionFault("", t("must be an object whose key is the rock-on's name"))])
    others = [body for body in data.values() if not isinstance(body, dict)]
    if len(others) > 1 or not (others or any(REQUIRED_KEYS & body.keys() for body in data.values())):
        sentence = t("is not a rock-on: a definition must be an object whose key is the rock-on's name")
        raise InvalidDefinition([DefinitionFault("", sentence)])
    faults = []
    repeats = list(find_repeated_keys(ObjectWithRepeats.without_values(data)))
    if has_nul:
        faults.append(DefinitionFault("", t("contains a NUL character, which can't be passed on a command line")))
    rockons = []
    for name, body in data.items():
        body_faults = (
            list(_check_rockon_name(name))
            if isinstance(body, dict)
            else [DefinitionFault(name, t("must be an object"))]
        )
        if not body_faults:
            try:
                corrected, corrections = correct_body(body)
                parsed = ParsedDefinition(
                    definition_from_body(name, corrected),
                    canonical_json(corrected),
                    tuple(DefinitionFault(*item) for item in (*repeats, *find_repeated_keys(body), *corrections)),
                )
                body_faults = list(_check_options(parsed.definition))
                rockons.append(parsed)
            except InvalidDefinition as error:
                body_faults = error.faults
        faults += body_faults
    if faults:
        raise InvalidDefinition(faults[:MAX_FAULTS])
    return rockons


def _check_options(definition: Definition) -> Iterator[DefinitionFault]:
    """Yield the options that Docker would read as something else than one option with its value.

    Only for new files: the definition of an installed app stays valid, whatever was allowed at its time.
    """
    for name, spec in definition.containers.items():
        path = f"containers.{name}"
        for position, (flag, value) in enumerate(spec.opts):
            if fault := option_fault(flag, value) or _unseen_fault(flag + value):
                yield DefinitionFault(f"{path}.opts.{position}", fault)
        for position, pair in enumerate(spec.cmd_arguments):
            if fault := _unseen_fault("".join(pair)):
                yield DefinitionFault(f"{path}.cmd_arguments.{position}", fault)


def _unseen_fault(text: str) -> str:
    match = INVISIBLE_CHARACTERS.search(text)
    return t("contains an invisible character (%(sign)s)", sign=escape_invisible(match[0])) if match else ""


def definition_from_body(name: str, body: Mapping[str, Any]) -> Definition:
    """Return the definition of the rock-on `name` from its JSON object. Raises InvalidDefinition."""
    faults: list[DefinitionFault] = []
    definition = None
    try:
        definition = Definition.model_validate({**body, "name": name})
    except ValidationError as error:
        faults = [
            DefinitionFault(".".join(map(str, details["loc"])), describe_validation_error(details))
            for details in error.errors()
        ]
    faults += [*_check_body(body), *_check_references(body)]
    if definition is None or faults:
        raise InvalidDefinition(faults)
    return definition


def definition_from_source(name: str, source: str) -> Definition:
    """Return the definition from a stored text that `parse_definitions` once returned, without the rules of input.

    One that can't be read at all is `unreadable` and has no containers.
    """
    try:
        body = load_json(source)
        definition = Definition.model_validate({**BLANK_TEXTS, **body, "name": name}, context=STORED)
        if not (faults := _check_references(body)):
            return definition
        why = faults[0].message_with_path
    except ValidationError as error:
        details = error.errors()[0]
        path = ".".join(map(str, details["loc"]))
        why = DefinitionFault(path, describe_validation_error(details)).message_with_path
    except (ValueError, TypeError, RecursionError) as error:
        why = t("not JSON: %(error)s", error=str(error))
    return Definition.for_unreadable(name, map_text_values(why, one_line), {})


def find_input_fault(name: str, source: str) -> str:
    """Return why today's rules would refuse a stored text as a new file; blank where they would not."""
    try:
        definition_from_body(name, load_json(source))
    except InvalidDefinition as error:
        return error.faults[0].message_with_path
    except (ValueError, TypeError, RecursionError):
        return definition_from_source(name, source).unreadable
    return ""


def shorten_markup(source: str) -> str:
    """Return a stored definition without the markup of texts that are longer than new files may have them."""
    body = load_json(source)
    texts = {key: without_long_markup(body[key])[:MAX_HTML] for key in HTML_KEYS if isinstance(body.get(key), str)}
    return source if all(body[key] == text for key, text in texts.items()) else canonical_json({**body, **texts})


def format_source(source: str, wrap: Callable[[Any], Any] = lambda body: body, *, indent: int = 2) -> str:
    """Return a stored text indented, to be read by people; one that is no JSON as it is."""
    try:
        return json.dumps(wrap(json.loads(source)), indent=indent, ensure_ascii=False)
    except (ValueError, RecursionError):
        return source


def load_json(text: str | bytes, object_pairs_hook: Any = None) -> Any:
    """Return the parsed JSON; a number with a fraction stays text as written, for a version such as 1.10."""
    return json.loads(text, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=object_pairs_hook)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"unexpected value {name}")


def _iter_strings(value: object) -> Iterator[str]:
    """Yield every key and text of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _iter_strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _iter_strings(item)


def describe_validation_error(error: Any) -> str:
    """Return an error of pydantic as a message for users."""
    if template := VALIDATION_SENTENCES.get(error["type"]):
        return fill_template(template, given=str(error["input"])[:60], **error.get("ctx", {}))
    for argument in getattr(error.get("ctx", {}).get("error"), "args", ()):
        if isinstance(argument, TranslatableText):  # raised by a validator of this project
            return argument
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")


def _check_rockon_name(name: str) -> Iterator[DefinitionFault]:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        yield DefinitionFault(name[:40], t("a rock-on's name must have 1 to 100 printable characters"))


def _check_body(body: Mapping[str, Any]) -> list[DefinitionFault]:
    """Return the faults of keys, which pydantic does not check, and of references between containers."""
    containers = body.get("containers")
    if not isinstance(containers, dict):
        return []
    parts = ("ports", "volumes", "environment", "devices")
    question_maps = [
        body.get("custom_config"),
        *(_as_object(spec).get(part) for spec in containers.values() for part in parts),
    ]
    if (count := sum(len(_as_object(questions)) for questions in question_maps)) > MAX_QUESTIONS:
        return [
            DefinitionFault(
                "", t("asks %(count)s questions; at most %(most)s are allowed", count=count, most=MAX_QUESTIONS)
            )
        ]
    faults = []
    for name, container in containers.items():
        path = f"containers.{name}"
        if not CONTAINER_NAME.fullmatch(name):
            fault = t("a container's name must consist of two or more letters, digits, dots, dashes or underscores")
            faults.append(DefinitionFault(path, fault))
        faults += _check_container_keys(path, _as_object(container))
    return faults


def _check_references(body: Mapping[str, Any]) -> list[DefinitionFault]:
    """Return the faults without whose absence a definition means nothing: numbers of ports, and what links refer to."""
    containers = _as_object(body.get("containers"))
    faults = [
        DefinitionFault(f"containers.{name}.ports.{port}", t("a port must be a number from 1 to 65535"))
        for name, container in containers.items()
        for port in _as_object(_as_object(container).get("ports"))
        if not re.fullmatch(r"[0-9]{1,5}", port)
    ]
    for target, entries in _as_object(body.get("container_links")).items():
        if target not in containers:
            faults.append(DefinitionFault(f"container_links.{target}", t("is not a container of this rock-on")))
        for position, entry in enumerate(entries if isinstance(entries, list) else ()):
            source = _as_object(entry).get("source_container")
            if isinstance(source, str) and source not in containers:
                fault = t('"%(name)s" is not a container of this rock-on', name=source)
                faults.append(DefinitionFault(f"container_links.{target}.{position}.source_container", fault))
    return faults


def _as_object(value: Any) -> Mapping[str, Any]:
    """Return an object of JSON; an empty one in place of anything else, which pydantic rejects."""
    return value if isinstance(value, dict) else {}


def _check_container_keys(prefix: str, container: Mapping[str, Any]) -> Iterator[DefinitionFault]:
    numbers: set[int] = set()
    for port in _as_object(container.get("ports")):
        if not re.fullmatch(r"[0-9]{1,5}", port):
            continue  # see `_check_references`
        if not 1 <= int(port) <= 65535:
            yield DefinitionFault(f"{prefix}.ports.{port}", t("a port must be a number from 1 to 65535"))
        elif int(port) in numbers:
            yield DefinitionFault(f"{prefix}.ports.{port}", t("this port is listed twice"))
        else:
            numbers.add(int(port))
    opts = container.get("opts")
    for position, pair in enumerate(opts if isinstance(opts, list) else ()):
        if isinstance(pair, list) and pair and isinstance(pair[0], str | None) and not (pair[0] or "").strip():
            yield DefinitionFault(f"{prefix}.opts.{position}", t("the flag is blank"))
    for path in _as_object(container.get("volumes")):
        if not is_mount_point(mount_path(path)):
            fault = t("a volume must be an absolute path without a colon, and not / itself")
            yield DefinitionFault(f"{prefix}.volumes.{path}", fault)
    for part in ("environment", "devices"):
        for key in _as_object(container.get(part)):
            if not key.isprintable() or not key.strip() or "=" in key:
                yield DefinitionFault(
                    f"{prefix}.{part}.{key}", t("a name must be printable and can't contain an equals sign")
                )
