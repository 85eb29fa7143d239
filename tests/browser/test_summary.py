"""The wizard's last page in a real browser: one glance, with the exact commands one press away."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.app import add_parsed_rockon
from tests.support.docker_stand_in import FakeDocker
from tests.support.samples import parsed_file
from tests.support.serving import ServedApp


def walk_to_summary(page: Page) -> None:
    """Accept what is suggested, and type something where nothing is."""
    install = page.get_by_role("button", name="Install", exact=True)
    while not install.is_visible():
        for box in page.locator("#wizard input.form-control").all():
            if not box.input_value():
                box.fill("some text")
        title = page.locator("#wizard-title").inner_text()
        page.get_by_role("button", name="Next", exact=True).click()
        expect(page.locator("#wizard-title")).not_to_have_text(title)


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_one_glance_shows_the_answers_and_the_button(
    site: ServedApp, monkeypatch: pytest.MonkeyPatch, javascript: bool
) -> None:
    FakeDocker().replace_engine(monkeypatch)
    rockon = add_parsed_rockon(parsed_file("owncloud")[0])  # of two containers
    with site.open_page(f"/rockons/{rockon.id}/install", javascript=javascript) as page:
        walk_to_summary(page)
        assert page.locator("body").evaluate("body => body.scrollHeight") < 1_050
        expect(page.get_by_role("button", name="Install", exact=True)).to_be_in_viewport()
        command, step = page.get_by_text("docker run -d").first, page.get_by_text("create network db")
        for folded, name in ((command, "The exact commands"), (step, "All steps, in order")):
            expect(folded).not_to_be_visible()
            page.get_by_text(name).click()
            expect(folded).to_be_visible()
