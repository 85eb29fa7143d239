"""Generated secrets and values of several lines in a real browser, with JavaScript and without."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.app import add_rockon
from tests.support.browser import collect_console_errors, find_accessibility_violations
from tests.support.serving import ServedApp

VARIABLES = {
    "ADMIN_PASSWORD": {"label": "Admin password", "description": ""},
    "NOTE": {"label": "Note", "description": ""},
}


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_a_secret_is_shown_made_anew_and_kept(site: ServedApp, javascript: bool) -> None:
    rockon = add_rockon("Web", {"web": {"environment": VARIABLES}})
    path = f"/rockons/{rockon.id}/install/environment"
    with site.open_page(path, javascript=javascript) as page:
        heard = collect_console_errors(page)
        secret = page.locator("[name='environment-web-ADMIN_PASSWORD']")
        page.locator("[name='environment-web-NOTE']").fill("typed before")
        expect(secret).to_have_attribute("type", "password")
        first = secret.input_value()
        page.get_by_role("button", name=re.compile(r"^Show\b.*Admin password")).click()
        expect(secret).to_have_attribute("type", "text")
        expect(secret).to_have_value(first)
        page.get_by_role("button", name=re.compile(r"^Hide\b.*Admin password")).click()
        expect(secret).to_have_attribute("type", "password")
        page.get_by_role("button", name=re.compile(r"^Generate\b.*Admin password")).click()
        expect(secret).to_have_attribute("type", "text")
        expect(secret).not_to_have_value(first)
        expect(secret).to_be_focused()
        expect(page).to_have_url(site.url + path)
        expect(page.locator("[name='environment-web-NOTE']")).to_have_value("typed before")
        if javascript:
            assert find_accessibility_violations(page) == []
        secret.press("Enter")
        expect(page).to_have_url(re.compile("/summary$"))
        page.goto(path)
        expect(secret).to_have_value("")
        assert heard == []


# Pastes a text into a field.
PASTE = """(field, text) => {
    const data = new DataTransfer();
    data.setData("text", text);
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""
KEY_FILE = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_values_of_several_lines_are_typed_kept_and_shown(site: ServedApp, javascript: bool) -> None:
    rockon = add_rockon("Web", {"web": {"environment": VARIABLES}})
    path = f"/rockons/{rockon.id}/install/environment"
    with site.open_page(path, javascript=javascript) as page:
        heard = collect_console_errors(page)
        for key in ("ADMIN_PASSWORD", "NOTE"):
            field = page.locator(f"[name='environment-web-{key}']")
            if javascript:
                field.fill("")
                field.evaluate(PASTE, KEY_FILE)
            else:
                page.get_by_role("button", name=re.compile(f"^Several lines.*{VARIABLES[key]['label']}")).click()
                field.fill(KEY_FILE)
            expect(field).to_have_js_property("type", "textarea")
        expect(page.locator("[name='environment-web-ADMIN_PASSWORD']")).to_have_class(re.compile("text-dots"))
        page.get_by_role("button", name="Next").click()
        expect(page).to_have_url(re.compile("/summary$"))
        expect(page.locator(".answer").filter(has_text="BEGIN KEY")).to_have_css("white-space", "pre-wrap")
        page.goto(path)
        expect(page.locator("[name='environment-web-NOTE']")).to_have_value(KEY_FILE)
        expect(page.locator("[name='environment-web-ADMIN_PASSWORD']")).to_have_value("")
        assert heard == []
