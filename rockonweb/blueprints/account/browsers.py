"""Short descriptions of browsers from their User-Agent header."""

from __future__ import annotations

from flask_babel import gettext as _

# The first match counts: many browsers also send the names of others.
BROWSER_NAMES = {
    "Edg/": "Edge", "EdgA/": "Edge", "OPR/": "Opera", "SamsungBrowser/": "Samsung Internet", "Firefox/": "Firefox",
    "FxiOS/": "Firefox", "CriOS/": "Chrome", "Chrome/": "Chrome", "Safari/": "Safari", "curl/": "curl",
    "python-requests/": "Python",
}  # fmt: skip
SYSTEM_NAMES = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS X": "macOS",
    "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip


def describe_browser(user_agent: str) -> str:
    """Return a browser and its system, such as "Firefox on Linux"; only one of them where the other is unknown."""
    name = next((label for token, label in BROWSER_NAMES.items() if token in user_agent), "")
    system = next((label for token, label in SYSTEM_NAMES.items() if token in user_agent), "")
    if name and system:
        return str(_("%(browser)s on %(system)s", browser=name, system=system))
    return name or system or str(_("an unknown browser"))
