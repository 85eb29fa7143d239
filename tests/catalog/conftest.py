"""A metastore that an application is configured with."""

from collections.abc import Iterator

import pytest

from tests.support.metastore import Metastore


@pytest.fixture
def store() -> Iterator[Metastore]:
    """The configured metastore; it serves what is put into `store.files`."""
    store = Metastore({})
    yield store
    store.close()


@pytest.fixture
def environ(store: Metastore) -> dict[str, str]:
    """An application's configuration: that metastore."""
    return {"ROCKONWEB_REMOTE_METASTORE": store.url}
