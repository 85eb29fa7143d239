"""The login's second step, one's account, the people and the audit, in a real browser."""

from __future__ import annotations

import re
from typing import Any, Literal

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from rockonweb.models import User, db, transaction
from tests.support.app import PASSWORD, add_rockon, create_test_user, mark_installed
from tests.support.browser import collect_console_errors, find_accessibility_violations, new_page
from tests.support.serving import ServedApp


@pytest.fixture
def url(site: ServedApp) -> str:
    """The address of an application with two accounts."""
    create_test_user("eve-with-a-name-that-is-much-longer-than-those-that-people-usually-choose-for-themselves")
    mark_installed(add_rockon("Notes"))
    return site.url


def log_in(page: Page, url: str) -> None:
    page.goto(f"{url}/login")
    page.fill("[name=name]", "ada")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")


def forget_used_code() -> None:
    """As if half a minute and more had gone by since the last code."""
    with transaction() as session:
        session.query(User).filter_by(name="ada").one().totp_counter -= 10
    db.session.rollback()


def right(page: Page, width: int, javascript: bool) -> None:
    """The page fits, and axe, which is a script, finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    assert not javascript or find_accessibility_violations(page) == [], page.url


@pytest.mark.parametrize(
    ("width", "scheme", "javascript"),
    [(360, "dark", True), pytest.param(1280, "light", True, marks=pytest.mark.slow), (1280, "dark", False)],
)
def test_a_person_sets_the_second_step_up_logs_in_by_it_and_is_found_in_the_audit(
    browser: Browser, url: str, width: int, scheme: Literal["dark", "light"], javascript: bool
) -> None:
    looks: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with new_page(browser, javascript=javascript, **looks) as page:
        heard = collect_console_errors(page)
        log_in(page, url)
        page.wait_for_url(f"{url}/")
        page.locator(".topbar-menu:visible > summary").last.click()
        page.locator(".topbar-panel:visible a[href='/account']").click()
        page.wait_for_url("**/account")
        right(page, width, javascript)
        page.fill("[name=step-present]", PASSWORD)
        page.get_by_role("button", name="Set up").click()
        expect(page.get_by_role("img", name="The key as a QR code").locator("svg")).to_be_visible()
        right(page, width, javascript)
        totp = pyotp.TOTP(page.locator("code").inner_text())
        page.fill("[name=code]", "123")
        page.get_by_role("button", name="Turn on two-factor authentication").click()
        expect(page.get_by_text("This is not the current code.")).to_be_visible()
        heard.clear()  # the browser says of each 422 that it is one
        page.fill("[name=code]", totp.now())
        page.get_by_role("button", name="Turn on two-factor authentication").click()
        expect(page.locator("#codes")).to_be_visible()
        codes = page.locator("#codes").inner_text().split()
        assert len(codes) == 10
        right(page, width, javascript)
        page.get_by_role("link", name="I have saved them").click()
        page.wait_for_url("**/account")
        page.fill("[name=token-label]", "cron")
        page.select_option("[name=token-role]", "operator")
        page.fill("[name=token-present]", PASSWORD)
        page.get_by_role("button", name="Create token").click()
        assert len(page.locator("#token").inner_text()) == 43
        right(page, width, javascript)
        page.goto(f"{url}/account")
        right(page, width, javascript)
        page.goto(f"{url}/people")
        right(page, width, javascript)
        page.get_by_role("link", name="eve-with").first.click()
        page.wait_for_url(re.compile(r"/people/\d+$"))
        right(page, width, javascript)
        page.get_by_role("link", name="Remove the account").click()
        page.wait_for_url("**/remove")
        right(page, width, javascript)
        page.locator(".topbar-menu:visible > summary").last.click()
        page.locator(".topbar-panel:visible").get_by_role("button", name="Log out").click()
        page.wait_for_url(re.compile("/login$"))
        forget_used_code()
        for code in (totp.now(), codes[0]):
            log_in(page, url)
            page.wait_for_url(re.compile("/login/code"))
            right(page, width, javascript)
            page.fill("[name=code]", code)
            page.press("[name=code]", "Enter")
            page.wait_for_url(f"{url}/")
            page.locator(".topbar-menu:visible > summary").last.click()
            page.locator(".topbar-panel:visible").get_by_role("button", name="Log out").click()
            page.wait_for_url(re.compile("/login$"))
        log_in(page, url)
        page.fill("[name=code]", codes[1])
        page.press("[name=code]", "Enter")
        page.wait_for_url(f"{url}/")
        page.goto(f"{url}/audit")
        expect(page.get_by_text("logged in with a recovery code")).to_have_count(2)
        right(page, width, javascript)
        page.fill("[name=q]", "token")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("main li")).to_have_count(1)
        expect(page.locator("main li")).to_contain_text("ada created a token: cron")
        right(page, width, javascript)
        assert heard == []
