"""Chromium, as Debian packages it, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.support.app import PASSWORD

_AXE = Path(__file__).with_name("vendor") / "axe" / "axe.min.js"
TIMEOUT = 30_000  # milliseconds; a busy machine takes some seconds to start a page's process
_LAUNCHER = Path(__file__).with_name("chromium")
_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def launch_chromium() -> Iterator[Browser]:
    """A running Chromium without a window, the one that is made for that where it is installed."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")  # the first makes a page in a third
    if path is None:
        raise RuntimeError("The browser tests need Debian's package chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_LAUNCHER, args=_FLAGS, chromium_sandbox=False, env={**os.environ, "CHROMIUM": path}
        )
        expect.set_options(timeout=TIMEOUT)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def new_page(browser: Browser, *, javascript: bool = True, **options: Any) -> Iterator[Page]:
    """A page in a context of its own (no cookies); `options` as for `Browser.new_context`."""
    options = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options}
    context = browser.new_context(java_script_enabled=javascript, **options)
    context.set_default_timeout(TIMEOUT)
    try:
        yield context.new_page()
    finally:
        context.close()


def log_in_by_form(page: Page, address: str) -> None:
    """Log in as the owner that the tests have."""
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{address}/")


def collect_console_errors(page: Page) -> list[str]:
    """A list that from now on receives what the browser complains about on `page`.

    That is the errors and warnings of its console (what the Content-Security-Policy blocked, what was not
    found) and uncaught exceptions. What htmx says of a failed request stands there a second time in the browser's own
    words.
    """
    errors: list[str] = []

    def record_message(message: ConsoleMessage) -> None:
        ignored = ("htmx:sendError", "htmx:afterRequest")
        if message.type in ("error", "warning") and not any(text in message.text for text in ignored):
            errors.append(f"{message.type}: {message.text}")

    page.on("console", record_message)
    page.on("pageerror", lambda error: errors.append(f"exception: {error}"))
    return errors


def find_accessibility_violations(page: Page) -> list[str]:
    """What axe finds wrong on `page`: a line for each violation, with its rule and the elements."""
    prepare_axe(page)
    return run_axe(page)


def prepare_axe(page: Page) -> None:
    """Bring axe into a page: evaluated by the debugger, which the page's Content-Security-Policy does not concern."""
    page.evaluate(_AXE.read_text())


def run_axe(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """What axe, which is on the page, finds wrong; by all of its rules, or by these."""
    options = {"resultTypes": ["violations"], "preload": False, **({"runOnly": list(rules)} if rules else {})}
    violations: list[dict[str, Any]] = page.evaluate("async (options) => (await axe.run(options)).violations", options)
    return [
        f"{v['id']} ({v['impact']}): {v['help']}: " + "; ".join(str(node["target"]) for node in v["nodes"])
        for v in violations
    ]
