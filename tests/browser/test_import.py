"""A pasted line, from the catalogue to the wizard, in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import collect_console_errors, find_accessibility_violations
from tests.support.serving import ServedApp

LINE = "docker run --name notes -e TOKEN=geheim -e A=$B -p 18080:80 -v $(pwd)/data:/data --rm demo/notes"


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def visit(site: ServedApp, request: pytest.FixtureRequest) -> Iterator[tuple[Page, bool]]:
    """A phone before the catalogue, and whether it runs scripts."""
    with site.open_page("/rockons", javascript=request.param, viewport={"width": 360, "height": 740}) as page:
        yield page, request.param


def test_a_pasted_line_leads_into_the_wizard(visit: tuple[Page, bool], tmp_path: Path) -> None:
    page, javascript = visit
    errors = collect_console_errors(page)
    page.get_by_role("link", name="Import").click()
    page.get_by_label("Lines or text").fill("docker run -Z x")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text('Line 1: "-Z" is not an option')).to_be_visible()
    expect(page.get_by_label("Lines or text")).to_have_value("docker run -Z x")
    (tmp_path / "run.sh").write_text(LINE)
    page.get_by_label("From files").set_input_files(tmp_path / "run.sh")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Import notes")).to_be_visible()
    expect(page).to_have_title(re.compile("Import"))
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    if javascript:
        assert find_accessibility_violations(page) == []
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_label("Lines or text")).to_have_value(LINE)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("data")).to_have_value("notes/data")
    assert [error for error in errors if "422" not in error] == []
