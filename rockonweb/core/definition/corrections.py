"""What is plain in a definition though it is not written as it should be: it is read as meant, and the linter says so.

As the original does: the words of an option count in their order, and of a repeated key the last one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from rockonweb.core.docker.run_options import split_flags
from rockonweb.core.text import t

_MODE = re.compile(r"(?<=.):(?:ro|rw|z|Z|nocopy|r?shared|r?slave|r?private)(?:,(?:ro|rw|z|Z|nocopy|r?\w+))*$")


class Correction(NamedTuple):
    """What was read otherwise than it is written: the dotted path and what is wrong there."""

    path: str
    message: str


class ObjectWithRepeats(dict[str, Any]):
    """An object of JSON in which keys were repeated."""

    repeated_keys: tuple[str, ...] = ()

    @classmethod
    def without_values(cls, value: dict[str, Any]) -> ObjectWithRepeats:
        """Return an object that has nothing of another but its repeated keys."""
        bare = cls()
        bare.repeated_keys = getattr(value, "repeated_keys", ())
        return bare


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs, for `json.loads`; of a repeated key the last value counts."""
    unique = dict(pairs)
    if len(unique) == len(pairs):
        return unique
    built = ObjectWithRepeats(unique)
    built.repeated_keys = tuple(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
    return built


def find_repeated_keys(value: object, path: str = "") -> Iterator[Correction]:
    """Yield each key that is written twice in one object of a JSON value."""
    prefix = f"{path}." if path else ""
    if isinstance(value, ObjectWithRepeats):
        for key in value.repeated_keys:
            yield Correction(f"{prefix}{key}", t("this key appears twice in one object"))
    if isinstance(value, dict):
        for key, item in value.items():
            yield from find_repeated_keys(item, f"{prefix}{key}")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from find_repeated_keys(item, f"{prefix}{position}")


def correct_body(body: Mapping[str, Any]) -> tuple[dict[str, Any], list[Correction]]:
    """Return the object of a rock-on as it is meant, and what was corrected."""
    containers = body.get("containers")
    if not isinstance(containers, dict):
        return dict(body), []
    corrections: list[Correction] = []
    corrected = {
        name: _correct_container(f"containers.{name}", container, corrections)
        if isinstance(container, dict)
        else container
        for name, container in containers.items()
    }
    return {**body, "containers": corrected}, corrections


def mount_path(volume: str) -> str:
    """Return the path of a volume's key without the mode that may follow it, as in `/media:ro`."""
    return _MODE.sub("", volume)


def _correct_container(path: str, container: Mapping[str, Any], corrections: list[Correction]) -> dict[str, Any]:
    corrected = dict(container)
    for part, split in (("opts", _option_pairs), ("cmd_arguments", _argument_pairs)):
        if isinstance(entries := container.get(part), list):
            corrected[part] = [
                pair
                for position, entry in enumerate(entries)
                for pair in _pairs(f"{path}.{part}.{position}", entry, split, corrections)
            ]
    if (order := _read_number(container.get("launch_order"))) is not None and order < 1:
        corrections.append(Correction(f"{path}.launch_order", t("must be %(ge)s or more", ge=1)))
    if isinstance(ports := container.get("ports"), dict):
        corrected["ports"] = {
            key: _correct_port(f"{path}.ports.{key}", port, corrections) for key, port in ports.items()
        }
    volumes = container.get("volumes")
    corrections += [
        Correction(f"{path}.volumes.{volume}", t("a mode does not belong to the path of a volume"))
        for volume in (volumes if isinstance(volumes, dict) else ())
        if mount_path(volume) != volume
    ]
    return corrected


def _read_number(value: object) -> int | None:
    """Return a whole number, also one that is written as text; None for anything else."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,20}", text, re.ASCII) else None


def _pairs(
    path: str, entry: object, split: Callable[[list[str]], list[list[str]]], corrections: list[Correction]
) -> list[Any]:
    """Return the pairs that an entry means; where nothing says what a word belongs to, the entry as it is."""
    if not isinstance(entry, list) or not all(isinstance(word, str | None) for word in entry):
        return [entry]
    pairs = split([word for word in entry if word and word.strip()])
    as_written = [word or "" for word in [*entry, ""][: max(2, len(entry))]]
    if not pairs or not as_written[0].strip() or pairs == [as_written]:
        return [entry]
    corrections.append(Correction(path, t("write one flag with its value for each pair")))
    return [*pairs]


def _option_pairs(words: list[str]) -> list[list[str]]:
    """Return the pairs of flag and value that these words mean, in their order; none where that is not plain."""
    pairs: list[list[str]] = []
    while words:
        flag = words.pop(0)
        if not flag.startswith("-") or not flag.strip("-"):
            return []
        takes_value = [*split_flags(flag)][-1].takes_next
        pairs.append([flag, words.pop(0) if takes_value and words else ""])
    return pairs


def _argument_pairs(words: list[str]) -> list[list[str]]:
    """Return the words in pairs; the last one has none where their number is odd."""
    return [[*words[position : position + 2], ""][:2] for position in range(0, len(words), 2)]


def _correct_port(path: str, port: object, corrections: list[Correction]) -> object:
    """Return a port without a suggestion that is not a port of a host."""
    suggested = _read_number(port.get("host_default")) if isinstance(port, dict) else None
    if not isinstance(port, dict) or suggested is None or 1 <= suggested <= 65535:
        return port
    corrections.append(Correction(f"{path}.host_default", t("a port must be a number from 1 to 65535")))
    return {**port, "host_default": None}
