"""Requests and notes are kept as JSON and come back as they were."""

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.operations.lifecycle import Kind, State
from rockonweb.core.operations.requests import (
    ChangeNetworkRequest,
    ChangeRequest,
    CreateNetworkRequest,
    InstallRequest,
    Notes,
    RemoveNetworkRequest,
    Request,
    RestartRequest,
    TaskRequest,
    UninstallRequest,
    UnreadableRequest,
    UpdateRequest,
    blank_request,
    request_from_json,
)
from rockonweb.core.packed import pack, unpack
from rockonweb.core.status.status import Status

NETWORK = NetworkSpec("media", subnet="10.5.0.0/24", aux_addresses=(("nas", "10.5.0.2"),), mtu=1400, icc=False)
ANSWERS = Answers(ports={"web": {80: 8080, 81: None}}, labels={"web": ["a=b"]}, custom_config={"K": "v"})


@pytest.mark.parametrize(
    "request_",
    [
        InstallRequest(ANSWERS, frozenset({"films"}), {"films": (1000, 100)}, "{}", stopped=True),
        ChangeRequest(ANSWERS, "{}", 7, frozenset({"a", "b"}), {"a/b": (1, 2)}, True, frozenset({"x"}), 3, True),
        ChangeRequest(),
        UpdateRequest(only_pull=True, asked=frozenset({"x"})),
        UninstallRequest(("a", "b")),
        TaskRequest("profile", "laptop"),
        RestartRequest(),
        CreateNetworkRequest(NETWORK),
        ChangeNetworkRequest(NETWORK),
        RemoveNetworkRequest("media"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_request_comes_back_as_it_was(request_: Request) -> None:
    found = request_from_json(request_.kind, request_.to_json())
    assert found == request_
    assert type(found) is type(request_)


@pytest.mark.parametrize("kind", [*Kind])
def test_each_kind_has_a_request_that_asks_for_nothing_in_particular(kind: Kind) -> None:
    assert blank_request(kind).kind is kind
    assert blank_request(kind).to_json() == "{}"


@pytest.mark.parametrize("stored", ['{"only_pull": "perhaps"}', "{broken", "[5]", ""])
def test_what_is_no_request_is_an_unreadable_one(stored: str) -> None:
    assert request_from_json(Kind.UPDATE, stored) == UnreadableRequest()


@pytest.mark.parametrize(
    "notes",
    [
        Notes(),
        Notes(running=()),
        Notes(State.INSTALLED, Status.STARTED, ("web",), True, (("It is full.", "Make room."),), True),
    ],
)
def test_notes_come_back_as_they_were(notes: Notes) -> None:
    assert unpack(Notes, pack(Notes, notes)) == notes
