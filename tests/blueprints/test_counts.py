"""What pages cost that does not drift: statements, however many rock-ons there are."""

from flask import Flask

from rockonweb.models import db
from tests.support.app import FormClient, add_rockon, mark_installed, put_definitions
from tests.support.filled import WEB
from tests.support.samples import parse_rockon

LISTS = ("/", "/rockons", "/rockons?tab=all", "/rockons?q=app", "/rockons?q=apq", "/rockons?tab=all&state=available")
OTHERS = ("/operations", "/updates", "/shares", "/networks", "/images", "/rockons/1", "/rockons/2/install/ports")


def test_a_page_asks_as_much_of_many_rock_ons_as_of_few(
    app: Flask, owner_client: FormClient, statements: list[str]
) -> None:
    def counts() -> dict[str, int]:
        found = {}
        for path in (*LISTS, *OTHERS):
            owner_client.get(path)  # what a first visit prepares
            db.session.remove()
            statements.clear()
            assert owner_client.get(path).status_code in (200, 303, 503), path
            found[path] = len(statements)
        return found

    mark_installed(add_rockon("App 0", WEB))
    add_rockon("App 1", WEB)
    mark_installed(add_rockon("App 2", WEB))
    few = counts()
    for number in range(3, 23):
        (mark_installed if number % 2 else str)(add_rockon(f"App {number}", WEB))
    assert counts() == few


def test_a_step_of_the_wizard_asks_for_each_row_once(owner_client: FormClient, statements: list[str]) -> None:
    page = f"/rockons/{put_definitions(parse_rockon(WEB))[0]}/install/environment"
    for _ in range(2):  # the first time prepares and writes, the second changes nothing
        db.session.remove()
        statements.clear()
        assert owner_client.get(page).status_code == 200
        shown = len(statements)
        db.session.remove()
        statements.clear()
        assert owner_client.submit_form(page, {"environment-web-APP_PASSWORD": "secret"}).status_code == 303
        assert not [one for one in statements if "FROM rockon" in one][1:]
    assert (shown, len(statements)) == (8, 9)
