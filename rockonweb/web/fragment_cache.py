"""Pieces of pages that look the same until what they show changes, kept instead of rendered again."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from flask import request
from flask_babel import get_locale
from markupsafe import Markup

MAX_FRAGMENTS = 1_000  # pieces, of about 2 kB each
_fragments: dict[Hashable, Markup] = {}


def cached_fragment(depends_on: Hashable | None, caller: Callable[[], Markup]) -> Markup:
    """Return what `caller` renders, the body of a `call` block, and the same again for whoever sees the same.

    `depends_on` is all that the piece depends on beside the reader's language and the address under which we are
    served; None for what is never kept.
    """
    if depends_on is None:
        return caller()
    key = (str(get_locale()), request.root_path, depends_on)
    fragment = _fragments.get(key)
    if fragment is None:
        if len(_fragments) >= MAX_FRAGMENTS:
            _fragments.clear()
        fragment = _fragments[key] = caller()
    return fragment
