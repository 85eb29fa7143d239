"""The address of an app's own page."""

from typing import Any

import pytest

from rockonweb.web.ui_link import build_ui_link
from tests.support.samples import build_definition, port_question

PORTS = {"80": port_question(8080, ui=True)}


@pytest.mark.parametrize(
    ("keys", "host_port", "hostname", "address"),
    [
        ({}, 8081, "nas.local", "http://nas.local:8081/"),
        ({"ui": {"https": True}}, 8081, "nas.local", "https://nas.local:8081/"),
        (
            {"ui": {"slug": "admin/index.php?x=1#/top"}},
            8081,
            "10.0.0.2",
            "http://10.0.0.2:8081/admin/index.php?x=1#/top",
        ),
        ({"ui": {"slug": 'a "b"<c>'}}, 8081, "nas", "http://nas:8081/a%20%22b%22%3Cc%3E"),
        ({}, 8081, "fd00::2", "http://[fd00::2]:8081/"),
        ({}, None, "nas.local", None),
    ],
)
def test_a_link(keys: dict[str, Any], host_port: int | None, hostname: str, address: str | None) -> None:
    definition = build_definition({"web": {"ports": PORTS}}, **keys)
    assert build_ui_link(definition, host_port, hostname) == address


def test_on_the_host_s_network_the_container_s_own_port_counts() -> None:
    definition = build_definition({"web": {"ports": PORTS, "opts": [["--net=host", ""]]}})
    assert build_ui_link(definition, 8081, "nas.local") == "http://nas.local:80/"


def test_no_port_with_a_ui_no_link() -> None:
    assert build_ui_link(build_definition({"web": {"ports": {"80": port_question(8080)}}}), 8080, "nas.local") is None
