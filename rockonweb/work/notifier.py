"""Sends a notice, through Apprise. It is imported here alone, and only when something is sent: its memory is not
small, and the processes that stay need none of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from rockonweb.core.instance.notices import SENTENCE, Way, Words, inert, stays_here, without_secrets
from rockonweb.core.text import t

if TYPE_CHECKING:
    import apprise

SECONDS = 8.0  # to connect, and to be answered
SECURITY = {"starttls": "starttls", "tls": "ssl", "none": "insecure"}
_CAUSE = "Exception: "  # begins what Apprise tells of a cause


def send(way: Way, parts: Mapping[str, str], message: Words) -> str:
    """Send a message. Returns a blank when it was taken, else a sentence on why not, without a secret in it."""
    if way is Way.APPRISE and stays_here(parts["url"]):
        return t("Such an address leads to this machine itself. Notices go into the network only.")
    import apprise

    heard = _Heard()
    logger = logging.getLogger("apprise")
    before = logger.level, logger.propagate
    logger.addHandler(heard)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False  # what it says may have an address in it
    try:
        target = _target(way, parts)
        if target is None:
            return t("Apprise does not know such an address.")
        sender = apprise.Apprise(asset=target.asset)
        sender.add(target)
        if sender.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT):
            return ""
        why = heard.why
    except Exception as error:  # whatever a service's plug-in trips over, an operation is not concerned
        why = f"{type(error).__name__}: {error}"
    finally:
        logger.removeHandler(heard)
        logger.level, logger.propagate = before
    return inert(without_secrets(why, parts), SENTENCE) or t("It was not taken, without a reason.")


def _target(way: Way, parts: Mapping[str, str]) -> apprise.NotifyBase | None:
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Rockonweb", app_desc="Rockonweb", app_url="", image_url_mask="", image_url_logo="", async_mode=False
    )
    common: dict[str, Any] = {"asset": asset, "cto": SECONDS, "rto": SECONDS}
    if way is Way.MAIL:
        from apprise.plugins.email import NotifyEmail

        return NotifyEmail(  # type: ignore[no-untyped-call]
            host=parts["from"].rpartition("@")[2],
            smtp_host=parts["server"],
            port=int(parts["port"]),
            secure_mode=SECURITY[parts["security"]],
            user=parts["user"] or None,
            password=parts["password"] or None,
            from_addr=f"Rockonweb <{parts['from']}>",
            targets=[word.strip() for word in parts["to"].split(",") if word.strip()],
            format="text",
            **common,
        )
    url = parts["url"]
    if way is Way.HOOK and (found := apprise.Apprise.instantiate(url, asset=asset)) is None:
        from apprise.plugins.custom_json import NotifyJSON

        split = urlsplit(url)
        return NotifyJSON(  # type: ignore[no-untyped-call]
            host=split.hostname,
            port=split.port,
            secure=split.scheme == "https",
            user=unquote(split.username or "") or None,
            password=unquote(split.password or "") or None,
            fullpath=split.path or "/",
            params=dict(parse_qsl(split.query)),
            **common,
        )
    return found if way is Way.HOOK else apprise.Apprise.instantiate(url, asset=asset)


class _Heard(logging.Handler):
    """Remembers what Apprise says of a failure."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.warnings: list[str] = []
        self.causes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        if record.levelno >= logging.WARNING:
            self.warnings.append(words)
        elif _CAUSE in words:
            self.causes.append(words.partition(_CAUSE)[2])

    @property
    def why(self) -> str:
        """What it said, the cause behind it."""
        return " ".join([*self.warnings[-1:], *self.causes[-1:]])
