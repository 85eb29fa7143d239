"""The names of the fields that ask something of a container: the one place that makes and reads them.

A name is PAGE-CONTAINER-KEY, such as `shares-syncthing-/config`. Containers and keys may have dashes too, so it is read
with the longest container that fits. Where another one was meant it is PAGE-/CONTAINER/KEY: no container has a slash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable


def field_name(page: str, container: str, key: str, containers: Collection[str]) -> str:
    """Return the name of a field, which no other one has. `containers` are all those of the definition."""
    plain = glued(page, container, key)
    return plain if not container or _longest(page, plain, containers) == container else f"{page}-/{container}/{key}"


def glued(page: str, container: str, key: str) -> str:
    """Return the plain form of a name, which two fields may share; a blank container stands for the whole rock-on."""
    return f"{page}-{container}-{key}" if container else f"{page}-{key}"


def of_page(page: str, names: Iterable[str]) -> list[str]:
    """Return the names that are those of a page's fields, whatever they ask."""
    return [name for name in names if name.startswith(f"{page}-")]


def read(page: str, names: Iterable[str], containers: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return container and key of each name that is one of a page's fields; others are left out."""
    found = {}
    for name in of_page(page, names):
        container = _longest(page, name, containers)
        key = name.removeprefix(glued(page, container, ""))
        if not container:
            container, _, key = key.removeprefix("/").partition("/")
        if container in containers and key and name == field_name(page, container, key, containers):
            found[name] = container, key
    return found


def _longest(page: str, name: str, containers: Collection[str]) -> str:
    """Return the longest container that a name in its plain form can be about, a blank one when there is none."""
    return max((one for one in containers if name.startswith(glued(page, one, ""))), key=len, default="")
