"""Who can be on a network, and which networks can be had."""

import pytest

from rockonweb.core.networks import join_refusal
from tests.support.samples import rockon


@pytest.mark.parametrize(
    ("opts", "words"),
    [
        ([["--net=host", ""]], "the host's own network"),
        ([["--network", "host"]], "the host's own network"),
        ([["--net", "bridge"], ["--net", "host"]], "the host's own network"),
        ([["--network=none", ""]], "keeps it off every network"),
        ([["--net=container:vpn", ""]], "uses the network of vpn"),
    ],
)
def test_a_container_that_can_join_no_network_is_told_why(opts: list[list[str]], words: str) -> None:
    refusal = join_refusal(rockon({"app": {"opts": opts}}).containers["app"])
    assert refusal is not None
    assert words in refusal


@pytest.mark.parametrize(
    "opts", [[], [["--net", "bridge"]], [["--network=media", ""]], [["--net", "host"], ["--net", "x"]]]
)
def test_any_other_can(opts: list[list[str]]) -> None:
    assert join_refusal(rockon({"app": {"opts": opts}}).containers["app"]) is None
