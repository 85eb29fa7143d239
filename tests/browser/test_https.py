"""Logging in and sending forms by https, as a browser does."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from rockonweb.host.certificate import create_self_signed
from tests.support.browser import collect_console_errors, new_page
from tests.support.stack import Stack


def test_a_person_logs_in_and_makes_a_share_by_https(
    browser: Browser, stack: Callable[..., Stack], tmp_path: Path
) -> None:
    pair = {}
    for name, content in zip(("KEY", "CERT"), create_self_signed("localhost"), strict=True):
        (tmp_path / name).write_bytes(content)
        pair[f"ROCKONWEB_TLS_{name}"] = str(tmp_path / name)
    made = stack(environment=pair, started=False)
    address = made.start().replace("127.0.0.1", "localhost")
    with new_page(browser, ignore_https_errors=True) as page:
        heard = collect_console_errors(page)
        page.goto(f"{address}/shares")
        page.get_by_label("Name").fill(made.user)
        page.get_by_label("Password").fill(made.password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{address}/shares")
        cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
        session = cookies[f"rockonweb_{made.port}"]
        assert (session["secure"], session["httpOnly"], session["sameSite"]) == (True, True, "Lax")
        page.locator("input[name=name]").fill("photos")
        page.locator("input[name=name]").press("Enter")
        expect(page.get_by_text("photos").first).to_be_visible()
        assert heard == []
    assert (made.shares / "photos").is_dir()
