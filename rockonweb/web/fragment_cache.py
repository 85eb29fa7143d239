"""Pieces of pages that look the same until what they show changes, kept instead of rendered again."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from flask import request
from flask_babel import get_locale
from markupsafe import Markup

LIMIT = 1_000  # pieces, of about 2 kB each
_kept: dict[Hashable, Markup] = {}


def kept_html(shows: Hashable | None, caller: Callable[[], Markup]) -> Markup:
    """Return what `caller` renders, the body of a `call` block, and the same again for whoever sees the same.

    `shows` is all that the piece depends on beside the reader's language and the address under which we are served;
    None for what is never kept.
    """
    if shows is None:
        return caller()
    key = (str(get_locale()), request.root_path, shows)
    found = _kept.get(key)
    if found is None:
        if len(_kept) >= LIMIT:
            _kept.clear()
        found = _kept[key] = caller()
    return found
