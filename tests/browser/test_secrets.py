"""Generated secrets in a real browser: shown, made anew and kept, with JavaScript and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, expect

from rockonweb import sessions
from rockonweb.core.definition import parse
from rockonweb.models import User, db
from rockonweb.web.extensions import KEY
from tests.support.app import add_user, make_app, put
from tests.support.browser import accessibility_violations, complaints, new_page
from tests.support.samples import source
from tests.support.serving import served

VARIABLES = {
    "ADMIN_PASSWORD": {"label": "Admin password", "description": ""},
    "NOTE": {"label": "Note", "description": ""},
}


@pytest.fixture
def wizard(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a wizard's environment page, and the cookie of who may see it."""
    app = make_app(tmp_path)
    with app.app_context():
        key = sessions.begin(db.session.get_one(User, add_user()), "127.0.0.1", "a test")
        web = {"image": "example/web", "launch_order": 1, "environment": VARIABLES}
        (rockon,) = put(parse(source({"web": web}))[0])
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer
    value = signer.dumps({"_user_id": "1", "_fresh": True, KEY: key})
    with served(app) as url:
        yield (
            f"{url}/rockons/{rockon}/install/environment",
            {"name": app.config["SESSION_COOKIE_NAME"], "value": str(value), "url": url},
        )


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_a_secret_is_shown_made_anew_and_kept(
    browser: Browser, wizard: tuple[str, dict[str, str]], javascript: bool
) -> None:
    address, cookie = wizard
    with new_page(browser, javascript=javascript) as page:
        heard = complaints(page)
        page.context.add_cookies([cookie])  # type: ignore[list-item]
        page.goto(address)
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
        expect(page).to_have_url(address)
        expect(page.locator("[name='environment-web-NOTE']")).to_have_value("typed before")
        if javascript:
            assert accessibility_violations(page) == []
        secret.press("Enter")
        expect(page).to_have_url(re.compile("/summary$"))
        page.goto(address)
        expect(secret).to_have_value("")
        assert heard == []
