"""A request for forms to be bound to."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from flask import Flask

from rockonweb import config

Posted = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def posted(tmp_path: Path) -> Posted:
    """`with posted({"name": "value"}):` is a POST of these fields, `with posted():` a GET."""
    app = Flask(__name__)
    settings = config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path)})
    app.config.update(SECRET_KEY="for tests", WTF_CSRF_ENABLED=False, SETTINGS=settings)

    @contextmanager
    def request(fields: dict[str, str] | None = None) -> Iterator[None]:
        with app.test_request_context(method="GET" if fields is None else "POST", data=fields):
            yield

    return request
