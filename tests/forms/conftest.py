"""A request for forms to be bound to."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from flask import Flask

Posted = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def posted() -> Posted:
    """`with posted({"name": "value"}):` is a POST of these fields, `with posted():` a GET."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="for tests", WTF_CSRF_ENABLED=False)

    @contextmanager
    def request(fields: dict[str, str] | None = None) -> Iterator[None]:
        with app.test_request_context(method="GET" if fields is None else "POST", data=fields):
            yield

    return request
