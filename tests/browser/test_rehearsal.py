"""A person rehearses an update, and reads what came of it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from rockonweb.models import Installation, db
from rockonweb.work import updates
from tests.browser.conftest import Product
from tests.support.browser import find_accessibility_violations

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}


def test_an_update_is_rehearsed_by_a_button_and_its_result_stays_on_the_page(
    product: Product, standin: Callable[..., str]
) -> None:
    image = standin("stage/app:1", revision=1)
    product.install("Stage", {"stage": {"image": image, "tag": "", "volumes": DATA, "ports": WEB}})
    standin("stage/app:1", revision=2)
    rockon = db.session.query(Installation).one()
    updates.check_registries(rockon.id)
    with product.open_page(f"/rockons/{rockon.id}/updates/review") as page:
        page.locator("#begin-rehearsal").click()
        expect(page.get_by_text("It would hold: a copy of Stage was healthy")).to_be_visible(timeout=60_000)
        page.locator("#to-updates").click()
        expect(page.get_by_text("It would hold: a copy of Stage was healthy")).to_be_visible()
        assert find_accessibility_violations(page) == []
    standin("stage/app:1", revision=3, environment={"STANDIN_EXIT": "3"})
    with product.open_page(f"/rockons/{rockon.id}/updates") as page:
        page.locator("#begin-rehearsal").click()
        expect(page.get_by_text("It would not hold: stage ended with exit code 3.")).to_be_visible(timeout=60_000)
        page.locator("#to-updates").click()
        expect(page.get_by_text("ending with status 3").first).to_be_visible()
