"""The catalogue's columns, derived from definitions once, so that listing a thousand rock-ons need not parse any."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from rockonweb.core.definition.badges import Badge, find_badges
from rockonweb.core.definition.categories import Category, categorize_rockon
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.known_apps import find_known_icon

# Increment it when `summarize_definition` or the suggested ports differ for the same definition: rows are recomputed.
SUMMARY_VERSION = 6
MAX_SUMMARY = 240  # characters; a card shows three lines


@dataclass(frozen=True)
class CatalogueSummary:
    """`sort_name` is for sorting by name, `search` is the text to search in, lower case without markup."""

    sort_name: str
    search: str
    summary: str
    badges: tuple[Badge, ...]
    categories: tuple[Category, ...]
    containers: tuple[str, ...]
    icon: str
    known_icon: str


def summarize_definition(definition: Definition, *, local: bool = False) -> CatalogueSummary:
    """Return what the catalogue shows of a definition; `local` is whether it is one of the local ones."""
    text = strip_html(definition.description)
    images = [container.image for container in definition.containers.values()]
    return CatalogueSummary(
        sort_name=definition.name.casefold(),
        search="\n".join([definition.name, text, *dict.fromkeys(images)]).casefold(),
        summary=shorten_summary(text),
        badges=find_badges(definition, local=local),
        categories=categorize_rockon(definition.name, text, images),
        containers=tuple(definition.containers),
        icon=definition.icon,
        known_icon=find_known_icon(definition.name, images, definition.containers),
    )


def strip_html(html: str) -> str:
    """Return the text of a piece of HTML."""
    html = re.sub(r"</?(?:a|abbr|b|code|em|i|kbd|q|s|small|span|strong|sub|sup|u)\b[^>]*>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def shorten_summary(text: str) -> str:
    """Return text cut to MAX_SUMMARY characters, between two words where possible."""
    if len(text) <= MAX_SUMMARY:
        return text
    head = text[:MAX_SUMMARY]
    return (head.rpartition(" ")[0] or head).rstrip(" ,;:.") + " …"
