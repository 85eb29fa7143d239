"""A cache of rendered fragments of pages, used again until what they depend on changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from flask import request
from flask_babel import get_locale
from markupsafe import Markup

MAX_FRAGMENTS = 1_000  # of about 2 kB each
_fragments: dict[Hashable, Markup] = {}


def cached_fragment(depends_on: Hashable | None, caller: Callable[[], Markup]) -> Markup:
    """Return what `caller` renders, the body of a Jinja `call` block, or the cached result for the same key.

    `depends_on` is all that the fragment depends on besides the user's language and the URL prefix; None for one that
    is never cached.
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
