"""A hostile catalogue through the pages, the API and the command line, without a browser."""

import html
import json
import re
from itertools import cycle
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import select

from rockonweb import catalog
from rockonweb.core.invisible import INVISIBLE_CHARACTERS
from rockonweb.models import RockOn, db
from tests.support import hostile
from tests.support.app import FormClient, installation_by_id, mark_installed
from tests.support.examples import example_settings

WHOLE = example_settings(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
PARTS = st.sampled_from(
    ["shares", "ports", "devices", "environment", "cc", "labels", "cnets", "containers", "storage", "edge_cases"]
)
FIELDS = st.text("abc01.-_/\0\n\x1b\u202e<'{", max_size=20) | st.text(max_size=20)


@pytest.fixture(autouse=True)
def catalogue(app: Flask) -> None:
    """Definitions that mean harm."""
    hostile.write_catalogue(app.config["SETTINGS"].local_metastore)
    catalog.refresh_catalogue()
    assert {*hostile.loadable_names()} <= {*db.session.scalars(select(RockOn.name))}


def _id(name: str = hostile.NAME) -> int:
    return db.session.scalars(select(RockOn.id).where(RockOn.name == name)).one()


def pages(rockon: int) -> list[str]:
    return [
        *("/rockons?tab=all", "/rockons/report", f"/rockons/{rockon}", f"/rockons/{rockon}/install/shares"),
        *("/definitions", "/definitions/hostile.json/edit", "/definitions/faulty.json/edit", "/metastores"),
        *("/definitions/options.json/edit", "/definitions/hostile.json/remove"),
    ]


def test_no_page_has_an_attack_of_a_definition_unescaped(owner_client: FormClient) -> None:
    for name in hostile.loadable_names():
        for path in pages(_id(name)):
            answer = owner_client.get(path)
            assert answer.status_code == 200, path
            text = answer.text
            for tag in re.findall(r"<[a-zA-Z][^<>]*>", text):
                assert not re.search(r"\son\w+\s*=\s*\S*(hostile|alert)", re.sub(r'"[^"]*"', '""', tag)), (path, tag)
                assert not re.match(r"<(?:img|iframe|script|link|object|embed|video|audio|base)\b[^>]*stranger", tag)
                assert not re.search(r"""\b(?:href|src|action)=["']?\s*(?:javascript|data):""", tag, re.I), (path, tag)
                assert not re.search(r"hx-get=.{0,3}//", re.sub(r'="[^"]*&[^"]*"', '=""', tag)), (path, tag)
            assert "49" not in re.findall(r"h0stile[^<]{0,40}?(49)", html.unescape(text)), path
            if "/edit" not in path:  # an editor shows what stands in the file
                assert not INVISIBLE_CHARACTERS.search(text), (path, INVISIBLE_CHARACTERS.search(text))


def test_links_to_a_stranger_tell_it_nothing(owner_client: FormClient) -> None:
    text = owner_client.get(f"/rockons/{_id('Website')}").text
    links = [tag for tag in re.findall(r"<a\s[^>]*>", text) if 'href="http' in tag]
    assert any(hostile.STRANGER in tag for tag in links)
    for tag in links:
        assert "noopener" in tag, tag
        assert "noreferrer" in tag, tag
    assert "javascript:" not in owner_client.get(f"/rockons/{_id()}").text.replace("&#39;javascript:", "")


def test_the_api_answers_in_json_and_nothing_else(owner_client: FormClient) -> None:
    answer = owner_client.get("/api/rockons")
    assert answer.mimetype == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert hostile.NAME in json.dumps(answer.json, ensure_ascii=False).replace('\\"', '"')
    assert "\u202e" not in json.dumps(answer.json, ensure_ascii=False)


def test_nothing_that_steers_a_terminal_comes_out_of_the_command_line(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["catalog", "refresh"])
    assert "faulty" in done.output
    assert "\\u202e" in done.output
    assert not INVISIBLE_CHARACTERS.search(done.output)


@WHOLE
@given(
    body=ANY_JSON | st.dictionaries(PARTS, ANY_JSON), call=st.sampled_from(["install", "update", "start", "uninstall"])
)
def test_whatever_is_sent_to_the_api_there_is_an_answer(owner_client: FormClient, body: Any, call: str) -> None:
    answer = owner_client.post(f"/api/rockons/{_id()}/{call}", json=body, headers={"X-CSRFToken": _token(owner_client)})
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    assert answer.mimetype == "application/json"


def _token(visitor: FormClient) -> str:
    if "token" not in vars(visitor):
        vars(visitor)["token"] = visitor.csrf_token("/rockons")
    return str(vars(visitor)["token"])


VALUES = st.lists(FIELDS, min_size=12, max_size=12)


def send(visitor: FormClient, path: str, values: list[str]) -> int:
    """Put these values into the fields of a page, in turn, and return the status of the answer."""
    page = visitor.get(path, follow_redirects=True).text
    names = [html.unescape(one) for one in re.findall(r'<(?:input|select|textarea)[^>]* name="([^"]*)"', page)]
    form = dict(zip([one for one in names if one != "csrf_token"], cycle(values), strict=False))
    return visitor.post(path, data={**form, "csrf_token": _token(visitor)}).status_code


@WHOLE
@given(page=st.sampled_from(["shares", "ports", "devices", "environment", "custom-config"]), values=VALUES)
def test_whatever_is_typed_into_the_wizard_there_is_a_page(
    owner_client: FormClient, page: str, values: list[str]
) -> None:
    assert send(owner_client, f"/rockons/{_id()}/install/{page}", values) in (200, 302, 303, 404, 422)


@WHOLE
@given(
    page=st.sampled_from(["shares", "ports", "devices", "environment", "storage", "labels", "networks"]), values=VALUES
)
def test_nor_does_a_settings_page_fail(owner_client: FormClient, page: str, values: list[str]) -> None:
    rockon = installation_by_id(_id("Website"))
    if not rockon.is_installed:
        mark_installed(rockon)
    assert send(owner_client, f"/rockons/{rockon.id}/settings/{page}", values) in (200, 302, 303, 404, 409, 422)
