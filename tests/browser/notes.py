"""Family Notes, the app of two containers that browser tests install; and what they do on the pages of every app."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

SECRET = "blue horses dream"
NAME = "Family Notes"
APP, DATABASE = "family-notes", "family-notes-db"
LONG = 60_000  # milliseconds, for operations on a busy machine
NOTES = Path(__file__).with_name("notes.json")


def text(standin: Callable[..., str]) -> str:
    """Its definition, with images that are there."""
    found = NOTES.read_text().replace("IMAGE notes-db", standin("notes-db", ports=()))
    return found.replace("IMAGE notes", standin("notes", paths=["notes"]))


def notes(standin: Callable[..., str]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Its name, its containers, and the rest of its definition."""
    body = json.loads(text(standin))[NAME]
    return NAME, body.pop("containers"), body


def await_done(page: Page) -> None:
    """Wait on an operation's page for its end; without JavaScript too it is loaded again by itself."""
    expect(page).to_have_url(re.compile(r"/operations/\d+"))
    expect(page.get_by_text("Done.", exact=True)).to_be_visible(timeout=LONG)
