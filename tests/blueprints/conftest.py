"""An application and its visitors."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.app import Visitor, add_user, make_app


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """An application with the account `ada`, an owner; its database can be used."""
    app = make_app(tmp_path)
    with app.app_context():
        add_user()
        yield app


@pytest.fixture
def client(app: Flask) -> Visitor:
    """Somebody who is not logged in."""
    client = app.test_client()
    assert isinstance(client, Visitor)
    return client


@pytest.fixture
def owner_client(client: Visitor) -> Visitor:
    """The owner, logged in."""
    return client.log_in("ada")
