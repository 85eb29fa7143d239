"""The names of the form fields of questions: built and parsed only here.

A name is PAGE-CONTAINER-KEY, such as `shares-syncthing-/config`. Containers and keys may have dashes too, so the
longest container that matches is taken. Where that is wrong, it is PAGE-/CONTAINER/KEY: no container has a slash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable


def field_name(page: str, container: str, key: str, containers: Collection[str]) -> str:
    """Return the unique name of a field. `containers` are all those of the definition."""
    plain_name = plain_field_name(page, container, key)
    return (
        plain_name
        if not container or _longest_container(page, plain_name, containers) == container
        else f"{page}-/{container}/{key}"
    )


def plain_field_name(page: str, container: str, key: str) -> str:
    """Return the plain form of a name, which two fields may share; a blank container stands for the whole rock-on."""
    return f"{page}-{container}-{key}" if container else f"{page}-{key}"


def page_field_names(page: str, names: Iterable[str]) -> list[str]:
    """Return those of the names that are fields of a page."""
    return [name for name in names if name.startswith(f"{page}-")]


def parse_field_names(page: str, names: Iterable[str], containers: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return container and key of each name that is one of a page's fields; others are left out."""
    fields = {}
    for name in page_field_names(page, names):
        container = _longest_container(page, name, containers)
        key = name.removeprefix(plain_field_name(page, container, ""))
        if not container:
            container, _, key = key.removeprefix("/").partition("/")
        if container in containers and key and name == field_name(page, container, key, containers):
            fields[name] = container, key
    return fields


def _longest_container(page: str, name: str, containers: Collection[str]) -> str:
    """Return the longest container that a plain name can refer to, blank when there is none."""
    return max(
        (container for container in containers if name.startswith(plain_field_name(page, container, ""))),
        key=len,
        default="",
    )
