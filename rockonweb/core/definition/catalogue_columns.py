"""What the catalogue shows of a rock-on, and finds it by, so that a list of a thousand need not read definitions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from rockonweb.core.definition.badges import Badge, badges
from rockonweb.core.definition.categories import Category, categories
from rockonweb.core.definition.definition import Definition

EDITION = 3  # raise it when `show` gives something else for the same definition: rows are then described again
SUMMARY = 240  # characters; a card has room for three lines


@dataclass(frozen=True)
class Shown:
    """`sort_name` gives the order of names, `search` is what searches look through, in lower case without markup."""

    sort_name: str
    search: str
    summary: str
    badges: tuple[Badge, ...]
    categories: tuple[Category, ...]
    containers: tuple[str, ...]
    icon: str


def show(definition: Definition, *, local: bool = False) -> Shown:
    """Return what the catalogue shows of a definition; `local` is whether it is one of the local ones."""
    text = plain(definition.description)
    images = [container.image for container in definition.containers.values()]
    return Shown(
        sort_name=definition.name.casefold(),
        search="\n".join([definition.name, text, *dict.fromkeys(images)]).casefold(),
        summary=shortened(text),
        badges=badges(definition, local=local),
        categories=categories(definition.name, text, images),
        containers=tuple(definition.containers),
        icon=definition.icon,
    )


def plain(html: str) -> str:
    """Return the words of a piece of HTML."""
    html = re.sub(r"</?(?:a|abbr|b|code|em|i|kbd|q|s|small|span|strong|sub|sup|u)\b[^>]*>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def shortened(text: str) -> str:
    """Return text that is no longer than a summary, ended between two words where there are words."""
    if len(text) <= SUMMARY:
        return text
    cut = text[:SUMMARY]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:.") + " …"
