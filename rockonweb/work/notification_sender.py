"""Sends a notice to a webhook, or through Apprise, which is imported here alone, and only when something is sent: it
needs much memory, which the long-running processes should not.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rockonweb.core.instance.notifications import (
    MAX_SENTENCE,
    NoticeChannel,
    RenderedNotice,
    defuse_text,
    is_local_service,
    mask_secrets,
)
from rockonweb.core.text import t
from rockonweb.remote import http_client

if TYPE_CHECKING:
    import apprise

TIMEOUT = 8.0  # seconds to connect, and for the response; for a webhook altogether
TOTAL_SECONDS = 30.0  # for all that Apprise or a mail server does
MAX_ANSWER_BYTES = 1_000_000  # of a webhook or service
SECURE_MODES = {"starttls": "starttls", "tls": "ssl", "none": "insecure"}
_CAUSE_PREFIX = "Exception: "  # before the cause of a failure in Apprise's log


def deliver_message(way: NoticeChannel, parts: Mapping[str, str], message: RenderedNotice) -> str:
    """Send a message; return blank on success, else a sentence on the failure, with secrets masked. Never raises.

    A server that takes longer than TOTAL_SECONDS is given up. A thread may go on to wait for it until the
    process of the job ends, which it does with the job.
    """
    failures: list[str] = []
    thread = threading.Thread(target=lambda: failures.append(_send_message(way, parts, message)), daemon=True)
    thread.start()
    thread.join(TOTAL_SECONDS)
    return failures[0] if failures else t("The server is too slow.")


def _send_message(way: NoticeChannel, parts: Mapping[str, str], message: RenderedNotice) -> str:
    if way is NoticeChannel.APPRISE and is_local_service(parts["url"]):
        return t("Such an address points to this machine itself. Notifications are sent over the network only.")
    import apprise

    failure_log = _FailureLog()
    logger = logging.getLogger("apprise")
    logger_state = logger.level, logger.propagate
    logger.addHandler(failure_log)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False  # its lines may contain an address with a password
    try:
        target = _build_service(way, parts)
        if target is None and way is NoticeChannel.HOOK:
            return _post_hook(parts["url"], message)
        if target is None:
            return t("Apprise does not support this address.")
        sender = apprise.Apprise(asset=target.asset)
        sender.add(target)
        deadline = time.monotonic() + TOTAL_SECONDS
        with http_client.limit_requests(http_client.HomeNetwork(), MAX_ANSWER_BYTES, deadline):
            sent = sender.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT)
        if sent:
            return ""
        reason = failure_log.reason
    except Exception as error:  # of any plug-in: a failed notice must not fail the job
        reason = f"{type(error).__name__}: {error}"
    finally:
        logger.removeHandler(failure_log)
        logger.level, logger.propagate = logger_state
    return defuse_text(mask_secrets(reason, parts), MAX_SENTENCE) or t("It was rejected; no reason was given.")


def _post_hook(url: str, message: RenderedNotice) -> str:
    """Send a message to a webhook, as the JSON of Apprise's `json://`; return as `deliver_message`. Raises
    REQUEST_ERRORS.
    """
    body = {"version": "1.0", "title": message.title, "message": message.body, "attachments": [], "type": "info"}
    deadline = time.monotonic() + TIMEOUT
    with http_client.new_http_session(http_client.HomeNetwork()) as session:
        response, _ = http_client.fetch_limited(
            session,
            url,
            MAX_ANSWER_BYTES,
            deadline,
            {"Content-Type": "application/json"},
            method="POST",
            content=json.dumps(body).encode(),
        )
    status = response.status_code
    return "" if status // 100 == 2 else t("The server answers with status %(status)s.", status=status)


def _build_service(way: NoticeChannel, parts: Mapping[str, str]) -> apprise.NotifyBase | None:
    """Return Apprise's service; None where it has none for the address."""
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Rockonweb",
        app_desc="Rockonweb",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,  # they may lead to this machine
    )
    if way is NoticeChannel.MAIL:
        from apprise.plugins.email import NotifyEmail

        return NotifyEmail(  # type: ignore[no-untyped-call]
            host=parts["from"].rpartition("@")[2],
            smtp_host=parts["server"],
            port=int(parts["port"]),
            secure_mode=SECURE_MODES[parts["security"]],
            user=parts["user"] or None,
            password=parts["password"] or None,
            from_addr=f"Rockonweb <{parts['from']}>",
            targets=[recipient.strip() for recipient in parts["to"].split(",") if recipient.strip()],
            format="text",
            asset=asset,
            cto=TIMEOUT,
            rto=TIMEOUT,
        )
    return apprise.Apprise.instantiate(parts["url"], asset=asset)


class _FailureLog(logging.Handler):
    """Collects the reasons of a failure from Apprise's log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.warnings: list[str] = []
        self.causes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.levelno >= logging.WARNING:
            self.warnings.append(line)
        elif _CAUSE_PREFIX in line:
            self.causes.append(line.partition(_CAUSE_PREFIX)[2])

    @property
    def reason(self) -> str:
        """The last warning, followed by its cause."""
        return " ".join([*self.warnings[-1:], *self.causes[-1:]])
